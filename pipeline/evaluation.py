"""Score predictions against gold labels, the same way for every task, engine and data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from pipeline import curves, metrics
from pipeline.classifiers.calibration import uncalibrated
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.cost import Cost
from pipeline.curves import PrecisionRecallCurve, PrecisionRecallPoint, ReliabilityBin
from pipeline.metrics import Classification, CoveragePoint, Interval

STRIP = "strip"  # the name of boilerplate removal where tasks are named
SMALL = 20  # cases; fewer say little, and reports mark them
_MAX_CURVES = 5  # labels; of more, single curves are not told apart


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well the probability of ``label`` puts its cases before all others."""

    label: str
    average_precision: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Scores:
    """How well one classifier did: scores, calibration error, and what abstention buys.

    ``coverage`` is the share that it did not abstain from, ``covered_accuracy`` the accuracy there. The
    ``uncalibrated`` error is that of the probabilities before temperature scaling.
    """

    name: str
    classification: Classification
    calibration_error: float | None = None
    calibration_interval: Interval | None = None
    coverage: float | None = None
    covered_accuracy: float | None = None
    uncalibrated_error: float | None = None
    uncalibrated_interval: Interval | None = None
    ranking: Ranking | None = None


@dataclass(frozen=True, slots=True)
class TaskEvaluation:
    """One task on one set of cases: the model, what it is compared with, and slices of the model's cases.

    ``slices`` are by what divides the cases, such as outlet or genre, and then by its value. ``unread`` is the share of
    the cases' tokens that the model never saw, ``threshold`` the score below which it abstains. ``costs`` are by the
    names of the engines.
    """

    task: str
    unit: str
    model: Scores
    compared: tuple[Scores, ...]
    slices: Mapping[str, Mapping[str, Scores]]
    coverage_curve: tuple[CoveragePoint, ...] = ()
    unread: float | None = None
    threshold: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    precision_recall: tuple[PrecisionRecallCurve, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)


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
class Change:
    """A model's score on the cases that an accepted model answered too, beside that model's, with a paired test.

    ``low`` and ``high`` bound the 95 % interval of ``now`` minus ``accepted``; they are -1 and 1 where less than two
    articles leave nothing to resample.
    """

    task: str
    metric: str
    accepted: float
    now: float
    low: float
    high: float
    cases: int
    verdict: Literal["better", "worse", "cannot tell", "same"]
    """"same": every answer is the same."""


@dataclass(frozen=True, slots=True)
class FloorCheck:
    """A score beside the lowest one that is allowed."""

    task: str
    metric: str
    floor: float
    value: float

    @property
    def holds(self) -> bool:
        """Tell whether the score is allowed."""
        return self.value >= self.floor


@dataclass(frozen=True, slots=True)
class Origin:
    """Where scored models come from: the configuration's name and the sha256 of its file, and the models' digests."""

    configuration: str
    digest: str
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that the evaluate stage measures.

    ``changes`` compare with the ``accepted`` models, if there are any; ``floors`` are those of the configuration.
    ``added`` counts by task the training examples of added data sets.
    """

    cases: Mapping[str, int]
    strip: StripEvaluation
    tasks: tuple[TaskEvaluation, ...]
    origin: Origin | None = None
    accepted: Origin | None = None
    changes: tuple[Change, ...] = ()
    floors: tuple[FloorCheck, ...] = ()
    added: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """One test case with its gold label and the model's answer.

    ``scores`` are the probabilities of all labels, ``raw_start`` and ``raw_end`` its place in the article's raw text,
    ``compared`` the answers of the other engines by their names.
    """

    task: str
    article: str
    text: str
    target: str | None
    gold: str
    label: str
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    abstained: bool = False
    raw_start: int | None = None
    raw_end: int | None = None
    compared: Mapping[str, str] = field(default_factory=dict)


def score(
    name: str,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    *,
    seed: int,
    temperature: float | None = None,
    ranked: str | None = None,
) -> Scores:
    """Score predictions for labelled examples; intervals resample the examples' groups.

    Args:
        name: what is scored.
        examples: with a label or, where that is unknown, with those ``among`` which it is: these then count as one.
        predictions: one for each example.
        labels: those that the model knows.
        seed: of the resampling.
        temperature: with which the predictions were calibrated, to report the error before.
        ranked: label whose probability should rank the examples.
    """
    before = None if temperature is None else merged(examples, uncalibrated(predictions, temperature), labels)[1]
    known = tuple(labels)
    gold, found, labels = merged(examples, predictions, labels)
    groups = [example.group or str(number) for number, example in enumerate(examples)]
    guessed = [prediction.label for prediction in found]
    confidence = [prediction.score for prediction in found]
    correct = [label == guess for label, guess in zip(gold, guessed, strict=True)]
    # A threshold of single labels says nothing about labels that were merged.
    covered = [hit for hit, one in zip(correct, found, strict=True) if not one.abstained] if labels == known else None
    return Scores(
        name=name,
        classification=metrics.classification(gold, guessed, labels, groups=groups, seed=seed),
        calibration_error=metrics.calibration_error(confidence, correct),
        calibration_interval=metrics.calibration_interval(confidence, correct, groups, seed=seed),
        coverage=len(covered) / len(correct) if covered is not None and correct else None,
        covered_accuracy=sum(covered) / len(covered) if covered else None,
        ranking=_ranking(ranked, gold, found, groups, seed) if ranked in labels else None,
        **_uncalibrated(before, gold, groups, seed),
    )


class _Uncalibrated(TypedDict, total=False):
    uncalibrated_error: float
    uncalibrated_interval: Interval | None


def _uncalibrated(
    found: Sequence[Prediction] | None, gold: Sequence[str], groups: Sequence[str], seed: int
) -> _Uncalibrated:
    if found is None:
        return {}
    confidence = [prediction.score for prediction in found]
    correct = [prediction.label == label for prediction, label in zip(found, gold, strict=True)]
    return {
        "uncalibrated_error": metrics.calibration_error(confidence, correct),
        "uncalibrated_interval": metrics.calibration_interval(confidence, correct, groups, seed=seed),
    }


def _ranking(
    label: str | None, gold: Sequence[str], found: Sequence[Prediction], groups: Sequence[str], seed: int
) -> Ranking | None:
    if label is None:
        return None
    scores = [prediction.scores[label] for prediction in found]
    precision = metrics.average_precision(scores, [own == label for own in gold], groups, seed=seed)
    return Ranking(label, *precision) if precision else None


def merged(
    examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str]
) -> tuple[list[str], list[Prediction], tuple[str, ...]]:
    """Return gold labels, predictions and labels, those that no example tells apart merged into one.

    A merged label's probability is the sum of its parts'; the most probable of the remaining labels is predicted.

    Raises:
        ValueError: examples do not agree on which labels cannot be told apart.
    """
    sets = {example.among for example in examples if example.label is None}
    if not sets:
        return [example.label or "" for example in examples], list(predictions), tuple(labels)
    one = sets.pop()
    if sets or any(example.label in one for example in examples):
        raise ValueError(f"labels of some examples are known only to be among {one}, of others differently")
    name = " or ".join(one)
    found: list[Prediction] = []
    for prediction in predictions:
        scores = {label: score for label, score in prediction.scores.items() if label not in one}
        scores[name] = sum(prediction.scores[label] for label in one)
        best = max(scores, key=lambda label: scores[label])
        found.append(Prediction(best, scores[best], scores, prediction.abstained))
    gold = [name if example.label is None else example.label for example in examples]
    return gold, found, (*(label for label in labels if label not in one), name)


def coverage_curve(
    examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str], *, points: int = 50
) -> tuple[CoveragePoint, ...]:
    """Return accuracy by coverage at about so many points, evenly spaced, full coverage last."""
    gold, found, _ = merged(examples, predictions, labels)
    correct = [label == prediction.label for label, prediction in zip(gold, found, strict=True)]
    curve = metrics.coverage_curve([prediction.score for prediction in found], correct)
    step = max(1, len(curve) // points)
    return tuple(curve[::-step][::-1])


def reliability(
    examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str]
) -> tuple[ReliabilityBin, ...]:
    """Return confidence beside accuracy, in ten bins of as many cases."""
    gold, found, _ = merged(examples, predictions, labels)
    correct = [label == prediction.label for label, prediction in zip(gold, found, strict=True)]
    return curves.reliability([prediction.score for prediction in found], correct)


def precision_recall(
    examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str]
) -> tuple[PrecisionRecallCurve, ...]:
    """Return the curve of each label, its chosen point where the most probable label is the answer.

    Beyond five labels there is one curve for all of them together, every label of every case a decision of its own.
    """
    gold, found, labels = merged(examples, predictions, labels)
    if len(labels) > _MAX_CURVES:
        scores = [prediction.scores[label] for prediction in found for label in labels]
        positive = [own == label for own in gold for label in labels]
        answers = [prediction for prediction in found if not prediction.abstained]
        right = sum(one.label == own for one, own in zip(found, gold, strict=True) if not one.abstained)
        chosen = PrecisionRecallPoint(right / len(found), right / len(answers), 0.0) if answers else None
        together = curves.precision_recall("all labels together", scores, positive, chosen)
        return (together,) if together else ()
    every: list[PrecisionRecallCurve] = []
    for label in labels:
        taken = [own == label for own, one in zip(gold, found, strict=True) if one.label == label]
        total = gold.count(label)
        chosen = PrecisionRecallPoint(sum(taken) / total, sum(taken) / len(taken), 0.0) if taken and total else None
        own_scores = [prediction.scores[label] for prediction in found]
        if curve := curves.precision_recall(label, own_scores, [own == label for own in gold], chosen):
            every.append(curve)
    return tuple(every)


def precision_recall_of_any(
    name: str,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Collection[str],
    threshold: float,
) -> tuple[PrecisionRecallCurve, ...]:
    """Return the curve of having any of the labels, chosen where their probability together reaches ``threshold``."""
    scores = curves.summed([prediction.scores for prediction in predictions], list(labels))
    positive = [example.label in labels for example in examples]
    chosen = curves.taken_from(scores, positive, threshold)
    found = curves.precision_recall(name, scores, positive, chosen)
    return (found,) if found else ()


def majority(
    train: Sequence[str], examples: Sequence[Example], labels: Sequence[str], *, seed: int, ranked: str | None = None
) -> Scores:
    """Score the baseline that always answers the most frequent label of ``train``."""
    label = Counter(train).most_common(1)[0][0]
    scores = {name: float(name == label) for name in labels}
    answers = [Prediction(label, 1.0, scores, abstained=False)] * len(examples)
    found = score("majority", examples, answers, labels, seed=seed, ranked=ranked)
    return Scores("majority", found.classification, ranking=found.ranking)


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


def headline(whole: Evaluation) -> dict[str, float]:
    """Return the headline figures of an evaluation by dotted name, as precise as they are."""
    figures = {
        f"{STRIP}.precision": whole.strip.precision,
        f"{STRIP}.recall": whole.strip.recall,
        f"{STRIP}.f1": whole.strip.f1,
        f"{STRIP}.body_lost": whole.strip.body_lost,
    }
    for task in whole.tasks:
        name = dotted(task.task)
        figures[f"{name}.accuracy"] = task.model.classification.accuracy
        figures[f"{name}.macro_f1"] = task.model.classification.macro_f1
        if task.model.calibration_error is not None:
            figures[f"{name}.ece"] = task.model.calibration_error
        if task.model.ranking is not None:
            figures[f"{name}.average_precision"] = task.model.ranking.average_precision
        for other in task.compared:
            figures[f"{name}.{other.name}.macro_f1"] = other.classification.macro_f1
    return figures


def dotted(task: str) -> str:
    """Return how figures name a task."""
    return task.replace(" ", "_")
