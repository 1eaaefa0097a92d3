"""A model with others that step in when it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from ..errors import ModelError
from ..errors import ModelUnavailable
from ..errors import NO_RETRY
from ..per_process import PerProcess
from .base import Model
from .base import ModelEvent
from .base import ModelRequest
from .failures import CallFailed

COOLDOWN = 60.0
"""Seconds for which a model is left in peace, unless its agent says otherwise."""

logger = logging.getLogger("flask_agent_api.models")


class FallbackModel:
    """Tries its ``members`` in order until one answers; each repeats passing failures by itself.

    None is tried once something of an answer was shown, nor after the request's deadline. A member whose failure will
    last (a rate limit, a wrong key, see :mod:`~flask_agent_api.models.failure_table`) comes last for ``cooldown``
    seconds, or for as long as its provider asks for: in this process, and for all requests.
    """

    def __init__(
        self, members: Sequence[Model], cooldown: float = COOLDOWN, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = members[0].name
        self.members = tuple(members)
        self._cooldown = cooldown
        self._clock = clock
        self._resting: PerProcess[dict[int, float]] = PerProcess(dict)

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """The answer of the first one that gives any. If none does, raises the error that tells most."""
        errors: dict[int, ModelError] = {}
        for number in self._order():
            try:
                yield from self.members[number].stream(request)
            except ModelError as error:
                failure = error.__cause__ if isinstance(error.__cause__, CallFailed) else None
                if failure.begun if failure else not isinstance(error, ModelUnavailable):
                    raise  # or perhaps begun: who knows what other models do
                errors[number] = error.with_traceback(None)  # its frames refer to these errors
                self._note(number, failure)
                if time.monotonic() >= request.deadline:
                    break
            else:
                self._resting.get().pop(number, None)
                return
        raise _most_telling(errors)

    def _order(self) -> list[int]:
        """Those that rest come last: better a second attempt than none."""
        resting, now = self._resting.get(), self._clock()
        return sorted(range(len(self.members)), key=lambda number: resting.get(number, now) > now)

    def _note(self, number: int, failure: CallFailed | None) -> None:
        """What is no failure of a call is one of the configuration, which lasts, too."""
        lasting = failure is None or failure.row.lasting
        if lasting:
            seconds = max(self._cooldown, failure.wait or 0.0 if failure else 0.0)
            self._resting.get()[number] = self._clock() + seconds
        name, cause = self.members[number].name, failure.row.name if failure else "not configured"
        logger.warning("model %s failed (%s), the next one is tried%s", name, cause, ", it rests" if lasting else "")


def _most_telling(errors: Mapping[int, ModelError]) -> ModelError:
    """The first that a client's repetition may help, as its wait is worth knowing; else that of the first model."""
    in_order = [errors[number] for number in sorted(errors)]
    return next((error for error in in_order if not NO_RETRY.items() <= error.headers.items()), in_order[0])
