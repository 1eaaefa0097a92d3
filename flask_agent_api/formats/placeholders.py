"""Placeholders in agent files, and the fields' own rules for them.

docker-agent has two notations that do not overlap: ``${env.X}`` and ``${env.X || 'default'}`` in what is shown or
sent, ``$X`` and ``${X}`` in the environment of toolsets and in paths. Addresses and headers may have ``${X}``, too,
and headers of toolsets ``${headers.X}``, for a header of the request that a run answers. tiny-agents has
``${input:id}``. Instructions and the arguments of commands are never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass

from ..redaction import is_secret
from ..redaction import keep_secret
from ..tools.header_template import HeaderTemplate
from ..tools.header_template import RequestHeader

_DEFAULT = r"""(?:\|\|\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*)?"""
_VALUE = r"""(?:env\.[A-Za-z_]\w*|'[^'\\]*'|"[^"\\]*"|`[^`\\$]*`)"""
_VALUES = re.compile(_VALUE)
_TEMPLATE = re.compile(rf"""\$\{{\s*({_VALUE}(?:\s*\|\|\s*{_VALUE})*)\s*\}}""")
_HEADER = re.compile(
    rf"""\$\{{\s*headers(?:\.([\w-]+)|\[\s*(?:'([\w-]+)'|"([\w-]+)")\s*\])\s*{_DEFAULT}\}}""", re.ASCII
)
_VARIABLE = re.compile(r"\$(?:\{\s*(?:env\.)?([A-Za-z_]\w*)\s*\}|([A-Za-z_]\w*))")
_BARE = re.compile(r"\$\{\s*([A-Z_][A-Z0-9_]*)\s*\}")
_INPUT = re.compile(r"\$\{input:([^{}]+)\}")
_ANY = re.compile(r"\$\{[^}]{0,500}\}")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its placeholders filled in, and the environment variables that were asked for but are not set.

    ``unknown`` lists expressions in the notation that are not supported; they stay in the text as they are.
    """

    text: str
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def expand_templates(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fills in ``${env.X}``, ``${env.X || 'default'}`` and longer rows of both: the first that is not empty counts.

    Variables that are not set and have no default leave nothing.
    """

    def value(found: re.Match[str]) -> str | None:
        values = [
            environ.get(each[4:]) if each.startswith("env.") else each[1:-1] for each in _VALUES.findall(found[1])
        ]
        return next(filter(None, values), values[-1])

    # What a value holds is not looked at again: a variable cannot smuggle in another placeholder.
    unknown = tuple(_ANY.findall(_TEMPLATE.sub("", text)))
    expanded = _expand(_TEMPLATE, text, value, lambda found: _VALUES.findall(found[1])[-1][4:])
    return Expanded(expanded.text, expanded.missing, unknown)


def expand_address(text: str, environ: Mapping[str, str]) -> Expanded:
    """Like :func:`expand_templates`, for addresses and headers: older files have ``${X}`` there, in capitals."""
    return expand_templates(_BARE.sub(r"${env.\1}", text), environ)


def header_template(text: str) -> HeaderTemplate | None:
    """The text with its ``${headers.X}`` and ``${headers.X || 'default'}`` as places to be filled; None if it has none.

    Names are written as they are, or in brackets as JavaScript would have them: ``${headers['X-User']}``.
    """
    parts: list[str | RequestHeader] = []
    end = 0
    for found in _HEADER.finditer(text):
        default = found[4] if found[4] is not None else found[5]
        parts += [text[end : found.start()], RequestHeader((found[1] or found[2] or found[3]).lower(), default)]
        end = found.end()
    return HeaderTemplate(tuple(part for part in (*parts, text[end:]) if part)) if parts else None


def expand_variables(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fills in ``$X``, ``${X}`` and ``${env.X}``."""
    return _expand(_VARIABLE, text, lambda found: environ.get(found[1] or found[2]), lambda found: found[1] or found[2])


def expand_path(text: str, environ: Mapping[str, str]) -> Expanded:
    """Like :func:`expand_variables`, and a leading ``~`` means the home folder."""
    if text == "~" or text.startswith("~/"):
        text = "$HOME" + text[1:]
    return expand_variables(text, environ)


def expand_inputs(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fills in ``${input:id}`` from the variable :func:`input_variable` names; nothing where it is not set."""
    return _expand(
        _INPUT, text, lambda found: environ.get(input_variable(found[1])), lambda found: input_variable(found[1])
    )


def input_ids(text: str) -> list[str]:
    """The ids of all ``${input:id}`` in a text."""
    return _INPUT.findall(text)


def input_variable(input_id: str) -> str:
    """The environment variable for an input of tiny-agents: ``hf-token`` is ``HF_TOKEN``."""
    return input_id.upper().replace("-", "_")


def _expand(
    pattern: re.Pattern[str],
    text: str,
    value: Callable[[re.Match[str]], str | None],
    variable: Callable[[re.Match[str]], str],
) -> Expanded:
    missing: dict[str, None] = {}

    def replacement(found: re.Match[str]) -> str:
        if (filled := value(found)) is None:
            missing[variable(found)] = None
        elif is_secret(variable(found), ""):
            keep_secret(filled)
        return filled or ""

    return Expanded(pattern.sub(replacement, text), tuple(missing))
