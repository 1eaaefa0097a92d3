"""What the versions of the A2A protocol say in different words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...types import IMAGE_TYPES

_OUTPUT = ["text/plain", "text", "application/json", *sorted(IMAGE_TYPES)]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The methods and fields of a version. Whoever asks is told of a task at once and does not wait for its end."""

    send: str
    get: str
    cancel: str
    role: str
    no_waiting: Mapping[str, bool]
    kinds: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def message(self, text: str) -> dict[str, Any]:
        """The parameters of ``send`` for a text of the user, in a conversation of its own."""
        part = {"kind": "text", "text": text} if self.kinds else {"text": text}
        message = {"messageId": uuid.uuid4().hex, "role": self.role, "parts": [part]}
        if self.kinds:
            message["kind"] = "message"
        return {"message": message, "configuration": {"acceptedOutputModes": _OUTPUT, **self.no_waiting}}


V0 = Dialect("message/send", "tasks/get", "tasks/cancel", "user", {"blocking": False}, kinds=True)
"""Versions before 1.0."""

V1 = Dialect(
    "SendMessage", "GetTask", "CancelTask", "ROLE_USER", {"returnImmediately": True}, headers={"A2A-Version": "1.0"}
)
"""Version 1.0 and those after it that are compatible."""
