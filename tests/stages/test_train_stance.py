"""The stance model's folder: classifier, targets and the aggregation from sentences to articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import stance
from pipeline.article import STANCE_LABELS
from pipeline.classifiers import store
from pipeline.classifiers.contract import Prediction
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
    whole = aggregation.predict(sentences)
    assert sum(whole.scores.values()) == pytest.approx(1)
    assert whole.score == max(whole.scores.values()) == whole.scores[whole.label]


def answer(favor: float, against: float) -> Prediction:
    scores: dict[str, float] = dict(zip(STANCE_LABELS, (favor, against, 1 - favor - against), strict=True))
    label = max(scores, key=lambda name: scores[name])
    return Prediction(label, scores[label], scores, False)


FLAT = [(0.33 + favor / 100, 0.33 + against / 100) for favor in (-4, -2, 0, 2, 4) for against in (-3, 3)]
SKEWED = {"favor": 60, "against": 30, "neutral": 10}


def test_sentences_that_tell_nothing_make_no_stance_of_the_label_most_frequent_in_the_corpus() -> None:
    """The same evidence, around the middle, for each label: only the prior could tell them apart."""
    articles = [([answer(*FLAT[n % len(FLAT)])], label) for label, count in SKEWED.items() for n in range(count)]
    found = replace(stance.fit_aggregation(articles), min_score=0.5).predict([answer(0.33, 0.33)] * 3)
    assert list(found.scores.values()) == pytest.approx([1 / 3] * 3, abs=0.01)
    assert found.abstained


def test_sentences_that_tell_something_make_the_stance_that_they_tell_however_rare() -> None:
    evidence = {"favor": (0.6, 0.1), "against": (0.1, 0.6), "neutral": (0.2, 0.2)}
    articles = [
        ([answer(evidence[label][0] + n % 5 / 50, evidence[label][1])], label)
        for label, count in SKEWED.items()
        for n in range(count)
    ]
    aggregation = stance.fit_aggregation(articles)
    for label, scores in evidence.items():
        assert aggregation.predict([answer(*scores)]).label == label


def test_the_threshold_of_articles_gives_the_configured_precision_on_dev(trained: Trained, tmp_path: Path) -> None:
    figures = trained.rerun("train_stance", tmp_path, {"target_article_precision": 0.6})
    strict = stance.Aggregation.load(tmp_path / "models" / "stance" / stance.ASSET)
    assert strict.min_score == figures["article_min_score"] > 0
    lenient = stance.Aggregation.load(trained.models / "stance" / stance.ASSET)
    assert lenient.min_score == 0
    np.testing.assert_array_equal(strict.weights, lenient.weights)


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
