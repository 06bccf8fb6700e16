"""What a stage leaves, as its run is looked up by it."""

from pathlib import Path

from pipeline import stage_runner


def test_a_stage_s_outputs_are_its_own_even_where_two_stages_share_a_folder() -> None:
    evaluated, report = stage_runner.outputs_of("evaluate"), stage_runner.outputs_of("report")
    assert Path("data/evaluate/predictions.jsonl") in evaluated.values()
    assert report == {
        path: Path(path) for path in ("data/evaluate/report.html", "data/evaluate/report.md", "data/evaluate/cards")
    }
    assert not set(evaluated) & set(report)
