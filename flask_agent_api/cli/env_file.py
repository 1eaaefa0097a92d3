"""Reads ``KEY=VALUE`` lines into the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")


def load_env_file(path: str) -> None:
    """Sets what the file names and the environment does not.

    Blank lines and lines that start with ``#`` are skipped; a value may stand in quotes, which are taken off.
    Raises :class:`click.UsageError` that names the line that is neither.
    """
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise click.UsageError(f"{path}:{number}: expected KEY=VALUE")
        name, value = found.groups()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        os.environ.setdefault(name, value)
