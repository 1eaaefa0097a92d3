"""Other models in the place of those that agent files name, as the operator wishes."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from .config import ModelConfig


def mapped(config: ModelConfig, model_map: Mapping[str, str]) -> ModelConfig:
    """The configuration with the model that the map has for its ``provider/model``; else the same.

    Patterns (``anthropic/*``) come after whole names, in the map's order. Sampling settings stay; what belongs to the
    old model alone (address, key, headers, price, own fields of the body) goes. What it becomes is not looked up again.
    """
    name = config.name
    target = model_map.get(name) or next((to for what, to in model_map.items() if fnmatchcase(name, what)), "")
    if not target:
        return config
    provider, _, model = target.partition("/")
    return ModelConfig(
        provider=provider,
        model=model,
        params=config.params,
        thinking=config.thinking,
        track_usage=config.track_usage,
        bypass_gateway=config.bypass_gateway,
    )
