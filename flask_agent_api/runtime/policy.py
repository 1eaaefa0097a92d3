"""What may run: decided before each tool call, and written to the audit log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..context import RunContext
from ..errors import NotAllowed
from ..errors import ToolError
from ..grants import refusal
from ..tools.base import Tool
from ..types import ToolCall

logger = logging.getLogger("flask_agent_api.audit")


def check_grant(tool: Tool, ctx: RunContext) -> None:
    """Raises :class:`NotAllowed` if the operator has not allowed what the tool needs."""
    if tool.needs and tool.needs not in ctx.settings.allow:
        raise NotAllowed(refusal(f"The tool {tool.name}", tool.needs), f"AGENT_API_ALLOW lacks {tool.needs}")


@contextmanager
def audited(call: ToolCall, agent: str, ctx: RunContext) -> Iterator[None]:
    """Writes to the audit log how its block decides about a call: it lets it pass or raises :class:`ToolError`."""
    try:
        yield
    except NotAllowed as exc:
        record(call, agent, ctx, f"denied: {exc.rule}")
        raise
    except ToolError:
        record(call, agent, ctx, "not called")
        raise
    record(call, agent, ctx, "allowed")


def record(call: ToolCall, agent: str, ctx: RunContext, verdict: str) -> None:
    """One line: who had which agent call which tool, and what was decided.

    Never the arguments, which may be secret. Names are escaped, as models make them up.
    """
    names = (ctx.principal.id, agent, call.name)
    logger.info("tool call run=%s principal=%.100r agent=%.100r tool=%.100r %s", ctx.run_id, *names, verdict)
