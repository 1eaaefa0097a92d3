"""The inputs of an ``agent.json``: what its author leaves to whoever runs it."""

from __future__ import annotations

from collections.abc import Mapping

from ..placeholders import expand_inputs
from ..placeholders import input_ids
from ..placeholders import input_variable
from ..section import Section
from .fields import INPUT


class Inputs:
    """The values of ``${input:id}``: from the environment, since a server can ask nobody.

    The variable is the id in capitals, with ``_`` for ``-``. An input without a value stays empty, with one warning
    that names the variable; no value is ever part of a message. Raises :class:`ConfigError` for an input without an id.
    """

    def __init__(self, agent: Section, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self._places: dict[str, tuple[Section, str | None]] = {}  # of the declaration, else of the first use
        self._used: set[str] = set()
        for entry in agent.sections("inputs"):
            entry.check(INPUT)
            if not (id := entry.text("id")):
                raise entry.error("id", "an input needs an `id`")
            self._places.setdefault(id, (entry, None))

    def fill(self, section: Section, key: str, text: str) -> str:
        """A text of the file with its inputs filled in. ``section`` and ``key`` say where it stands."""
        for id in input_ids(text):
            self._used.add(id)
            place, at = self._places.setdefault(id, (section, key))
            if not self.environ.get(input_variable(id)):
                place.warn_of_unset(at, [input_variable(id)], f"the input {id} stays empty")
        return expand_inputs(text, self.environ).text

    def leave(self, section: Section, key: str, texts: list[str]) -> tuple[str, ...]:
        """Texts in which inputs are not filled in, as in tiny-agents: what is passed to a command is seen by others."""
        ids = [id for text in texts for id in input_ids(text)]
        if ids:
            section.warn(key, f"${{input:{ids[0]}}} stays as it is: inputs are filled in in `env`, not here")
        self._used.update(ids)
        return tuple(texts)

    def warn_of_unused(self) -> None:
        """To be called when everything is filled in."""
        for id, (place, at) in self._places.items():
            if id not in self._used:
                place.warn(at, f"the input {id} is not used")
