"""Which stances of articles hang by a thread, so that a runtime of low precision is asked again."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.article import STANCE_LABELS
from pipeline.classifiers.contract import Prediction
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
        (0.51, True),  # their log-odds differ by 0.08
        (0.53, False),
        (0.607, True),  # favor has a probability just above the threshold
        (0.58, False),
        (1.0, False),
    ],
)
def test_a_stance_near_another_or_near_the_threshold_is_doubtful(favor: float, doubtful: bool) -> None:
    assert AGGREGATION.doubtful([("1", "NATO")], [sentence(favor)], 0.1) == [doubtful]


def test_all_sentences_of_a_doubtful_stance_are_named_and_no_others() -> None:
    keys = [("1", "NATO"), ("2", "NATO"), ("1", "the EU"), ("1", "NATO")]
    given = [sentence(0.0), sentence(1.0), sentence(1.0), sentence(1.0)]  # the first article's mean for NATO is even
    assert AGGREGATION.doubtful(keys, given, 0.1) == [True, False, False, True]


def test_without_a_threshold_only_ties_are_doubtful() -> None:
    never = Aggregation(AGGREGATION.weights, AGGREGATION.bias)
    assert never.doubtful([("1", "NATO")], [sentence(0.607)], 0.1) == [False]
