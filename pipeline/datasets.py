"""Labelled data sets beside the seeds: any table or JSON lines, through a mapping of fields and labels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, get_args

from pydantic import Field, model_validator

from pipeline import claims, rows, stance, topic
from pipeline.article import CLAIM_LABELS, STANCE_LABELS, Rejection
from pipeline.classifiers.contract import Example
from pipeline.config import Section
from pipeline.corpus import Split
from pipeline.errors import DataError, InputError
from pipeline.records import read_jsonl

EXAMPLES = "examples.jsonl"
Task = Literal["topic", "stance", "claims"]
TASKS: tuple[Task, ...] = get_args(Task)
FieldName = Literal["text", "label", "target", "start", "end", "title", "id", "group"]


class Mapped(Section):
    """How a file of labelled records says what we call text, label, and so on."""

    task: Task
    each: str | None = None
    """Field that holds a list of objects, each of them an example; their fields win over those of the record."""
    fields: Mapping[FieldName, str]
    """The file's name for each of ours: text and label, for stance also target and, if known, start and end."""
    labels: Mapping[str, str | tuple[str, ...]]
    """The file's labels in our words. A list says: one of these, nobody knows which."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"text", "label"} | ({"target"} if self.task == "stance" else set())
        if missing := sorted(needed - set(self.fields)):
            raise ValueError(f"fields for {self.task} must name {' and '.join(missing)}")
        known = {"stance": STANCE_LABELS, "claims": CLAIM_LABELS}.get(self.task)
        for given, own in self.labels.items():
            names = (own,) if isinstance(own, str) else own
            unknown = [name for name in names if known and name not in known]
            if not names or unknown:
                ours = f"; {self.task} has {', '.join(known)}" if known else ""
                raise ValueError(f"label {given!r} becomes {', '.join(unknown) or 'nothing'}{ours}")
        several = {own for own in self.labels.values() if not isinstance(own, str)}
        alone = {own for own in self.labels.values() if isinstance(own, str)}
        if self.scored and (len(several) > 1 or any(alone.intersection(own) for own in several)):
            raise ValueError(
                "labels that are one of several can be scored only if all have one list, and none of it alone"
            )
        return self

    @property
    def scored(self) -> bool:
        """Whether the examples are scored, so that labels which nobody can tell apart must be merged into one."""
        return True

    @property
    def known_labels(self) -> set[str]:
        """All of our labels that the mapping gives."""
        return {label for own in self.labels.values() for label in ((own,) if isinstance(own, str) else own)}


class Source(Mapped):
    """One file of labelled records that is added to the seeds."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    split: Split = "train"
    """What its examples are for; those for test are scored and reported apart."""
    file: str = Field(min_length=1)
    """With ``url``: its place in the cache folder. Without: a path of your own, relative to the project folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Digest of the file: what was trained on stays what the configuration names."""
    url: str | None = Field(default=None, pattern=r"^https?://")

    @property
    def scored(self) -> bool:
        """Whether the examples are scored: those for training are not."""
        return self.split != "train"

    @model_validator(mode="after")
    def _known_on_dev(self) -> Self:
        if self.split == "dev" and not all(isinstance(own, str) for own in self.labels.values()):
            raise ValueError("labels that are one of several cannot guide training; give this file split train or test")
        return self


@dataclass(frozen=True, slots=True)
class LabelledRecord:
    """One example of a data set; ``labels`` are all that it may have, one where it is known."""

    source: str
    line: int
    task: Task
    split: Split
    id: str
    text: str
    labels: tuple[str, ...]
    target: str | None = None
    start: int | None = None
    end: int | None = None
    title: str | None = None
    group: str = ""

    def examples(self) -> list[Example]:
        """Return it as the classifiers take it: several where a stance text names its target in several sentences."""
        if self.task == "stance" and self.target is not None:
            found = stance.of_text(self.text, self.target, self.start, self.end)
        elif self.task == "topic":
            found = [topic.example(self.text, self.title)]
        else:
            found = [claims.example(self.text)]
        known = self.labels[0] if len(self.labels) == 1 else None
        among = () if known else self.labels
        return [replace(one, label=known, among=among, group=self.group) for one in found]


def read(
    mapped: Mapped, path: Path, topics: Sequence[str], *, name: str, split: Split
) -> Iterator[LabelledRecord | Rejection]:
    """Yield every example of a file, or why a record is none; ``topics`` are the labels that a topic may have.

    Raises:
        DataError: the file cannot be opened, or its compression is broken.
    """
    for number, row in _rows(path):
        if isinstance(row, Rejection):
            yield replace(row, input=name)
            continue
        try:
            parts = _parts(row, mapped.each)
        except InputError as error:
            yield Rejection(name, number, None, error.reason, str(error))
            continue
        for part, record in enumerate(parts):
            identity = _identity(record, mapped, number, part if mapped.each else None)
            try:
                found = _record(record, mapped, topics)
            except InputError as error:
                yield Rejection(name, number, identity, error.reason, str(error))
            else:
                group = _text(record, mapped, "group")
                yield LabelledRecord(
                    source=name,
                    line=number,
                    task=mapped.task,
                    split=split,
                    id=identity,
                    group=f"{name}:{identity if group is None else group}",
                    **found,
                )


def examples(folder: Path, task: Task, split: Split) -> list[Example]:
    """Return the examples for one task and split, of all sources."""
    found = read_jsonl(folder / EXAMPLES, LabelledRecord)
    return [one for record in found if record.task == task and record.split == split for one in record.examples()]


def apart(found: Sequence[LabelledRecord]) -> tuple[list[LabelledRecord], list[Rejection]]:
    """Take out what a later split of the same task has too: no model is tuned or scored on what it saw."""
    later = {"train": ("dev", "test"), "dev": ("test",), "test": ()}
    places = {(item.task, item.split, plain(item.text)) for item in found}
    kept: list[LabelledRecord] = []
    rejections: list[Rejection] = []
    for item in found:
        taken = [name for name in later[item.split] if (item.task, name, plain(item.text)) in places]
        if taken:
            detail = f"its text also stands in {' and '.join(taken)}"
            rejections.append(Rejection(item.source, item.line, item.id, "held-out", detail))
        else:
            kept.append(item)
    return kept, rejections


def plain(text: str) -> str:
    """Return a text without what two copies of it may differ in: case and white space."""
    return " ".join(text.casefold().split())


def _rows(path: Path) -> Iterator[rows.Row]:
    try:
        yield from rows.read(str(path), rows.ending(path.name) or ".jsonl", rows.MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; fetch the file again") from None


def _parts(row: Mapping[str, Any], each: str | None) -> list[Mapping[str, Any]]:
    if each is None:
        return [row]
    items = row.get(each)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InputError("wrong-type", f"{each!r} is no list of objects")
    if not items:
        raise InputError("empty", f"{each!r} is an empty list")
    # Parquet gives every item all names: what an item lacks is None there, and the record's counts.
    return [{**row, **{name: value for name, value in item.items() if value is not None}} for item in items]


class _Content(TypedDict):
    text: str
    labels: tuple[str, ...]
    target: str | None
    start: int | None
    end: int | None
    title: str | None


def _record(record: Mapping[str, Any], mapped: Mapped, topics: Sequence[str]) -> _Content:
    text = rows.text_field(record, mapped.fields["text"])
    given = _label(record, mapped.fields["label"])
    if given not in mapped.labels:
        raise InputError("unknown-label", f"{given!r} is none of {', '.join(mapped.labels)}")
    own = mapped.labels[given]
    labels = (own,) if isinstance(own, str) else own
    if mapped.task == "topic" and (unknown := [label for label in labels if label not in topics]):
        raise InputError("unknown-label", f"{unknown[0]!r} is no topic of this project")
    target, start, end = _mention(record, mapped, text) if mapped.task == "stance" else (None, None, None)
    title = record.get(mapped.fields["title"]) if "title" in mapped.fields else None
    titled = isinstance(title, str) and not rows.is_blank(title)
    return {
        "text": text,
        "labels": labels,
        "target": target,
        "start": start,
        "end": end,
        "title": rows.text_field(record, mapped.fields["title"]) if titled else None,
    }


def _label(record: Mapping[str, Any], name: str) -> str:
    """Return a label as the configuration writes it: 4.0 of a JSON file is '4', its true is 'true'."""
    value = record.get(name)
    if value is None:
        raise InputError("missing-field", f"no {name!r}")
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _mention(record: Mapping[str, Any], mapped: Mapped, text: str) -> tuple[str, int | None, int | None]:
    target = rows.text_field(record, mapped.fields["target"])
    if "start" not in mapped.fields or "end" not in mapped.fields:
        return target, None, None
    start, end = (_offset(record.get(mapped.fields[name])) for name in ("start", "end"))
    if start is None or end is None or not 0 <= start < end <= len(text):
        raise InputError("bad-offset", f"start {start!r} and end {end!r} are no span of {len(text)} characters")
    if text[start:end].casefold().strip() != target.casefold().strip():
        raise InputError("bad-offset", f"{text[start:end]!r} stands at {start}:{end}, not {target!r}")
    return target, start, end


def _offset(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a column with gaps holds its offsets as floats
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _identity(record: Mapping[str, Any], mapped: Mapped, number: int, part: int | None) -> str:
    if (given := _text(record, mapped, "id")) is not None:
        return given
    return str(number) if part is None else f"{number}.{part}"


def _text(record: Mapping[str, Any], mapped: Mapped, field: FieldName) -> str | None:
    """Return what a record has for one of our fields, if anything, as text that can be written."""
    value = record.get(mapped.fields[field]) if field in mapped.fields else None
    return None if rows.is_blank(value) else str(value).encode(errors="replace").decode()
