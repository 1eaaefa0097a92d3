"""The format that a request wants the answer in: ``response_format``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic_core

from ..errors import InvalidAnswer
from ..errors import RequestError
from ..json_text import well_formed
from .json_schema import Invalid
from .json_schema import read_schema
from .json_schema import Schema

_PARAM = "response_format"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """A JSON object, or what ``schema`` allows."""

    schema: Schema | None = None

    def read(self, text: str) -> str:
        """The JSON of an answer, without a code fence or blanks around it.

        Takes time in proportion to the text's length, and with a schema perhaps seconds more. Raises
        :class:`InvalidAnswer`, which names the place that is wrong but not what stands there.
        """
        text = _unfenced(well_formed(text).strip())
        try:
            value = pydantic_core.from_json(text, allow_inf_nan=False)
        except ValueError as exc:
            raise InvalidAnswer(f"The agent's answer is not JSON: {exc}") from None
        if self.schema is None:
            if not isinstance(value, dict):
                raise InvalidAnswer("The agent's answer is JSON, but not an object")
            return text
        try:
            self.schema.check(value)
        except Invalid as exc:
            raise InvalidAnswer(f"The agent's answer does not fit the schema of the request: it {exc}") from None
        return text


def answer_format(wanted: Mapping[str, Any]) -> AnswerFormat | None:
    """What a ``response_format`` asks for; None where any text will do.

    May take seconds where the schema is a new one. Raises :class:`RequestError` that names the wrong field.
    """
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return AnswerFormat()
    if kind != "json_schema":
        raise _wrong("type", "expected 'text', 'json_object' or 'json_schema'", missing=kind is None)
    return AnswerFormat(_schema(wanted.get("json_schema")))


def _schema(named: object) -> Schema:
    if not isinstance(named, dict):
        raise _wrong("json_schema", "expected an object", missing=named is None)
    name, schema = named.get("name"), named.get("schema")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problem = "expected up to 64 letters, digits, underscores and dashes"
        raise _wrong("json_schema.name", problem, missing=name is None)
    if not isinstance(named.get("strict"), bool | None):
        raise _wrong("json_schema.strict", "expected true or false")
    if not isinstance(named.get("description"), str | None):
        raise _wrong("json_schema.description", "expected a text")
    if not isinstance(schema, dict):
        raise _wrong("json_schema.schema", "expected an object", missing=schema is None)
    try:
        return read_schema(schema)
    except Invalid as exc:
        raise _wrong("json_schema.schema", f"the schema {exc}", code="invalid_json_schema") from None


def _wrong(field: str, problem: str, *, missing: bool = False, code: str = "invalid_value") -> RequestError:
    param = f"{_PARAM}.{field}"
    return RequestError(f"{param}: {problem}", param=param, code="missing_required_parameter" if missing else code)


def _unfenced(text: str) -> str:
    """The text without a Markdown code fence around all of it."""
    first, line_break, rest = text.partition("\n")
    if line_break and first.startswith("```") and first[3:].strip().lower() in {"", "json"} and rest.endswith("```"):
        return rest[:-3].strip()
    return text
