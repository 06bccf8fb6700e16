"""One small training run for the processes of a session: every stage with configs/smoke.yaml, in a temp folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.dvc_deps import ROOT

STAGES = (
    "collect", "collect_datasets", "clean", "split", "train_boilerplate", "strip_boilerplate",
    "train_topic", "train_sentences", "evaluate", "annotate",
)  # fmt: skip
LINEAR = {"engine": "linear", "linear": {"hash_bits": 12}}
"""Settings with which claims train in a moment."""
_OUTPUTS = ("output", "model", "compared", "plots")


@dataclass(frozen=True)
class Trained:
    """What the stages left below ``root``, laid out as in the project, and the figures that each returned."""

    root: Path
    figures: dict[str, dict[str, float]]

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def paths(self, stage: str) -> dict[str, Path]:
        """Return the paths that a stage takes, by argument."""
        data, models, configs = self.data, self.models, self.root / "configs"
        collected, datasets, cleaned, split, stripped = (
            data / name for name in ("collect", "collect_datasets", "clean", "split", "strip_boilerplate")
        )
        corpus = {"cleaned": cleaned, "collected": collected}
        task = stage.removeprefix("train_")
        labelled = {"stripped": stripped, "split": split, "datasets": datasets}
        training = {**labelled, "model": models / task, "compared": data / "compared" / task}
        return {
            "collect": {
                "articles": self.root / "seeds" / "articles",
                "topics": configs / "topics.yaml",
                "output": collected,
            },
            "collect_datasets": {"topics": configs / "topics.yaml", "output": datasets},
            "clean": {"collected": collected, "output": cleaned},
            "split": {**corpus, "output": split},
            "train_boilerplate": {
                **corpus,
                "split": split,
                "lexicon": configs / "boilerplate",
                "fragments": self.root / "seeds" / "fragments",
                "model": models / task,
            },
            "strip_boilerplate": {**corpus, "model": models / "boilerplate", "output": stripped},
            "train_topic": {**training, "topics": configs / "topics.yaml"},
            "train_sentences": {
                **labelled,
                "targets": configs / "targets.yaml",
                "models": models,
                "compared": data / "compared",
            },
            "evaluate": {
                **corpus,
                **labelled,
                "models": models,
                "compared": data / "compared",
                "configuration": self.settings,
                "floors": configs / "floors.yaml",
                "accepted": self.root / "seeds" / "accepted",
                "output": data / "evaluate",
                "plots": data / "evaluate" / "plots",
            },
            "annotate": {"collected": collected, "split": split, "models": models, "output": data / "annotate"},
        }[stage]

    @property
    def settings(self) -> Path:
        return self.root / "configs" / "smoke.yaml"

    def config(self, stage: str, **changes: Any) -> Any:
        """Return a stage's section of configs/smoke.yaml, with some settings changed, those of its tasks one by one."""
        from pipeline import config, stage_runner

        sections = config.load(self.settings, stage_runner.names())
        changed = dict(sections.get(stage) or {})
        for name, value in changes.items():
            within = stage == "train_sentences" and isinstance(value, dict)
            changed[name] = {**changed[name], **value} if within else value
        return config.section({stage: changed}, stage, stage_runner.load(stage).config, source=self.settings)

    def run(self, stage: str, settings: dict[str, Any] | None = None, **paths: Path) -> dict[str, float]:
        """Run a stage on what this run left, with some settings and paths replaced."""
        from pipeline import stage_runner

        return stage_runner.load(stage).run(self.config(stage, **(settings or {})), **{**self.paths(stage), **paths})

    def rerun(self, stage: str, root: Path, settings: dict[str, Any] | None = None) -> dict[str, float]:
        """Run a stage on what this run left, and let it write below another root."""
        outputs = {
            name: root / path.relative_to(self.root)
            for name, path in self.paths(stage).items()
            if name in _OUTPUTS or (stage, name) == ("train_sentences", "models")
        }
        return self.run(stage, settings, **outputs)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A finished run of every stage; tests only read it."""
    import torch

    torch.set_num_threads(1)  # beside other work on few cores, more threads are several times slower
    root = made_once(tmp_path_factory, "trained", _trained)
    return Trained(root, json.loads(_figures(root).read_text(encoding="utf-8")))


def _trained(root: Path) -> None:
    _figures(root).write_text(json.dumps(train(root).figures), encoding="utf-8")


def _figures(root: Path) -> Path:
    return root.with_name("figures.json")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first of the processes of a test run to ask for it has filled."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    root = (factory.getbasetemp() if alone else factory.getbasetemp().parent) / name
    made = root.with_name(f"{name}.made")
    with FileLock(f"{root}.lock"):
        if not made.exists():
            shutil.rmtree(root, ignore_errors=True)  # of a process that failed
            root.mkdir()
            make(root)
            made.touch()
    return root


def train(root: Path) -> Trained:
    """Run every stage below ``root``, on copies of the seeds and configurations as they stand now."""
    for name in ("seeds", "configs"):
        shutil.copytree(ROOT / name, root / name)
    found = Trained(root, {})
    for stage in STAGES:
        found.figures[stage] = found.run(stage)
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its name there."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder by its name there."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files(folder).items()}


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a model folder, after checking its digests against the files."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    own = {name: digest for name, digest in digests(folder).items() if not name.startswith("manifest.")}
    assert own == found["files"]
    return found


@pytest.fixture(scope="session")
def light_models(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four models with linear engines and English rules alone: they load in a moment; tests damage only copies."""

    def make(root: Path) -> None:
        shutil.copytree(trained.models / "topic", root / "models" / "topic")
        (root / "lexicon").mkdir()
        shutil.copy(trained.root / "configs" / "boilerplate" / "en.yaml", root / "lexicon")
        trained.run("train_boilerplate", lexicon=root / "lexicon", model=root / "models" / "boilerplate")
        trained.rerun("train_sentences", root, {"claims": LINEAR})

    return made_once(tmp_path_factory, "light", make) / "models"
