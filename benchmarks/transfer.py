"""How far the trained models travel: scores on public development sets that none of them was trained on.

``python -m benchmarks.transfer`` prints a row for each set and engine, beside the answer that is most frequent in the
set; with ``--seeds 14,15`` further models are trained, and the score is the mean of all models'. Public data are looked
for in the cache folder (``--public``, or NEWSFACTS_CACHE); a set that is absent is named and left out:

- ``newsmtsc/dev_rw.jsonl`` and ``dev_mt.jsonl``
- ``checkthat2024/CT24_checkworthy_english_dev.tsv``
- ``bbc_news/all.jsonl.gz``: ``id``, ``text``, ``label``; the topics' corpus and engine were chosen by looks at it
"""

from __future__ import annotations

import logging
import statistics
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks import labelled, numbers, run
from pipeline import cache, claims, evaluation, labelling, metrics, task_groups
from pipeline.classifiers import training
from pipeline.classifiers.contract import Prediction
from pipeline.datasets import Task
from pipeline.errors import DataError
from pipeline.labelling import Answers
from pipeline.predicting import Predictor

HERE = Path(__file__).parent
SEED = 13  # of the resampling
RESAMPLES = 1000


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
        str | None, typer.Option(help="Seeds, separated by commas, of further models that are trained and scored.")
    ] = None,
    config: Annotated[Path, typer.Option(help="What these are trained by.")] = Path("configs/pipeline.yaml"),
    data: Annotated[Path, typer.Option(help="Folder with split, stripped seeds and data sets.")] = Path("data"),
) -> None:
    """Print the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = public or cache.folder(None)
    found = [item for item in SETS if (folder / item.file).is_file()]
    for item in SETS:
        if item not in found:
            typer.echo(f"{item.name} is left out: no file {folder / item.file}", err=True)
    further = numbers(seeds, "--seeds") if seeds else []
    for task in {item.task for item in found}:
        require_other_seeds(models / task, task, further)
    with tempfile.TemporaryDirectory() as trained:
        for seed in further:
            train(config, seed, data, Path(trained) / str(seed), {item.task for item in found})
        typer.echo("| Set | Figure | Cases | Engine | Score | Most frequent answer |")
        typer.echo("| --- | --- | ---: | --- | ---: | ---: |")
        for item in found:
            own = [models / item.task, *(Path(trained) / str(seed) / item.task for seed in further)]
            for folders in (own, *([path] for path in sorted((compared / item.task).glob("*")))):
                typer.echo(row(item, folder / item.file, folders))


def require_other_seeds(model: Path, task: Task, seeds: Sequence[int]) -> None:
    """Refuse seeds of which one comes twice, or has trained the model: it would count twice."""
    known = [*seeds, Predictor(model, task).model.manifest.config.get("seed")] if seeds else []
    if len(set(known)) < len(known):
        raise typer.BadParameter(f"of {', '.join(map(str, known))}, the last of {model}, one comes twice")


def train(config: Path, seed: int, data: Path, folder: Path, tasks: Collection[Task]) -> None:
    """Train tasks of a configuration, and those that share their encoder, with another seed, each below ``folder``."""
    for group in task_groups.read(config):
        if not set(group) & set(tasks):
            continue
        seeded = {task: own.model_copy(update={"seed": seed}) for task, own in group.items()}
        examples = {task: labelled.of(task, data, data / "collect_datasets") for task in group}
        for task, trained in training.train_group(seeded, examples).items():
            training.save(trained, folder / task, seeded[task], task=task, data={})


def row(item: PublicSet, file: Path, folders: Sequence[Path]) -> str:
    """Return the row of a model, or of several that differ in their seed: then the score is the mean of theirs."""
    predictors = [Predictor(folder, item.task) for folder in folders]
    answers = [labelling.answer_mapped(predictor, str(file), HERE / item.mapping) for predictor in predictors]
    engines = " and ".join(dict.fromkeys(predictor.model.manifest.engine for predictor in predictors))
    name = engines if len(folders) == 1 else f"{engines}, mean of {len(folders)}"
    cells = (item.name, item.figure, len(answers[0].examples), name, figure(item, answers), baseline(item, answers[0]))
    return f"| {' | '.join(map(str, cells))} |"


def score(item: PublicSet, file: Path, model: Path) -> float:
    """Return the figure of a model on a set."""
    return figure(item, [labelling.answer_mapped(Predictor(model, item.task), str(file), HERE / item.mapping)]).value


def figure(item: PublicSet, answers: Sequence[Answers]) -> Figure:
    """Return the mean of the models' figures; each resample, of whole groups, draws the same cases for all of them.

    Raises:
        DataError: a ranking has no case of the label that is to come first.
    """
    of_models = [evaluation.merged(own.examples, own.predictions, own.labels) for own in answers]

    def mean(rows: Sequence[int]) -> float | None:
        found = [
            value(item, [gold[row] for row in rows], [predictions[row] for row in rows], labels)
            for gold, predictions, labels in of_models
        ]
        known = [one for one in found if one is not None]
        return statistics.mean(known) if known else None

    examples = answers[0].examples
    whole = mean(range(len(examples)))
    if whole is None:
        raise DataError(f"{item.name} has no example of {claims.RANKED}; fetch the file again")
    groups = [example.group for example in examples]
    drawn = [one for rows in metrics.resampled(groups, SEED, RESAMPLES) if (one := mean(rows.tolist())) is not None]
    return Figure(whole, *np.quantile(drawn, (0.025, 0.975)).tolist()) if drawn else Figure(whole)


def value(
    item: PublicSet, gold: Sequence[str], predictions: Sequence[Prediction], labels: Sequence[str]
) -> float | None:
    """Return the figure that counts for a set; None for a ranking in which nothing is to come first."""
    if item.figure == "average precision":
        scores = [prediction.scores[claims.RANKED] for prediction in predictions]
        found = metrics.average_precision(scores, [label == claims.RANKED for label in gold], [""] * len(gold))
        return found[0] if found else None
    classified = metrics.classification(gold, [prediction.label for prediction in predictions], labels)
    return classified.accuracy if item.figure == "accuracy" else classified.macro_f1


def baseline(item: PublicSet, answers: Answers) -> Figure:
    """Return what the most frequent label as the only answer would score; for a ranking, any order's expectation."""
    gold, _, _ = evaluation.merged(answers.examples, answers.predictions, answers.labels)
    counts = Counter(gold)
    share = max(counts.values()) / len(gold)
    if item.figure == "accuracy":
        return Figure(share)
    if item.figure == "macro-F1":
        return Figure(2 * share / (1 + share) / len(counts))
    return Figure(counts[claims.RANKED] / len(gold))


if __name__ == "__main__":
    run(main)
