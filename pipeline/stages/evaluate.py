"""Score every model on the frozen test split, beside the engines that it is compared with and a majority baseline."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline import acceptance, answers, cases, evaluation
from pipeline import datasets as added
from pipeline import floors as quality_floors
from pipeline.annotator import Stripper
from pipeline.cases import Cases
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.config import Section
from pipeline.corpus import ARTICLES, SPLITS, CleanArticle, read_gold, read_labelled, read_split
from pipeline.evaluation import Evaluation, Origin, Scores, TaskEvaluation
from pipeline.metrics import CoveragePoint
from pipeline.records import file_digest, read_jsonl, write_jsonl

EVALUATION = acceptance.EVALUATION
PREDICTIONS = "predictions.jsonl"


class Config(Section):
    """How to score."""

    seed: int = 13
    """Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """One test case with its gold label and the model's answer."""

    task: str
    article: str
    text: str
    target: str | None
    gold: str
    label: str
    score: float


def run(
    config: Config,
    *,
    collected: Path,
    cleaned: Path,
    stripped: Path,
    split: Path,
    datasets: Path,
    models: Path,
    compared: Path,
    configuration: Path,
    floors: Path,
    accepted: Path,
    output: Path,
    plots: Path,
) -> dict[str, float]:
    """Write all scores, the scored cases, and the plots' data; return the headline figures.

    A floor that does not hold stops nothing: the evaluation says so, and ``newsfacts floors`` fails.
    """
    limits, before = quality_floors.read(floors), acceptance.read(accepted)
    splits = read_split(split)
    test, train = (read_labelled(stripped, splits, name) for name in ("test", "train"))
    gold = read_gold(collected)
    clean_test = [item for item in read_jsonl(cleaned / ARTICLES, CleanArticle) if splits[item.article.id] == "test"]
    plots.mkdir(parents=True, exist_ok=True)

    loaded = {task: store.load(models / task) for task in ("boilerplate", "topic", "stance", "claims")}
    trained_on = {
        "boilerplate": [],  # of which a majority baseline says nothing
        "topic": [article.topic for article in train] + _labels(added.examples(datasets, "topic", "train")),
        "stance": _labels(cases.of_stance(train).examples + added.examples(datasets, "stance", "train")),
        "claims": _labels(cases.of_claims(train).examples + added.examples(datasets, "claims", "train")),
    }
    direct = (
        cases.of_lines(clean_test, gold),
        cases.of_topic(test, loaded["topic"].manifest.labels),
        cases.of_stance(test),
        cases.of_claims(test),
    )
    tasks: list[TaskEvaluation] = []
    scored: list[ScoredCase] = []
    answered: list[answers.Answer] = []
    for own in direct:
        model = loaded[own.task]
        predictions = model.predict(own.examples)
        others = sorted((compared / own.task).glob("*"))
        tasks.append(_evaluate(own, model, predictions, trained_on[own.task], others, config.seed))
        scored += _scored(own, predictions)
        answered += answers.of_task(own.task, own.examples, predictions, own.labels)
        _write_confusion(plots / f"confusion_{own.task}.csv", own.examples, predictions)
        _write_reliability(plots / f"reliability_{own.task}.csv", own.examples, predictions)
        _write_coverage(plots / f"coverage_{own.task}.csv", tasks[-1].coverage_curve)
    for task in ("topic", "stance", "claims"):
        others, model = sorted((compared / task).glob("*")), loaded[task]
        for own in cases.of_datasets(datasets, task, loaded[task].manifest.labels):
            predictions = model.predict(own.examples)
            tasks.append(_evaluate(own, model, predictions, trained_on[task], others, config.seed))
            answered += answers.of_task(own.task, own.examples, predictions, own.labels)
    stances: list[str] = [target.label for article in train for target in article.targets]
    indirect: list[TaskEvaluation] = []
    for (own, predictions), task, known in (
        (cases.of_article_stance(test, loaded["stance"]), "stance", stances),
        (cases.of_listed_claims(test, gold, loaded["claims"]), "claims", trained_on["claims"]),
    ):
        indirect.append(_evaluate(own, loaded[task], predictions, known, (), config.seed, direct=False))
        answered += answers.of_task(own.task, own.examples, predictions, own.labels)
    article_stance, listed = indirect
    # A sentence that is not listed has no score, so there is no calibration to speak of.
    listed = replace(
        listed,
        model=_uncalibrated(listed.model),
        coverage_curve=(),
        slices={name: _uncalibrated(scores) for name, scores in listed.slices.items()},
    )
    tasks += [article_stance, listed]

    stripper = Stripper(loaded["boilerplate"])
    strip, stripped_lines = cases.score_stripping(clean_test, gold, stripper, seed=config.seed)
    answered = [*stripped_lines, *answered]
    counts = Counter(splits.values())
    whole = Evaluation(
        {name: counts[name] for name in SPLITS},
        strip,
        tuple(tasks),
        origin=Origin(
            configuration.stem, file_digest(configuration), {task: model.digest for task, model in loaded.items()}
        ),
        accepted=before[0].origin if before else None,
        changes=answers.changes(before[1], answered, seed=config.seed) if before else (),
    )
    whole = replace(whole, floors=quality_floors.checks(limits.get(configuration.stem, {}), whole))
    write_jsonl(output / PREDICTIONS, scored)
    write_jsonl(output / answers.FILE, answered)
    write_jsonl(output / EVALUATION, [whole])
    return evaluation.headline(whole)


def _evaluate(
    own: Cases,
    model: store.Model,
    predictions: Sequence[Prediction],
    train: Sequence[str],
    compared: Sequence[Path],
    seed: int,
    *,
    direct: bool = True,
) -> TaskEvaluation:
    """Score a model's answers to cases; ``direct`` tells that they are its predictions for the cases' own examples."""
    asked, labels, ranked = own.examples, own.labels, own.ranked
    others: list[Scores] = []
    for folder in compared:
        other = store.load(folder)
        found, scale = other.predict(asked), other.manifest.temperature
        others.append(evaluation.score(folder.name, asked, found, labels, seed=seed, temperature=scale, ranked=ranked))
    if train:
        others.append(evaluation.majority(train, asked, labels, seed=seed, ranked=ranked))
    scale_of_model = model.manifest.temperature if direct else None
    engine = model.manifest.engine
    return TaskEvaluation(
        task=own.task,
        unit=own.unit,
        model=evaluation.score(
            engine, asked, predictions, labels, seed=seed, temperature=scale_of_model, ranked=ranked
        ),
        compared=tuple(others),
        slices=evaluation.slices(own.slice_of, asked, predictions, labels, seed=seed),
        coverage_curve=evaluation.coverage_curve(asked, predictions, labels),
        unread=model.classifier.unread(asked) if direct else None,
    )


def _uncalibrated(scores: Scores) -> Scores:
    return replace(scores, calibration_error=None, calibration_interval=None, coverage=None, covered_accuracy=None)


def _labels(examples: Sequence[Example]) -> list[str]:
    return [example.label for example in examples if example.label is not None]


def _scored(own: Cases, predictions: Sequence[Prediction]) -> list[ScoredCase]:
    return [
        ScoredCase(
            own.task,
            example.group,
            example.text if len(example.text) <= 400 else f"{example.text[:400]}…",
            example.pair,
            example.label or "",
            prediction.label,
            round(prediction.score, 4),
        )
        for example, prediction in zip(own.examples, predictions, strict=True)
    ]


def _write_confusion(path: Path, examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["actual", "predicted"])
        writer.writerows((example.label, found.label) for example, found in zip(examples, predictions, strict=True))


def _write_reliability(path: Path, examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
    pairs = sorted(
        (found.score, found.label == example.label) for example, found in zip(examples, predictions, strict=True)
    )
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["confidence", "accuracy", "cases"])
        for rows in np.array_split(np.array(pairs, dtype=float), min(10, len(pairs))):
            writer.writerow([f"{rows[:, 0].mean():.4f}", f"{rows[:, 1].mean():.4f}", len(rows)])


def _write_coverage(path: Path, curve: Sequence[CoveragePoint]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["coverage", "risk", "score"])
        writer.writerows(
            (f"{point.coverage:.4f}", f"{1 - point.accuracy:.4f}", f"{point.score:.4f}") for point in curve
        )
