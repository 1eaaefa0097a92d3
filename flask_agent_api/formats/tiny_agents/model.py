"""The model of an ``agent.json``: an endpoint, a provider called directly, or one behind Hugging Face's router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...models.base import Model
from ...models.config import ModelConfig
from ...models.providers import build_model
from ...models.providers import has_credentials
from ...models.providers import huggingface_router
from ...models.providers import PROVIDERS
from ...models.unavailable import UnavailableModel
from ...settings import Settings
from ..origin import Origin
from ..section import did_you_mean
from ..section import Section
from ..urls import host_of
from .inputs import Inputs

KEY_VARIABLE = "API_KEY"
"""The environment variable with the key for an agent that has no ``apiKey``."""

HUGGING_FACE_VARIABLE = "HF_TOKEN"
"""The environment variable with the key for Hugging Face, and for nobody else."""

HUGGING_FACE_PREFIX = "hf_"
"""How a key of Hugging Face begins, which is how tiny-agents tells it from a provider's own."""

ROUTED: Mapping[str, str] = {
    "baseten": "",
    "cerebras": "",
    "cohere": "https://api.cohere.com/compatibility/v1",
    "deepinfra": "https://api.deepinfra.com/v1/openai",
    "featherless-ai": "https://api.featherless.ai/v1",
    "fireworks-ai": "https://api.fireworks.ai/inference/v1",
    "groq": "",
    "hyperbolic": "https://api.hyperbolic.xyz/v1",
    "nebius": "",
    "novita": "https://api.novita.ai/v3/openai",
    "nscale": "https://inference.api.nscale.com/v1",
    "ovhcloud": "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    "publicai": "https://api.publicai.co/v1",
    "sambanova": "https://api.sambanova.ai/v1",
    "scaleway": "https://api.scaleway.ai/v1",
    "together": "",
    "zai-org": "https://api.z.ai/api/paas/v4",
}
"""The inference providers of Hugging Face that chat, and where one takes its own keys; empty: as :data:`PROVIDERS`."""

_ROUTER = ("auto", "huggingface", "hf-inference", "fastest", "cheapest", "preferred")


def tiny_agent_model(
    agent: Section, settings: Settings, inputs: Inputs, environ: Mapping[str, str], origin: Origin
) -> Model:
    """The model of :func:`model_config`. Raises :class:`ConfigError` with the place if it cannot be made."""
    field = _url_field(agent)
    if field and not origin.trusted:  # it would be sent the conversations, and our key
        return UnavailableModel(agent.text("model"), origin.refusal("The endpoint"))
    config = model_config(agent, inputs, environ)
    try:
        return build_model(config, settings)
    except ConfigError as exc:
        raise agent.error(field or "provider", exc.message) from exc


def model_config(agent: Section, inputs: Inputs, environ: Mapping[str, str]) -> ModelConfig:
    """What to call, and with which key: ``apiKey``, else ``API_KEY``, else ``HF_TOKEN`` where Hugging Face answers.

    As in tiny-agents a key of Hugging Face goes to its router, any other to the provider itself. A provider's own
    variable (``GROQ_API_KEY``) serves where none of these is set. ``inputs`` knows the variables that the file may
    choose, ``environ`` all. Raises :class:`ConfigError` if the model is missing or a URL is none.
    """
    key = inputs.fill(agent, "apiKey", agent.text("apiKey")).strip() or inputs.environ.get(KEY_VARIABLE, "").strip()
    model = agent.text("model").strip()
    if field := _url_field(agent):
        return _endpoint(agent, field, key, inputs, environ)
    if not model:
        raise agent.error(None, "needs a `model`, or an `endpointUrl`")
    provider = agent.text("provider").strip() or "auto"
    if provider in PROVIDERS and provider not in {*ROUTED, *_ROUTER}:
        return _direct(provider, model, "" if key.startswith(HUGGING_FACE_PREFIX) else key)
    return _inference_provider(agent, provider, model, key, environ)


def _url_field(agent: Section) -> str:
    """The field with the URL of an endpoint, if there is one: tiny-agents in Python also takes it for ``model``."""
    return "endpointUrl" if agent.has("endpointUrl") else "model" if host_of(agent.text("model").strip()) else ""


def _endpoint(agent: Section, field: str, key: str, inputs: Inputs, environ: Mapping[str, str]) -> ModelConfig:
    """A URL that may stand for the server, for its API (``/v1``), or for the very resource."""
    url = inputs.fill(agent, field, agent.text(field)).strip()
    if not (host := host_of(url)):
        raise agent.error(field, "expected a URL that begins with http:// or https://")
    if f".{host}".endswith((".huggingface.co", ".huggingface.cloud")):
        key = key or environ.get(HUGGING_FACE_VARIABLE, "").strip()
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        path = path.removesuffix("/chat/completions")
    elif not path.endswith("/v1"):
        path += "/v1"
    model = (agent.text("model").strip() if field == "endpointUrl" else "") or "default"
    return ModelConfig(provider="endpoint", model=model, base_url=parts._replace(path=path).geturl(), api_key=key)


def _direct(provider: str, model: str, key: str) -> ModelConfig:
    """A provider that is not behind the router. For tiny-agents OpenAI's models may be called ``openai/...``."""
    name = model.removeprefix("openai/") if provider == "openai" else model
    return ModelConfig(provider=provider, model=name, api_key=key)


def _inference_provider(agent: Section, provider: str, model: str, key: str, environ: Mapping[str, str]) -> ModelConfig:
    if provider not in {*ROUTED, *_ROUTER} and (hint := did_you_mean(provider, [*ROUTED, *_ROUTER, *PROVIDERS])):
        agent.warn("provider", f"not a provider that is known here{hint}")
    own = ModelConfig(provider=provider, model=model, base_url=ROUTED.get(provider, ""))
    if key and not key.startswith(HUGGING_FACE_PREFIX):
        if provider in ROUTED:
            return replace(own, api_key=key)
        agent.warn("provider", f"{provider} is reached with a key of Hugging Face alone ({HUGGING_FACE_VARIABLE})")
        key = ""
    key = key or environ.get(HUGGING_FACE_VARIABLE, "").strip()
    if not key and provider in ROUTED and provider in PROVIDERS and has_credentials(own, environ):
        return own
    has_suffix = ":" in model
    if has_suffix and provider != "auto":
        agent.warn("model", f"names a provider itself, so `provider` {provider} has no effect")
    router = huggingface_router(model, "auto" if has_suffix or provider == "huggingface" else provider)
    return replace(router, api_key=key)
