"""Examples of schemas: valid ones, soon."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.models.demo_instances import example
from flask_agent_api.models.demo_instances import structured

STRING = {"type": "string"}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": STRING, "boss": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}]}},
    "required": ["name", "boss"],
    "additionalProperties": False,
}
TREE = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "parent": {"$ref": "#"}},
    "required": ["children"],
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 5}, 5),
        ({"enum": ["red", "green"]}, "red"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "minLength": 6}, "demo.."),
        ({"type": "string", "maxLength": 2}, "de"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5, "multipleOf": 5}, 10),
        ({"type": "integer", "maximum": -1}, -1),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, True),
        ({"type": ["null", "string"]}, None),
        ({"type": "array", "items": STRING, "minItems": 2}, ["demo", "demo"]),
        ({"type": "array", "prefixItems": [{"const": 1}], "items": False}, [1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"oneOf": [STRING, {"type": "null"}], "title": "x"}, "demo"),
        ({"allOf": [{"$ref": "#/$defs/S"}], "minLength": 5, "$defs": {"S": STRING}}, "demo."),
        ({"properties": {"a": STRING}}, {"a": "demo"}),
        ({"type": "object", "required": ["x"]}, {"x": "demo"}),
        ({}, "demo"),
    ],
)
def test_examples(schema: dict[str, Any], expected: Any) -> None:
    assert example(schema) == expected
    jsonschema.validate(expected, schema)


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/Person", "$defs": {"Person": PERSON}}, TREE])
def test_schema_that_refers_to_itself(schema: dict[str, Any]) -> None:
    jsonschema.validate(example(schema), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"type": "object", "properties": {f"p{n}": {"$ref": "#"} for n in range(300)}},
        {"type": "array", "minItems": 10**9, "items": {"type": "string", "minLength": 10**9}},
        {"type": "array", "minItems": 100, "items": {"$ref": "#"}},
        {"type": "integer", "multipleOf": 1e-300, "minimum": 1},
        {"type": "integer", "minimum": 1e308, "multipleOf": 1e308},
        {"type": "nonsense", "properties": 5, "items": 5},
        {"type": "object", "properties": 5, "required": [5, {}]},
    ],
)
def test_odd_schemas_neither_fail_nor_take_long(schema: dict[str, Any]) -> None:
    start = time.monotonic()
    json.dumps(example(schema))
    assert time.monotonic() - start < 2


NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])}, optional={"minimum": st.integers(-9, 9)}
) | st.fixed_dictionaries({"type": st.just("number"), "exclusiveMaximum": st.integers(-9, 9)})
SCALARS = (
    NUMBERS
    | st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"const": [1]}, {"$ref": "#/$defs/Person"}])
    | st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": st.integers(0, 9)})
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return (
        st.builds(lambda p: {"type": "object", "properties": p, "required": [*p]}, properties)
        | st.builds(lambda p: {"type": "object", "properties": p, "additionalProperties": False}, properties)
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": st.integers(0, 3)})
        | st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3))
    )


@settings(max_examples=60, deadline=None)
@given(st.recursive(SCALARS, nested, max_leaves=8))
def test_examples_are_valid(schema: dict[str, Any]) -> None:
    schema = {"allOf": [schema], "$defs": {"Person": PERSON}}
    jsonschema.validate(example(schema), schema)


def test_formats() -> None:
    named = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}
    assert structured("hi", None) == structured("hi", {"type": "text"}) == "hi"
    assert json.loads(structured('"hi"', {"type": "json_object"})) == {"answer": '"hi"'}
    assert structured("hi", named) == "0"
