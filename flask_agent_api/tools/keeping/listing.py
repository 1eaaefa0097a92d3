"""Results as JSON that is never cut in the middle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def as_json(value: Any, room: int = 0) -> str:
    """The value as JSON, whatever room there is."""
    return json.dumps(value, ensure_ascii=False)


def as_json_list(values: Sequence[Any], room: int) -> str:
    """The first ones that there is room for, and a word about the others."""
    texts: list[str] = []
    left = room - 100
    for value in values:
        text = as_json(value)
        left -= len(text) + 2
        if texts and left < 0:
            break
        texts.append(text)
    listed = f"[{', '.join(texts)}]"
    lacking = len(values) - len(texts)
    return f"{listed}\n{lacking} more are left out here: search for what you need." if lacking else listed
