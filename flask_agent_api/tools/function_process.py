"""Python functions that run in a process of their own for each call, which can be killed in the middle of anything.

The process is a new interpreter and no fork: it has nothing of the worker's sockets, locks and greenlets. It imports
the function by its name, so what it costs is the start of an interpreter and the import of that module. The function is
the operator's own code, so it has all variables of the worker, unlike commands.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError
from ..errors import ToolError
from ..types import Image
from ..types import ToolResult
from .process import Command
from .process import RunningCommand
from .shell.words import ended

MAX_CHARS = 1024 * 1024
"""Characters of a result that leave the process, at the most. How many the model gets to read is a setting."""

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of a result with its images, at the most."""

_WRITTEN_CHARS = 16_000
_CHILD = """
import json, sys
sys.path[:] = json.loads(sys.stdin.readline())
from flask_agent_api.tools.function_child import main
main()
"""
_logger = logging.getLogger("flask_agent_api.tools")


class FunctionProcess:
    """How a function is called in a process of its own. Raises :class:`ConfigError` if no other process can find it."""

    def __init__(self, function: Callable[..., Any], name: str, context_name: str) -> None:
        module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        if context_name:
            raise _impossible(name, f"the run's context cannot leave the server's process; drop {context_name!r}")
        if not inspect.isfunction(function) or "<" in path:  # <lambda>, <locals>
            raise _impossible(name, "only functions at the top level of a module can be found there")
        if not module or module == "__main__":
            raise _impossible(name, "the program itself cannot be imported there; put the function into a module")
        self._name = name
        self._where = (module, path)

    def call(self, arguments: dict[str, Any], seconds: float) -> ToolResult:
        """Calls the function, for ``seconds`` at the most. Raises :class:`ToolError` for whatever goes wrong.

        When it returns, or is cancelled, the process and all that it started are gone.
        """
        running = RunningCommand(self._command(arguments))
        exit_code = running.finish(seconds)
        if written := running.stderr.text(_WRITTEN_CHARS).strip():
            _logger.info("tool %s wrote:\n%s", self._name, written)
        if exit_code is None:
            raise ToolError(f"the tool {self._name} timed out after {seconds:g} s.")
        return self._result(_answer(running), exit_code)

    def _command(self, arguments: dict[str, Any]) -> Command:
        call = {"where": self._where, "name": self._name, "arguments": arguments}
        stdin = f"{json.dumps([str(path) for path in sys.path])}\n{json.dumps(call)}".encode()
        argv = (sys.executable, "-c", _CHILD)
        return Command(argv, os.getcwd(), env=os.environ, stdin=stdin, head=MAX_BYTES, tail=_WRITTEN_CHARS)

    def _result(self, answer: dict[str, Any], exit_code: int) -> ToolResult:
        if "result" in answer:
            images = tuple(Image(**image) for image in answer["images"])
            return ToolResult(answer["result"], answer["is_error"], images)
        if "tool_error" in answer:
            raise ToolError(answer["tool_error"])
        _logger.error("tool %s failed: %s\n%s", self._name, ended(exit_code), answer.get("trace", ""))
        raise ToolError(f"the tool {self._name} failed ({answer.get('failure') or ended(exit_code)}).")


def _impossible(name: str, reason: str) -> ConfigError:
    return ConfigError(f"Tool {name!r}: `process=True` calls the function in another process, and {reason}")


def _answer(running: RunningCommand) -> dict[str, Any]:
    """What the process had to say; nothing if it was ended in the middle."""
    try:
        answer = json.loads(running.stdout.text())
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
