"""From a model's configuration to the model: what its provider, the environment and the operator add to it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from ..errors import ConfigError
from ..settings import Settings
from .base import Model
from .config import Limits
from .config import ModelConfig
from .model_map import mapped
from .openai_chat import OpenAIChatModel
from .prices import priced
from .provider_table import AUTO_FALLBACK as AUTO_FALLBACK
from .provider_table import AUTO_MODELS as AUTO_MODELS
from .provider_table import notes_for as notes_for
from .provider_table import OPENAI_URL
from .provider_table import Provider
from .provider_table import PROVIDERS as PROVIDERS
from .provider_table import ROUTER_URL
from .unavailable import UnavailableModel as UnavailableModel

AZURE_API_VERSION = "2024-10-21"
"""The version of Azure's API for models that name none."""

_PLAIN = Settings()


def build_model(config: ModelConfig, settings: Settings, limits: Limits | None = None) -> Model:
    """The model that a configuration means, with the operator's map, limits and gateway.

    One that can never be called as it is configured becomes an :class:`UnavailableModel`. Raises
    :class:`ConfigError` for what looks like a mistake.
    """
    config = priced(mapped(config, settings.model_map), settings.prices)
    if config.provider == "demo":
        from .demo import DemoModel

        return DemoModel(config.model or "demo")
    config, reason = callable_config(config, settings)
    if reason:
        return UnavailableModel(config.name, reason, config.unset)
    config = priced(config, settings.prices)  # once more, for what `auto` has become
    return OpenAIChatModel(config, limits or Limits.from_settings(settings))


def callable_config(config: ModelConfig, settings: Settings) -> tuple[ModelConfig, str]:
    """The configuration as :func:`resolve` completes it, and why the model cannot be called; empty if it can."""
    if config.unset:
        return config, f"The agent's model needs the environment variable {', '.join(config.unset)}"
    config = resolve(config, settings)
    return config, "" if config.base_url else _missing_url(config.provider)


def resolve(config: ModelConfig, settings: Settings, environ: Mapping[str, str] = os.environ) -> ModelConfig:
    """The configuration with everything filled in that its provider, the environment and the gateway say.

    ``base_url`` stays empty where nobody knows it. Raises :class:`ConfigError` for a misspelt provider.
    """
    if config.provider == "auto":
        name, model = _auto(environ)
        config = replace(config, provider=name, model=model)
    if config.provider == "demo":
        return config
    if settings.gateway and not config.bypass_gateway:
        return _behind_gateway(config, settings)
    provider = PROVIDERS.get(config.provider)
    if provider is None:
        _check_name(config)
        return config
    base_url = config.base_url or environ.get(provider.url_key, "") or provider.base_url
    return replace(
        config,
        base_url=base_url,
        token_key=config.token_key or ("" if config.api_key else _key_variable(config, provider, environ)),
        key_optional=config.key_optional or _key_is_optional(config, provider),
        api_version=config.api_version or _azure_version(config, environ),
        max_tokens_field=_max_tokens_field(config, provider, base_url),
        refuses=provider.refuses,
    )


def has_credentials(config: ModelConfig, environ: Mapping[str, str] = os.environ, settings: Settings = _PLAIN) -> bool:
    """Whether a model can be called, as far as is known: it has an address, and a key if its provider takes one."""
    config = mapped(config, settings.model_map)
    if settings.gateway and not config.bypass_gateway:
        return True
    config = resolve(config, settings, environ)
    if not config.base_url and config.provider != "demo":
        return False
    return bool(config.api_key or config.key_optional or not config.token_key or environ.get(config.token_key))


def first_available(configs: Sequence[ModelConfig], environ: Mapping[str, str] = os.environ) -> ModelConfig:
    """The first model that has its key; the first of all if none has, so that its error names the variable."""
    return next((config for config in configs if has_credentials(config, environ)), configs[0])


def huggingface_router(model: str, provider: str = "auto") -> ModelConfig:
    """A model behind Hugging Face's router, at the inference provider of that name; ``auto`` lets the router choose."""
    name = model if provider in ("", "auto") else f"{model}:{provider}"
    return ModelConfig(provider="huggingface", model=name, base_url=ROUTER_URL, token_key="HF_TOKEN")


def _auto(environ: Mapping[str, str]) -> tuple[str, str]:
    """What ``auto`` means here; ``DOCKER_AGENT_DEFAULT_MODEL`` (``provider/model``) overrides the order."""
    provider, slash, model = environ.get("DOCKER_AGENT_DEFAULT_MODEL", "").partition("/")
    if not slash:
        provider, model = next(
            (
                (name, model)
                for name, model in AUTO_MODELS.items()
                if has_credentials(ModelConfig(provider=name, model=model), environ)
            ),
            AUTO_FALLBACK,
        )
    return provider, model


def _behind_gateway(config: ModelConfig, settings: Settings) -> ModelConfig:
    """The gateway knows the models' names; the provider's own key, headers and URL must not reach it."""
    return ModelConfig(
        provider="gateway",
        model=config.model,
        base_url=settings.gateway,
        api_key=settings.gateway_key,
        params=config.params,
        thinking=config.thinking,
        extra_body=config.extra_body,
        unreadable=config.unreadable,
        track_usage=config.track_usage,
        cost=config.cost,
    )


def _key_variable(config: ModelConfig, provider: Provider, environ: Mapping[str, str]) -> str:
    names = (provider.token_key, *provider.alternates)
    return next((name for name in names if environ.get(name)), provider.token_key)


def _key_is_optional(config: ModelConfig, provider: Provider) -> bool:
    """Another server with a provider's API, often a local one, gets the provider's key but can do without it."""
    moved = bool(config.base_url) and config.base_url != provider.base_url
    return moved and not config.token_key and config.provider != "azure"


def _max_tokens_field(config: ModelConfig, provider: Provider, base_url: str) -> str:
    if base_url == OPENAI_URL:
        return "max_completion_tokens"
    return provider.max_tokens_field or config.max_tokens_field


def _azure_version(config: ModelConfig, environ: Mapping[str, str]) -> str:
    return environ.get("OPENAI_API_VERSION", AZURE_API_VERSION) if config.provider == "azure" else ""


def _check_name(config: ModelConfig) -> None:
    near = difflib.get_close_matches(config.provider, PROVIDERS, 1)
    if not config.base_url and near:
        raise ConfigError(
            f"Model {config.name}: unknown provider {config.provider!r}; did you mean {near[0]!r}? Or set base_url"
        )


def _missing_url(provider: str) -> str:
    if variable := PROVIDERS.get(provider, Provider("")).url_key:
        return f"The agent's model needs a base_url, or the environment variable {variable}"
    return f"The agent's model needs a base_url: there is no known one for the provider {provider!r}"
