"""How the dev scores grow with the number of training articles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import cases, topic
from pipeline.classifiers import training
from pipeline.corpus import LabelledArticle
from pipeline.datasets import TASKS, Task
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


def digest(data: Sequence[Path], configs: Mapping[Task, training.Config]) -> str:
    """Return what identifies a curve: the digest of the folders and files behind it, and of its settings."""
    parts = [tree_digest(path) for path in data] + [configs[task].model_dump_json() for task in TASKS]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def points(
    train: Sequence[LabelledArticle],
    dev: Sequence[LabelledArticle],
    topics: Mapping[str, topic.Definition],
    configs: Mapping[Task, training.Config],
    sizes: Sequence[int],
) -> Iterator[Point]:
    """Train each task on growing parts of ``train``, each containing the one before, and score it on ``dev``.

    A size beyond the articles there are means all of them.
    """
    order = sorted(train, key=lambda article: hashlib.sha256(article.id.encode()).digest())
    for size in sorted({min(size, len(order)) for size in sizes}):
        for task in TASKS:
            examples = cases.of_task(task, order[:size], tuple(topics)).examples
            added = topic.subject_examples(topics) if task == "topic" else []
            config, stop = configs[task], cases.of_task(task, dev, tuple(topics))
            trained = training.train(config, config.engine, examples + added, stop.examples, stop.labels)
            yield Point(task, config.engine, size, len(examples), round(trained.scores["dev_macro_f1"], 4))
