"""How much a file tool does in one call."""

from __future__ import annotations

import time

from ...errors import ToolError

TEXT_BYTES = 1024 * 1024
"""Of a text file that is read or written as a whole."""

RANGE_BYTES = 64 * 1024 * 1024
"""Of a text file of which some lines are read."""

IMAGE_BYTES = 5 * 1024 * 1024

FILES_AT_ONCE = 50
"""Paths in one call."""

FOLDER_ENTRIES = 100_000
"""Of a folder that are looked at, at the most."""

LISTED = 1_000
"""Of a folder that are shown."""

TREE = 500
"""Entries of a tree that are shown."""

DEPTH = 32
"""Folders in folders."""

SEARCH_SECONDS = 20.0
SEARCHED_FILES = 20_000
MATCHES = 500


class Work:
    """One call at work in a thread: what it may take, and whether anybody still waits for it.

    ``chars`` is how much of a result the model gets to read.
    """

    def __init__(self, chars: int, seconds: float = SEARCH_SECONDS) -> None:
        self.chars = chars
        self._until = time.monotonic() + seconds
        self._ended = False

    def end(self) -> None:
        """From now on the work is for nobody; from any thread."""
        self._ended = True

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._ended or time.monotonic() > self._until

    def check(self) -> None:
        """Raises :class:`ToolError` if nobody waits any more."""
        if self._ended:
            raise ToolError("the call was ended")
