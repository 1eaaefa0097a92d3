"""What clients get, as models of the wire: for ``/openapi.json`` and for tests. Answers are written without them."""

from __future__ import annotations

from typing import Any
from typing import Literal

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field


class _Answer(BaseModel):
    """Fields that are not named here do not occur, but for extensions, which say so."""

    model_config = ConfigDict(extra="forbid")


class Function(_Answer):
    """The function that a tool call is for; ``arguments`` is JSON text."""

    name: str
    arguments: str


class ToolCall(_Answer):
    """A call of one of the client's tools."""

    id: str
    type: Literal["function"]
    function: Function


class Message(_Answer):
    """The answer."""

    model_config = ConfigDict(extra="allow")

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str = Field(default="", description="The model's reasoning, where it is shown.")
    tool_calls: list[ToolCall] = []


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class Choice(_Answer):
    """There is one."""

    index: Literal[0]
    message: Message
    logprobs: None
    finish_reason: FinishReason


class PromptTokensDetails(_Answer):
    """Of the prompt's tokens."""

    cached_tokens: int


class CompletionTokensDetails(_Answer):
    """Of the answer's tokens."""

    reasoning_tokens: int


class Usage(_Answer):
    """Tokens of all model calls that the answer took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails
    cost: float = Field(default=0.0, description="US dollars, where the price of a model is known (extension).")


class ChatCompletion(_Answer):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int = Field(description="Seconds since 1970.")
    model: str = Field(description="The model's name as the request had it.")
    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: Usage | None = Field(default=None, description="Left out where the agent reports none.")
    agent_events: list[dict[str, Any]] = Field(default=[], description="What the agent did on the way (extension).")


class FunctionDelta(_Answer):
    """A piece of a function call."""

    name: str | None = None
    arguments: str = ""


class ToolCallDelta(_Answer):
    """A piece of a tool call; the first one has id, type and name."""

    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta


class Delta(_Answer):
    """What a chunk adds to the answer."""

    model_config = ConfigDict(extra="allow")

    role: Literal["assistant", "tool"] | None = Field(default=None, description="`tool` in one mode of activity only.")
    content: str | None = None
    reasoning_content: str | None = Field(default=None, description="The model's reasoning, where it is shown.")
    tool_calls: list[ToolCallDelta] = []


class ChunkChoice(_Answer):
    """There is one, but for the usage chunk."""

    index: Literal[0]
    delta: Delta
    finish_reason: FinishReason | None


class ChatCompletionChunk(_Answer):
    """The data of one frame of a stream, which ends with ``[DONE]``."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice] = Field(max_length=1)
    usage: Usage | None = Field(default=None, description="Only with `stream_options.include_usage`, and then last.")
    agent_event: dict[str, Any] | None = Field(default=None, description="What the agent did (extension).")


class ModelCommand(_Answer):
    """A prompt that users call by ``/name``."""

    name: str
    description: str


class Model(_Answer):
    """An agent."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    description: str = ""
    welcome_message: str = ""
    commands: list[ModelCommand] = []


class ModelList(_Answer):
    """All agents; the first one is the default."""

    object: Literal["list"]
    data: list[Model]


class Conversation(_Answer):
    """What is kept of a conversation."""

    id: str
    object: Literal["conversation"]
    created_at: int
    metadata: dict[str, str] = Field(description="Always empty.")
    model: str = Field(description="The agent that it is with.")
    updated_at: int = Field(description="When its last turn was kept.")
    turns: int
    bytes: int


class WholeConversation(Conversation):
    """A conversation with its messages."""

    messages: list[dict[str, Any]] = Field(description="In the shapes of a request's messages.")


class ConversationList(_Answer):
    """Conversations of the caller, the one that was used last first."""

    object: Literal["list"]
    data: list[Conversation]
    first_id: str | None
    last_id: str | None = Field(description="What `after` takes for the next page.")
    has_more: bool


class DeletedConversation(_Answer):
    """What was deleted."""

    id: str
    object: Literal["conversation.deleted"]
    deleted: Literal[True]


class Cancelling(_Answer):
    """A run that is about to end; ``id`` is what it was named by."""

    id: str
    object: Literal["run"]
    status: Literal["cancelling"]


class ErrorObject(_Answer):
    """What went wrong; ``param`` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(_Answer):
    """The body of every failure, and the last frame but one of a stream that failed."""

    error: ErrorObject
