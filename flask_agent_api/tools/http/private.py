"""Which private addresses a tool may ask whose host an agent file names."""

from __future__ import annotations

from ...context import RunContext
from .client import Admit
from .url import WebURL


def admit_home(home: WebURL, ctx: RunContext, *, asked: bool | None) -> Admit:
    """Lets the origin of ``home`` be private if the operator allows ``private-network``.

    ``asked`` is the file's ``allow_private_ips``: true lets whatever it redirects to be private, too, false nothing.
    """
    allowed = "private-network" in ctx.settings.allow and asked is not False
    return lambda url: allowed and (asked is True or url.origin == home.origin)
