"""The model of an ``agent.json``: an endpoint, a provider called directly, or one behind Hugging Face's router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import ConfigError
from ..models.base import Model
from ..models.config import ModelConfig
from ..models.providers import build_model
from ..models.providers import has_credentials
from ..models.providers import huggingface_router
from ..models.providers import PROVIDERS
from ..models.unavailable import UnavailableModel
from ..settings import Settings
from .origin import HERE
from .origin import Origin
from .section import Section
from .tiny_agents_servers import with_inputs
from .urls import host_of

KEY_VARIABLE = "API_KEY"
"""The environment variable with the key for an agent that has no ``apiKey``."""

HUGGING_FACE_VARIABLE = "HF_TOKEN"
"""The environment variable with the key for Hugging Face, and for nobody else."""


def tiny_agent_model(agent: Section, settings: Settings, environ: Mapping[str, str], origin: Origin = HERE) -> Model:
    """The model of :func:`model_config`. Raises :class:`ConfigError` with the place if it cannot be made."""
    if agent.has("endpointUrl") and not origin.trusted:  # it would be sent the conversations, and our key
        return UnavailableModel(agent.text("model"), origin.refusal("The endpoint"))
    config = model_config(agent, environ, origin)
    try:
        return build_model(config, settings)
    except ConfigError as exc:
        raise agent.error("endpointUrl" if agent.has("endpointUrl") else "provider", exc.message) from exc


def model_config(agent: Section, environ: Mapping[str, str], origin: Origin = HERE) -> ModelConfig:
    """What to call, and with which key: ``apiKey``, else ``API_KEY``, else ``HF_TOKEN`` where Hugging Face answers.

    A provider is called directly if we know it and have a key of its own for it; a key of Hugging Face (``hf_...``)
    goes to the router, as in tiny-agents. Raises :class:`ConfigError` if the model is missing or the URL is none.
    """
    own_key = with_inputs(agent, "apiKey", agent.text("apiKey"), origin.environ(environ))
    key = own_key or environ.get(KEY_VARIABLE, "")
    hugging_face_key = key or environ.get(HUGGING_FACE_VARIABLE, "")
    model = agent.text("model")
    if agent.has("endpointUrl"):
        return _endpoint(agent, model or "default", key, hugging_face_key)
    if not model:
        raise agent.error(None, "needs a `model`, or an `endpointUrl`")
    provider = agent.text("provider")
    if provider in {"", "huggingface"}:
        provider = "auto"
    direct = ModelConfig(provider=provider, model=model, api_key=key)
    if _is_direct(direct, environ):
        return direct
    return replace(huggingface_router(model, provider), api_key=hugging_face_key)


def _endpoint(agent: Section, model: str, key: str, hugging_face_key: str) -> ModelConfig:
    url = agent.text("endpointUrl")
    if not (host := host_of(url)):
        raise agent.error("endpointUrl", "expected a URL that begins with http:// or https://")
    is_hugging_face = f".{host}".endswith((".huggingface.co", ".huggingface.cloud"))
    return ModelConfig(
        provider="endpoint", model=model, base_url=url, api_key=hugging_face_key if is_hugging_face else key
    )


def _is_direct(config: ModelConfig, environ: Mapping[str, str]) -> bool:
    if config.provider not in PROVIDERS or config.api_key.startswith("hf_"):
        return False
    return has_credentials(config, environ) or HUGGING_FACE_VARIABLE not in environ
