from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from .conftest import Run


def test_schema_prints_a_schema_that_describes_fields(run: Run) -> None:
    done = run("flask-agent-api", "schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "system prompt" in schema["$defs"]["agent"]["properties"]["instruction"]["description"]


def test_schema_of_the_other_format(run: Run) -> None:
    schema = json.loads(run("flask-agent-api", "schema", "tiny-agents").stdout)
    Draft202012Validator.check_schema(schema)
    assert "servers" in schema["properties"]


def test_schema_of_another_format_is_a_mistake(run: Run) -> None:
    done = run("flask-agent-api", "schema", "crew")
    assert done.returncode == 2
    assert "docker-agent" in done.stderr
