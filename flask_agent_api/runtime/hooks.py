"""Hooks: commands of an agent's file that run before and after its tools, and when its runs begin and end.

A command gets one JSON object on its standard input. Exit code 0 with a JSON object on its standard output may block,
or change a tool's arguments; exit code 2 blocks, and what stands on its standard error is the reason. Only hooks before
tools are guards: one that fails in any other way blocks, too. All others that fail are logged.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from ..context import RunContext
from ..errors import NotAllowed
from ..errors import ToolError
from ..grants import refusal
from ..redaction import keep_secrets
from ..tools.process import Command
from ..tools.process import Outcome
from ..tools.process import run_command
from ..tools.process import shell
from ..types import ToolCall
from ..types import ToolResult

logger = logging.getLogger("flask_agent_api.hooks")

GUARDS = ("tool_guard", "pre_tool_use")
"""The events before a tool call, in their order. Only the second may change the arguments."""

END_SECONDS = 5.0
"""How long the hooks at the end of a run may take: the client waits for them."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One command. ``matcher`` is about the names of tools, None means all; ``timeout`` is in seconds.

    One that cannot run here says why in ``unable``: as a guard it blocks.
    """

    command: str
    matcher: re.Pattern[str] | None = None
    timeout: float = 60.0
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: str = "."
    unable: str = ""

    def __post_init__(self) -> None:
        keep_secrets(self.env)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a hook said: whether and why it blocks, a tool's new arguments, and what the model should know."""

    blocks: bool = False
    reason: str = ""
    arguments: Mapping[str, Any] | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one agent, by event. ``needs`` are the words of ``AGENT_API_ALLOW`` without which none runs."""

    events: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    needs: tuple[str, ...] = ("hooks",)

    def before_tool(self, call: ToolCall, arguments: dict[str, Any], agent: str, ctx: RunContext) -> dict[str, Any]:
        """The arguments that the tool is to get. Raises :class:`NotAllowed` if a hook blocks the call.

        Where hooks may not run, the call may not either: its author wanted it to be looked at.
        """
        for event in GUARDS:
            for hook in self._of(event, call.name):
                if missing := self._missing(ctx):
                    raise NotAllowed(
                        refusal(f"The hook before {call.name}", missing), f"AGENT_API_ALLOW lacks {missing}"
                    )
                payload = {"tool_name": call.name, "tool_use_id": call.id, "tool_input": arguments}
                verdict = self._verdict(hook, event, payload, agent, ctx, guards=True)
                if verdict.blocks:
                    reason = verdict.reason or "it gives no reason"
                    raise NotAllowed(f"A hook blocked the call of {call.name}: {reason}", f"hook {event}")
                if verdict.arguments is not None and event == "pre_tool_use":
                    arguments = dict(verdict.arguments)
        return arguments

    def after_tool(
        self, call: ToolCall, arguments: dict[str, Any], result: ToolResult, agent: str, ctx: RunContext
    ) -> ToolResult:
        """The result with what hooks have to say about it. A hook that blocks ends the run after this result."""
        for hook in self._of("post_tool_use", call.name):
            if self._missing(ctx):
                break
            payload = {
                "tool_name": call.name, "tool_use_id": call.id, "tool_input": arguments,
                "tool_response": result.content, "tool_error": result.is_error,
            }  # fmt: skip
            verdict = self._verdict(hook, "post_tool_use", payload, agent, ctx)
            if verdict.context:
                result = replace(result, content=f"{result.content}\n{verdict.context}")
            if verdict.blocks:
                ctx.next_call.stop = verdict.reason or f"a hook after {call.name} stopped the run"
        return result

    def begin(self, agent: str, ctx: RunContext) -> list[str]:
        """Runs what is to run when a run of the agent begins; what the model should know from then on."""
        if not self.events or self._missing(ctx):
            return []
        ctx.on_end.callback(self._end, agent, ctx)
        payload = {"source": "startup"}
        verdicts = [self._verdict(hook, "session_start", payload, agent, ctx) for hook in self._of("session_start")]
        return [verdict.context for verdict in verdicts if verdict.context]

    def stop(self, text: str, agent: str, ctx: RunContext) -> None:
        """Runs what is to run when the agent has answered."""
        for hook in self._of("stop") if self.events else ():
            if not self._missing(ctx):
                self._verdict(hook, "stop", {"stop_response": text}, agent, ctx)

    def _end(self, agent: str, ctx: RunContext) -> None:
        for hook in self._of("session_end"):
            self._verdict(hook, "session_end", {"reason": "other"}, agent, ctx, END_SECONDS)

    def _of(self, event: str, tool: str = "") -> Iterator[Hook]:
        hooks = self.events.get(event, ())
        return (hook for hook in hooks if hook.matcher is None or hook.matcher.fullmatch(tool))

    def _missing(self, ctx: RunContext) -> str:
        """A word that the operator has not allowed and that hooks need; empty if they may run."""
        return next((word for word in self.needs if word not in ctx.settings.allow), "")

    def _verdict(
        self, hook: Hook, event: str, payload: Mapping[str, Any], agent: str, ctx: RunContext,
        seconds: float = float("inf"), *, guards: bool = False,
    ) -> Verdict:  # fmt: skip
        if hook.unable:
            return Verdict(blocks=guards, reason=hook.unable)
        common = {"session_id": ctx.run_id, "cwd": hook.folder, "hook_event_name": event, "agent_name": agent}
        limit = min(hook.timeout, seconds) if event == "session_end" else min(hook.timeout, seconds, ctx.remaining)
        try:
            stdin = json.dumps({**common, **payload}).encode()
            outcome = run_command(Command(shell(hook.command), hook.folder, hook.env, stdin), limit)
            return _read(outcome, limit)
        except ToolError as exc:
            logger.warning("agent %s: the hook %s failed: %s", agent, event, exc)
            return Verdict(blocks=guards, reason=f"the hook failed ({exc})")


def _read(outcome: Outcome, limit: float) -> Verdict:
    """What a command that has ended says. Raises :class:`ToolError` if it failed."""
    if outcome.exit_code is None:
        raise ToolError(f"it did not end within {limit:g} s")
    if outcome.exit_code == 2:
        said = _object(outcome.stdout) if outcome.stdout.lstrip().startswith("{") else {}
        return Verdict(blocks=True, reason=outcome.stderr.strip() or _reason(said))
    if outcome.exit_code != 0:
        raise ToolError(f"exit code {outcome.exit_code}")
    if not outcome.stdout.lstrip().startswith("{"):
        return Verdict(context=outcome.stdout.strip())
    said = _object(outcome.stdout)
    specific = said.get("hook_specific_output") or {}
    if not isinstance(specific, dict) or not isinstance(specific.get("updated_input") or {}, dict):
        raise ToolError("`hook_specific_output` and its `updated_input` must be JSON objects")
    return Verdict(
        said.get("decision") == "block"
        or said.get("continue") is False
        or specific.get("permission_decision") in {"deny", "ask"},  # there is nobody to ask
        _reason(said) or str(specific.get("permission_decision_reason") or ""),
        specific.get("updated_input"),
        str(specific.get("additional_context") or ""),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ToolError("its output is not valid JSON") from exc
    return dict(said)


def _reason(said: Mapping[str, Any]) -> str:
    return str(said.get("reason") or said.get("stop_reason") or "")
