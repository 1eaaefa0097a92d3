"""Models that turn texts into vectors, behind OpenAI's API of embeddings, whoever serves it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import pydantic_core

from ..concurrency import offload
from ..concurrency import sleep
from ..errors import ModelUnavailable
from ..errors import NO_RETRY
from ..settings import Settings
from ..types import Usage
from .called_by_tools import CalledByTool
from .config import Limits
from .config import ModelConfig
from .endpoint import Endpoint
from .failures import bad_answer
from .failures import CallFailed
from .failures import from_status
from .failures import from_transport
from .failures import logger
from .model_map import mapped
from .prices import priced
from .providers import callable_config
from .retry import delay_before
from .route import TransportError
from .transport import post

_MOST_BYTES = 64 * 1024 * 1024
_Answer: TypeAlias = "tuple[list[array[float]], int]"
"""Vectors, and the tokens that their texts had."""


class EmbeddingModel:
    """A model of a configuration, with the operator's map, limits and gateway. Raises ConfigError as chat models do.

    One that cannot be called says so at each call.
    """

    def __init__(self, config: ModelConfig, settings: Settings) -> None:
        config = priced(mapped(config, settings.model_map), settings.prices)
        config, self._reason = callable_config(config, settings)
        if config.provider == "demo":
            self._reason = "The demo model makes no vectors"
        self.name = config.name
        self.address = config.base_url
        self._model = config.model
        self._cost = config.cost
        self._limits = Limits.from_settings(settings)
        self._endpoint = None if self._reason else Endpoint(config, "/embeddings")

    def embed(
        self, texts: Sequence[str], *, retries: int | None = None, deadline: float = float("inf")
    ) -> list[array[float]]:
        """A vector of length 1 for each text, in 32-bit numbers, so that a product of two is their likeness.

        A call that fails is made again ``retries`` times, by default as often as the operator says. Raises
        :class:`~flask_agent_api.errors.ModelError`.
        """
        with CalledByTool(self.name) as call:
            vectors, tokens = self._answer(texts, retries, deadline)
            call.usage = Usage(tokens, cost=self._cost.of(tokens, 0, 0) if self._cost else 0.0)
        return vectors

    def _answer(self, texts: Sequence[str], retries: int | None, deadline: float) -> _Answer:
        attempt = 0
        while True:
            try:
                return self._attempt(texts, deadline)
            except CallFailed as failure:
                attempt += 1
                again = failure.row.retry and attempt <= (self._limits.retries if retries is None else retries)
                delay = delay_before(attempt, failure.wait, deadline) if again else None
                if delay is None:
                    raise failure.error() from failure
                logger.info("model %s: attempt %d failed (%s), next in %.1f s", self.name, attempt, failure, delay)
                sleep(delay)

    def _attempt(self, texts: Sequence[str], deadline: float) -> _Answer:
        if self._endpoint is None:
            raise ModelUnavailable(self._reason, code="model_unavailable", headers=NO_RETRY)
        body = pydantic_core.to_json({"model": self._model, "input": list(texts), "encoding_format": "float"})
        try:
            with post(self._endpoint.target, self._endpoint.head(), body, self._limits, deadline) as response:
                data = response.read(_MOST_BYTES)
        except TransportError as error:
            raise from_transport(error) from error
        if response.status != 200:
            raise from_status(response.status, response.headers, data, self.name)
        vectors, tokens = offload(_read, data)
        if len(vectors) != len(texts) or len(set(map(len, vectors))) > 1:
            raise bad_answer(self.name, f"not one vector for each of {len(texts)} texts")
        return vectors, tokens


def _read(data: bytes) -> _Answer:
    """The vectors of an answer in the order of their texts; none if there is something wrong with it."""
    try:
        answer: Any = pydantic_core.from_json(data)
        items = sorted(answer["data"], key=lambda item: item.get("index", 0))
        return [_unit(item["embedding"]) for item in items], _tokens(answer.get("usage"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return [], 0


def _tokens(usage: Any) -> int:
    """What the texts had, 0 where the endpoint does not say."""
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return tokens if type(tokens) is int and tokens > 0 else 0


def _unit(numbers: Sequence[float]) -> array[float]:
    length = math.sqrt(sum(number * number for number in numbers))
    if not math.isfinite(length) or not numbers:
        raise ValueError("no vector")
    return array("f", [number / (length or 1.0) for number in numbers])
