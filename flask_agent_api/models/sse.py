"""Server-Sent Events, read incrementally. Only ``data`` matters to Chat Completions: the rest is skipped."""

from __future__ import annotations

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The largest event that is accepted; a delta of a megabyte is an image, one of this size a mistake."""

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event grew beyond the limit."""


class EventParser:
    """Takes bytes in pieces of any size and gives them back by whole events, with line feeds for line ends."""

    __slots__ = ("_after_cr", "_limit", "_size", "_started", "pending")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self.pending: list[bytes] = []
        """Pieces of the event that is not complete."""
        self._size = 0
        self._started = False
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        """All events that end in ``data``, each with its blank line. Raises :class:`EventTooLarge`."""
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        if self.pending:
            if b"\n" not in data:
                self._keep(data)
                return b""
            data = b"".join((*self.pending, data))
            self.pending.clear()
            self._size = 0
        if not self._started:
            self._started = len(data) >= len(_BOM)
            data = data.removeprefix(_BOM)
        if data.endswith(b"\n\n"):
            return data
        end = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
        self._keep(data[end:])
        return data[:end]

    def close(self) -> bytes:
        """A last event that lacks its blank line, which some servers never send."""
        rest = b"".join(self.pending)
        self.pending.clear()
        return rest and rest + b"\n\n"

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise EventTooLarge(f"an event is larger than {self._limit} bytes")
        self.pending.append(data)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """All line ends as LF. A CR at the end of a piece counts at once; the LF that may follow is dropped."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data_of(event: bytes) -> bytes:
    """The ``data`` lines of an event, joined by line feeds."""
    values = []
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values)
