"""Which stances of articles hang by a thread, so that a runtime of low precision is asked again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from pipeline import stance
from pipeline.article import STANCE_LABELS
from pipeline.classifiers.contract import Example, Prediction
from pipeline.stance import Aggregation

# The log-odds of favor are eight times the mean of its probability, less four: even at one half.
AGGREGATION = Aggregation(np.array([[8.0, 0.0], [0.0, 8.0], [0.0, 0.0]]), np.array([-4.0, -4.0, 0.0]), min_score=0.7)


def sentence(favor: float) -> Prediction:
    scores = dict(zip(STANCE_LABELS, (favor, 0.0, 1 - favor), strict=True))
    return Prediction(max(scores, key=lambda label: scores[label]), max(scores.values()), scores, abstained=False)


@pytest.mark.parametrize(
    ("favor", "doubtful"),
    [
        (0.0, False),
        (0.5, True),  # favor and neutral are even
        (0.51, True),
        (0.57, False),
        (0.607, True),  # favor has a probability just above the threshold
        (1.0, False),
    ],
)
def test_a_stance_near_another_or_near_the_threshold_is_doubtful(favor: float, doubtful: bool) -> None:
    assert AGGREGATION.doubtful([("1", "NATO")], [sentence(favor)], 0.1) == [doubtful]


def test_names_that_no_example_is_about_are_asked_for_once() -> None:
    text = "Mr. Dahl praised Maria Lopez on Monday, and Lopez thanked the North Sea Fund."
    about_lopez = stance.example(text, text.index("Maria"), text.index(" on Monday"), "Maria Lopez", label="favor")
    found = stance.other_names([about_lopez, Example(text, label="none"), Example("Later Oslo heard of it.")])
    assert [one.pair for one in found] == ["Dahl", "Lopez", "North Sea Fund", "Oslo"]
    assert all(one.text[slice(*(one.focus or ()))] == one.pair for one in found)
    assert {(one.label, one.among) for one in found} == {(None, ())}


def test_all_sentences_of_a_doubtful_stance_are_named_and_no_others() -> None:
    keys = [("1", "NATO"), ("2", "NATO"), ("1", "the EU"), ("1", "NATO")]
    given = [sentence(0.4), sentence(1.0), sentence(1.0), sentence(0.6)]  # the first article's mean for NATO is even
    assert AGGREGATION.doubtful(keys, given, 0.1) == [True, False, False, True]


@pytest.mark.parametrize(("sentences", "doubtful"), [(1, True), (2, True), (4, False)])
def test_errors_of_several_sentences_partly_cancel(sentences: int, doubtful: bool) -> None:
    """By the root of their number, no more and no less."""
    keys, given = [("1", "NATO")] * sentences, [sentence(0.515)] * sentences
    assert AGGREGATION.doubtful(keys, given, 0.1) == [doubtful] * sentences


def test_without_a_threshold_only_ties_are_doubtful() -> None:
    never = Aggregation(AGGREGATION.weights, AGGREGATION.bias)
    assert never.doubtful([("1", "NATO")], [sentence(0.607)], 0.1) == [False]


def test_a_certain_stance_at_a_threshold_of_one_is_no_error() -> None:
    certain = Aggregation(AGGREGATION.weights * 100, AGGREGATION.bias, min_score=1.0)
    assert certain.doubtful([("1", "NATO")], [sentence(1.0)], 0.1) == [False]


logits = st.tuples(*[st.floats(-3, 3)] * 3)
errors = st.tuples(*[st.floats(-0.5, 0.5)] * 3)


def told(values: Sequence[float]) -> Prediction:
    chances = softmax(np.array(values)).tolist()
    scores = dict(zip(STANCE_LABELS, chances, strict=True))
    return Prediction(max(scores, key=lambda label: scores[label]), max(chances), scores, abstained=False)


@given(logits, errors, st.sampled_from([0.02, 0.1, 0.2]))
def test_what_an_error_of_a_sentence_changes_was_doubtful(
    values: tuple[float, ...], moved: tuple[float, ...], margin: float
) -> None:
    """The bound is to first order, so the error stays a little below it."""
    one, other = told(values), told(np.add(values, np.array(moved) * margin * 0.9).tolist())
    before, after = AGGREGATION.predict([one]), AGGREGATION.predict([other])
    if (before.label, before.abstained) != (after.label, after.abstained):
        assert AGGREGATION.doubtful([("1", "NATO")], [one], margin) == [True]
