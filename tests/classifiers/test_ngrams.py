"""Counted n-grams are those that a loop finds, and different ones lie in different columns, as far as there is room."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from pipeline.classifiers import ngrams
from pipeline.classifiers.ngrams import Kind

COLUMNS = 2**24
texts = st.text(max_size=40) | st.lists(st.sampled_from(["the", "port", "i\u0307st", "ß", "a", "don't"])).map(" ".join)
words = st.text(min_size=1, max_size=12) | st.sampled_from(["port", "a", "x" * 40, "\ud800"])
lengths = st.sampled_from([(1, 2), (2, 5), (3, 3), (4, 6)])


def in_text(text: str, shortest: int, longest: int) -> Counter[str]:
    found = re.findall(r"\w\w+", text)
    sizes = range(shortest, longest + 1)
    return Counter(" ".join(found[at : at + size]) for size in sizes for at in range(len(found) - size + 1))


def in_word(word: str, shortest: int, longest: int) -> Counter[str]:
    padded = f" {word} "
    sizes = range(shortest, longest + 1)
    return Counter(padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1))


@pytest.mark.parametrize(("of", "loop"), [("words", in_text), ("characters", in_word)])
@given(data=st.data(), sizes=lengths)
def test_counts_are_those_of_a_loop(of: str, loop: type, data: st.DataObject, sizes: tuple[int, int]) -> None:
    given = data.draw(st.lists(texts if of == "words" else words, max_size=6))
    found = ngrams.counts(given, Kind(of, *sizes, COLUMNS))  # type: ignore[arg-type]
    assert found.shape == (len(given), COLUMNS)
    for row, text in enumerate(given):
        assert sorted(found[row].data) == sorted(loop(text, *sizes).values())


@given(one=st.lists(words, max_size=4), other=st.lists(words, max_size=4))
@example(one=["port", "ferry"], other=["ferry"])
def test_an_n_gram_has_its_column_wherever_it_stands(one: list[str], other: list[str]) -> None:
    kind = Kind("characters", 2, 4, 2**9)
    together = ngrams.counts([*one, *other], kind).toarray()
    apart = np.concatenate([np.zeros((0, 2**9)), *(ngrams.counts([word], kind).toarray() for word in [*one, *other])])
    assert np.array_equal(together, apart)


def test_the_order_of_words_and_of_characters_counts() -> None:
    for kind, one, other in (
        (Kind("words", 2, 2, COLUMNS), "ferry port", "port ferry"),
        (Kind("words", 1, 1, COLUMNS), "abab", "baba"),
        (Kind("words", 2, 2, COLUMNS), "by the", "if tax"),
        (Kind("words", 2, 2, COLUMNS), "ab cd", "bb cc"),
        (Kind("characters", 4, 4, COLUMNS), "ab", "ba"),
    ):
        (first,), (second,) = (ngrams.counts([text], kind).indices.tolist() for text in (one, other))
        assert first != second


def test_columns_are_filled_as_evenly_as_by_scikit_learn_s_hash() -> None:
    """As many n-grams share a column with others as chance would have it."""
    syllables = ["port", "lark", "field", "ing", "ed", "mon", "day", "is", "42"]
    flat = ["".join(chosen) for chosen in product(syllables, repeat=3)]
    ours = Kind("characters", 2, 5, 2**10)
    theirs = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=2**10, alternate_sign=False)
    spread = [np.bincount(found.indices, minlength=2**10).std() for found in (
        ngrams.counts(flat, ours), theirs.transform(flat))]  # fmt: skip
    assert spread[0] < 1.2 * spread[1]


def test_a_table_of_more_cells_than_fit_into_32_bits_is_tallied_too() -> None:
    kind = Kind("words", 1, 1, COLUMNS)
    many = [f"word{number}" for number in range(200)]
    together = ngrams.counts(many, kind)
    assert all((together[row] != ngrams.counts([many[row]], kind)).nnz == 0 for row in (0, 130, 199))


@pytest.mark.parametrize("kind", [Kind("words", 1, 2, 2**15), Kind("characters", 2, 5, 2**15)])
def test_few_texts_are_counted_as_many_are(kind: Kind) -> None:
    """A table that is small and full is tallied in another way."""
    many = [f"word{number % 7}" * 9 if kind.of == "characters" else f"word{number} " * 90 for number in range(400)]
    together = ngrams.counts(many, kind)
    assert all((together[row] != ngrams.counts([many[row]], kind)).nnz == 0 for row in range(0, 400, 57))
