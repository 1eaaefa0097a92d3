"""The headers that an agent file puts on requests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from ...context import RunContext
from ...once import warn_once
from ...redaction import keep_secrets
from ..header_template import HeaderTemplate

logger = logging.getLogger("flask_agent_api.tools")


@dataclass(frozen=True, slots=True)
class FileHeaders:
    """``fixed`` are the same for all; ``of_request`` are filled from the headers of the request that a run answers."""

    fixed: Mapping[str, str] = field(default_factory=dict, repr=False)
    of_request: Mapping[str, HeaderTemplate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keep_secrets(self.fixed)

    def fill(self, ctx: RunContext) -> dict[str, str]:
        """The headers for a run; one whose request lacks what it needs is left out.

        Raises :class:`~flask_agent_api.errors.ToolError` for a value that is not fit to be sent.
        """
        of_request: dict[str, str] = {}
        for name, template in self.of_request.items():
            if missing := template.missing(ctx.headers):
                warn_once(
                    logger, "the header %s is not sent where a request has no %s that may be forwarded",
                    name, " and ".join(missing),
                )  # fmt: skip
                continue
            of_request[name] = template.fill(ctx.headers)
        keep_secrets(of_request, passing=True)
        return {**self.fixed, **of_request}
