"""How far the trained models travel: scores on public development sets that none of them was trained on.

``python -m benchmarks.transfer`` prints a row for each set and engine, beside the answer that is most frequent in the
set; with ``--seeds 14,15`` further models are trained, and their answers scored together with the others'. Public data
are looked for in the cache folder (``--public``, or NEWSFACTS_CACHE); a set that is absent is named and left out:

- ``newsmtsc/dev_rw.jsonl`` and ``dev_mt.jsonl``
- ``checkthat2024/CT24_checkworthy_english_dev.tsv``
- ``bbc_news/all.jsonl.gz``: ``id``, ``text``, ``label``; the topics' corpus and engine were chosen by looks at it
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import labelled, numbers, run
from pipeline import cache, claims, evaluation, labelling, task_groups
from pipeline.classifiers import training
from pipeline.datasets import Task
from pipeline.errors import DataError
from pipeline.evaluation import Scores
from pipeline.labelling import Answers
from pipeline.metrics import Interval
from pipeline.predicting import Predictor

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A labelled file, how it says text and label, and which figure counts."""

    name: str
    task: Task
    file: str
    mapping: str
    figure: str


SETS = (
    PublicSet("NewsMTSC dev_rw", "stance", "newsmtsc/dev_rw.jsonl", "newsmtsc.yaml", "macro-F1"),
    PublicSet("NewsMTSC dev_mt", "stance", "newsmtsc/dev_mt.jsonl", "newsmtsc.yaml", "macro-F1"),
    PublicSet(
        "CheckThat! dev", "claims", "checkthat2024/CT24_checkworthy_english_dev.tsv", "checkthat2024.yaml",
        "average precision",
    ),
    PublicSet("BBC News", "topic", "bbc_news/all.jsonl.gz", "bbc_news.yaml", "accuracy"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A score with its interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})")


def main(
    models: Annotated[Path, typer.Option(help="Folder with a model folder for each task.")] = Path("models"),
    compared: Annotated[Path, typer.Option(help="Folder of the engines compared with them.")] = Path("data/compared"),
    public: Annotated[Path | None, typer.Option(help="Folder of the public data.")] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, separated by commas, of further models whose answers are added.")
    ] = None,
    config: Annotated[Path, typer.Option(help="What these are trained by.")] = Path("configs/pipeline.yaml"),
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
) -> None:
    """Print the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = public or cache.folder(None)
    with tempfile.TemporaryDirectory() as further:
        for seed in numbers(seeds, "--seeds") if seeds else ():
            train(config, seed, data, Path(further) / str(seed))
        typer.echo("| Set | Figure | Cases | Engine | Score | Most frequent answer |")
        typer.echo("| --- | --- | ---: | --- | ---: | ---: |")
        for item in SETS:
            if not (folder / item.file).is_file():
                typer.echo(f"{item.name} is left out: no file {folder / item.file}", err=True)
                continue
            own = [models / item.task, *sorted(Path(further).glob(f"*/{item.task}"))]
            for engine in (own, *([path] for path in sorted((compared / item.task).glob("*")))):
                typer.echo(row(item, score(item, folder / item.file, engine)))


def train(config: Path, seed: int, data: Path, folder: Path) -> None:
    """Train the tasks of a configuration with another seed, each into a folder below ``folder``."""
    for group in task_groups.read(config):
        seeded = {task: own.model_copy(update={"seed": seed}) for task, own in group.items()}
        examples = {task: labelled.of(task, data, data / "collect_datasets") for task in group}
        for task, trained in training.train_group(seeded, examples).items():
            training.save(trained, folder / task, seeded[task], task=task, data={})


def score(item: PublicSet, file: Path, models: Sequence[Path]) -> Scores:
    """Return the scores of a task's models on a set, their answers taken together.

    Of several, such as those of several seeds, every example is a case for each, and a resample has all of its cases or
    none: the score is close to the mean of theirs, and its interval that of this mean.
    """
    answers: list[Answers] = []
    for model in models:
        predictor = Predictor(model, item.task)
        answers.append(labelling.answer_mapped(predictor, str(file), HERE / item.mapping))
    seeds = f" of {len(models)} seeds" if len(models) > 1 else ""
    return evaluation.score(
        f"{predictor.model.manifest.engine}{seeds}",
        [example for own in answers for example in own.examples],
        [prediction for own in answers for prediction in own.predictions],
        answers[0].labels,
        seed=13,
        ranked=claims.RANKED if item.task == "claims" else None,
    )


def row(item: PublicSet, scores: Scores) -> str:
    """Return a row of the table."""
    cells = (item.name, item.figure, scores.classification.cases, scores.name, figure(item, scores))
    return f"| {' | '.join(map(str, (*cells, baseline(item, scores))))} |"


def figure(item: PublicSet, scores: Scores) -> Figure:
    """Return the figure that counts for a set."""
    if item.figure == "average precision":
        ranking = scores.ranking
        if ranking is None:
            raise DataError(f"{item.name} has no example of {claims.RANKED}; fetch the file again")
        return _figure(ranking.average_precision, ranking.interval)
    found = scores.classification
    if item.figure == "accuracy":
        return _figure(found.accuracy, found.accuracy_interval)
    return _figure(found.macro_f1, found.macro_f1_interval)


def _figure(value: float, interval: Interval | None) -> Figure:
    return Figure(value, interval.low, interval.high) if interval else Figure(value)


def baseline(item: PublicSet, scores: Scores) -> Figure:
    """Return what the most frequent label as the only answer would score; for a ranking, any order's expectation."""
    found = scores.classification
    share = max(label.support for label in found.labels) / found.cases
    if item.figure == "accuracy":
        return Figure(share)
    if item.figure == "macro-F1":
        return Figure(2 * share / (1 + share) / sum(label.support > 0 for label in found.labels))
    return Figure(next(label.support for label in found.labels if label.label == claims.RANKED) / found.cases)


if __name__ == "__main__":
    run(main)
