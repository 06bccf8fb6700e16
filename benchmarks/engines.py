"""What each engine costs and what it is worth: trained on the train split, scored on dev, timed on the same cases.

``python -m benchmarks.engines`` prints a row for each task and engine: macro-F1 with its interval, seconds of
training, milliseconds an example takes (median of three runs over dev), and the size of the model folder. The corpus
must have been stripped before (``make repro``). Dev also stopped the transformer early, which favours it a little.
Seconds are this machine's, and noisy: compare them by their ratio. Tasks that the configuration trains on one encoder
are trained together, and the seconds are those of both.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from benchmarks import labelled, run
from pipeline import evaluation, task_groups
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example
from pipeline.classifiers.store import Engine
from pipeline.classifiers.training import Trained
from pipeline.datasets import TASKS, Task

RUNS = 3


def main(
    config: Annotated[Path, typer.Option(help="The configuration to train.")] = Path("configs/pipeline.yaml"),
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas.")] = ",".join(TASKS),
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
) -> None:
    """Print the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    typer.echo("| Task | Engine | Dev cases | Macro-F1 | Training, s | Inference, ms a case | Model, MB |")
    typer.echo("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for group in task_groups.read(config):
        asked = [task for task in group if task in tasks.split(",")]
        if not asked:
            continue
        examples = {task: labelled.of(task, data, data / "collect_datasets") for task in group}
        started = time.monotonic()
        chosen = training.train_group(group, examples)
        seconds = time.monotonic() - started
        for task in asked:
            own, settings = examples[task], group[task]
            for engine in get_args(Engine):
                if engine == settings.engine:
                    typer.echo(row(task, chosen[task], settings, own.dev, seconds))
                    continue
                started = time.monotonic()
                trained = training.train(settings, engine, own)
                typer.echo(row(task, trained, settings, own.dev, time.monotonic() - started))


def row(task: Task, trained: Trained, config: training.Config, dev: Sequence[Example], seconds: float) -> str:
    """Return the row of a trained engine; ``seconds`` are those of its training."""
    taken: list[float] = []
    for _ in range(RUNS):
        started = time.monotonic()
        found = trained.predict(dev)
        taken.append(time.monotonic() - started)
    scores = evaluation.score(trained.engine, dev, found, trained.classifier.labels, seed=config.seed).classification
    with tempfile.TemporaryDirectory() as folder:
        training.save(trained, Path(folder) / task, config, task=task, data={})
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    interval = scores.macro_f1_interval
    shown = f"{scores.macro_f1:.3f}" + (f" ({interval.low:.3f} to {interval.high:.3f})" if interval else "")
    each = 1000 * statistics.median(taken) / len(dev)
    return f"| {task} | {trained.engine} | {len(dev)} | {shown} | {seconds:.0f} | {each:.2f} | {size / 1e6:.1f} |"


if __name__ == "__main__":
    run(main)
