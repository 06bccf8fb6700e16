"""The examples of each task: those in labelled articles, and all that it is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import claims, datasets, stance, topic
from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.corpus import LabelledArticle, Split
from pipeline.datasets import Task


def labels(task: Task, topics: Mapping[str, topic.Definition]) -> tuple[str, ...]:
    """Return the labels of a task."""
    if task == "topic":
        return tuple(topics)
    return STANCE_LABELS if task == "stance" else CLAIM_LABELS


def of_articles(task: Task, articles: Sequence[LabelledArticle]) -> list[Example]:
    """Return whole articles for topics, sentences for the other tasks, with their labels."""
    if task == "topic":
        return [topic.example(article.text, label=article.topic, group=article.id) for article in articles]
    if task == "stance":
        return [example for article in articles for _, example in stance.examples(article)]
    return [example for article in articles for example in claims.examples(article)]


def for_training(
    task: Task,
    train: Sequence[LabelledArticle],
    dev: Sequence[LabelledArticle],
    *,
    topics: Mapping[str, topic.Definition],
    added: Path | None = None,
) -> TaskExamples:
    """Return what a task is trained on, and what guides its training, from articles and a folder of added data sets.

    Topics are also taught by their subjects. A teacher of stance can be asked about other names in the sentences that
    stance and claims are trained on, but for those of claims that stand in stance's dev or an added test set.
    """

    def of(wanted: Task, articles: Sequence[LabelledArticle], split: Split) -> list[Example]:
        published = datasets.examples(added, wanted, split) if added else []
        return [*of_articles(wanted, articles), *published]

    own, guides = of(task, train, "train"), of(task, dev, "dev")
    subjects = topic.subject_examples(topics) if task == "topic" else []
    unlabelled: list[Example] = []
    if task == "stance":
        scored = {datasets.plain(one.text) for one in [*guides, *of(task, [], "test")]}
        claimed = [one for one in of("claims", train, "train") if datasets.plain(one.text) not in scored]
        unlabelled = stance.other_names([*own, *claimed])
    return TaskExamples([*own, *subjects], guides, labels(task, topics), unlabelled)
