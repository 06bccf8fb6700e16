"""Quality floors: pinned scores of a configuration, below which no run may fall by more than noise explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field, model_validator

from pipeline import evaluation
from pipeline.config import Section, parse, read_yaml
from pipeline.errors import ConfigError, OutputError
from pipeline.evaluation import Evaluation, FloorCheck

KEPT = f"{evaluation.STRIP}.body_kept"
"""Every figure with a floor is better when it is higher, so this stands for the share of body text that is lost."""
_HEADER = """\
# Pinned scores of the frozen test split, by configuration and by the figures' names in data/evaluate/metrics.json. The
# floor of a figure is its value less epsilon; because says why epsilon is what it is. 'newsfacts floors' holds a run
# against them, 'newsfacts accept' raises a value that a run exceeds by more than epsilon, and
# 'newsfacts floors --lower FIGURE=VALUE --reason TEXT' lowers one.
"""


class Floor(Section):
    """One pinned score. ``lowered_from`` and ``reason`` stand there together, or neither does."""

    value: float = Field(ge=0, le=1)
    epsilon: float = Field(gt=0, lt=1)
    because: str = Field(min_length=20)
    lowered_from: float | None = Field(default=None, ge=0, le=1)
    reason: str | None = Field(default=None, min_length=20)

    @model_validator(mode="after")
    def _lowered_with_a_reason(self) -> Floor:
        if (self.lowered_from is None) != (self.reason is None):
            raise ValueError("lowered_from and reason go together; give both or neither")
        if self.lowered_from is not None and self.lowered_from <= self.value:
            raise ValueError(f"lowered_from {self.lowered_from} is not above value {self.value}; correct one of them")
        return self

    @property
    def floor(self) -> float:
        """The lowest score that is allowed."""
        return round(self.value - self.epsilon, 4)


Floors = Mapping[str, Mapping[str, Floor]]
"""By configuration and figure."""


def read(path: Path) -> dict[str, dict[str, Floor]]:
    """Return the floors of a file, by configuration and figure.

    Raises:
        ConfigError: the file is missing or breaks the form.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(isinstance(own, dict) for own in content.values()):
        raise ConfigError(f"{path} holds no floors; write a configuration's name, and figures with their floors below")
    return {
        str(name): {str(figure): parse(Floor, found, where=f"{path}: {name}.{figure}") for figure, found in own.items()}
        for name, own in content.items()
    }


def write(path: Path, floors: Floors) -> None:
    """Write floors to a file that ``read`` reads, with a comment that says what they are.

    Raises:
        OutputError: the file cannot be written.
    """
    content = {
        name: {figure: floor.model_dump(exclude_none=True) for figure, floor in own.items()}
        for name, own in floors.items()
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    try:
        path.write_text(_HEADER + text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; free the place or name another") from None


def figures(headline: Mapping[str, float]) -> dict[str, float]:
    """Return headline figures by dotted name, with the share of body text that stripping kept beside that lost."""
    lost = f"{evaluation.STRIP}.body_lost"
    return {**headline, **({KEPT: 1 - headline[lost]} if lost in headline else {})}


def checks(floors: Mapping[str, Floor], whole: Evaluation) -> tuple[FloorCheck, ...]:
    """Return each floor of a configuration beside an evaluation's figure, 0 where it has none of that name."""
    found = figures(evaluation.headline(whole))
    tasks = {evaluation.dotted(task.task): task.task for task in whole.tasks}
    result: list[FloorCheck] = []
    for name, floor in floors.items():
        task, _, metric = name.rpartition(".")
        result.append(FloorCheck(tasks.get(task, task), metric, floor.floor, found.get(name, 0.0)))
    return tuple(result)


def raised(floors: Mapping[str, Floor], headline: Mapping[str, float]) -> dict[str, Floor]:
    """Return floors whose value is that of a run wherever the run exceeds it by more than epsilon.

    What is within epsilon is noise: following it, the value would creep up to the luckiest run.
    """
    found = figures(headline)
    return {
        name: Floor(value=_rounded(found[name]), epsilon=floor.epsilon, because=floor.because)
        if found.get(name, 0.0) > floor.value + floor.epsilon
        else floor
        for name, floor in floors.items()
    }


def lowered(floors: Mapping[str, Floor], figure: str, value: float, reason: str, *, where: str) -> dict[str, Floor]:
    """Return floors with one value lowered, for a reason that stays beside it.

    Raises:
        ConfigError: there is no such floor, the value is not lower, or the reason says too little.
    """
    if figure not in floors:
        raise ConfigError(f"{where} has no floor for {figure!r}; known: {', '.join(floors) or 'none'}")
    old = floors[figure]
    if value >= old.value:
        raise ConfigError(
            f"{figure} is pinned at {old.value}, and {value} is not lower; 'newsfacts accept' raises a floor"
        )
    new = {
        "value": value,
        "epsilon": old.epsilon,
        "because": old.because,
        # Lowered a second time, it still says how high it once was.
        "lowered_from": max(old.value, old.lowered_from or 0.0),
        "reason": reason,
    }
    return {**floors, figure: parse(Floor, new, where=f"{where}: {figure}")}


def _rounded(value: float) -> float:
    return int(value * 10_000) / 10_000  # down: a run must not fall below what it was itself pinned at
