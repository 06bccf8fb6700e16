"""Ray Data: the same bytes as on this machine alone, also when an actor is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ray_engine
from pipeline.shards import Shard
from tests.calls import newsfacts
from tests.dvc_deps import ROOT
from tests.lethal import Lethal
from tests.test_local_engine import annotate, pages, results


def by_ray(models: Path, source: Path, output: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Annotate in a process of its own: what Ray starts must end with it."""
    call = ["annotate", source, "--output", output, "--models", models, "--engine", "ray", *options]
    code = "from pipeline.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, call)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_two_actors_one_of_which_is_lost_write_the_same_bytes_as_one_process(
    light_models: Path, tmp_path: Path, lethal: Lethal
) -> None:
    source, config = pages(tmp_path / "in.jsonl", deadly=3), lethal.config("once", 1)
    outcome = by_ray(light_models, source, tmp_path / "ray" / "out.jsonl", "--workers", "2", "--config", config)
    assert outcome.returncode == 0, outcome.stderr
    assert lethal.has_struck
    assert annotate(light_models, source, tmp_path / "one" / "out.jsonl", "--config", config).code == 0
    assert results(tmp_path / "ray" / "out.jsonl") == results(tmp_path / "one" / "out.jsonl")
    assert outcome.stderr.splitlines()[-1].startswith("8 articles annotated in ")


@pytest.mark.slow
def test_an_input_that_ends_every_actor_is_named_and_the_rest_is_kept(
    light_models: Path, tmp_path: Path, lethal: Lethal
) -> None:
    source, config = pages(tmp_path / "in.jsonl", deadly=1, count=2), lethal.config("always", 1)
    output = tmp_path / "ray" / "out.jsonl"
    outcome = by_ray(light_models, source, output, "--workers", "2", "--config", config)
    assert outcome.returncode == 3, outcome.stderr
    assert f"the actor that annotates {source}:2 to {source}:2 was lost 3 times" in outcome.stderr
    assert "run the same command again to go on" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert list((output.parent / ".out.jsonl.work").glob("*.json"))


@pytest.mark.slow
def test_a_fault_that_an_actor_finds_is_told_as_without_it(light_models: Path, tmp_path: Path) -> None:
    source = pages(tmp_path / "in.jsonl", None)
    config = tmp_path / "config.yaml"
    config.write_text("annotate: {min_scores: {topics: 0.5}}\n", encoding="utf-8")
    outcome = by_ray(light_models, source, tmp_path / "ray" / "out.jsonl", "--config", config)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines()[-1].startswith(
        "newsfacts: min_scores names 'topics', which abstains from nothing"
    )
    assert not list((tmp_path / "ray").iterdir())


def test_without_the_extra_its_name_is_told(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    source, output = pages(tmp_path / "in.jsonl", None), tmp_path / "ray" / "out.jsonl"
    outcome = newsfacts("annotate", source, "--output", output, "--models", light_models, "--engine", "ray")
    assert outcome.code == 2
    assert "run pip install 'newsfacts[ray]'" in outcome.err


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_named(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "no address")
    outcome = by_ray(light_models, pages(tmp_path / "in.jsonl", None), tmp_path / "ray" / "out.jsonl")
    assert outcome.returncode == 2
    assert "newsfacts: no Ray at no address: " in outcome.stderr
    assert "correct RAY_ADDRESS" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("machines", "workers", "each"),
    [([2], 1, 2), ([2], 2, 1), ([2], 5, 1), ([8, 8, 8], 2, 8), ([8, 8, 8], 4, 4), ([16, 4], 3, 5), ([], 1, 1)],
)
def test_each_worker_has_as_many_cores_as_all_of_them_can(machines: list[int], workers: int, each: int) -> None:
    assert ray_engine._cores_each(machines, workers) == each


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 100))
def test_waves_hold_every_shard_in_order_and_no_more_bytes_than_needed(sizes: list[int], most: int) -> None:
    shards = [Shard(number, (), size, "") for number, size in enumerate(sizes)]
    waves = list(ray_engine._waves(shards, most))
    assert [shard for wave in waves for shard in wave] == shards
    assert all(sum(shard.size for shard in wave[:-1]) < most for wave in waves)
