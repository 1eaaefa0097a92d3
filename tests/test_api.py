"""The public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import flask_agent_api


def type_checkers_names() -> set[str]:
    """What the ``if TYPE_CHECKING`` block of the package imports."""
    tree = ast.parse(Path(flask_agent_api.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_all_names_the_same_things_everywhere() -> None:
    assert set(flask_agent_api.__all__) == set(flask_agent_api._HOMES) == type_checkers_names()
    assert len(flask_agent_api.__all__) == len(set(flask_agent_api.__all__))


def test_every_name_can_be_imported_from_its_home() -> None:
    for name in flask_agent_api.__all__:
        value = getattr(flask_agent_api, name)
        assert getattr(value, "__module__", "flask_agent_api").startswith("flask_agent_api"), name
    assert set(flask_agent_api.__all__) <= set(dir(flask_agent_api))


def test_a_star_import_gives_all_names() -> None:
    names: dict[str, object] = {}
    exec("from flask_agent_api import *", names)
    assert set(flask_agent_api.__all__) <= names.keys()


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(flask_agent_api, "no_such_name")


def test_importing_the_package_imports_nothing_heavy_and_patches_nothing() -> None:
    script = """
import socket, sys
import flask_agent_api
heavy = {"flask", "openai", "gevent", "pydantic", "yaml", "httptools", "mcp", "asyncio"} & sys.modules.keys()
assert not heavy, heavy
import flask_agent_api.concurrency, flask_agent_api.runtime.agent
assert not flask_agent_api.concurrency.patched()
assert socket.socket.__module__ == "socket"
assert not {"flask", "openai"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
