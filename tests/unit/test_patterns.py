"""No text that others write keeps one of our regular expressions busy: each takes time in proportion to its length."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flask_agent_api
from tests.backtracking import hostile_texts

pytestmark = pytest.mark.slow

LENGTHS = (22, 2_000, 20_000)
BUDGET = 0.05
"""Seconds of the processor for one text. What grows with the square of the length takes ten times that and more."""

FITTING = {
    "formats.durations._PART": "is only looked for in what _WHOLE fits",
    "web.host_app:<[^>]*>": "is for the addresses of the app's own routes",
}
SHORT = {
    "models.demo_phrases._TIME_IN": 300,
    "models.demo_phrases._TIME_NOW": 300,
}
"""Patterns whose texts have no more characters than this: longer ones are no question."""

FROM_THE_START = "formats.yaml_loader._CORE_SCHEMA"
"""Patterns that PyYAML, to which they are given, calls ``match`` of."""

WRITTEN_LATER = {
    "formats.docker_agent.hooks": "matchers that the file's author wrote, for names of tools",
    "formats.docker_agent.toolset_options": "what the file's author wrote, for names of tools",
    "models.demo_arguments": "names of a tool's arguments, none of which can begin in more than one way",
    "permissions": "globs, of which fnmatch makes what never tries a star twice",
    "web.tasks.answer": "one key between quotes",
}
"""Modules with patterns that are put together while they work, and of what."""

PACKAGE = Path(flask_agent_api.__file__).parent
NOT_IMPORTED = ("__main__", "wsgi", "gunicorn_worker", "function_child", "watchdog_process")


def modules() -> Iterator[tuple[str, dict[str, Any], ast.Module]]:
    """All of the package: name, names in it, and syntax."""
    for module in pkgutil.walk_packages(flask_agent_api.__path__, "flask_agent_api."):
        if module.name.endswith(NOT_IMPORTED):
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ModuleNotFoundError:  # of an extra
            continue
        tree = ast.parse(Path(str(loaded.__file__)).read_text(encoding="utf-8"))
        yield module.name.removeprefix("flask_agent_api."), vars(loaded), tree


def patterns() -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """All that modules have, and all that functions have written in them, with the methods that are called on them."""
    for module, names, tree in modules():
        for name, value in names.items():
            for number, pattern in enumerate(each for each in _flat(value) if isinstance(each, re.Pattern)):
                yield f"{module}.{name}{number or ''}", pattern, _uses(tree, name)
        for called, first in _calls_of_re(tree):
            if isinstance(first, ast.Constant) and called != "compile":
                yield f"{module}:{first.value}", re.compile(first.value), {called}


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, tuple):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _uses(tree: ast.AST, name: str) -> set[str]:
    """The methods that are called on a name. Where anything else is done with it, it may be searched for."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    read = [node for node in found if isinstance(node.ctx, ast.Load)]
    called = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.value in read]
    return {*called, *([] if called and len(called) == len(read) else ["search"])}


def _calls_of_re(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).startswith("re."):
            called = ast.unparse(node.func).removeprefix("re.")
            if called != "escape":
                yield called, node.args[0]


ALL = {name: (pattern, uses) for name, pattern, uses in patterns()}


def took(look: Callable[[Any], object], text: Any) -> float:
    start = time.thread_time()
    look(text)
    return time.thread_time() - start


@pytest.mark.parametrize("name", sorted(ALL.keys() - FITTING.keys()))
def test_a_long_text_takes_no_time(name: str) -> None:
    pattern, uses = ALL[name]
    uses = {"match"} if name.startswith(FROM_THE_START) else uses
    looks = [getattr(pattern, each) for each in ("match", "fullmatch") if each in uses]
    looks += [pattern.search] * bool(uses - {"match", "fullmatch", "pattern"})
    for length in (min(length, SHORT.get(name, length)) for length in LENGTHS):
        for text in hostile_texts(pattern, length):
            given: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            for look in looks:
                if took(look, given) > BUDGET:
                    assert min(took(look, given) for _ in range(2)) < BUDGET, (pattern.pattern, text[:60])


def test_patterns_are_found() -> None:
    assert len(ALL) > 100
    assert FITTING.keys() | SHORT.keys() <= ALL.keys()


@pytest.mark.parametrize(
    ("pattern", "length"),
    [(r"(a+)+b", 22), (r"(?:\w+\s?)+!", 22), (r"(?:a|ab?)*c", 22), (r"\s+$", 10_000), (r"a\s*,?\s*b", 10_000),
     (r"x(.*?)y", 10_000), (r"\[[^]]*\]\(", 10_000), (r"-(?:a+-)*:", 10_000)],
)  # fmt: skip
def test_what_can_be_made_to_try_over_and_over_is_found(pattern: str, length: int) -> None:
    compiled = re.compile(pattern)
    assert any(took(compiled.search, text) > BUDGET for text in hostile_texts(compiled, length))


def test_other_patterns_are_put_together_of_little() -> None:
    made = set()
    for module, _, tree in modules():
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        if any(not isinstance(first, ast.Constant) for each in functions for _, first in _calls_of_re(each)):
            made.add(module)
    assert made == WRITTEN_LATER.keys()
