"""The first screen: whether the model is good enough, on what, compared with what, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.evaluation import STRIP, Change, Evaluation, FloorCheck, Scores, TaskEvaluation
from pipeline.metrics import Interval
from pipeline.report.html.titles import number, signed, title

MAJORITY = "majority"
_ORDER = (STRIP, "boilerplate", "topic", "claims", "listed claims", "stance", "article stance")
_METRICS = {"macro_f1": "macro-F1", "f1": "F1", "ece": "ECE"}
_FLOOR_FIRST = ("macro_f1", "f1")


@dataclass(frozen=True, slots=True)
class Line:
    """One task on the first screen; ``low`` and ``high`` are 0 and 1 where there is no interval."""

    task: str
    title: str
    metric: str
    cases: int
    unit: str
    value: float
    interval: Interval | None
    baseline: float | None
    """What the most frequent training label scores; None where there is none."""
    rivals: tuple[Scores, ...]
    change: Change | None
    floors: tuple[FloorCheck, ...]
    floor: float | None
    """The floor of the metric that is shown."""

    @property
    def broken(self) -> tuple[FloorCheck, ...]:
        """The floors that do not hold."""
        return tuple(one for one in self.floors if not one.holds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one word and in sentences; ``holds`` is None where nobody has set a floor."""

    holds: bool | None
    answer: str
    sentences: tuple[str, ...]


def lines(evaluation: Evaluation) -> list[Line]:
    """Return one line a task: from boilerplate to claims and stance, then the added data sets."""
    strip = evaluation.strip
    found = [
        _line(evaluation, STRIP, "F1", strip.lines, "lines", strip.f1, strip.f1_interval),
        *(_line_of(evaluation, task) for task in evaluation.tasks),
    ]
    places = {task: place for place, task in enumerate(_ORDER)}
    return sorted(found, key=lambda line: places.get(line.task, len(places)))


def _line_of(evaluation: Evaluation, task: TaskEvaluation) -> Line:
    scores = task.model.classification
    baseline = next((other.classification.macro_f1 for other in task.compared if other.name == MAJORITY), None)
    rivals = tuple(other for other in task.compared if other.name != MAJORITY)
    return _line(
        evaluation,
        task.task,
        "macro-F1",
        scores.cases,
        task.unit,
        scores.macro_f1,
        scores.macro_f1_interval,
        baseline,
        rivals,
    )


def _line(
    evaluation: Evaluation,
    task: str,
    metric: str,
    cases: int,
    unit: str,
    value: float,
    interval: Interval | None,
    baseline: float | None = None,
    rivals: tuple[Scores, ...] = (),
) -> Line:
    floors = tuple(floor for floor in evaluation.floors if floor.task == task)
    shown = next((floor.floor for floor in floors if floor.metric in _FLOOR_FIRST), None)
    change = next((change for change in evaluation.changes if change.task == task), None)
    return Line(task, title(task), metric, cases, unit, value, interval, baseline, rivals, change, floors, shown)


def metric_name(metric: str) -> str:
    """Return what a metric is called in print."""
    return _METRICS.get(metric, metric.replace("_", " "))


def verdict(evaluation: Evaluation) -> Verdict:
    """Return the answer that floors, accepted model and baselines give together."""
    sentences = [_floors(evaluation.floors), _changes(evaluation), _baselines(lines(evaluation))]
    broken = [floor for floor in evaluation.floors if not floor.holds]
    worse = [change for change in evaluation.changes if change.verdict == "worse"]
    if broken:
        return Verdict(False, "No: it falls below a floor", tuple(sentences))
    if worse:
        return Verdict(False, "Look first: it is worse than the accepted model", tuple(sentences))
    if evaluation.floors:
        return Verdict(True, "Yes, by the floors that were set", tuple(sentences))
    return Verdict(None, "Judge for yourself: no floor is set", tuple(sentences))


def _floors(floors: Sequence[FloorCheck]) -> str:
    if not floors:
        return "This configuration has no floors to hold it to."
    broken = [floor for floor in floors if not floor.holds]
    if not broken:
        held = f"All {len(floors)} floors hold" if len(floors) > 1 else "Its one floor holds"
        return f"{held}; a floor is a score that was reached before, less noise."
    named = "; ".join(
        f"{title(floor.task)}: {metric_name(floor.metric)} {number(floor.value)} below {number(floor.floor)}"
        for floor in broken
    )
    return f"{len(broken)} of {len(floors)} floors do not hold ({named})."


def _changes(evaluation: Evaluation) -> str:
    changes = evaluation.changes
    if not changes:
        return "No model was accepted before, so there is none to compare with."
    if all(change.verdict == "same" for change in changes):
        return "Every answer is that of the accepted model."
    words = {"better": "better on", "worse": "worse on", "cannot tell": "no telling on", "same": "the same answers on"}
    shown = ", ".join(
        f"{said} {count}"
        for verdict, said in words.items()
        if (count := sum(change.verdict == verdict for change in changes))
    )
    return f"Against the accepted model: {shown} of {len(changes)} tasks."


def _baselines(found: Sequence[Line]) -> str:
    with_baseline = [line for line in found if line.baseline is not None]
    if not with_baseline:
        return ""
    clear = [line for line in with_baseline if line.interval and line.interval.low > (line.baseline or 0)]
    weakest = min(found, key=lambda line: line.value)
    sentence = (
        "Every task that has a most frequent answer beats it beyond its interval"
        if len(clear) == len(with_baseline)
        else f"{len(clear)} of {len(with_baseline)} tasks beat the most frequent answer beyond their intervals"
    )
    return f"{sentence}; the weakest is “{weakest.title}”, {weakest.metric}\u00a0{number(weakest.value, 2)}."


def difference(change: Change) -> str:
    """Return by how much a score changed, with the interval of that."""
    return f"{signed(change.now - change.accepted, 2)} ({signed(change.low, 2)} to {signed(change.high, 2)})"
