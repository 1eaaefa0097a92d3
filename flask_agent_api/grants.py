"""What only the operator can allow: the words of ``AGENT_API_ALLOW``. No agent file grants any of this."""

from __future__ import annotations

from collections.abc import Mapping

GRANTS: Mapping[str, str] = {
    "shell": "commands that a model writes",
    "script": "the commands of a file's `script` toolsets",
    "write": "tools that change files",
    "memory": "notes, tasks and plans that are kept for later conversations, and what was said in earlier ones",
    "webhook": "messages to the address of a file's `webhook` toolsets",
    "hooks": "the commands of a file's `hooks`",
    "private-network": "requests to addresses of this machine and its network",
    "remote-files": "whatever files do that were fetched from elsewhere",
}
"""Each word with what it allows."""


def refusal(what: str, grant: str) -> str:
    """The sentence that a model, and through it an author, reads about something that is not allowed."""
    return f"{what} is not allowed here. The operator can allow it with AGENT_API_ALLOW={grant}"
