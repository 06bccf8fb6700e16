"""The ensemble of n-grams and an encoder's vectors: what each alone gets wrong, and the folder that carries both."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.classifiers import embedding, ensemble, linear
from pipeline.classifiers.contract import Example
from pipeline.classifiers.ensemble import Config, EnsembleClassifier
from tests.encoders import settings as encoder_settings

LABELS = ("sport", "weather", "unseen")
TEXTS = {"sport": "the team won the match by a late goal", "weather": "the storm closed the harbour on monday"}
TRAIN = [Example(f"{text} {word}", label=label) for label, text in TEXTS.items() for word in ("early", "late", "dull")]


def fit(folder: Path, weight: float) -> EnsembleClassifier:
    members = (
        linear.Config(hash_bits=8),
        embedding.Config.model_validate({"encoder": encoder_settings(folder)}),
    )
    return ensemble.fit(TRAIN, TRAIN, LABELS, Config(embedding_weight=weight), members, seed=3)


@pytest.fixture(scope="module")
def fitted(tiny_encoders: dict[str, Path]) -> EnsembleClassifier:
    return fit(tiny_encoders["bert"], 0.5)


def test_it_tells_the_labels_apart(fitted: EnsembleClassifier) -> None:
    found = fitted.logits(TRAIN)
    assert [LABELS[index] for index in found.argmax(axis=1)] == [example.label for example in TRAIN]
    assert fitted.logits([]).shape == (0, len(LABELS))


@pytest.mark.parametrize(("weight", "name"), [(0.0, ensemble.LINEAR), (1.0, ensemble.EMBEDDING)])
def test_with_all_the_weight_a_member_decides_alone(tiny_encoders: dict[str, Path], weight: float, name: str) -> None:
    found = fit(tiny_encoders["bert"], weight)
    member = found.members[name]
    scaled = member.classifier.logits(TRAIN) / member.temperature
    expected = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    seen = expected > -25
    np.testing.assert_allclose(found.logits(TRAIN)[seen], expected[seen], atol=1e-3)


def test_each_member_s_evidence_counts(fitted: EnsembleClassifier) -> None:
    one, other = (fitted.logits([Example(f"{word} goal")])[0] for word in ("late", "monday"))
    assert one[0] - one[1] > other[0] - other[1]


def test_a_saved_ensemble_answers_the_same_from_another_folder(fitted: EnsembleClassifier, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    shutil.move(tmp_path / "saved", tmp_path / "carried")
    loaded = ensemble.load(tmp_path / "carried", LABELS)
    examples = [*TRAIN, Example("the police and the court " * 60)]
    np.testing.assert_allclose(loaded.logits(examples), fitted.logits(examples), atol=0.02)
    assert loaded.unread(examples) == 0
