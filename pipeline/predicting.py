"""Records in, predictions out, for one task's model folder alone: no stripping, nothing cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline import claims, stance, topic
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example, Prediction
from pipeline.errors import InputError
from pipeline.rows import text_field
from pipeline.sentences import split
from pipeline.targets import Target, mentions

Task = Literal["topic", "stance", "claims"]
TASKS: tuple[Task, ...] = get_args(Task)


class Predictor:
    """Predicts one task for records of the form that ``newsfacts predict`` takes.

    Raises:
        ModelError: the model folder cannot be used.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self.model = store.load(folder, task)
        self.task = task
        self._aggregation = stance.Aggregation.load(folder / stance.ASSET) if task == "stance" else None

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
        """Return one prediction for each record, given the examples of each."""
        flat = self.model.predict([example for group in groups for example in group])
        found: list[Prediction] = []
        position = 0
        for group in groups:
            own = flat[position : position + len(group)]
            position += len(group)
            if len(own) > 1 and self._aggregation is not None:
                found.append(self._aggregation.predict(own, self.model.min_score))
            else:
                found.append(own[0])
        return found


def _topic_examples(record: Mapping[str, Any]) -> list[Example]:
    title = record.get("title")
    titled = isinstance(title, str) and title.strip()
    return [topic.example(text_field(record, "text"), text_field(record, "title") if titled else None)]


def _claims_examples(record: Mapping[str, Any]) -> list[Example]:
    return [claims.example(text_field(record, "text"))]


def _stance_examples(record: Mapping[str, Any]) -> list[Example]:
    text, target = text_field(record, "text"), text_field(record, "target")
    spans = [span for line_start, line in _lines(text) for span in split(line, start=line_start)]
    start, end = record.get("start"), record.get("end")
    if start is not None or end is not None:
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
            raise InputError("bad-offset", f"start {start!r} and end {end!r} are no span of {len(text)} characters")
        begin, finish = next(((first, last) for first, last in spans if first <= start and end <= last), (0, len(text)))
        return [stance.example(text[begin:finish], start - begin, end - begin, target)]
    sentences = [text[begin:finish] for begin, finish in spans]
    for names in ((), tuple(target.split()[-1:])):
        if found := mentions(sentences, [Target(target, names)]):
            return [stance.example(sentences[item.sentence], item.start, item.end, target) for item in found]
    # Not named in so many words: ask of the whole text, the target stands beside it.
    return [Example(text=text, pair=target)]


def _lines(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    position = 0
    for line in text.split("\n"):
        found.append((position, line))
        position += len(line) + 1
    return found
