"""Train the topic classifier."""

from __future__ import annotations

from pathlib import Path

from pipeline import task_examples, topic
from pipeline.classifiers import training
from pipeline.classifiers.store import Engine
from pipeline.corpus import read_labelled, read_split
from pipeline.records import tree_digest


class Config(training.Config):
    """Settings of the topic classifier."""

    engine: Engine = "ensemble"


def run(
    config: Config, *, stripped: Path, split: Path, datasets: Path, topics: Path, model: Path, compared: Path
) -> dict[str, float]:
    """Write the model folder, and one for each compared engine; return their dev scores."""
    splits = read_split(split)
    train, dev = (read_labelled(stripped, splits, name) for name in ("train", "dev"))
    examples = task_examples.for_training("topic", train, dev, topics=topic.load_topics(topics), added=datasets)
    data = {"stripped": tree_digest(stripped), "split": tree_digest(split), "datasets": tree_digest(datasets)}
    chosen = training.train(config, config.engine, examples)
    scores = training.compare(chosen, config, examples, task="topic", data=data, compared=compared)
    assets = {topic.ASSET: topics.read_bytes()}
    seeds = task_examples.of_articles("topic", dev)
    training.save(chosen, model, config, task="topic", data=data, assets=assets, seeds=seeds)
    return scores
