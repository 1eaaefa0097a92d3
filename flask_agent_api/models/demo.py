"""The embedded model: no network, no key. It follows fixed patterns, calls real tools and streams word by word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..concurrency import sleep
from ..types import Message
from ..types import text_of
from ..types import Usage
from .base import Finish
from .base import ModelEvent
from .base import ModelRequest
from .base import ToolCallDelta
from .demo_instances import example
from .demo_instances import structured
from .demo_phrases import Call
from .demo_phrases import describe_tools
from .demo_phrases import plan
from .demo_phrases import Problem
from .demo_phrases import Step
from .demo_phrases import Tools
from .demo_values import mapping

PACED_WORDS = 200
"""Words of an answer with a pause between them; the rest of a long one comes at once."""

_WORD = re.compile(r"\S+\s*|\s+")
_TASK = ("<task>\n", "\n</task>")  # in the prompt of an agent that was given one
_ERROR = re.compile(r"\s*error\b", re.IGNORECASE)
_MAX_ECHO = 500
_NOTE = "(I am a demo model: I follow fixed patterns and understand nothing else.)"
_EXAMPLES = (
    ("current_time get_current_time", "What time is it in Tokyo?"),
    ("calculate", "What is 12 * (3 + 4)?"),
    ("transfer_task", "ask {agent} to compute 2^10"),
)


class DemoModel:
    """A model for first steps and tests; the same request always gives the same events.

    ``delay`` is the pause before each word, in seconds. ``max_tokens`` and ``max_completion_tokens`` are kept, a
    word being a token. A ``tool_choice`` is kept as well: what the text does not say of a forced call's arguments is an
    example of their schema.
    """

    def __init__(self, name: str = "demo", *, delay: float = 0.02) -> None:
        self.name = name
        self.delay = delay

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """Answers, or calls the tools that the last user message asks for."""
        tools = _offered(request.tools)
        turn = _Turn(request.messages)
        step = _forced(request.params.get("tool_choice"), turn.next_step(tools), tools)
        calls = [wish for wish in step if isinstance(wish, Call)]
        prompt_tokens = sum(len(text_of(message.get("content")).split()) for message in request.messages)
        if calls and len(calls) == len(step):
            yield from self._call(calls, turn.calls_so_far, prompt_tokens)
        else:
            problems = [wish.text for wish in step if isinstance(wish, Problem)]
            text = structured(_answer(turn, problems, tools), request.params.get("response_format"))
            yield from self._say(text, _limit(request.params), prompt_tokens)

    def _call(self, calls: Sequence[Call], number: int, prompt_tokens: int) -> Iterator[list[ModelEvent]]:
        words = 0
        for index, call in enumerate(calls):
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            words += len(f"{call.name} {arguments}".split())
            sleep(self.delay)
            yield [ToolCallDelta(index, id=f"call_demo_{number + index + 1}", name=call.name)]
            yield [ToolCallDelta(index, arguments=arguments)]
        yield [Usage(prompt_tokens, words), Finish("tool_calls")]

    def _say(self, text: str, limit: int | None, prompt_tokens: int) -> Iterator[list[ModelEvent]]:
        words = _WORD.findall(text)
        said = words[:limit]
        for position, word in enumerate(said):
            if position < PACED_WORDS:
                sleep(self.delay)
            yield [word]
        yield [Usage(prompt_tokens, len(said)), Finish("stop" if len(said) == len(words) else "length")]


class _Turn:
    """What the conversation says since its last user message."""

    def __init__(self, messages: Sequence[Message]) -> None:
        asked = [index for index, message in enumerate(messages) if message.get("role") == "user"]
        self._since = messages[asked[-1] + 1 :] if asked else messages
        self.text = text_of(messages[asked[-1]].get("content")).strip() if asked else ""
        if self.text == "Please proceed.":
            task, end, _ = text_of(messages[0].get("content")).partition(_TASK[0])[2].partition(_TASK[1])
            self.text = task.strip() if end else self.text
        self.calls_so_far = sum(len(_calls(message)) for message in messages)

    def next_step(self, tools: Tools) -> Step:
        """The first step that has not been called yet; empty when all have, or nothing is understood."""
        done = sum(bool(_calls(message)) for message in self._since)
        return next(islice(plan(self.text, tools), done, None), [])

    def results(self) -> list[tuple[str, str]]:
        """The names of the tools called in this turn and what they gave back."""
        names = {str(call.get("id")): mapping(call.get("function")).get("name") for call in _all_calls(self._since)}
        return [
            (str(names.get(str(message.get("tool_call_id"))) or "(unknown)"), text_of(message.get("content")))
            for message in self._since
            if message.get("role") == "tool"
        ]


def _calls(message: Message) -> list[dict[str, Any]]:
    calls = message.get("tool_calls") if message.get("role") == "assistant" else None
    return [mapping(call) for call in calls] if isinstance(calls, list) else []


def _all_calls(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield from _calls(message)


def _offered(specs: Iterable[Mapping[str, Any]]) -> Tools:
    functions = [mapping(spec.get("function")) for spec in specs]
    return {name: mapping(item.get("parameters")) for item in functions if isinstance(name := item.get("name"), str)}


def _forced(choice: object, step: Step, tools: Tools) -> Step:
    """The step, or the call that is forced instead; of several tools the last, which is the client's if it has any."""
    required = choice == "required"
    name = ["", *tools][-1] if required else str(mapping(mapping(choice).get("function")).get("name"))
    fitting: Step = [wish for wish in step if isinstance(wish, Call) and (required or wish.name == name)]
    if fitting or name not in tools:
        return fitting or step
    return [Call(name, mapping(example(tools[name])))]


def _limit(params: Mapping[str, Any]) -> int | None:
    limits = [params.get("max_tokens"), params.get("max_completion_tokens")]
    return min((limit for limit in limits if isinstance(limit, int) and limit >= 0), default=None)


def _answer(turn: _Turn, problems: Sequence[str], tools: Tools) -> str:
    results = [_quoted(name, content) for name, content in turn.results()]
    paragraphs = [*results, *problems]
    if not paragraphs:
        return _help(turn.text, tools)
    said_before = any(_NOTE in paragraph for paragraph in paragraphs)  # by a sub-agent, whose answer is quoted
    return "\n\n".join(paragraphs if said_before else [*paragraphs, _NOTE])


def _quoted(name: str, content: str) -> str:
    if _ERROR.match(content):
        return f"The tool {name} reported an error: {content}"
    return f"The tool {name} says: {content}"


def _help(text: str, tools: Tools) -> str:
    echo = f'You said: "{text[:_MAX_ECHO]}{"..." if len(text) > _MAX_ECHO else ""}".' if text else "You said nothing."
    examples = "\n".join(f"- {example}" for example in _examples(tools))
    return (
        f"Hello! {echo} I am a demo model: I need no network and no key, and I understand a few phrases only. "
        f"Try one of these:\n\n{examples}\n\n{describe_tools(tools)}"
    )


def _examples(tools: Tools) -> Iterator[str]:
    agents = mapping(mapping(tools.get("transfer_task")).get("properties"))
    names = mapping(agents.get("agent")).get("enum")
    agent = names[0] if isinstance(names, list) and names else "AGENT"
    for needed, phrase in _EXAMPLES:
        if any(name in tools for name in needed.split()):
            yield phrase.format(agent=agent)
    yield "use TOOL with ARGUMENT VALUE, ARGUMENT VALUE"
    yield "use TOOL with ARGUMENT VALUE then use TOOL"
