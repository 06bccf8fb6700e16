"""Records in, predictions out, for one task's model folder alone: no stripping, nothing cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import claims, stance, topic
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.datasets import Task
from pipeline.errors import ModelError
from pipeline.rows import is_blank, text_field


class Predictor:
    """Predicts one task for records of the form that ``newsfacts predict`` takes.

    Raises:
        ModelError: the model folder cannot be used.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self.model = store.load(folder, task)
        self.task = task
        asset = folder / stance.ASSET
        self._aggregation = stance.Aggregation.load(asset) if asset.is_file() else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it predicts."""
        return self.model.manifest.labels

    def examples(self, record: Mapping[str, Any]) -> list[Example]:
        """Return the examples behind one record: several where a stance text has several mentions.

        Raises:
            InputError: a field is missing, empty, of a wrong type, or out of range.
        """
        parse: Callable[[Mapping[str, Any]], list[Example]] = {
            "topic": _topic_examples,
            "stance": _stance_examples,
            "claims": _claims_examples,
        }[self.task]
        return parse(record)

    def predict(self, groups: Sequence[Sequence[Example]]) -> list[Prediction]:
        """Return one prediction for each record, given the examples of each.

        Raises:
            ModelError: a stance text names its target several times, and the folder cannot answer for all of them.
        """
        examples = [example for group in groups for example in group]
        flat = self.model.predict(examples)
        if self.task == "topic":
            flat = [topic.answer(*pair) for pair in zip(examples, flat, strict=True)]
        found: list[Prediction] = []
        position = 0
        for group in groups:
            own = flat[position : position + len(group)]
            position += len(group)
            if len(own) == 1:
                found.append(own[0])
            elif self._aggregation is None:
                raise ModelError(
                    f"{self.model.folder} has no {stance.ASSET}, so it answers for texts that name their target once; "
                    "name a folder that the stage train_sentences wrote"
                )
            else:
                found.append(self._aggregation.predict(own))
        return found


def _topic_examples(record: Mapping[str, Any]) -> list[Example]:
    titled = not is_blank(record.get("title"))
    return [topic.example(text_field(record, "text"), text_field(record, "title") if titled else None)]


def _claims_examples(record: Mapping[str, Any]) -> list[Example]:
    return [claims.example(text_field(record, "text"))]


def _stance_examples(record: Mapping[str, Any]) -> list[Example]:
    return stance.of_text(
        text_field(record, "text"), text_field(record, "target"), record.get("start"), record.get("end")
    )
