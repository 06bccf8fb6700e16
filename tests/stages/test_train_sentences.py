"""The folders of stance and claims: each is whole, also where one encoder serves both."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import claims, stance
from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.corpus import read_labelled, read_split
from pipeline.errors import ConfigError, ModelError
from pipeline.records import tree_digest
from pipeline.targets import load_targets
from tests.encoders import settings
from tests.labelled import collect, source, write
from tests.trained import LINEAR, Trained, manifest


def dev(trained: Trained) -> dict[str, list[Example]]:
    """Return the seeds' dev examples of both tasks."""
    articles = read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev")
    return {
        "stance": [example for article in articles for _, example in stance.examples(article)],
        "claims": [example for article in articles for example in claims.examples(article)],
    }


def accuracy(folder: Path, examples: list[Example]) -> float:
    """Return how often a saved model is right."""
    predictions = store.load(folder).predict(examples)
    return sum(one.label == example.label for one, example in zip(predictions, examples, strict=True)) / len(examples)


@pytest.mark.parametrize(
    ("task", "engine", "labels"), [("stance", "linear", STANCE_LABELS), ("claims", "transformer", CLAIM_LABELS)]
)
def test_each_folder_is_whole_and_predicts_as_its_scores_say(
    trained: Trained, task: str, engine: str, labels: tuple[str, ...]
) -> None:
    found, examples = manifest(trained.models / task), dev(trained)[task]
    assert (found["task"], found["engine"], found["labels"]) == (task, engine, list(labels))
    assert trained.figures["train_sentences"][f"{task}_dev_examples"] == len(examples)
    # Weights are saved in half precision: a sentence on the border may fall to the other side.
    border = 0.02 if engine == "transformer" else 1e-4
    assert found["metrics"]["dev_accuracy"] == pytest.approx(accuracy(trained.models / task, examples), abs=border)


# --- one encoder


def encoder(folder: Path) -> str:
    """Return the digest of the encoder that a model folder names."""
    found: str = json.loads((folder / "engine.json").read_text(encoding="utf-8"))["encoder"]
    return found


def transformers(folder: Path, **others: Any) -> dict[str, dict[str, Any]]:
    """Return settings that fine-tune a tiny encoder for both tasks in a moment."""
    own = {"encoder": settings(folder), "max_tokens": 48, "epochs": 1, **others}
    return {task: {"engine": "transformer", "transformer": own} for task in ("stance", "claims")}


def test_both_folders_have_one_encoder_and_each_answers_alone_as_its_scores_say(
    trained: Trained, tiny_encoders: dict[str, Path], tmp_path: Path
) -> None:
    trained.rerun("train_sentences", tmp_path, transformers(tiny_encoders["bert"], learning_rate=0.003))
    folders = {task: tmp_path / "models" / task for task in ("stance", "claims")}
    assert encoder(folders["stance"]) == encoder(folders["claims"])
    for task, examples in dev(trained).items():
        score = manifest(folders[task])["metrics"]["dev_accuracy"]
        assert score == pytest.approx(accuracy(folders[task], examples), abs=0.02)


def test_with_an_encoder_of_its_own_each_task_learns_apart(
    trained: Trained, tiny_encoders: dict[str, Path], tmp_path: Path
) -> None:
    trained.rerun("train_sentences", tmp_path, {"one_encoder": False, **transformers(tiny_encoders["bert"])})
    assert encoder(tmp_path / "models" / "stance") != encoder(tmp_path / "models" / "claims")


def test_settings_in_which_the_tasks_of_one_encoder_differ_are_refused_by_name(trained: Trained) -> None:
    own = {"engine": "transformer", "transformer": {"epochs": 3, "encoder": {"revision": "abc"}}}
    given = {"stance": {**own, "seed": 14}, "claims": {"engine": "transformer", "transformer": {"epochs": 2}}}
    with pytest.raises(ConfigError) as refused:
        trained.config("train_sentences", **given)
    message = str(refused.value)
    assert "train_sentences: stance.seed is 14, claims.seed is 13; " in message
    assert "stance.transformer.encoder.revision is 'abc', claims.transformer.encoder.revision is '" in message
    assert "stance.transformer.epochs is 3, claims.transformer.epochs is 2; one encoder is trained in one" in message
    assert "max_tokens" not in message
    assert len(trained.config("train_sentences", one_encoder=False, **given).groups) == 2
    taught = {"engine": "transformer", "transformer": {"teacher": {"epochs": 2}}}
    with pytest.raises(ConfigError, match=r"stance\.transformer\.teacher is given, claims\.\S+ is None"):
        trained.config("train_sentences", stance=taught)
    apart = trained.config("train_sentences", stance=given["stance"], claims=LINEAR)
    assert [list(group) for group in apart.groups] == [["stance"], ["claims"]]


# --- stance


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
    figures = trained.rerun(
        "train_sentences", tmp_path, {"stance": {"target_article_precision": 0.6}, "claims": LINEAR}
    )
    strict = stance.Aggregation.load(tmp_path / "models" / "stance" / stance.ASSET)
    assert strict.min_score == figures["stance_article_min_score"] > 0
    lenient = stance.Aggregation.load(trained.models / "stance" / stance.ASSET)
    assert lenient.min_score == 0
    np.testing.assert_array_equal(strict.weights, lenient.weights)


def test_a_broken_targets_file_stops_the_stage_before_it_trains(trained: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "targets.yaml"
    broken.write_text("NATO: Nato\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"targets\.yaml.*'NATO'.*'Nato'"):
        trained.run("train_sentences", targets=broken, models=tmp_path / "models", compared=tmp_path / "compared")
    assert not (tmp_path / "models").exists()


def test_data_sets_for_stance_reach_training(trained: Trained, tmp_path: Path) -> None:
    def records(targets: tuple[str, ...]) -> list[dict[str, str]]:
        return [
            {"text": f"They {word} {target}.", "target": target, "label": label}
            for target in targets
            for word, label in (("zorblaxed", "1"), ("quimblied", "2"), ("passed", "3"))
        ]

    labels = {"1": "favor", "2": "against", "3": "neutral"}
    train = write(tmp_path / "train.jsonl", records(("the port", "Nato", "the mayor", "Anna", "the union", "voters")))
    stop = write(tmp_path / "dev.jsonl", records(("the bishop",)))
    collect(tmp_path / "datasets", source(train, "stance", labels), source(stop, "stance", labels, split="dev"))
    paths = {name: tmp_path / name for name in ("datasets", "models", "compared")}
    figures = trained.run("train_sentences", {"claims": LINEAR}, **paths)
    before = trained.figures["train_sentences"]
    assert figures["stance_train_examples"] == before["stance_train_examples"] + 18
    assert figures["stance_dev_examples"] == before["stance_dev_examples"] + 3
    assert manifest(tmp_path / "models" / "stance")["data"]["datasets"] == tree_digest(tmp_path / "datasets")
    new = [stance.example(f"They {word} the crew.", 15, 23, "the crew") for word in ("zorblaxed", "quimblied")]
    assert [one.label for one in store.load(tmp_path / "models" / "stance").predict(new)] == ["favor", "against"]


def test_what_a_teacher_says_to_names_in_sentences_of_claims_is_learned_for_stance(
    trained: Trained, tiny_encoders: dict[str, Path], tmp_path: Path
) -> None:
    tiny = {"encoder": settings(tiny_encoders["bert"]), "max_tokens": 48, "epochs": 1}
    taught = {"engine": "transformer", "transformer": {**tiny, "teacher": tiny}}

    def learned(folder: Path, text: str) -> str:
        claimed = write(folder / "claims.jsonl", [{"text": text, "label": "none"}] * 4)
        collect(folder / "datasets", source(claimed, "claims", ["none"]))
        paths = {name: folder / name for name in ("datasets", "models", "compared")}
        trained.run("train_sentences", {"stance": taught, "claims": LINEAR}, **paths)
        return encoder(folder / "models" / "stance")

    nameless = learned(tmp_path / "a", "the zorblax met a cole.")
    assert learned(tmp_path / "b", "the zorblax met them.") == nameless
    assert learned(tmp_path / "c", "the zorblax met Ann Cole.") != nameless


# --- claims


def test_it_learns_more_than_the_most_frequent_label(trained: Trained) -> None:
    labels = Counter(example.label for example in dev(trained)["claims"])
    assert trained.figures["train_sentences"]["claims_dev_accuracy"] > labels.most_common(1)[0][1] / labels.total()


def test_the_configured_encoder_is_the_one_that_is_trained(trained: Trained, tiny_encoders: dict[str, Path]) -> None:
    assert manifest(trained.models / "claims")["config"]["transformer"]["encoder"]["name"].endswith("MiniLM-L6-v2")
    altered = {**settings(tiny_encoders["bert"]), "sha256": "0" * 64}
    with pytest.raises(ModelError, match="sha256"):
        trained.run(
            "train_sentences", {"claims": {"transformer": {"encoder": altered}}}, models=trained.root / "unused"
        )
    assert not (trained.root / "unused").exists()


def test_data_sets_for_claims_reach_training_also_where_their_label_is_one_of_several(
    trained: Trained, light_models: Path, tmp_path: Path
) -> None:
    texts = [f"The zorblax {verb} $14 million {when}." for verb in ("cost", "paid", "lost") for when in ("now", "late")]
    labels = {"Yes": "checkworthy", "No": ["factual", "none"]}
    train = write(tmp_path / "train.tsv", [{"text": text, "label": "No"} for text in texts])
    stop = write(tmp_path / "dev.tsv", [{"text": "The zorblax had $9 million.", "label": "No"}])
    collect(
        tmp_path / "datasets",
        source(train, "claims", labels),
        source(stop, "claims", {"No": "factual"}, split="dev"),
    )
    paths = {name: tmp_path / name for name in ("datasets", "models", "compared")}
    figures = trained.run("train_sentences", {"claims": LINEAR}, **paths)
    plain = trained.figures["train_sentences"]
    assert figures["claims_train_examples"] == plain["claims_train_examples"] + len(texts)
    assert figures["claims_dev_examples"] == plain["claims_dev_examples"] + 1
    assert manifest(tmp_path / "models" / "claims")["data"]["datasets"] == tree_digest(tmp_path / "datasets")
    new = [claims.example("The zorblax kept $14 million.")]
    folders = (light_models / "claims", tmp_path / "models" / "claims")
    before, after = (store.load(folder).predict(new)[0] for folder in folders)
    assert after.scores["checkworthy"] < before.scores["checkworthy"] / 2
