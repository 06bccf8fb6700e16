"""What a threshold would buy: precision and recall of a label, and confidence against accuracy; pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.metrics import precision_recall_curve as every_threshold

_POINTS = 60  # of one drawn curve: more are not seen


@dataclass(frozen=True, slots=True)
class PrecisionRecallPoint:
    """Taking every case whose score is at least ``score``: ``precision`` of them are right, ``recall`` of all found."""

    recall: float
    precision: float
    score: float


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision by recall of one label's probability, and the point where the model's own decisions lie."""

    label: str
    average_precision: float
    points: tuple[PrecisionRecallPoint, ...]
    chosen: PrecisionRecallPoint | None = None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases of like confidence: the mean confidence, and the share of right answers."""

    confidence: float
    accuracy: float
    cases: int


def precision_recall(
    label: str, scores: Sequence[float], positive: Sequence[bool], chosen: PrecisionRecallPoint | None = None
) -> PrecisionRecallCurve | None:
    """Return the curve of a label over about 60 points, evenly spaced in recall; None without positive cases."""
    if not any(positive):
        return None
    precision, recall, thresholds = every_threshold(positive, scores)
    # The last point has no threshold: nothing is taken there, and precision 1 is a convention.
    places = np.unique(np.searchsorted(-recall[:-1], -np.linspace(1, 0, _POINTS), side="right") - 1)
    points = [
        PrecisionRecallPoint(float(recall[place]), float(precision[place]), float(thresholds[place]))
        for place in places
        if place >= 0
    ]
    found = float(average_precision_score(positive, scores))
    return PrecisionRecallCurve(label, found, tuple(points), chosen)


def taken_from(scores: Sequence[float], positive: Sequence[bool], threshold: float) -> PrecisionRecallPoint | None:
    """Return the point at which every score of at least ``threshold`` is taken; None where none is, or none should."""
    taken = [own for own, score in zip(positive, scores, strict=True) if score >= threshold]
    if not taken or not any(positive):
        return None
    return PrecisionRecallPoint(sum(taken) / sum(positive), sum(taken) / len(taken), threshold)


def summed(scores: Sequence[Mapping[str, float]], labels: Sequence[str]) -> list[float]:
    """Return each case's probability of having any of the labels."""
    return [sum(own.get(label, 0.0) for label in labels) for own in scores]


def reliability(confidence: Sequence[float], correct: Sequence[bool], *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Return equally filled bins of confidence, the lowest first."""
    pairs = np.array(sorted(zip(confidence, correct, strict=True)), dtype=np.float64).reshape(-1, 2)
    return tuple(
        ReliabilityBin(float(rows[:, 0].mean()), float(rows[:, 1].mean()), len(rows))
        for rows in np.array_split(pairs, min(bins, len(pairs)) or 1)
        if len(rows)
    )
