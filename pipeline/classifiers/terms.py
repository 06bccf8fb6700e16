"""What a regression reads of a text: TF-IDF of hashed n-grams, of its words and of the characters of each word.

N-grams of words are weighted by how often they occur in the text. N-grams of characters are weighted within their word,
and the word by how often it occurs: so what a word adds to a score is found once, and kept for the next text.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.classifiers import ngrams
from pipeline.classifiers.ngrams import Kind

_MANY = 40_000  # words known at once
_LONG = 32  # characters: what is longer hardly occurs again, and would take much memory
_PORTION = 2_000  # new words whose n-grams are counted at once
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
        """Return weighted columns, shape (texts, columns): what the regressions are fitted to."""
        if self.kind.of == "words":
            weighted = self._weighted(_lower(texts))
            return _divided(weighted, _lengths(weighted))
        words, frequencies = _words(texts)
        weighted = self._weighted(words)
        return _divided(frequencies @ weighted, _lengths_over_words(frequencies, _squares(weighted)))

    def scores(self, texts: Sequence[str]) -> Doubles:
        """Return the product of matrix and weights, shape (texts, regressions)."""
        if self.kind.of == "words":
            weighted = self._weighted(_lower(texts))
            return np.asarray((weighted @ self._weights) / _lengths(weighted)[:, None])
        words, frequencies = _words(texts)
        added, squares = self._known.of(words)
        return np.asarray((frequencies @ added) / _lengths_over_words(frequencies, squares)[:, None])

    def _weighted(self, texts: Sequence[str]) -> sparse.csr_matrix:
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


def with_idf(kind: Kind, texts: Sequence[str]) -> Terms:
    """Return the terms of some texts, smoothed as scikit-learn's TfidfTransformer does it, without weights."""
    if kind.of == "words":
        held = ngrams.counts(_lower(texts), kind)
    else:
        words, frequencies = _words(texts)
        held = (frequencies @ ngrams.counts(words, kind)).tocsr()
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
    frequencies = np.fromiter(chain.from_iterable(own.values() for own in counted), dtype=np.float64, count=size)
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int32)])
    return list(numbers), sparse.csr_matrix((np.log(frequencies) + 1, places, starts), shape=(len(texts), len(numbers)))


def _lower(texts: Sequence[str]) -> list[str]:
    return [text.lower() for text in texts]


def _squares(weighted: sparse.csr_matrix) -> Doubles:
    rows = np.repeat(np.arange(weighted.shape[0]), np.diff(weighted.indptr))
    return np.bincount(rows, weighted.data**2, minlength=weighted.shape[0]).astype(np.float64)


def _lengths(weighted: sparse.csr_matrix) -> Doubles:
    lengths = np.sqrt(_squares(weighted))
    return np.where(lengths > 0, lengths, 1)


def _lengths_over_words(frequencies: sparse.csr_matrix, squares: Doubles) -> Doubles:
    """Return the length of each text's vector as if no two of its words shared an n-gram."""
    squared = frequencies.copy()
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
            numbers = np.fromiter(map(self._numbers.get, words, repeat(-1)), dtype=np.int64, count=len(words))
            found = self._found[numbers]
            new = np.flatnonzero(numbers < 0)
            for begin in range(0, len(new), _PORTION):
                places = new[begin : begin + _PORTION]
                own = [words[place] for place in places]
                found[places] = scored = self._scored(own)
                self._keep(own, scored)
            if len(self._numbers) > _MANY:
                self._forget()
        return found[:, :-1], found[:, -1]

    def _scored(self, words: Sequence[str]) -> Doubles:
        weighted = self._terms._weighted(words)  # noqa: SLF001  # this is a part of it
        return np.column_stack([weighted @ self._terms._weights, _squares(weighted)])  # noqa: SLF001

    def _keep(self, words: Sequence[str], scored: Doubles) -> None:
        short = [place for place, word in enumerate(words) if len(word) <= _LONG]
        begin, end = len(self._numbers), len(self._numbers) + len(short)
        if end > len(self._found):
            grown = np.zeros((end + end // 2, self._found.shape[1]))
            grown[:begin] = self._found[:begin]
            self._found = grown
        self._found[begin:end] = scored[short]
        self._numbers.update(zip((words[place] for place in short), range(begin, end), strict=True))
