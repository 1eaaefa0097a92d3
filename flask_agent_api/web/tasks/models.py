"""Which model answers the auxiliary requests of an agent."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import ConfigError
from ...models.base import Model
from ...models.config import ModelConfig
from ...models.demo import DemoModel
from ...models.providers import build_model
from ...models.unavailable import UnavailableModel
from ...runtime.agent import Agent
from ...runtime.agent import ModelAgent
from ...settings import PREFIX
from ...settings import Settings


class TaskModels:
    """The models that the settings name for auxiliary requests.

    Raises :class:`ConfigError` for one that can never be called.
    """

    def __init__(self, all_settings: Iterable[Settings]) -> None:
        self._models = {settings.task_model: _build(settings) for settings in all_settings if settings.task_model}

    def of(self, agent: Agent, settings: Settings) -> Model | None:
        """The model of the agent's settings, else its own. None for Python agents, and for the demo model.

        The demo model understands its own phrases only, so it would say nothing to the point.
        """
        own = (agent.title_model or agent.model) if isinstance(agent, ModelAgent) else None
        model = self._models.get(settings.task_model, own)
        return None if isinstance(model, DemoModel) else model


def _build(settings: Settings) -> Model:
    provider, _, name = settings.task_model.partition("/")
    try:
        model = build_model(ModelConfig(provider=provider, model=name), settings)
    except ConfigError as exc:
        raise ConfigError(f"Setting {PREFIX}TASK_MODEL: {exc.message}") from exc
    if isinstance(model, UnavailableModel):
        raise ConfigError(f"Setting {PREFIX}TASK_MODEL: {model.name} cannot be used. {model.reason}")
    return model
