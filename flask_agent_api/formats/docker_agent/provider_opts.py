"""``provider_opts`` of a model: what of it belongs into a request, and why the rest has no effect."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..section import as_text
from ..section import Section

_SAMPLING = ("top_k", "repetition_penalty", "min_p", "typical_p")
_WITHOUT_SAMPLING = {"openai", "azure", "anthropic", "google", "mistral"}
_ENGINE = (
    "runtime_flags", "raw_runtime_flags", "context_size", "gpu_memory_utilization", "hf_overrides", "keep_alive",
    "mode", "speculative_draft_model", "speculative_num_tokens", "speculative_acceptance_rate", "num_ctx",
)  # fmt: skip
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(_ENGINE, "is about how the engine runs the model; set it there (`docker model configure`)"),
    **dict.fromkeys(("interleaved_thinking", "thinking_display", "fallbacks"), "takes Anthropic's own API"),
    **dict.fromkeys(
        ("google_search", "google_maps", "code_execution", "project", "location", "publisher"), "takes Google's own API"
    ),
    **dict.fromkeys(("region", "profile", "role_arn", "endpoint_url"), "takes AWS's own API"),
    "transport": "takes the Responses API",
    "rerank_prompt": "is for searching documents, which is not supported yet",
}
"""Options that docker-agent knows and that say nothing to Chat Completions, with the reason."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the options add to a model."""

    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    extra_body: dict[str, Any] = field(default_factory=dict)
    api_version: str = ""


def read_options(layers: Sequence[Section], provider: str, *, moved: bool) -> Options:
    """The options of a model, then its provider's; ``moved``: another server answers in the provider's place.

    Warns of what has no effect. Raises :class:`ConfigError` for a value of the wrong kind.
    """
    merged: dict[str, tuple[Section, Any]] = {}
    for layer in reversed(layers):
        options = layer.section("provider_opts")
        merged |= {name: (options, value) for name, value in options.data.items() if value is not None}
    found = Options()
    version = ""
    for name, (section, value) in merged.items():
        if name in ("seed", "service_tier") or (name in _SAMPLING and (moved or provider not in _WITHOUT_SAMPLING)):
            found.params[name] = value
        elif name == "extra_body":
            found.extra_body.update(section.section(name).data)
        elif name == "http_headers":
            found.headers.update({key: as_text(item) for key, item in section.section(name).data.items()})
        elif name == "api_version" and provider == "azure":
            version = as_text(value)
        elif name == "api_type" and value == "openai_chatcompletions":
            continue
        else:
            section.warn(name, _reason(name, provider))
    return Options(found.params, found.headers, found.extra_body, version)


def _reason(name: str, provider: str) -> str:
    if name in _SAMPLING:
        return f"{provider} does not know it, it has no effect"
    if name == "api_type":
        return "the Responses API is not supported yet, Chat Completions is used"
    why = _ELSEWHERE.get(name, "not known here; what the endpoint takes can stand under `extra_body`")
    return f"{why}; it has no effect"
