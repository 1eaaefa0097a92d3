"""The other side of :mod:`~flask_agent_api.tools.function_process`: runs in the new process, for one call."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..settings import Settings
from ..types import ToolResult
from .function import FunctionTool
from .function_process import MAX_BYTES
from .function_process import MAX_CHARS


def main() -> None:
    """Reads a call from stdin and writes its answer to what was stdout, which from then on is where stderr is.

    So nothing that the function prints, from C or through what it starts, can be mistaken for a part of the answer.
    """
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        out.write(json.dumps(_answer(json.load(sys.stdin))).encode())


def _answer(call: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _packed(_called(call))
    except ToolError as exc:
        return {"tool_error": str(exc)}
    except (Exception, SystemExit) as exc:
        return {"failure": type(exc).__name__, "trace": traceback.format_exc()}


def _called(call: Mapping[str, Any]) -> ToolResult:
    tool = FunctionTool(_found(*call["where"]), name=call["name"])
    result = tool.call(call["arguments"], RunContext(Settings(tool_output_chars=MAX_CHARS)))
    return result if isinstance(result, ToolResult) else ToolResult(result)


def _found(module: str, path: str) -> Callable[..., Any]:
    """The function by its name. Raises LookupError if there is none of that name."""
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise LookupError(f"the module {module} has no function {path!r}")
    return found.function if isinstance(found, FunctionTool) else found


def _packed(result: ToolResult) -> dict[str, Any]:
    images = [asdict(image) for image in result.images]
    if sum(len(value) for image in images for value in image.values()) > MAX_BYTES // 2:
        raise ToolError("the images of the result are too large")
    return {"result": result.content[:MAX_CHARS], "is_error": result.is_error, "images": images}
