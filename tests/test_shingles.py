"""Near-duplicates are those that counting by hand finds, and repetition is counted once a text."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import shingles

WORDS = st.lists(st.sampled_from("abc"), max_size=14).map(" ".join)  # so few words that 5-grams do coincide


def grams(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[start:end]) for start, end in combinations(range(len(words) + 1), 2) if end - start == 5}


@given(texts=st.dictionaries(st.text(max_size=3), WORDS, max_size=6), threshold=st.sampled_from([0.001, 0.1, 0.5, 1.0]))
def test_similar_pairs_are_those_whose_jaccard_by_brute_force_reaches_the_threshold(
    texts: dict[str, str], threshold: float
) -> None:
    wanted = {}
    for one, other in combinations(texts, 2):
        shared, either = grams(texts[one]) & grams(texts[other]), grams(texts[one]) | grams(texts[other])
        if shared and len(shared) / len(either) >= threshold:
            wanted[frozenset((one, other))] = len(shared) / len(either)
    found = shingles.similar(texts, threshold)
    assert {frozenset(pair): similarity for pair, similarity in found.items()} == wanted
    assert len(found) == len(wanted)


def test_words_count_whatever_their_case_and_what_stands_between_them() -> None:
    texts = {"one": "The port — closed on Monday.", "other": "the port\n\nCLOSED, on monday"}
    assert shingles.similar(texts, 1.0) == {("one", "other"): 1.0}


def test_letters_of_every_script_make_words() -> None:
    assert shingles.shingles("Порт зачинили в понеділок вранці.") == [
        ("порт", "зачинили", "в", "понеділок", "вранці"),
    ]


def test_a_text_of_fewer_words_than_a_shingle_has_none() -> None:
    assert shingles.shingles("only four words here") == []
    assert shingles.similar({"one": "only four words here", "other": "only four words here"}, 0.0) == {}


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (["a b c d e f", "a b c d e x"], 2 / 4),  # one 5-gram of the two of each text
        (["a b c d e", "a b c d e", "a b c d e"], 1.0),
        (["a b c d e a b c d e", "v w x y z"], 0.0),  # said twice within one text
        (["a b c d e a b c d e", "a b c d e"], 2 / 6),
        (["too short", "too short"], 0.0),
        ([], 0.0),
    ],
)
def test_the_repeated_share_is_that_of_5_grams_in_more_than_one_text(texts: list[str], share: float) -> None:
    assert shingles.repeated_share(texts) == pytest.approx(share)
