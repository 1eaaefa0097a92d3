"""The ``hooks`` of an agent in a docker-agent file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from ...runtime.hooks import GUARDS
from ...runtime.hooks import Hook
from ...runtime.hooks import Hooks
from ...settings import Settings
from ..origin import Origin
from ..placeholders import expand_path
from ..placeholders import expand_templates
from ..placeholders import Expanded
from ..section import Fields
from ..section import found
from ..section import Section
from .fields import HOOK
from .fields import HOOK_EVENTS
from .fields import HOOK_MATCHER

_OTHER_HOOK = Fields({**HOOK.supported, **HOOK.later})
"""That one does not run is all there is to be said of its fields."""

_OF_TOOLS = (*GUARDS, "post_tool_use")

_JUDGES = ("model", "evaluator")
"""Types of hooks whose word decides about a call. Others before a call only note or rewrite something."""


class HookLoader:
    """Reads hooks; what they may use is filled in from ``environ``, and they run in the file's ``folder``."""

    def __init__(self, folder: Path, environ: Mapping[str, str], settings: Settings, origin: Origin) -> None:
        self._folder = folder
        self._environ = environ
        self._needs = ("hooks",) if origin.trusted else ("hooks", "remote-files")
        self._missing = [word for word in self._needs if word not in settings.allow]

    def of(self, agent: Section) -> Hooks:
        """The hooks of an agent; warns of those that do not run here. Raises :class:`ConfigError` for wrong ones."""
        section = agent.section("hooks")
        section.check(HOOK_EVENTS)
        events = {event: tuple(self._event(section, event)) for event in HOOK_EVENTS.supported}
        events = {event: hooks for event, hooks in events.items() if hooks}
        if events and self._missing:
            guards = [f"`{event}`" for event in GUARDS if event in events]
            are = "are" if len(guards) > 1 else "is"
            guarded = f" Until then, the calls that {' and '.join(guards)} {are} about are refused." if guards else ""
            agent.warn("hooks", f"run only with AGENT_API_ALLOW={','.join(self._missing)}.{guarded}")
        return Hooks(events, self._needs) if events else Hooks()

    def _event(self, section: Section, event: str) -> Iterator[Hook]:
        value = section.data.get(event)
        if not isinstance(value, list | None):
            raise section.error(event, f"expected a list of hooks, found {found(value)}")
        for entry in section.sections(event):
            if event not in _OF_TOOLS:
                yield from self._hook(entry, None, event)
                continue
            entry.check(HOOK_MATCHER)
            matcher = _matcher(entry)
            for inner in entry.sections("hooks"):
                yield from self._hook(inner, matcher, event)

    def _hook(self, entry: Section, matcher: re.Pattern[str] | None, event: str) -> Iterator[Hook]:
        """The hook of an entry, unless it is of a type that does not run here; a judge of calls then denies them."""
        kind = entry.text("type", "command")
        entry.check(HOOK if kind == "command" else _OTHER_HOOK)
        if kind in _JUDGES and event in GUARDS:
            problem = f'hooks of type "{kind}" are not supported yet'
            entry.warn("type", f"{problem}, the calls that this one is about are refused")
            yield Hook("", matcher, unable=problem)
            return
        if kind != "command":
            entry.warn("type", f'hooks of type "{kind}" are not supported yet, this one never runs')
            return
        if not entry.text("command").strip():
            raise entry.error(None, "a hook needs a `command`")
        folder = self._filled(entry, "working_dir", expand_path(entry.text("working_dir"), self._environ))
        env = {
            name: self._filled(entry, f"env.{name}", expand_templates(value, self._environ))
            for name, value in entry.text_map("env").items()
        }
        timeout = float(entry.data.get("timeout") or 60)
        yield Hook(entry.text("command"), matcher, timeout, env, str(self._folder / folder))

    def _filled(self, entry: Section, key: str, expanded: Expanded) -> str:
        if expanded.missing:
            entry.warn(key, f"{', '.join(expanded.missing)} is not set in the environment, it is left empty")
        return expanded.text


def _matcher(entry: Section) -> re.Pattern[str] | None:
    text = entry.text("matcher")
    if text in {"", "*"}:
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise entry.error("matcher", f"not a regular expression: {exc}") from exc
