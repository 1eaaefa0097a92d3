"""What models cost, as the operator knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from .config import Cost
from .config import ModelConfig


def priced(config: ModelConfig, prices: Mapping[str, Mapping[str, float]]) -> ModelConfig:
    """The configuration with the prices of its ``provider/model``, or of the first pattern that fits; else the same.

    They replace those of its file. What comes from a cache costs as much as any input where no price is given for it.
    """
    name = config.name
    price = prices.get(name) or next((price for what, price in prices.items() if fnmatchcase(name, what)), None)
    if not price:
        return config
    fresh = price.get("input", 0.0)
    cost = Cost(input=fresh, output=price.get("output", 0.0), cache_read=price.get("cached_input", fresh))
    return replace(config, cost=cost)
