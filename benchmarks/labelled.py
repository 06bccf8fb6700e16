"""The examples that a task is trained on, and those that training is judged by, as the stages assemble them."""

from __future__ import annotations

from pathlib import Path

from pipeline import cases, stance, topic
from pipeline import datasets as added
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.corpus import Split, read_labelled, read_split
from pipeline.datasets import Task

TOPICS = Path("configs/topics.yaml")


def labels(task: Task) -> tuple[str, ...]:
    """Return the labels of a task."""
    return cases.of_task(task, [], tuple(topic.load_topics(TOPICS))).labels


def seeds(task: Task, wanted: Split, data: Path) -> list[Example]:
    """Return the seeds' examples of a split."""
    articles = read_labelled(data / "strip_boilerplate", read_split(data / "split"), wanted)
    return cases.of_task(task, articles, labels("topic")).examples


def train(task: Task, data: Path, datasets: Path) -> list[Example]:
    """Return what a task is trained on: seeds, added data sets and, for topics, their subjects."""
    subjects = topic.subject_examples(topic.load_topics(TOPICS)) if task == "topic" else []
    return [*seeds(task, "train", data), *added.examples(datasets, task, "train"), *subjects]


def dev(task: Task, data: Path, datasets: Path) -> list[Example]:
    """Return what early stopping, temperature and thresholds look at."""
    return [*seeds(task, "dev", data), *added.examples(datasets, task, "dev")]


def of(task: Task, data: Path, datasets: Path) -> TaskExamples:
    """Return all of it, with the task's labels."""
    own = train(task, data, datasets)
    unlabelled = stance.other_names([*own, *train("claims", data, datasets)]) if task == "stance" else ()
    return TaskExamples(own, dev(task, data, datasets), labels(task), unlabelled)
