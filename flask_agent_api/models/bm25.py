"""How well texts match a query: BM25, the usual ranking of search engines, over a handful of short texts."""

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
    """The texts to search in. Words are compared without case, and English stop words do not count."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [Counter(_words(text)) for text in texts]
        self._lengths = [words.total() for words in self._texts]
        self._mean = sum(self._lengths) / max(len(texts), 1) or 1.0
        self._holders = Counter(word for words in self._texts for word in words)

    def scores(self, query: str) -> list[float]:
        """The score of each text, 0 for one that has no word of the query."""
        words = set(_words(query)) & self._holders.keys()
        return [self._score(number, words) for number in range(len(self._texts))]

    def _score(self, number: int, words: Iterable[str]) -> float:
        found, length = self._texts[number], self._lengths[number] / self._mean
        return sum(
            self._rarity(word) * found[word] * (_K1 + 1) / (found[word] + _K1 * (1 - _B + _B * length))
            for word in words
        )

    def _rarity(self, word: str) -> float:
        holders = self._holders[word]
        return math.log(1 + (len(self._texts) - holders + 0.5) / (holders + 0.5))


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS]
