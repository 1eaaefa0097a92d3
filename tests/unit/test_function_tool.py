from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import functools
import itertools
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Optional

import pytest
from pydantic import BaseModel
from pydantic import Field
from tools_for_import import decorated
from tools_for_import import unknown_type
from tools_for_import import weather
from typing_extensions import TypedDict

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import function_spec
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.function import import_tools
from flask_agent_api.tools.function import tool
from flask_agent_api.types import ToolResult
from tests.waiting import wait_until

CTX = RunContext(Settings(), "r1")
SHORT = RunContext(Settings(tool_output_chars=50))
NOTHING = object()


class Unit(str, enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


class Person(BaseModel):
    title: str
    age: int = 0


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Options(TypedDict):
    title: str


def schema_of(annotation: Any, default: Any = NOTHING) -> dict[str, Any]:
    """The schema of one parameter, with what it refers to put in its place."""

    def function(value: Any) -> None: ...

    function.__annotations__ = {"value": annotation}
    if default is not NOTHING:
        function.__defaults__ = (default,)
    schema = FunctionTool(function).parameters
    assert schema.keys() - {"$defs"} <= {"type", "properties", "required", "additionalProperties"}
    assert schema.get("required", []) == ([] if default is not NOTHING else ["value"])
    value = dict(schema["properties"]["value"])
    if reference := value.pop("$ref", None):
        value |= schema["$defs"][reference.removeprefix("#/$defs/")]
    return value


NUMBER = {"type": "integer"}
PERSON = {"title": {"type": "string"}, "age": {"type": "integer", "default": 0}}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, {"type": "string"}),
        (int, NUMBER),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (list[int], {"type": "array", "items": NUMBER}),
        (dict[str, int], {"type": "object", "additionalProperties": NUMBER}),
        (Optional[int], {"anyOf": [NUMBER, {"type": "null"}]}),  # noqa: UP045
        (int | None, {"anyOf": [NUMBER, {"type": "null"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Unit, {"type": "string", "enum": ["C", "F"]}),
        (datetime.date, {"type": "string", "format": "date"}),
        (Annotated[int, Field(ge=1, description="How many.")], {**NUMBER, "minimum": 1, "description": "How many."}),
        (Person, {"type": "object", "properties": PERSON, "required": ["title"]}),
        (
            Options,
            {
                "type": "object",
                "properties": {"title": {"type": "string"}},
                "required": ["title"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_schema_says_what_the_annotation_says(annotation: Any, expected: dict[str, Any]) -> None:
    assert schema_of(annotation) == expected


def test_schema_of_a_dataclass() -> None:
    schema = schema_of(Point)
    schema.pop("additionalProperties", None)  # said by newer versions of pydantic only
    properties = {"x": {"type": "number"}, "y": {"type": "number", "default": 0.0}}
    assert schema == {"type": "object", "properties": properties, "required": ["x"]}


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, 3, {**NUMBER, "default": 3}),
        (Optional[int], None, {"anyOf": [NUMBER, {"type": "null"}], "default": None}),  # noqa: UP045
        (
            dict[str, Any],
            {"title": "kept"},
            {"type": "object", "additionalProperties": True, "default": {"title": "kept"}},
        ),
        (Any, object, {}),
    ],
)
def test_schema_says_the_default(annotation: Any, default: Any, expected: dict[str, Any]) -> None:
    assert schema_of(annotation, default) == expected


def test_schema_of_no_parameters_is_an_object() -> None:
    assert FunctionTool(lambda: "", name="f").parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_schema_has_no_titles_at_any_depth() -> None:
    def function(people: list[Person], unit: Unit | None = None) -> None: ...

    def titles(node: Any) -> list[Any]:
        nodes = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        own = [node["title"]] if isinstance(node, dict) and isinstance(node.get("title"), str) else []
        return own + [title for each in nodes for title in titles(each)]

    schema = FunctionTool(function).parameters
    assert titles(schema) == []
    assert "title" in schema["$defs"]["Person"]["properties"]


def documented(city: str, days: int = 1, unit: str = "C") -> str:
    """Forecasts the weather.

    From a model of the sky.

    Args:
        city: Where. Say the country
            too, for example: Paris, France.
        days (int, optional): How many
            days.
        other: Not a parameter.

    Returns:
        days: Not this one.
    """
    return f"{city} {days} {unit}"


def test_docstring_describes_the_tool_and_its_parameters() -> None:
    spec = function_spec(FunctionTool(documented))["function"]
    assert spec["name"] == "documented"
    assert spec["description"] == "Forecasts the weather.\n\nFrom a model of the sky."
    properties = spec["parameters"]["properties"]
    assert properties == {
        "city": {"type": "string", "description": "Where. Say the country too, for example: Paris, France."},
        "days": {"type": "integer", "default": 1, "description": "How many days."},
        "unit": {"type": "string", "default": "C"},
    }


@pytest.mark.parametrize(
    ("docstring", "description"),
    [(None, ""), ("One line.", "One line."), ("Does.\n\nReturns:\n    text", "Does."), ("Args:\n    city: Where.", "")],
)
def test_description_ends_at_the_first_section(docstring: str | None, description: str) -> None:
    def function(city: str) -> None: ...

    function.__doc__ = docstring
    made = FunctionTool(function)
    assert made.description == description
    assert made.parameters["properties"]["city"].get("description") == (
        "Where." if "Args" in (docstring or "") else None
    )


def test_decorator_takes_everything_and_the_function_can_still_be_called() -> None:
    @tool(name="other", description="Other.", read_only=True, timeout=3)
    def function(text: str) -> str:
        return text * 2

    assert (function.name, function.description, function.read_only, function.timeout) == ("other", "Other.", True, 3)
    assert function("a") == "aa"
    plain = tool(documented)
    assert (plain.name, plain.read_only, plain.timeout) == ("documented", False, None)


def call(function: Callable[..., Any], arguments: dict[str, Any] | None = None, **more: Any) -> Any:
    return FunctionTool(function, name="function").call({**(arguments or {}), **more}, CTX)


def test_arguments_arrive_with_their_types() -> None:
    got: list[Any] = []

    def function(person: Person, points: list[Point], day: datetime.date, unit: Unit = Unit.CELSIUS) -> None:
        got.extend([person, points, day, unit])

    call(function, person={"title": "Dr", "age": "7"}, points=[{"x": 1}], day="2026-01-31")
    assert got == [Person(title="Dr", age=7), [Point(1.0)], datetime.date(2026, 1, 31), Unit.CELSIUS]


@pytest.mark.parametrize("name", ["json", "copy", "schema", "model_config", "model_id", "_hidden", "self_", "class_"])
def test_parameters_may_have_any_name(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def function({name}: int = 1): return {{'{name}': {name}}}", namespace)
    assert call(namespace["function"], {name: "5"}) == f'{{"{name}":5}}'
    assert list(FunctionTool(namespace["function"]).parameters["properties"]) == [name]


def named(text: str, ctx: Any) -> str:
    return f"{text} {ctx.run_id}"


def annotated(context: RunContext, text: str) -> str:
    return f"{text} {context.run_id}"


@pytest.mark.parametrize("function", [named, annotated])
def test_context_is_given_and_hidden_from_the_model(function: Callable[..., Any]) -> None:
    assert call(function, text="a") == "a r1"
    assert list(FunctionTool(function).parameters["properties"]) == ["text"]
    with pytest.raises(ToolError):
        call(function, text="a", ctx="mine", context="mine")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "city: Field required"),
        ({"city": "x", "days": "SECRET"}, "days: Input should be a valid integer"),
        ({"city": "x", "dayz": 1}, "dayz: Extra inputs are not permitted"),
        ({"city": ["SECRET"], "days": 1.5}, "city: .*; days: "),
    ],
)
def test_wrong_arguments_are_a_tool_error_without_their_values(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolError, match=f"wrong arguments: {says}") as caught:
        call(documented, arguments)
    assert "SECRET" not in str(caught.value)


def test_wrong_nested_arguments_are_named_by_their_path() -> None:
    def function(people: list[Person]) -> None: ...

    with pytest.raises(ToolError, match=r"people\.1\.age: "):
        call(function, people=[{"title": "a"}, {"title": "b", "age": "old"}])


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("text", "text"),
        (ToolResult("bad", True), ToolResult("bad", True)),
        (None, ""),
        (b"b\xffytes", "b\ufffdytes"),
        (3, "3"),
        (True, "true"),
        (float("nan"), '"NaN"'),
        ({"a": [1, None, "\u00e9"]}, '{"a":[1,null,"\u00e9"]}'),
        ({1: 2, None: 3, (4, 5): 6}, '{"1":2,"None":3,"4,5":6}'),
        (Person(title="Dr"), '{"title":"Dr","age":0}'),
        ([Person(title="Dr"), Point(1.0)], '[{"title":"Dr","age":0},{"x":1.0,"y":0.0}]'),
        ({"when": datetime.date(2026, 1, 31), "unit": Unit.CELSIUS}, '{"when":"2026-01-31","unit":"C"}'),
        ({1}, "[1]"),
        ([LookupError("there")], '["there"]'),
        ((number for number in (1, 2)), "[1,2]"),
    ],
)
def test_results_of_any_type_become_text(result: Any, expected: Any) -> None:
    assert call(lambda: result) == expected


def test_async_function_runs_on_the_loop() -> None:
    async def function(text: str) -> list[str]:
        await asyncio.sleep(0)
        return [text]

    assert call(function, text="a") == '["a"]'


def test_cancelling_the_call_cancels_an_async_function() -> None:
    log: list[str] = []

    async def function() -> None:
        log.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    task = spawn(call, function)
    wait_until(lambda: log)
    task.cancel(Cancelled())
    assert task.join(5)
    wait_until(lambda: log == ["begun", "ended"])


def test_annotations_that_are_strings_are_resolved_but_not_those_that_nobody_needs() -> None:
    made = FunctionTool(weather)
    assert made.call({"place": {"city": "Bonn"}}, CTX) == "Bonn, DE, r1"
    assert list(made.parameters["properties"]) == ["place"]


class Service:
    def search(self, text: str) -> str:
        """Searches."""
        return text

    def __call__(self, text: Point) -> str:
        """Calls."""
        return str(text.x)


@functools.wraps(documented)
def wrapped(*args: Any, **kwargs: Any) -> str:
    return documented(*args, **kwargs)


@pytest.mark.parametrize(
    ("function", "name", "arguments", "result"),
    [
        (Service().search, "search", {"text": "a"}, "a"),
        (Service(), "Service", {"text": {"x": 1}}, "1.0"),
        (functools.partial(documented, unit="F"), "documented", {"city": "Bonn"}, "Bonn 1 F"),
        (wrapped, "documented", {"city": "Bonn"}, "Bonn 1 C"),
    ],
)
def test_other_callables_are_tools_too(
    function: Callable[..., Any], name: str, arguments: dict[str, Any], result: str
) -> None:
    made = FunctionTool(function)
    assert made.name == name
    assert made.call(arguments, CTX) == result


def local_annotation() -> Callable[..., Any]:
    class Local(BaseModel):
        text: str

    def function(value: Local) -> None: ...

    return function


@dataclasses.dataclass
class Broken:
    value: Nowhere  # noqa: F821


class NoSchema:
    pass


def positional_only(text: str, /) -> None: ...
def star(*texts: str) -> None: ...
def star_star(**texts: str) -> None: ...
def no_schema(value: NoSchema) -> None: ...
def no_json(value: Callable[[], None]) -> None: ...
def broken(value: Broken) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (local_annotation(), "Local"),
        (unknown_type, "Decimal"),
        (positional_only, "'text' cannot be passed by name"),
        (star, "'texts' cannot be passed by name"),
        (star_star, "'texts' cannot be passed by name"),
        (no_schema, "NoSchema"),
        (no_json, "Callable|callable"),
        (broken, "Nowhere"),
    ],
)
def test_signatures_that_cannot_be_described_are_config_errors(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(ConfigError, match=f"Tool '{function.__name__}': .*({says})"):
        tool(function)


@pytest.mark.parametrize("name", ["two words", "<lambda>", "a.b", "n" * 65])
def test_names_that_no_model_may_call_are_config_errors(name: str) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        FunctionTool(documented, name=name)


def test_toolset_gives_its_tools() -> None:
    made = tool(documented)
    toolset = FunctionToolset("mine", [made])
    assert (toolset.kind, toolset.name, toolset.tools(CTX), toolset.instructions(CTX)) == (
        "python",
        "mine",
        (made,),
        "",
    )


def test_tools_are_imported_by_string() -> None:
    toolset = import_tools(["tools_for_import:weather", "tools_for_import:decorated"])
    first, second = toolset.tools(CTX)
    assert (first.name, second) == ("weather", decorated)
    assert (second.name, second.read_only) == ("decorated_name", True)
    assert toolset.name == "tools_for_import:weather, tools_for_import:decorated"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("tools_for_import", "expected an import string"),
        ("tools_for_import:", "expected an import string"),
        (":weather", "expected an import string"),
        (".tools_for_import:weather", "expected an import string"),
        ("tools_for_import:wether", r"has no 'wether'; did you mean 'weather'\?"),
        ("tools_for_import:zzz", "has no 'zzz'$"),
        ("no_such_module:weather", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("module_that_fails:x", "RuntimeError: no database here"),
        ("tools_for_import:NOT_A_TOOL", "neither a function nor a tool"),
        ("tools_for_import:unknown_type", "Decimal"),
    ],
)
def test_import_errors_name_the_string_and_what_is_wrong(path: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        import_tools([path])
    assert path.rpartition(":")[2] in str(caught.value)


def counted(closed: list[str], *, most: float = float("inf")) -> Iterator[int]:
    try:
        number = 0
        while number < most:
            yield number
            number += 1
    finally:
        closed.append("closed")


@pytest.mark.parametrize("most", [3, float("inf")])
def test_of_a_generator_no_more_is_taken_than_the_model_may_read(most: float) -> None:
    """Endless ones are closed."""
    closed: list[str] = []
    content = tool(lambda: counted(closed, most=most), name="numbers").call({}, SHORT)
    assert content == ("[0,1,2]" if most == 3 else "[0,1,2,3,4,5,6,7,8,9,10,11]\n[cut: there is more]")
    assert closed == ["closed"]


def test_of_an_async_generator_as_well() -> None:
    async def words() -> AsyncIterator[str]:
        while True:
            yield "word"

    content = tool(words).call({}, SHORT)
    assert content == '["word","word","word","word"]\n[cut: there is more]'


def test_an_iterator_without_an_end_is_cut_too() -> None:
    content = tool(lambda: map(str, itertools.count()), name="numbers").call({}, CTX)
    assert isinstance(content, str)
    assert len(content) < Settings().tool_output_chars
