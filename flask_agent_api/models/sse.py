"""Server-Sent Events, read incrementally. Only ``data`` matters to Chat Completions: the rest is skipped."""

from __future__ import annotations

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The largest event that is accepted; a delta of a megabyte is an image, one of this size a mistake."""

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event grew beyond the limit."""


class EventParser:
    """Takes bytes in pieces of any size and gives back the ``data`` of the events that they complete."""

    __slots__ = ("_after_cr", "_limit", "_pieces", "_size", "_started")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []  # of the event that is not complete
        self._size = 0
        self._started = False
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads of all events that end in ``data``. Raises :class:`EventTooLarge`."""
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        if self._pieces:
            if b"\n" not in data:
                self._keep(data)
                return []
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
            self._size = 0
        elif data.endswith(b"\n\n") and data.startswith(b"data: ") and data.count(b"\n") == 2:
            return [data[6:-2]]  # one event in one read, as it comes where a model is slower than the network
        blocks = data.split(b"\n\n")
        if rest := blocks.pop():
            self._keep(rest)
        return self._payloads(blocks)

    def close(self) -> list[bytes]:
        """The payload of a last event that lacks its blank line, which some servers never send."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        return self._payloads([rest]) if rest else []

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise EventTooLarge(f"an event is larger than {self._limit} bytes")
        self._pieces.append(data)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """All line ends as LF. A CR at the end of a piece counts at once; the LF that may follow is dropped."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _payloads(self, blocks: list[bytes]) -> list[bytes]:
        if not self._started and blocks:
            self._started = True
            blocks[0] = blocks[0].removeprefix(_BOM)
        payloads = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block and len(block) > 6:
                payloads.append(block[6:])
            elif payload := _data_of(block):
                payloads.append(payload)
        return payloads


def _data_of(block: bytes) -> bytes:
    """The ``data`` lines of an event, joined by line feeds."""
    values = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values)
