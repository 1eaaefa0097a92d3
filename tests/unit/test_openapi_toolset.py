"""The toolset ``openapi``, against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.requests import parse_description
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.http.headers import FileHeaders
from flask_agent_api.tools.http.url import parse_url
from flask_agent_api.tools.names import fit_name
from flask_agent_api.tools.openapi import toolset
from flask_agent_api.tools.openapi.operations import operations
from flask_agent_api.tools.openapi.operations import tool_name
from flask_agent_api.tools.openapi.spec import Spec
from flask_agent_api.tools.openapi.toolset import OpenAPIToolset
from flask_agent_api.tools.openapi.toolset import Source
from flask_agent_api.types import ToolResult

PETS: dict[str, Any] = {
    "openapi": "3.0.4",
    "servers": [{"url": "/api/{version}", "variables": {"version": {"default": "v3"}}}],
    "paths": {
        "/pet": {
            "post": {
                "operationId": "addPet",
                "summary": "Add a pet.",
                "requestBody": {
                    "content": {
                        "application/xml": {},
                        "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                    }
                },
            }
        },
        "/pet/{petId}": {
            "parameters": [{"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "operationId": "pet.get-by/id",
                "parameters": [
                    {"name": "fields", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}, "description": "A mark."},
                    {"name": "Authorization", "in": "header"},
                    {"name": "session", "in": "cookie"},
                    {"$ref": "#/components/parameters/Lang"},
                ],
            },
            "delete": {"description": "d" * 300},
        },
        "/pets": {
            "put": {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "array"}}}}},
            "head": {"operationId": "addPet"},
        },
    },
    "components": {
        "parameters": {"Lang": {"name": "lang", "in": "query", "schema": {"enum": ["de", "en"], "default": "de"}}},
        "schemas": {
            "Base": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Pet": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {
                        "properties": {
                            "mother": {"$ref": "#/components/schemas/Pet"},
                            "age": {"type": "integer", "minimum": 0, "nullable": True, "xml": {"name": "x"}},
                        }
                    },
                ]
            },
        },
    },
}


def context(*allow: str) -> RunContext:
    return RunContext(Settings(allow=allow or ("private-network",)))


def pets(server: FakeUpstream, **options: Any) -> OpenAPIToolset:
    options = {"headers": FileHeaders({"X-Key": "k"}), "seconds": 5.0, **options}
    return OpenAPIToolset("pets", Source(f"{server.url}/openapi.json", parse_yaml=parse_description, **options))


def tools_of(server: FakeUpstream) -> dict[str, Tool]:
    server.answer(PETS)
    return {tool.name: tool for tool in pets(server).tools(context())}


def call(tool: Tool, arguments: dict[str, Any]) -> ToolResult:
    result = tool.call(arguments, context())
    assert isinstance(result, ToolResult)
    return result


def test_each_operation_is_a_tool(server: FakeUpstream) -> None:
    tools = tools_of(server)
    assert list(tools) == ["addPet", "pet_get_by_id", "delete_pet_petId", "put_pets", "addPet_2"]
    assert [tool.read_only for tool in tools.values()] == [False, True, False, False, True]
    assert tools["addPet"].description == "Add a pet."
    assert tools["put_pets"].description == "PUT /pets"
    assert len(tools["delete_pet_petId"].description) == 203
    get = tools["pet_get_by_id"].parameters
    assert get["required"] == ["petId"]
    assert get["properties"] == {
        "fields": {"type": "array", "items": {"type": "string"}},
        "X-Trace": {"type": "string", "description": "A mark."},
        "lang": {"enum": ["de", "en"], "default": "de"},
        "petId": {"type": "integer"},
    }
    request = server.requests[0]
    assert (request.path, request.headers["x-key"]) == ("/v1/openapi.json", "k")


def test_the_fields_of_a_json_body_are_arguments(server: FakeUpstream) -> None:
    tools = tools_of(server)
    parameters = tools["addPet"].parameters
    assert parameters["required"] == ["body_name"]
    assert parameters["properties"]["body_age"] == {"type": ["integer", "null"], "minimum": 0}
    assert "$ref" not in json.dumps(parameters)
    server.answer({"id": 7})
    assert call(tools["addPet"], {"body_name": "Rex", "body_age": 3}) == ToolResult('{"id": 7}')
    assert call_of(server) == ("POST", "/api/v3/pet", {"name": "Rex", "age": 3})
    server.answer([])
    call(tools["put_pets"], {"body": [{"name": "Rex"}]})
    assert call_of(server) == ("PUT", "/api/v3/pets", [{"name": "Rex"}])


def call_of(server: FakeUpstream) -> tuple[str, str, Any]:
    request = server.requests[-1]
    assert request.headers["x-key"] == "k"
    return request.method, request.path, request.json if request.body else None


def test_arguments_go_where_they_belong(server: FakeUpstream) -> None:
    get = tools_of(server)["pet_get_by_id"]
    server.answer({"name": "Rex"})
    call(get, {"petId": "a/b", "fields": ["x", "y&z"], "X-Trace": "t", "lang": None})
    assert call_of(server) == ("GET", "/api/v3/pet/a%2Fb?fields=x&fields=y%26z", None)
    assert server.requests[-1].headers["x-trace"] == "t"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "the argument petId is missing"),
        ({"petId": ""}, "must not be empty"),
        ({"petId": ".."}, "cannot be part of the path"),
        ({"petId": 1, "nme": 2}, "there is no argument 'nme'; there are: fields, X-Trace, lang, petId"),
        ({"petId": 1, "X-Trace": "a\r\nb"}, "printable ASCII"),
        ({"petId": 1, "Authorization": "mine"}, "there is no argument 'Authorization'"),
    ],
)
def test_wrong_arguments_are_named(server: FakeUpstream, arguments: dict[str, Any], problem: str) -> None:
    get = tools_of(server)["pet_get_by_id"]
    with pytest.raises(ToolError, match=problem):
        call(get, arguments)


def test_an_error_of_the_api_is_one_for_the_model(server: FakeUpstream) -> None:
    get = tools_of(server)["pet_get_by_id"]
    server.answer({"message": "none"}, 404)
    assert call(get, {"petId": 1}) == ToolResult('HTTP 404: {"message": "none"}', True)


def test_a_description_is_read_once_and_again_when_it_is_old(
    server: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = pets(server)
    server.answer(PETS)
    assert kept.tools(context()) is kept.tools(context())
    assert len(server.requests) == 1
    monkeypatch.setattr(toolset, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(toolset, "FAILED_SECONDS", -1.0)
    fresh = pets(server)
    server.answer(PETS)
    first = fresh.tools(context())
    server.answer(b"", 503)
    assert fresh.tools(context()) is first  # better an old one than none
    server.answer({**PETS, "paths": {}})
    assert list(fresh.tools(context())) == []


def test_a_failure_is_kept_for_a_while(server: FakeUpstream) -> None:
    broken = pets(server)
    server.answer(b"", 503)
    for _ in range(2):
        with pytest.raises(ToolError, match="cannot be had: HTTP 503"):
            broken.tools(context())
    assert len(server.requests) == 1


def test_a_private_api_needs_the_operator(server: FakeUpstream) -> None:
    guarded = pets(server)
    with pytest.raises(NotAllowed, match="private-network"):
        guarded.tools(context("shell"))
    server.answer(PETS)
    assert guarded.tools(context())


def test_a_description_may_be_a_file_and_yaml(server: FakeUpstream, tmp_path: Path) -> None:
    text = f"openapi: 3.1.0\nservers: [{{url: '{server.url}'}}]\npaths: {{/a: {{get: {{}}}}}}\n"
    (tmp_path / "api.yaml").write_text(text)
    local = pets(server, folder=tmp_path)
    with pytest.raises(ToolError, match=r"there is no such file|only files in the folder"):
        local.tools(context())
    local = OpenAPIToolset("a", Source("api.yaml", FileHeaders(), parse_description, tmp_path, 5.0))
    server.answer(b"hi", content_type="text/plain")
    (tool,) = local.tools(context())
    assert (tool.name, call(tool, {})) == ("get_a", ToolResult("hi"))
    assert server.requests[-1].path == "/v1/a"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "is no OpenAPI description"),
        ('{"swagger": "2.0", "paths": {}}', "OpenAPI 3 is needed"),
        ("{}", "has no paths"),
        ("a: [", "neither JSON nor YAML"),
        ("[" * 100_000, "nested too deeply"),
        ("x" * 2_000_000, "too long for YAML"),
    ],
)
def test_what_is_no_description_is_named(text: str, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        Spec.parse(text, parse_description)


@pytest.mark.parametrize(
    ("servers", "base"),
    [
        ([], "https://a.test/"),
        ([{"url": "https://b.test/v1/"}], "https://b.test/v1/"),
        ([{"url": "../v2"}], "https://a.test/v2"),
        ([{"url": "//c.test"}], "https://c.test/"),
    ],
)
def test_the_first_server_counts(servers: list[Any], base: str) -> None:
    home = parse_url("https://a.test/docs/openapi.json")
    assert str(Spec({"paths": {}, "servers": servers}).base_url(home)) == base


def test_a_server_that_is_no_url_is_named() -> None:
    with pytest.raises(ToolError, match="only HTTP and HTTPS"):
        Spec({"servers": [{"url": "file:///etc"}]}).base_url(None)
    with pytest.raises(ToolError, match="names no server"):
        Spec({}).base_url(None)


@pytest.mark.parametrize(
    ("operation_id", "method", "path", "name"),
    [
        ("find Pets!", "get", "/", "find_Pets_"),
        (None, "get", "/users/{id}/posts", "get_users_id_posts"),
        ("", "get", "/a.b-c//d", "get_a_b_c_d"),
        ("__a--b__", "get", "/", "a_b"),
        ("x" * 99, "get", "/", fit_name("x" * 99)),
        (7, "get", "/", "get"),
    ],
)
def test_names_of_tools(operation_id: Any, method: str, path: str, name: str) -> None:
    assert tool_name(operation_id, method, path) == name


def test_odd_descriptions_do_no_harm() -> None:
    loop = {"$ref": "#/components/schemas/Loop"}
    wide = {"type": "object", "properties": {f"p{i}": {"$ref": "#/components/schemas/Wide"} for i in range(20)}}
    odd = {
        "paths": {
            "/a": {"post": {"requestBody": {"content": {"application/json": {"schema": loop}}}}},
            "/b": {"post": {"requestBody": {"content": {"application/json": {"schema": wide}}}}},
            "/c": {"get": {"parameters": [1, None, {"name": 2}, {"$ref": "http://a/x"}, {"name": "q", "in": "query"}]}},
            "/d": [], "e": {"get": {}}, "/f": {"get": 1, "trace": {}}, "/g": {"$ref": "#/paths/~1c"},
        },
        "components": {"schemas": {"Loop": loop, "Wide": wide}},
    }  # fmt: skip
    found = {operation.name: operation for operation in operations(Spec(odd))}
    assert list(found) == ["post_a", "post_b", "get_c", "get_g"]
    assert found["post_a"].whole_body
    assert found["get_c"].parameters["properties"] == {"q": {"type": "string"}}
    assert len(json.dumps(found["post_b"].parameters)) < 100_000
