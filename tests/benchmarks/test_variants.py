"""Variants of training: what is wrong with them is told before anything is trained, and trials of others are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks import variants
from pipeline.records import read_jsonl, write_jsonl
from pipeline.training_variants import AS_CONFIGURED, Trial, Variants

ROOT = Path(__file__).parents[2]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, dict[str, Any]]]:
    """What would have been trained: settings, seed and the epochs of each task."""
    asked: list[tuple[str, int, dict[str, Any]]] = []

    def trials(group: Mapping[str, Any], settings: str, seed: int, *_: object) -> Iterator[Trial]:
        asked.append((settings, seed, {task: own.transformer.epochs for task, own in group.items()}))
        yield from (Trial(task, settings, seed, 1.0, {"seeds dev, macro-F1": 0.5}) for task in group)

    monkeypatch.setattr(variants, "_trials", trials)
    monkeypatch.setattr(variants.learning_curve, "digest", lambda *_: "d1")
    monkeypatch.chdir(ROOT)
    return asked


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ("layer=6", "layer"),
        ("epochs=many", "epochs"),
        ("epochs", "name=value"),
    ],
)
def test_a_variant_that_cannot_be_is_told_before_anything_is_trained(
    trained: list[tuple[str, int, dict[str, Any]]], variant: str, told: str
) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        variants.main("stance", variant=["epochs=3", variant])
    assert trained == []


def test_an_output_without_a_folder_is_told_before_anything_is_trained(
    trained: list[tuple[str, int, dict[str, Any]]], tmp_path: Path
) -> None:
    with pytest.raises(typer.BadParameter, match="no folder"):
        variants.main("stance", output=tmp_path / "none" / "variants.json")
    assert trained == []


def test_tasks_of_one_encoder_are_varied_together_and_trials_of_others_are_kept(
    trained: list[tuple[str, int, dict[str, Any]]], tmp_path: Path
) -> None:
    output = tmp_path / "variants.json"
    others = (Trial("topic", AS_CONFIGURED, 13, 1.0, {}), Trial("claims", "epochs=9", 13, 1.0, {}))
    write_jsonl(output, [Variants("d1", others)])
    variants.main("stance", variant=["epochs=3"], seeds="13,14", varied_seeds="14", output=output)
    assert [(settings, seed, epochs["stance"], epochs["claims"]) for settings, seed, epochs in trained] == [
        (AS_CONFIGURED, 13, 4, 4),
        (AS_CONFIGURED, 14, 4, 4),
        ("epochs=3", 14, 3, 3),
    ]
    [left] = read_jsonl(output, Variants)
    assert [(trial.task, trial.settings) for trial in left.trials] == [
        ("topic", AS_CONFIGURED),
        *[(task, AS_CONFIGURED) for _ in range(2) for task in ("stance", "claims")],
        *[(task, "epochs=3") for task in ("stance", "claims")],
    ]


def test_trials_of_other_data_are_not_kept(trained: list[tuple[str, int, dict[str, Any]]], tmp_path: Path) -> None:
    output = tmp_path / "variants.json"
    write_jsonl(output, [Variants("d2", (Trial("topic", AS_CONFIGURED, 13, 1.0, {}),))])
    variants.main("stance", output=output)
    [left] = read_jsonl(output, Variants)
    assert [trial.task for trial in left.trials] == ["stance", "claims"]
    assert len(trained) == 1
