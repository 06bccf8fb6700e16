"""What the timing of annotation is made of: where time goes, a row for each run, and one short run of each kind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import measured, throughput
from pipeline import reading
from pipeline.annotator import ASKED
from pipeline.article import Article
from pipeline.classifiers import panel, store
from pipeline.parsing import Unit
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


def read(place: Path | str) -> Iterator[Article]:
    return (item for item in reading.read([str(place)], reading.Config()) if isinstance(item, Article))


def test_a_sample_of_the_inputs_is_as_much_work_as_they_are(tmp_path: Path) -> None:
    page = "<html><body><article>" + "<p>The council met at noon in Larkfield.</p>" * 9 + "</article></body></html>"
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "a.html").write_text(page, encoding="utf-8")
    (inputs / "b.jsonl").write_text(json.dumps({"html": page}) + "\n" + json.dumps({"text": "It rained."}) + "\n")
    (inputs / "c.txt").write_text("Storm\n\nIt rained.", encoding="utf-8")
    (inputs / "d.csv").write_text("text,day\nIt rained.,Monday\n", encoding="utf-8")
    units = [unit for unit in reading.units([str(inputs)], reading.Config()) if isinstance(unit, Unit)]
    sample = throughput.written(units, tmp_path / "sample")
    before, after = ([(one.raw, one.extraction, one.metadata) for one in read(place)] for place in (inputs, sample))
    assert before == after
    assert sum(extraction is not None for _, extraction, _ in after) == 2


@dataclass(frozen=True)
class Sized:
    """A classifier of which nothing is saved but the sizes of its encoder."""

    labels: tuple[str, ...] = ("a", "b")

    def save(self, folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps(dict.fromkeys(measured.SIZES, 2)), encoding="utf-8")


def test_what_several_tasks_ask_of_one_encoder_counts_however_many_they_are(tmp_path: Path) -> None:
    digests = []
    for task in ASKED:
        parts = {"task": task, "engine": "transformer", "config": {}, "data": {}, "metrics": {}}
        store.save(tmp_path / task, Sized(), temperature=1, min_score=0, **parts)  # type: ignore[arg-type]
        digests.append(store.read_manifest(tmp_path / task)[1])
    counted = measured.Session(None, measured.Stopwatch(), tokens=10, squares=30)
    each = 2 * (10 * (8 * 2**2 + 4 * 2 * 2) + 4 * 2 * 30)
    for asked in (digests[:1], digests[1:], digests):
        model = asked[0] if len(asked) == 1 else panel.together(asked)
        assert measured.Counts(sessions={model: counted}).flops(tmp_path) == each
