"""Imports run only downwards, so that each layer can be read without those above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import flask_agent_api

ROOT = Path(flask_agent_api.__file__).parent
LAYERS = """
__main__ | wsgi | cli testing | app | extension | web | adapters | formats demo | runtime | quotas | conversations
| tools | models | loop_thread | native_loop | hub_monitor telemetry
| child_process native_thread slot per_process reused_greenlets connection_pool gunicorn_worker
| signals | concurrency | context | settings | setting_values | types params prices records structured transcript
| grants mcp_stand_ins keys | allowance | permissions
| logs metrics_folder platform_store | errors redaction json_text once visible | __init__
"""
RANKS = {name: rank for rank, names in enumerate(LAYERS.split("|")) for name in names.split()}


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module that a tree imports, as a path; type checkers' imports excepted."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module or "").split(".")) if node.module else base
            yield from ((*module, alias.name) for alias in node.names)
        else:
            yield from imports(node, package)


def test_imports_run_only_downwards() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        for name in imports(ast.parse(path.read_text()), parts[:-1]):
            if name[0] == ROOT.name and RANKS.get(name[1], 99) < RANKS[parts[1]]:
                wrong.append(f"{'.'.join(parts)} imports {'.'.join(name)}")
            if name[0] in {"gevent", "greenlet"} and parts[1] != "concurrency":
                wrong.append(f"{'.'.join(parts)} imports {name[0]}")
    assert wrong == []


def test_every_module_has_a_layer() -> None:
    modules = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules - RANKS.keys() == set()


def test_the_check_finds_what_is_wrong() -> None:
    source = (
        "if TYPE_CHECKING:\n    from ..web import a\ndef f():\n    from ..web.b import c\nfrom .. import d\nimport e.f"
    )
    found = list(imports(ast.parse(source), ("flask_agent_api", "tools")))
    assert found == [("flask_agent_api", "web", "b", "c"), ("flask_agent_api", "d"), ("e", "f")]
