"""Scores of predictions: labels that nobody can tell apart count as one, and calibration is told before and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import evaluation
from pipeline.classifiers.calibration import predictions, uncalibrated
from pipeline.classifiers.contract import Example, Prediction

LABELS = ("checkworthy", "factual", "none")
NOT = ("factual", "none")


def answer(*scores: float) -> Prediction:
    found = dict(zip(LABELS, scores, strict=True))
    best = max(found, key=lambda label: found[label])
    return Prediction(best, found[best], found, abstained=False)


def test_what_nobody_can_tell_apart_is_one_label_with_their_probability_together() -> None:
    examples = [Example("a", label="checkworthy"), Example("b", among=NOT), Example("c", among=NOT)]
    found = evaluation.score(
        "model", examples, [answer(0.4, 0.35, 0.25), answer(0.3, 0.6, 0.1), answer(0.9, 0.1, 0.0)], LABELS, seed=1
    )
    assert [scores.label for scores in found.classification.labels] == ["checkworthy", "factual or none"]
    # The first is check-worthy by its single labels, not by check-worthy against the rest.
    assert found.classification.confusion == ((0, 1), (1, 1))


def test_examples_must_agree_on_what_cannot_be_told_apart() -> None:
    given = [answer(0.4, 0.35, 0.25)] * 2
    for other in (Example("b", label="none"), Example("b", among=("checkworthy", "none"))):
        with pytest.raises(ValueError, match="known only to be among"):
            evaluation.merged([Example("a", among=NOT), other], given, LABELS)


def test_ranking_looks_at_the_probability_of_its_label_alone() -> None:
    examples = [Example("a", label="checkworthy"), Example("b", among=NOT), Example("c", among=NOT)]
    given = [answer(0.4, 0.6, 0.0), answer(0.3, 0.0, 0.7), answer(0.2, 0.8, 0.0)]
    found = evaluation.score("model", examples, given, LABELS, seed=1, ranked="checkworthy")
    assert found.ranking is not None
    assert (found.ranking.label, found.ranking.average_precision) == ("checkworthy", 1.0)


@given(st.lists(st.floats(-6, 6, width=32), min_size=3, max_size=3), st.floats(0.2, 5))
def test_the_probability_before_calibration_is_found_again(logits: list[float], temperature: float) -> None:
    import numpy as np

    row = np.array([logits], dtype=np.float32)
    scaled = predictions(row, LABELS, temperature=temperature, min_score=0)
    plain = predictions(row, LABELS, temperature=1.0, min_score=0)
    (found,) = uncalibrated(scaled, temperature)
    assert found.scores == pytest.approx(plain[0].scores, rel=1e-3, abs=1e-6)
    assert (found.label, found.score) == (plain[0].label, found.scores[found.label])


def test_the_error_before_calibration_is_of_the_single_labels_before_they_are_merged() -> None:
    """At temperature 2, 0.45 against 0.35 and 0.20 was 0.55 against 0.45 for the others together."""
    given = [answer(0.45, 0.35, 0.20)] * 4
    examples = [Example("a", label="checkworthy")] * 2 + [Example("b", among=NOT)] * 2
    found = evaluation.score("model", examples, given, LABELS, seed=1, temperature=2.0)
    before = 0.45**2 / (0.45**2 + 0.35**2 + 0.20**2)
    assert found.calibration_error == pytest.approx(abs(0.55 - 0.5))
    assert found.uncalibrated_error == pytest.approx(abs(before - 0.5))
    assert found.coverage is None


def test_a_label_that_was_merged_ranks_nothing() -> None:
    examples = [Example("a", among=("checkworthy", "factual")), Example("b", label="none")]
    found = evaluation.score("model", examples, [answer(0.5, 0.3, 0.2)] * 2, LABELS, seed=1, ranked="checkworthy")
    assert found.ranking is None
    assert found.classification.cases == 2


def test_a_curve_of_few_points_still_ends_with_everything_answered() -> None:
    examples = [Example("a", label="none")] * 100
    given = [answer(0.0, 0.2 - n / 1000, 0.8 + n / 1000) for n in range(100)]
    curve = evaluation.coverage_curve(examples, given, LABELS, points=10)
    assert 10 <= len(curve) <= 12
    assert curve[-1].coverage == 1
