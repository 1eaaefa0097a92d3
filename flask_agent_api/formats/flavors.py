"""Flavors: named changes to a docker-agent file, of which the operator chooses some.

A flavor is merged into the file before anything of it is read (RFC 7386): mappings are merged, null takes a key away
and everything else takes the place of what was there. Two notations are docker-agent's own: ``key+`` appends to a
list, ``key-`` takes names out of a mapping, or out of a list what is equal or has at least these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..errors import ConfigError
from .document import Document
from .document import KeyPath
from .section import as_text
from .section import did_you_mean
from .section import found


def with_flavors(document: Document, names: Sequence[str]) -> Document:
    """The document with some of its flavors, merged one after the other; a file that has none stays as it is.

    Raises :class:`ConfigError` for a name that is no flavor of the file, and for a flavor that cannot be merged.
    """
    flavors = document.data.get("flavors")
    if flavors is None or not names:
        return document
    if not isinstance(flavors, dict):
        raise document.error(("flavors",), f"expected a mapping, found {found(flavors)}")
    patch, data = _Patch(document), document.data
    for name in names:
        if name not in flavors:
            hint = did_you_mean(name, flavors) or f"; there are {', '.join(flavors)}"
            raise document.error(("flavors",), f'there is no flavor "{name}"{hint}')
        if flavors[name] is not None and not isinstance(flavors[name], dict):
            raise document.error(("flavors", name), f"expected a mapping, found {found(flavors[name])}")
        data = patch.merged(data, flavors[name] or {}, ("flavors", name), ())
    return Document(document.path, data, patch.lines)


class _Patch:
    """Changes data, and takes along on which line each part of it stands: a message leads to the flavor's."""

    def __init__(self, document: Document) -> None:
        self.lines = dict(document.lines)
        self._document = document

    def merged(self, base: Any, patch: Any, source: KeyPath, at: KeyPath) -> Any:
        """What stands at ``at`` when the part of the document at ``source`` has been merged into it."""
        if not isinstance(patch, dict):
            return self._put(patch, source, at)
        if not isinstance(base, dict):
            base = self._put({}, source, at)
        merged = dict(base)
        for key, value in patch.items():
            inner = (*source, key)
            if key.endswith("+"):
                merged[key[:-1]] = self._appended(merged.get(key[:-1]), value, inner, (*at, key[:-1]))
            elif key.endswith("-"):
                merged |= self._reduced(merged, key[:-1], value, inner, at)
            elif value is None:
                merged.pop(key, None)
                self._forget((*at, key))
            else:
                merged[key] = self.merged(merged.get(key), value, inner, (*at, key))
        return merged

    def _appended(self, base: Any, items: Any, source: KeyPath, at: KeyPath) -> list[Any]:
        if not isinstance(items, list):
            raise self._error(source, f"expected a list of what to append, found {found(items)}")
        if isinstance(base, dict):
            raise self._error(source, "there is a mapping, to which nothing can be appended")
        if base is None:
            self._put([], source, at)
        before = base if isinstance(base, list) else [] if base is None else [base]
        added = [
            self._put(item, (*source, position), (*at, len(before) + position)) for position, item in enumerate(items)
        ]
        return [*before, *added]

    def _reduced(self, holder: dict[str, Any], key: str, items: Any, source: KeyPath, at: KeyPath) -> dict[str, Any]:
        """The key with what is left there; nothing if it is not there."""
        if not isinstance(items, list):
            raise self._error(source, f"expected a list of what to take out, found {found(items)}")
        base = holder.get(key)
        if base is None:
            return {}
        if isinstance(base, dict):
            if any(isinstance(item, dict | list) for item in items):
                raise self._error(source, "there is a mapping: list the names to take out")
            gone = set(map(as_text, items))
            return {key: {name: value for name, value in base.items() if name not in gone}}
        if not isinstance(base, list):
            raise self._error(source, f"there is {found(base)}, from which nothing can be taken out")
        kept = [position for position, item in enumerate(base) if not any(_matches(item, each) for each in items)]
        place, lines = (*at, key), dict(self.lines)
        self._forget(place)
        self._copy([], lines, place, place)
        for new, old in enumerate(kept):
            self._copy(base[old], lines, (*place, old), (*place, new))
        return {key: [base[position] for position in kept]}

    def _put(self, value: Any, source: KeyPath, at: KeyPath) -> Any:
        self._forget(at)
        self._copy(value, self._document.lines, source, at)
        return value

    def _copy(self, value: Any, lines: Mapping[KeyPath, int], source: KeyPath, at: KeyPath) -> None:
        if source in lines:
            self.lines[at] = lines[source]
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            self._copy(item, lines, (*source, key), (*at, key))

    def _forget(self, at: KeyPath) -> None:
        if at in self.lines:
            for place in [place for place in self.lines if place[: len(at)] == at]:
                del self.lines[place]

    def _error(self, source: KeyPath, problem: str) -> ConfigError:
        return self._document.error(source, problem)


def _matches(item: Any, pattern: Any) -> bool:
    """Whether an item of a list is meant: by its value, or as a mapping by some of its fields."""
    if isinstance(pattern, dict):
        return isinstance(item, dict) and all(name in item and _matches(item[name], pattern[name]) for name in pattern)
    return type(item) is type(pattern) and bool(item == pattern)
