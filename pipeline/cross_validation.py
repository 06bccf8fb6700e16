"""Out-of-fold scores: every seed article is predicted by models that saw neither it nor its outlet.

Only the stripping of the texts is that of one model, trained on the train split.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline import cases, evaluation, topic
from pipeline.cases import Cases
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.store import Engine
from pipeline.corpus import LabelledArticle
from pipeline.datasets import Task
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
    configs: Mapping[Task, training.Config],
    *,
    folds: int,
    seeds: Sequence[int],
) -> Iterator[OutOfFold]:
    """Train each task's engines once a fold and seed, and score the predictions of all folds together.

    Of the other folds, the next one stops training and calibrates, as the dev split does; the rest trains.
    """
    fold_of = assign(articles, folds)
    parts = [[article for article in articles if fold_of[article.outlet] == fold] for fold in range(folds)]
    for task, config in configs.items():
        by_fold = [cases.of_task(task, part, tuple(topics)) for part in parts]
        examples = [example for own in by_fold for example in own.examples]
        labels = by_fold[0].labels
        added = topic.subject_examples(topics) if task == "topic" else []
        engines: tuple[Engine, ...] = tuple(dict.fromkeys((config.engine, *config.compared)))
        for seed in seeds:
            seeded = config.model_copy(update={"seed": seed})
            scores = [
                evaluation.score(
                    engine, examples, _predictions(seeded, engine, by_fold, added, labels), labels, seed=seed
                )
                for engine in engines
            ]
            scores.append(_majority(by_fold, labels, seed))
            yield OutOfFold(task, seed, tuple(scores))


def _predictions(
    config: training.Config, engine: Engine, by_fold: Sequence[Cases], added: Sequence[Example], labels: Sequence[str]
) -> list[Prediction]:
    found: list[Prediction] = []
    for fold, held_out in enumerate(by_fold):
        dev = (fold + 1) % len(by_fold)
        train = [example for number, own in enumerate(by_fold) if number not in (fold, dev) for example in own.examples]
        trained = training.train(config, engine, [*train, *added], by_fold[dev].examples, labels)
        found += trained.predict(held_out.examples)
    return found


def _majority(by_fold: Sequence[Cases], labels: Sequence[str], seed: int) -> Scores:
    examples: list[Example] = []
    found: list[Prediction] = []
    for fold, held_out in enumerate(by_fold):
        counts = Counter(
            one.label for number, own in enumerate(by_fold) if number != fold for one in own.examples if one.label
        )
        label = counts.most_common(1)[0][0]
        examples += held_out.examples
        found += [Prediction(label, 1.0, {label: 1.0}, False)] * len(held_out.examples)
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
