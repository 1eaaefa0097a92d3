"""``structured_output`` of an agent in a docker-agent file."""

from __future__ import annotations

import re
from typing import Any

from ...runtime.structured_output import StructuredOutput
from ...structured.json_schema import Invalid
from ...structured.json_schema import read_schema
from ..section import Section
from .model_fields import STRUCTURED_OUTPUT

_UNFIT = re.compile(r"[^a-zA-Z0-9_-]+")


def load_structured_output(agent: Section) -> StructuredOutput | None:
    """The format of the agent's answers; None if the file wants none. Raises :class:`ConfigError`."""
    if not agent.has("structured_output"):
        return None
    section = agent.section("structured_output")
    section.check(STRUCTURED_OUTPUT)
    schema: dict[str, Any] = section.data.get("schema") or {}
    by_tool = section.data.get("mode") == "tool"
    if not schema:
        raise section.error("schema" if section.has("schema") else None, "expected a `schema`")
    if by_tool and schema.get("type") != "object":
        raise section.error("schema", "with mode `tool` the answer must be an object: `type: object`")
    named = {"name": _UNFIT.sub("_", section.text("name") or "answer")[:64], "schema": schema}
    if section.has("description"):
        named["description"] = section.text("description")
    if section.has("strict"):
        named["strict"] = section.data["strict"]
    try:
        read = read_schema(schema)
    except Invalid as exc:
        raise section.error("schema", f"the schema {exc}") from None
    except TypeError:
        raise section.error("schema", "the schema holds what JSON has no word for, a date perhaps") from None
    return StructuredOutput({"type": "json_schema", "json_schema": named}, read, by_tool)
