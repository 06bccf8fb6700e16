"""The usual way, to which annotation is compared: it does the same work on the encoders of the same models."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import glued
from pipeline.article import Article
from pipeline.targets import ASSET
from tests import tiny_models

TEXT = "The mayor praised the ferry. The council said no! NATO closed the bridge, and NATO paid."


@pytest.fixture
def models(tiny_encoders: dict[str, Path], tmp_path: Path, project: Path) -> Path:
    """Folders of the three tasks, topic's without a transformer."""
    tiny_models.save(tmp_path / "claims", tiny_encoders["bert"])
    (tmp_path / "topic").mkdir()
    shutil.copy(tmp_path / "claims" / "manifest.json", tmp_path / "topic")
    shutil.copytree(tmp_path / "claims", tmp_path / "stance")
    shutil.copy(project / "configs" / "targets.yaml", tmp_path / "stance" / ASSET)
    return tmp_path


@pytest.mark.parametrize("batch_size", [None, 32])
def test_every_sentence_is_asked_for_claims_and_those_that_name_a_target_for_stance(
    models: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int | None
) -> None:
    asked: dict[str, list[Any]] = {}
    run = glued.Glued._run

    def noted(self: glued.Glued, task: str, inputs: Any, max_tokens: int) -> None:
        asked[task] = list(inputs)
        run(self, task, inputs, max_tokens)

    monkeypatch.setattr(glued.Glued, "_run", noted)
    assert glued.Glued(models, batch_size=batch_size).annotate(Article("a", "a.txt", 1, TEXT)) == 3
    assert len(asked["topic"]) == 1
    assert "".join(asked["claims"]) == TEXT
    assert asked["stance"] == [{"text": asked["claims"][2], "text_pair": "NATO"}]
