"""Which settings of training pay: variants of a task's configuration, trained alike and scored on dev sets alone.

``python -m benchmarks.variants stance --variant epochs=3 --variant encoder_dropout=0.2,epochs=8`` trains the engine as
configured and once for each variant, and prints macro-F1 on the seeds' dev split and, where the public files are in the
cache folder (``--public``, or NEWSFACTS_CACHE), the figure of each of the task's sets of ``benchmarks.transfer``.
Where the configuration trains the task with another on one encoder, both are trained and scored, and a variant's
settings are those of both. Time is that of the processor. ``--output`` writes what the report shows, anew after each
training. No test split is read.
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
from pydantic import ValidationError

from benchmarks import labelled, numbers, run
from benchmarks.transfer import SETS, score
from pipeline import cache, evaluation, learning_curve, task_groups
from pipeline.classifiers import training
from pipeline.datasets import TASKS, Task
from pipeline.records import read_jsonl, write_jsonl
from pipeline.training_variants import AS_CONFIGURED, Trial, Variants


def main(
    task: Annotated[str, typer.Argument(help="topic, stance or claims")],
    variant: Annotated[list[str] | None, typer.Option(help="Settings of the engine, as name=value,name=value.")] = None,
    config: Annotated[Path, typer.Option(help="The configuration to vary.")] = Path("configs/pipeline.yaml"),
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "13",
    varied_seeds: Annotated[str | None, typer.Option(help="Those of the variants, if they are others.")] = None,
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
    public: Annotated[Path | None, typer.Option(help="Folder of the public data.")] = None,
    output: Annotated[Path | None, typer.Option(help="File to write for the report.")] = None,
) -> None:
    """Print a row for each task, variant and seed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = next((known for known in TASKS if known == task), None)
    if chosen is None:
        raise typer.BadParameter(f"{task!r} is none of {', '.join(TASKS)}")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"no folder {output.parent} for {output.name}")
    configured = numbers(seeds, "--seeds")
    varied = numbers(varied_seeds, "--varied-seeds") if varied_seeds else configured
    groups = task_groups.read(config)
    group = next(group for group in groups if chosen in group)
    planned = [
        (settings, seed, {name: _varied(own, settings, seed) for name, own in group.items()})
        for settings in (AS_CONFIGURED, *(variant or ()))
        for seed in (configured if settings == AS_CONFIGURED else varied)
    ]
    behind = learning_curve.digest([data / "strip_boilerplate", data / "split", labelled.TOPICS], groups)
    found = _of_others(output, behind, group)
    typer.echo("| Task | Settings | Seed | Dev sets | Processor time, s |\n| --- | --- | ---: | --- | ---: |")
    for settings, seed, own in planned:
        for trial in _trials(own, settings, seed, data, public or cache.folder(None)):
            scores = ", ".join(f"{name} {value:.3f}" for name, value in trial.scores.items())
            typer.echo(f"| {trial.task} | {settings} | {seed} | {scores} | {trial.seconds:.0f} |")
            found.append(trial)
        if output is not None:
            write_jsonl(output, [Variants(behind, tuple(found))])


def _of_others(output: Path | None, behind: str, group: Mapping[Task, training.Config]) -> list[Trial]:
    """Return the trials of tasks outside the group that an earlier run left, if they were of the same data."""
    if output is None or not output.is_file():
        return []
    earlier = [trial for left in read_jsonl(output, Variants) if left.digest == behind for trial in left.trials]
    return [trial for trial in earlier if trial.task not in group]


def _varied(config: training.Config, settings: str, seed: int) -> training.Config:
    changed: dict[str, Any] = config.model_dump()
    changed["seed"] = seed
    for item in settings.split(",") if settings != AS_CONFIGURED else ():
        name, sign, value = item.partition("=")
        if not sign:
            raise typer.BadParameter(f"{settings!r} is not name=value,name=value")
        changed[config.engine][name] = yaml.safe_load(value)
    try:
        return type(config).model_validate(changed)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise typer.BadParameter(f"{settings!r}: {place}: {error.errors()[0]['msg']}") from None


def _trials(
    group: Mapping[Task, training.Config], settings: str, seed: int, data: Path, public: Path
) -> Iterator[Trial]:
    examples = {name: labelled.of(name, data, data / "collect_datasets") for name in group}
    started = time.process_time()
    trained = training.train_group(group, examples)
    seconds = round(time.process_time() - started, 1)
    for task, config in group.items():
        dev, labels = labelled.seeds(task, "dev", data), examples[task].labels
        answers = trained[task].predict(dev)
        own = evaluation.score("dev", dev, answers, labels, seed=13).classification.macro_f1
        scores = {"seeds dev, macro-F1": round(own, 4)}
        with tempfile.TemporaryDirectory() as folder:
            training.save(trained[task], Path(folder) / task, config, task=task, data={})
            for item in SETS:
                if item.task == task and (public / item.file).is_file():
                    value = score(item, public / item.file, Path(folder) / task)
                    scores[f"{item.name}, {item.figure}"] = round(value, 4)
        yield Trial(task, settings, seed, seconds, scores)


if __name__ == "__main__":
    run(main)
