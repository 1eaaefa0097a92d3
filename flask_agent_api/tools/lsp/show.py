"""What language servers answer, as text for a model. Lines and characters count from 1 there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from .documents import path_of

_KINDS = (
    "File", "Module", "Namespace", "Package", "Class", "Method", "Property", "Field", "Constructor", "Enum",
    "Interface", "Function", "Variable", "Constant", "String", "Number", "Boolean", "Array", "Object", "Key", "Null",
    "EnumMember", "Struct", "Event", "Operator", "TypeParameter",
)  # fmt: skip
_SEVERITIES = ("Error", "Warning", "Info", "Hint")


def as_list(value: Any) -> list[Any]:
    """What may be one thing, several or null, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def hover(result: Any) -> str:
    """The contents of a hover: text, marked text, or several of them."""
    contents = result.get("contents") if isinstance(result, dict) else None
    return "\n\n".join(filter(None, map(markup, as_list(contents))))


def markup(value: Any) -> str:
    """A text, or an object that has one."""
    if isinstance(value, dict):
        return str(value.get("value") or "").strip()
    return "" if value is None else str(value).strip()


def locations(result: Any) -> str:
    """Places in files, one a line."""
    found = [_location(each) for each in as_list(result)]
    return f"Found {len(found)} location(s):\n" + "\n".join(found) if found else ""


def _location(data: Mapping[str, Any]) -> str:
    uri, where = data.get("uri") or data.get("targetUri"), data.get("range") or data.get("targetSelectionRange")
    start = (where or {}).get("start") or {}
    return f"- {path_of(uri)}:{start.get('line', 0) + 1}:{start.get('character', 0) + 1}"


def symbols(result: Any) -> str:
    """Symbols of a file, those inside others indented, or of the workspace, with their files."""
    return "\n".join(line for each in as_list(result) for line in _symbol(each, ""))


def _symbol(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    place = data.get("location")
    if isinstance(place, dict):
        inside = f" [in {data['containerName']}]" if data.get("containerName") else ""
        line = (place.get("range") or {}).get("start", {}).get("line", 0) + 1
        yield f"- {kind(data)} {data.get('name')} ({path_of(place.get('uri'))}:{line}){inside}"
        return
    yield f"{indent}- {kind(data)} {data.get('name')} (line {_line(data.get('selectionRange') or data.get('range'))})"
    for child in data.get("children") or []:
        yield from _symbol(child, f"{indent}  ")


def kind(data: Mapping[str, Any]) -> str:
    """What a symbol is."""
    number = data.get("kind")
    return _KINDS[number - 1] if isinstance(number, int) and 0 < number <= len(_KINDS) else f"Kind{number}"


def diagnostics(found: list[Any]) -> str:
    """Errors and warnings, one a line."""
    return "\n".join(
        f"- [{_severity(each)}] Line {_line(each.get('range'))}: {' '.join(str(each.get('message')).split())}"
        for each in found
    )


def _severity(data: Mapping[str, Any]) -> str:
    number = data.get("severity")
    return _SEVERITIES[number - 1] if isinstance(number, int) and 0 < number <= len(_SEVERITIES) else "Unknown"


def actions(result: Any) -> str:
    """Quick fixes and the like, with the changes that they would make."""
    lines = []
    for each in as_list(result):
        preferred = " (preferred)" if each.get("isPreferred") else ""
        label = f" [{each['kind']}]" if each.get("kind") else ""
        lines.append(f"- {each.get('title')}{label}{preferred}")
        if each.get("edit"):
            lines.append(f"  {json.dumps(each['edit'], ensure_ascii=False)}")
    return "\n".join(lines)


def calls(result: Any, key: str) -> str:
    """Callers (``from``) or what is called (``to``)."""
    return "\n".join(_item(each.get(key) or {}) for each in as_list(result))


def types(result: Any) -> str:
    """Supertypes or subtypes."""
    return "\n".join(map(_item, as_list(result)))


def _item(data: Mapping[str, Any]) -> str:
    place = f"{path_of(data.get('uri'))}:{_line(data.get('selectionRange') or data.get('range'))}"
    return f"- {kind(data)} {data.get('name')} ({place})"


def signatures(result: Any) -> str:
    """Signatures with what is said of them, the active one marked."""
    data = result if isinstance(result, dict) else {}
    active = data.get("activeSignature") or 0
    lines = []
    for number, each in enumerate(as_list(data.get("signatures"))):
        lines.append(f"{'>' if number == active else '-'} {each.get('label')}")
        if text := markup(each.get("documentation")):
            lines.append(text)
    return "\n".join(lines)


def hints(result: Any) -> str:
    """Types and names of parameters that the source leaves out."""
    lines = []
    for each in as_list(result):
        label, where = each.get("label"), each.get("position") or {}
        text = label if isinstance(label, str) else "".join(str(part.get("value")) for part in as_list(label))
        lines.append(f"- Line {where.get('line', 0) + 1}, character {where.get('character', 0) + 1}: {text.strip()}")
    return "\n".join(lines)


def _line(where: Any) -> int:
    return int((where or {}).get("start", {}).get("line", 0)) + 1
