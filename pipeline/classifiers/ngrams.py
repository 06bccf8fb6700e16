"""Counts of hashed n-grams as scikit-learn's HashingVectorizer gives them, several times faster.

What it counts in characters stays within a word, so the columns of each word are kept for the next time it occurs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, Literal

import mmh3
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_MANY = 2**20  # columns of known words: those of some 40,000
_WORD = re.compile(r"(?u)\b\w\w+\b")
Columns = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Kind:
    """Which n-grams are counted, and in how many columns; ``char_wb`` are characters within a word and its blanks."""

    analyzer: Literal["word", "char_wb"]
    shortest: int
    longest: int
    columns: int
    """A power of two."""


def counts(texts: Sequence[str], kind: Kind) -> csr_matrix:
    """Return how often each n-gram's column occurs in each text, shape (texts, columns)."""
    lowered = [_encodable(text.lower()) for text in texts]
    if kind.analyzer == "char_wb":
        words = [text.split() for text in lowered]
        columns, sizes = _known_words(kind).columns(list(chain.from_iterable(words)))
        of_words = np.repeat(np.arange(len(texts), dtype=np.int32), list(map(len, words)))
        rows = np.repeat(of_words, sizes)
    else:
        ngrams = [_of_words(_WORD.findall(text), kind.shortest, kind.longest) for text in lowered]
        rows = np.repeat(np.arange(len(texts), dtype=np.int32), list(map(len, ngrams)))
        columns = _hashed(chain.from_iterable(ngrams), kind.columns)
    return _tallied(rows, columns, (len(texts), kind.columns))


def _encodable(text: str) -> str:
    """Return a text without half surrogates, which the hash cannot take: it would end the process."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _tallied(rows: NDArray[np.int32], columns: Columns, shape: tuple[int, int]) -> csr_matrix:
    height, width = shape
    bits = width.bit_length() - 1
    if height * width < min(8 * len(columns), 2**22):  # quicker where the table is small and rather full
        table = np.bincount((rows << bits) | columns, minlength=height * width)
        places = np.flatnonzero(table)
        times = table[places]
    else:
        whole: NDArray[np.signedinteger[Any]] = rows.astype(np.int64) if height * width > 2**31 else rows
        sorted_ = (whole << bits) | columns
        sorted_.sort()
        first = np.flatnonzero(np.diff(sorted_, prepend=-1))
        places, times = sorted_[first], np.diff(first, append=len(sorted_))
    starts = np.searchsorted(places >> bits, np.arange(height + 1)).astype(np.int32)
    return csr_matrix((times.astype(np.float64), (places & (width - 1)).astype(np.int32), starts), shape=shape)


class _KnownWords:
    """The columns of each word's n-grams of characters, found when the word is first asked for."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        # Those of word number n are columns[starts[n] : starts[n + 1]]; both arrays grow ahead of what they hold.
        self._columns = np.zeros(2**16, dtype=np.int32)
        self._starts = np.zeros(2**12, dtype=np.int64)

    def columns(self, words: Sequence[str]) -> tuple[Columns, NDArray[np.int64]]:
        """Return the columns of all words, one after the other, and the number of each word's."""
        with self._lock:
            new = list(dict.fromkeys(word for word in words if word not in self._numbers))
            if new:
                self._add(new)
            numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
            starts = self._starts[numbers]
            sizes = self._starts[numbers + 1] - starts
            skipped = np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
            found = self._columns[skipped + np.arange(len(skipped))]
            if self._starts[len(self._numbers)] > _MANY:
                self._forget()
            return found, sizes

    def _add(self, new: Sequence[str]) -> None:
        ngrams = [_in_word(f" {word} ", self._kind.shortest, self._kind.longest) for word in new]
        hashed = _hashed(chain.from_iterable(ngrams), self._kind.columns)
        held = len(self._numbers)
        ends = self._starts[held] + np.cumsum(list(map(len, ngrams)))
        self._columns = _grown(self._columns, int(ends[-1]))
        self._columns[self._starts[held] : ends[-1]] = hashed
        self._starts = _grown(self._starts, held + len(new) + 1)
        self._starts[held + 1 : held + len(new) + 1] = ends
        self._numbers.update(zip(new, range(held, held + len(new)), strict=True))


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return an array with room for so many; it then has room for half as many again."""
    if size <= len(array):
        return array
    grown = np.zeros(size + size // 2, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


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
    hashes = np.fromiter(map(mmh3.hash, ngrams), dtype=np.int64)
    return (np.abs(hashes) % width).astype(np.int32)
