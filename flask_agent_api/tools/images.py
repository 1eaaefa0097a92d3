"""Images that models can look at, known by their first bytes: what a file or a server calls them may be wrong."""

from __future__ import annotations

import base64
import binascii

from ..types import Image


def image_type(head: bytes) -> str:
    """The media type of an image that models can look at, by its first bytes; empty for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return ""


def image_of(data: str) -> Image | None:
    """The image in a text of base64; None if there is none that models can look at. They refuse all that is odd."""
    try:
        media_type = image_type(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None
    return Image(media_type, data) if media_type else None
