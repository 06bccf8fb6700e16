"""Counts of hashed n-grams as scikit-learn's HashingVectorizer gives them, several times faster.

What it counts in characters stays within a word, so the columns of each word are kept for the next time it occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

_LONG = 32  # characters: what is longer hardly occurs again, and would take much memory
_MANY = 2**15  # words
_WORD = re.compile(r"(?u)\b\w\w+\b")
Columns = NDArray[np.int32]


def counts(texts: Sequence[str], like: HashingVectorizer) -> csr_matrix:
    """Return how often each n-gram's column occurs in each text, shape (texts, columns).

    ``like`` tells the kind and lengths of the n-grams and the number of columns; its other settings are those of
    ``linear.fit``.
    """
    shortest, longest = like.ngram_range
    lowered = [text.lower() for text in texts]
    rows = np.arange(len(texts))
    if like.analyzer == "char_wb":
        known = _known_words(shortest, longest, like.n_features)
        words = [text.split() for text in lowered]
        found = list(map(known.__getitem__, chain.from_iterable(words)))
        rows = np.repeat(np.repeat(rows, list(map(len, words))), list(map(len, found)))
        columns = np.concatenate([np.zeros(0, dtype=np.int32), *found])
    else:
        ngrams = [_of_words(_WORD.findall(text), shortest, longest) for text in lowered]
        rows = np.repeat(rows, list(map(len, ngrams)))
        columns = _hashed(chain.from_iterable(ngrams), like.n_features)
    row, column, times = _tallied(rows, columns, len(texts), like.n_features)
    starts = np.searchsorted(row, np.arange(len(texts) + 1))
    shape = len(texts), like.n_features
    return csr_matrix((times.astype(np.float64), column.astype(np.int32), starts.astype(np.int32)), shape=shape)


def _tallied(
    rows: NDArray[np.int64], columns: Columns, height: int, width: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return each row and column that occur together, in order, and how often they do."""
    if height * width < min(8 * len(columns), 2**22):  # quicker where the table is small and rather full
        table = np.bincount(rows * width + columns, minlength=height * width)
        first = np.flatnonzero(table)
        return *np.divmod(first, width), table[first]
    places: NDArray[np.signedinteger[Any]] = rows * width + columns
    if height * width < 2**31:
        places = places.astype(np.int32)  # sorted in half the time
    places.sort()
    first = np.flatnonzero(np.diff(places, prepend=-1))
    return *np.divmod(places[first], width), np.diff(first, append=len(places))


class _KnownWords(dict[str, Columns]):
    """The columns of each word's n-grams of characters, found when the word is first asked for."""

    def __init__(self, shortest: int, longest: int, width: int) -> None:
        super().__init__()
        self._lengths = shortest, longest
        self._width = width

    def __missing__(self, word: str) -> Columns:
        columns = _hashed(_in_word(f" {word} ", *self._lengths), self._width)
        if len(self) >= _MANY:
            self.clear()
        if len(word) <= _LONG:
            self[word] = columns
        return columns


_known_words = cache(_KnownWords)


def _in_word(padded: str, shortest: int, longest: int) -> list[str]:
    # What is shorter than all lengths counts once, and what has one of them exactly is the last that counts.
    lengths = range(shortest, min(longest, max(shortest, len(padded))) + 1)
    return [padded[start : start + size] for size in lengths for start in range(max(1, len(padded) - size + 1))]


def _of_words(words: list[str], shortest: int, longest: int) -> list[str]:
    shifted = [words[start:] for start in range(longest)]
    return [
        ngram for size in range(shortest, longest + 1) for ngram in map(" ".join, zip(*shifted[:size], strict=False))
    ]


def _hashed(ngrams: Iterable[str], width: int) -> Columns:
    hashes = np.fromiter(map(murmurhash3_32, ngrams), dtype=np.int64)
    return (np.abs(hashes) % width).astype(np.int32)
