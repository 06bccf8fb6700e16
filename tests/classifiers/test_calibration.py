"""Temperature scaling: honest probabilities, the same decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from pipeline.classifiers.calibration import fit_temperature, predictions, probabilities
from pipeline.classifiers.contract import Logits

LABELS = ("a", "b", "c")
rows = st.lists(st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=3), min_size=1, max_size=8)
temperatures = st.floats(0.05, 20)


def honest(cases: int = 4000) -> tuple[Logits, NDArray[np.int64]]:
    """Draw logits and labels drawn by the probabilities that the logits state."""
    draw = np.random.default_rng(5)
    logits = draw.normal(scale=1.5, size=(cases, 3)).astype(np.float32)
    chances = softmax(logits.astype(np.float64), axis=1)
    return logits, np.array([draw.choice(3, p=row) for row in chances], dtype=np.int64)


def loss(logits: Logits, gold: NDArray[np.int64], temperature: float) -> float:
    scaled = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return -float(scaled[np.arange(len(gold)), gold].mean())


@pytest.mark.parametrize("distortion", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_over_and_underconfidence(distortion: float) -> None:
    logits, gold = honest()
    assert fit_temperature(logits * distortion, gold) == pytest.approx(distortion, rel=0.1)


def test_the_fitted_temperature_is_better_than_its_neighbours() -> None:
    logits, gold = honest(300)
    fitted = fit_temperature(logits, gold)
    assert loss(logits, gold, fitted) <= min(loss(logits, gold, fitted * by) for by in (0.5, 0.8, 1.25, 2))


def test_without_labelled_cases_probabilities_stay_as_they_are() -> None:
    assert fit_temperature(np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64)) == 1.0


def test_the_temperature_stays_within_reason_when_every_case_is_right() -> None:
    logits = np.eye(3, dtype=np.float32)
    assert 0.04 < fit_temperature(logits, np.arange(3)) < 0.1


@given(rows, temperatures)
def test_probabilities_sum_to_one_in_the_order_of_the_logits(values: list[list[float]], temperature: float) -> None:
    logits = np.array(values, dtype=np.float32)
    found = probabilities(logits, temperature)
    assert found.shape == logits.shape
    assert found.sum(axis=1) == pytest.approx(1)
    for row, scores in zip(logits, found, strict=True):
        assert scores[row.argmax()] == scores.max()


@given(rows, temperatures, st.floats(0, 1))
def test_a_prediction_names_its_most_probable_label_and_abstains_below_the_threshold(
    values: list[list[float]], temperature: float, min_score: float
) -> None:
    found = predictions(np.array(values, dtype=np.float32), LABELS, temperature=temperature, min_score=min_score)
    assert len(found) == len(values)
    for prediction in found:
        assert tuple(prediction.scores) == LABELS
        assert prediction.score == prediction.scores[prediction.label] == max(prediction.scores.values())
        assert prediction.abstained == (prediction.score < min_score)


def test_a_higher_temperature_is_less_sure() -> None:
    logits = np.array([[2.0, 1.0, 0.0]], dtype=np.float32)
    cold, warm = (predictions(logits, LABELS, temperature=by, min_score=0.6)[0] for by in (0.5, 2.0))
    assert cold.score > warm.score
    assert (cold.abstained, warm.abstained) == (False, True)


def test_labels_must_fit_the_logits() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        predictions(np.zeros((1, 3), dtype=np.float32), ("a", "b"), temperature=1, min_score=0)
