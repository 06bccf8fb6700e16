"""Kill annotation at random moments, run it again, and count how often the bytes are those of a run left in peace.

``python -m benchmarks.kills ARTICLES`` takes what ``newsfacts annotate`` takes. The moments are spread over the time
that an undisturbed run takes from the loading of its models to its end, with a seed; whichever phase they hit, nothing
gets a chance to clean up. The summary is compared without its seconds.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import run

_CODE = """
import signal, sys
import pipeline.__main__, pipeline.batch, pipeline.stages.annotate, torch
signal.setitimer(signal.ITIMER_REAL, float(sys.argv.pop(1)))
pipeline.__main__.main()
"""


def main(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="As for annotate.")],
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
    kills: Annotated[int, typer.Option(min=1, help="How many runs to kill.")] = 50,
    shard_articles: Annotated[
        int, typer.Option(min=1, help="Of the configuration: small shards leave more to lose.")
    ] = 8,
    limit: Annotated[int, typer.Option(min=1, help="Articles to annotate.")] = 120,
    workers: Annotated[int, typer.Option(min=1, help="As for annotate.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 13,
) -> None:
    """Kill runs at random moments and print how many ended in the same bytes when they were run again."""
    moments = random.Random(seed)  # noqa: S311  # no secret
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        config = root / "config.yaml"
        config.write_text(f"annotate: {{shard_articles: {shard_articles}}}\n", encoding="utf-8")
        options = [*inputs, "--models", models, "--config", config, "--limit", limit, "--workers", workers]
        _annotate(root / "peace", options)  # the first run may have a runtime to choose
        begun = time.monotonic()
        _annotate(root / "peace", options)
        seconds = time.monotonic() - begun
        expected = _results(root / "peace")
        same = killed = resumed = 0
        while killed < kills:
            folder = root / "killed"
            if _annotate(folder, options, moments.uniform(0.01, seconds)):
                shutil.rmtree(folder)
                continue
            killed += 1
            resumed += any((folder / ".out.jsonl.work").glob("*.json"))
            _annotate(folder, options)
            same += _results(folder) == expected
            shutil.rmtree(folder)
            typer.echo(f"{same} of {killed} killed runs ended in the same bytes; {resumed} had shards to go on from")
    raise typer.Exit(same < kills)


def _annotate(folder: Path, options: list[object], kill_after: float = 0) -> bool:
    """Tell whether a run has ended, which it has unless it was killed."""
    folder.mkdir(exist_ok=True)
    call = ["annotate", *options, "--output", folder / "out.jsonl"]
    run = subprocess.run(
        [sys.executable, "-c", _CODE, str(kill_after), *map(str, call)], capture_output=True, text=True, check=False
    )
    if run.returncode > 1:
        raise typer.BadParameter(run.stderr)
    return run.returncode >= 0


def _results(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    name = "out.jsonl.summary.json"
    figures = json.loads(found[name])
    return {**found, name: json.dumps(figures | {"seconds": 0, "articles_per_second": 0}).encode()}


if __name__ == "__main__":
    run(main)
