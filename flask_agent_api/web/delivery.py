"""How a request wants its answer delivered: not twice (``Idempotency-Key``), or also after its client has gone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from flask import Response

from ..conversations.answers import Answer
from ..conversations.answers import Head
from ..conversations.answers import KIND
from ..conversations.base import LeaseState
from ..conversations.base import LogKey
from ..conversations.recording import Recording
from ..errors import AnswerLost
from ..errors import KeyInUse
from ..errors import KeyReused
from ..errors import NO_RETRY
from ..errors import RequestError
from ..errors import RunEnded
from ..runtime.cancel_reason import REQUESTED
from ..runtime.in_flight import Place
from ..runtime.run import Run
from ..settings import Settings
from .client import ClientWatcher
from .errors import error_response
from .followed import followed
from .following import REPLAYED
from .following import replayed
from .following import StoredSource
from .guard import Exchange
from .pump import LiveSource
from .pump import Pump

KEY_HEADER = "Idempotency-Key"
DISCONNECT_HEADER = "X-Agent-On-Disconnect"
RESUME_HEADER = "Last-Event-ID"

_KEY = re.compile(r"[!-~]{1,255}")
_EVENT_ID = re.compile(r"[0-9]{1,9}")


def delivery(exchange: Exchange, data: bytes) -> Delivery | None:
    """What the headers of a request with the body ``data`` ask for; None if it is an answer, and no more.

    Raises :class:`RequestError` for headers that are not well-formed.
    """
    header = exchange.request.environ.get
    key, on_disconnect = header("HTTP_IDEMPOTENCY_KEY"), header("HTTP_X_AGENT_ON_DISCONNECT")
    if key is None and on_disconnect is None:
        return None
    if key is not None and not is_key(key):
        raise _malformed(KEY_HEADER, "expected 1 to 255 visible ASCII characters")
    if on_disconnect not in {None, "cancel", "detach"}:
        raise _malformed(DISCONNECT_HEADER, "expected `cancel` or `detach`")
    after = header("HTTP_LAST_EVENT_ID", "") or "0"
    if key and not _EVENT_ID.fullmatch(after):
        raise _malformed(RESUME_HEADER, "expected the number of an event")
    log = None if key is None else answer_key(exchange, key)
    digest = "" if key is None else hashlib.sha256(data).hexdigest()
    return Delivery(exchange, log, digest, on_disconnect == "detach", int(after) if key else 0)


def is_key(text: str) -> bool:
    """Whether it can be an ``Idempotency-Key``."""
    return _KEY.fullmatch(text) is not None


def answer_key(exchange: Exchange, key: str) -> LogKey:
    """Where the answer for an ``Idempotency-Key`` of this caller is kept."""
    return LogKey(KIND, exchange.principal.id, f"{exchange.request.blueprint}.chat_completions", key)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that asks for more than an answer.

    ``key`` is where the answer is recorded, if it is. ``digest`` stands for the body. A ``detached`` run goes on when
    the client has gone. Of a stream the client has the first ``after`` events.
    """

    exchange: Exchange
    key: LogKey | None
    digest: str
    detached: bool
    after: int

    def known(self, place: Place) -> Response | None:
        """What was answered to this request before, or is just being answered. None if it is new.

        Raises :class:`KeyReused`, :class:`KeyInUse`, :class:`AnswerLost` and ``StoreUnavailable``.
        """
        if self.key is None:
            return None
        service = self.exchange.service
        log = service.store.read(self.key)
        if not log.entries:
            if log.leased:
                raise KeyInUse
            return None
        answer = _read(log.entries)
        head = self._checked(answer)
        self.exchange.agent = head.agent
        if answer.ended:
            return replayed(answer, self.after)
        if not log.leased:
            raise AnswerLost
        if not head.detached:
            raise KeyInUse
        source = StoredSource(service.store, self.key, answer, len(log.entries), self.after, place)
        watcher = self._watcher(source.leave, service.settings)
        return followed(source, watcher, service.settings, REPLAYED) or self._late(service.settings)

    def make(self, run: Run, place: Place, respond: Callable[[], Response], settings: Settings) -> Response:
        """Starts the run and answers with what ``respond`` gives in another task. ``place`` is left by that one.

        Raises what :meth:`Run.start` raises, and :class:`KeyInUse` if another request was faster.
        """
        source = LiveSource(run, self.detached)
        recording = self._recording(run)
        watcher = self._watcher(source.leave, settings)
        place.hold(run)
        with ExitStack() as undo:
            if recording is not None:
                undo.callback(recording.free)
            undo.callback(watcher.close)
            run.start()
            undo.pop_all()
        Pump(run, respond, source, recording, place, detached=self.detached).start()
        return followed(source, watcher, settings) or self._late(settings)

    def _checked(self, answer: Answer) -> Head:
        if answer.head is None:
            raise AnswerLost
        if answer.head.body != self.digest:
            raise KeyReused
        if answer.lost:
            raise AnswerLost
        return answer.head

    def _recording(self, run: Run) -> Recording | None:
        if self.key is None:
            return None
        recording = self.exchange.service.recording(self.key)

        def told(state: LeaseState) -> None:
            if state is LeaseState.UNWANTED:
                run.cancel(REQUESTED)

        recording.begin(Head(self.digest, self.exchange.agent, self.detached), told)
        return recording

    def _watcher(self, gone: Callable[[], object], settings: Settings) -> ClientWatcher:
        request, id = self.exchange.request, self.exchange.request_id
        return ClientWatcher(request.environ, id, gone, settings.write_timeout, settings.half_close)

    def _late(self, settings: Settings) -> Response:
        """The run goes on, so this is an answer and no exception: its place is not to be left."""
        if self.key is not None:
            return error_response(KeyInUse())
        message = f"The answer takes longer than {settings.json_timeout:g} s. The run goes on without its client."
        return error_response(RunEnded(message, status=504, code="use_stream", headers=NO_RETRY))


def _read(entries: list[bytes]) -> Answer:
    answer = Answer()
    try:
        answer.add(entries)
    except (ValueError, TypeError):
        raise AnswerLost from None
    return answer


def _malformed(header: str, expected: str) -> RequestError:
    return RequestError(f"{header}: {expected}", param=header, code="invalid_header")
