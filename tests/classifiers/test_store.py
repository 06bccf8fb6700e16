"""Model folders come back as they were saved, and a damaged one is refused with the file that is damaged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.classifiers import linear, store
from pipeline.classifiers.contract import Example
from pipeline.classifiers.linear import LinearClassifier
from pipeline.classifiers.store import MANIFEST, SEAL, Manifest
from pipeline.errors import ModelError
from pipeline.records import file_digest

FILES = ("linear.json", "linear.safetensors", "targets.yaml", "lexicon/en.yaml")


@dataclass(frozen=True)
class PickledClassifier:
    """Saves something else under the linear engine's name."""

    labels: tuple[str, ...] = ("a", "b")

    def save(self, folder: Path) -> None:
        (folder / linear.WEIGHTS).write_bytes(b"\x80\x04N.")
        (folder / linear.SETTINGS).write_text("{}", encoding="utf-8")


def save(folder: Path, classifier: LinearClassifier, *, temperature: float = 0.5) -> Manifest:
    return store.save(
        folder,
        classifier,
        task="topic",
        engine="linear",
        temperature=temperature,
        min_score=0.4,
        config={"seed": 13},
        data={"split": "0" * 64},
        metrics={"dev_macro_f1": 0.123456},
        assets={"targets.yaml": b"NATO: []\n", "lexicon/en.yaml": b"language: en\n"},
    )


def seal(folder: Path) -> None:
    """Make the manifest pass for unaltered."""
    (folder / SEAL).write_text(f"{file_digest(folder / MANIFEST)}  {MANIFEST}\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, classifier: LinearClassifier) -> Path:
    """A model folder with two assets."""
    save(tmp_path / "topic", classifier)
    return tmp_path / "topic"


def test_a_saved_model_predicts_as_its_classifier_did(
    folder: Path, classifier: LinearClassifier, examples: list[Example]
) -> None:
    model = store.load(folder)
    assert [prediction.label for prediction in model.predict(examples)] == [example.label for example in examples]
    assert (model.classifier.logits(examples) == classifier.logits(examples)).all()


def test_a_loaded_model_applies_its_own_temperature_and_threshold(tmp_path: Path, classifier: LinearClassifier) -> None:
    save(tmp_path / "cold", classifier, temperature=0.2)
    save(tmp_path / "warm", classifier, temperature=10)
    cold, warm = (store.load(tmp_path / name).predict([Example("The striker scored.")])[0] for name in ("cold", "warm"))
    assert cold.label == warm.label
    assert not cold.abstained
    assert warm.abstained


def test_the_manifest_comes_back_as_it_was_saved(tmp_path: Path, classifier: LinearClassifier) -> None:
    saved = save(tmp_path, classifier)
    loaded = store.load(tmp_path)
    assert loaded.manifest == saved
    assert saved.labels == classifier.labels
    assert saved.metrics == {"dev_macro_f1": 0.1235}
    assert saved.files == {name: file_digest(tmp_path / name) for name in FILES}
    assert loaded.digest == file_digest(tmp_path / MANIFEST)


def test_assets_stand_beside_the_weights(folder: Path) -> None:
    assert (folder / "targets.yaml").read_bytes() == b"NATO: []\n"
    assert (folder / "lexicon" / "en.yaml").read_bytes() == b"language: en\n"


def test_saving_the_same_model_twice_gives_the_same_folder(tmp_path: Path, classifier: LinearClassifier) -> None:
    first, second = save(tmp_path / "a", classifier), save(tmp_path / "b", classifier)
    assert first == second


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_noticed_and_its_file_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} was altered"):
        store.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        store.load(folder)


@pytest.mark.parametrize("name", ["notes.txt", "lexicon/added.yaml"])
def test_a_file_that_the_manifest_does_not_know_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("language: en\n", encoding="utf-8")
    with pytest.raises(ModelError, match=rf"{name} is no file of this model"):
        store.load(folder)


def test_a_model_card_may_be_added_and_nothing_else_changes(folder: Path) -> None:
    before = store.load(folder)
    (folder / "README.md").write_text("# A topic model", encoding="utf-8")
    assert store.load(folder).digest == before.digest
    (folder / "lexicon" / "README.md").write_text("# Not at its place", encoding="utf-8")
    with pytest.raises(ModelError, match=r"lexicon/README\.md is no file of this model"):
        store.load(folder)


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SEAL])
def test_a_file_that_may_not_be_read_is_named(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder / name)  # the superuser may read all
    with pytest.raises(ModelError, match=rf"no permission to read .*{name}; let its owner run 'chmod a\+r'"):
        store.load(folder)


@dataclass(frozen=True)
class ClosedClassifier:
    """Writes for its user alone, as safetensors does."""

    labels: tuple[str, ...] = ("a", "b")

    def save(self, folder: Path) -> None:
        (folder / linear.WEIGHTS).touch(0o600)


def test_whoever_may_read_the_manifest_may_read_the_weights(tmp_path: Path) -> None:
    save(tmp_path, ClosedClassifier())  # type: ignore[arg-type]
    assert len({path.stat().st_mode for path in tmp_path.rglob("*") if path.is_file()}) == 1


def test_a_missing_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model in .*nowhere .*make repro"):
        store.load(tmp_path / "nowhere")


def test_a_folder_without_a_manifest_is_named(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(ModelError, match=r"no model in .*topic \(manifest\.json is missing\)"):
        store.load(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"engine": "linear"', '"engine": "magic"'),
        ('"temperature": 0.5', '"temperature": "hot"'),
        ('"task"', '"job"'),
        ("}", ""),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_named(folder: Path, old: str, new: str) -> None:
    content = (folder / MANIFEST).read_text(encoding="utf-8")
    assert old in content
    (folder / MANIFEST).write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest\.json was altered"):
        store.load(folder)
    seal(folder)
    with pytest.raises(ModelError, match=r"manifest\.json is no manifest of this version"):
        store.load(folder)


def test_the_seal_is_one_that_sha256sum_checks(folder: Path) -> None:
    assert (folder / SEAL).read_text(encoding="utf-8") == f"{file_digest(folder / MANIFEST)}  {MANIFEST}\n"


def test_a_change_of_the_manifest_changes_the_models_digest(folder: Path) -> None:
    before = store.load(folder).digest
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"min_score": 0.9}), encoding="utf-8")
    seal(folder)
    assert store.load(folder).digest != before


def test_a_pickle_in_place_of_weights_is_refused_though_its_digest_is_right(tmp_path: Path) -> None:
    store.save(
        tmp_path,
        PickledClassifier(),  # type: ignore[arg-type]
        task="topic",
        engine="linear",
        temperature=1,
        min_score=0,
        config={},
        data={},
        metrics={},
    )
    with pytest.raises(ModelError, match=r"linear\.safetensors do not belong together"):
        store.load(tmp_path)
