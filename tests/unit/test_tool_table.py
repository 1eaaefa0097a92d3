"""Several tools of one name: who has it, and what becomes of the others."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import NotAllowed
from flask_agent_api.once import warn_once
from flask_agent_api.permissions import parse_rules
from flask_agent_api.permissions import Permissions
from flask_agent_api.runtime.policy import Gate
from flask_agent_api.runtime.tool_table import ToolTable
from flask_agent_api.settings import Settings
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.names import fit_name

CTX = RunContext(Settings())


def search(text: str = "") -> str:
    """Searches."""
    return f"found {text}"


class Servers(FunctionToolset):
    kind = "mcp"


def server(name: str) -> Servers:
    return Servers(name, [FunctionTool(search)])


def table(*toolsets: FunctionToolset) -> ToolTable:
    table = ToolTable("root")
    for toolset in toolsets:
        for tool in toolset.tools(CTX):
            table.add(tool, toolset)
    return table


@pytest.fixture(autouse=True)
def nothing_was_told_before() -> None:
    warn_once.cache_clear()


def test_both_servers_can_be_called_the_first_by_the_plain_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = table(server("web"), server("@acme/server-news"))
    assert list(found.tools) == ["search", "server-news_search"]
    assert found.tools["server-news_search"].call({"text": "x"}, CTX) == "found x"
    assert [each.message for each in caplog.records] == [
        "agent root: the tool search of toolset @acme/server-news is offered as server-news_search, "
        "an earlier one has its name"
    ]


def test_a_third_of_the_same_name_and_parts_of_one_server_are_left_out() -> None:
    one = server("news")
    assert list(table(server("web"), one, server("news"), one).tools) == ["search", "news_search"]


def test_only_tools_of_mcp_servers_are_renamed() -> None:
    functions = FunctionToolset("mine", [FunctionTool(search)])
    assert list(table(server("web"), functions).tools) == ["search"]
    assert list(table(functions, server("web")).tools) == ["search", "web_search"]


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({"deny": ["search"]}, True),
        ({"ask": ["search"]}, True),
        ({"deny": ["news_search"]}, True),
        ({"deny": ["mcp:news:search"]}, True),
        ({"deny": ["mcp:web:search"]}, False),
        ({"ask": ["*"], "allow": ["search"]}, True),
        ({"ask": ["*"], "allow": ["mcp:news:search"]}, False),
    ],
)
def test_rules_against_a_name_hold_for_a_tool_that_lost_it_but_what_allows_one_does_not_allow_the_other(
    rules: dict[str, Any], refused: bool
) -> None:
    found = table(server("web"), server("news"))
    gate = Gate(toolsets=found.sources, originals=found.originals)
    settings = Settings(permissions=Permissions(**{name: parse_rules(texts) for name, texts in rules.items()}))
    try:
        gate.check(found.tools["news_search"], {}, RunContext(settings))
    except NotAllowed:
        assert refused
    else:
        assert not refused


def test_names_are_what_model_apis_take() -> None:
    assert fit_name("files/read.all") == "files_read_all"
    long, other = fit_name("x" * 80), fit_name("x" * 80 + "y")
    assert len(long) == len(other) == 64
    assert long != other
    assert fit_name("a.b", {"a_b"}).startswith("a_b_")
    assert fit_name("\ud800") == "_"
