"""The stance model's folder: classifier, targets and the aggregation from sentences to articles."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import stance
from pipeline.article import STANCE_LABELS
from pipeline.classifiers import store
from pipeline.corpus import read_labelled, read_split
from pipeline.errors import ConfigError
from pipeline.records import tree_digest
from pipeline.targets import load_targets
from tests.labelled import collect, source, write
from tests.trained import Trained, manifest


def test_the_folder_is_whole_and_predicts_as_its_scores_say(trained: Trained) -> None:
    found = manifest(trained.models / "stance")
    assert (found["task"], found["engine"], found["labels"]) == ("stance", "linear", list(STANCE_LABELS))
    dev = read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev")
    examples = [example for article in dev for _, example in stance.examples(article)]
    predictions = store.load(trained.models / "stance").predict(examples)
    hits = [one.label == example.label for one, example in zip(predictions, examples, strict=True)]
    assert found["metrics"]["dev_accuracy"] == pytest.approx(sum(hits) / len(hits), abs=1e-4)
    assert trained.figures["train_stance"]["dev_examples"] == len(examples)


def test_targets_travel_with_the_model(trained: Trained) -> None:
    targets = trained.root / "configs" / "targets.yaml"
    assert load_targets(trained.models / "stance" / "targets.yaml") == load_targets(targets)


def test_the_aggregation_travels_with_the_model_and_follows_its_sentences(trained: Trained) -> None:
    aggregation = stance.Aggregation.load(trained.models / "stance" / stance.ASSET)
    model = store.load(trained.models / "stance")
    sentences = model.predict([stance.example("The mayor praised the council.", 18, 29, "the council")])
    whole = aggregation.predict(sentences, min_score=0.0)
    assert sum(whole.scores.values()) == pytest.approx(1)
    assert whole.score == max(whole.scores.values()) == whole.scores[whole.label]


def test_a_broken_targets_file_stops_the_stage_before_it_trains(trained: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "targets.yaml"
    broken.write_text("NATO: Nato\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"targets\.yaml.*'NATO'.*'Nato'"):
        trained.run("train_stance", targets=broken, model=tmp_path / "model", compared=tmp_path / "compared")
    assert not (tmp_path / "model").exists()


def test_data_sets_for_stance_reach_training(trained: Trained, tmp_path: Path) -> None:
    def records(targets: tuple[str, ...]) -> list[dict[str, str]]:
        return [
            {"text": f"They {word} {target}.", "target": target, "label": label}
            for target in targets
            for word, label in (("zorblaxed", "1"), ("quimblied", "2"), ("passed", "3"))
        ]

    labels = {"1": "favor", "2": "against", "3": "neutral"}
    train = write(tmp_path / "train.jsonl", records(("the port", "Nato", "the mayor", "Anna", "the union", "voters")))
    dev = write(tmp_path / "dev.jsonl", records(("the bishop",)))
    collect(tmp_path / "datasets", source(train, "stance", labels), source(dev, "stance", labels, split="dev"))
    paths = {name: tmp_path / name for name in ("datasets", "model", "compared")}
    figures = trained.run("train_stance", **paths)
    assert figures["train_examples"] == trained.figures["train_stance"]["train_examples"] + 18
    assert figures["dev_examples"] == trained.figures["train_stance"]["dev_examples"] + 3
    assert manifest(tmp_path / "model")["data"]["datasets"] == tree_digest(tmp_path / "datasets")
    new = [stance.example(f"They {word} the crew.", 15, 23, "the crew") for word in ("zorblaxed", "quimblied")]
    assert [one.label for one in store.load(tmp_path / "model").predict(new)] == ["favor", "against"]
