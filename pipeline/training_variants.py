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
    """All trials, and the digest of the stripped seeds, their split, the topics and the configured settings."""

    digest: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """Of each dev set the mean and the range over the seeds of a variant, and its gain.

    That is the mean difference to the training as configured, seed by seed; None where they have no seed in common.
    """

    settings: str
    seeds: int
    means: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    gains: dict[str, float] | None


def worth(trials: Sequence[Trial], task: str) -> list[Worth]:
    """Return what the configured settings and then each variant are worth to a task, on the sets that all have.

    Of two trials alike but for their scores, the later one counts. Without a training as configured there is nothing.
    """
    own = [trial for trial in trials if trial.task == task]
    by_settings: dict[str, dict[int, dict[str, float]]] = {AS_CONFIGURED: {}}
    for trial in own:
        by_settings.setdefault(trial.settings, {})[trial.seed] = trial.scores
    configured = by_settings[AS_CONFIGURED]
    if not configured:
        return []
    names = [name for name in next(iter(configured.values())) if all(name in trial.scores for trial in own)]
    return [_worth(settings, scores, configured, names) for settings, scores in by_settings.items()]


def _worth(
    settings: str,
    scores: dict[int, dict[str, float]],
    configured: dict[int, dict[str, float]],
    names: Sequence[str],
) -> Worth:
    values = {name: [found[name] for found in scores.values()] for name in names}
    common = [seed for seed in scores if seed in configured and settings != AS_CONFIGURED]
    gains = {name: mean(scores[seed][name] - configured[seed][name] for seed in common) for name in names if common}
    return Worth(
        settings,
        len(scores),
        {name: mean(found) for name, found in values.items()},
        {name: (min(found), max(found)) for name, found in values.items()},
        gains if common else None,
    )
