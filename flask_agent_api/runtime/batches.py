"""From what an agent yields to batches."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Iterable

from ..types import Batch
from ..types import Done
from ..types import Error
from ..types import Event


def as_batches(items: Iterable[Batch | Event | str]) -> Generator[Batch, None, None]:
    """Batches that are not empty, the last of which ends in the run's one ``Done`` or ``Error``.

    Text and single events become batches of one, and a missing ``Done`` is added. What an agent yields after the
    end is not asked for: its iterator is closed.
    """
    iterator = iter(items)
    try:
        for item in iterator:
            batch: Batch = item if isinstance(item, list) else [item]
            if not batch:
                continue
            for at, event in enumerate(batch):
                if type(event) is Done or type(event) is Error:
                    yield batch[: at + 1]
                    return
            yield batch
        yield [Done()]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
