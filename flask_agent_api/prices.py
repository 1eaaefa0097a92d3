"""The setting PRICES: what models cost."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .params import nearest

FIELDS = ("input", "output", "cached_input")
"""What has a price: a million tokens of the prompt, of the answer, and of the prompt where a cache had them."""


def read_prices(value: object) -> Mapping[str, Mapping[str, float]]:
    """Prices by ``provider/model``, or by a pattern of such names. Raises ValueError."""
    read = json.loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(read, Mapping):
        raise ValueError("expected a JSON object")
    return {_model(name): _prices(name, fields) for name, fields in read.items()}


def _model(name: object) -> str:
    if not isinstance(name, str) or not all(name.partition("/")):
        raise ValueError(f"{name!r}: expected provider/model, for example openai/gpt-5")
    return name


def _prices(name: str, fields: object) -> Mapping[str, float]:
    if not isinstance(fields, Mapping) or not fields:
        raise ValueError(f"{name}: expected an object with {', '.join(FIELDS)}")
    for field, price in fields.items():
        if field not in FIELDS:
            raise ValueError(f"{name}: unknown field {field!r}{nearest(str(field), FIELDS)}")
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < float("inf"):
            raise ValueError(f"{name}: {field} must be a number of dollars, 0 or more")
    return {field: float(price) for field, price in fields.items()}
