"""Counts of hashed n-grams as scikit-learn's HashingVectorizer gives them, several times faster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import mmh3
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

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
    found = _in_words if kind.analyzer == "char_wb" else _of_words
    ngrams = [found(lowered(text), kind.shortest, kind.longest) for text in texts]
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), list(map(len, ngrams)))
    columns = _hashed(chain.from_iterable(ngrams), kind.columns)
    return _tallied(rows, columns, (len(texts), kind.columns))


def lowered(text: str) -> str:
    """Return a text as its n-grams are counted.

    Half a surrogate pair becomes a question mark: the hash cannot take it, and would end the process.
    """
    lower = text.lower()
    return lower if lower.isascii() else lower.encode("utf-8", "replace").decode()


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


def _in_words(text: str, shortest: int, longest: int) -> list[str]:
    return [ngram for word in text.split() for ngram in _in_word(f" {word} ", shortest, longest)]


def _in_word(padded: str, shortest: int, longest: int) -> list[str]:
    # What is shorter than all lengths counts once, and what has one of them exactly is the last that counts.
    lengths = range(shortest, min(longest, max(shortest, len(padded))) + 1)
    return [padded[start : start + size] for size in lengths for start in range(max(1, len(padded) - size + 1))]


def _of_words(text: str, shortest: int, longest: int) -> list[str]:
    words = _WORD.findall(text)
    shifted = [words[start:] for start in range(longest)]
    return [
        ngram for size in range(shortest, longest + 1) for ngram in map(" ".join, zip(*shifted[:size], strict=False))
    ]


def _hashed(ngrams: Iterable[str], width: int) -> Columns:
    hashes = np.fromiter(map(mmh3.hash, ngrams), dtype=np.int64)
    return (np.abs(hashes) % width).astype(np.int32)
