"""Score every model on the frozen test split, beside the engines that it is compared with and a majority baseline."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import claims, evaluation, metrics, stance, topic
from pipeline.annotator import Stripper
from pipeline.article import CLAIM_LABELS, KEPT_ROLES, REMOVED_ROLES, ROLES, STANCE_LABELS
from pipeline.boilerplate import lines as line_examples
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.cleaning import lines
from pipeline.config import Section
from pipeline.corpus import (
    ARTICLES,
    SPLITS,
    CleanArticle,
    LabelledArticle,
    read_gold,
    read_labelled,
    read_split,
    roles_of_lines,
)
from pipeline.evaluation import Evaluation, StripEvaluation, TaskEvaluation
from pipeline.records import read_jsonl, write_jsonl
from pipeline.seeds import GoldArticle

EVALUATION = "evaluation.json"
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


@dataclass(frozen=True)
class _Task:
    """The test cases of a task; ``slice_of`` names a slice for each."""

    name: str
    unit: str
    labels: tuple[str, ...]
    train: list[str]
    test: list[Example]
    slice_of: list[str]


def run(
    config: Config,
    *,
    collected: Path,
    cleaned: Path,
    stripped: Path,
    split: Path,
    models: Path,
    compared: Path,
    output: Path,
    plots: Path,
) -> dict[str, float]:
    """Write all scores, the scored cases, and the plots' data; return the headline figures."""
    splits = read_split(split)
    test, train = (read_labelled(stripped, splits, name) for name in ("test", "train"))
    gold = read_gold(collected)
    clean_test = [item for item in read_jsonl(cleaned / ARTICLES, CleanArticle) if splits[item.article.id] == "test"]
    plots.mkdir(parents=True, exist_ok=True)

    strip = _strip(store.load(models / "boilerplate"), clean_test, gold, seed=config.seed)
    tasks: list[TaskEvaluation] = []
    cases: list[ScoredCase] = []
    for task in (
        _line_task(clean_test, gold),
        _topic_task(train, test, models),
        _stance_task(train, test),
        _claims_task(train, test),
    ):
        model = store.load(models / task.name)
        predictions = model.predict(task.test)
        tasks.append(_evaluate(task, model, predictions, compared, config.seed))
        cases += _cases(task.name, task.test, predictions)
        _write_confusion(plots / f"confusion_{task.name}.csv", task.test, predictions)
        _write_reliability(plots / f"reliability_{task.name}.csv", task.test, predictions)
        if task.name == "stance":
            tasks.append(_article_stance(task, model, predictions, test, models, config.seed))

    write_jsonl(output / PREDICTIONS, cases)
    counts = Counter(splits.values())
    whole = Evaluation({name: counts[name] for name in SPLITS}, strip, tuple(tasks))
    write_jsonl(output / EVALUATION, [whole])
    return _headline(whole)


def _evaluate(
    task: _Task, model: store.Model, predictions: Sequence[Prediction], compared: Path, seed: int
) -> TaskEvaluation:
    others = [
        evaluation.score(folder.name, task.test, store.load(folder).predict(task.test), task.labels, seed=seed)
        for folder in sorted((compared / task.name).glob("*"))
    ]
    if task.train:
        others.append(evaluation.majority(task.train, task.test, task.labels, seed=seed))
    return TaskEvaluation(
        task=task.name,
        unit=task.unit,
        model=evaluation.score(model.manifest.engine, task.test, predictions, task.labels, seed=seed),
        compared=tuple(others),
        slices=evaluation.slices(task.slice_of, task.test, predictions, task.labels, seed=seed),
    )


def _line_task(articles: Sequence[CleanArticle], gold: dict[str, GoldArticle]) -> _Task:
    examples: list[Example] = []
    outlets: list[str] = []
    for item in articles:
        aligned, found = item.aligned(), lines(item.text)
        roles = roles_of_lines(gold[item.article.id], [aligned.raw_span(line.start, line.end) for line in found])
        for example, role in zip(
            line_examples.examples(found, opens_with_headline=item.article.opens_with_headline), roles, strict=True
        ):
            examples.append(Example(example.text, features=example.features, label=role, group=item.article.id))
            outlets.append(gold[item.article.id].outlet)
    return _Task("boilerplate", "lines", ROLES, [], examples, outlets)


def _topic_task(train: Sequence[LabelledArticle], test: Sequence[LabelledArticle], models: Path) -> _Task:
    return _Task(
        "topic",
        "articles",
        tuple(topic.load_topics(models / "topic" / topic.ASSET)),
        [article.topic for article in train],
        [topic.example(article.text, label=article.topic, group=article.id) for article in test],
        [article.outlet for article in test],
    )


def _stance_task(train: Sequence[LabelledArticle], test: Sequence[LabelledArticle]) -> _Task:
    pairs = [(article.genre, example) for article in test for _, example in stance.examples(article)]
    return _Task(
        "stance",
        "sentences",
        STANCE_LABELS,
        [example.label or "" for article in train for _, example in stance.examples(article)],
        [example for _, example in pairs],
        [genre for genre, _ in pairs],
    )


def _claims_task(train: Sequence[LabelledArticle], test: Sequence[LabelledArticle]) -> _Task:
    pairs = [(article.genre, example) for article in test for example in claims.examples(article)]
    return _Task(
        "claims",
        "sentences",
        CLAIM_LABELS,
        [example.label or "" for article in train for example in claims.examples(article)],
        [example for _, example in pairs],
        [genre for genre, _ in pairs],
    )


def _article_stance(
    task: _Task,
    model: store.Model,
    predictions: Sequence[Prediction],
    test: Sequence[LabelledArticle],
    models: Path,
    seed: int,
) -> TaskEvaluation:
    """Score the aggregation from sentences to articles."""
    aggregation = stance.Aggregation.load(models / "stance" / stance.ASSET)
    keys = [key for article in test for key, _ in stance.examples(article)]
    grouped = stance.by_target(keys, predictions)
    gold = {(article.id, target.name): target.label for article in test for target in article.targets}
    pairs = [key for key in grouped if key in gold]
    examples = [Example(text="", pair=name, label=gold[identity, name], group=identity) for identity, name in pairs]
    found = [aggregation.predict(grouped[key], model.min_score) for key in pairs]
    return TaskEvaluation(
        task="article stance",
        unit="(article, target) pairs",
        model=evaluation.score(model.manifest.engine, examples, found, STANCE_LABELS, seed=seed),
        compared=(evaluation.majority(task.train, examples, STANCE_LABELS, seed=seed),),
        slices={},
    )


def _strip(
    model: store.Model, articles: Sequence[CleanArticle], gold: dict[str, GoldArticle], *, seed: int
) -> StripEvaluation:
    """Score whole-line removal; a line counts as removed when most of its characters are."""
    bodies = Stripper(model).strip_clean([(item.article, item.aligned()) for item in articles])
    true: list[str] = []
    guessed: list[str] = []
    groups: list[str] = []
    body = lost = 0
    for item, found in zip(articles, bodies, strict=True):
        own = gold[item.article.id]
        taken = np.zeros(len(item.article.raw), dtype=bool)
        for removal in found.stripped.removals:
            taken[removal.raw_start : removal.raw_end] = True
        aligned = item.aligned()
        spans = [aligned.raw_span(line.start, line.end) for line in lines(item.text)]
        for role, (start, end) in zip(roles_of_lines(own, spans), spans, strict=True):
            true.append("removed" if role in REMOVED_ROLES else "kept")
            guessed.append("removed" if taken[start:end].mean() > 0.5 else "kept")
            groups.append(own.id)
        for segment in own.segments:
            if segment.role in KEPT_ROLES:
                body += segment.end - segment.start
                lost += int(taken[segment.start : segment.end].sum())
    scores = metrics.classification(true, guessed, ("removed", "kept"), groups=groups, seed=seed)
    removed = scores.labels[0]
    return StripEvaluation(
        lines=len(true),
        precision=removed.precision,
        recall=removed.recall,
        f1=removed.f1,
        f1_interval=removed.f1_interval,
        body_lost=lost / max(body, 1),
        warnings=sum(len(found.stripped.warnings) for found in bodies),
    )


def _cases(task: str, examples: Sequence[Example], predictions: Sequence[Prediction]) -> list[ScoredCase]:
    return [
        ScoredCase(
            task,
            example.group,
            example.text if len(example.text) <= 400 else f"{example.text[:400]}…",
            example.pair,
            example.label or "",
            prediction.label,
            round(prediction.score, 4),
        )
        for example, prediction in zip(examples, predictions, strict=True)
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


def _headline(whole: Evaluation) -> dict[str, float]:
    figures = {
        "strip.precision": whole.strip.precision,
        "strip.recall": whole.strip.recall,
        "strip.f1": whole.strip.f1,
        "strip.body_lost": whole.strip.body_lost,
    }
    for task in whole.tasks:
        name = task.task.replace(" ", "_")
        figures[f"{name}.accuracy"] = task.model.classification.accuracy
        figures[f"{name}.macro_f1"] = task.model.classification.macro_f1
        figures[f"{name}.ece"] = task.model.calibration_error or 0.0
        for other in task.compared:
            figures[f"{name}.{other.name}.macro_f1"] = other.classification.macro_f1
    return figures
