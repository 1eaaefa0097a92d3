"""The demo model: what it understands, what it answers, and that nothing a user writes can make it fail."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.context import RunContext
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.models.demo import DemoModel
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import RunRequest
from flask_agent_api.types import Usage


def spec(name: str, required: Sequence[str] | None = None, **properties: Any) -> dict[str, Any]:
    wanted = list(properties) if required is None else list(required)
    parameters = {"type": "object", "properties": properties, "required": wanted, "$defs": DEFINITIONS}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("string", "integer", "number", "boolean"))
DEFINITIONS = {
    "Color": {"enum": ["red", "green", "Blue"], "type": "string"},
    "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}]},
    "Nest": {"type": "array", "items": {"$ref": "#/$defs/Nest"}},
}
TIME = spec("current_time", timezone=STRING)
MCP_TIME = spec("get_current_time", timezone=STRING)
CALCULATE = spec("calculate", expression=STRING)
TRANSFER = spec(
    "transfer_task", agent={"type": "string", "enum": ["mathematician"]}, task=STRING, expected_output=STRING
)
ALL = [TIME, CALCULATE, TRANSFER, spec("ping")]


def events(messages: list[dict[str, Any]] | str, tools: Sequence[Any] = (), **params: Any) -> list[ModelEvent]:
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    request = ModelRequest(messages, tools, params)
    return [event for batch in DemoModel("demo", delay=0).stream(request) for event in batch]


def text(found: Sequence[ModelEvent]) -> str:
    return "".join(event for event in found if isinstance(event, str))


def calls(found: Sequence[ModelEvent]) -> list[tuple[str, Any]]:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in found:
        if isinstance(event, ToolCallDelta):
            names[event.index] = names.get(event.index, "") + event.name
            arguments[event.index] = arguments.get(event.index, "") + event.arguments
    return [(name, json.loads(arguments[index])) for index, name in names.items()]


def called(message: str, *tools: dict[str, Any]) -> list[tuple[str, Any]]:
    return calls(events(message, tools))


def run(message: str, tools: dict[str, Any], specs: Sequence[dict[str, Any]]) -> tuple[str, list[list[str]]]:
    """Plays the runner: the final answer, and the names of the tools called in each model call."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": message}]
    rounds: list[list[str]] = []
    for _ in range(10):
        found = events(messages, specs)
        if not (wanted := calls(found)):
            return text(found), rounds
        rounds.append([name for name, _ in wanted])
        ids = [event.id for event in found if isinstance(event, ToolCallDelta) and event.id]
        entries = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for id, (name, arguments) in zip(ids, wanted, strict=True)
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": entries})
        for id, (name, arguments) in zip(ids, wanted, strict=True):
            messages.append({"role": "tool", "tool_call_id": id, "content": tools[name](**arguments)})
    raise AssertionError("the model never answered")


def test_answer_streams_one_word_a_batch_and_ends_with_usage_and_finish() -> None:
    request = ModelRequest([{"role": "system", "content": "Be nice."}, {"role": "user", "content": "Hello there you"}])
    *words, last = DemoModel("demo", delay=0).stream(request)
    assert all(len(batch) == 1 and isinstance(batch[0], str) for batch in words)
    assert all(str(batch[0]).split() == [str(batch[0]).strip()] for batch in words)
    assert last == [Usage(5, len(words)), Finish("stop")]


def test_answer_pauses_between_words() -> None:
    request = ModelRequest([{"role": "user", "content": "Hello"}])
    started = time.monotonic()
    batches = list(DemoModel("demo", delay=0.002).stream(request))
    assert time.monotonic() - started >= 0.002 * (len(batches) - 1)


def test_max_tokens_cuts_the_answer_and_says_so() -> None:
    found = events("Hello", max_tokens=3)
    assert len(text(found).split()) == 3
    assert found[-2:] == [Usage(1, 3), Finish("length")]


def test_other_text_is_quoted_back_with_examples_and_tools() -> None:
    answer = text(events("My cat is called Ada", ALL))
    assert '"My cat is called Ada"' in answer
    assert "demo model" in answer
    assert "What time is it in Tokyo?" in answer
    assert "ask mathematician to" in answer
    assert "current_time, calculate, transfer_task, ping" in answer


@pytest.mark.parametrize(
    "messages", [[], [{"role": "system", "content": "x"}], [{"role": "user", "content": None}], [{"role": "user"}]]
)
def test_no_user_text_is_answered(messages: list[dict[str, Any]]) -> None:
    found = events(messages)
    assert "You said nothing" in text(found)
    assert found[-1] == Finish("stop")


def test_parts_are_read_as_text() -> None:
    content = [{"type": "text", "text": "use ping"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    assert calls(events([{"role": "user", "content": content}], ALL)) == [("ping", {})]


def test_call_comes_in_pieces_with_finish_reason_tool_calls() -> None:
    found = events("What is 2 + 3?", ALL)
    assert found == [
        ToolCallDelta(0, "call_demo_1", "calculate"),
        ToolCallDelta(0, arguments='{"expression": "2 + 3"}'),
        Usage(5, 5),
        Finish("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("What time is it in Tokyo?", "Tokyo"),
        ("what's the time in New York right now?", "New York"),
        ("Tell me the current time in Europe/Berlin, please.", "Europe/Berlin"),
        ("time in São Paulo", "São Paulo"),
        ("What is the local time in Port-au-Prince", "Port-au-Prince"),
        ("What time is it now?", "UTC"),
    ],
)
def test_time_question_calls_current_time(message: str, place: str) -> None:
    assert called(message, *ALL) == [("current_time", {"timezone": place})]


@pytest.mark.parametrize(
    "message",
    [
        "What is the time complexity of quicksort?",
        "I enjoyed the time and the food.",
        "Long time no see in Tokyo",
        "What is 42?",
        "I was born on 2001-02-03.",
        "Call 555-1234",
        "Summarize this chat. " + "x" * 300 + " What time is it in Tokyo?",
    ],
)
def test_what_is_no_question_calls_nothing(message: str) -> None:
    assert called(message, *ALL) == []


def test_mcp_time_tool_gets_an_iana_name() -> None:
    assert called("What time is it in San Francisco?", MCP_TIME) == [
        ("get_current_time", {"timezone": "America/Los_Angeles"})
    ]
    assert called("What time is it in Atlantis?", MCP_TIME) == [("get_current_time", {"timezone": "Atlantis"})]


@pytest.mark.parametrize(
    ("message", "expression"),
    [
        ("What is 12 * (3 + 4)?", "12 * (3 + 4)"),
        ("17 plus 25", "17 + 25"),
        ("2^10", "2**10"),
        ("How much is 1,000 divided by 8?", "1000 / 8"),
        ("Please calculate -3 times 4.5.", "-3 * 4.5"),
        ("what's 3x4 minus 1", "3*4 - 1"),
        ("What is 15% of 80?", "15/ 100 * 80"),
        ("Compute 7 squared", "7 ** 2"),
    ],
)
def test_arithmetic_calls_calculate(message: str, expression: str) -> None:
    assert called(message, *ALL) == [("calculate", {"expression": expression})]


def test_two_questions_are_two_calls_of_one_reply() -> None:
    assert called("What time is it in Oslo and what is 2+2?", *ALL) == [
        ("current_time", {"timezone": "Oslo"}),
        ("calculate", {"expression": "2+2"}),
    ]


def test_delegation_calls_transfer_task() -> None:
    [(name, arguments)] = called("Please ask Mathematician to compute 2^10, then tell me", *ALL)
    assert name == "transfer_task"
    assert arguments["agent"] == "mathematician"
    assert arguments["task"] == "compute 2^10, then tell me"
    assert arguments["expected_output"]


def test_delegated_task_is_understood_without_its_expected_output() -> None:
    model = ScriptedModel([tool_call("transfer_task", agent="a", task="use echo with text abc", expected_output="w")])
    child = ModelAgent("a", demo := ScriptedModel("done"), instruction="Echo.")
    root = ModelAgent("root", model, sub_agents=("a",), team={"a": child}, max_iterations=1)
    list(root.run(RunRequest([{"role": "user", "content": "hi"}]), RunContext(Settings())))
    assert calls(events(list(demo.requests[0].messages), [spec("echo", text=STRING)])) == [("echo", {"text": "abc"})]


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        (STRING, "hello, world", "hello, world"),
        (STRING, "hello there.", "hello there."),
        (STRING, '"hello, other 3"', "hello, other 3"),
        (STRING, '"line\\nbreak"', "line\nbreak"),
        (STRING, "“curly and use ping”", "curly and use ping"),
        (STRING, "'single'", "single"),
        (STRING, "don't", "don't"),
        (STRING, "5", "5"),
        (INTEGER, "5", 5),
        (INTEGER, "-12.", -12),
        (INTEGER, '"7"', 7),
        (INTEGER, "3.0", 3),
        (INTEGER, "3.5", "3.5"),
        (INTEGER, "many", "many"),
        (INTEGER, "9" * 5000, "9" * 5000),
        (NUMBER, "2.5", 2.5),
        (NUMBER, "2", 2),
        (NUMBER, "nan", "nan"),
        (NUMBER, "1e999", "1e999"),
        (BOOLEAN, "Yes", True),
        (BOOLEAN, "false", False),
        (BOOLEAN, "", True),
        (BOOLEAN, "perhaps", "perhaps"),
        ({"type": "array", "items": INTEGER}, "[1, 2]", [1, 2]),
        ({"type": "array", "items": INTEGER}, "1 and 2 and 3", [1, 2, 3]),
        ({"type": "array", "items": STRING}, 'buy milk, eggs; "call Bob; now"', ["buy milk, eggs", "call Bob; now"]),
        ({"type": "array", "items": STRING}, "a, b", ["a", "b"]),
        ({"type": "array", "items": {"type": "array", "items": INTEGER}}, "1", [[1]]),
        ({"type": "array"}, "1; x", [1, "x"]),
        ({"type": "object"}, '{"a": 1, "b": [2]}', {"a": 1, "b": [2]}),
        ({"type": "object"}, '{"a": 1e999}', '{"a": 1e999}'),
        ({"type": "object"}, "{broken", "{broken"),
        ({"enum": ["celsius", "Fahrenheit"]}, "fahrenheit.", "Fahrenheit"),
        ({"enum": [1, 2, None]}, "2", 2),
        ({"enum": [1, 2, None]}, "null", None),
        ({"enum": ["a"]}, "b", "b"),
        ({"const": "Only"}, "only", "Only"),
        ({"$ref": "#/$defs/Color"}, "BLUE", "Blue"),
        ({"$ref": "#/$defs/Loop"}, "x", "x"),
        ({"$ref": "#/$defs/Nest"}, "x", [[[[[[[[["x"]]]]]]]]]),
        ({"$ref": "#/nowhere/at/all"}, "x", "x"),
        ({"$ref": "https://example.com/schema"}, "3", 3),
        ({"allOf": [{"$ref": "#/$defs/Color"}], "default": "red"}, "Red", "red"),
        ({"anyOf": [STRING, {"type": "null"}]}, "none", None),
        ({"anyOf": [STRING, {"type": "null"}]}, "nobody", "nobody"),
        ({"anyOf": [STRING, INTEGER]}, "5", 5),
        ({"anyOf": [STRING, INTEGER]}, '"5"', "5"),
        ({"oneOf": [INTEGER, BOOLEAN]}, "x", "x"),
        ({"type": ["integer", "null"]}, "4", 4),
        ({"type": ["integer", {"odd": 1}]}, "4", 4),
        ({}, '{"free": true}', {"free": True}),
        ({}, "free", "free"),
        (True, "free", "free"),
    ],
)
def test_values_take_the_parameters_type(schema: Any, written: str, value: Any) -> None:
    tool = spec("work", field=schema, other=INTEGER)
    assert called(f"use work with other 1, field {written}", tool) == [("work", {"other": 1, "field": value})]


@pytest.mark.parametrize(
    "message",
    [
        "use add with a 1, b 2",
        "USE ADD WITH A 1, B 2",
        "Please use the add tool with a=1, and b: 2",
        "could you use `add` with b 2, a 1",
        "Let me see: use add with a 1, b 2",
    ],
)
def test_use_is_tolerant_of_how_it_is_written(message: str) -> None:
    assert called(message, spec("add", a=INTEGER, b=INTEGER)) == [("add", {"a": 1, "b": 2})]


def test_exact_name_wins_over_other_case() -> None:
    assert called("use Ping", spec("ping"), spec("Ping")) == [("Ping", {})]
    assert called("use PING!", spec("ping"), spec("Ping")) == [("ping", {})]


def test_single_parameter_takes_the_whole_text() -> None:
    assert called("use calculate with 1 + 1", CALCULATE) == [("calculate", {"expression": "1 + 1"})]


def test_unlisted_arguments_are_passed_on() -> None:
    assert called("use ping with host a.example, count 3", spec("ping")) == [
        ("ping", {"host": "a.example", "count": 3})
    ]


def test_unknown_tool_is_answered_with_the_offered_ones() -> None:
    answer = text(events("use hammer with nail 1", ALL))
    assert "hammer" in answer
    assert "current_time, calculate, transfer_task, ping" in answer
    assert "No tools" in text(events("use hammer"))


def test_missing_required_argument_is_named() -> None:
    answer = text(events("use convert with amount 3", [spec("convert", amount=INTEGER, unit=STRING)]))
    assert '"unit"' in answer
    assert '"amount"' not in answer


def test_optional_argument_may_be_left_out() -> None:
    tool = spec("convert", ["amount"], amount=INTEGER, unit=STRING)
    assert called("use convert with amount 3", tool) == [("convert", {"amount": 3})]


def test_uses_joined_by_and_are_calls_of_one_reply() -> None:
    tool = spec("echo", text=STRING)
    assert called(
        'use echo with text "a and use b" and use ping and use echo with text salt and pepper', tool, *ALL
    ) == [
        ("echo", {"text": "a and use b"}),
        ("ping", {}),
        ("echo", {"text": "salt and pepper"}),
    ]


def test_result_of_a_tool_is_in_the_answer_exactly() -> None:
    token = f"{secrets.token_hex(16)}\n  two  spaces"
    answer, rounds = run("use secret", {"secret": lambda: token}, [spec("secret")])
    assert rounds == [["secret"]]
    assert token in answer
    assert "I am a demo model" in answer
    assert "error" not in answer


def test_error_result_is_quoted_as_an_error() -> None:
    token = f"Error: {secrets.token_hex(8)}"
    answer, _ = run("use secret", {"secret": lambda: token}, [spec("secret")])
    assert f"reported an error: {token}" in answer


def test_note_of_a_sub_agent_is_not_repeated() -> None:
    inner, _ = run("use secret", {"secret": lambda: "42"}, [spec("secret")])
    outer, _ = run("use secret", {"secret": lambda: inner}, [spec("secret")])
    assert inner in outer
    assert outer.count("I am a demo model") == 1


def test_then_calls_one_after_the_other_and_quotes_all() -> None:
    tokens = {name: secrets.token_hex(8) for name in ("first", "second", "third")}
    tools = {name: partial(tokens.get, name) for name in tokens}
    answer, rounds = run("use first, then use second and use third then use first", tools, [*map(spec, tools)])
    assert rounds == [["first"], ["second", "third"], ["first"]]
    assert all(token in answer for token in tokens.values())


def test_chain_stops_at_a_step_that_cannot_be_done() -> None:
    answer, rounds = run("use ping then use nothing then use ping", {"ping": lambda: "pong-7"}, [spec("ping")])
    assert rounds == [["ping"]]
    assert "pong-7" in answer
    assert '"nothing"' in answer


WEATHER = spec("weather", city=STRING, days=INTEGER, unit={"enum": ["C", "F"]})
EXAMPLE = {"city": "demo", "days": 0, "unit": "C"}
FORCED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("message", "choice", "expected"),
    [
        ("hello", FORCED, ("weather", EXAMPLE)),
        ("What is 1 + 1?", FORCED, ("weather", EXAMPLE)),
        ("use weather", FORCED, ("weather", EXAMPLE)),
        ("use weather with city Ulm, days 3, unit f", FORCED, ("weather", {"city": "Ulm", "days": 3, "unit": "F"})),
        ("hello", "required", ("weather", EXAMPLE)),
        ("What is 1 + 1?", "required", ("calculate", {"expression": "1 + 1"})),
    ],
)
def test_a_forced_tool_is_called(message: str, choice: Any, expected: tuple[str, Any]) -> None:
    assert calls(events(message, [CALCULATE, WEATHER], tool_choice=choice)) == [expected]


@pytest.mark.parametrize("choice", ["auto", None, "required", FORCED, "x", 5, {"function": None}])
def test_what_cannot_be_forced_is_not_called(choice: Any) -> None:
    assert calls(events("hello", [], tool_choice=choice)) == []


def test_new_question_starts_anew_with_fresh_ids() -> None:
    old = {"id": "call_demo_1", "type": "function", "function": {"name": "ping", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "use ping"},
        {"role": "assistant", "content": None, "tool_calls": [old]},
        {"role": "tool", "tool_call_id": "call_demo_1", "content": "pong"},
        {"role": "assistant", "content": "pong"},
        {"role": "user", "content": "use ping"},
    ]
    assert events(messages, ALL)[0] == ToolCallDelta(0, "call_demo_2", "ping")


VOCABULARY = (
    'use then and ask to with work ping field other what time is in Tokyo 2 ** plus of ? , " “ [1 ] { } ( = ; % \\'
)
WORDS = st.sampled_from([*VOCABULARY.split(), "\n"])
PHRASES = st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=25).map(" ".join)
SCHEMA_KEYS = st.sampled_from(["a", "b", "type", "properties", "required", "items", "anyOf", "enum", "$ref", "allOf"])
SCHEMAS = [STRING, INTEGER, NUMBER, BOOLEAN, {"$ref": "#/$defs/Loop"}, {"$ref": "#/$defs/Nest"}, {"type": "object"}, {}]


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(PHRASES, st.text(), PHRASES.map(lambda phrase: f"use work with field {phrase}")), st.sampled_from(SCHEMAS)
)
def test_any_text_gives_the_same_proper_answer_twice(message: str, schema: dict[str, Any]) -> None:
    tools = [*ALL, spec("work", field=schema, other=INTEGER), spec("free", field={"type": "array", "items": schema})]
    first = events(message, tools)
    assert first == events(message, tools)
    assert isinstance(first[-2], Usage)
    assert [event for event in first if isinstance(event, Finish)] == [
        Finish("tool_calls") if calls(first) else Finish("stop")
    ]
    assert bool(calls(first)) is not bool(text(first))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCHEMA_KEYS, inner, max_size=4),
    )
)
@settings(deadline=None, max_examples=50)
def test_any_schema_is_tolerated(parameters: Any) -> None:
    tool = {"type": "function", "function": {"name": "work", "parameters": parameters}}
    assert isinstance(events("use work with a 1, b x and use work", [tool])[-1], Finish)


@pytest.mark.parametrize(
    "piece", ['"', '\\"', "use a ", " and use a", ", field ", " ", "then use ", "“", "ask a to ", ",a", "[", ";"]
)
def test_long_text_takes_no_time(piece: str) -> None:
    started = time.monotonic()
    events(f"use work with field {piece * (50_000 // len(piece))}", [spec("work", field={"type": "array"})])
    assert time.monotonic() - started < 1
