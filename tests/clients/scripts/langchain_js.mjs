// Plays the scenarios with LangChain's ChatOpenAI.

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { play } from "./report.mjs";

const Travel = z.object({ city: z.string(), days: z.number().int() });

const chat = (ask) =>
  new ChatOpenAI({ model: ask.model, apiKey: ask.key, timeout: 30_000, configuration: { baseURL: ask.baseURL } });

function take(message, seen) {
  if (message.text) seen.pieces.push(message.text);
  seen.reasoning += message.additional_kwargs.reasoning_content ?? "";
}

async function complete(ask, seen) {
  const message = await chat(ask).invoke(ask.question);
  take(message, seen);
  seen.pending = message.tool_calls.map((call) => call.name);
}

async function stream(ask, seen) {
  let whole;
  for await (const chunk of await chat(ask).stream(ask.question)) {
    take(chunk, seen);
    whole = whole ? whole.concat(chunk) : chunk;
  }
  seen.pending = whole.tool_calls.map((call) => call.name);
}

async function client_tool(ask, seen) {
  const run = ({ name }) => (seen.ran.push(`shirt_size ${name}`), "size M");
  const schema = z.object({ name: z.string() });
  const shirtSize = tool(run, { name: "shirt_size", description: "The size of a shirt.", schema });
  const bound = chat(ask).bindTools([shirtSize]);
  const history = [new HumanMessage(ask.question)];
  let message = await bound.invoke(history);
  while (message.tool_calls.length) {
    history.push(message);
    for (const call of message.tool_calls) history.push(await shirtSize.invoke(call));
    message = await bound.invoke(history);
  }
  take(message, seen);
}

const travel = (method) => async (ask, seen) => {
  seen.value = await chat(ask).withStructuredOutput(Travel, { name: "travel", method }).invoke(ask.question);
};

const structured = travel("jsonSchema");
const forced_tool = travel("functionCalling");
const json_mode = travel("jsonMode");

await play({ complete, stream, client_tool, structured, forced_tool, json_mode });
