"""Score every model on the frozen test split, beside the engines that it is compared with and a majority baseline."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import acceptance, answers, cases, evaluation, locating, stance
from pipeline import datasets as added
from pipeline import floors as quality_floors
from pipeline.annotator import Stripper
from pipeline.article import REMOVED_ROLES
from pipeline.cases import Cases
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.cost import cost
from pipeline.config import Section
from pipeline.corpus import ARTICLES, SPLITS, CleanArticle, read_gold, read_labelled, read_split
from pipeline.curves import PrecisionRecallCurve
from pipeline.evaluation import Evaluation, Origin, ScoredCase, Scores, TaskEvaluation
from pipeline.locating import Span
from pipeline.records import file_digest, read_jsonl, write_jsonl
from pipeline.stance import Aggregation

EVALUATION = acceptance.EVALUATION
PREDICTIONS = "predictions.jsonl"


class Config(Section):
    """How to score."""

    seed: int = 13
    """Of the bootstrap."""


def run(
    config: Config,
    *,
    collected: Path,
    cleaned: Path,
    stripped: Path,
    split: Path,
    datasets: Path,
    models: Path,
    compared: Path,
    configuration: Path,
    floors: Path,
    accepted: Path,
    output: Path,
    plots: Path,
) -> dict[str, float]:
    """Write all scores, the scored cases, and the plots' data; return the headline figures.

    A floor that does not hold stops nothing: the evaluation says so, and ``newsfacts floors`` fails.
    """
    limits, before = quality_floors.read(floors), acceptance.read(accepted)
    splits = read_split(split)
    test, train = (read_labelled(stripped, splits, name) for name in ("test", "train"))
    gold = read_gold(collected)
    clean_test = [item for item in read_jsonl(cleaned / ARTICLES, CleanArticle) if splits[item.article.id] == "test"]
    plots.mkdir(parents=True, exist_ok=True)

    loaded = {task: store.load(models / task) for task in ("boilerplate", "topic", "stance", "claims")}
    more = {task: added.examples(datasets, task, "train") for task in added.TASKS}
    trained_on = {
        "boilerplate": [],  # of which a majority baseline says nothing
        "topic": [article.topic for article in train] + _labels(more["topic"]),
        "stance": _labels(cases.of_stance(train).examples + more["stance"]),
        "claims": _labels(cases.of_claims(train).examples + more["claims"]),
    }
    direct = (
        cases.of_lines(clean_test, gold),
        cases.of_topic(test, loaded["topic"].manifest.labels),
        cases.of_stance(test),
        cases.of_claims(test),
    )
    stripped_test = Stripper(loaded["boilerplate"]).strip_clean([(item.article, item.aligned()) for item in clean_test])
    bodies = {body.article.id: body for body in stripped_test}
    spans: dict[str, Sequence[Span]] = {
        "boilerplate": locating.of_lines(clean_test),
        "claims": locating.of_claims(test, bodies),
        "stance": locating.of_stance(test, bodies),
    }
    tasks: list[TaskEvaluation] = []
    scored: list[ScoredCase] = []
    answered: list[answers.Answer] = []
    for own in direct:
        model = loaded[own.task]
        predictions = model.predict(own.examples)
        rivals = _rivals(compared / own.task, own)
        found = _evaluate(own, model, predictions, trained_on[own.task], rivals, config.seed)
        tasks.append(replace(found, slices=_slices(own, predictions, gold, config.seed)))
        scored += _scored(own, predictions, rivals, spans.get(own.task))
        answered += answers.of_task(own.task, own.examples, predictions, own.labels)
        _write_plots(plots, tasks[-1], own, predictions)
    for task in ("topic", "stance", "claims"):
        model = loaded[task]
        for own in cases.of_datasets(datasets, task, model.manifest.labels):
            predictions = model.predict(own.examples)
            rivals = _rivals(compared / task, own)
            tasks.append(_evaluate(own, model, predictions, trained_on[task], rivals, config.seed))
            answered += answers.of_task(own.task, own.examples, predictions, own.labels)
    stances: list[str] = [target.label for article in train for target in article.targets]
    indirect: list[TaskEvaluation] = []
    for (own, predictions), task, known in (
        (cases.of_article_stance(test, loaded["stance"]), "stance", stances),
        (cases.of_listed_claims(test, gold, loaded["claims"]), "claims", trained_on["claims"]),
    ):
        found = _evaluate(own, loaded[task], predictions, known, (), config.seed, direct=False)
        indirect.append(replace(found, slices=_slices(own, predictions, gold, config.seed)))
        answered += answers.of_task(own.task, own.examples, predictions, own.labels)
        if task == "stance":
            scored += _scored(own, predictions, (), None)
    article_stance, listed = indirect
    threshold = Aggregation.load(models / "stance" / stance.ASSET).min_score
    # A sentence that is not listed has no score, so there is no calibration to speak of.
    tasks += [replace(article_stance, threshold=threshold), _without_scores(listed)]

    strip, stripped_lines = cases.score_stripping(clean_test, gold, stripped_test, seed=config.seed)
    answered = [*stripped_lines, *answered]
    counts = Counter(splits.values())
    whole = Evaluation(
        {name: counts[name] for name in SPLITS},
        strip,
        tuple(tasks),
        origin=Origin(
            configuration.stem, file_digest(configuration), {task: model.digest for task, model in loaded.items()}
        ),
        accepted=before[0].origin if before else None,
        changes=answers.changes(before[1], answered, seed=config.seed) if before else (),
        added={task: len(examples) for task, examples in more.items() if examples},
    )
    whole = replace(whole, floors=quality_floors.checks(limits.get(configuration.stem, {}), whole))
    write_jsonl(output / PREDICTIONS, scored)
    write_jsonl(output / answers.FILE, answered)
    write_jsonl(output / EVALUATION, [whole])
    return evaluation.headline(whole)


@dataclass(frozen=True)
class _Rival:
    """An engine that the model is compared with, and its answers to the same cases."""

    name: str
    model: store.Model
    predictions: list[Prediction]


def _rivals(folder: Path, own: Cases) -> list[_Rival]:
    found: list[_Rival] = []
    for path in sorted(folder.glob("*")):
        model = store.load(path)
        found.append(_Rival(path.name, model, model.predict(own.examples)))
    return found


def _evaluate(
    own: Cases,
    model: store.Model,
    predictions: Sequence[Prediction],
    train: Sequence[str],
    rivals: Sequence[_Rival],
    seed: int,
    *,
    direct: bool = True,
) -> TaskEvaluation:
    """Score a model's answers to cases; ``direct`` tells that they are its predictions for the cases' own examples."""
    asked, labels, ranked = own.examples, own.labels, own.ranked
    others = [
        evaluation.score(
            rival.name,
            asked,
            rival.predictions,
            labels,
            seed=seed,
            temperature=rival.model.manifest.temperature,
            ranked=ranked,
        )
        for rival in rivals
    ]
    if train:
        others.append(evaluation.majority(train, asked, labels, seed=seed, ranked=ranked))
    scale_of_model = model.manifest.temperature if direct else None
    engine = model.manifest.engine
    engines = {engine: model, **{rival.name: rival.model for rival in rivals}} if direct else {}
    return TaskEvaluation(
        task=own.task,
        unit=own.unit,
        model=evaluation.score(
            engine, asked, predictions, labels, seed=seed, temperature=scale_of_model, ranked=ranked
        ),
        compared=tuple(others),
        slices={},
        coverage_curve=evaluation.coverage_curve(asked, predictions, labels),
        unread=model.classifier.unread(asked) if direct else None,
        threshold=model.min_score if direct else None,
        reliability=evaluation.reliability(asked, predictions, labels),
        precision_recall=_precision_recall(own, predictions, model),
        costs={name: cost(one, asked) for name, one in engines.items()},
    )


def _precision_recall(
    own: Cases, predictions: Sequence[Prediction], model: store.Model
) -> tuple[PrecisionRecallCurve, ...]:
    if own.task != "boilerplate":
        return evaluation.precision_recall(own.examples, predictions, own.labels)
    # Of a line's role only this is ever asked: whether it goes.
    threshold = model.manifest.config["strip"]["min_score"]
    return evaluation.precision_recall_of_any("removed", own.examples, predictions, REMOVED_ROLES, threshold)


def _slices(
    own: Cases, predictions: Sequence[Prediction], gold: cases.Gold, seed: int
) -> dict[str, Mapping[str, Scores]]:
    """Score the cases by each attribute of their articles; of topics, a slice by topic would have one label."""
    found = [cases.attributes(gold[example.group]) for example in own.examples]
    names = [name for name in found[0] if name != own.task] if found else []
    return {
        name: evaluation.slices([one[name] for one in found], own.examples, predictions, own.labels, seed=seed)
        for name in names
    }


def _without_scores(listed: TaskEvaluation) -> TaskEvaluation:
    return replace(
        listed,
        model=_uncalibrated(listed.model),
        coverage_curve=(),
        reliability=(),
        precision_recall=(),
        slices={by: {name: _uncalibrated(scores) for name, scores in own.items()} for by, own in listed.slices.items()},
    )


def _uncalibrated(scores: Scores) -> Scores:
    return replace(scores, calibration_error=None, calibration_interval=None, coverage=None, covered_accuracy=None)


def _labels(examples: Sequence[Example]) -> list[str]:
    return [example.label for example in examples if example.label is not None]


def _scored(
    own: Cases, predictions: Sequence[Prediction], rivals: Sequence[_Rival], spans: Sequence[Span] | None
) -> list[ScoredCase]:
    places: Sequence[Span | tuple[None, None]] = spans or [(None, None)] * len(own.examples)
    return [
        ScoredCase(
            own.task,
            example.group,
            example.text if len(example.text) <= 400 else f"{example.text[:400]}…",
            example.pair,
            example.label or "",
            prediction.label,
            round(prediction.score, 4),
            {label: round(score, 4) for label, score in prediction.scores.items()},
            prediction.abstained,
            start,
            end,
            {rival.name: rival.predictions[row].label for rival in rivals},
        )
        for row, (example, prediction, (start, end)) in enumerate(zip(own.examples, predictions, places, strict=True))
    ]


def _write_plots(folder: Path, task: TaskEvaluation, own: Cases, predictions: Sequence[Prediction]) -> None:
    """Write what the report draws of a task, for DVC to draw as well."""
    answers = [(example.label or "", found.label) for example, found in zip(own.examples, predictions, strict=True)]
    _write_table(folder / f"confusion_{task.task}.csv", ("actual", "predicted"), answers)
    _write_table(
        folder / f"reliability_{task.task}.csv",
        ("confidence", "accuracy", "cases"),
        [(f"{one.confidence:.4f}", f"{one.accuracy:.4f}", one.cases) for one in task.reliability],
    )
    _write_table(
        folder / f"coverage_{task.task}.csv",
        ("coverage", "risk", "score"),
        [(f"{one.coverage:.4f}", f"{1 - one.accuracy:.4f}", f"{one.score:.4f}") for one in task.coverage_curve],
    )
    _write_table(
        folder / f"precision_recall_{task.task}.csv",
        ("label", "recall", "precision", "score"),
        [
            (curve.label, f"{one.recall:.4f}", f"{one.precision:.4f}", f"{one.score:.4f}")
            for curve in task.precision_recall
            for one in curve.points
        ],
    )


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
