"""Train the stance classifier on sentences, and the aggregation from sentences to articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from pipeline import datasets as added
from pipeline import stance
from pipeline.article import STANCE_LABELS
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.store import Engine
from pipeline.corpus import LabelledArticle, read_labelled, read_split
from pipeline.records import tree_digest
from pipeline.targets import ASSET as TARGETS
from pipeline.targets import load_targets


class Config(training.Config):
    """Settings of the stance classifier."""

    engine: Engine = "transformer"
    target_article_precision: float = Field(default=0.75, ge=0, le=1)
    """As ``target_precision``, of the stances of whole articles."""


def run(
    config: Config, *, stripped: Path, split: Path, datasets: Path, targets: Path, model: Path, compared: Path
) -> dict[str, float]:
    """Write the model folder with targets and aggregation, and one for each compared engine; return dev scores."""
    load_targets(targets)  # a broken file should stop the run here, not at inference
    splits = read_split(split)
    articles = read_labelled(stripped, splits, "dev")

    def of(seeds: Sequence[LabelledArticle]) -> list[Example]:
        return [example for article in seeds for _, example in stance.examples(article)]

    seeds = of(articles)
    train = of(read_labelled(stripped, splits, "train")) + added.examples(datasets, "stance", "train")
    dev = seeds + added.examples(datasets, "stance", "dev")
    data = {"stripped": tree_digest(stripped), "split": tree_digest(split), "datasets": tree_digest(datasets)}
    chosen, scores = training.train_all(config, train, dev, STANCE_LABELS, task="stance", data=data, compared=compared)
    pairs = [pair for article in articles for pair in stance.mentions(article)]
    grouped = stance.by_target([key for key, _ in pairs], chosen.predict([example for _, example in pairs]))
    whole = _articles(articles, grouped)
    answers = stance.out_of_fold(whole, [key[0] for key in _keys(articles, grouped)])
    correct = [answer.label == label for answer, (_, label) in zip(answers, whole, strict=True)]
    min_score = training.abstention(
        [answer.score for answer in answers], correct, config.target_article_precision, "stance of articles"
    )
    aggregation = replace(stance.fit_aggregation(whole), min_score=min_score)
    assets = {TARGETS: targets.read_bytes(), stance.ASSET: aggregation.to_json()}
    training.save(chosen, model, config, task="stance", data=data, assets=assets, seeds=seeds)
    return scores | {"article_min_score": min_score}


def _articles(articles: Sequence[LabelledArticle], grouped: stance.Grouped) -> list[tuple[Sequence[Prediction], str]]:
    labels = {(article.id, target.name): target.label for article in articles for target in article.targets}
    return [(grouped[key], labels[key]) for key in _keys(articles, grouped)]


def _keys(articles: Sequence[LabelledArticle], grouped: stance.Grouped) -> list[tuple[str, str]]:
    keys = [(article.id, target.name) for article in articles for target in article.targets]
    return [key for key in keys if key in grouped]
