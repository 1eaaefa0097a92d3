"""What is kept of a command's output, which may be endless."""

from __future__ import annotations


class KeptOutput:
    """The first ``head`` and the last ``tail`` bytes of what is added to it."""

    __slots__ = ("_first", "_head", "_last", "_tail", "total")

    def __init__(self, head: int, tail: int = 0) -> None:
        self.total = 0
        self._head = head
        self._tail = tail
        self._first = bytearray()
        self._last = bytearray()

    def add(self, data: bytes) -> None:
        """Keeps what there is room for; of the last bytes the older ones make room."""
        self.total += len(data)
        room = self._head - len(self._first)
        if room > 0:
            self._first += data[:room]
            data = data[room:]
        self._last += data
        if len(self._last) > 2 * self._tail:  # not each time: what stays has to be moved
            del self._last[: len(self._last) - self._tail]

    @property
    def cut(self) -> bool:
        """Whether some of it was thrown away."""
        return self.total > self._head + self._tail

    def text(self, limit: int | None = None) -> str:
        """It as text, with a marker where something is missing, unless only the beginning was to be kept.

        ``limit`` is how many characters of it may be left, half of them of the end. What is no UTF-8, and NUL, which
        not every model's provider takes, becomes U+FFFD.
        """
        if not self.cut:
            first, last = _decoded(self._first + self._last), ""
            if limit is None or len(first) <= limit:
                return first
            last = first
        else:
            first, last = _decoded(self._first), _decoded(self._last[max(0, len(self._last) - self._tail) :])
        if limit is not None:
            first, last = first[: limit - limit // 2], last[max(0, len(last) - limit // 2) :]
        if not self._tail:
            return first
        return f"{first}\n[cut: this is the beginning and the end of {self.total} bytes]\n{last}"


def _decoded(data: bytearray) -> str:
    return data.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
