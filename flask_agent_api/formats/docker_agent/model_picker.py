"""The toolset ``model_picker`` of docker-agent files."""

from __future__ import annotations

from ...tools.base import Toolset
from ...tools.model_picker import ModelPickerToolset
from ..section import Section
from .models import ModelLoader


def model_picker(models: ModelLoader, agent: str, entry: Section) -> Toolset | None:
    """The toolset of an entry; None, after warnings, if none of its models can be called.

    Raises :class:`ConfigError` for an entry that names no models.
    """
    if not entry.texts("models"):
        raise entry.error(None, "a model_picker needs `models`: names in the file's `models`, or provider/model")
    choice = models.choice(entry, "models")
    return ModelPickerToolset(choice) if choice else None
