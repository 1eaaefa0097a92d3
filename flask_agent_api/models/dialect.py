"""How a request must look for the endpoint it goes to: what is added, left out and said otherwise."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ..params import OUTPUT_LIMITS
from .anthropic_compat import adapt_to_anthropic
from .attachments import readable
from .base import ModelRequest
from .compat import with_plain_calls
from .config import ModelConfig
from .google_compat import adapt_to_google
from .mistral_compat import adapt_to_mistral
from .provider_table import provider_of
from .thinking import read_thinking
from .thinking import thinking_fields

_LIMITS = frozenset(OUTPUT_LIMITS)
_ONLY_WITH_TOOLS = ("parallel_tool_calls", "tool_choice")


class Dialect:
    """Makes the bodies of one model's requests. The configuration is a resolved one."""

    def __init__(self, config: ModelConfig) -> None:
        provider = provider_of(config)
        self._config = config
        self._own = dict(config.params)
        if config.thinking is not None:
            thinking = thinking_fields(read_thinking(config.thinking), provider.thinking, config.model)
            self._own = {**thinking, **config.params}
        self._adapt = _ADAPTERS.get(config.provider, _plain if provider.strict else None)

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """The body of a streamed chat completion, as the provider takes it; what a file puts into it comes last."""
        config = self._config
        messages = readable(request.messages, config.unreadable) if config.unreadable else list(request.messages)
        body = {"model": config.model, "messages": messages, **self._params(request)}
        if request.tools:
            body["tools"] = list(request.tools)
        else:
            for name in _ONLY_WITH_TOOLS:
                body.pop(name, None)
        if config.track_usage:
            body["stream_options"] = {"include_usage": True}
        if self._adapt is not None:
            self._adapt(body)
        body["stream"] = True
        return {**body, **config.extra_body} if config.extra_body else body

    def _params(self, request: ModelRequest) -> dict[str, Any]:
        """The model's own parameters and, before them, the request's; of the two output limits only one."""
        own, asked, field, refused = self._own, request.params, self._config.max_tokens_field, self._config.refuses
        if not _LIMITS.isdisjoint(asked):
            own = {name: value for name, value in own.items() if name not in _LIMITS}
        params = {**own, **asked}
        for name in OUTPUT_LIMITS:
            if field and name != field and name in params:
                params[field] = params.pop(name)
        return {name: value for name, value in params.items() if name not in refused} if refused else params


def _plain(body: dict[str, Any]) -> None:
    body["messages"] = with_plain_calls(body["messages"])


_ADAPTERS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "anthropic": adapt_to_anthropic,
    "google": adapt_to_google,
    "mistral": adapt_to_mistral,
}
