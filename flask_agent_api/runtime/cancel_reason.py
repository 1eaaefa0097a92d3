"""Why runs are ended from outside."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RunEnded


@dataclass(frozen=True, slots=True)
class CancelReason:
    """Why a run was ended from outside, and what its reader is told."""

    name: str
    message: str
    status: int = 503

    def error(self) -> RunEnded:
        """The error that ends the stream."""
        return RunEnded(self.message, status=self.status, code=self.name)


CLIENT_GONE = CancelReason("client_disconnected", "The client closed the connection.", 499)
DEADLINE = CancelReason("run_timeout", "The agent did not finish in time.", 504)
SHUTDOWN = CancelReason("server_shutting_down", "The server is shutting down. Try again.", 503)
REQUESTED = CancelReason("run_cancelled", "The run was cancelled.", 499)
