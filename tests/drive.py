"""Drives whole teams: every agent is asked, every member gets a task, every handoff and every command is used.

The server is real or a test client; the models are those of the file, with a scripted provider in the place of all of
theirs (``AGENT_API_GATEWAY``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from flask_agent_api.formats.docker_agent.parts import PARTS
from flask_agent_api.formats.yaml_loader import load_yaml
from flask_agent_api.models.demo_instances import example
from flask_agent_api.testing import FakeUpstream

AGENT, MODEL = PARTS["agent"].fields, PARTS["model"].fields

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "background_jobs": ("run_background_job", {"cmd": "sleep 60"}),
    "environment": ("get_environment_info", {}),
    "shell": ("shell", {"cmd": "echo done"}),
}
"""A call of each toolset that needs no service."""

Ask = Callable[[str, str], dict[str, Any]]
"""Asks the agent of a name; returns the body of the answer."""


@dataclass
class Drive:
    """One team, asked through ``ask``. ``counts`` says what was done."""

    file: Path
    ask: Ask
    upstream: FakeUpstream
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._data = load_yaml(self.file).data
        self._agents: dict[str, dict[str, Any]] = self._data["agents"]

    def everything(self) -> Counter[str]:
        """Drives all of it."""
        for name, agent in self._agents.items():
            self.counts["agents"] += 1
            self._answers(name)
            for member in self._members(agent, "sub_agents"):
                self._gives_a_task(name, member)
            for member in self._members(agent, "handoffs"):
                self._hands_over(name, member)
            for tool in self._catalogue_tools(agent):
                self._calls(name, tool)
            for command in self._commands(agent):
                self._takes_a_command(name, command)
            for tool, arguments in self._harmless_calls(agent):
                self._uses(name, tool, arguments)
            if agent.get("fallback") and "fallback" in AGENT.supported:
                self._falls_back(name)
            for route in self._routes(agent):
                self._routes_to(name, route)
        return self.counts

    def _answers(self, name: str) -> None:
        told = self._queue_answer(name)
        assert self._asked(name, "Good morning").endswith(told[-1]), (self.file, name)

    def _gives_a_task(self, name: str, member: str) -> None:
        self.counts["tasks"] += 1
        task = {"agent": member, "task": "Do it.", "expected_output": "Done."}
        self.upstream.tool_call("transfer_task", task)
        result = self._queue_answer(member)
        told = self._queue_answer(name)
        assert self._asked(name, "Have it done").endswith(told[-1])
        results = [message["content"] for body in self._bodies() for message in body["messages"] if is_result(message)]
        assert any(result[-1] in text for text in results), (self.file, name, member, results)

    def _calls(self, name: str, tool: str) -> None:
        """Calls a tool of the tests' own MCP server, which is in the place of one of Docker's catalogue."""
        self.counts["calls"] += 1
        self.upstream.tool_call(tool, {"text": f"Told by {name}."})
        told = self._queue_answer(name)
        assert self._asked(name, "Look it up").endswith(told[-1]), (self.file, name, tool)
        results = [message["content"] for body in self._bodies() for message in body["messages"] if is_result(message)]
        assert f"Told by {name}." in results, (self.file, name, tool, results)

    def _hands_over(self, name: str, member: str) -> None:
        self.counts["handoffs"] += 1
        self.upstream.tool_call("handoff", {"agent": member})
        told = self._queue_answer(member)
        assert self._asked(name, "Put me through").endswith(told[-1]), (self.file, name, member)
        systems = [body["messages"][0]["content"] for body in self._bodies()]
        assert len(set(systems)) >= 2, (self.file, name, member)

    def _takes_a_command(self, name: str, command: str) -> None:
        self.counts["commands"] += 1
        self._queue_answer(name)
        self._asked(name, f"/{command} spring")
        said = self._bodies()[0]["messages"][-1]["content"]
        assert not said.startswith(f"/{command}"), (self.file, name, said)

    def _uses(self, name: str, tool: str, arguments: dict[str, Any]) -> None:
        self.counts["tools"] += 1
        self.upstream.tool_call(tool, arguments)
        told = self._queue_answer(name)
        assert self._asked(name, "Go ahead").endswith(told[-1])
        result = self._bodies()[1]["messages"][-1]["content"]
        refused = "is not allowed" in result or "needs an approval" in result
        assert not result.startswith("Error") or (refused and self._data.get("permissions")), (self.file, name, result)

    def _falls_back(self, name: str) -> None:
        self.counts["fallbacks"] += 1
        self.upstream.error(401)
        told = self._queue_answer(name)
        assert self._asked(name, "Good morning").endswith(told[-1])
        assert len({body["model"] for body in self._bodies()}) == 2

    def _routes_to(self, name: str, route: dict[str, Any]) -> None:
        self.counts["routes"] += 1
        self._queue_answer(name)
        self._asked(name, route["examples"][0])
        reference = self._data.get("models", {}).get(route["model"], {}).get("model", "")
        assert self._bodies()[0]["model"] == reference or route["model"].partition("/")[2]

    def _queue_answer(self, name: str) -> list[str]:
        """An answer of an agent, and of those that it always hands over to: all of their texts."""
        told: list[str] = []
        while name:
            told.append(self._text(name))
            self.upstream.text(told[-1])
            forced = self._agents[name].get("force_handoff", "")
            name = forced if "force_handoff" in AGENT.supported else ""
        return told

    def _text(self, name: str) -> str:
        output = self._agents[name].get("structured_output")
        return json.dumps(example(output["schema"])) if output else f"This is {name}."

    def _asked(self, name: str, text: str) -> str:
        """The answer to a question, for which everything that was queued was needed."""
        self._before = len(self.upstream.requests)
        answer = self.ask(name, text)
        assert "choices" in answer, (self.file, name, answer)
        assert answer["choices"][0]["finish_reason"] == "stop", (self.file, name, answer)
        self.counts["answers"] += 1
        return str(answer["choices"][0]["message"]["content"])

    def _bodies(self) -> list[Any]:
        """What the provider was asked for the last answer."""
        return [request.json for request in self.upstream.requests[self._before :]]

    def _members(self, agent: dict[str, Any], key: str) -> list[str]:
        return [name for name in agent.get(key) or [] if name in self._agents] if key in AGENT.supported else []

    def _catalogue_tools(self, agent: dict[str, Any]) -> list[str]:
        """A tool of each server of Docker's catalogue, by the name that the agent's model knows."""
        entries = [entry for entry in agent.get("toolsets") or [] if str(entry.get("ref")).startswith("docker:")]
        return ["echo" for entry in entries if not entry.get("tools")]

    def _commands(self, agent: dict[str, Any]) -> list[str]:
        """Those with a prompt of their own that go to the agent itself."""
        own = agent.get("commands") or {}
        groups = [self._data["commands"][group] for group in agent.get("use_commands") or []]
        entries = [*(own if isinstance(own, list) else [own]), *groups]
        return [name for entry in entries for name, command in entry.items() if not is_elsewhere(command)]

    def _harmless_calls(self, agent: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """A call for each toolset whose tools run here and change nothing if they are called like that."""
        entries = [entry for entry in agent.get("toolsets") or [] if not entry.get("defer") and not entry.get("tools")]
        return [CALLS[entry["type"]] for entry in entries if entry["type"] in CALLS]

    def _routes(self, agent: dict[str, Any]) -> list[dict[str, Any]]:
        model = (self._data.get("models") or {}).get(agent.get("model") or "") or {}
        return model.get("routing") or [] if "routing" in MODEL.supported else []


def is_result(message: dict[str, Any]) -> bool:
    """Whether a message is what a tool gave."""
    return bool(message["role"] == "tool")


def is_elsewhere(command: Any) -> bool:
    """Whether a command is for another agent, or no prompt at all."""
    return isinstance(command, dict) and bool(command.get("agent") or command.get("url"))
