"""The wire models: what a client may send, as OpenAI's specification describes it.

Lenient where real clients are: unknown fields are ignored and most fields may be null.
"""

from __future__ import annotations

from typing import Any
from typing import Literal

import pydantic
import pydantic_core
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from typing_extensions import Required
from typing_extensions import TypedDict

from ..errors import RequestError
from ..types import RunRequest

PARAMS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
    "response_format",
)
"""Fields of a request that go to the model call as they are."""


class ChatMessage(TypedDict, total=False):
    """One message of the history. Content is text, a list of parts, or null."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)  # type: ignore[misc]

    role: Required[Literal["system", "developer", "user", "assistant", "tool", "function"]]
    content: str | list[dict[str, Any]] | None
    name: str | None
    tool_calls: list[dict[str, Any]] | None
    tool_call_id: str | None
    function_call: dict[str, Any] | None
    refusal: str | None


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """The body of ``POST /chat/completions``."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    model: str | None = Field(default=None, max_length=512)
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    tool_choice: str | dict[str, Any] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=0)
    max_completion_tokens: int | None = Field(default=None, ge=0)
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    response_format: dict[str, Any] | None = None

    @property
    def include_usage(self) -> bool:
        """Whether the stream ends with a usage chunk."""
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_request(body: bytes, max_messages: int) -> ChatRequest:
    """The request in a body. Raises :class:`RequestError` that names the first wrong field, never its value."""
    try:
        # Not model_validate_json, which lets NaN pass where a field may hold anything.
        request = ChatRequest.model_validate(pydantic_core.from_json(body, allow_inf_nan=False))
    except pydantic.ValidationError as exc:
        problem = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        param = _param(problem["loc"])
        message = f"{param}: {problem['msg']}" if param else problem["msg"]
        raise RequestError(message, param=param, code="invalid_value") from None
    except ValueError as exc:
        raise RequestError(f"Invalid JSON: {exc}", code="invalid_json") from None
    if len(request.messages) > max_messages:
        raise RequestError(f"At most {max_messages} messages are accepted", param="messages", code="too_many_messages")
    if not any(message["role"] == "user" for message in request.messages):
        raise RequestError("The messages hold no user message to answer", param="messages", code="no_user_message")
    _refuse_unsupported(request)
    return request


def run_request(request: ChatRequest) -> RunRequest:
    """What the agent gets of a request. Nulls are left out, and so is a token limit of 0, which SDKs send as "none"."""
    messages = [{key: value for key, value in m.items() if value not in (None, [])} for m in request.messages]
    for message in messages:
        message.setdefault("content", None if message["role"] == "assistant" else "")
    values = ((name, getattr(request, name)) for name in PARAMS)
    params = {name: value for name, value in values if value is not None and not (name.startswith("max") and not value)}
    return RunRequest(messages, params, request.model or "")


def _param(location: tuple[int | str, ...]) -> str | None:
    """The place as OpenAI writes it, ``messages[0].content``. What pydantic calls a union's types is left out."""
    fields = (part for part in location if isinstance(part, int) or (part.isidentifier() and part != "str"))
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fields).removeprefix(".") or None


def _refuse_unsupported(request: ChatRequest) -> None:
    """What cannot be honoured is refused where ignoring it would change what the client must parse."""
    if request.n is not None and request.n > 1:
        raise RequestError("Only one choice is produced: n must be 1", param="n", code="unsupported_value")
    if request.logprobs:
        raise RequestError("Log probabilities are not available", param="logprobs", code="unsupported_value")
    if request.modalities and "audio" in request.modalities:
        raise RequestError("Audio output is not available", param="modalities", code="unsupported_value")
    if request.tool_choice == "required" or isinstance(request.tool_choice, dict):
        message = "Tools of the client cannot be forced: this server runs the agent's own tools"
        raise RequestError(message, param="tool_choice", code="unsupported_value")
