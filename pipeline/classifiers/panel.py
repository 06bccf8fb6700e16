"""Models asked together: what needs no encoder is answered at once, and models of one encoder share its passes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers import transformer
from pipeline.classifiers.contract import Example, Logits, Prediction, Session
from pipeline.classifiers.runtime import Runtime
from pipeline.classifiers.store import Model
from pipeline.classifiers.transformer import TransformerClassifier
from pipeline.classifiers.windows import Window, windows

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

Examples = Mapping[str, Sequence[Example]]
"""By task."""
Answers = dict[str, list[Prediction]]
"""To the examples of each task, in order."""
Doubtful = Callable[[Sequence[Prediction], float], Sequence[bool]]
"""Which of a task's predictions matter and might change, if their log-odds are wrong by so much."""
_DoubtfulRows = Callable[[Logits, float], NDArray[np.bool_]]


@dataclass(frozen=True)
class Asked:
    """Examples that have been read: what remains is the work of encoders."""

    places: dict[str, list[int]]
    """Of each task's examples among its distinct ones."""
    answered: Answers
    """To the distinct examples of models without an encoder."""
    windows: list[list[Window]]
    """Of the distinct examples of each encoder's tasks, numbered through."""
    sizes: list[dict[str, int]]
    """Distinct examples of each encoder's tasks."""


class Panel:
    """The models of some tasks. Transformers that were trained on one encoder take each text through it once.

    Raises:
        ModelError: the runtime cannot run an encoder.
    """

    def __init__(self, models: Mapping[str, Model], runtime: str, threads: int | None = None) -> None:
        self._models = models
        shared: dict[tuple[object, ...], list[str]] = {}
        for task, model in models.items():
            own = model.classifier
            if isinstance(own, TransformerClassifier):
                key = own.encoder or task, own.max_tokens, id(own.tokenizer)
                shared.setdefault(key, []).append(task)
        self._encoders = [
            _Encoder({task: models[task] for task in tasks}, runtime, threads) for tasks in shared.values()
        ]
        for encoder in self._encoders:
            _ = encoder.session  # it should fail here, not at the first article

    def read(self, examples: Examples) -> Asked:
        """Return what is left to be answered: all that goes on in Python is done, each distinct example once."""
        distinct: dict[str, list[Example]] = {}
        places: dict[str, list[int]] = {}
        for task, own in examples.items():
            numbers: dict[tuple[object, ...], int] = {}
            places[task] = [numbers.setdefault((one.text, one.pair, one.focus), len(numbers)) for one in own]
            first = dict(zip(reversed(places[task]), reversed(own), strict=True))
            distinct[task] = [first[number] for number in range(len(numbers))]
        read = {task for encoder in self._encoders for task in encoder.models}
        return Asked(
            places=places,
            answered={task: self._models[task].predict(own) for task, own in distinct.items() if task not in read},
            windows=[encoder.windows(distinct) for encoder in self._encoders],
            sizes=[{task: len(distinct[task]) for task in encoder.models} for encoder in self._encoders],
        )

    def answer(self, asked: Asked, doubtful: Mapping[str, Doubtful] | None = None) -> Answers:
        """Return the predictions for what was read, in the order of its examples.

        A runtime of low precision is asked again in a higher one where that might change a label, or for the tasks
        in ``doubtful``, where these functions say so.

        Raises:
            ModelError: the runtime failed.
        """
        found = dict(asked.answered)
        for encoder, own, sizes in zip(self._encoders, asked.windows, asked.sizes, strict=True):
            rules = {task: self._of_distinct(rule, task, asked) for task, rule in (doubtful or {}).items()}
            for task, logits in encoder.logits(own, sizes, rules).items():
                found[task] = self._models[task].calibrated(logits)
        return {task: [found[task][place] for place in places] for task, places in asked.places.items()}

    def _of_distinct(self, rule: Doubtful, task: str, asked: Asked) -> _DoubtfulRows:
        """Return a rule on a task's examples as one on the logits of the distinct ones."""
        model, places = self._models[task], asked.places[task]

        def rows(logits: Logits, margin: float) -> NDArray[np.bool_]:
            predictions = model.calibrated(logits)
            again = np.zeros(len(logits), dtype=bool)
            told = rule([predictions[place] for place in places], margin / model.manifest.temperature)
            again[[place for place, is_doubtful in zip(places, told, strict=True) if is_doubtful]] = True
            return again

        return rows


@dataclass(frozen=True)
class _Encoder:
    """Models whose texts pass through one encoder, under the heads of all."""

    models: dict[str, Model]
    runtime: str
    threads: int | None

    @cached_property
    def session(self) -> Session:
        """The encoder, ready to run; its output has the labels of the tasks one after the other."""
        if len(self._classifiers) == 1:
            return self._classifiers[0].session

        def network() -> Network:
            from pipeline.classifiers import networks

            return networks.joined([classifier.network() for classifier in self._classifiers])

        digest = together([model.digest for model in self.models.values()])
        return Runtime(self.runtime, digest, self.threads).session(network)

    @property
    def _classifiers(self) -> list[TransformerClassifier]:
        return [
            model.classifier for model in self.models.values() if isinstance(model.classifier, TransformerClassifier)
        ]

    def windows(self, examples: Examples) -> list[Window]:
        """Tokenize the examples of all tasks, which are numbered through."""
        first = self._classifiers[0]  # all have its tokenizer and its length of a window
        every = [example for task in self.models for example in examples[task]]
        return windows(every, first.tokenizer, first.max_tokens)

    def logits(
        self, found: Sequence[Window], sizes: Mapping[str, int], rules: Mapping[str, _DoubtfulRows]
    ) -> dict[str, Logits]:
        """Return the logits of each task's examples."""
        shapes = [(sizes[task], len(model.manifest.labels)) for task, model in self.models.items()]

        def doubtful(tasks: Sequence[Logits], margin: float) -> list[NDArray[np.bool_]]:
            tied = transformer.nearly_tied(tasks, margin)
            return [
                rules[task](own, margin) if task in rules else rows
                for task, own, rows in zip(self.models, tasks, tied, strict=True)
            ]

        return dict(zip(self.models, transformer.logits(found, self.session, shapes, doubtful), strict=True))


def together(digests: Sequence[str]) -> str:
    """Return what identifies some models, asked in this order on their one encoder."""
    return hashlib.sha256("\0".join(digests).encode()).hexdigest()
