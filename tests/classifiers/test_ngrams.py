"""Counted n-grams are those of scikit-learn, to the last bit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from pipeline.classifiers import ngrams
from pipeline.classifiers.ngrams import Kind

LENGTHS = [(1, 2), (2, 5), (3, 3), (4, 6)]
texts = st.text(max_size=40) | st.lists(
    st.sampled_from(["The", "port", "İstanbul", "ß", "a", "x\u00a0y", "don't"])
).map(" ".join)


def vectorizer(kind: Kind) -> HashingVectorizer:
    return HashingVectorizer(
        analyzer=kind.analyzer,
        ngram_range=(kind.shortest, kind.longest),
        n_features=kind.columns,
        alternate_sign=False,
        norm=None,
    )


@pytest.mark.parametrize("analyzer", ["char_wb", "word"])
@given(given=st.lists(texts, min_size=1, max_size=8), lengths=st.sampled_from(LENGTHS), bits=st.sampled_from([3, 15]))
@example(given=["", " "], lengths=(2, 5), bits=15)
def test_counts_are_those_of_scikit_learn(analyzer: Any, given: list[str], lengths: tuple[int, int], bits: int) -> None:
    own = Kind(analyzer, *lengths, 2**bits)
    expected: Any = vectorizer(own).transform(given)
    found = ngrams.counts(given, own)
    assert found.shape == expected.shape
    assert (found.indptr == expected.indptr).all()
    assert (found.indices == expected.indices).all()
    assert (found.data == expected.data).all()
    assert found.dtype == expected.dtype


def test_a_long_text_is_counted_the_same() -> None:
    given = [" ".join(f"word{number * step % 997}" for number in range(5000)) for step in (1, 7)]
    own = Kind("char_wb", 2, 5, 2**15)
    assert (ngrams.counts(given, own) != vectorizer(own).transform(given)).nnz == 0


def test_half_a_surrogate_pair_is_counted_as_what_stands_for_it() -> None:
    """The hash of one would end the process."""
    for kind in (Kind("char_wb", 2, 4, 2**9), Kind("word", 1, 2, 2**9)):
        one, other = ngrams.counts(["it \ud800 rained", "it ? rained"], kind)
        assert (one != other).nnz == 0
