// Plays the scenarios with the openai package.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { messages, play } from "./report.mjs";

const Travel = z.object({ city: z.string(), days: z.number().int() });
const client = (ask) => new OpenAI({ baseURL: ask.baseURL, apiKey: ask.key, timeout: 30_000 });
const pending = (message) => (message.tool_calls ?? []).map((call) => call.function.name);

async function models(ask, seen) {
  for await (const model of client(ask).models.list()) seen.models.push(model.id);
}

async function complete(ask, seen) {
  const completion = await client(ask).chat.completions.create({ model: ask.model, messages: messages(ask) });
  const message = completion.choices[0].message;
  seen.pieces.push(message.content ?? "");
  seen.pending = pending(message);
  seen.reasoning = message.reasoning_content ?? "";
  seen.events = (completion.agent_events ?? []).length;
}

async function stream(ask, seen) {
  const stream = client(ask).chat.completions.stream({ model: ask.model, messages: messages(ask) });
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta ?? {};
    if (delta.content) seen.pieces.push(delta.content);
    seen.reasoning += delta.reasoning_content ?? "";
    seen.events += chunk.agent_event || chunk.event ? 1 : 0;
  }
  seen.pending = pending((await stream.finalChatCompletion()).choices[0].message);
}

async function client_tool(ask, seen) {
  const run = ({ name }) => (seen.ran.push(`shirt_size ${name}`), "size M");
  const parameters = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
  const tool = { name: "shirt_size", description: "The size of a shirt.", parse: JSON.parse, function: run, parameters };
  const body = { model: ask.model, messages: messages(ask), tools: [{ type: "function", function: tool }] };
  seen.pieces.push(await client(ask).chat.completions.runTools(body).finalContent());
}

async function structured(ask, seen) {
  const response_format = zodResponseFormat(Travel, "travel");
  const body = { model: ask.model, messages: messages(ask), response_format };
  seen.value = (await client(ask).chat.completions.parse(body)).choices[0].message.parsed;
}

await play({ models, complete, stream, client_tool, structured });
