"""Schemas of strangers: what is accepted, what is found wrong, and that none of them takes a worker's time."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.structured import schema_keywords
from flask_agent_api.structured.json_schema import Invalid
from flask_agent_api.structured.json_schema import MAX_SCHEMA_CHARS
from flask_agent_api.structured.json_schema import read_schema

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "boss": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}]}},
    "required": ["name", "boss"],
    "additionalProperties": False,
}
TREE = {"$ref": "#/$defs/Person", "$defs": {"Person": PERSON}}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_keywords, "SECONDS", 0.5)


def problem(schema: dict[str, Any], value: Any) -> str:
    try:
        read_schema(schema).check(value)
    except Invalid as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": "a", "boss": {"name": "b", "boss": None}}, ""),
        ({"name": 5, "boss": None}, "breaks 'type' at $.name"),
        ({"name": "a"}, "breaks 'required' at $"),
        ({"name": "a", "boss": None, "secret word": 1}, "breaks 'additionalProperties' at $['secret word']"),
        ({"name": "a", "boss": {"name": 1}}, "breaks 'anyOf' at $.boss"),
        ([], "breaks 'type' at $"),
    ],
)
def test_the_place_is_named(value: Any, expected: str) -> None:
    assert problem(TREE, value) == expected


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": "b+$"}, "abb", "bba"),
        ({"pattern": r"^\d{4}-\d\d$"}, "2026-11", "2026-11\n"),
        ({"patternProperties": {"^n": {"type": "number"}}}, {"n1": 1, "x": ""}, {"n1": ""}),
        ({"patternProperties": {"^n": {}}, "properties": {"x": {}}, "additionalProperties": False}, {"n": 1}, {"y": 1}),
        ({"additionalProperties": {"type": "number"}}, {"a": 1}, {"a": ""}),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], [{"a": 1}, {"a": 1.0}]),
        ({"uniqueItems": False}, [1, 1], None),
        ({"type": "integer"}, 1.0, 1.5),
        ({"properties": {"a": False}}, {}, {"a": 1}),
        ({"$defs": {"x": {"$anchor": "here", "type": "null"}}, "$ref": "#here"}, None, 1),
        ({"$id": "https://e.example/a", "$defs": {"x": {"$id": "b", "type": "null"}}, "$ref": "b"}, None, 1),
        ({"parts": {"x": {"type": "null"}}, "$ref": "#/parts/x"}, None, 1),
        ({"$schema": DRAFT_7, "items": [{"type": "null"}], "additionalItems": False}, [None], [None, 1]),
        ({"$schema": DRAFT_7, "definitions": {"x": {"type": "null"}}, "$ref": "#/definitions/x"}, None, 1),
        ({"properties": {"$schema": {"type": "null"}, "unevaluatedItems": {"type": "null"}}}, {}, {"$schema": 1}),
        ({"const": {"$ref": "https://e.example/"}}, {"$ref": "https://e.example/"}, 1),
        ({"format": "date"}, "no date: a format is a hint", None),
    ],
)
def test_what_is_allowed(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert problem(schema, good) == ""
    assert bad is None or problem(schema, bad) != ""


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": 5}, "breaks 'anyOf' at $.type"),
        ({"properties": {"a": {"minimum": "1"}}}, "breaks 'type' at $.properties.a.minimum"),
        ({"required": "name"}, "breaks 'type' at $.required"),
        ({"parts": {"type": 5}, "$ref": "#/parts"}, "breaks 'anyOf' at $.type"),
        ({"$ref": "#/type", "type": "object"}, "breaks 'type' at $"),
        ({"$ref": "https://e.example/schema.json"}, "$ref that leads out"),
        ({"items": {"$ref": "#/nowhere"}}, "$ref that leads out"),
        ({"$ref": "file:///etc/passwd"}, "$ref that leads out"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "$schema that is none of"),
        ({"$schema": 5}, "$schema that is none of"),
        ({"items": {"$schema": DRAFT_7}}, "the keyword $schema inside"),
        ({"unevaluatedProperties": False}, "the keyword unevaluatedProperties"),
        ({"not": {"$dynamicRef": "#x"}}, "the keyword $dynamicRef"),
        ({"pattern": "(?!a)"}, "look-around and back-references"),
        ({"patternProperties": {r"(a)\1": {}}}, "look-around and back-references"),
        ({"pattern": "["}, "pattern that cannot be used"),
        ({"pattern": "(?:(?:a{1000}){1000}){1000}"}, "pattern that cannot be used"),
        ({"title": "x" * MAX_SCHEMA_CHARS}, "is larger than"),
    ],
)
def test_schemas_that_cannot_be_used(schema: dict[str, Any], expected: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_schema(schema)
    assert expected in str(caught.value)


CHAIN = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 100_000 + "b"),
        ({"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False}, {"a" * 50_000 + "b": 1}),
        ({"$schema": DRAFT_7, "items": {"pattern": "(.*)*x"}}, ["a" * 50_000]),
        ({"uniqueItems": True}, [[n] for n in range(20_000)] + [{"a": n} for n in range(20_000)]),
        ({"$ref": "#/$defs/d0", "$defs": CHAIN}, 5),
        ({"type": [1, {}] * 12_000}, 5),
        ({"$schema": DRAFT_7, "type": ["null", {}] * 5_000}, 5),
    ],
)
def test_nothing_takes_long(hurried: None, schema: dict[str, Any], value: Any) -> None:
    start = time.monotonic()
    problem(schema, value)
    assert time.monotonic() - start < 1.5


def test_answer_that_takes_too_long_is_not_waited_for(hurried: None) -> None:
    schema = {"type": ["string", "array"], "items": {"$ref": "#/$defs/d0"}, "$defs": CHAIN}
    assert problem(schema, "quick") == ""
    assert problem(schema, [5]) == "takes longer than 0.5 s to check"


def test_answer_nested_deeper_than_python_can_follow() -> None:
    schema = {"properties": {"a": {"$ref": "#"}}}
    value: Any = {}
    for _ in range(5_000):
        value = {"a": value}
    assert "nested too deep" in problem(schema, value)


def test_same_schema_is_read_once() -> None:
    assert read_schema({"title": "once"}) is read_schema({"title": "once"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.sampled_from(["", "a", "ab", "b"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=6,
)


@st.composite
def keywords(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """A schema of the keywords that are not jsonschema's own here."""
    choices = {
        "type": st.sampled_from(["string", "object", "array", "integer", ["null", "number"]]),
        "pattern": st.sampled_from(["^a", "b$", "^ab?$"]),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
        "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        "additionalProperties": inner | st.booleans(),
        "uniqueItems": st.booleans(),
        "items": inner,
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner,
    }
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=4, unique=True))
    return {name: draw(choices[name]) for name in names}


SCHEMAS = keywords(st.recursive(st.just({}), keywords, max_leaves=4))


@settings(max_examples=80, deadline=None)
@given(SCHEMAS, VALUES)
def test_agrees_with_jsonschema(schema: Any, value: Any) -> None:
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (problem(schema, value) == "") is expected, json.dumps([schema, value])
