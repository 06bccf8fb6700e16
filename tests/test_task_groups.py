"""Which tasks a configuration trains together."""

from __future__ import annotations

from pathlib import Path

from pipeline import task_groups
from tests.dvc_deps import ROOT


def groups(path: Path) -> list[list[str]]:
    return [list(group) for group in task_groups.read(path)]


def test_stance_and_claims_are_one_group_unless_the_configuration_parts_them(tmp_path: Path) -> None:
    assert groups(ROOT / "configs" / "pipeline.yaml") == [["topic"], ["stance", "claims"]]
    assert groups(ROOT / "configs" / "smoke.yaml") == [["topic"], ["stance"], ["claims"]]
    own = tmp_path / "own.yaml"
    own.write_text("train_sentences: {one_encoder: false, claims: {seed: 14}}\n", encoding="utf-8")
    assert groups(own) == [["topic"], ["stance"], ["claims"]]
    assert [config.seed for group in task_groups.read(own) for config in group.values()] == [13, 13, 14]
