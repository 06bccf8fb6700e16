"""Terms weight n-grams as they say, and what is kept of known words changes no answer."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.classifiers import ngrams, terms
from pipeline.classifiers.ngrams import Kind
from pipeline.classifiers.terms import Terms

WORDS = Kind("words", 1, 2, 2**9)
CHARACTERS = Kind("characters", 2, 4, 2**9)
CORPUS = ["The port closed.", "A ferry sank near the port, the old port.", "Who knows? Who?", ""]
texts = st.text(max_size=40) | st.lists(st.sampled_from(["The", "port", "İstanbul", "ß", "ferry", "a"])).map(" ".join)


@pytest.fixture(params=[WORDS, CHARACTERS], ids=["words", "characters"])
def fitted(request: pytest.FixtureRequest) -> Terms:
    return of(request.param)


def of(kind: Kind) -> Terms:
    weights = np.random.default_rng(13).normal(size=(kind.columns, 3)).astype(np.float32)
    return replace(terms.with_idf(kind, CORPUS), weights=weights)


def test_words_are_weighted_as_scikit_learn_does() -> None:
    plain = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(CORPUS).toarray()
    found = terms.with_idf(replace(WORDS, columns=2**20), CORPUS).matrix(CORPUS).toarray()
    assert np.sort(found[found > 0]) == pytest.approx(np.sort(plain[plain > 0]), rel=1e-6)


def test_characters_are_weighted_within_their_word_and_the_word_by_how_often_it_occurs() -> None:
    held = [{column for word in text.lower().split() for column in columns(word)} for text in CORPUS]
    frequency = Counter(chain.from_iterable(held))
    text = "the port the ferry Port the"
    expected, square = np.zeros(CHARACTERS.columns), 0.0
    for word, times in Counter(text.lower().split()).items():
        own = np.zeros(CHARACTERS.columns)
        for column, count in columns(word).items():
            own[column] = count * (math.log((1 + len(CORPUS)) / (1 + frequency[column])) + 1)
        expected += (math.log(times) + 1) * own
        square += (math.log(times) + 1) ** 2 * (own**2).sum()
    found = terms.with_idf(CHARACTERS, CORPUS).matrix([text]).toarray()[0]
    np.testing.assert_allclose(found, expected / math.sqrt(square), rtol=1e-6)


def columns(word: str) -> dict[int, float]:
    found = ngrams.counts([word], CHARACTERS)
    return dict(zip(found.indices.tolist(), found.data.tolist(), strict=True))


def test_capitals_make_no_difference(fitted: Terms) -> None:
    assert np.array_equal(fitted.scores(["The PORT closed"]), fitted.scores(["the port closed"]))


@given(given=st.lists(texts, min_size=1, max_size=6))
@example(given=["", "It \ud800 rained"])
def test_scores_are_the_product_of_matrix_and_weights(fitted: Terms, given: list[str]) -> None:
    np.testing.assert_allclose(fitted.scores(given), fitted.matrix(given) @ fitted.weights, rtol=1e-5, atol=1e-6)


@given(before=st.lists(texts, max_size=4), given=st.lists(texts, min_size=1, max_size=4))
def test_a_score_is_the_same_whatever_was_asked_before_or_beside_it(before: list[str], given: list[str]) -> None:
    for kind in (WORDS, CHARACTERS):
        fitted = of(kind)
        alone = np.concatenate([of(kind).scores([text]) for text in given])
        if before:
            fitted.scores(before)
        assert np.array_equal(fitted.scores(given), alone)


def test_more_words_than_are_kept_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MANY", 6)
    monkeypatch.setattr(terms, "_PORTION", 2)
    forgetful = of(CHARACTERS)
    for some in (["one two three four", "four three two one " * 3], ["five six one", "x" * 40], ["seven"], ["eight"]):
        assert np.array_equal(forgetful.scores(some), of(CHARACTERS).scores(some))
    assert set(forgetful._known._numbers) == {"eight"}  # what it takes in memory


def test_a_long_word_is_not_kept() -> None:
    fitted = of(CHARACTERS)
    fitted.scores([f"port {'x' * 33} ferry"])
    assert set(fitted._known._numbers) == {"port", "ferry"}  # what it takes in memory


def test_a_table_that_grows_keeps_what_it_knows() -> None:
    early, late = (" ".join(f"word{number}" for number in range(*span)) for span in ((0, 50), (50, 6000)))
    growing = of(CHARACTERS)
    for some in ([early], [late], [f"{late} {early}"]):
        assert np.array_equal(growing.scores(some), of(CHARACTERS).scores(some))


def test_threads_may_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them forgets, another may be about to look up."""
    monkeypatch.setattr(terms, "_MANY", 8)
    some = [f"{'x' * 40} word{number} other{number}" for number in range(40)]
    expected, shared = of(CHARACTERS).scores(some), of(CHARACTERS)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, expected) for found in pool.map(lambda _: shared.scores(some), range(40)))
