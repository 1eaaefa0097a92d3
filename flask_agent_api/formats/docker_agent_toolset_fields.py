"""The fields of each type of toolset in docker-agent's files, and which types there are tools for here."""

from __future__ import annotations

from collections.abc import Mapping

from .section import ANY
from .section import Fields
from .section import FLAG
from .section import Kind
from .section import LIST
from .section import MAPPING
from .section import POSITIVE
from .section import TEXT
from .section import TEXT_MAP
from .section import TEXTS

_COMMON: Mapping[str, Kind] = {"type": TEXT, "instruction": TEXT, "tools": TEXTS, "readonly": FLAG}
_COMMON_LATER: Mapping[str, Kind] = {"toon": TEXT, "defer": ANY, "model": TEXT, "lifecycle": MAPPING}

MCP = Fields(
    supported={
        **_COMMON,
        "command": TEXT,
        "args": TEXTS,
        "env": TEXT_MAP,
        "ref": TEXT,
        "remote": MAPPING,
        "name": TEXT,
        "working_dir": TEXT,
    },
    later={**_COMMON_LATER, "config": ANY, "version": TEXT},
)

SUPPORTED: Mapping[str, Fields] = {
    "think": Fields(_COMMON, _COMMON_LATER),
    "todo": Fields({**_COMMON, "shared": FLAG}, _COMMON_LATER),
    "mcp": MCP,
    "python": Fields({**_COMMON, "name": TEXT}, _COMMON_LATER),
}
"""Types whose tools exist here. ``python`` is our own: its ``tools`` are import strings ``module:attr``."""


def _later(**own: Kind) -> Fields:
    return Fields({**_COMMON, **_COMMON_LATER, **own})


_FILES = {"path": TEXT, "allow_list": ANY, "deny_list": ANY, "post_edit": LIST, "ignore_vcs": FLAG, "working_dir": TEXT}
_SHELL = {"env": TEXT_MAP, "sandbox": ANY, "timeout": POSITIVE, "working_dir": TEXT}

LATER: Mapping[str, Fields] = {
    "a2a": _later(url=TEXT, headers=TEXT_MAP, name=TEXT),
    "api": _later(api_config=MAPPING),
    "background_agents": _later(),
    "background_jobs": _later(**_SHELL),
    "environment": _later(),
    "fetch": _later(
        timeout=POSITIVE, headers=TEXT_MAP, allowed_domains=TEXTS, blocked_domains=TEXTS, allow_private_ips=FLAG
    ),
    "file": _later(**_FILES),
    "filesystem": _later(**{name: kind for name, kind in _FILES.items() if name != "path"}),
    "git": _later(working_dir=TEXT),
    "lsp": _later(command=TEXT, args=TEXTS, env=TEXT_MAP, file_types=TEXTS, version=TEXT, working_dir=TEXT),
    "mcp_catalog": _later(),
    "memory": _later(path=TEXT),
    "model_picker": _later(models=TEXTS),
    "open_url": _later(),
    "openapi": _later(url=TEXT, headers=TEXT_MAP, timeout=POSITIVE),
    "plan": _later(),
    "rag": _later(ref=TEXT),
    "scheduler": _later(),
    "script": _later(shell=MAPPING, env=TEXT_MAP, working_dir=TEXT),
    "session_context": _later(),
    "session_plan": _later(),
    "shell": _later(**_SHELL),
    "tasks": _later(path=TEXT),
    "user_prompt": _later(),
    "webhook": _later(url=TEXT, headers=TEXT_MAP),
}
"""Types that docker-agent has and that are skipped with a warning."""


def owners(field: str) -> list[str]:
    """The types of toolsets that have a field."""
    return [name for name, fields in {**SUPPORTED, **LATER}.items() if fields.kind(field) is not None]
