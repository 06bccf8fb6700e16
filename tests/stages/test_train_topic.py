"""The topic model's folder, and those of the engines that it is compared with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline import topic
from pipeline.classifiers import store
from pipeline.corpus import read_labelled, read_split
from pipeline.records import tree_digest
from tests.dvc_deps import ROOT
from tests.labelled import collect, source, write
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
        "datasets": tree_digest(trained.data / "collect_datasets"),
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


def test_every_topic_has_subjects_and_none_belongs_to_two() -> None:
    found = topic.subject_examples(topic.load_topics(ROOT / "configs" / "topics.yaml"))
    assert {example.label for example in found} == set(LABELS)
    assert [text for text, count in Counter(example.text for example in found).items() if count > 1] == []


def test_subjects_are_trained_on_like_articles(trained: Trained, tmp_path: Path) -> None:
    splits = read_split(trained.data / "split")
    articles = sum(name == "train" for name in splits.values())
    subjects = len(topic.subject_examples(topic.load_topics(trained.root / "configs" / "topics.yaml")))
    assert trained.figures["train_topic"]["train_examples"] == articles + subjects
    content = yaml.safe_load((trained.root / "configs" / "topics.yaml").read_text(encoding="utf-8"))
    content["religion"]["subjects"] += ["zorblax worship", "vows of the zorblax", "zorblax and quimble", "quimble"]
    (tmp_path / "topics.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    paths = {name: tmp_path / name for name in ("model", "compared")}
    figures = trained.run("train_topic", {"compared": []}, topics=tmp_path / "topics.yaml", **paths)
    assert figures["train_examples"] == articles + subjects + 4
    text = [topic.example("A quimble and a zorblax.")]
    before, after = (store.load(folder).predict(text)[0] for folder in (trained.models / "topic", tmp_path / "model"))
    assert before.label != "religion"
    assert after.label == "religion"


def test_data_sets_for_the_topic_reach_training(trained: Trained, tmp_path: Path) -> None:
    texts = [f"The zorblax {verb} the quimble {when}." for verb in ("met", "saw", "left") for when in ("now", "late")]
    train = write(tmp_path / "train.jsonl", [{"text": text, "label": "S"} for text in texts])
    dev = write(tmp_path / "dev.jsonl", [{"text": "The zorblax came.", "label": "S"}])
    claims = write(tmp_path / "claims.jsonl", [{"text": "The zorblax cost $4.", "label": "none"}])
    collect(
        tmp_path / "datasets",
        source(train, "topic", {"S": "society"}),
        source(dev, "topic", {"S": "society"}, split="dev"),
        source(claims, "claims", ["none"]),
    )
    paths = {name: tmp_path / name for name in ("datasets", "model", "compared")}
    figures = trained.run("train_topic", {"compared": []}, **paths)
    assert figures["train_examples"] == trained.figures["train_topic"]["train_examples"] + len(texts)
    assert figures["dev_examples"] == trained.figures["train_topic"]["dev_examples"] + 1
    assert manifest(tmp_path / "model")["data"]["datasets"] == tree_digest(tmp_path / "datasets")
    text = [topic.example("A quimble and a zorblax.")]
    before, after = (store.load(folder).predict(text)[0] for folder in (trained.models / "topic", tmp_path / "model"))
    assert before.label != "society"
    assert after.label == "society"
