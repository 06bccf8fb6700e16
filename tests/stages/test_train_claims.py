"""The claim model's folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline import claims
from pipeline.article import CLAIM_LABELS
from pipeline.classifiers import store
from pipeline.corpus import read_labelled, read_split
from pipeline.errors import ModelError
from pipeline.records import tree_digest
from tests.labelled import collect, source, write
from tests.trained import Trained, manifest


def test_the_folder_is_whole_and_predicts_as_its_scores_say(trained: Trained) -> None:
    found = manifest(trained.models / "claims")
    assert (found["task"], found["engine"], found["labels"]) == ("claims", "transformer", list(CLAIM_LABELS))
    dev = read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev")
    examples = [example for article in dev for example in claims.examples(article)]
    predictions = store.load(trained.models / "claims").predict(examples)
    hits = [one.label == example.label for one, example in zip(predictions, examples, strict=True)]
    assert trained.figures["train_claims"]["dev_examples"] == len(examples)
    # Weights are saved in half precision: a sentence on the border may fall to the other side.
    assert found["metrics"]["dev_accuracy"] == pytest.approx(sum(hits) / len(hits), abs=0.02)


def test_it_learns_more_than_the_most_frequent_label(trained: Trained) -> None:
    dev = read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev")
    labels = Counter(example.label for article in dev for example in claims.examples(article))
    assert trained.figures["train_claims"]["dev_accuracy"] > labels.most_common(1)[0][1] / labels.total()


def test_the_configured_encoder_is_the_one_that_is_trained(trained: Trained, tiny_encoders: dict[str, Path]) -> None:
    from tests.encoders import settings

    assert manifest(trained.models / "claims")["config"]["transformer"]["encoder"]["name"].endswith("MiniLM-L6-v2")
    altered = {**settings(tiny_encoders["bert"]), "sha256": "0" * 64}
    with pytest.raises(ModelError, match="sha256"):
        trained.run("train_claims", {"transformer": {"encoder": altered}}, model=trained.root / "unused")
    assert not (trained.root / "unused").exists()


def test_data_sets_for_claims_reach_training_also_where_their_label_is_one_of_several(
    trained: Trained, light_models: Path, tmp_path: Path
) -> None:
    texts = [f"The zorblax {verb} $14 million {when}." for verb in ("cost", "paid", "lost") for when in ("now", "late")]
    labels = {"Yes": "checkworthy", "No": ["factual", "none"]}
    train = write(tmp_path / "train.tsv", [{"text": text, "label": "No"} for text in texts])
    dev = write(tmp_path / "dev.tsv", [{"text": "The zorblax had $9 million.", "label": "No"}])
    collect(
        tmp_path / "datasets",
        source(train, "claims", labels),
        source(dev, "claims", {"No": "factual"}, split="dev"),
    )
    paths = {name: tmp_path / name for name in ("datasets", "model", "compared")}
    figures = trained.run("train_claims", {"engine": "linear", "linear": {"hash_bits": 12}}, **paths)
    assert figures["train_examples"] == trained.figures["train_claims"]["train_examples"] + len(texts)
    assert figures["dev_examples"] == trained.figures["train_claims"]["dev_examples"] + 1
    assert manifest(tmp_path / "model")["data"]["datasets"] == tree_digest(tmp_path / "datasets")
    new = [claims.example("The zorblax kept $14 million.")]
    before, after = (store.load(folder).predict(new)[0] for folder in (light_models / "claims", tmp_path / "model"))
    assert after.scores["checkworthy"] < before.scores["checkworthy"] / 2
