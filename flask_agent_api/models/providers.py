"""Who serves models: base URLs, key variables and what is special about each.

The names are those of docker-agent's files (`provider: mistral`); ``demo`` is our own embedded model.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from ..errors import ConfigError
from ..params import HINTS
from ..settings import Settings
from .base import Model
from .config import Limits
from .config import ModelConfig
from .openai_chat import OpenAIChatModel
from .unavailable import UnavailableModel as UnavailableModel

AZURE_API_VERSION = "2024-10-21"
"""The version of Azure's API for models that name none."""

OPENAI_URL = "https://api.openai.com/v1"
ROUTER_URL = "https://router.huggingface.co/v1"


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is reached and which environment variable holds its key; empty: it takes none.

    Of ``alternates`` the first that is set is used where ``token_key`` is not; ``url_key`` names the variable that
    moves the provider elsewhere. A ``strict`` one refuses requests with fields that it does not know.
    """

    base_url: str
    token_key: str = ""
    alternates: tuple[str, ...] = ()
    url_key: str = ""
    strict: bool = False


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(OPENAI_URL, "OPENAI_API_KEY", url_key="OPENAI_BASE_URL"),
    "anthropic": Provider("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "google": Provider(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GOOGLE_API_KEY",
        alternates=("GEMINI_API_KEY",),
        strict=True,
    ),
    "azure": Provider("", "AZURE_API_KEY", alternates=("AZURE_OPENAI_API_KEY",), url_key="AZURE_OPENAI_ENDPOINT"),
    "amazon-bedrock": Provider("", "AWS_BEARER_TOKEN_BEDROCK"),
    "mistral": Provider("https://api.mistral.ai/v1", "MISTRAL_API_KEY", strict=True),
    "xai": Provider("https://api.x.ai/v1", "XAI_API_KEY"),
    "nebius": Provider("https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"),
    "minimax": Provider("https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    "requesty": Provider("https://router.requesty.ai/v1", "REQUESTY_API_KEY"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "fireworks": Provider("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "cerebras": Provider("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "together": Provider("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "huggingface": Provider(ROUTER_URL, "HF_TOKEN", alternates=("HUGGINGFACE_API_KEY",)),
    "moonshot": Provider("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "vercel": Provider("https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY"),
    "nvidia": Provider("https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "baseten": Provider("https://inference.baseten.co/v1", "BASETEN_API_KEY"),
    "ollama": Provider("http://localhost:11434/v1"),
    "dmr": Provider("http://localhost:12434/engines/v1"),
    "demo": Provider(""),
}
"""All providers that a model may name without a ``base_url``."""

AUTO_MODELS: Mapping[str, str] = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-5-mini",
    "google": "gemini-2.5-flash",
    "mistral": "mistral-small-latest",
}
"""What ``auto`` stands for: the first of these whose key is set, else :data:`AUTO_FALLBACK`."""

AUTO_FALLBACK = ("dmr", "ai/qwen3")

_EFFORTS = ("minimal", "low", "medium", "high", "xhigh")


def build_model(config: ModelConfig, settings: Settings) -> Model:
    """The model that a configuration means, with the operator's limits and gateway.

    One that can never be called as it is configured becomes an :class:`UnavailableModel`. Raises
    :class:`ConfigError` for what looks like a mistake.
    """
    if config.provider == "demo":
        from .demo import DemoModel

        return DemoModel(config.model or "demo")
    config = resolve(config, settings)
    if not config.base_url:
        return UnavailableModel(config.name, _missing_url(config.provider))
    return OpenAIChatModel(config, Limits.from_settings(settings))


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
        refuses=HINTS if provider.strict else (),
    )


def has_credentials(config: ModelConfig, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a model can be called as far as keys go: it has one, or its provider takes none."""
    config = resolve(config, Settings(), environ)
    return bool(config.api_key or config.key_optional or not config.token_key or environ.get(config.token_key))


def first_available(configs: Sequence[ModelConfig], environ: Mapping[str, str] = os.environ) -> ModelConfig:
    """The first model that has its key; the first of all if none has, so that its error names the variable."""
    return next((config for config in configs if has_credentials(config, environ)), configs[0])


def huggingface_router(model: str, provider: str = "auto") -> ModelConfig:
    """A model behind Hugging Face's router, at the inference provider of that name; ``auto`` lets the router choose."""
    name = model if provider in ("", "auto") else f"{model}:{provider}"
    return ModelConfig(provider="huggingface", model=name, base_url=ROUTER_URL, token_key="HF_TOKEN")


def reasoning_effort(thinking_budget: object) -> str | None:
    """docker-agent's ``thinking_budget`` as ``reasoning_effort``; None to send nothing.

    An effort stays what it is, tokens become the nearest effort, what is off or left to the model says nothing.
    """
    if isinstance(thinking_budget, str) and not thinking_budget.strip().lstrip("-").isdigit():
        effort = thinking_budget.strip().lower().removeprefix("adaptive").removeprefix("/")
        return "xhigh" if effort == "max" else effort if effort in _EFFORTS else None
    if isinstance(thinking_budget, str | int | float):
        tokens = int(thinking_budget)
        return None if tokens <= 0 else "low" if tokens <= 2048 else "medium" if tokens <= 8192 else "high"
    return None


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
    return "max_tokens" if provider.strict else config.max_tokens_field


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
