"""Score predictions against gold labels, the same way for every task, engine and data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline import metrics
from pipeline.classifiers.contract import Example, Prediction
from pipeline.metrics import Classification, Interval

SMALL = 20  # cases; fewer say little, and reports mark them


@dataclass(frozen=True, slots=True)
class Scores:
    """How well one classifier did: scores, calibration error, and what abstention buys.

    ``coverage`` is the share that it did not abstain from, ``covered_accuracy`` the accuracy there.
    """

    name: str
    classification: Classification
    calibration_error: float | None = None
    calibration_interval: Interval | None = None
    coverage: float | None = None
    covered_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class TaskEvaluation:
    """One task on one set of cases: the model, what it is compared with, and slices of the model's cases."""

    task: str
    unit: str
    model: Scores
    compared: tuple[Scores, ...]
    slices: Mapping[str, Scores]


@dataclass(frozen=True, slots=True)
class StripEvaluation:
    """Boilerplate removal on lines: ``removed`` is the positive class.

    ``body_lost`` is the share of gold body characters that were removed.
    """

    lines: int
    precision: float
    recall: float
    f1: float
    f1_interval: Interval | None
    body_lost: float
    warnings: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that the evaluate stage measures."""

    cases: Mapping[str, int]
    strip: StripEvaluation
    tasks: tuple[TaskEvaluation, ...]


def score(
    name: str, examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str], *, seed: int
) -> Scores:
    """Score predictions for labelled examples; intervals resample the examples' groups."""
    gold = [example.label or "" for example in examples]
    groups = [example.group or str(number) for number, example in enumerate(examples)]
    guessed = [prediction.label for prediction in predictions]
    confidence = [prediction.score for prediction in predictions]
    correct = [label == guess for label, guess in zip(gold, guessed, strict=True)]
    covered = [hit for hit, prediction in zip(correct, predictions, strict=True) if not prediction.abstained]
    return Scores(
        name=name,
        classification=metrics.classification(gold, guessed, labels, groups=groups, seed=seed),
        calibration_error=metrics.calibration_error(confidence, correct),
        calibration_interval=metrics.calibration_interval(confidence, correct, groups, seed=seed),
        coverage=len(covered) / len(correct) if correct else None,
        covered_accuracy=sum(covered) / len(covered) if covered else None,
    )


def majority(train: Sequence[str], examples: Sequence[Example], labels: Sequence[str], *, seed: int) -> Scores:
    """Score the baseline that always answers the most frequent label of ``train``."""
    label = Counter(train).most_common(1)[0][0]
    scores = {name: float(name == label) for name in labels}
    found = score("majority", examples, [Prediction(label, 1.0, scores, False)] * len(examples), labels, seed=seed)
    return Scores("majority", found.classification)


def slices(
    names: Sequence[str],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    *,
    seed: int,
) -> dict[str, Scores]:
    """Score the cases of each slice name apart."""
    found: dict[str, Scores] = {}
    for name in sorted(set(names)):
        rows = [row for row, own in enumerate(names) if own == name]
        found[name] = score(
            name, [examples[row] for row in rows], [predictions[row] for row in rows], labels, seed=seed
        )
    return found
