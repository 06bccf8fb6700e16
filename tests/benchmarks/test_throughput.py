"""What the timing of annotation is made of: where time goes, a row for each run, and one short run of each kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measured, throughput
from tests.dvc_deps import ROOT
from tests.trained import Trained


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says, to be set."""
    now = [0.0]
    monkeypatch.setattr(measured.time, "perf_counter", lambda: now[0])
    return now


def test_time_counts_for_the_innermost_stage_under_way(clock: list[float]) -> None:
    watch = measured.Stopwatch()

    def inner() -> None:
        clock[0] += 5

    def outer() -> None:
        clock[0] += 1
        watch.timed("inner", inner)()
        clock[0] += 2

    watch.timed("outer", outer)()
    clock[0] += 100
    watch.timed("outer", outer)()
    assert watch.seconds == {"outer": 6, "inner": 10}


def test_a_stage_that_fails_has_ended(clock: list[float]) -> None:
    watch = measured.Stopwatch()

    def failing() -> None:
        clock[0] += 1
        raise ValueError("no page")

    with pytest.raises(ValueError, match="no page"):
        watch.timed("failing", failing)()
    clock[0] += 10
    watch.enter("other")
    clock[0] += 2
    watch.leave()
    assert watch.seconds == {"failing": 1, "other": 2}


def test_a_row_has_the_rate_of_a_run_and_where_its_time_went() -> None:
    run = {
        "variant": "torch",
        "workers": 2,
        "threads": 1,
        "articles": 30,
        "seconds": 20.0,
        "startup": 3.25,
        "peak_rss": 2e9,
    }
    staged = {**run, "sentences": 400, "stages": {"cleaning": 5.0, "encoder": 15.0}}
    assert throughput.rate(run) == 1.5
    heads, _, plain, full = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows(run, staged))
    assert len(heads) == len(plain) == len(full)
    assert dict(zip(heads, plain, strict=True))["Articles/s"] == "1.50"
    assert full[-1] == "encoder 75%, cleaning 25%"
    assert "20" in full


def rows(*runs: throughput.Figures) -> list[str]:
    return throughput.table(runs).splitlines()


def test_a_measured_run_counts_what_it_annotates(trained: Trained, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(3 * (json.dumps({"text": "The council met at noon. Nato was there as well."}) + "\n"))
    call = [
        "-m",
        "benchmarks.measured",
        "torch",
        str(source),
        "--models",
        str(trained.models),
        "--limit",
        "2",
        "--threads",
        "1",
    ]
    run = subprocess.run([sys.executable, *call], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert (found["articles"], found["sentences"]) == (2, 4)
    assert 0 < found["stages"]["stripping"] < found["seconds"]
