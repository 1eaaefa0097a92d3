"""Everything that can go wrong, with the status and code that a client sees.

AgentAPIError               its message is fit for clients; anything else becomes "internal error"
├── ConfigError             a setting or an agent file is wrong: stops the start
├── RequestError            400  the client's request cannot be served as it is
│   ├── ModelNotFound       404  no agent of that name
│   └── ConversationNotFound 404 no conversation of that id
├── AuthenticationError     401  no key, or a wrong one
├── AccessDenied            403  known, but not allowed
├── RateLimited             429  more at a time than the caller may
├── QuotaExceeded           429  the caller has used what he may use of a day
├── ModelError              502  the model behind an agent failed
│   ├── ConversationTooLong 400  more than the model can read
│   ├── ContentRejected     400  what the model's provider does not take
│   ├── ModelTimeout        504
│   ├── ModelRateLimited    429
│   ├── ModelUnavailable    503  no key configured, or overloaded
│   └── InvalidAnswer       502  the answer lacks the format that the request asked for
├── ConversationBusy    409  another run is at work on it
├── ConversationChanged 409  it is not what the run began with
├── KeyReused           422  an Idempotency-Key of another request
├── KeyInUse            409  the request with this Idempotency-Key is being answered
├── AnswerLost          409  what it was answered is not there to be sent again
├── AlreadyStarted      409  an automatic retry of a run that may have had effects
├── RunNotFound         404  nothing to cancel
├── RunEnded                     a run was ended from outside
└── InternalError           500  our own fault; details are in the log only
ToolError                   a tool failed: its message goes to the model, never to a client
└── NotAllowed              nobody allowed the call
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

_E = TypeVar("_E", bound=BaseException)

NO_RETRY: Mapping[str, str] = {"X-Should-Retry": "false"}
"""Headers of a failure that OpenAI's SDKs must not answer by sending the request again: it may have had effects."""


def untraced(error: _E) -> _E:
    """The error without the frames that it came through, for one that is kept: they keep alive what they work on."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class AgentAPIError(Exception):
    """Base of all errors whose message may be shown to a client.

    ``status`` is the HTTP status, ``type``, ``code`` and ``param`` are the fields of OpenAI's error
    envelope, ``headers`` go on the response (``Retry-After``).
    """

    status = 500
    type = "server_error"
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.type = type or self.type
        self.code = code or self.code
        self.param = param
        self.headers = dict(headers or {})


class ConfigError(AgentAPIError):
    """A setting or an agent file is wrong. The message names the file, the place and the remedy."""

    code = "config_error"


class RequestError(AgentAPIError):
    """The request cannot be served as it is."""

    status = 400
    type = "invalid_request_error"


class ModelNotFound(RequestError):
    """No agent has the requested name."""

    status = 404
    code = "model_not_found"


class ConversationNotFound(RequestError):
    """The caller has no conversation of that id."""

    status = 404
    code = "conversation_not_found"


class AuthenticationError(AgentAPIError):
    """No key, or one that is not known."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class AccessDenied(AgentAPIError):
    """The caller may not do this."""

    status = 403
    type = "invalid_request_error"
    code = "access_denied"


class RateLimited(AgentAPIError):
    """The caller asks more often, or for more at a time, than his key allows; `Retry-After` says when to try again."""

    status = 429
    type = "requests"
    code = "rate_limit_exceeded"


class QuotaExceeded(AgentAPIError):
    """The caller has used all the tokens that his key has for a day."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class ModelError(AgentAPIError):
    """The model behind an agent failed; nothing is wrong with the client's request."""

    status = 502
    type = "server_error"
    code = "upstream_error"


class ConversationTooLong(ModelError):
    """The conversation is longer than the agent's model can read."""

    status = 400
    type = "invalid_request_error"
    code = "context_length_exceeded"


class ContentRejected(ModelError):
    """The model's provider does not take the request's content: an image that it cannot read, or by its policy."""

    status = 400
    type = "invalid_request_error"
    code = "content_policy_violation"


class ModelTimeout(ModelError):
    """The model did not answer in time."""

    status = 504
    code = "upstream_timeout"


class ModelRateLimited(ModelError):
    """The model's provider limits the rate; ``Retry-After`` is passed on."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class ModelUnavailable(ModelError):
    """The model cannot be called now: no key is configured, or its provider is overloaded."""

    status = 503
    code = "upstream_unavailable"


class InvalidAnswer(ModelError):
    """The answer does not have the `response_format` that the request asked for."""

    code = "invalid_structured_output"


class ConversationBusy(AgentAPIError):
    """Another run is at work on the conversation. OpenAI's SDKs try again by themselves, twice."""

    status = 409
    type = "invalid_request_error"
    code = "conversation_busy"

    def __init__(self) -> None:
        message = "Another request is at work on this conversation. Try again when it has been answered."
        super().__init__(message, headers={"Retry-After": "1"})


class ConversationChanged(AgentAPIError):
    """The conversation was deleted, or went on without this run, which took too long to be heard of."""

    status = 409
    type = "invalid_request_error"
    code = "conversation_changed"

    def __init__(self) -> None:
        message = "The conversation was changed while the agent was at work on it. This answer is not kept."
        super().__init__(message, headers=NO_RETRY)


class KeyReused(RequestError):
    """The `Idempotency-Key` belongs to a request with another body."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        message = "This Idempotency-Key was used for a request with another body. Use a new key for a new request."
        super().__init__(message, param="Idempotency-Key")


class KeyInUse(AgentAPIError):
    """The request with this `Idempotency-Key` is still being answered."""

    status = 409
    type = "invalid_request_error"
    code = "idempotency_in_progress"

    def __init__(self) -> None:
        message = "The request with this Idempotency-Key is still being answered. Send it again to get the answer."
        super().__init__(message, headers={"Retry-After": "1"})


class AnswerLost(AgentAPIError):
    """The request with this `Idempotency-Key` was served, but not to its end, or its answer could not be kept."""

    status = 409
    type = "invalid_request_error"
    code = "run_interrupted"

    def __init__(self) -> None:
        message = (
            "The run for this Idempotency-Key was cut off, or its answer could not be kept. It may have had effects, "
            "so it is not run again. Use a new key to run it once more."
        )
        super().__init__(message, headers=NO_RETRY)


class AlreadyStarted(AgentAPIError):
    """An automatic retry of a request whose run had started, and may have had effects."""

    status = 409
    type = "invalid_request_error"
    code = "run_already_started"

    def __init__(self) -> None:
        message = (
            "This is a retry of a request that an agent has begun to act on. It is not run again by itself. Send an "
            "Idempotency-Key with requests that may be repeated."
        )
        super().__init__(message, headers=NO_RETRY)


class RunNotFound(RequestError):
    """Nothing of the caller's is at work under this name."""

    status = 404
    code = "run_not_found"


class RunEnded(AgentAPIError):
    """A run was ended from outside before it had an answer."""

    status = 503
    code = "run_cancelled"


class InternalError(AgentAPIError):
    """A fault of this server or of an agent's own code. Says nothing of the cause: that is in the log."""

    code = "internal_error"

    def __init__(
        self, message: str = "The server had an internal error.", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, headers=headers)


class ToolError(Exception):
    """Raised by a tool: its message becomes the call's result, marked as an error, for the model to read."""


class NotAllowed(ToolError):
    """The call is not allowed. ``rule`` names for the log what forbids it; the message names what would allow it."""

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message)
        self.rule = rule
