"""What settings of training are worth: tasks trained as configured and otherwise, scored on dev sets alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

AS_CONFIGURED = "as configured"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training and what it gave a task, as the figure of each dev set that was there.

    ``settings`` are what differs from the configuration. ``seconds`` are processor time, of all tasks that share the
    encoder.
    """

    task: str
    settings: str
    seed: int
    seconds: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Variants:
    """All trials, and the digest of the articles, labels, splits and settings behind them."""

    digest: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """Trials of one variant together: of each dev set the mean and the range over their seeds."""

    settings: str
    seeds: int
    seconds: float
    means: dict[str, float]
    ranges: dict[str, tuple[float, float]]


def worth(trials: Sequence[Trial], task: str) -> list[Worth]:
    """Return what each variant is worth to a task, in the order in which they were tried."""
    own = [trial for trial in trials if trial.task == task]
    found: list[Worth] = []
    for settings in dict.fromkeys(trial.settings for trial in own):
        alike = [trial for trial in own if trial.settings == settings]
        values = {name: [trial.scores[name] for trial in alike] for name in alike[0].scores}
        found.append(
            Worth(
                settings,
                len(alike),
                mean(trial.seconds for trial in alike),
                {name: mean(scores) for name, scores in values.items()},
                {name: (min(scores), max(scores)) for name, scores in values.items()},
            )
        )
    return found
