"""The topic model's folder, and those of the engines that it is compared with."""

from __future__ import annotations

import pytest

from pipeline import topic
from pipeline.classifiers import store
from pipeline.corpus import read_labelled, read_split
from pipeline.records import tree_digest
from tests.dvc_deps import ROOT
from tests.trained import Trained, manifest

LABELS = list(topic.load_topics(ROOT / "configs" / "topics.yaml"))


@pytest.mark.parametrize(
    ("folder", "engine"), [("models/topic", "linear"), ("data/compared/topic/embedding", "embedding")]
)
def test_each_folder_is_whole_and_predicts_as_its_scores_say(trained: Trained, folder: str, engine: str) -> None:
    found = manifest(trained.root / folder)
    assert (found["task"], found["engine"], found["labels"]) == ("topic", engine, LABELS)
    assert found["data"] == {
        "stripped": tree_digest(trained.data / "strip_boilerplate"),
        "split": tree_digest(trained.data / "split"),
    }
    dev = read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev")
    predictions = store.load(trained.root / folder).predict([topic.example(article.text) for article in dev])
    hits = [found.label == article.topic for found, article in zip(predictions, dev, strict=True)]
    assert found["metrics"]["dev_accuracy"] == pytest.approx(sum(hits) / len(hits), abs=1e-4)
    assert all(sum(one.scores.values()) == pytest.approx(1) and not one.abstained for one in predictions)


def test_the_topic_codes_travel_with_the_model(trained: Trained) -> None:
    assert topic.load_topics(trained.models / "topic" / topic.ASSET)["weather"].medtop == "17000000"


def test_compared_engines_are_reported_by_name(trained: Trained) -> None:
    figures = trained.figures["train_topic"]
    other = manifest(trained.data / "compared" / "topic" / "embedding")["metrics"]
    assert figures["embedding_dev_macro_f1"] == pytest.approx(other["dev_macro_f1"], abs=1e-4)
    own = manifest(trained.models / "topic")["metrics"]
    assert figures["dev_macro_f1"] == pytest.approx(own["dev_macro_f1"], abs=1e-4)
