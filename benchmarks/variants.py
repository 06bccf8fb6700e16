"""Which settings of training pay: variants of one task's configuration, trained alike and scored on dev sets alone.

``python -m benchmarks.variants stance --variant epochs=3 --variant encoder_dropout=0.1,epochs=8`` trains the engine as
configured and once for each variant, and prints macro-F1 on the seeds' dev split and, where the public files are in the
cache folder (``--public``, or NEWSFACTS_CACHE), the figure of each of the task's sets of ``benchmarks.transfer``.
Where the configuration trains the task with another on one encoder, both are trained, and a variant's settings are
those of both. No test split is read.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from benchmarks import labelled
from benchmarks.transfer import SETS, figure, score
from pipeline import cache, evaluation, task_groups
from pipeline.classifiers import training
from pipeline.datasets import TASKS, Task

AS_CONFIGURED = "as configured"


def main(
    task: Annotated[str, typer.Argument(help="topic, stance or claims")],
    variant: Annotated[list[str] | None, typer.Option(help="Settings of the engine, as name=value,name=value.")] = None,
    config: Annotated[Path, typer.Option(help="The configuration to vary.")] = Path("configs/pipeline.yaml"),
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "13",
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
    public: Annotated[Path | None, typer.Option(help="Folder of the public data.")] = None,
) -> None:
    """Print a row for each variant and seed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = next((known for known in TASKS if known == task), None)
    if chosen is None:
        raise typer.BadParameter(f"{task!r} is none of {', '.join(TASKS)}")
    group = next(group for group in task_groups.read(config) if chosen in group)
    folder = public or cache.folder(None)
    names = [item.name for item in SETS if item.task == chosen and (folder / item.file).is_file()]
    typer.echo(f"| Variant | Seed | Seeds dev | {' | '.join([*names, 'Training, s'])} |")
    typer.echo("| --- |" + " ---: |" * (len(names) + 3))
    for settings in (AS_CONFIGURED, *(variant or ())):
        for seed in map(int, seeds.split(",")):
            varied = {name: _varied(own, settings, seed) for name, own in group.items()}
            typer.echo(f"| {settings} | {seed} | {' | '.join(_cells(chosen, varied, data, folder))} |")


def _varied(config: training.Config, settings: str, seed: int) -> training.Config:
    changed: dict[str, Any] = config.model_dump()
    changed["seed"] = seed
    if settings != AS_CONFIGURED:
        changed[config.engine] |= {
            name: yaml.safe_load(value) for name, _, value in (item.partition("=") for item in settings.split(","))
        }
    return type(config).model_validate(changed)


def _cells(task: Task, group: Mapping[Task, training.Config], data: Path, public: Path) -> Iterator[str]:
    examples = {name: labelled.of(name, data, data / "collect_datasets") for name in group}
    started = time.monotonic()
    trained = training.train_group(group, examples)[task]
    seconds = time.monotonic() - started
    dev, labels = labelled.seeds(task, "dev", data), examples[task].labels
    yield f"{evaluation.score('dev', dev, trained.predict(dev), labels, seed=13).classification.macro_f1:.3f}"
    with tempfile.TemporaryDirectory() as folder:
        training.save(trained, Path(folder) / task, group[task], task=task, data={})
        for item in SETS:
            if item.task == task and (public / item.file).is_file():
                yield str(figure(item, score(item, public / item.file, Path(folder) / task)))
    yield f"{seconds:.0f}"


if __name__ == "__main__":
    typer.run(main)
