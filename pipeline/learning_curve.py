"""How the dev scores grow with the number of training articles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import task_examples, topic
from pipeline.classifiers import training
from pipeline.corpus import LabelledArticle
from pipeline.datasets import Task
from pipeline.records import tree_digest


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


def digest(data: Sequence[Path], groups: Sequence[Mapping[Task, training.Config]]) -> str:
    """Return what identifies a curve: the digest of the folders and files behind it, and of its settings."""
    settings = [{task: config.model_dump(mode="json") for task, config in group.items()} for group in groups]
    parts = [*map(tree_digest, data), json.dumps(settings)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def points(
    train: Sequence[LabelledArticle],
    dev: Sequence[LabelledArticle],
    topics: Mapping[str, topic.Definition],
    groups: Sequence[Mapping[Task, training.Config]],
    sizes: Sequence[int],
) -> Iterator[Point]:
    """Train the tasks on growing parts of ``train``, each containing the one before, and score them on ``dev``.

    Those of a group are trained on one encoder. A size beyond the articles there are means all of them.
    """
    order = sorted(train, key=lambda article: hashlib.sha256(article.id.encode()).digest())
    for size in sorted({min(size, len(order)) for size in sizes}):
        for group in groups:
            taken = order[:size]
            trained = training.train_group(
                group, {task: task_examples.for_training(task, taken, dev, topics=topics) for task in group}
            )
            for task, config in group.items():
                score = round(trained[task].scores["dev_macro_f1"], 4)
                yield Point(task, config.engine, size, len(task_examples.of_articles(task, taken)), score)
