"""A model that is several: each call goes to one of them by chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from collections.abc import Sequence

from .base import Model
from .base import ModelEvent
from .base import ModelRequest


class AlloyModel:
    """Picks one of its ``members`` for each model call, all with the same chance, as docker-agent does.

    So the steps of one answer come from different models, each of which reads what the others wrote.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        self.members = tuple(members)
        self.name = ",".join(member.name for member in self.members)

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """The answer of one of them."""
        return random.choice(self.members).stream(request)
