"""The commands of a ``script`` toolset, each under the name of its tool."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...structured.json_schema import Invalid
from ...structured.json_schema import read_schema
from ...tools.process import INHERITED
from ...tools.script import Script
from ...tools.shell.place import Place
from ...types import JSONSchema
from ..placeholders import expand_path
from ..placeholders import expand_templates
from ..placeholders import Expanded
from ..section import did_you_mean
from ..section import found
from ..section import Section
from .toolset_fields import SCRIPT

_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_REFERENCE = re.compile(r"(?<!\\)\$(?:\{([A-Za-z_][\w.]*)\}|([A-Za-z_]\w*))")
_OWN = re.compile(r"\b([A-Za-z_]\w*)\+?=|\bfor\s+(\w+)|(?<![\w-])read\s+(?:-\w+\s+)*(\w+)")
_STEERS = re.compile(
    r"PATH|HOME|SHELL|IFS|ENV|BASH_.*|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|CDPATH|LD_.*|DYLD_.*|GLIBC_.*|GCONV_PATH|"
    r"LOCPATH|MALLOC_.*|PYTHON.*|PERL.*|RUBY.*|NODE_.*|GIT_.*|_?JAVA_.*|JDK_JAVA_OPTIONS|LESS.*|PAGER|EDITOR|VISUAL|"
    r"BROWSER|SSH_.*|TMPDIR|XDG_.*|(?i:.*_proxy)"
)


def read_scripts(entry: Section, place: Place, environ: Mapping[str, str]) -> list[Script]:
    """The scripts of a toolset whose commands run in ``place``. Raises :class:`ConfigError`."""
    scripts = entry.section("shell")
    if not scripts.data:
        raise entry.error(None, "a script toolset needs `shell`: commands by the names of their tools")
    return [_script(str(name), scripts, place, environ) for name in scripts.data]


def check_variables(section: Section) -> None:
    """Raises :class:`ConfigError` for a name in ``env`` that no environment can hold."""
    for name in section.data.get("env") or {}:
        if not isinstance(name, str) or not name or "=" in name:
            raise section.error("env", f'"{name}" cannot be the name of a variable')


def _script(name: str, scripts: Section, place: Place, environ: Mapping[str, str]) -> Script:
    if not _TOOL.fullmatch(name):
        raise scripts.error(name, "the name of a tool has letters, digits, _ and -, and begins with no digit")
    section = scripts.section(name)
    section.check(SCRIPT)
    check_variables(section)
    cmd = section.text("cmd")
    if not cmd.strip():
        raise section.error("cmd" if section.has("cmd") else None, "expected a `cmd`, the command to run")
    env = {key: _filled(section, f"env.{key}", expand_templates(value, environ))
           for key, value in section.text_map("env").items()}  # fmt: skip
    parameters = _parameters(section)
    _check_names(section, env)
    _check_references(section, {*parameters["properties"], *env, *place.env})
    folder = _filled(section, "working_dir", expand_path(section.text("working_dir"), environ))
    try:
        schema = read_schema(parameters)
    except (Invalid, TypeError) as exc:
        raise section.error("args", f"these are no properties of a JSON Schema: the schema {exc}") from None
    return Script(
        name, cmd, section.text("description") or f"Runs the command: {cmd}", parameters, schema,
        replace(place, folder=Path(place.folder, folder)), env,
    )  # fmt: skip


def _parameters(section: Section) -> JSONSchema:
    """The JSON Schema of the arguments. Without `required` all of them are."""
    properties = {
        str(name): _property(section, name, schema) for name, schema in (section.data.get("args") or {}).items()
    }
    required = section.texts("required") if section.has("required") else list(properties)
    for name in required:
        if name not in properties:
            raise section.error("required", f'there is no "{name}" in `args`{did_you_mean(name, properties)}')
    return {"type": "object", "properties": properties, "required": required}


def _property(section: Section, name: Any, schema: Any) -> JSONSchema:
    if isinstance(schema, str | None):
        schema = {"description": schema} if schema else {}
    if not isinstance(schema, dict):
        raise section.error("args", f'"{name}" must be a mapping such as {{type: string}}, found {found(schema)}')
    return {"type": "string", **{key: value for key, value in schema.items() if value is not None}}


def _check_names(section: Section, env: Mapping[str, str]) -> None:
    """Raises :class:`ConfigError` for arguments that would change what the command is, or that nothing can read."""
    for name in section.data.get("args") or {}:
        if not re.fullmatch(r"[A-Za-z_][\w-]*", str(name)):
            raise section.error("args", f'"{name}" cannot be the name of a variable')
        if _STEERS.fullmatch(str(name)):
            raise section.error("args", f'"{name}" decides which programs run, or how: a model may not set it')
        if name in env:
            raise section.error("args", f'"{name}" is in `env`, too: rename one of them')


def _check_references(section: Section, known: Collection[str]) -> None:
    """Raises :class:`ConfigError` for a variable of the command that nothing sets."""
    cmd = section.text("cmd")
    for name in dict.fromkeys(_references(cmd)):
        if name.startswith("env."):
            plain = name.removeprefix("env.")
            raise section.error(
                "cmd", f'`${{{name}}}` means nothing to a shell: put `env: {{{plain}: "${{{name}}}"}}` beside `cmd` '
                f"and write ${plain}",
            )  # fmt: skip
        if name not in known and name not in INHERITED and name not in _own_variables(cmd):
            raise section.error(
                "cmd", f"${name} is neither in `args` nor in `env`{did_you_mean(name, known)}; of other variables a "
                f"command sees only {', '.join(INHERITED)}",
            )  # fmt: skip


def _references(cmd: str) -> Iterator[str]:
    return (braced or plain for braced, plain in _REFERENCE.findall(cmd))


def _own_variables(cmd: str) -> set[str]:
    """The variables that a command sets itself, in loops for example."""
    return {name for names in _OWN.findall(cmd) for name in names if name}


def _filled(section: Section, key: str, expanded: Expanded) -> str:
    if expanded.missing:
        section.warn_of_unset(key, expanded.missing, "it is left empty")
    if expanded.unknown:
        section.warn(key, f"{expanded.unknown[0]} is not supported yet, it stays as it is")
    return expanded.text
