"""Counted n-grams are those of scikit-learn, to the last bit, and the linear engine answers as its pipeline does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import Pipeline

from pipeline.classifiers import linear, ngrams
from pipeline.classifiers.contract import Example
from pipeline.classifiers.linear import LinearClassifier
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
    for _ in range(2):  # the second time, words are known
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


def test_more_words_than_are_kept_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "_MANY", 2)
    own = Kind("char_wb", 2, 4, 2**9)  # lengths that no other test asks for
    for some in (["one two three four", "four three two one " * 3], ["five six one", "x" * 40]):
        assert (ngrams.counts(some, own) != vectorizer(own).transform(some)).nnz == 0


def test_a_table_that_grows_keeps_what_it_knows() -> None:
    own = Kind("char_wb", 2, 3, 2**10)  # lengths that no other test asks for
    early, late = ([f"word{number}" for number in range(*span)] for span in ((0, 50), (50, 6000)))
    for some in ([" ".join(early)], [" ".join(late)], [" ".join(early), " ".join(late[:50])]):
        assert (ngrams.counts(some, own) != vectorizer(own).transform(some)).nnz == 0


features = st.dictionaries(st.sampled_from(["first", "last", "unseen"]), st.sampled_from([0.0, 0.5, 1.0]))


@given(st.lists(st.builds(Example, texts, pair=st.none() | texts, features=features), min_size=1, max_size=6))
def test_the_engine_answers_as_its_pipeline_does(given: list[Example]) -> None:
    pipeline, classifier = _fitted()
    expected = np.log(pipeline.predict_proba(linear.columns(given)).clip(min=1e-13))
    np.testing.assert_allclose(classifier.logits(given), expected, atol=1e-4)


def _fitted(known: list[tuple[Pipeline, LinearClassifier]] = []) -> tuple[Pipeline, LinearClassifier]:  # noqa: B006
    if not known:  # fitted once
        train = [
            Example(text, pair=pair, features={"first": float(place)}, label=label)
            for place, (text, pair, label) in enumerate(
                [("The port closed.", "port", "a"), ("A ferry sank.", "ferry", "b"), ("Who knows?", "who", "c")] * 2
            )
        ]
        pipeline = linear.fitted_pipeline(train, linear.Config(hash_bits=10), seed=1)
        known.append((pipeline, linear.of_pipeline(pipeline, ("a", "b", "c"))))
    return known[0]


def test_half_a_surrogate_pair_is_counted_as_what_stands_for_it() -> None:
    """The hash of one would end the process."""
    for kind in (Kind("char_wb", 2, 4, 2**9), Kind("word", 1, 2, 2**9)):
        one, other = ngrams.counts(["it \ud800 rained", "it ? rained"], kind)
        assert (one != other).nnz == 0


def test_threads_may_count_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them forgets, another may be about to look up."""
    monkeypatch.setattr(ngrams, "_MANY", 8)
    kind = Kind("char_wb", 2, 3, 2**9)  # that no other test asks for
    texts = [f"{'x' * 40} word{number} other{number}" for number in range(40)]
    expected = vectorizer(kind).transform(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all((found != expected).nnz == 0 for found in pool.map(lambda _: ngrams.counts(texts, kind), range(40)))
