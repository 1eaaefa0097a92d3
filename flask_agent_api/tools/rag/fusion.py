"""Making one ranking of those of several strategies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from .store import Hit


@dataclass(frozen=True, slots=True)
class Fusion:
    """How: ``rrf`` by ranks alone (reciprocal rank fusion, Cormack et al. 2009), ``weighted`` by the sum of scores,
    ``max`` by the best score. ``weights`` are by strategy, 1 for one that is not named.
    """

    how: str = "rrf"
    k: int = 60
    weights: Mapping[str, float] = field(default_factory=dict)

    def fuse(self, rankings: Sequence[tuple[str, Sequence[Hit]]]) -> list[Hit]:
        """The hits of all strategies, each chunk once, the best first. One ranking alone keeps its scores."""
        if len(rankings) == 1:
            return list(rankings[0][1])
        hits: dict[tuple[str, str], Hit] = {}
        scores: dict[tuple[str, str], float] = defaultdict(float)
        for kind, ranking in rankings:
            for rank, hit in enumerate(ranking, 1):
                key = (hit.path, hit.chunk.text)
                hits.setdefault(key, hit)
                scores[key] = self._added(scores[key], kind, rank, hit.score)
        return sorted((replace(hit, score=scores[key]) for key, hit in hits.items()), key=lambda hit: -hit.score)

    def _added(self, so_far: float, kind: str, rank: int, score: float) -> float:
        if self.how == "max":
            return max(so_far, score)
        return so_far + (self.weights.get(kind, 1.0) * score if self.how == "weighted" else 1 / (self.k + rank))


def distinct(hits: Iterable[Hit]) -> list[Hit]:
    """The hits without those whose text an earlier one has."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.chunk.text, hit)
    return list(first.values())
