"""Runs the tool calls of one model reply."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..concurrency import Cancelled
from ..concurrency import FAILURES
from ..concurrency import spawn
from ..context import RunContext
from ..errors import NotAllowed
from ..errors import ToolError
from ..tools.base import Tool
from ..types import Batch
from ..types import ToolCall
from ..types import ToolFinished
from ..types import ToolResult
from ..types import ToolStarted
from .calls_seen import ToolCallSeen
from .policy import audited
from .policy import Gate
from .policy import OPEN
from .policy import record
from .reply import MOST_ARGUMENTS
from .reply import TOO_LONG

logger = logging.getLogger("flask_agent_api.tools")

CLEANUP_SECONDS = 5.0
"""How long a tool that was told to end may take for it before it is left to itself."""


def run_calls(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], agent: str, ctx: RunContext, gate: Gate = OPEN
) -> Generator[tuple[Batch, list[ToolResult]], None, None]:
    """Runs the calls that pass the gate; yields events, each with the results that they complete, in the calls' order.

    In parallel only when every call is of a read-only tool: two writes of one reply keep their order.
    """
    parallel = len(calls) > 1 and all(call.name in tools and tools[call.name].read_only for call in calls)
    groups = [calls] if parallel else [[call] for call in calls]
    for group in groups:
        yield [ToolStarted(call, agent, ctx.depth) for call in group], []
        running = [_RunningCall(call, tools.get(call.name), agent, ctx, gate) for call in group]
        try:
            for each in running:
                result, seconds = each.wait()
                yield [ToolFinished(each.call, result, seconds, agent, ctx.depth)], [result]
        finally:
            _end(running)


class _RunningCall:
    """A tool call in a task of its own, so that a hanging tool can be left and its siblings ended."""

    def __init__(self, call: ToolCall, tool: Tool | None, agent: str, ctx: RunContext, gate: Gate) -> None:
        self.call = call
        self._agent = agent
        self._gate = gate
        self._tool = tool
        self._ctx = ctx
        self._started = time.monotonic()
        self._ended = self._started
        self._result: ToolResult | None = None
        self._limit = _time_limit(tool, ctx)
        self._task = spawn(self._work)

    def wait(self) -> tuple[ToolResult, float]:
        """The result and how long it took; an error result when the time limit is up."""
        self._task.join(max(0.0, self._started + self._limit - time.monotonic()))
        if self._result is None:
            self.cancel()
            logger.warning("tool %s timed out after %g s", self.call.name, self._limit)
            self._result = ToolResult(f"Error: the tool {self.call.name} timed out after {self._limit:g} s.", True)
            self._ended = time.monotonic()
        return self._result, self._ended - self._started

    def cancel(self) -> bool:
        """Ends the call if it still runs; false if that is not possible."""
        return self._task.cancel(Cancelled("tool call ended"))

    def reap(self, timeout: float) -> None:
        """Waits for the cleanup of a call that was ended; one that does not end is left behind."""
        if not self._task.join(timeout):
            logger.error("tool %s does not end although it was cancelled: left behind", self.call.name)

    def _work(self) -> None:
        result = ToolResult("Error: the tool call was cancelled.", True)
        with ToolCallSeen(self.call, self._tool is not None, self._agent, self._ctx) as seen:
            try:
                with self._ctx.scope():
                    result = self._run()
            except FAILURES:
                logger.exception("the surroundings of tool %s failed", self.call.name)
                result = ToolResult(f"Error: the tool {self.call.name} failed (internal error).", True)
            finally:
                if self._result is None:
                    self._result, self._ended = result, time.monotonic()
                seen.result = self._result

    def _run(self) -> ToolResult:
        limit = self._ctx.settings.tool_output_chars
        try:
            tool, arguments = self._admitted()
        except ToolError as exc:
            return _presentable(ToolResult(f"Error: {exc}", True), limit)
        result = self._outcome(tool, arguments, limit)
        return self._gate.policy.hooks.after_tool(self.call, arguments, result, self._agent, self._ctx)

    def _admitted(self) -> tuple[Tool, dict[str, Any]]:
        with audited(self.call, self._agent, self._ctx):
            if self._tool is None:
                raise ToolError(f"there is no tool {self.call.name!r}. Use only the tools you were given.")
            arguments = _arguments(self.call.arguments)
            return self._tool, self._gate.admit(self.call, self._tool, arguments, self._agent, self._ctx)

    def _outcome(self, tool: Tool, arguments: dict[str, Any], limit: int) -> ToolResult:
        try:
            return _presentable(tool.call(arguments, self._ctx), limit)
        except ToolError as exc:
            if isinstance(exc, NotAllowed):  # what depends on more than the arguments, an address for example
                record(self.call, self._agent, self._ctx, f"denied: {exc.rule}")
            return _presentable(ToolResult(f"Error: {exc}", True), limit)
        except FAILURES as exc:
            logger.exception("tool %s failed", self.call.name)
            return ToolResult(f"Error: the tool {self.call.name} failed ({type(exc).__name__}).", True)


def _end(running: Sequence[_RunningCall]) -> None:
    ended = [each for each in running if each.cancel()]
    deadline = time.monotonic() + CLEANUP_SECONDS
    for each in ended:
        each.reap(max(0.0, deadline - time.monotonic()))


def _time_limit(tool: Tool | None, ctx: RunContext) -> float:
    limit = tool.timeout if tool is not None and tool.timeout is not None else ctx.settings.tool_timeout
    return min(limit, ctx.remaining)


def _arguments(text: str) -> dict[str, Any]:
    """The arguments of a call. Raises :class:`ToolError` that tells the model how to mend them."""
    if text == TOO_LONG:
        raise ToolError(f"the arguments are longer than {MOST_ARGUMENTS:,} characters. Use less at a time.")
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError) as exc:
        raise ToolError(f"the arguments are not valid JSON ({exc}). Call the tool again with a JSON object.") from None
    if not isinstance(arguments, dict):
        raise ToolError("the arguments must be a JSON object. Call the tool again with one.")
    return arguments


def _presentable(result: ToolResult | str, limit: int) -> ToolResult:
    """The result as the model reads it: never empty, cut at ``limit`` characters with a marker, an error named as one.

    A tool message has no field for failures: the text is all that a model sees.
    """
    result = ToolResult(result) if isinstance(result, str) else result
    content = result.content
    if result.is_error and not content.lower().startswith("error"):
        content = f"Error: {content or '(no output)'}"
    if len(content) > limit:
        content = f"{content[:limit]}\n[cut: {len(content) - limit} more characters]"
    return replace(result, content=content or "(no output)")
