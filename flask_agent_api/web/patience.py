"""How long a client of a whole answer can wait: routers give up on a response that does not begin."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..errors import NO_RETRY
from ..errors import RunEnded
from ..runtime.cancel_reason import CancelReason
from ..runtime.run import Run
from ..slot import Closed
from ..types import Batch

_WAIT_SECONDS = 60.0


class _UseStream(CancelReason):
    """The same request again would take as long again."""

    def error(self) -> RunEnded:
        error = CancelReason.error(self)
        error.headers.update(NO_RETRY)
        return error


def batches_within(run: Run, seconds: float) -> Iterator[Batch]:
    """All batches of a run, which is cancelled after ``seconds``: it then ends with 504 ``use_stream``. 0: no limit."""
    until = time.monotonic() + seconds if seconds else float("inf")
    while (left := until - time.monotonic()) > 0:
        try:
            batch = run.next(min(left, _WAIT_SECONDS))
        except Closed:
            return
        if batch is not None:
            yield batch
    message = f"The answer took longer than {seconds:g} s. Send the request with `stream: true` to get it as it comes."
    run.cancel(_UseStream("use_stream", message, 504))
    yield from run.batches()
