"""The models of a docker-agent file: named, written inline as ``provider/model``, or picked by the keys there are."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..errors import ConfigError
from ..models.base import Model
from ..models.config import ModelConfig
from ..models.providers import AUTO_FALLBACK
from ..models.providers import AUTO_MODELS
from ..models.providers import build_model
from ..models.providers import has_credentials
from ..models.providers import PROVIDERS
from ..models.providers import reasoning_effort
from ..models.providers import UnavailableModel
from ..settings import Settings
from .docker_agent_fields import MODEL
from .docker_agent_fields import PROVIDER
from .docker_agent_fields import SAMPLING_NAMES
from .section import did_you_mean
from .section import Section

DEFAULT_MODEL_VARIABLE = "DOCKER_AGENT_DEFAULT_MODEL"
"""The environment variable that says what ``auto`` means instead."""


class ModelLoader:
    """Makes the models of one team; agents that name the same one share it.

    Raises :class:`ConfigError` for an entry of ``models`` or ``providers`` that is wrong, whether it is used or not.
    What an entry asks for in vain is a warning of the team, if the entry is used.
    """

    def __init__(self, top: Section, settings: Settings, environ: Mapping[str, str]) -> None:
        self._file_environ = top.text_map("env")
        self._models = top.section("models")
        self._providers = top.section("providers")
        self._settings = settings
        self._environ = environ
        self._open: list[str] = []
        self._built: dict[str, Model] = {}
        for name in self._models.data:
            self._models.section(name).with_warnings([]).check(MODEL)
        for name in self._providers.data:
            self._providers.section(name).with_warnings([]).check(PROVIDER)

    def model_of(self, agent: Section) -> Model:
        """The model that an agent names; ``auto`` if it names none."""
        if agent.has("harness"):
            agent.warn("harness", "coding programs as agents are not supported yet; every request is answered with 503")
            return UnavailableModel("harness", "This agent needs a coding program, which this server does not run.")
        reference = agent.text("model")
        if not reference:
            agent.warn(None, "has no `model`, `auto` is used")
        first, *others = (part.strip() for part in (reference or "auto").split(","))
        if others:
            agent.warn("model", f"changing between several models is not supported yet, {first} answers always")
        config = self.config(first, agent, "model")
        if first not in self._built:
            try:
                self._built[first] = build_model(config, self._settings)
            except ConfigError as exc:
                raise agent.error("model", exc.message) from exc
        return self._built[first]

    def config(self, reference: str, user: Section, key: str) -> ModelConfig:
        """What a reference in a field of ``user`` means: a name in ``models``, ``auto`` or ``provider/model``.

        Raises :class:`ConfigError` if it is none of them.
        """
        if reference in self._open:
            raise user.error(key, f'"{reference}" refers to itself')
        if reference in self._models.data or reference == "auto":
            self._open.append(reference)
            config = self._automatic(user, key) if reference == "auto" else self._named(reference)
            self._open.pop()
            return config
        provider, slash, model = reference.partition("/")
        if not slash or not model:
            hint = did_you_mean(reference, [*self._models.data, "auto"])
            raise user.error(
                key, f'there is no model "{reference}"{hint or "; `models` defines names, or write provider/model"}'
            )
        return self._config(Section(user.document, (*user.where, key), {}, user.warnings), provider, model)

    def _named(self, name: str) -> ModelConfig:
        entry = self._models.section(name)
        entry.check(MODEL)
        if entry.has("first_available"):
            return self._first_available(entry)
        provider = entry.text("provider")
        if not provider and entry.has("type"):
            entry.warn("type", "from version 0 of the format; write `provider`")
            provider = entry.text("type")
        if not provider or not entry.text("model"):
            raise entry.error(None, "a model needs `provider` and `model`")
        return self._config(entry, provider, entry.text("model"))

    def _first_available(self, entry: Section) -> ModelConfig:
        """The first candidate that has its key; the first of all if none has, so that its error names the key."""
        candidates = [self.config(name, entry, "first_available") for name in entry.texts("first_available")]
        if not candidates:
            raise entry.error("first_available", "expected at least one model")
        return next((config for config in candidates if self._has_key(config)), candidates[0])

    def _automatic(self, user: Section, key: str) -> ModelConfig:
        if chosen := self._environ.get(DEFAULT_MODEL_VARIABLE):
            return self.config(chosen, user, key)
        references = [f"{provider}/{model}" for provider, model in (*AUTO_MODELS.items(), AUTO_FALLBACK)]
        candidates = [self.config(reference, user, key) for reference in references]
        return next((config for config in candidates if self._has_key(config)), candidates[-1])

    def _config(self, entry: Section, provider: str, model: str) -> ModelConfig:
        """The settings of a model: its own, then its provider's defaults in the file."""
        layers = [entry]
        if is_custom := provider in self._providers.data:
            layers.append(self._provider(provider))
        base_url = _first(layers, "base_url") or ""
        token_key = _first(layers, "token_key") or ""
        if not is_custom and provider not in PROVIDERS and not base_url:
            self._warn_of_provider(entry, provider)
        wrapped = layers[-1].text("provider", provider) if is_custom else provider
        return ModelConfig(
            provider=wrapped,
            model=model,
            base_url=base_url,
            token_key=token_key,
            api_key=self._key_in_file(layers[0], token_key or _own_variable(wrapped)),
            params=_params(layers),
            api_version=self._options(layers, wrapped),
            bypass_gateway=_first(layers, "bypass_models_gateway") is True,
        )

    def _provider(self, name: str) -> Section:
        provider = self._providers.section(name)
        provider.check(PROVIDER)
        if provider.data.get("api_type") == "openai_responses":
            provider.warn("api_type", "the Responses API is not supported yet, Chat Completions is used")
        if not provider.has("base_url") and not provider.has("provider"):
            raise provider.error(None, "a provider needs a `base_url`, or the `provider` it is a variant of")
        return provider

    def _warn_of_provider(self, entry: Section, provider: str) -> None:
        key = "provider" if entry.has("provider") else None
        if hint := did_you_mean(provider, [*PROVIDERS, *self._providers.data]):
            raise entry.error(key, f'unknown provider "{provider}"{hint}')
        entry.warn(key, f'unknown provider "{provider}": set `base_url`; until then requests are answered with 503')

    def _options(self, layers: Sequence[Section], provider: str) -> str:
        """``api_version`` of Azure's; other options are of APIs that are not spoken here."""
        version = ""
        for layer in layers:
            for name, value in (layer.data.get("provider_opts") or {}).items():
                if name == "api_version" and provider == "azure":
                    version = version or str(value)
                else:
                    layer.warn(f"provider_opts.{name}", "not supported yet, it has no effect")
        return version

    def _key_in_file(self, entry: Section, variable: str) -> str:
        """The value that versions 0 and 1 of the format let a file hold, for a variable that is not set."""
        if entry.has("env"):
            entry.warn("env", "from version 0 of the format; set the variables in the environment")
        if variable in self._environ:
            return ""
        return {**self._file_environ, **entry.text_map("env")}.get(variable, "")

    def _has_key(self, config: ModelConfig) -> bool:
        """Whether a model can be called as far as is known at the start."""
        if self._settings.gateway and not config.bypass_gateway:
            return True
        return has_credentials(config, self._environ)


def _own_variable(provider: str) -> str:
    """The environment variable with the key of a provider; empty if it takes none."""
    return PROVIDERS[provider].token_key if provider in PROVIDERS else ""


def _params(layers: Sequence[Section]) -> dict[str, Any]:
    """The sampling settings, in the words of Chat Completions."""
    params = {name: value for name in SAMPLING_NAMES if (value := _first(layers, name)) is not None}
    if effort := reasoning_effort(params.pop("thinking_budget", None)):
        params["reasoning_effort"] = effort
    return params


def _first(layers: Sequence[Section], key: str) -> Any:
    """The value of the first layer that has the field; None if none has."""
    return next((layer.data[key] for layer in layers if layer.has(key)), None)
