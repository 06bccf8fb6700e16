"""Model folders: weights, every file that inference needs, and a sealed manifest that is verified at load."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.classifiers.calibration import predictions
from pipeline.classifiers.contract import Classifier, Example, Logits, Prediction
from pipeline.classifiers.runtime import REFERENCE, Runtime
from pipeline.errors import ConfigError, ModelError
from pipeline.records import file_digest

Engine = Literal["linear", "embedding", "ensemble", "transformer"]
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
"""The manifest's own digest, as ``sha256sum`` writes and checks it."""
CARD = "README.md"
"""The one file that a user may add to a model folder: its model card, which no digest covers."""
_RESTORE = "restore it with 'dvc checkout' or train again with 'make repro', or copy the folder anew"
_VERSIONED = ("scikit-learn", "torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model is, what made it, and the digest of every file beside it."""

    task: str
    engine: Engine
    labels: tuple[str, ...]
    temperature: float
    min_score: float
    """Calibrated probability below which a prediction abstains."""
    config: dict[str, Any]
    data: dict[str, str]
    metrics: dict[str, float]
    versions: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Model:
    """A classifier with its calibration; ``digest`` is the sha256 of its manifest."""

    classifier: Classifier
    manifest: Manifest
    folder: Path
    digest: str
    min_score: float

    def predict(self, examples: Sequence[Example]) -> list[Prediction]:
        """Return one prediction for each example, in order."""
        return self.calibrated(self.classifier.logits(examples))

    def calibrated(self, logits: Logits) -> list[Prediction]:
        """Return the predictions that the classifier's logits mean, one for each row."""
        return predictions(
            logits, self.manifest.labels, temperature=self.manifest.temperature, min_score=self.min_score
        )


def save(
    folder: Path,
    classifier: Classifier,
    *,
    task: str,
    engine: Engine,
    temperature: float,
    min_score: float,
    config: Mapping[str, Any],
    data: Mapping[str, str],
    metrics: Mapping[str, float],
    assets: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Write a classifier, its assets and a manifest into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    classifier.save(folder)
    for name, content in (assets or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SEAL))
    manifest = Manifest(
        task=task,
        engine=engine,
        labels=classifier.labels,
        temperature=temperature,
        min_score=min_score,
        config=dict(config),
        data=dict(data),
        metrics={name: round(value, 4) for name, value in metrics.items()},
        versions={name: importlib.metadata.version(name).partition("+")[0] for name in _VERSIONED},
        files={path.relative_to(folder).as_posix(): file_digest(path) for path in files},
    )
    content = TypeAdapter(Manifest).dump_json(manifest, indent=2)
    (folder / MANIFEST).write_bytes(content + b"\n")
    for path in files:  # safetensors writes for its user alone, and models are there for others too
        path.chmod((folder / MANIFEST).stat().st_mode)
    (folder / SEAL).write_text(f"{file_digest(folder / MANIFEST)}  {MANIFEST}\n", encoding="utf-8")
    return manifest


def load(folder: Path, task: str | None = None, *, runtime: str = REFERENCE, threads: int | None = None) -> Model:
    """Read and verify a model folder, of any task or of the given one; a runtime runs its transformer, if it is one.

    Raises:
        ModelError: the folder or its manifest is missing, a file is missing, altered or unexpected, the model is
            for another task.
    """
    manifest, digest = verify(folder)
    if task is not None and manifest.task != task:
        raise ModelError(f"{folder} holds a model for {manifest.task}, not for {task}; name the folder of that task")
    if manifest.engine == "linear":
        from pipeline.classifiers import linear

        classifier: Classifier = linear.load(folder, manifest.labels)
    elif manifest.engine == "embedding":
        from pipeline.classifiers import embedding

        classifier = embedding.load(folder, manifest.labels)
    elif manifest.engine == "ensemble":
        from pipeline.classifiers import ensemble

        classifier = ensemble.load(folder, manifest.labels)
    else:
        from pipeline.classifiers import transformer

        classifier = transformer.load(folder, manifest.labels, Runtime(runtime, digest, threads))
    return Model(classifier, manifest, folder, digest, manifest.min_score)


def verify(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest of a model folder and its digest, after checking every file against it.

    Raises:
        ModelError: as for ``load``.
    """
    manifest, digest = read_manifest(folder)
    for name in manifest.files:
        verified(folder, manifest, name)
    known = {*manifest.files, MANIFEST, SEAL, CARD}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        if file.relative_to(folder).as_posix() not in known:
            raise ModelError(f"{file} is no file of this model; remove it, or {_RESTORE}")
    return manifest, digest


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest of a model folder and its digest; of the other files it says nothing.

    Raises:
        ModelError: the manifest or its seal is missing or altered, or it is of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(
            f"no model in {folder} ({MANIFEST} is missing); train with 'make repro' or name another folder"
        )
    content = readable(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    seal = folder / SEAL
    if not seal.is_file():
        raise ModelError(f"{seal} is missing; {_RESTORE}")
    if (sealed := readable(seal).read_text(encoding="utf-8", errors="replace").partition(" ")[0]) != digest:
        raise ModelError(f"{path} was altered: sha256 {digest}, not {sealed[:64]}; {_RESTORE}")
    try:
        return TypeAdapter(Manifest).validate_json(content), digest
    except ValidationError as error:
        raise ModelError(
            f"{path} is no manifest of this version: {error.errors()[0]['msg']}; train again with 'make repro'"
        ) from None


def verified(folder: Path, manifest: Manifest, name: str) -> Path:
    """Return the path of one file of a model folder, after checking it against the manifest.

    Raises:
        ModelError: the file is missing or altered.
    """
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing; {_RESTORE}")
    if (found := file_digest(readable(path))) != manifest.files[name]:
        raise ModelError(f"{path} was altered: sha256 {found}, not {manifest.files[name]}; {_RESTORE}")
    return path


@contextmanager
def reading_settings_of(folder: Path) -> Iterator[None]:
    """Tell of a setting or file of a model folder that this version refuses, as of a model of another version.

    Raises:
        ModelError: what is read within raises ConfigError, or its manifest lacks a setting.
    """
    try:
        yield
    except (ConfigError, KeyError) as error:
        told = str(error) if isinstance(error, ConfigError) else f"{MANIFEST} has no config.{error.args[0]}"
        first, _, more = told.partition("\n")
        others = f", and {len(more.splitlines())} more" if more else ""
        raise ModelError(
            f"{folder} holds a model of another version ({first}{others}); train again with 'make repro'"
        ) from None


def readable(path: Path) -> Path:
    """Return the path of a file that may be read.

    Raises:
        ModelError: it may not.
    """
    if not os.access(path, os.R_OK):
        raise ModelError(f"no permission to read {path}; let its owner run 'chmod a+r', or copy the folder anew")
    return path
