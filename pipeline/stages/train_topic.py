"""Train the topic classifier."""

from __future__ import annotations

from pathlib import Path

from pipeline import datasets as added
from pipeline import topic
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.classifiers.store import Engine
from pipeline.corpus import Split, read_labelled, read_split
from pipeline.records import tree_digest


class Config(training.Config):
    """Settings of the topic classifier."""

    engine: Engine = "ensemble"


def run(
    config: Config, *, stripped: Path, split: Path, datasets: Path, topics: Path, model: Path, compared: Path
) -> dict[str, float]:
    """Write the model folder, and one for each compared engine; return their dev scores."""
    splits = read_split(split)

    def seeds(wanted: Split) -> list[Example]:
        articles = read_labelled(stripped, splits, wanted)
        return [topic.example(article.text, label=article.topic, group=article.id) for article in articles]

    def of(wanted: Split) -> list[Example]:
        return seeds(wanted) + added.examples(datasets, "topic", wanted)

    data = {"stripped": tree_digest(stripped), "split": tree_digest(split), "datasets": tree_digest(datasets)}
    known = topic.load_topics(topics)
    examples = TaskExamples(of("train") + topic.subject_examples(known), of("dev"), tuple(known))
    chosen = training.train(config, config.engine, examples)
    scores = training.compare(chosen, config, examples, task="topic", data=data, compared=compared)
    assets = {topic.ASSET: topics.read_bytes()}
    training.save(chosen, model, config, task="topic", data=data, assets=assets, seeds=seeds("dev"))
    return scores
