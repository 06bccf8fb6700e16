"""What each engine costs and what it is worth: trained on the train split, scored on dev, timed on the same cases.

``python -m benchmarks.engines`` prints a row for each task and engine: macro-F1 with its interval, seconds of
training, milliseconds an example takes (median of three runs over dev), and the size of the model folder. The corpus
must have been stripped before (``make repro``). Dev also stopped the transformer early, which favours it a little.
Seconds are this machine's, and noisy: compare them by their ratio.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, get_args

import typer

from benchmarks import labelled
from pipeline import config as configuration
from pipeline import evaluation, stage_runner
from pipeline.classifiers import training
from pipeline.classifiers.store import Engine
from pipeline.datasets import TASKS, Task

RUNS = 3


def main(
    config: Annotated[Path, typer.Option(help="The configuration to train.")] = Path("configs/pipeline.yaml"),
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas.")] = ",".join(TASKS),
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
) -> None:
    """Print the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sections = configuration.load(config, stage_runner.names())
    typer.echo("| Task | Engine | Dev cases | Macro-F1 | Training, s | Inference, ms a case | Model, MB |")
    typer.echo("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for task in TASKS:
        if task in tasks.split(","):
            stage = stage_runner.load(f"train_{task}").config
            own = configuration.section(sections, f"train_{task}", stage, source=config)
            for engine in get_args(Engine):
                typer.echo(row(task, engine, own, data))  # type: ignore[arg-type]


def row(task: Task, engine: Engine, config: training.Config, data: Path) -> str:
    """Train an engine and return its row of the table."""
    datasets, labels = data / "collect_datasets", labelled.labels(task)
    train, dev = labelled.train(task, data, datasets), labelled.dev(task, data, datasets)
    started = time.monotonic()
    trained = training.train(config, engine, train, dev, labels)
    seconds = time.monotonic() - started
    taken: list[float] = []
    for _ in range(RUNS):
        started = time.monotonic()
        found = trained.predict(dev)
        taken.append(time.monotonic() - started)
    scores = evaluation.score(engine, dev, found, labels, seed=config.seed).classification
    with tempfile.TemporaryDirectory() as folder:
        training.save(trained, Path(folder) / task, config, task=task, data={})
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    interval = scores.macro_f1_interval
    shown = f"{scores.macro_f1:.3f}" + (f" ({interval.low:.3f} to {interval.high:.3f})" if interval else "")
    each = 1000 * statistics.median(taken) / len(dev)
    return f"| {task} | {engine} | {len(dev)} | {shown} | {seconds:.0f} | {each:.2f} | {size / 1e6:.1f} |"


if __name__ == "__main__":
    typer.run(main)
