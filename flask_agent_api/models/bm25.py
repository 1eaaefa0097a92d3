"""How well texts match a query: BM25, the usual ranking of search engines."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence

_K1 = 1.2
_B = 0.75
_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
        "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
        "will", "with",
    }
)  # fmt: skip


class BM25:
    """A handful of short texts to search in. Words are compared without case, and English stop words do not count."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [Counter(words(text)) for text in texts]
        self._lengths = [found.total() for found in self._texts]
        self._mean = sum(self._lengths) / max(len(texts), 1) or 1.0
        self._holders = Counter(word for found in self._texts for word in found)

    def scores(self, query: str) -> list[float]:
        """The score of each text, 0 for one that has no word of the query."""
        wanted = set(words(query)) & self._holders.keys()
        return [self._score(number, wanted) for number in range(len(self._texts))]

    def _score(self, number: int, wanted: Iterable[str]) -> float:
        found, length = self._texts[number], self._lengths[number] / self._mean
        return sum(rarity(self._holders[word], len(self._texts)) * weight(found[word], length) for word in wanted)


def words(text: str) -> list[str]:
    """The words of a text that count, in their order."""
    return [word for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS]


def rarity(holders: int, texts: int) -> float:
    """What a word says that ``holders`` of ``texts`` have; never negative."""
    return math.log(1 + (texts - holders + 0.5) / (holders + 0.5))


def weight(count: int, length: float, k1: float = _K1, b: float = _B) -> float:
    """What it says that a word is ``count`` times in a text, whose ``length`` is measured by the mean of all texts.

    ``k1`` is how much repetitions count, ``b`` how much of the length is made up for.
    """
    return count * (k1 + 1) / (count + k1 * (1 - b + b * length) or 1.0)
