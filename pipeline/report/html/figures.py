"""A task's pictures, each with what it shows in words and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from pipeline.drift import MEAN_DIFFERENCE
from pipeline.evaluation import Scores, TaskEvaluation
from pipeline.learning_curve import Curve
from pipeline.metrics import CoveragePoint
from pipeline.report.html import pictures, titles
from pipeline.report.html.composition import Difference
from pipeline.report.html.removals import Group, Overview
from pipeline.report.html.summary import MAJORITY
from pipeline.report.html.titles import interval, label, magnitude, number, percent, slug
from pipeline.training_variants import Variants, Worth, worth

_ROWS = 12  # of a curve's table


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: ``text`` says what it shows, ``rows`` below ``header`` are its numbers."""

    identity: str
    title: str
    text: str
    svg: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def image(self) -> Markup:
        """The picture with its name and description, as what reads the page aloud tells them."""
        opening, _, rest = self.svg.partition(">")
        named = Markup('<title id="{0}-name">{1}</title><desc id="{0}-description">{2}</desc>')
        labels = Markup(' role="img" aria-labelledby="{0}-name" aria-describedby="{0}-description">')
        # The picture itself is of our own making: matplotlib escapes the names that it draws.
        drawn, end = Markup(opening), Markup(rest)  # noqa: S704
        return drawn + labels.format(self.identity) + named.format(self.identity, self.title, self.text) + end


def of_task(task: TaskEvaluation, curve: Curve | None, variants: Variants | None) -> list[Figure]:
    """Return the pictures that a task has data for."""
    drawn = (
        _precision_recall(task),
        _thresholds(task),
        _reliability(task),
        _risk(task),
        _learning(task, curve),
        _variants(task, variants),
        _cost(task),
    )
    return [figure for figure in drawn if figure is not None]


def of_removals(found: Overview) -> list[Figure]:
    """Return what was removed by role and by outlet, each divided by layer."""
    if not found.stretches:
        return []
    return [
        _groups("removed-by-role", "Removed, by role", found.by_role, found.layers),
        _groups("removed-by-outlet", "Removed, by outlet", found.by_outlet, found.layers),
    ]


def of_differences(found: Sequence[Difference]) -> list[Figure]:
    """Return how far dev and test lie from train: in labels and words, and in numbers."""
    numbers = [one for one in found if one.shift.measure == MEAN_DIFFERENCE]
    shares = [one for one in found if one.shift.measure != MEAN_DIFFERENCE]
    chance = "Bars are what articles dealt out at random give in 19 of 20 deals: a point in its bar is no difference."
    return [
        _differences(
            "drift-of-shares",
            "Labels and words, against the training articles",
            f"Jensen-Shannon divergence in bits: 0.02 is small, 0.1 large, below 0 is less than by chance. {chance}",
            shares,
            signed=False,
        ),
        _differences(
            "drift-of-numbers",
            "Lengths and shares, against the training articles",
            f"Cohen’s d: 0.2 is small, 0.8 large. {chance}",
            numbers,
            signed=True,
        ),
    ]


def _differences(name: str, title: str, text: str, found: Sequence[Difference], *, signed: bool) -> Figure:
    rows = [(f"{one.split}: {one.name}", one.shift.effect, one.shift.chance) for one in found]
    return Figure(
        name,
        title,
        text,
        pictures.shifts(name, rows, "effect", signed=signed),
        ("Split", "Property", "Effect", "By chance", "Difference"),
        tuple(
            (one.split, one.name, titles.signed(one.shift.effect), number(one.shift.chance), one.shift.size)
            for one in found
        ),
    )


def _precision_recall(task: TaskEvaluation) -> Figure | None:
    if not task.precision_recall:
        return None
    name = f"pr-{slug(task.task)}"
    points = [
        (label(one.label), number(one.average_precision))
        + ((number(one.chosen.recall), number(one.chosen.precision)) if one.chosen else ("–", "–"))
        for one in task.precision_recall
    ]
    return Figure(
        name,
        "Precision and recall",
        "What a threshold on a label’s own probability would give. The large markers are where the model decides.",
        pictures.precision_recall(name, [replace(one, label=label(one.label)) for one in task.precision_recall]),
        ("Label", "Average precision", "Recall chosen", "Precision chosen"),
        tuple(points),
    )


def _thresholds(task: TaskEvaluation) -> Figure | None:
    if not task.coverage_curve:
        return None
    name = f"threshold-{slug(task.task)}"
    chosen = (
        f"The dotted line is the threshold chosen on dev, {task.threshold:.2f}."
        if task.threshold
        else "This model answers whatever its score: no threshold was chosen."
    )
    return Figure(
        name,
        "Threshold",
        f"What is answered, and how much of it rightly, if scores below a threshold are left unanswered. {chosen}",
        pictures.thresholds(name, task.coverage_curve, task.threshold),
        ("Threshold", "Answered", "Right among the answered"),
        tuple(
            (number(one.score), percent(one.coverage), percent(one.accuracy)) for one in _thinned(task.coverage_curve)
        ),
    )


def _reliability(task: TaskEvaluation) -> Figure | None:
    if not task.reliability:
        return None
    name = f"reliability-{slug(task.task)}"
    error = task.model.calibration_error
    shown = interval(task.model.calibration_interval)
    said = f" ECE {number(error)}{f' ({shown})' if shown else ''}." if error is not None else ""
    if task.model.uncalibrated_error is not None:
        said += f" Before temperature scaling it was {number(task.model.uncalibrated_error)}."
    return Figure(
        name,
        "Reliability",
        f"On the diagonal a score is the share of right answers; below it the model is too sure.{said}",
        pictures.reliability(name, task.reliability),
        ("Mean confidence", "Right", "Cases"),
        tuple((number(one.confidence), percent(one.accuracy), str(one.cases)) for one in task.reliability),
    )


def _risk(task: TaskEvaluation) -> Figure | None:
    if not task.coverage_curve:
        return None
    name = f"risk-{slug(task.task)}"
    return Figure(
        name,
        "Coverage and risk",
        "How many answers would be wrong if only the surest were given. The marker is where the model now stands.",
        pictures.risk(name, task.coverage_curve, task.threshold),
        ("Coverage", "Risk", "Lowest score"),
        tuple(
            (percent(one.coverage), percent(1 - one.accuracy), number(one.score))
            for one in _thinned(task.coverage_curve)
        ),
    )


def _learning(task: TaskEvaluation, curve: Curve | None) -> Figure | None:
    points = [point for point in curve.points if point.task == task.task] if curve else []
    if curve is None or not points:
        return None
    name = f"learning-{slug(task.task)}"
    engine = points[0].engine
    other = f" That is not the engine above, which is {task.model.name}." if engine != task.model.name else ""
    return Figure(
        name,
        "Learning curve",
        f"How the score on dev grew with the training articles, when it was last measured (engine {engine}, "
        f"digest of data and settings {curve.digest[:12]}).{other}",
        pictures.learning(name, [(one.articles, one.dev_macro_f1) for one in points], engine),
        ("Training articles", "Examples", "Macro-F1 on dev"),
        tuple((str(one.articles), f"{one.examples:,}", number(one.dev_macro_f1)) for one in points),
    )


def _variants(task: TaskEvaluation, variants: Variants | None) -> Figure | None:
    rows = worth(variants.trials, task.task) if variants else []
    if variants is None or len(rows) < 2 or not rows[0].means:
        return None
    name = f"variants-{slug(task.task)}"
    sets = tuple(rows[0].means)
    return Figure(
        name,
        "What settings of training are worth",
        f"Scores on dev sets of the task trained as configured, with {rows[0].seeds} seeds, and with other settings, "
        f"as last measured (digest of data and settings {variants.digest[:12]}). The band is what seeds alone "
        "make of the configured settings; one more may lie beyond it, so a difference of its size shows nothing. "
        "Thresholds and epochs were chosen on the dev split of the seeds; no public set was trained on.",
        pictures.variants(name, [(one.settings, one.means[sets[0]], one.ranges[sets[0]]) for one in rows], sets[0]),
        ("Settings", "Seeds", *sets),
        tuple((one.settings, str(one.seeds), *(_worth(one, part) for part in sets)) for one in rows),
    )


def _worth(found: Worth, part: str) -> str:
    low, high = found.ranges[part]
    spread = f" ({number(low)} to {number(high)})" if found.seeds > 1 else ""
    gain = "" if found.gains is None else f", {found.gains[part]:+.3f}"
    return f"{number(found.means[part])}{spread}{gain}"


def _cost(task: TaskEvaluation) -> Figure | None:
    engines = [scores for scores in (task.model, *task.compared) if scores.name != MAJORITY]
    priced = [scores for scores in engines if scores.name in task.costs]
    if len(priced) < 2:
        return None
    name = f"cost-{slug(task.task)}"
    return Figure(
        name,
        "Quality against cost",
        "Macro-F1 with its 95 % interval by the floating-point operations for one article, counted from the shapes of "
        "the models; “M” is millions, “G” thousands of millions.",
        pictures.quality_by_cost(name, [_engine(scores, task) for scores in priced]),
        ("Engine", "Macro-F1", "95 % interval", "Operations an article", "Parameters", "Model folder"),
        tuple(
            (
                scores.name,
                number(scores.classification.macro_f1),
                interval(scores.classification.macro_f1_interval),
                magnitude(task.costs[scores.name].operations),
                magnitude(task.costs[scores.name].parameters),
                f"{magnitude(task.costs[scores.name].size)}B",
            )
            for scores in priced
        ),
    )


def _engine(scores: Scores, task: TaskEvaluation) -> pictures.Engine:
    found = scores.classification
    spread = found.macro_f1_interval
    low, high = (spread.low, spread.high) if spread else (found.macro_f1, found.macro_f1)
    operations = max(task.costs[scores.name].operations, 1.0)
    return pictures.Engine(scores.name, operations, found.macro_f1, min(low, found.macro_f1), max(high, found.macro_f1))


def _groups(name: str, title: str, groups: Sequence[Group], layers: Sequence[str]) -> Figure:
    return Figure(
        name,
        title,
        "Stretches of text that were taken out, by the layer of stripping that took them.",
        pictures.stacked(name, [(group.name, group.by_layer) for group in groups], layers, "stretches"),
        ("", *layers, "Stretches", "Characters"),
        tuple(
            (
                group.name,
                *(str(group.by_layer.get(layer, 0)) for layer in layers),
                str(group.stretches),
                f"{group.characters:,}",
            )
            for group in groups
        ),
    )


def _thinned(curve: Sequence[CoveragePoint]) -> list[CoveragePoint]:
    step = max(1, len(curve) // _ROWS)
    return list(curve[::-step][::-1])
