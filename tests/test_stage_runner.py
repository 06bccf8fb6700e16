"""What a stage leaves, as its run is looked up by it."""

from pathlib import Path

import pytest

from pipeline import stage_runner
from pipeline.errors import ConfigError


def test_a_stage_s_outputs_are_its_own_even_where_two_stages_share_a_folder() -> None:
    evaluated, report = stage_runner.outputs_of("evaluate"), stage_runner.outputs_of("report")
    assert Path("data/evaluate/predictions.jsonl") in evaluated.values()
    assert report == {
        path: Path(path) for path in ("data/evaluate/report.html", "data/evaluate/report.md", "data/evaluate/cards")
    }
    assert not set(evaluated) & set(report)


def test_a_configuration_is_checked_whole_before_its_first_stage(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("split: {salt: a}\ntrain_topic: {engine: linar}\ntrain_sentences: {one_encodr: true}\n")
    with pytest.raises(ConfigError) as refused:
        stage_runner.check(path)
    assert [line.split(": ", 2)[1] for line in str(refused.value).splitlines()] == [
        "train_sentences.one_encodr", "train_topic.engine",
    ]  # fmt: skip
    path.write_text("split: {salt: a}\n")
    stage_runner.check(path)
