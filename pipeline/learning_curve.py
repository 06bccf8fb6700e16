"""How the dev scores grow with the number of training articles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pipeline import cases, topic
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example
from pipeline.corpus import LabelledArticle
from pipeline.datasets import Task
from pipeline.records import tree_digest

TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Point:
    """Dev macro-F1 of a task's configured engine, trained on so many articles."""

    task: str
    engine: str
    articles: int
    examples: int
    dev_macro_f1: float


@dataclass(frozen=True, slots=True)
class Curve:
    """All points, and the digest of the articles, labels, splits and settings behind them."""

    digest: str
    points: tuple[Point, ...]


def digest(data: Sequence[Path], configs: Mapping[str, training.Config]) -> str:
    """Return what identifies a curve: the digest of the folders and files behind it, and of its settings."""
    parts = [tree_digest(path) for path in data] + [configs[task].model_dump_json() for task in TASKS]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def points(
    train: Sequence[LabelledArticle],
    dev: Sequence[LabelledArticle],
    topics: Mapping[str, topic.Definition],
    configs: Mapping[str, training.Config],
    sizes: Sequence[int],
) -> Iterator[Point]:
    """Train each task on growing parts of ``train``, each containing the one before, and score it on ``dev``.

    A size beyond the articles there are means all of them.
    """
    order = sorted(train, key=lambda article: hashlib.sha256(article.id.encode()).digest())
    for size in sorted({min(size, len(order)) for size in sizes}):
        for task in TASKS:
            examples = _examples(task, order[:size], topics)
            added = topic.subject_examples(topics) if task == "topic" else []
            config, labels = configs[task], _cases(task, dev, topics).labels
            trained = training.train(config, config.engine, examples + added, _examples(task, dev, topics), labels)
            yield Point(task, config.engine, size, len(examples), round(trained.scores["dev_macro_f1"], 4))


def _examples(task: str, articles: Sequence[LabelledArticle], topics: Mapping[str, topic.Definition]) -> list[Example]:
    return _cases(task, articles, topics).examples


def _cases(task: str, articles: Sequence[LabelledArticle], topics: Mapping[str, topic.Definition]) -> cases.Cases:
    if task == "topic":
        return cases.of_topic(articles, tuple(topics))
    return cases.of_stance(articles) if task == "stance" else cases.of_claims(articles)
