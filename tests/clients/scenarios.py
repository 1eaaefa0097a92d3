"""What each client is asked, and what has to reach the code that uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import TypeAlias

Seen: TypeAlias = dict[str, Any]
"""A line of a script: see ``Seen`` in scripts/report.py. ``posts`` is how many requests the server got."""

SAFE_MODES = ("events", "none", "reasoning", "details", "openwebui", "tags")
CONTENT_MODES = ("details", "tags")
UNSAFE_MODES = ("tool_calls", "tool_role")

ANSWER = "The tool calculate says: 84\n\n(I am a demo model: I follow fixed patterns and understand nothing else.)"
"""What the demo model makes of its tool's result."""


@dataclass(frozen=True)
class Scenario:
    """A question to a model. ``way`` is the function of the scripts that plays it.

    ``check`` fails with an AssertionError and otherwise says how it went, in a word or two, for the table.
    """

    name: str
    way: str
    check: Callable[[Seen], str]
    model: str = "root"
    question: str = "Hello there"

    def line(self, key: str) -> dict[str, str]:
        """What a script is told."""
        return {"name": self.name, "way": self.way, "model": self.model, "question": self.question, "key": key}


def _ok(seen: Seen) -> None:
    assert not seen["error"], f"{seen['error']}: {seen['message']}"


def _models(seen: Seen) -> str:
    _ok(seen)
    assert {"root", "mathematician", "slow", "broken"} <= {*seen["models"]}
    return "ok"


def _complete(seen: Seen) -> str:
    _ok(seen)
    assert len(seen["pieces"]) == 1
    return _answered(seen, 'You said: "Hello there"')


def _stream(seen: Seen) -> str:
    _ok(seen)
    assert len(seen["pieces"]) > 10
    return _answered(seen, 'You said: "Hello there"')


def _answered(seen: Seen, text: str) -> str:
    assert text in "".join(seen["pieces"])
    assert seen["pending"] == []
    assert seen["posts"] == 1
    return "ok"


def _server_tool(seen: Seen) -> str:
    """The tool ran on the server, once; the client was not asked to run it, and finds it where the mode puts it."""
    _ok(seen)
    _answered(seen, ANSWER)
    in_text = seen["name"].partition(" ")[0] in CONTENT_MODES
    assert ("".join(seen["pieces"]) != ANSWER) == in_text
    return _shown(seen)


def _shown(seen: Seen) -> str:
    """Where the tool is to be seen, besides its result in the answer."""
    if seen["events"]:
        return "extra key"
    if "calculate" in seen["reasoning"]:
        return "thinking"
    return "not shown" if "".join(seen["pieces"]) == ANSWER else "text"


def _whatever(seen: Seen) -> str:
    """Modes that are not safe: what comes of them is written down."""
    again = f", {seen['posts']} requests" if seen["posts"] > 1 else ""
    if seen["error"]:
        return f"{seen['error']}{again}"
    if seen["pending"]:
        return f"told to run it{again}"
    return f"{_shown(seen)}{again}"


def _client_tool(seen: Seen) -> str:
    _ok(seen)
    assert seen["ran"] == ["shirt_size Ada"]
    assert "shirt_size says: size M" in "".join(seen["pieces"])
    assert seen["posts"] == 2
    return "ok"


def _structured(seen: Seen) -> str:
    _ok(seen)
    assert {name: type(value) for name, value in (seen.get("value") or {}).items()} == {"city": str, "days": int}
    assert seen["posts"] == 1
    return "ok"


def _error(seen: Seen) -> str:
    assert seen["error"], "the client took a failure for an answer"
    assert "the model went away" in seen["message"]
    assert "".join(seen["pieces"]) == "The beginning"
    assert seen["posts"] == 1
    return f"{seen['error']}"


def _keep_alive(seen: Seen) -> str:
    _ok(seen)
    return _answered(seen, "one two three")


def _with_tool(mode: str, check: Callable[[Seen], str]) -> list[Scenario]:
    question = "What is 12 * (3 + 4)?"
    return [
        Scenario(f"{mode} {way}", way, check, model=f"root:{mode}", question=question) for way in ("stream", "complete")
    ]


SCENARIOS = [
    Scenario("models", "models", _models),
    Scenario("complete", "complete", _complete),
    Scenario("stream", "stream", _stream),
    *(scenario for mode in SAFE_MODES for scenario in _with_tool(mode, _server_tool)),
    *(scenario for mode in UNSAFE_MODES for scenario in _with_tool(mode, _whatever)),
    Scenario("client tool", "client_tool", _client_tool, question="use shirt_size with name Ada"),
    Scenario("structured", "structured", _structured, question="How long will you be in Oslo?"),
    Scenario("forced tool", "forced_tool", _structured, question="How long will you be in Oslo?"),
    Scenario("JSON mode", "json_mode", _structured, model="travel", question="Answer in JSON: how long in Oslo?"),
    Scenario("error", "stream", _error, model="broken"),
    Scenario("keep-alive", "stream", _keep_alive, model="slow"),
]
