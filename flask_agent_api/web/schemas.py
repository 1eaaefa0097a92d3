"""The wire models: what a client may send, as OpenAI's specification describes it.

Lenient where real clients are: unknown fields are ignored and most fields may be null.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any
from typing import Literal

import pydantic
import pydantic_core
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import field_validator
from typing_extensions import Required
from typing_extensions import TypedDict

from ..errors import ConfigError
from ..errors import RequestError
from ..params import OUTPUT_LIMITS
from ..params import PARAMS
from ..structured.answer_format import answer_format
from ..types import RunRequest
from .activity.history import without_activity
from .sizes import check_sizes


class ContentPart(TypedDict, total=False):
    """A part of a message: text, refusal, image_url, input_audio, file, and what else a provider may know."""

    __pydantic_config__ = ConfigDict(extra="allow", allow_inf_nan=False)  # type: ignore[misc]

    type: Required[str]
    text: str | None


_PARAMS = frozenset(PARAMS)
_ROLE = itemgetter("role")


class ChatMessage(TypedDict, total=False):
    """One message of the history. Content is text, a list of parts, or null."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)  # type: ignore[misc]

    role: Required[Literal["system", "developer", "user", "assistant", "tool", "function"]]
    content: str | list[ContentPart] | None
    name: str | None
    tool_calls: list[dict[str, Any]] | None
    tool_call_id: str | None
    function_call: dict[str, Any] | None
    refusal: str | None
    audio: dict[str, Any] | None


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(BaseModel):
    """The body of ``POST /chat/completions``. What it does not know is kept apart, in ``model_extra``."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str | None = Field(default=None, max_length=512)
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    modalities: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    functions: list[dict[str, Any]] | None = None
    function_call: str | dict[str, Any] | None = None
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
    service_tier: str | None = None
    parallel_tool_calls: bool | None = None
    user: str | dict[str, Any] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    tool_activity: Any = None

    def params(self) -> dict[str, Any]:
        """The parameters for the model call. Left out are nulls, and what SDKs send for "none": a limit of 0."""
        sent = self.__pydantic_fields_set__ & _PARAMS
        if not sent:
            return {}
        values = {name: getattr(self, name) for name in PARAMS if name in sent}
        if isinstance(self.user, dict):
            ids = (self.user.get(key) for key in ("id", "email"))
            values["user"] = next((id for id in ids if id and isinstance(id, str)), None)
        unset = [name for name, value in values.items() if value in (None, [])]
        unset += [name for name in OUTPUT_LIMITS if values.get(name) == 0]
        return {name: value for name, value in values.items() if name not in unset}

    @field_validator("response_format")
    @classmethod
    def _text_is_the_default(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if value and value.get("type") == "text" else value

    @property
    def include_usage(self) -> bool:
        """Whether the stream ends with a usage chunk."""
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_request(body: bytes, max_messages: int, max_images: int = 100) -> ChatRequest:
    """The request in a body. Raises :class:`RequestError` that names the first wrong field, never its value."""
    try:
        # Not model_validate_json, which lets NaN pass where a field may hold anything.
        sent = pydantic_core.from_json(body, allow_inf_nan=False, cache_strings="keys")
        check_sizes(sent, max_messages, max_images)
        request: ChatRequest = ChatRequest.__pydantic_validator__.validate_python(sent)
    except pydantic.ValidationError as exc:
        problem = _first_problem(exc)
        param = _param(problem["loc"])
        message = f"{param}: {problem['msg']}" if param else problem["msg"]
        raise RequestError(message, param=param, code="invalid_value") from None
    except ValueError as exc:
        raise RequestError(f"Invalid JSON: {exc}", code="invalid_json") from None
    if "user" not in map(_ROLE, request.messages):
        raise RequestError("The messages hold no user message to answer", param="messages", code="no_user_message")
    _refuse_unsupported(request)
    return request


def _first_problem(exc: pydantic.ValidationError) -> Any:
    """The first one; where a text or a list is accepted and the list is wrong inside, the place inside."""
    first, *others = exc.errors(include_input=False, include_url=False, include_context=False)
    place, kind = first["loc"][:-1], first["loc"][-1:]
    if kind != ("str",):
        return first
    inside = (other for other in others if len(other["loc"]) > len(place) + 1 and other["loc"][: len(place)] == place)
    return next(inside, first)


def run_request(request: ChatRequest, pinned: Mapping[str, Any] | None = None) -> RunRequest:
    """What the agent gets of a request, nulls left out. ``pinned`` are parameters that replace the request's own.

    Of earlier answers it gets what agents wrote, without the activity that was shown in them.
    """
    messages = [_as_agents_read_it(message) for message in request.messages]
    return RunRequest(messages, _pinned(request.params(), pinned or {}), request.model or "")


def _as_agents_read_it(message: ChatMessage) -> dict[str, Any]:
    """A message without nulls and empty lists, but with a content; one of an agent without activity."""
    is_answer = message["role"] == "assistant"
    plain: dict[str, Any] = message  # type: ignore[assignment]
    if "content" not in message or not all(message.values()):
        content = None if is_answer else ""
        plain = {"content": content, **{key: value for key, value in message.items() if value not in (None, [])}}
    return without_activity(plain) if is_answer else plain


def check_pinned(params: Mapping[str, Any]) -> None:
    """Raises :class:`ConfigError` if a request could not set these parameters to these values."""
    try:
        ChatRequest.model_validate({"messages": [{"role": "user"}], **params})
    except pydantic.ValidationError as exc:
        problem = exc.errors(include_url=False, include_context=False)[0]
        raise ConfigError(f"Setting AGENT_API_PARAMS: {_param(problem['loc'])}: {problem['msg']}") from None
    try:
        answer_format(params.get("response_format") or {"type": "text"})
    except RequestError as exc:
        raise ConfigError(f"Setting AGENT_API_PARAMS: {exc.message}") from None


def _pinned(params: dict[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    """A pinned null takes a parameter away. The two output limits are one: who pins one of them replaces both."""
    if not pinned:
        return params
    replaced = {*pinned, *(OUTPUT_LIMITS if any(name in pinned for name in OUTPUT_LIMITS) else ())}
    kept = {name: value for name, value in params.items() if name not in replaced}
    return kept | {name: value for name, value in pinned.items() if value is not None}


def _param(location: tuple[int | str, ...]) -> str | None:
    """The place as OpenAI writes it, ``messages[0].content``. What pydantic calls a union's types is left out."""
    fields = (part for part in location if isinstance(part, int) or (part.isidentifier() and part != "str"))
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fields).removeprefix(".") or None


def _refuse_unsupported(request: ChatRequest) -> None:
    """What cannot be honoured is refused where ignoring it would change what the client must parse."""
    if request.n is not None and request.n > 1:
        raise RequestError("Only one choice is produced: n must be 1", param="n", code="unsupported_value")
    for name in ("logprobs", "top_logprobs"):
        if getattr(request, name):
            raise RequestError("Log probabilities are not available", param=name, code="unsupported_value")
    if set(request.modalities or ()) - {"text"}:
        raise RequestError(
            "Answers are text: no other modality is available", param="modalities", code="unsupported_value"
        )
