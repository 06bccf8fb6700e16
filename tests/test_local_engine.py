"""Several processes on one machine: the same bytes as one, whatever becomes of them."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import batch, local_engine, shards
from pipeline.annotator import Answers, Prepared
from pipeline.article import Article
from pipeline.classifiers import processor, windows
from pipeline.errors import ModelError
from pipeline.parsing import Unit
from pipeline.shards import Config, Finished, Recipe, Shard, ShardAnnotator
from tests.calls import Outcome, newsfacts
from tests.dvc_deps import ROOT
from tests.lethal import Lethal

NEWS = "The council of Port {0} closed the ferry on Monday. Nato sent {0} engineers to the quay. Was the mayor glad?"


def write(path: Path, records: list[object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def annotate(models: Path, source: Path, output: Path, *options: str | Path) -> Outcome:
    return newsfacts("annotate", source, "--output", output, "--models", models, *options)


def results(output: Path) -> dict[str, bytes]:
    """Return what a run has left but for its summary, which has the seconds that it took."""
    found = {path.name: path for path in output.parent.iterdir() if "summary" not in path.name}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in found.items()}


def pages(path: Path, deadly: int | None, count: int = 8) -> Path:
    """Write pages, one of which may be deadly."""
    return write(path, [{"html": f"<p>Page {number}{' DEADLY' * (number == deadly)}."} for number in range(count)])


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_two_processes_write_the_same_bytes_as_one(light_models: Path, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "in.jsonl", [*({"id": n, "text": NEWS.format(n)} for n in range(30)), {"id": 30}, []])
    config = tmp_path / "config.yaml"
    config.write_text("annotate: {shard_articles: 4}\n", encoding="utf-8")
    one, two = tmp_path / "one" / name, tmp_path / "two" / name
    for output, workers in ((one, "1"), (two, "2")):
        outcome = annotate(light_models, source, output, "--workers", workers, "--config", config)
        assert outcome.code == 0, outcome.err
        assert outcome.err.startswith(f"30 articles annotated in {output}")
    assert results(two) == results(one)


@pytest.mark.parametrize(("articles", "cores", "expected"), [(9, 6, 6), (9, 64, 8), (9, 4, 0), (4, 6, 0)])
def test_without_a_number_there_are_processes_where_one_cannot_keep_the_cores_busy(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, articles: int, cores: int, expected: int
) -> None:
    """No more than eight, since each holds the models, and none for a single shard."""
    started: list[int] = []

    def noted(wanted: Iterator[Shard], recipe: Recipe, workers: int) -> Iterator[Finished]:
        started.append(workers)
        return local_engine.ahead(wanted, recipe)

    monkeypatch.setattr(batch, "MOST_WORKERS", 8)
    monkeypatch.setattr(processor, "cores", lambda: cores)
    monkeypatch.setattr(local_engine, "in_pool", noted)
    source = write(tmp_path / "in.jsonl", [{"id": n, "text": NEWS.format(n)} for n in range(articles)])
    recipe = Recipe(light_models, Config(shard_articles=4), ".jsonl")
    assert batch.annotate_files([str(source)], tmp_path / "out.jsonl", recipe).annotated == articles
    assert started == [expected][: bool(expected)]


def cut(count: int) -> Iterator[Shard]:
    units = [Unit("in", number, "record", {"text": NEWS.format(number)}) for number in range(count)]
    return shards.cut(units, Config(shard_articles=4))


@pytest.mark.parametrize("count", [0, 3, 4, 13])
def test_what_is_prepared_while_the_models_answer_comes_out_the_same(light_models: Path, count: int) -> None:
    recipe = Recipe(light_models, Config(), ".jsonl")
    assert list(local_engine.ahead(cut(count), recipe)) == list(local_engine.in_process(cut(count), recipe))


@pytest.mark.parametrize("set_before", [None, "true"])
def test_a_process_is_afterwards_as_it_was(
    light_models: Path, monkeypatch: pytest.MonkeyPatch, set_before: str | None
) -> None:
    """Whoever annotates from a program of their own finds collector and tokenizers as before."""
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    if set_before:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", set_before)
    before = gc.get_threshold()
    assert list(local_engine.ahead(cut(5), Recipe(light_models, Config(), ".jsonl")))
    assert os.environ.get("TOKENIZERS_PARALLELISM") == set_before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_shard_that_alone_was_left_to_do_is_done_by_as_many_processes_as_the_others(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them has its share of the cores, and the number of threads decides how sums are rounded."""
    started: list[tuple[int, int | None]] = []

    def stopped(wanted: Iterator[Shard], recipe: Recipe, workers: int) -> Iterator[Finished]:
        started.append((workers, recipe.threads))
        for finished in local_engine.in_process(wanted, recipe):
            if len(started) == 1 and finished.number == 1:
                raise KeyboardInterrupt
            yield finished

    monkeypatch.setattr(batch, "MOST_WORKERS", 6)
    monkeypatch.setattr(processor, "cores", lambda: 12)
    monkeypatch.setattr(local_engine, "in_pool", stopped)
    source = write(tmp_path / "in.jsonl", [{"id": n, "text": NEWS.format(n)} for n in range(2)])
    recipe = Recipe(light_models, Config(shard_articles=1), ".jsonl")
    with pytest.raises(KeyboardInterrupt):
        batch.annotate_files([str(source)], tmp_path / "out.jsonl", recipe)
    batch.annotate_files([str(source)], tmp_path / "out.jsonl", recipe)
    assert started == [(6, 2), (6, 2)]


def test_the_next_shard_is_stripped_while_the_models_answer(
    light_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = [threading.Event() for _ in range(3)]
    prepare, classify = ShardAnnotator.prepare, ShardAnnotator.classify

    def noted(annotator: ShardAnnotator, group: list[Article]) -> Prepared:
        found = prepare(annotator, group)
        prepared[group[0].line // 4].set()
        return found

    def waiting(annotator: ShardAnnotator, asked: Prepared) -> Answers:
        following = asked.bodies[0].article.line // 4 + 1
        assert following == 3 or prepared[following].wait(timeout=60)
        return classify(annotator, asked)

    monkeypatch.setattr(ShardAnnotator, "prepare", noted)
    monkeypatch.setattr(ShardAnnotator, "classify", waiting)
    assert len(list(local_engine.ahead(cut(12), Recipe(light_models, Config(), ".jsonl")))) == 3


def test_whoever_wants_no_more_does_not_wait_for_all_answers(
    light_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the user interrupts, or the disk is full."""
    begun = threading.Event()

    def endless(annotator: ShardAnnotator, asked: Prepared) -> Answers:
        begun.set()
        while not windows.UNWANTED.get()():
            pass
        raise windows.UnwantedError

    def interrupted() -> Iterator[Shard]:
        yield from cut(4)
        assert begun.wait(timeout=60)
        raise KeyboardInterrupt

    monkeypatch.setattr(ShardAnnotator, "classify", endless)
    with pytest.raises(KeyboardInterrupt):
        list(local_engine.ahead(interrupted(), Recipe(light_models, Config(), ".jsonl")))


def test_what_the_models_fail_at_is_told_and_what_came_before_is_kept(
    light_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify = ShardAnnotator.classify

    def failing(annotator: ShardAnnotator, asked: Prepared) -> Answers:
        if asked.bodies[0].article.line == 8:
            raise ModelError("out of memory")
        return classify(annotator, asked)

    monkeypatch.setattr(ShardAnnotator, "classify", failing)
    finished = local_engine.ahead(cut(16), Recipe(light_models, Config(), ".jsonl"))
    assert [next(finished).number, next(finished).number] == [0, 1]
    with pytest.raises(ModelError, match="out of memory"):
        next(finished)


def test_what_was_lost_with_a_process_is_done_again(light_models: Path, tmp_path: Path, lethal: Lethal) -> None:
    source, config = pages(tmp_path / "in.jsonl", deadly=3), lethal.config("once", 2)
    one, two = tmp_path / "one" / "out.jsonl", tmp_path / "two" / "out.jsonl"
    outcome = annotate(light_models, source, two, "--workers", "2", "--config", config)
    assert outcome.code == 0, outcome.err
    assert lethal.has_struck
    annotate(light_models, source, one, "--config", config)
    assert results(two) == results(one)
    assert len(results(one)["out.jsonl"].splitlines()) == 8


def test_an_input_that_ends_every_process_is_named_and_the_rest_is_kept(
    light_models: Path, tmp_path: Path, lethal: Lethal
) -> None:
    source, config = pages(tmp_path / "in.jsonl", deadly=5), lethal.config("always", 2)
    output = tmp_path / "two" / "out.jsonl"
    outcome = annotate(light_models, source, output, "--workers", "2", "--config", config)
    assert outcome.code == 3
    assert f"the process that annotates {source}:5 to {source}:6 dies" in outcome.err
    assert "set those inputs aside" in outcome.err
    assert "run the same command again to go on" in outcome.err
    assert not output.exists()
    assert list((output.parent / ".out.jsonl.work").glob("*.json"))


def test_a_fault_that_a_process_finds_is_told_as_without_it(light_models: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(light_models, models)
    (models / "claims" / "linear.safetensors").unlink()
    source = write(tmp_path / "in.jsonl", [{"text": NEWS}])
    for workers in ("1", "2"):
        outcome = annotate(models, source, tmp_path / workers / "out.jsonl", "--workers", workers)
        assert outcome.code == 3
        assert "linear.safetensors is missing" in outcome.err
        assert not list((tmp_path / workers).iterdir())


def test_no_process_outlives_a_run_that_is_killed(light_models: Path, tmp_path: Path, lethal: Lethal) -> None:
    code = "from pipeline.__main__ import main; main()"
    call = ["annotate", pages(tmp_path / "in.jsonl", None), "--output", tmp_path / "out.jsonl", "--workers", "2"]
    options = ["--models", light_models, "--config", lethal.config("endless", 1)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, call + options)], cwd=ROOT, stderr=subprocess.PIPE
    ) as run:
        assert run.stderr
        assert run.stderr.readline() == b"at work\n"
        run.kill()
        run.stderr.read()  # ends when nobody is left who could write


def test_an_interruption_while_processes_start_is_told_by_one_alone(light_models: Path, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to all of them, also to those that are still at their imports."""
    # Who runs these tests may ignore interruptions, which the process would inherit.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from pipeline.__main__ import main; main()"
    call = ["annotate", pages(tmp_path / "in.jsonl", None), "--output", tmp_path / "out.jsonl", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, call), "--models", str(light_models)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as run:
        children = Path("/proc", str(run.pid), "task", str(run.pid), "children")
        while not any(
            b"spawn_main" in Path("/proc", child, "cmdline").read_bytes() for child in children.read_text().split()
        ):
            assert run.poll() is None
        os.killpg(run.pid, signal.SIGINT)
        assert run.stderr
        said = run.stderr.read().decode()
    assert said == f"newsfacts: interrupted; nothing was written to {tmp_path / 'out.jsonl'}\n"
    assert run.returncode == 130
