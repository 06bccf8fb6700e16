"""Train the claim classifier."""

from __future__ import annotations

from pathlib import Path

from pipeline import claims
from pipeline import datasets as added
from pipeline.article import CLAIM_LABELS
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example
from pipeline.classifiers.store import Engine
from pipeline.corpus import Split, read_labelled, read_split
from pipeline.records import tree_digest


class Config(training.Config):
    """Settings of the claim classifier."""

    engine: Engine = "transformer"


def run(
    config: Config, *, stripped: Path, split: Path, datasets: Path, model: Path, compared: Path
) -> dict[str, float]:
    """Write the model folder, and one for each compared engine; return their dev scores."""
    splits = read_split(split)

    def seeds(wanted: Split) -> list[Example]:
        articles = read_labelled(stripped, splits, wanted)
        return [example for article in articles for example in claims.examples(article)]

    def of(wanted: Split) -> list[Example]:
        return seeds(wanted) + added.examples(datasets, "claims", wanted)

    data = {"stripped": tree_digest(stripped), "split": tree_digest(split), "datasets": tree_digest(datasets)}
    chosen, scores = training.train_all(
        config, of("train"), of("dev"), CLAIM_LABELS, task="claims", data=data, compared=compared
    )
    training.save(chosen, model, config, task="claims", data=data, seeds=seeds("dev"))
    return scores
