"""What a model answered to each test case, kept without texts, and how it compares with another one's answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline import metrics
from pipeline.classifiers import dev
from pipeline.classifiers.contract import Example, Prediction
from pipeline.evaluation import STRIP, Change, merged

FILE = "answers.jsonl"
REMOVED, KEPT = "removed", "kept"
"""The labels of a line where stripping is the task."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One test case, recognised by ``key`` wherever it is the same, with its gold label and the model's answer.

    ``score`` is the probability of the answer, None where the task gives none.
    """

    task: str
    article: str
    key: str
    gold: str
    label: str
    score: float | None


def of_task(
    task: str, examples: Sequence[Example], predictions: Sequence[Prediction], labels: Sequence[str]
) -> list[Answer]:
    """Return the answers to the examples of a task; labels that no example tells apart count as one."""
    gold, found, _ = merged(examples, predictions, labels)
    return [
        Answer(task, case.group, case.key, label, answer.label, round(answer.score, 4))
        for case, label, answer in zip(dev.cases(examples, predictions), gold, found, strict=True)
    ]


def of_stripping(lines: Sequence[Example], gold: Sequence[str], found: Sequence[str]) -> list[Answer]:
    """Return the answers to lines, each of which was removed or kept, and should have been."""
    unscored = [Prediction(label, 0.0, {}, abstained=False) for label in found]
    return [
        Answer(STRIP, case.group, case.key, label, answer, None)
        for case, label, answer in zip(dev.cases(lines, unscored), gold, found, strict=True)
    ]


def changes(accepted: Sequence[Answer], now: Sequence[Answer], *, seed: int) -> tuple[Change, ...]:
    """Return the change of each task, in the order of ``now``, on the cases that both answered.

    A case whose gold label is another one is another case. A task without a common case is left out.
    """
    before = _by_task(accepted)
    pairs = ((task, _shared(before.get(task, []), found)) for task, found in _by_task(now).items())
    return tuple(_change(task, shared, seed) for task, shared in pairs if shared)


def _by_task(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    order = {task: place for place, task in enumerate(dict.fromkeys(answer.task for answer in answers))}
    ordered = sorted(answers, key=lambda answer: order[answer.task])
    return {task: list(own) for task, own in groupby(ordered, key=lambda answer: answer.task)}


def _shared(accepted: Sequence[Answer], now: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    known, found = _by_identity(accepted), _by_identity(now)
    # Sorted, so that the order of the cases does not matter.
    return [(known[identity], found[identity]) for identity in sorted(known.keys() & found.keys())]


def _by_identity(answers: Sequence[Answer]) -> dict[tuple[str, str, int], Answer]:
    """Return answers of one task by key, gold label, and number among those that are equal in both."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int], Answer] = {}
    for answer in answers:
        same = answer.key, answer.gold
        found[*same, counts[same]] = answer
        counts[same] += 1
    return found


def _change(task: str, shared: Sequence[tuple[Answer, Answer]], seed: int) -> Change:
    before, now = [one.label for one, _ in shared], [one.label for _, one in shared]
    found = metrics.paired_difference(
        [one.gold for one, _ in shared],
        now,
        before,
        [one.article or one.key for one, _ in shared],
        label=REMOVED if task == STRIP else None,
        seed=seed,
    )
    low, high = (-1.0, 1.0) if found.interval is None else (found.interval.low, found.interval.high)
    return Change(
        task=task,
        metric="f1" if task == STRIP else "macro_f1",
        accepted=found.second,
        now=found.first,
        low=low,
        high=high,
        cases=len(shared),
        verdict="same" if before == now else "better" if low > 0 else "worse" if high < 0 else "cannot tell",
    )
