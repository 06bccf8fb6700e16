"""Several evaluations side by side: each task's score in every run, and the paired difference from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline import answers
from pipeline.acceptance import Evaluated
from pipeline.evaluation import STRIP, Change, Evaluation
from pipeline.metrics import Interval

SEED = 13
"""Of the bootstrap: the same two runs always compare alike."""


@dataclass(frozen=True, slots=True)
class Score:
    """A run's score on all of its cases, with its 95 % interval."""

    value: float
    interval: Interval | None
    cases: int


@dataclass(frozen=True, slots=True)
class Row:
    """One task: a score for each run, None where it has none, and a change for each run but the first.

    A change is None where a run has no case in common with the first, or no answers.
    """

    task: str
    metric: str
    scores: tuple[Score | None, ...]
    changes: tuple[Change | None, ...]


def compare(runs: Sequence[Evaluated]) -> list[Row]:
    """Return a row for each task that any run has; changes are those from the first run."""
    scores = [_scores(run.whole) for run in runs]
    first = runs[0].answers
    changes = [{one.task: one for one in answers.changes(first, run.answers, seed=SEED)} for run in runs[1:]]
    return [
        Row(
            task,
            "f1" if task == STRIP else "macro_f1",
            tuple(own.get(task) for own in scores),
            tuple(own.get(task) for own in changes),
        )
        for task in dict.fromkeys(task for own in scores for task in own)
    ]


def _scores(whole: Evaluation) -> Mapping[str, Score]:
    strip = whole.strip
    found = {STRIP: Score(strip.f1, strip.f1_interval, strip.lines)}
    for task in whole.tasks:
        scored = task.model.classification
        found[task.task] = Score(scored.macro_f1, scored.macro_f1_interval, scored.cases)
    return found
