"""What every classifier takes and gives, whatever its engine, and what every runtime does for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Batch = Mapping[str, NDArray[np.int64]]
"""Arrays of one padded batch by name, each of shape (texts, tokens), but that of focuses: (texts, focuses, tokens).

There may be more tokens than the longest text has, and more focuses than any text."""
FOCUS = "focus_mask"
"""The name of that array."""


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to classify; ``text`` is never cut, ``pair`` is a second segment such as a stance target."""

    text: str
    pair: str | None = None
    focus: tuple[int, int] | None = None
    """The span of ``text`` that the label is about, such as the mention of a stance target."""
    features: Mapping[str, float] = field(default_factory=dict)
    label: str | None = None
    among: tuple[str, ...] = ()
    """Where the label is not known, those that it may be: a data set can tell that a sentence is not check-worthy, yet
    not whether it is factual. Only training looks at it."""
    group: str = ""
    """The article it comes from: resampling draws whole groups."""


@dataclass(frozen=True)
class TaskExamples:
    """What a task is trained on, what guides its training, and its labels."""

    train: Sequence[Example]
    dev: Sequence[Example]
    """For early stopping, temperature and thresholds; every label must be known."""
    labels: Sequence[str]
    unlabelled: Sequence[Example] = ()
    """What a teacher's answers alone can teach; without a teacher nobody looks at them."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable label, its calibrated probability, and whether that is too low to be trusted."""

    label: str
    score: float
    scores: Mapping[str, float]
    abstained: bool


class Classifier(Protocol):
    """A trained engine; ``labels`` name the columns of its logits."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the logits' columns."""
        ...

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return unnormalised log-probabilities, shape (len(examples), len(labels))."""
        ...

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that it never sees."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that loading needs into an existing folder."""
        ...


class Session(Protocol):
    """An encoder network that a runtime has loaded; the answer to a batch depends on that batch alone."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arrays that a batch must have."""
        ...

    @property
    def finer(self) -> Session | None:
        """The same network in a higher precision, where there is one: it decides what this one leaves open."""
        ...

    @property
    def margin(self) -> float:
        """The difference of logits below which the finer session is asked; 0 where there is none."""
        ...

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        """Yield the network's output for each batch, in order; it may draw batches ahead.

        Its shape is (texts, width), or (texts, most, width) where there are focuses.
        """
        ...


def candidates(examples: Sequence[Example], labels: Sequence[str]) -> NDArray[np.float32]:
    """Return 1 for each label that an example has or may have, else 0, shape (n, labels).

    Raises:
        ValueError: an example has none.
    """
    found = np.zeros((len(examples), len(labels)), dtype=np.float32)
    index = {label: number for number, label in enumerate(labels)}
    for row, example in enumerate(examples):
        for label in (example.label,) if example.label is not None else example.among:
            found[row, index[label]] = 1
        if not found[row].any():
            raise ValueError(f"an example without any label: {example.text[:80]!r}")
    return found


def gold_indices(examples: Sequence[Example], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the index of each example's label in ``labels``, shape (n,)."""
    index = {label: number for number, label in enumerate(labels)}
    return np.array([index[example.label or ""] for example in examples], dtype=np.int64)
