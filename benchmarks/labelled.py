"""The examples that a task is trained on, and those that training is judged by, as the stages assemble them."""

from __future__ import annotations

from pathlib import Path

from pipeline import task_examples, topic
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.corpus import LabelledArticle, Split, read_labelled, read_split
from pipeline.datasets import Task

TOPICS = Path("configs/topics.yaml")


def labels(task: Task) -> tuple[str, ...]:
    """Return the labels of a task."""
    return task_examples.labels(task, topic.load_topics(TOPICS))


def seeds(task: Task, wanted: Split, data: Path) -> list[Example]:
    """Return the seeds' examples of a split."""
    return task_examples.of_articles(task, _articles(data, wanted))


def of(task: Task, data: Path, datasets: Path) -> TaskExamples:
    """Return what a task is trained on: seeds and added data sets."""
    train, dev = _articles(data, "train"), _articles(data, "dev")
    return task_examples.for_training(task, train, dev, topics=topic.load_topics(TOPICS), added=datasets)


def _articles(data: Path, wanted: Split) -> list[LabelledArticle]:
    return read_labelled(data / "strip_boilerplate", read_split(data / "split"), wanted)
