"""Counts of hashed n-grams: of a text's words, or of a word's characters.

All n-grams of one length are hashed at once, from those that are shorter by one (Karp and Rabin 1987).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_WORD = re.compile(r"\w\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, which is odd
Hashes = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kind:
    """Which n-grams are counted, and in how many columns.

    Words have two characters at least; the characters are those of a word and of a blank before and after it.
    """

    of: Literal["words", "characters"]
    shortest: int
    longest: int
    columns: int
    """A power of two, 2 at least."""


def counts(texts: Sequence[str], kind: Kind) -> csr_matrix:
    """Return how often each n-gram's column occurs in each text, shape (texts, columns).

    Texts are in lower case; for n-grams of characters, each is a word.
    """
    values, owners = _words(texts) if kind.of == "words" else _characters(texts)
    rows = [np.zeros(0, dtype=np.int64)]
    columns = rows.copy()
    hashes = np.zeros(len(values), dtype=np.uint64)
    for size in range(1, min(kind.longest, len(values)) + 1):
        hashes = hashes[: len(values) - size + 1] * _FACTOR + values[size - 1 :]
        if size >= kind.shortest:
            within = owners[: len(hashes)] == owners[size - 1 :]
            rows.append(owners[: len(hashes)][within])
            columns.append(_folded(hashes[within], kind.columns))
    return _tallied(np.concatenate(rows), np.concatenate(columns), (len(texts), kind.columns))


def _words(texts: Sequence[str]) -> tuple[Hashes, Integers]:
    """Return the hash of each word, text after text, and the number of its text."""
    found = [_WORD.findall(text) for text in texts]
    owners = np.repeat(np.arange(len(texts)), list(map(len, found)))
    numbers = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(found)))}
    every = np.fromiter(map(numbers.__getitem__, chain.from_iterable(found)), dtype=np.int64, count=len(owners))
    return _hashed(list(numbers))[every], owners


def _hashed(words: Sequence[str]) -> Hashes:
    sizes = np.array(list(map(len, words)), dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    places = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    powers = np.cumprod(np.full(max(sizes, default=0), _FACTOR), dtype=np.uint64)
    if not words:
        return powers
    # Mixed, since sums of products alone would make "by the" of "if tax".
    return _mixed(np.add.reduceat(_codes("".join(words)) * powers[places], starts))


def _characters(words: Sequence[str]) -> tuple[Hashes, Integers]:
    """Return each character's code, with a blank before and after each word, and the number of its word."""
    owners = np.repeat(np.arange(len(words)), [len(word) + 2 for word in words])
    return _codes("".join(f" {word} " for word in words)), owners


def _codes(text: str) -> Hashes:
    encoded = text.encode("utf-32-le", "surrogatepass")  # half a surrogate pair is a character like others
    return np.frombuffer(encoded, dtype="<u4").astype(np.uint64)


def _mixed(hashes: Hashes) -> Hashes:
    """Return hashes in whose high bits all lower ones have a part (Knuth, The Art of Computer Programming 3, 6.4)."""
    return (hashes ^ (hashes >> np.uint64(32))) * _FACTOR


def _folded(hashes: Hashes, columns: int) -> Integers:
    bits = columns.bit_length() - 1
    return (_mixed(hashes) >> np.uint64(64 - bits)).astype(np.int64)


def _tallied(rows: Integers, columns: Integers, shape: tuple[int, int]) -> csr_matrix:
    height, width = shape
    bits = width.bit_length() - 1
    places: NDArray[Any] = (rows << bits) | columns
    if height * width < min(8 * len(columns), 2**22):  # quicker where the table is small and rather full
        table = np.bincount(places, minlength=height * width)
        places = np.flatnonzero(table)
        times = table[places]
    else:
        if height * width < 2**31:  # which sorts in half the time
            places = places.astype(np.int32)
        places.sort()
        first = np.flatnonzero(np.diff(places, prepend=-1))
        places, times = places[first], np.diff(first, append=len(places))
    starts = np.searchsorted(places >> bits, np.arange(height + 1)).astype(np.int32)
    return csr_matrix((times.astype(np.float64), (places & (width - 1)).astype(np.int32), starts), shape=shape)
