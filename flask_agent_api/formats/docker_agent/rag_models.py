"""The models of docker-agent files that make vectors."""

from __future__ import annotations

from collections.abc import Mapping

from ...models.config import ModelConfig
from ...models.providers import has_credentials
from ...settings import Settings
from ..section import Section
from .models import ModelLoader

AUTO = ("openai/text-embedding-3-small", "dmr/ai/embeddinggemma")
"""What ``auto`` means: the first one that has its key, else the last one, which needs none."""


def embedding_config(
    models: ModelLoader, strategy: Section, environ: Mapping[str, str], settings: Settings
) -> ModelConfig:
    """The model that a strategy names. Raises :class:`ConfigError` if it names none, or one that is not there."""
    reference = strategy.text("embedding_model")
    if not reference:
        raise strategy.error(None, f"{strategy.text('type')} need an `embedding_model`")
    if reference != "auto":
        return models.config(reference, strategy, "embedding_model")
    found = [models.config(each, strategy, "embedding_model") for each in AUTO]
    return next((config for config in found if has_credentials(config, environ, settings)), found[-1])
