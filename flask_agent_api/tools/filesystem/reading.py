"""Reading files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from typing import BinaryIO

from ...errors import ToolError
from ...types import Image
from ...types import ToolResult
from ..arguments import flag
from ..arguments import positive
from ..arguments import text
from ..arguments import texts
from ..images import image_type
from .bounds import FILES_AT_ONCE
from .bounds import IMAGE_BYTES
from .bounds import RANGE_BYTES
from .bounds import TEXT_BYTES
from .bounds import Work
from .content import read_bytes
from .content import read_text
from .content import refuse_binary
from .content import sniffed
from .jail import Jail

_NOTE_CHARS = 200
_LEAST_CHARS = 500


def read_file(jail: Jail, arguments: Mapping[str, Any], work: Work) -> ToolResult | str:
    """A text file, or some lines of it, or an image."""
    path, line, limit = text(arguments, "path"), positive(arguments, "line"), positive(arguments, "limit")
    with jail.reading(parts := jail.parts(path)) as file:
        shown = jail.shown(parts)
        if media_type := image_type(sniffed(file)):
            if line or limit:
                raise ToolError(f"{shown} is an image: read it without `line` and `limit`")
            return _image(file, media_type, shown)
        if line or limit:
            return _lines(file, line or 1, limit, shown, work.chars)
        content = read_text(file, shown)
    return _fitting(content, 1, work.chars) or f"{shown} is empty."


def read_multiple_files(jail: Jail, arguments: Mapping[str, Any], work: Work) -> str:
    """Several text files, each with its path; what is wrong with one stands in its place."""
    paths = texts(arguments, "paths")
    if not 0 < len(paths) <= FILES_AT_ONCE:
        raise ToolError(f"`paths` must be a list of 1 to {FILES_AT_ONCE} paths")
    share = max(_LEAST_CHARS, work.chars // len(paths) - _NOTE_CHARS)
    found = [{"path": path, "content": _one_of_several(jail, path, share, work)} for path in paths]
    if flag(arguments, "json"):
        return json.dumps(found, ensure_ascii=False)
    return "\n\n".join(f"=== {each['path']} ===\n{each['content']}" for each in found)


def _one_of_several(jail: Jail, path: str, share: int, work: Work) -> str:
    work.check()
    try:
        with jail.reading(parts := jail.parts(path)) as file:
            if image_type(sniffed(file)):
                return "Error: an image; read it alone, with read_file"
            return _fitting(read_text(file, jail.shown(parts)), 1, share)
    except ToolError as exc:
        return f"Error: {exc}"


def _image(file: BinaryIO, media_type: str, shown: str) -> ToolResult:
    data = read_bytes(file, IMAGE_BYTES, shown)
    image = Image(media_type, base64.b64encode(data).decode())
    return ToolResult(f"Read image file {shown} [{media_type}] ({len(data)} bytes)", images=(image,))


def _lines(file: BinaryIO, first: int, limit: int | None, shown: str, chars: int) -> str:
    """Lines of a file that may be longer than what is read as a whole."""
    refuse_binary(sniffed(file), file, shown)
    kept: list[bytes] = []
    total = size = 0
    while size <= TEXT_BYTES and (not limit or total < first + limit - 1) and (raw := file.readline(TEXT_BYTES)):
        total += 1
        if total >= first:
            kept.append(raw)
            size += len(raw)
        elif file.tell() > RANGE_BYTES:
            raise ToolError(f"{shown} is too large: only its first {RANGE_BYTES} bytes can be read")
    if not kept:
        raise ToolError(f"{shown} has no line {first}, it has {total}")
    return _fitting(b"".join(kept).decode(errors="replace"), first, chars)


def _fitting(content: str, first: int, chars: int) -> str:
    """The text, cut behind a line so that it fits, and then with the line to go on from."""
    if len(content) <= chars:
        return content
    room = max(1, chars - _NOTE_CHARS)
    cut = content.rfind("\n", 0, room) + 1
    if not cut:
        return f"{content[:room]}\n[cut: line {first} goes on]"
    goes_on = first + content.count("\n", 0, cut)
    return f"{content[:cut]}[cut: {len(content) - cut} more characters; go on with line={goes_on}]"
