"""Train stance and claims, the classifiers of sentences, by default on one encoder; fit the stance of articles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline import stance, task_examples
from pipeline.classifiers import training
from pipeline.classifiers.contract import Prediction
from pipeline.classifiers.store import Engine
from pipeline.classifiers.training import Trained
from pipeline.config import Section
from pipeline.corpus import LabelledArticle, read_labelled, read_split
from pipeline.datasets import Task
from pipeline.records import tree_digest
from pipeline.stance import Aggregation
from pipeline.targets import ASSET as TARGETS
from pipeline.targets import load_targets


class StanceConfig(training.Config):
    """Settings of the stance classifier."""

    engine: Engine = "transformer"
    target_article_precision: float = Field(default=0.75, ge=0, le=1)
    """As ``target_precision``, of the stances of whole articles."""


class ClaimsConfig(training.Config):
    """Settings of the claim classifier."""

    engine: Engine = "transformer"


class Config(Section):
    """Settings of both tasks."""

    one_encoder: bool = True
    """Train both on one encoder where both are transformers: each learns from what the other is taught, and a sentence
    is read once for both."""
    stance: StanceConfig = StanceConfig()
    claims: ClaimsConfig = ClaimsConfig()

    @property
    def groups(self) -> tuple[Mapping[Task, training.Config], ...]:
        """The tasks with their settings; those of one group are trained on one encoder."""
        if self.one_encoder and self.stance.engine == self.claims.engine == "transformer":
            return ({"stance": self.stance, "claims": self.claims},)
        return {"stance": self.stance}, {"claims": self.claims}

    @model_validator(mode="after")
    def _one_encoder_is_trained_in_one_way(self) -> Self:
        if len(self.groups) == 1:
            ours, theirs = ({"seed": own.seed, "transformer": own.transformer} for own in (self.stance, self.claims))
            if found := list(_differences(ours, theirs)):
                raise ValueError(
                    "; ".join(found) + "; one encoder is trained in one way: make them equal, or set one_encoder: false"
                )
        return self


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], place: str = "") -> Iterator[str]:
    for name, value in ours.items():
        if isinstance(value, Section) and isinstance(theirs[name], Section):
            yield from _differences(dict(value), dict(theirs[name]), f"{place}{name}.")
        elif value != theirs[name]:
            said, other = ("given" if isinstance(one, Section) else repr(one) for one in (value, theirs[name]))
            yield f"stance.{place}{name} is {said}, claims.{place}{name} is {other}"


def run(
    config: Config, *, stripped: Path, split: Path, datasets: Path, targets: Path, models: Path, compared: Path
) -> dict[str, float]:
    """Write a model folder for each task, and one for each compared engine; return dev scores by task."""
    load_targets(targets)  # a broken file should stop the run here, not at inference
    splits = read_split(split)
    train, dev = (read_labelled(stripped, splits, name) for name in ("train", "dev"))
    tasks: tuple[Task, ...] = ("stance", "claims")
    examples = {task: task_examples.for_training(task, train, dev, topics={}, added=datasets) for task in tasks}
    trained = {task: found for group in config.groups for task, found in training.train_group(group, examples).items()}
    aggregation = _aggregation(dev, trained["stance"], config.stance.target_article_precision)
    assets: dict[Task, dict[str, bytes]] = {
        "stance": {TARGETS: targets.read_bytes(), stance.ASSET: aggregation.to_json()},
        "claims": {},
    }
    data = {"stripped": tree_digest(stripped), "split": tree_digest(split), "datasets": tree_digest(datasets)}
    scores: dict[str, float] = {}
    settings: dict[Task, training.Config] = {"stance": config.stance, "claims": config.claims}
    for task, own in settings.items():
        found = training.compare(trained[task], own, examples[task], task=task, data=data, compared=compared / task)
        seeds = task_examples.of_articles(task, dev)
        training.save(trained[task], models / task, own, task=task, data=data, assets=assets[task], seeds=seeds)
        scores |= {f"{task}_{name}": value for name, value in found.items()}
    return scores | {"stance_article_min_score": aggregation.min_score}


def _aggregation(articles: Sequence[LabelledArticle], trained: Trained, precision: float) -> Aggregation:
    """Return the aggregation that is fitted on articles; from its threshold, it answers with such precision."""
    pairs = [pair for article in articles for pair in stance.mentions(article)]
    grouped = stance.by_target([key for key, _ in pairs], trained.predict([example for _, example in pairs]))
    whole = _articles(articles, grouped)
    answers = stance.out_of_fold(whole, [key[0] for key in _keys(articles, grouped)])
    correct = [answer.label == label for answer, (_, label) in zip(answers, whole, strict=True)]
    confidence = [answer.score for answer in answers]
    min_score = training.abstention(confidence, correct, precision, "stance of articles")
    return replace(stance.fit_aggregation(whole), min_score=min_score)


def _articles(articles: Sequence[LabelledArticle], grouped: stance.Grouped) -> list[tuple[Sequence[Prediction], str]]:
    labels = {(article.id, target.name): target.label for article in articles for target in article.targets}
    return [(grouped[key], labels[key]) for key in _keys(articles, grouped)]


def _keys(articles: Sequence[LabelledArticle], grouped: stance.Grouped) -> list[tuple[str, str]]:
    keys = [(article.id, target.name) for article in articles for target in article.targets]
    return [key for key in keys if key in grouped]
