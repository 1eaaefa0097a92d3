"""Every type of toolset has its line in the index and its page, and these say what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.formats.docker_agent.docs import TOOLSET_NEEDS
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.docker_agent.toolset_fields import NOT_HERE
from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.docker_agent.toolset_fields import TYPES
from flask_agent_api.grants import GRANTS
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings

DOCS = Path(__file__).parent.parent.parent / "docs"
INDEX = (DOCS / "toolsets.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[`(\w+)`\]\(([\w/.-]+)\) \|.*\|$", re.MULTILINE)

FIELDS = {
    "api": "api_config: {name: a, endpoint: 'https://a.org', method: POST}",
    "model_picker": "models: [demo/demo]",
    "open_url": "url: 'https://a.org'",
    "script": "shell: {a: {cmd: ls}}",
    "lsp": "command: some-language-server",
    "webhook": "webhook_config: {url: 'https://a.org'}",
}
FROM_ELSEWHERE = {"a2a", "mcp", "openapi", "python", "rag"}
"""Types whose tools somebody else describes."""


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_a_line(kind: str) -> None:
    assert re.search(rf"^\| \[?`{kind}`", INDEX, re.MULTILINE), f"docs/toolsets.md has no line about {kind}"


@pytest.mark.parametrize("kind", SUPPORTED)
def test_every_type_has_a_page(kind: str) -> None:
    page = DOCS / dict(ROW.findall(INDEX))[kind]
    assert re.search(rf"`{kind}`|type: {kind}\b", page.read_text(encoding="utf-8")), f"{page} says nothing about {kind}"


def test_every_page_is_in_the_index() -> None:
    linked = {DOCS / page for page in re.findall(r"\]\((tools/[\w-]+\.md)\)", INDEX)}
    assert linked == set((DOCS / "tools").glob("*.md"))


def test_every_type_works_or_has_its_reason() -> None:
    assert set(TYPES) == set(SUPPORTED) | set(NOT_HERE)
    assert set(SUPPORTED) & set(NOT_HERE) == set()
    assert set(TOOLSET_NEEDS) <= set(SUPPORTED)


@pytest.mark.parametrize("kind", sorted(set(SUPPORTED) - FROM_ELSEWHERE))
def test_the_index_has_the_words_that_the_tools_need(tmp_path: Path, kind: str) -> None:
    fields = f", {FIELDS[kind]}" if kind in FIELDS else ""
    (tmp_path / "team.yaml").write_text(
        f"agents: {{root: {{model: demo/demo, sub_agents: [b], toolsets: [{{type: {kind}{fields}}}]}}, "
        "b: {model: demo/demo}}"
    )
    agent = load_docker_agent(tmp_path / "team.yaml", Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    tools = agent.toolsets[0].tools(RunContext(Settings()))
    assert tools
    said = re.findall(r"`([\w-]+)`", TOOLSET_NEEDS.get(kind, ""))
    assert {tool.needs for tool in tools} - {""} <= set(said)
    assert set(said) <= {*GRANTS, "post_edit"}
