"""Scores, intervals and calibration error: pure functions of labels and probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Precision, recall and F1 of one label; ``support`` counts its gold cases."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    f1_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """Scores of a classifier on labelled cases; ``confusion[gold][predicted]`` counts them."""

    cases: int
    accuracy: float
    macro_f1: float
    labels: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy_interval: Interval | None = None
    macro_f1_interval: Interval | None = None


def classification(
    gold: Sequence[str],
    predicted: Sequence[str],
    labels: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Classification:
    """Score predictions; with ``groups``, add intervals by a bootstrap that resamples whole groups.

    Macro-F1 averages over the labels that occur in gold or prediction.
    """
    by_group = _confusions(gold, predicted, labels, groups or [""] * len(gold))
    total = by_group.sum(axis=0)
    accuracy, macro_f1 = _accuracy(total), _macro_f1(total)
    precision, recall, f1 = _by_label(total)
    intervals: list[Interval | None] = [None, None]
    by_label: list[Interval | None] = [None] * len(labels)
    if groups is not None and len(by_group) > 1:
        draws = np.random.default_rng(seed).multinomial(
            len(by_group), np.full(len(by_group), 1 / len(by_group)), size=resamples
        )
        resampled = np.tensordot(draws.astype(np.float64), by_group, axes=1)
        intervals = [_interval(_accuracy(resampled)), _interval(_macro_f1(resampled))]
        by_label = [_interval(column) for column in _by_label(resampled)[2].T]
    return Classification(
        cases=len(gold),
        accuracy=float(accuracy),
        macro_f1=float(macro_f1),
        labels=tuple(
            LabelScores(
                label,
                float(precision[row]),
                float(recall[row]),
                float(f1[row]),
                int(total[row].sum()),
                by_label[row],
            )
            for row, label in enumerate(labels)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in total),
        accuracy_interval=intervals[0],
        macro_f1_interval=intervals[1],
    )


def _confusions(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str], groups: Sequence[str]) -> Counts:
    index = {label: row for row, label in enumerate(labels)}
    numbers = {group: row for row, group in enumerate(dict.fromkeys(groups))}
    counts = np.zeros((len(numbers), len(labels), len(labels)))
    for group, true, guess in zip(groups, gold, predicted, strict=True):
        counts[numbers[group], index[true], index[guess]] += 1
    return counts


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """Answering only the share ``coverage`` of cases with the highest scores, ``accuracy`` of the answers are right.

    ``score`` is the lowest among them.
    """

    coverage: float
    accuracy: float
    score: float


def coverage_curve(confidence: Sequence[float], correct: Sequence[bool]) -> list[CoveragePoint]:
    """Return accuracy by coverage, one point for each distinct score, the highest first.

    One minus accuracy is the risk of a risk–coverage curve (El-Yaniv & Wiener 2010).
    """
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    scores, hits = np.asarray(confidence, dtype=np.float64)[order], np.asarray(correct, dtype=np.float64)[order]
    last = [row for row in range(len(scores)) if row + 1 == len(scores) or scores[row + 1] < scores[row]]
    right = hits.cumsum()
    return [CoveragePoint((row + 1) / len(scores), float(right[row]) / (row + 1), float(scores[row])) for row in last]


def threshold(confidence: Sequence[float], correct: Sequence[bool], precision: float) -> float | None:
    """Return the lowest score from which answers are right in at least ``precision`` of cases, None if none is."""
    if precision <= 0:
        return 0.0
    reached = [point.score for point in coverage_curve(confidence, correct) if point.accuracy >= precision]
    return reached[-1] if reached else None


def average_precision(
    scores: Sequence[float], positive: Sequence[bool], groups: Sequence[str], *, seed: int = 0, resamples: int = 500
) -> tuple[float, Interval | None] | None:
    """Return average precision, and its interval by a bootstrap that resamples whole groups; None without positives."""
    if not any(positive):
        return None
    from sklearn.metrics import average_precision_score  # seconds and megabytes, which inference goes without

    values, truth = np.asarray(scores), np.asarray(positive)
    found = float(average_precision_score(truth, values))
    drawn = [
        float(average_precision_score(truth[rows], values[rows]))
        for rows in resampled(groups, seed, resamples)
        if truth[rows].any()
    ]
    return found, _interval(np.array(drawn)) if drawn else None


def calibration_interval(
    confidence: Sequence[float], correct: Sequence[bool], groups: Sequence[str], *, seed: int = 0, resamples: int = 500
) -> Interval | None:
    """Return the interval of the calibration error by a bootstrap that resamples whole groups; None for one group.

    The error of a resample is larger on average, as noise makes gaps and none is negative; the interval is moved by
    that difference.
    """
    scores, hits = np.asarray(confidence), np.asarray(correct)
    errors = [calibration_error(scores[rows], hits[rows]) for rows in resampled(groups, seed, resamples)]
    if not errors:
        return None
    bias = float(np.mean(errors)) - calibration_error(scores, hits)
    found = _interval(np.array(errors) - bias)
    return Interval(max(0.0, found.low), max(0.0, found.high))


def resampled(groups: Sequence[str], seed: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of resamples of whole groups; nothing for less than two groups."""
    numbers = {group: row for row, group in enumerate(dict.fromkeys(groups))}
    if len(numbers) < 2:
        return
    rows: list[list[int]] = [[] for _ in numbers]
    for row, group in enumerate(groups):
        rows[numbers[group]].append(row)
    members = [np.array(own) for own in rows]
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate([members[number] for number in generator.integers(len(members), size=len(members))])


def _accuracy(confusion: Counts) -> NDArray[np.float64]:
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    result: NDArray[np.float64] = correct / np.maximum(confusion.sum(axis=(-2, -1)), 1)
    return result


def _by_label(confusion: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    predicted, true = confusion.sum(axis=-2), confusion.sum(axis=-1)
    return (
        correct / np.maximum(predicted, 1),
        correct / np.maximum(true, 1),
        2 * correct / np.maximum(predicted + true, 1),
    )


def _macro_f1(confusion: Counts) -> NDArray[np.float64]:
    occurs = (confusion.sum(axis=-2) + confusion.sum(axis=-1)) > 0
    result: NDArray[np.float64] = (_by_label(confusion)[2] * occurs).sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1)
    return result


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(low), float(high))


def calibration_error(
    confidence: Sequence[float] | NDArray[np.float64], correct: Sequence[bool] | NDArray[np.bool_], *, bins: int = 10
) -> float:
    """Return the expected calibration error over equally filled bins (Nixon et al. 2019), 0 for no cases."""
    if len(confidence) == 0:
        return 0.0
    order = np.argsort(confidence, kind="stable")
    scores, hits = np.asarray(confidence)[order], np.asarray(correct, dtype=np.float64)[order]
    # Equal scores may fall into two bins: each then counts with their mean, whatever the order of the cases.
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    hits = (np.bincount(place, weights=hits) / count)[place]
    bins = min(bins, len(scores))
    size, larger = divmod(len(scores), bins)  # the first bins hold one more, until all cases have a place
    numbers = np.arange(bins)
    gaps = np.add.reduceat(scores - hits, numbers * size + np.minimum(numbers, larger))
    return float(np.abs(gaps).sum() / len(scores))


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one classifier's score exceeds another's on the same cases; without two groups there is no interval."""

    value: float
    interval: Interval | None
    first: float
    second: float


def paired_difference(
    gold: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[str],
    *,
    label: str | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Difference:
    """Return the score of ``first`` minus that of ``second``, by a bootstrap that resamples whole groups.

    The score is the F1 of ``label``, or where none is given macro-F1. Each resample draws the same groups for both:
    what is hard for both does not widen the interval.
    """
    labels = sorted({*gold, *first, *second} | ({label} if label else set()))

    def score(confusion: Counts) -> NDArray[np.float64]:
        return _macro_f1(confusion) if label is None else _by_label(confusion)[2][..., labels.index(label)]

    own, other = (_confusions(gold, predicted, labels, groups) for predicted in (first, second))
    one, two = (float(score(counts.sum(axis=0))) for counts in (own, other))
    if len(own) < 2:
        return Difference(one - two, None, one, two)
    draws = np.random.default_rng(seed).multinomial(len(own), np.full(len(own), 1 / len(own)), size=resamples)
    mine, theirs = (score(np.tensordot(draws.astype(np.float64), counts, axes=1)) for counts in (own, other))
    return Difference(one - two, _interval(mine - theirs), one, two)
