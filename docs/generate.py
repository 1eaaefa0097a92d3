"""Writes the generated parts of the documentation: ``python docs/generate.py``. A test fails when they are stale."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from flask_agent_api import errors
from flask_agent_api import params
from flask_agent_api.context import RunContext
from flask_agent_api.formats.docker_agent.docs import TOOLSET_EXTRAS
from flask_agent_api.formats.docker_agent.docs import TOOLSET_FIELDS
from flask_agent_api.formats.docker_agent.docs import TOOLSET_NEEDS
from flask_agent_api.formats.docker_agent.docs import TOOLSET_TYPES
from flask_agent_api.formats.docker_agent.parts import PARTS as PARTS_OF_TEAMS
from flask_agent_api.formats.docker_agent.parts import TOOLSETS
from flask_agent_api.formats.docker_agent.toolset_fields import NOT_HERE
from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.keys_file import DOCS as KEY_DOCS
from flask_agent_api.formats.keys_file import KEY
from flask_agent_api.formats.section import Fields
from flask_agent_api.formats.tiny_agents.fields import AGENT
from flask_agent_api.formats.tiny_agents.fields import DOCS
from flask_agent_api.formats.tiny_agents.fields import INPUT
from flask_agent_api.formats.tiny_agents.fields import REMOTE
from flask_agent_api.formats.tiny_agents.fields import STDIO
from flask_agent_api.grants import GRANTS
from flask_agent_api.models.failure_table import TABLE
from flask_agent_api.models.provider_table import PROVIDERS
from flask_agent_api.permissions import Permissions
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.background_agents import BackgroundAgents
from flask_agent_api.runtime.delegation import TransferTask
from flask_agent_api.runtime.handoff import Handoff
from flask_agent_api.settings import PREFIX
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.environment import EnvironmentToolset
from flask_agent_api.tools.fetch.toolset import FetchConfig
from flask_agent_api.tools.fetch.toolset import FetchToolset
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.filesystem.kept_back import KEPT_BACK
from flask_agent_api.tools.filesystem.toolset import file_tools
from flask_agent_api.tools.git import GitToolset
from flask_agent_api.tools.http.url import parse_url
from flask_agent_api.tools.keeping.memory import memory_tools
from flask_agent_api.tools.keeping.plans import plan_tools
from flask_agent_api.tools.keeping.records import RecordFile
from flask_agent_api.tools.keeping.tasks import task_tools
from flask_agent_api.tools.lsp.toolset import LSPToolset
from flask_agent_api.tools.open_url import OpenURLToolset
from flask_agent_api.tools.rag.toolset import RagToolset
from flask_agent_api.tools.rag.toolset import Results
from flask_agent_api.tools.session_context import SessionContextToolset
from flask_agent_api.tools.session_plan import SessionPlanToolset
from flask_agent_api.tools.shell.place import Place
from flask_agent_api.tools.shell.toolset import BackgroundJobsToolset
from flask_agent_api.tools.shell.toolset import ShellToolset
from flask_agent_api.tools.think import ThinkToolset
from flask_agent_api.tools.todo import TodoToolset
from flask_agent_api.tools.webhook.toolset import Destination
from flask_agent_api.tools.webhook.toolset import WebhookToolset
from flask_agent_api.web import fields
from flask_agent_api.web.activity.modes import MODES

FOLDER = Path(__file__).parent
PAGES = {"file": "filesystem"}
"""The pages in docs/tools of types that have none of their own name."""


def settings_table() -> str:
    """Every setting with its default and meaning."""
    rows = ["| Setting | Default | Meaning |", "| --- | --- | --- |"]
    for field in dataclasses.fields(Settings):
        value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        shown = json.dumps(value) if isinstance(value, dict) else value
        default = "" if value in ("", (), {}, Permissions()) else f"`{shown}`"
        star = " *" if field.metadata["per_agent"] else ""
        rows.append(f"| `{PREFIX}{field.name.upper()}`{star} | {default} | {field.metadata['doc']} |")
    return "\n".join(rows)


def errors_table() -> str:
    """Every error class with what a client sees of it."""
    rows = ["| Status | `code` | `type` | Meaning |", "| --- | --- | --- | --- |"]
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.AgentAPIError)]
    for found in sorted((c for c in classes if c is not errors.AgentAPIError), key=lambda c: (c.status, c.code or "")):
        meaning = (found.__doc__ or "").strip().partition("\n")[0]
        code = f"`{found.code}`" if found.code else "names the problem"
        rows.append(f"| {found.status} | {code} | `{found.type}` | {meaning} |")
    return "\n".join(rows)


def fields_table() -> str:
    """Every field of a request with what becomes of it."""
    fates = {"ours": fields.OURS, "passed on": params.PARAMS, "refused": fields.REFUSED, "ignored": fields.IGNORED}
    rows = ["| Field | What becomes of it | |", "| --- | --- | --- |"]
    for fate, table in fates.items():
        rows += [f"| `{name}` | {fate} | {doc} |" for name, doc in table.items()]
    return "\n".join(rows)


def docker_agent_fields() -> str:
    """Every field of docker-agent's files, part by part."""
    return "\n\n".join(f"**`{part.where}`**\n\n{_fields(part.fields, part.docs)}" for part in PARTS_OF_TEAMS.values())


def tiny_agents_fields() -> str:
    """Every field of ``agent.json``, part by part."""
    servers = Fields({**STDIO.supported, **REMOTE.supported})
    parts = {"At the top": (AGENT, "agent"), "`inputs`": (INPUT, "input"), "`servers`": (servers, "server")}
    return "\n\n".join(f"**{title}**\n\n{_fields(table, DOCS[key])}" for title, (table, key) in parts.items())


def _fields(table: Fields, docs: Mapping[str, str]) -> str:
    rows = ["| Field | Meaning | Works |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {docs[name]} | {_works(name, table)} |" for name in table]
    return "\n".join(rows)


def _works(name: str, table: Fields) -> str:
    return "yes" if name in table.supported else "no" if name in table.reasons else "not yet"


def docker_agent_toolsets() -> str:
    """Every type of toolset."""
    rows = ["| Type | What it is | Works |", "| --- | --- | --- |"]
    rows += [f"| `{kind}` | {TOOLSET_TYPES[kind]} | {'yes' if kind in SUPPORTED else 'no'} |" for kind in TOOLSETS]
    return "\n".join(rows)


def toolset_index() -> str:
    """Every type of toolset with its page, and what it needs."""
    rows = ["| Type | What it is | `AGENT_API_ALLOW` | Install |", "| --- | --- | --- | --- |"]
    for kind in sorted(SUPPORTED):
        extra = f"`flask-agent-api[{TOOLSET_EXTRAS[kind]}]`" if kind in TOOLSET_EXTRAS else ""
        page = PAGES.get(kind) or kind.replace("_", "-")
        link = f"[`{kind}`](tools/{page}.md)"
        rows.append(f"| {link} | {TOOLSET_TYPES[kind]} | {TOOLSET_NEEDS.get(kind, '')} | {extra} |")
    rows += [f"| `{kind}` | Does not work here: {why}. | | |" for kind, why in sorted(NOT_HERE.items())]
    return "\n".join(rows)


def docker_agent_options() -> str:
    """Every field of the toolsets that work, and which of them have it."""
    rows = ["| Field | Of | Meaning | Works |", "| --- | --- | --- | --- |"]
    for name in dict.fromkeys(name for table in SUPPORTED.values() for name in table):
        owners = [kind for kind, table in SUPPORTED.items() if table.kind(name)]
        of = "all" if len(owners) == len(SUPPORTED) else ", ".join(f"`{kind}`" for kind in owners)
        works = any(name in SUPPORTED[kind].supported for kind in owners)
        rows.append(f"| `{name}` | {of} | {TOOLSET_FIELDS[name]} | {'yes' if works else 'not yet'} |")
    return "\n".join(rows)


def providers_table() -> str:
    """Every provider of models with its key, and what does not work with it."""
    rows = ["| Provider | Key | What does not work through Chat Completions |", "| --- | --- | --- |"]
    for name, provider in PROVIDERS.items():
        keys = ", ".join(f"`{key}`" for key in (provider.token_key, *provider.alternates) if key)
        rows.append(f"| `{name}` | {keys} | {' '.join(provider.loses)} |")
    return "\n".join(rows)


def modes_table() -> str:
    """Every mode of showing activity."""
    rows = ["| Mode | What it writes | Who shows it | What it costs |", "| --- | --- | --- | --- |"]
    for name, mode in MODES.items():
        rows.append(f"| `{name}` | {mode.writes} | {mode.clients} | {mode.cost} |")
    return "\n".join(rows)


def clients_table() -> str:
    """How each client of the lab fared."""
    scenarios = ["models", "complete", "stream", "client tool", "structured"]
    scenarios += ["forced tool", "JSON mode", "error", "keep-alive"]
    return _clients({scenario: [scenario] for scenario in scenarios})


def client_modes_table() -> str:
    """Where each client of the lab has the activity of a server's tool, by mode: in a stream, and in a whole answer."""
    return _clients({f"`{mode}`": [f"{mode} stream", f"{mode} complete"] for mode in MODES})


def _clients(columns: dict[str, list[str]]) -> str:
    rows = [f"| Client | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for client in json.loads((FOLDER / "clients.json").read_text(encoding="utf-8")):
        found = ([client["results"].get(name, "") for name in names] for names in columns.values())
        cells = (" / ".join(dict.fromkeys(cell)) for cell in found)
        rows.append(f"| {client['client']} {client['version']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def model_failures_table() -> str:
    """Every way in which a model call fails, with what a client sees of it."""
    rows = [
        "| The model's provider ... | Status | `code` | Tried again | By clients |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in TABLE:
        again = "yes" if row.retry else "no"
        by_clients = "no" if row.final or row.error.status == 400 else "yes"
        rows.append(f"| {row.when} | {row.error.status} | `{row.code}` | {again} | {by_clients} |")
    return "\n".join(rows)


def key_fields() -> str:
    """Every field of a key in the file of keys."""
    rows = ["| Field | Meaning |", "| --- | --- |"]
    return "\n".join([*rows, *(f"| `{name}` | {KEY_DOCS[name]} |" for name in KEY)])


def grants_table() -> str:
    """Every word of ``AGENT_API_ALLOW``."""
    rows = ["| Word | Allows |", "| --- | --- |"]
    rows += [f"| `{word}` | {meaning} |" for word, meaning in GRANTS.items()]
    return "\n".join(rows)


def _of(toolset: Toolset) -> Sequence[Tool]:
    return toolset.tools(RunContext(Settings()))


def _lead() -> ModelAgent:
    """An agent that has others to give work to."""
    return ModelAgent("root", ScriptedModel(), sub_agents=("clerk",), handoffs=("manager",))


TOOLS: Mapping[str, Callable[[], Sequence[Tool]]] = {
    "background_agents_tools": lambda: _of(BackgroundAgents("root", {"root": _lead()})),
    "background_jobs_tools": lambda: _of(BackgroundJobsToolset("background_jobs", Place(FOLDER))),
    "delegation_tools": lambda: [TransferTask(_lead()), Handoff(_lead())],
    "environment_tools": lambda: _of(EnvironmentToolset()),
    "fetch_tools": lambda: _of(FetchToolset("fetch", FetchConfig())),
    "file_tools": lambda: file_tools(Jail(FOLDER)),
    "git_tools": lambda: _of(GitToolset("git", FOLDER)),
    "lsp_tools": lambda: _of(LSPToolset(())),
    "memory_tools": lambda: memory_tools(RecordFile("memory.db")),
    "open_url_tools": lambda: _of(OpenURLToolset("https://example.com")),
    "plan_tools": lambda: plan_tools(RecordFile("plan.db"), Jail(FOLDER)),
    "rag_tools": lambda: _of(RagToolset("NAME", (), Results())),
    "session_context_tools": lambda: _of(SessionContextToolset()),
    "session_plan_tools": lambda: _of(SessionPlanToolset()),
    "shell_tools": lambda: _of(ShellToolset("shell", Place(FOLDER))),
    "task_tools": lambda: task_tools(RecordFile("tasks.db"), FOLDER),
    "think_tools": lambda: _of(ThinkToolset()),
    "todo_tools": lambda: _of(TodoToolset()),
    "webhook_tools": lambda: _of(WebhookToolset(Destination("generic", parse_url("https://example.com")))),
}
"""The tools of each toolset whose tools do not depend on its file."""


def _tools_table(tools: Callable[[], Sequence[Tool]]) -> str:
    """Tools with their parameters; those that may be left out in brackets."""
    rows = ["| Tool | Parameters | What it does | Needs |", "| --- | --- | --- | --- |"]
    for tool in tools():
        required = tool.parameters.get("required", ())
        names = (f"`{name}`" if name in required else f"[`{name}`]" for name in tool.parameters["properties"])
        needs = f"`{tool.needs}`" if tool.needs else ""
        rows.append(f"| `{tool.name}` | {', '.join(names)} | {tool.description} | {needs} |")
    return "\n".join(rows)


def kept_back_table() -> str:
    """What no agent gets to see."""
    reasons: dict[str, list[str]] = {}
    for pattern, why in KEPT_BACK.items():
        reasons.setdefault(why, []).append(f"`{pattern}`")
    rows = ["| Files and folders | Why |", "| --- | --- |"]
    rows += [f"| {', '.join(patterns)} | {why} |" for why, patterns in reasons.items()]
    return "\n".join(rows)


PARTS = {
    "client_modes": client_modes_table,
    "clients": clients_table,
    "docker_agent_fields": docker_agent_fields,
    "docker_agent_options": docker_agent_options,
    "docker_agent_toolsets": docker_agent_toolsets,
    "errors": errors_table,
    "fields": fields_table,
    "grants": grants_table,
    "key_fields": key_fields,
    "kept_back": kept_back_table,
    "model_failures": model_failures_table,
    "modes": modes_table,
    "providers": providers_table,
    "settings": settings_table,
    "tiny_agents_fields": tiny_agents_fields,
    "toolset_index": toolset_index,
    **{name: partial(_tools_table, tools) for name, tools in TOOLS.items()},
}


def generated(text: str) -> str:
    """``text`` with what stands between ``<!-- NAME -->`` and ``<!-- end -->`` made anew."""

    def replace(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{PARTS[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


if __name__ == "__main__":
    for page in FOLDER.rglob("*.md"):
        page.write_text(generated(page.read_text(encoding="utf-8")), encoding="utf-8")
