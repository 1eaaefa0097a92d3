"""The content of a response: decompressed up to a limit, and as text."""

from __future__ import annotations

import codecs
import re
import zlib

from ...errors import ToolError

_GZIP = zlib.MAX_WBITS | 32  # takes zlib's own header, too
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE | re.ASCII)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CODECS = re.compile(r"utf-(8|16)|ascii|iso8859|cp\d|mac|koi8|gb|big5|euc|shift_jis|iso2022|johab|hz|tis", re.ASCII)
_TEXT = re.compile(
    r"text/|application/(.*\+)?(json|xml|x?html|yaml|x-yaml|(x-)?javascript|ecmascript|x-sh|toml|sql|x-ndjson|ld\+json|"
    r"x-www-form-urlencoded|graphql|jsonl)\b|image/svg|multipart/|message/",
    re.IGNORECASE,
)
_SNIFFED = 1024


class Body:
    """Takes what comes of a body and keeps ``limit`` bytes of it, decompressed.

    Raises :class:`ToolError` for an encoding other than gzip and deflate.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._raw_size = 0
        self._unpack: zlib._Decompress | None = None
        self._raw_deflate = False
        name = encoding.strip().lower()
        if name in {"gzip", "x-gzip", "deflate"}:
            self._unpack = zlib.decompressobj(_GZIP)
            self._raw_deflate = name == "deflate"
        elif name not in {"", "identity"}:
            raise ToolError("the server sent compressed content of a kind that was not asked for")

    @property
    def full(self) -> bool:
        """Whether there is more than may be kept; what is left need not be read."""
        return self._size > self._limit or self._raw_size > 2 * self._limit

    def add(self, data: bytes) -> None:
        """Takes the next bytes as they came. Raises :class:`ToolError` if they cannot be decompressed."""
        self._raw_size += len(data)
        try:
            self._keep(self._unpacked(data))
        except zlib.error:
            raise ToolError("the server sent content that cannot be decompressed") from None

    def _unpacked(self, data: bytes) -> bytes:
        if self._unpack is None:
            return data
        room = self._limit - self._size + 1  # never 0, which would mean no limit
        try:
            return self._unpack.decompress(self._unpack.unconsumed_tail + data, room)
        except zlib.error:
            if not self._raw_deflate or self._raw_size > len(data):
                raise
            # Some servers take "deflate" to be without zlib's header.
            self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._unpack.decompress(data, room)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        self._parts.append(data)

    def content(self) -> bytes:
        """What was kept."""
        return b"".join(self._parts)[: self._limit]


def is_text(content_type: str, content: bytes) -> bool:
    """Whether content is meant to be read. Where the type does not say, a zero byte at its beginning says it is not."""
    kind = content_type.strip()
    if kind and not kind.lower().startswith(("application/octet-stream", "binary/")):
        return _TEXT.match(kind) is not None
    return b"\0" not in content[:_SNIFFED] or content.startswith(tuple(mark for mark, _ in _BOMS))


def decoded(content: bytes, content_type: str) -> str:
    """The content as text, in the character set that its first bytes, its type or its ``<meta>`` name; else UTF-8."""
    for mark, name in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    named = _CHARSET.search(content_type)
    meta = _META_CHARSET.search(content[:_SNIFFED])
    name = named[1] if named else meta[1].decode("ascii", "replace") if meta else "utf-8"
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = "utf-8"
    if codec == "iso8859-1":  # what the web means by it
        codec = "cp1252"
    return content.decode(codec if _CODECS.match(codec) else "utf-8", "replace")
