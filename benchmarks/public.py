"""A configuration with public data, trained with several seeds and scored on the published test sets.

``python -m benchmarks.public`` trains stance and claims as ``make repro CONFIG=configs/public.yaml`` does, or with
``--config`` another one, once for each seed, and scores each model once on NewsMTSC's test sets and on CheckThat!'s
dev-test set. Beside the claims stands a plain fine-tune: the same encoder under transformers' own classification head,
two epochs in batches of 32 of at most 128 tokens, in bf16 where the CPU has it, all else as the Trainer has it by
default, on CheckThat!'s two labels alone. The seeds must have been stripped before (``make repro``); the public files
come as the configuration says.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import typer
from datasets import Dataset
from scipy.special import softmax
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

from benchmarks import labelled, numbers, run
from pipeline import cases, claims, evaluation, stage_runner, task_groups
from pipeline import config as configuration
from pipeline import datasets as added
from pipeline.article import CLAIM_LABELS
from pipeline.cases import Cases
from pipeline.classifiers import encoders, processor, training
from pipeline.classifiers.contract import Example, Prediction
from pipeline.datasets import Task as AnyTask
from pipeline.evaluation import Scores

Task = Literal["stance", "claims"]
TASKS: tuple[Task, ...] = get_args(Task)
OURS, PLAIN = "ours", "plain"
NOT_CHECKWORTHY = tuple(label for label in CLAIM_LABELS if label != claims.RANKED)
PLAIN_EPOCHS = 2
PLAIN_BATCH = 32


def main(
    config: Annotated[Path, typer.Option(help="The configuration to train.")] = Path("configs/public.yaml"),
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "13,14,15",
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas.")] = "stance,claims",
    models: Annotated[
        str, typer.Option(help="Models, ours or plain, separated by commas; plain has claims alone.")
    ] = f"{OURS},{PLAIN}",
    data: Annotated[Path, typer.Option(help="Folder with split and stripped seeds.")] = Path("data"),
) -> None:
    """Print a row for each trained model and test set, then mean and standard deviation over the seeds."""
    chosen = _chosen(tasks, TASKS, "--tasks")
    asked_tasks = [task for task in TASKS if task in chosen]
    asked_models, asked_seeds = chosen_models(models), numbers(seeds, "--seeds")
    with tempfile.TemporaryDirectory() as folder:
        collect(config, Path(folder))
        for task in asked_tasks:
            if not cases.of_datasets(Path(folder), task, labelled.labels(task)):
                reason = f"{config} has no test set of {task}; take configs/public.yaml, or other --tasks"
                raise typer.BadParameter(reason, param_hint="--config")
        print_table(config, Path(folder), data, asked_tasks, asked_models, asked_seeds)


def collect(config: Path, folder: Path) -> None:
    """Write the labelled records of the configuration's data sets into ``folder``, as the stage does."""
    stage = stage_runner.load("collect_datasets")
    sections = configuration.load(config, stage_runner.names())
    section = configuration.section(sections, "collect_datasets", stage.config, source=config)
    stage.run(section, topics=labelled.TOPICS, output=folder)


def print_table(
    config: Path, datasets: Path, data: Path, tasks: Sequence[Task], models: Sequence[str], seeds: Sequence[int]
) -> None:
    """Train with each seed and print a row for each trained model and test set, then mean and standard deviation."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found: dict[tuple[str, str, str], list[float]] = {}
    typer.echo("| Test set | Model | Seed | Cases | Figure | Score | Training, s |")
    typer.echo("| --- | --- | ---: | ---: | --- | ---: | ---: |")
    for seed in seeds:
        for group in task_groups.read(config):
            asked = [task for task in TASKS if task in group and task in tasks]
            seeded = {task: own.model_copy(update={"seed": seed}) for task, own in group.items()}
            for test, model, scores, seconds in trained(asked, models, seeded, data, datasets):
                for name, value in figures(scores).items():
                    found.setdefault((test, model, name), []).append(value)
                    cells = (test, model, seed, scores.classification.cases, name, f"{value:.4f}", f"{seconds:.0f}")
                    typer.echo(f"| {' | '.join(map(str, cells))} |")
    for (test, model, name), values in found.items():
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        typer.echo(f"{test}, {model}: {name} {statistics.mean(values):.4f}{spread} over {len(values)} seeds")


def chosen_models(given: str) -> list[str]:
    """Return the models of an option."""
    return _chosen(given, (OURS, PLAIN), "--models")


def _chosen(given: str, known: Sequence[str], option: str) -> list[str]:
    chosen = [name.strip() for name in given.split(",")]
    if unknown := sorted(set(chosen) - set(known)):
        raise typer.BadParameter(f"{', '.join(unknown)}: it takes {', '.join(known)}", param_hint=option)
    return chosen


def trained(
    asked: Sequence[Task], models: Sequence[str], group: Mapping[AnyTask, training.Config], data: Path, datasets: Path
) -> Iterator[tuple[str, str, Scores, float]]:
    """Train a group of tasks with one seed; of those asked for, yield test set, model, scores and seconds of training.

    The seconds of ours are those of the whole group.
    """
    if asked and OURS in models:
        yield from _ours(asked, group, data, datasets)
    if "claims" in asked and PLAIN in models:
        tests = cases.of_datasets(datasets, "claims", labelled.labels("claims"))
        yield from _plain(tests, group["claims"], datasets)


def _ours(
    asked: Sequence[Task], group: Mapping[AnyTask, training.Config], data: Path, datasets: Path
) -> Iterator[tuple[str, str, Scores, float]]:
    started = time.monotonic()
    models = training.train_group(group, {task: labelled.of(task, data, datasets) for task in group})
    seconds = time.monotonic() - started
    for task in asked:
        seed = group[task].seed
        tests = cases.of_datasets(datasets, task, labelled.labels(task))
        for test in tests:
            yield test.task, OURS, _score(OURS, test, models[task].predict(test.examples), seed), seconds


def _plain(tests: Sequence[Cases], config: training.Config, datasets: Path) -> Iterator[tuple[str, str, Scores, float]]:
    started = time.monotonic()
    published = [one for one in added.examples(datasets, "claims", "train") if one.label == claims.RANKED or one.among]
    answers = plain(published, [example for test in tests for example in test.examples], config)
    seconds = time.monotonic() - started
    for test in tests:
        own, answers = answers[: len(test.examples)], answers[len(test.examples) :]
        yield test.task, PLAIN, _score(PLAIN, test, own, config.seed), seconds


def _score(name: str, test: Cases, answers: Sequence[Prediction], seed: int) -> Scores:
    return evaluation.score(name, test.examples, answers, test.labels, seed=seed, ranked=test.ranked)


def figures(scores: Scores) -> dict[str, float]:
    """Return what the sets are reported by: macro-F1, or F1 of check-worthy and average precision."""
    if scores.ranking is None:
        return {"macro-F1": scores.classification.macro_f1}
    positive = next(label for label in scores.classification.labels if label.label == scores.ranking.label)
    return {"F1(Yes)": positive.f1, "average precision": scores.ranking.average_precision}


def plain(train: Sequence[Example], test: Sequence[Example], config: training.Config) -> list[Prediction]:
    """Return the answers of a plain fine-tune on check-worthy or not, as probabilities of our labels."""
    folder = encoders.resolve(config.transformer.encoder)
    set_seed(config.seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)

    def rows(examples: Sequence[Example]) -> Dataset:
        tokens = tokenizer([example.text for example in examples], truncation=True, max_length=128)
        return Dataset.from_dict({**tokens, "labels": [int(one.label == claims.RANKED) for one in examples]})

    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            num_train_epochs=PLAIN_EPOCHS,
            per_device_train_batch_size=PLAIN_BATCH,
            bf16=processor.has_bf16(),
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=config.seed,
        )
        trainer = Trainer(
            model=model, args=arguments, train_dataset=rows(train), data_collator=DataCollatorWithPadding(tokenizer)
        )
        trainer.train()
        chances = softmax(np.asarray(trainer.predict(rows(test)).predictions, dtype=np.float64), axis=1)[:, 1]
    return [_answer(float(chance)) for chance in chances]


def _answer(chance: float) -> Prediction:
    scores = {label: (1 - chance) / len(NOT_CHECKWORTHY) for label in NOT_CHECKWORTHY} | {claims.RANKED: chance}
    best = claims.RANKED if chance > 0.5 else NOT_CHECKWORTHY[0]
    return Prediction(best, scores[best], scores, abstained=False)


if __name__ == "__main__":
    run(main)
