"""From what an agent yields to batches."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
from typing import get_args

from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import is_text
from ..types import Usage

_EVENTS: frozenset[type] = frozenset(get_args(Event))


def as_batches(
    items: Iterable[Batch | Event | str], used: Callable[[Usage], object] | None = None
) -> Generator[Batch, None, None]:
    """Batches that are not empty, the last of which ends in the run's one ``Done`` or ``Error``.

    Text and single events become batches of one, and a missing ``Done`` is added. Calls of the client's tools end the
    run as well, with the ``Done`` that fits them. What an agent yields after the end is not asked for: its iterator is
    closed. ``used`` is told of each :class:`Usage`. Raises TypeError for what is neither text nor an event.
    """
    iterator = iter(items)
    try:
        for item in iterator:
            batch: Batch = item if isinstance(item, list) else [item]
            if is_text(batch):
                yield batch
                continue
            if not batch:
                continue
            for at, event in enumerate(batch):
                kind = type(event)
                if kind is str:
                    continue
                if kind is Usage and used is not None:
                    used(event)  # type: ignore[arg-type]
                if kind is Done or kind is Error:
                    yield batch[: at + 1]
                    return
                if isinstance(event, ClientToolCalls):
                    yield [*batch[: at + 1], Done(event.finish_reason)]
                    return
                if kind not in _EVENTS:
                    batch = [*batch[:at], _plain(event), *batch[at + 1 :]]
            yield batch
        yield [Done()]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _plain(event: object) -> str:
    """Text of a class of its own as plain text. Raises TypeError for everything else."""
    if isinstance(event, str):
        return str.__str__(event)
    raise TypeError(f"an agent yielded {type(event).__name__}, not text, an event or a list of them")
