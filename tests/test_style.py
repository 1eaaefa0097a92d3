"""The house style as far as a machine can check it; CONTRIBUTING.md has the rest."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "flask_agent_api").rglob("*.py"))
FILES = [*PACKAGE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
NOT_OURS = {"self", "cls", "_"}
SWALLOWED = {
    "concurrency.py": "the end of a task, which is what its cancellation asked for",
    "run.py": "what is left to do at the end of a run that is over",
}
"""Files that catch what is no Exception and do not raise it again, and what that is."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not [(str(path.relative_to(ROOT)), size) for path, size in sizes.items() if size > 500]
    assert statistics.median(sizes[path] for path in PACKAGE) < 200


def test_functions_are_short() -> None:
    found = [(path, node) for path in PACKAGE for node in functions(TREES[path])]
    assert not [(str(path.relative_to(ROOT)), node.name) for path, node in found if lines(node) > 60]
    assert statistics.median(lines(node) for _, node in found) <= 10


def test_everything_is_annotated() -> None:
    bare = []
    for path in FILES:
        for node in functions(TREES[path]):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            starred = [each for each in (node.args.vararg, node.args.kwarg) if each]
            known = all(each.annotation or each.arg in NOT_OURS for each in arguments + starred)
            if not known or (node.returns is None and node.name != "__init__"):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not bare


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(name in caught for name in ("BaseException", "GreenletExit", "Cancelled"))


def test_what_ends_a_run_is_not_swallowed() -> None:
    """A cancelled run and a timeout are no :class:`Exception`: whoever catches them must pass them on."""
    found = set()
    for path in PACKAGE:
        handlers = (node for node in ast.walk(TREES[path]) if isinstance(node, ast.ExceptHandler))
        for each in filter(_catches_everything, handlers):
            if not any(isinstance(node, ast.Raise) for node in ast.walk(each)):
                found.add(path.name)
    assert found == SWALLOWED.keys()


def _users(*packages: str) -> set[str]:
    """The files that import one of these packages."""
    found = set()
    for path in PACKAGE:
        imported = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in imported if isinstance(node, ast.ImportFrom) and not node.level}
        if any(module.partition(".")[0] in packages for module in modules):
            found.add(str(path.relative_to(ROOT / "flask_agent_api")))
    return found


def test_only_one_module_knows_gevent() -> None:
    assert _users("gevent", "greenlet") == {"concurrency.py"}


def test_native_threads_are_met_in_few_places() -> None:
    """Queues and pools of the standard library hold the hub up, or wait for what the hub alone could do."""
    assert _users("queue", "multiprocessing", "concurrent") == set()
    loops = {"loop_thread.py", "native_loop.py", "tools/mcp/http.py", "tools/mcp/session.py", "tools/mcp/transport.py"}
    assert _users("asyncio", "selectors") == {*loops, "testing/server.py"}
