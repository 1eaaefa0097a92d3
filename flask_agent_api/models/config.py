"""What is known about a model before it is called, and how long a call may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Prices in US dollars for a million tokens: of the prompt, of the answer, and of what a cache is read and fed."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    def of(self, prompt: int, completion: int, cached: int) -> float:
        """What one call costs, in dollars; ``cached`` tokens are part of the prompt's."""
        fresh = max(prompt - cached, 0)
        return (fresh * self.input + cached * self.cache_read + completion * self.output) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One model of one provider.

    ``base_url`` ends before ``/chat/completions``; empty means the provider's own. ``token_key`` names the
    environment variable with the key, which is read at each call, unless ``api_key`` holds the key itself; both
    empty: no key is sent. With ``key_optional`` a call goes out without one if the variable is not set. ``params`` go
    into the body of each call as they are (``temperature``, ``max_tokens``, ``reasoning_effort``, ...) unless the
    request has its own; ``headers`` go on each call. ``api_version`` is for Azure only. ``max_tokens_field`` is the
    name that the provider has for the limit of the output, empty: as given. ``refuses`` names parameters that are left
    out of each call. With ``bypass_gateway`` the operator's gateway is not used for this model.

    ``thinking`` is docker-agent's ``thinking_budget``, None: as the provider has it. ``extra_body`` goes into the body
    last, whatever stands there. ``unreadable`` names attachments that the model cannot take: ``image``, ``pdf``, ...
    Without ``track_usage`` the provider is not asked what a call used. ``cost`` is what tokens cost, None: unknown.
    ``unset`` names environment variables that the model's name or address would need: it cannot be called.
    """

    provider: str
    model: str
    base_url: str = field(default="", repr=False)  # its query may hold a key
    token_key: str = ""
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict)
    api_version: str = ""
    key_optional: bool = False
    max_tokens_field: str = ""
    refuses: tuple[str, ...] = ()
    bypass_gateway: bool = False
    thinking: str | int | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    track_usage: bool = True
    cost: Cost | None = None
    unset: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``provider/model``, as messages and logs call it."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of one model call, in seconds, how often it is tried again, and what holds for all of a process.

    ``first_byte`` ends with the response's headers, ``idle`` is the longest silence after them. Without
    ``retry_limited`` a call that met a rate limit is not tried again: there is another model to ask. After ``failures``
    in a row the model is not asked for ``rest`` seconds, and it gets ``concurrency`` calls at a time; 0: no such limit.
    """

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 60.0
    retries: int = 2
    retry_limited: bool = True
    failures: int = 0
    rest: float = 15.0
    concurrency: int = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        """The limits that the operator set."""
        return cls(
            connect=settings.model_connect_timeout,
            first_byte=settings.model_first_byte_timeout,
            idle=settings.model_idle_timeout,
            retries=settings.model_retries,
            failures=settings.model_failures,
            rest=settings.model_rest,
            concurrency=settings.model_concurrency,
        )
