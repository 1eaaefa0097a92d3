// Plays the scenarios with Vercel's ai package and its provider for compatible servers.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { play } from "./report.mjs";

const Travel = z.object({ city: z.string(), days: z.number().int() });

function options(ask) {
  const settings = { name: "lab", baseURL: ask.baseURL, apiKey: ask.key, supportsStructuredOutputs: true };
  const model = createOpenAICompatible(settings)(ask.model);
  return { model, prompt: ask.question, stopWhen: stepCountIs(5), abortSignal: AbortSignal.timeout(30_000) };
}

function take(result, seen) {
  seen.reasoning = result.reasoningText ?? "";
  seen.pending = result.toolCalls.map((call) => call.toolName);
}

async function complete(ask, seen) {
  const result = await generateText(options(ask));
  seen.pieces.push(result.text);
  take(result, seen);
}

async function stream(ask, seen) {
  const result = streamText({ ...options(ask), onError: () => {} });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") seen.pieces.push(part.text);
    if (part.type === "error") throw part.error;
  }
  take({ reasoningText: await result.reasoningText, toolCalls: await result.toolCalls }, seen);
}

async function client_tool(ask, seen) {
  const execute = async ({ name }) => (seen.ran.push(`shirt_size ${name}`), "size M");
  const inputSchema = z.object({ name: z.string() });
  const shirt_size = tool({ description: "The size of a shirt.", inputSchema, execute });
  seen.pieces.push((await generateText({ ...options(ask), tools: { shirt_size } })).text);
}

async function structured(ask, seen) {
  seen.value = (await generateText({ ...options(ask), output: Output.object({ schema: Travel }) })).output;
}

await play({ complete, stream, client_tool, structured });
