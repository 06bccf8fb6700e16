"""Out-of-fold scores: every seed article is predicted by models that saw neither it nor its outlet.

Only the stripping of the texts is that of one model, trained on the train split.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline import evaluation, task_examples, topic
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.store import Engine
from pipeline.corpus import LabelledArticle
from pipeline.datasets import TASKS, Task
from pipeline.errors import DataError
from pipeline.evaluation import Scores
from pipeline.metrics import Interval

HEADER = "| task | engine | seed | cases | macro-F1 | 95 % interval | ECE | 95 % interval |\n" + "|---" * 8 + "|"


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """A task's engines, scored on all articles at once; ``seed`` is that of training."""

    task: Task
    seed: int
    scores: tuple[Scores, ...]


def assign(articles: Sequence[LabelledArticle], folds: int) -> dict[str, int]:
    """Return the fold of each outlet: the largest outlets first, each to the fold with the fewest articles.

    Raises:
        DataError: there are fewer outlets than folds, or fewer than three folds (one trains, one stops, one is scored).
    """
    sizes = Counter(article.outlet for article in articles)
    if not 3 <= folds <= len(sizes):
        raise DataError(f"{folds} folds of {len(sizes)} outlets; take from 3 to as many folds as outlets")
    filled = [0] * folds
    found: dict[str, int] = {}
    for outlet, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold = filled.index(min(filled))
        found[outlet] = fold
        filled[fold] += size
    return found


def out_of_fold(
    articles: Sequence[LabelledArticle],
    topics: Mapping[str, topic.Definition],
    groups: Sequence[Mapping[Task, training.Config]],
    *,
    folds: int,
    seeds: Sequence[int],
    tasks: Collection[Task] = TASKS,
) -> Iterator[OutOfFold]:
    """Train the engines of ``tasks`` once a fold and seed, and score each one's predictions of all folds together.

    Of the other folds, the next one stops training and calibrates, as the dev split does; the rest trains. The tasks of
    a group are trained on one encoder, also where only one of them is asked for.
    """
    fold_of = assign(articles, folds)
    parts = [[article for article in articles if fold_of[article.outlet] == fold] for fold in range(folds)]
    for group in groups:
        asked = [task for task in group if task in tasks]
        if not asked:
            continue
        by_fold = {task: [task_examples.of_articles(task, part) for part in parts] for task in asked}
        for seed in seeds:
            seeded = {task: config.model_copy(update={"seed": seed}) for task, config in group.items()}
            found = _predictions(seeded, parts, topics, by_fold)
            for task in asked:
                examples = [example for own in by_fold[task] for example in own]
                labels = task_examples.labels(task, topics)
                scores = [
                    evaluation.score(engine, examples, predictions, labels, seed=seed)
                    for engine, predictions in found[task].items()
                ]
                yield OutOfFold(task, seed, (*scores, _majority(by_fold[task], labels, seed)))


def _predictions(
    group: Mapping[Task, training.Config],
    parts: Sequence[Sequence[LabelledArticle]],
    topics: Mapping[str, topic.Definition],
    by_fold: Mapping[Task, Sequence[Sequence[Example]]],
) -> dict[Task, dict[Engine, list[Prediction]]]:
    """Return what each engine of a task says to its cases of all folds."""
    found: dict[Task, dict[Engine, list[Prediction]]] = {task: {} for task in by_fold}
    for fold in range(len(parts)):
        dev = (fold + 1) % len(parts)
        train = [article for number, part in enumerate(parts) if number not in (fold, dev) for article in part]
        examples = {task: task_examples.for_training(task, train, parts[dev], topics=topics) for task in group}
        chosen = training.train_group(group, examples)
        for task in by_fold:
            config = group[task]
            trained = {config.engine: chosen[task]}
            for engine in config.compared:
                if engine not in trained:
                    trained[engine] = training.train_beside(chosen[task], config, engine, examples[task])
            for engine, model in trained.items():
                found[task].setdefault(engine, []).extend(model.predict(by_fold[task][fold]))
    return found


def _majority(by_fold: Sequence[Sequence[Example]], labels: Sequence[str], seed: int) -> Scores:
    examples: list[Example] = []
    found: list[Prediction] = []
    for fold, held_out in enumerate(by_fold):
        counts = Counter(one.label for number, own in enumerate(by_fold) if number != fold for one in own if one.label)
        label = counts.most_common(1)[0][0]
        examples += held_out
        found += [Prediction(label, 1.0, {label: 1.0}, False)] * len(held_out)
    scores = evaluation.score("majority", examples, found, labels, seed=seed)
    return replace(scores, calibration_error=None, calibration_interval=None)


def rows(result: OutOfFold) -> str:
    """Return a row of the table for each engine."""
    return "\n".join(
        f"| {result.task} | {own.name} | {result.seed} | {own.classification.cases} "
        f"| {own.classification.macro_f1:.3f} | {_shown(own.classification.macro_f1_interval)} "
        f"| {'–' if own.calibration_error is None else f'{own.calibration_error:.3f}'} "
        f"| {_shown(own.calibration_interval)} |"
        for own in result.scores
    )


def spread(results: Sequence[OutOfFold]) -> str:
    """Return a line for each task and engine: mean and standard deviation of macro-F1 over the seeds."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in results:
        for own in result.scores:
            found.setdefault((result.task, own.name), []).append(own.classification.macro_f1)
    return "\n".join(
        f"{task} {engine}: macro-F1 {statistics.mean(values):.3f} ± {statistics.stdev(values):.3f} "
        f"over {len(values)} seeds"
        for (task, engine), values in found.items()
        if len(values) > 1
    )


def _shown(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else "–"
