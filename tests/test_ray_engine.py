"""Ray Data: the same bytes as on this machine alone, also when an actor is lost."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ray_engine, reading, shards
from pipeline.errors import ConfigError, NewsfactsError, WorkerError
from pipeline.shards import Config, Finished, Recipe, Shard
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


class Begun:
    """Stands for the actor that counts how often each shard was begun."""

    def __init__(self, times: int) -> None:
        counted = ray_engine._Attempts()
        for _ in range(times):
            counted.begin(0)
        self.begin = SimpleNamespace(remote=counted.begin)


def answer(recipe: Recipe, source: Path, *, begun: int, monkeypatch: pytest.MonkeyPatch) -> Finished | NewsfactsError:
    """Return what an actor answers to the first shard of a file."""
    monkeypatch.setattr("ray.get", lambda counted: counted)
    shard = next(shards.cut(reading.units([str(source)], recipe.config.reading), recipe.config))
    batch = {"shard": np.array([pickle.dumps(shard)], dtype=object)}
    found: Finished | NewsfactsError = pickle.loads(ray_engine._Actor(recipe, Begun(begun))(batch)["answer"][0])
    return found


def test_an_input_that_ends_every_actor_is_named(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pages(tmp_path / "in.jsonl", None, count=2)
    recipe = Recipe(light_models, Config(), ".jsonl")
    begun = functools.partial(answer, recipe, source, monkeypatch=monkeypatch)
    assert isinstance(begun(begun=2), Finished)
    lost = begun(begun=3)
    assert isinstance(lost, WorkerError)
    assert f"the actor that annotates {source}:1 to {source}:2 was lost 3 times" in str(lost)


def test_a_fault_that_an_actor_finds_is_told_as_without_it(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(light_models, Config(min_scores={"topics": 0.5}), ".jsonl")
    fault = answer(recipe, pages(tmp_path / "in.jsonl", None), begun=0, monkeypatch=monkeypatch)
    with pytest.raises(ConfigError) as alone:
        recipe.annotator()
    assert isinstance(fault, ConfigError)
    assert str(fault) == str(alone.value)


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
    given = [Shard(number, (), size, "") for number, size in enumerate(sizes)]
    waves = list(ray_engine._waves(given, most))
    assert [shard for wave in waves for shard in wave] == given
    assert all(sum(shard.size for shard in wave[:-1]) < most for wave in waves)
