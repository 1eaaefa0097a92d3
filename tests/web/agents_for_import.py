"""An agent for tests that name one by import string."""

from __future__ import annotations

from typing import Any


def greet(messages: list[Any]) -> str:
    """Greets."""
    return "hello"
