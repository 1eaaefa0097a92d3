"""JSON as this server writes it: ASCII, so that no line separator can break a frame, and valid for strict readers.

What it reads may be less strict.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import Any

import pydantic_core

_SURROGATE = "\\ud"
"""How the escape of a surrogate begins. Emoji have two of them, so finding it means to look closer, no more."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """``value`` as JSON text. Halves of surrogate pairs, which no JSON reader need accept, are replaced."""
    text = _encode(value)
    if _SURROGATE not in text:
        return text
    return _encode(json.loads(well_formed(json.dumps(value, ensure_ascii=False))))


def read_json(data: bytes) -> Any:
    """What UTF-8 JSON says. Raises ValueError. The quick reader refuses halves of surrogate pairs and deep nesting."""
    try:
        return pydantic_core.from_json(data, cache_strings="keys")  # ids and texts do not come again
    except ValueError:
        return json.loads(data.decode())


def json_string(text: str) -> str:
    """The same for one string, which is the hot path of a stream."""
    encoded = encode_basestring_ascii(text)
    return encode_basestring_ascii(well_formed(text)) if _SURROGATE in encoded else encoded


def well_formed(text: str) -> str:
    """``text`` with surrogate pairs joined, and each half that stands alone replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
