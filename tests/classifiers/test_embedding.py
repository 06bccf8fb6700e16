"""The embedding engine on tiny encoders of three architectures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.classifiers import embedding
from pipeline.classifiers.contract import Example
from pipeline.classifiers.embedding import Config, EmbeddingClassifier
from pipeline.errors import ModelError
from tests.encoders import MAKERS
from tests.encoders import settings as encoder_settings

LABELS = ("sport", "weather", "unseen")
TEXTS = {"sport": "the team won the match by a late goal", "weather": "the storm closed the harbour on monday"}
TRAIN = [Example(f"{text} {word}", label=label) for label, text in TEXTS.items() for word in ("early", "late", "dull")]


def config(folder: Path) -> Config:
    return Config.model_validate({"encoder": encoder_settings(folder)})


@pytest.fixture(scope="module", params=sorted(MAKERS))
def fitted(request: pytest.FixtureRequest, tiny_encoders: dict[str, Path]) -> EmbeddingClassifier:
    return embedding.fit(TRAIN, LABELS, config(tiny_encoders[request.param]), seed=3)


def test_it_tells_the_labels_apart_and_never_guesses_one_without_examples(fitted: EmbeddingClassifier) -> None:
    found = fitted.logits(TRAIN)
    assert [LABELS[index] for index in found.argmax(axis=1)] == [example.label for example in TRAIN]
    assert (found[:, 2] == -30).all()


@pytest.mark.parametrize("labels", [("sport", "weather"), ("weather", "sport", "other"), ("other", "weather", "sport")])
def test_columns_follow_the_labels_as_given(tiny_encoders: dict[str, Path], labels: tuple[str, ...]) -> None:
    found = embedding.fit(TRAIN, labels, config(tiny_encoders["bert"]), seed=3).logits(TRAIN)
    assert [labels[index] for index in found.argmax(axis=1)] == [example.label for example in TRAIN]


def test_more_than_two_labels_are_learned(tiny_encoders: dict[str, Path]) -> None:
    train = [*TRAIN, *(Example(f"the bank rate rose {word} percent", label="unseen") for word in ("a", "million"))]
    found = embedding.fit(train, LABELS, config(tiny_encoders["bert"]), seed=3).logits(train)
    assert [LABELS[index] for index in found.argmax(axis=1)] == [example.label for example in train]


def test_a_saved_classifier_answers_the_same_from_another_folder(fitted: EmbeddingClassifier, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    shutil.move(tmp_path / "saved", tmp_path / "carried")
    loaded = embedding.load(tmp_path / "carried", LABELS)
    examples = [*TRAIN, Example("the police and the court " * 60)]
    np.testing.assert_allclose(loaded.logits(examples), fitted.logits(examples), atol=0.02)
    assert (loaded.logits(examples).argmax(axis=1) == fitted.logits(examples).argmax(axis=1)).all()


def test_the_end_of_a_long_text_counts(fitted: EmbeddingClassifier) -> None:
    filler = "the council met on monday " * 40
    one, other = fitted.logits([Example(f"{filler} goal goal goal"), Example(f"{filler} storm storm storm")])
    assert np.abs(one[:2] - other[:2]).max() > 1e-3
    assert fitted.unread([Example(filler)]) == 0


def test_the_batch_changes_no_logit(fitted: EmbeddingClassifier) -> None:
    examples = [*TRAIN, Example("the " * 300), Example("storm")] * 8
    together = fitted.logits(examples)
    np.testing.assert_allclose(together[:8], together[8:16], atol=1e-4)
    np.testing.assert_allclose(fitted.logits(examples[:1]), together[:1], atol=1e-4)
    assert fitted.logits([]).shape == (0, 3)


def test_a_word_that_every_text_has_tells_nothing(fitted: EmbeddingClassifier) -> None:
    plain, padded = fitted.logits([Example("the late goal"), Example("the late the goal the")])
    np.testing.assert_allclose(plain, padded, atol=1e-4)


def test_a_folder_of_another_version_is_named(fitted: EmbeddingClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    (tmp_path / embedding.WEIGHTS).rename(tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="another version wrote it"):
        embedding.load(tmp_path, LABELS)


def test_a_text_without_any_word_has_an_answer(fitted: EmbeddingClassifier) -> None:
    assert np.isfinite(fitted.logits([Example(""), Example("   ")])).all()
