"""Temperature scaling: one positive number that makes probabilities honest (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from pipeline.classifiers.contract import Logits, Prediction

_LOG_RANGE = (-3.0, 3.0)  # temperatures from 0.05 to 20: outside, the classifier is broken, not miscalibrated


def fit_temperature(logits: Logits, gold: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the negative log-likelihood of ``gold`` (shape (n,)), to 4 decimals."""
    if len(gold) == 0:
        return 1.0
    rows = np.arange(len(gold))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return -float(scaled[rows, gold].mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded").x)), 4)


def probabilities(logits: Logits, temperature: float) -> NDArray[np.float64]:
    """Return softmax(logits / temperature), shape (n, labels)."""
    scaled: NDArray[np.float64] = softmax(logits.astype(np.float64) / temperature, axis=1)
    return scaled


def uncalibrated(found: Sequence[Prediction], temperature: float) -> list[Prediction]:
    """Return predictions with the probabilities that they had before scaling by a temperature."""
    raw: list[Prediction] = []
    for prediction in found:
        powers = {label: max(score, 1e-300) ** temperature for label, score in prediction.scores.items()}
        total = sum(powers.values())
        scores = {label: power / total for label, power in powers.items()}
        raw.append(Prediction(prediction.label, scores[prediction.label], scores, prediction.abstained))
    return raw


def predictions(logits: Logits, labels: Sequence[str], *, temperature: float, min_score: float) -> list[Prediction]:
    """Return one prediction for each row of logits; below ``min_score`` it abstains."""
    chances = probabilities(logits, temperature)
    best = chances.argmax(axis=1)
    return [
        Prediction(labels[place], row[place], dict(zip(labels, row, strict=True)), row[place] < min_score)
        for place, row in zip(best.tolist(), chances.tolist(), strict=True)
    ]
