"""What a run adds to its conversation."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from .types import Batch
from .types import ClientToolCalls
from .types import Message
from .types import RefusalDelta
from .types import TextBatch
from .types import TextDelta


@dataclass(slots=True)
class Transcript:
    """The ``messages`` that are complete, and in ``said`` all text of the answer.

    ``calls`` are those of the client's tools that ended it, by their ids, or by name where the client knows no ids.
    """

    said: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: Sequence[str] = ()
    _covered: int = 0

    def hear(self, batch: Batch) -> None:
        """Takes in what the client gets."""
        if type(batch) is TextBatch:
            self.said += batch
            return
        for event in batch:
            if isinstance(event, str):
                self.said.append(event)
            elif isinstance(event, TextDelta | RefusalDelta) and event.depth == 0:
                self.said.append(event.text)
            elif isinstance(event, ClientToolCalls):
                self.calls = [call.name if event.legacy else call.id for call in event.calls]

    def hearing(self, put: Callable[[Batch], None]) -> Callable[[Batch], None]:
        """``put`` that takes in what it puts."""

        def heard(batch: Batch) -> None:
            self.hear(batch)
            put(batch)

        return heard

    def hearing_taken(self, offer: Callable[[TextBatch], bool]) -> Callable[[TextBatch], bool]:
        """``offer`` that takes in what was taken."""

        def taken(batch: TextBatch) -> bool:
            if not offer(batch):
                return False
            self.said += batch
            return True

        return taken

    def add(self, messages: Sequence[Message]) -> None:
        """Adds messages; what was said so far is in them."""
        self.messages += messages
        self._covered = len(self.said)

    def answer(self) -> Message:
        """The whole answer as the client has it; of calls it has more than their ids."""
        message: Message = {"role": "assistant", "content": "".join(self.said)}
        return message | {"tool_calls": [{"id": id} for id in self.calls]} if self.calls else message

    def whole(self) -> list[Message]:
        """All messages, the last words of the answer included."""
        rest = "".join(self.said[self._covered :])
        return [*self.messages, {"role": "assistant", "content": rest}] if rest.strip() else self.messages
