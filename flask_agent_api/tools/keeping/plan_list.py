"""What the tools of the toolset ``plan`` do: documents with a name and a revision, which agents write together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from datetime import timezone
from typing import Any

from ...errors import ToolError
from ..arguments import text
from .records import Record
from .records import Records

MAX_PLANS = 100
"""Plans of one caller."""

MAX_CHARS = 20_000
"""Characters of a plan."""

MAX_LABEL = 300
"""Characters of a title, an author or a status."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_LABELS = ("title", "author", "status")
_SUMMARY = ("name", *_LABELS, "revision", "updatedAt")


def write_plan(plans: Records, arguments: Mapping[str, Any]) -> Record:
    """Makes a plan or replaces its content. Raises :class:`ToolError`, as all of these do, before anything changes."""
    name, content = _name(arguments), text(arguments, "content")
    if not content:
        raise ToolError("`content` must not be empty: it is all of the plan")
    if len(content) > MAX_CHARS:
        raise ToolError(f"a plan may have {MAX_CHARS} characters, and this one has {len(content)}: make it two")
    if name not in plans and len(plans) >= MAX_PLANS:
        raise ToolError(f"there are {MAX_PLANS} plans, which is the most: delete one first")
    _check_revision(plans, name, arguments)
    return _changed(plans, name, {"content": content, **_labels(arguments)})


def read_plan(plans: Records, arguments: Mapping[str, Any]) -> Record:
    """A plan with all that belongs to it."""
    return _shown(_plan(plans, arguments))


def list_plans(plans: Records, arguments: Mapping[str, Any]) -> dict[str, list[Record]]:
    """All plans by name, without their content."""
    return {"plans": [_shown(plans[name], _SUMMARY) for name in sorted(plans)]}


def delete_plan(plans: Records, arguments: Mapping[str, Any]) -> dict[str, str]:
    """Deletes a plan."""
    name = str(_plan(plans, arguments)["name"])
    _check_revision(plans, name, arguments)
    del plans[name]
    return {"deleted": name}


def set_plan_status(plans: Records, arguments: Mapping[str, Any]) -> Record:
    """Changes the status of a plan and nothing else."""
    plan, status = _plan(plans, arguments), _labels(arguments).get("status")
    if not status:
        raise ToolError("`status` must not be empty")
    _check_revision(plans, plan["name"], arguments)
    return _status(_changed(plans, plan["name"], {"status": status}))


def get_plan_status(plans: Records, arguments: Mapping[str, Any]) -> Record:
    """The status and the revision of a plan."""
    return _status(_plan(plans, arguments))


def _name(arguments: Mapping[str, Any]) -> str:
    name = text(arguments, "name")
    if not _NAME.fullmatch(name):
        raise ToolError(
            f"invalid plan name {name!r}: use only lowercase letters, digits, '-' and '_', starting with a letter or "
            "digit"
        )
    return name


def _plan(plans: Records, arguments: Mapping[str, Any]) -> Record:
    if (name := _name(arguments)) not in plans:
        raise ToolError(f'plan "{name}" not found: list_plans shows the names')
    return plans[name]


def _labels(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The labels that are given; empty ones change nothing."""
    labels = {label: value for label in _LABELS if (value := text(arguments, label, "").strip())}
    for label, value in labels.items():
        if len(value) > MAX_LABEL:
            raise ToolError(f"`{label}` may have {MAX_LABEL} characters")
    return labels


def _check_revision(plans: Records, name: str, arguments: Mapping[str, Any]) -> None:
    """Raises :class:`ToolError` if the plan is not, or no longer, as the caller knows it."""
    known = arguments.get("last_known_revision")
    if known is None:
        return
    current = plans[name]["revision"] if name in plans else 0
    if isinstance(known, bool) or str(known).strip() != str(current):
        raise ToolError(
            f'version conflict on plan "{name}": last_known_revision {known} does not match current revision '
            f"{current}; re-read the plan and retry"
        )


def _changed(plans: Records, name: str, changes: Mapping[str, str]) -> Record:
    plan = plans.setdefault(name, {"name": name, "revision": 0})
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    plan |= {**changes, "revision": plan["revision"] + 1, "updatedAt": now}
    return _shown(plan)


def _shown(plan: Record, keys: tuple[str, ...] = ("name", "title", "content", *_SUMMARY[2:])) -> Record:
    """In the order of docker-agent's JSON; a label that is not set has no key."""
    return {key: plan[key] for key in keys if key in plan}


def _status(plan: Record) -> Record:
    return {"name": plan["name"], "status": plan.get("status", ""), "revision": plan["revision"]}
