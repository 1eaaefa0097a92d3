"""The fields of each type of toolset in docker-agent's files, and which types there are tools for here."""

from __future__ import annotations

from collections.abc import Mapping

from ..durations import DURATION
from ..section import ANY
from ..section import COUNT
from ..section import Fields
from ..section import FLAG
from ..section import INTEGER
from ..section import Kind
from ..section import LIST
from ..section import MAPPING
from ..section import number
from ..section import one_of
from ..section import POSITIVE
from ..section import TEXT
from ..section import TEXT_MAP
from ..section import TEXTS

_DEFER = Kind(
    "true, false or a list of texts",
    lambda value: isinstance(value, bool) or TEXTS.accepts(value),
    {"type": ["boolean", "array"]},
)
_COMMON: Mapping[str, Kind] = {
    "type": TEXT,
    "instruction": TEXT,
    "tools": TEXTS,
    "readonly": FLAG,
    "toon": TEXT,
    "defer": _DEFER,
    "model": TEXT,
}


def _fields(**own: Kind) -> Fields:
    """The fields of one type: those that all have, and its own."""
    return Fields({**_COMMON, **own})


_VERSION = Kind(
    "text or false", lambda value: isinstance(value, str) or value is False, {"type": ["string", "boolean"]}
)
_MCP_LATER = {"version": _VERSION, "allow_private_ips": FLAG}
_FILES = {"allow_list": TEXTS, "deny_list": TEXTS, "post_edit": LIST, "ignore_vcs": FLAG, "working_dir": TEXT}
_COMMANDS = {"env": TEXT_MAP, "working_dir": TEXT}
_SHELL_LATER = {"sandbox": ANY, "safer": FLAG, "safer_judge_model": TEXT, "sudo_askpass": FLAG}
_PROGRAM = {"command": TEXT, "args": TEXTS, "env": TEXT_MAP, "working_dir": TEXT, "lifecycle": MAPPING}

TYPES: Mapping[str, Fields] = {
    "a2a": _fields(url=TEXT, headers=TEXT_MAP, name=TEXT, timeout=POSITIVE, allow_private_ips=FLAG),
    "api": _fields(api_config=MAPPING, timeout=POSITIVE, allow_private_ips=FLAG),
    "background_agents": _fields(),
    "background_jobs": Fields({**_COMMON, **_COMMANDS}, {"sandbox": ANY, "timeout": POSITIVE, "recall": FLAG}),
    "environment": _fields(),
    "fetch": Fields(
        {
            **_COMMON,
            "timeout": POSITIVE,
            "headers": TEXT_MAP,
            "allowed_domains": TEXTS,
            "blocked_domains": TEXTS,
            "allow_private_ips": FLAG,
        },
        {"escape_html": FLAG},
    ),
    "file": _fields(**_FILES, path=TEXT),
    "filesystem": _fields(**_FILES),
    "git": _fields(working_dir=TEXT),
    "lsp": Fields({**_COMMON, **_PROGRAM, "file_types": TEXTS}, {"version": _VERSION}),
    "mcp": Fields({**_COMMON, **_PROGRAM, "ref": TEXT, "config": ANY, "remote": MAPPING, "name": TEXT}, _MCP_LATER),
    "mcp_catalog": _fields(allowed_servers=TEXTS, blocked_servers=TEXTS),
    "memory": _fields(path=TEXT),
    "model_picker": _fields(models=TEXTS),
    "open_url": _fields(url=TEXT, name=TEXT),
    "openapi": Fields(
        {**_COMMON, "url": TEXT, "headers": TEXT_MAP, "timeout": POSITIVE, "allow_private_ips": FLAG},
        {"max_output_bytes": COUNT},
    ),
    "plan": _fields(),
    "python": _fields(name=TEXT),
    "rag": _fields(ref=TEXT, name=TEXT, rag_config=MAPPING),
    "scheduler": _fields(),
    "script": _fields(shell=MAPPING, **_COMMANDS),
    "session_context": _fields(),
    "session_plan": _fields(),
    "shell": Fields({**_COMMON, **_COMMANDS, "timeout": POSITIVE}, _SHELL_LATER),
    "tasks": _fields(path=TEXT),
    "think": _fields(),
    "todo": _fields(shared=FLAG),
    "user_prompt": _fields(),
    "webhook": _fields(webhook_config=MAPPING, timeout=POSITIVE),
}
"""Every type that docker-agent has. ``python`` is our own: its ``tools`` are import strings ``module:attr``."""

_AVAILABLE = (
    "think", "todo", "session_plan", "mcp", "background_agents", "python",
    "filesystem", "file",
    "shell", "background_jobs", "script", "git", "environment",
    "memory", "rag", "tasks", "plan", "session_context", "user_prompt", "model_picker",
    "a2a", "lsp",
    "fetch", "api", "openapi", "webhook", "open_url",
)  # fmt: skip

SUPPORTED: Mapping[str, Fields] = {name: TYPES[name] for name in _AVAILABLE}
"""Types whose tools exist here."""

NOT_HERE: Mapping[str, str] = {
    "mcp_catalog": "a model may not choose what servers an agent uses; name them as `mcp` toolsets, for example with "
    "`ref: docker:NAME`",
    "scheduler": "nothing runs between requests; have cron, or the like, send a request at the time",
}
"""Types that docker-agent has and that are skipped with a warning: why, and what to do instead."""

LATER: Mapping[str, Fields] = {name: TYPES[name] for name in NOT_HERE}
"""The fields of these."""

MCP = TYPES["mcp"]
"""The fields of an MCP server, in a toolset as well as in ``mcps``."""

API = Fields(
    {
        "name": TEXT,
        "method": TEXT,
        "endpoint": TEXT,
        "instruction": TEXT,
        "args": MAPPING,
        "required": TEXTS,
        "headers": TEXT_MAP,
        "output_schema": MAPPING,
    }
)
"""The fields of ``api_config`` of an ``api`` toolset."""

SCRIPT = Fields(
    {"cmd": TEXT, "description": TEXT, "args": MAPPING, "required": TEXTS, "env": TEXT_MAP, "working_dir": TEXT}
)
"""The fields of one command in ``shell`` of a ``script`` toolset."""

POST_EDIT = Fields({"path": TEXT, "cmd": TEXT})
"""The fields of one command in ``post_edit`` of file tools."""

WEBHOOK = Fields({"provider": TEXT, "url": TEXT, "headers": TEXT_MAP, "chat_id": TEXT})
"""The fields of ``webhook_config`` of a ``webhook`` toolset."""

LIFECYCLE = Fields(
    supported={
        "profile": one_of("resilient", "strict", "best-effort"),
        "restart": one_of("never", "on_failure", "always"),
        "max_restarts": INTEGER,
        "backoff": MAPPING,
        "startup_timeout": DURATION,
        "call_timeout": DURATION,
    },
    later={"required": FLAG},
)

BACKOFF = Fields({"initial": DURATION, "max": DURATION, "multiplier": number(0, 100), "jitter": number(0, 1)})


def owners(field: str) -> list[str]:
    """The types of toolsets that have a field."""
    return [name for name, fields in TYPES.items() if fields.kind(field) is not None]
