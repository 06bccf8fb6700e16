"""What a regression reads of a text: TF-IDF of hashed n-grams, of its words and of the characters of each word.

N-grams of words are weighed by how often they occur in the text. N-grams of characters are weighed within their word,
and the word by how often it occurs: so what a word adds to a score is found once, and kept for the next text.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.classifiers import ngrams
from pipeline.classifiers.ngrams import Kind

_MANY = 40_000  # words known at once
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Terms:
    """N-grams of one kind, what each is worth, and what each adds to some regressions."""

    kind: Kind
    idf: Floats
    """Inverse document frequency of each column, shape (columns,)."""
    weights: Floats
    """Shape (columns, regressions)."""

    def matrix(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return weighed columns, shape (texts, columns): what the regressions are fitted to."""
        if self.kind.of == "words":
            weighed = self._weighed(_lower(texts))
            return _divided(weighed, _lengths(weighed))
        words, times = _words(texts)
        weighed = self._weighed(words)
        return _divided(times @ weighed, _lengths_over_words(times, _squares(weighed)))

    def scores(self, texts: Sequence[str]) -> Doubles:
        """Return the product of matrix and weights, shape (texts, regressions)."""
        if self.kind.of == "words":
            weighed = self._weighed(_lower(texts))
            return np.asarray((weighed @ self._weights) / _lengths(weighed)[:, None])
        words, times = _words(texts)
        added, squares = self._known.of(words)
        return np.asarray((times @ added) / _lengths_over_words(times, squares)[:, None])

    def _weighed(self, texts: Sequence[str]) -> sparse.csr_matrix:
        matrix = ngrams.counts(texts, self.kind)
        if self.kind.of == "words":
            matrix.data = np.log(matrix.data) + 1
        matrix.data *= self.idf[matrix.indices]
        return matrix

    @cached_property
    def _weights(self) -> Doubles:
        return self.weights.astype(np.float64)

    @cached_property
    def _known(self) -> _KnownWords:
        return _KnownWords(self)


def unfitted(kind: Kind, texts: Sequence[str]) -> Terms:
    """Return the terms of some texts, smoothed as scikit-learn's TfidfTransformer does it, without weights."""
    if kind.of == "words":
        held = ngrams.counts(_lower(texts), kind)
    else:
        words, times = _words(texts)
        held = (times @ ngrams.counts(words, kind)).tocsr()
    frequency = np.bincount(held.indices, minlength=kind.columns)
    idf = np.log((1 + len(texts)) / (1 + frequency)) + 1
    return Terms(kind, idf.astype(np.float32), np.zeros((kind.columns, 0), dtype=np.float32))


def _words(texts: Sequence[str]) -> tuple[list[str], sparse.csr_matrix]:
    """Return the distinct words, and the weight of each in each text, shape (texts, words).

    A row's words are in the order of the text, whatever is asked beside it: so are the sums over them.
    """
    counted = [Counter(text.split()) for text in _lower(texts)]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(counted)))}
    sizes = list(map(len, counted))
    size = sum(sizes)
    places = np.fromiter(map(numbers.__getitem__, chain.from_iterable(counted)), dtype=np.int32, count=size)
    times = np.fromiter(chain.from_iterable(own.values() for own in counted), dtype=np.float64, count=size)
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int32)])
    return list(numbers), sparse.csr_matrix((np.log(times) + 1, places, starts), shape=(len(texts), len(numbers)))


def _lower(texts: Sequence[str]) -> list[str]:
    return [text.lower() for text in texts]


def _squares(weighed: sparse.csr_matrix) -> Doubles:
    rows = np.repeat(np.arange(weighed.shape[0]), np.diff(weighed.indptr))
    return np.bincount(rows, weighed.data**2, minlength=weighed.shape[0]).astype(np.float64)


def _lengths(weighed: sparse.csr_matrix) -> Doubles:
    lengths = np.sqrt(_squares(weighed))
    return np.where(lengths > 0, lengths, 1)


def _lengths_over_words(times: sparse.csr_matrix, squares: Doubles) -> Doubles:
    """Return the length of each text's vector as if no two of its words shared an n-gram."""
    squared = times.copy()
    squared.data **= 2
    lengths = np.sqrt(squared @ squares)
    return np.where(lengths > 0, lengths, 1)


def _divided(matrix: sparse.csr_matrix, lengths: Doubles) -> sparse.csr_matrix:
    return sparse.diags(1 / lengths) @ matrix


class _KnownWords:
    """What each word's n-grams add to the scores, and their squared length, found when it is first asked for."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        self._found = np.zeros((2**10, self._terms.weights.shape[1] + 1))  # grows ahead of what it holds

    def of(self, words: Sequence[str]) -> tuple[Doubles, Doubles]:
        """Return what each word adds, shape (words, regressions), and squared lengths, shape (words,)."""
        with self._lock:
            new = [word for word in words if word not in self._numbers]
            if new:
                self._add(new)
            numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
            found = self._found[numbers]
            if len(self._numbers) > _MANY:
                self._forget()
        return found[:, :-1], found[:, -1]

    def _add(self, new: Sequence[str]) -> None:
        weighed = self._terms._weighed(new)  # noqa: SLF001  # this is a part of it
        begin, end = len(self._numbers), len(self._numbers) + len(new)
        if end > len(self._found):
            grown = np.zeros((end + end // 2, self._found.shape[1]))
            grown[:begin] = self._found[:begin]
            self._found = grown
        self._found[begin:end, :-1] = weighed @ self._terms._weights  # noqa: SLF001
        self._found[begin:end, -1] = _squares(weighed)
        self._numbers.update(zip(new, range(begin, end), strict=True))
