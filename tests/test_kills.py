"""Whenever a run is killed and however often, running it again ends in the same bytes.

The processes are forked from a server that has imported what they need, so that each is killed at its work and not at
its imports. They die by a signal that nothing can catch or clean up after.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from pipeline import writing

NEWS = "The council of Port {0} closed the ferry on Monday. Nato sent {0} engineers to the quay. Was the mayor glad?"
REMOVALS = {"os.remove", "os.rmdir"}  # some name no folder but a descriptor of it
CHANGES = {"open", "os.rename", "os.mkdir", *REMOVALS}  # audit events of what a run does to files

Call = Callable[[Path, int], list[str]]
Kill = Callable[[Path], None]


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(
        ["pytest", "pipeline.__main__", "pipeline.batch", "pipeline.stages.annotate", "pipeline.classifiers.linear"]
    )
    return found


@pytest.fixture
def call(light_models: Path, tmp_path: Path) -> Call:
    """The command line for an output and a size of shards: forty articles, some of one id, and two that are none."""
    source = tmp_path / "in.jsonl"
    lines: list[Any] = [{"id": number % 37, "text": NEWS.format(number)} for number in range(40)]
    source.write_text("".join(json.dumps(line) + "\n" for line in [*lines[:9], [], *lines[9:], {}]), encoding="utf-8")

    def arguments(output: Path, shard_articles: int) -> list[str]:
        config = tmp_path / f"{shard_articles}.yaml"
        config.write_text(f"annotate: {{shard_articles: {shard_articles}}}\n", encoding="utf-8")
        options = ["--models", str(light_models), "--config", str(config), "--workers", "1"]
        return ["annotate", str(source), "--output", str(output), *options]

    return arguments


def results(folder: Path) -> dict[str, bytes]:
    """Return all that a run has left, but for the seconds that it took."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in [name for name in found if name.endswith(".summary.json")]:
        figures = json.loads(found[name])
        found[name] = json.dumps(figures | {"seconds": 0, "articles_per_second": 0}).encode()
    return found


def annotate(arguments: list[str], folder: Path, kill: Kill | None) -> None:
    """Run the command line in a process of its own, and leave word of the seconds that it worked."""
    from pipeline.__main__ import main

    sys.stdout = sys.stderr = (folder.parent / "log").open("a", encoding="utf-8")
    if kill:
        kill(folder)
    try:
        main(arguments)
    finally:
        (folder.parent / "seconds").write_text(str(time.process_time()), encoding="utf-8")


class AtChange:
    """Kills a process when it is about to change a file for so many times."""

    def __init__(self, change: int) -> None:
        self._left = change

    def __call__(self, folder: Path) -> None:
        def count(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in CHANGES or (event not in REMOVALS and str(folder) not in str(arguments[0])):
                return
            if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)


class AfterSeconds:
    """Kills a process when it has worked for so long; how busy the machine is makes no difference."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, folder: Path) -> None:
        signal.setitimer(signal.ITIMER_PROF, self._seconds)


def run(server: ForkServerContext, arguments: list[str], folder: Path, kill: Kill | None = None) -> bool:
    """Return whether a run has ended, which it has unless it was killed."""
    process = server.Process(target=annotate, args=(arguments, folder, kill))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL, -signal.SIGPROF), (folder.parent / "log").read_text("utf-8")
    return process.exitcode == 0


@pytest.fixture
def undisturbed(server: ForkServerContext, call: Call, tmp_path: Path) -> Callable[[str, int], dict[str, bytes]]:
    """What a run that nobody disturbs leaves, by the output's name and the size of shards."""

    def found(name: str, shard_articles: int) -> dict[str, bytes]:
        folder = tmp_path / "undisturbed"
        assert run(server, call(folder / name, shard_articles), folder)
        return results(folder)

    return found


def test_a_run_that_is_killed_before_each_change_to_a_file_ends_in_the_same_bytes(
    server: ForkServerContext, call: Call, undisturbed: Callable[[str, int], dict[str, bytes]], tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    kills = 0
    while not run(server, call(folder / "out", 16), folder, AtChange(kills + 1)):
        kills += 1
    assert kills > 20
    assert results(folder) == undisturbed("out", 16)


def test_a_run_that_is_killed_at_random_moments_ends_in_the_same_bytes(
    server: ForkServerContext, call: Call, undisturbed: Callable[[str, int], dict[str, bytes]], tmp_path: Path
) -> None:
    expected = undisturbed("out.jsonl.gz", 3)
    whole = float((tmp_path / "seconds").read_text(encoding="utf-8"))
    moments = random.Random(13)
    kills = 0
    for trial in range(20):
        if kills >= 5:  # how many a run has, chance decides
            break
        folder = tmp_path / f"killed{trial}"
        arguments = call(folder / "out.jsonl.gz", 3)
        while not run(server, arguments, folder, AfterSeconds(moments.uniform(0, whole))):
            kills += 1
        assert results(folder) == expected
    assert kills >= 5


def replace(output: Path, kill: Kill) -> None:
    """Replace what stands at an output, and be killed meanwhile."""
    with writing.open_output(output) as writer:
        writer.close()
        kill(output.parent)


@pytest.mark.slow
def test_a_folder_is_never_lost_when_the_run_that_replaces_it_is_killed(
    server: ForkServerContext, tmp_path: Path
) -> None:
    found = []
    while not found or found[-1][0]:
        output = tmp_path / str(len(found)) / "out"
        output.mkdir(parents=True)
        for name in ("old", "too"):
            (output / name).touch()
        process = server.Process(target=replace, args=(output, AtChange(len(found) + 1)))
        process.start()
        process.join()
        writing.clear(output)
        assert list(output.parent.iterdir()) == [output]
        found.append((process.exitcode, sorted(path.name for path in output.iterdir())))
    assert {code for code, _ in found[:-1]} == {-signal.SIGKILL}
    kept = [names for _, names in found].count(["old", "too"])
    assert [names for _, names in found] == [["old", "too"]] * kept + [["part-00000.parquet"]] * (len(found) - kept)
    assert 1 < kept < len(found) - 2
