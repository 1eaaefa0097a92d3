"""Who serves models: base URLs, key variables and what is special about each.

The names are those of docker-agent's files (`provider: mistral`); ``demo`` is our own embedded model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..params import HINTS
from .config import ModelConfig
from .thinking import Style

OPENAI_URL = "https://api.openai.com/v1"
ROUTER_URL = "https://router.huggingface.co/v1"


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is reached and which environment variable holds its key; empty: it takes none.

    Of ``alternates`` the first that is set is used where ``token_key`` is not; ``url_key`` names the variable that
    moves the provider elsewhere. A ``strict`` one refuses messages with fields that it does not know; ``refuses`` names
    parameters that it would, ``max_tokens_field`` is its name for the limit of the output. ``thinking`` is how it is
    told how much to think. ``loses`` says, for people, what does not work here although the provider has it.
    """

    base_url: str
    token_key: str = ""
    alternates: tuple[str, ...] = ()
    url_key: str = ""
    strict: bool = False
    refuses: tuple[str, ...] = ()
    max_tokens_field: str = ""
    thinking: Style = ""
    loses: tuple[str, ...] = ()


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        OPENAI_URL,
        "OPENAI_API_KEY",
        url_key="OPENAI_BASE_URL",
        strict=True,
        thinking="openai",
        loses=("GPT-5.2 and later do not think in requests with tools: for that OpenAI has another API.",),
    ),
    "anthropic": Provider(
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        thinking="anthropic",
        loses=(
            "The model's thoughts are not shown, and with a budget of tokens it does not think between tool calls.",
            "Prompts are not cached.",
            "`response_format` goes to the model in words; the answer is checked all the same.",
            "`strict` tools, `seed`, penalties, `logit_bias` and audio have no effect; PDF files are left out.",
        ),
    ),
    "google": Provider(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GOOGLE_API_KEY",
        alternates=("GEMINI_API_KEY",),
        strict=True,
        max_tokens_field="max_tokens",
        refuses=(*HINTS, "seed", "frequency_penalty", "presence_penalty", "logit_bias", "verbosity", "service_tier"),
        thinking="google",
        loses=(
            "The model's thoughts are not shown.",
            "`seed`, penalties, `logit_bias`, `verbosity` and `service_tier` are left out: they would be refused.",
            "Tools lose what Gemini's schemas cannot say, such as `additionalProperties`.",
            "Before Gemini 3 `response_format` goes to the model in words where there are tools.",
        ),
    ),
    "azure": Provider(
        "",
        "AZURE_API_KEY",
        alternates=("AZURE_OPENAI_API_KEY",),
        url_key="AZURE_OPENAI_ENDPOINT",
        strict=True,
        thinking="openai",
    ),
    "amazon-bedrock": Provider("", "AWS_BEARER_TOKEN_BEDROCK"),
    "mistral": Provider(
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        strict=True,
        max_tokens_field="max_tokens",
        refuses=(*HINTS, "seed", "logit_bias", "verbosity", "service_tier", "reasoning_effort"),
        loses=("`seed`, `logit_bias`, `verbosity`, `service_tier` and `reasoning_effort` are left out.",),
    ),
    "xai": Provider("https://api.x.ai/v1", "XAI_API_KEY"),
    "nebius": Provider("https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"),
    "minimax": Provider("https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    "requesty": Provider("https://router.requesty.ai/v1", "REQUESTY_API_KEY", thinking="effort"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", thinking="effort"),
    "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "fireworks": Provider("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "cerebras": Provider("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", thinking="effort"),
    "together": Provider("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "huggingface": Provider(ROUTER_URL, "HF_TOKEN", alternates=("HUGGINGFACE_API_KEY",)),
    "moonshot": Provider("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "vercel": Provider("https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY", thinking="effort"),
    "nvidia": Provider("https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "ovhcloud": Provider("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", "OVH_AI_ENDPOINTS_ACCESS_TOKEN"),
    "atlascloud": Provider("https://api.atlascloud.ai/v1", "ATLASCLOUD_API_KEY"),
    "github-copilot": Provider("https://api.githubcopilot.com", "GITHUB_TOKEN"),
    "opencode-go": Provider("https://opencode.ai/zen/go/v1", "OPENCODE_API_KEY"),
    "opencode-zen": Provider("https://opencode.ai/zen/v1", "OPENCODE_API_KEY"),
    "baseten": Provider("https://inference.baseten.co/v1", "BASETEN_API_KEY"),
    "ollama": Provider("http://localhost:11434/v1", thinking="local"),
    "dmr": Provider("http://localhost:12434/engines/v1", thinking="local"),
    "demo": Provider(""),
}
"""All providers that a model may name without a ``base_url``."""

ALIASES: Mapping[str, str] = {
    "fireworks-ai": "fireworks",
    "togetherai": "together",
    "moonshotai": "moonshot",
    "opencode": "opencode-zen",
}
"""Other names of providers, in newer files of docker-agent."""

AUTO_MODELS: Mapping[str, str] = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-5-mini",
    "google": "gemini-2.5-flash",
    "mistral": "mistral-small-latest",
}
"""What ``auto`` stands for: the first of these whose key is set, else :data:`AUTO_FALLBACK`."""

AUTO_FALLBACK = ("dmr", "ai/qwen3")

_ELSEWHERE = Provider("", thinking="local")
_GATEWAY = Provider("", thinking="effort")


def provider_of(config: ModelConfig) -> Provider:
    """What is known about a model's endpoint; others with OpenAI's API count as servers of one's own."""
    provider = PROVIDERS.get(config.provider)
    if provider is None:
        return _GATEWAY if config.provider == "gateway" else _ELSEWHERE
    moved = config.provider == "openai" and config.base_url not in ("", provider.base_url)
    return _ELSEWHERE if moved else provider


def notes_for(config: ModelConfig) -> list[str]:
    """What does not work with a model because of the way it is reached, a sentence each. Takes a resolved one."""
    return list(provider_of(config).loses)
