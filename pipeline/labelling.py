"""Files of labelled or unlabelled records through one task's model: ``newsfacts predict`` and ``evaluate``."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import claims, datasets, evaluation, rows
from pipeline.article import Rejection
from pipeline.classifiers.contract import Example, Prediction
from pipeline.config import parse, read_yaml
from pipeline.datasets import Task
from pipeline.errors import ConfigError, InputError, OutputError
from pipeline.predicting import Predictor
from pipeline.progress import progress
from pipeline.records import to_json
from pipeline.writing import whole_file

BATCH = 256  # records whose texts are batched together


def rejected_path(output: Path) -> Path:
    """Return where unusable lines are listed: OUT.rejected.jsonl beside OUT.jsonl."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.rejected.jsonl")


def predict_file(task: Task, source: str, output: Path, model: Path) -> tuple[int, Counter[str]]:
    """Write one prediction for each usable line; return how many were written, and how many rejected by reason.

    Raises:
        ConfigError: the input does not exist.
        ModelError: the model folder cannot be used.
        OutputError: the output cannot be written.
    """
    predictor = Predictor(model, task)
    count = 0
    rejected: Counter[str] = Counter()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}; choose another place") from None
    with whole_file(rejected_path(output)) as quarantine, whole_file(output) as stream:
        for batch in _batches(source, predictor):
            usable = [(identity, examples) for identity, examples in batch if not isinstance(examples, Rejection)]
            for _, item in batch:
                if isinstance(item, Rejection):
                    rejected[item.reason] += 1
                    quarantine.write(to_json(item) + b"\n")
            found = predictor.predict([examples for _, examples in usable])
            for (identity, _), prediction in zip(usable, found, strict=True):
                scores = {label: round(score, 4) for label, score in prediction.scores.items()}
                line = {
                    "id": identity,
                    "label": prediction.label,
                    "score": round(prediction.score, 4),
                    "scores": scores,
                    "abstained": prediction.abstained,
                }
                # An id may hold half a surrogate, which no encoding can write.
                stream.write(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")
                count += 1
        quarantine.flush()  # what can fail, does so before the first of the two gets its name
    return count, rejected


@dataclass(frozen=True)
class Scored:
    """Scores as indented JSON, how many records were read, and which of them were unusable."""

    json: bytes
    read: int
    rejected: rows.Tally


def evaluate_file(task: Task, source: str, model: Path) -> Scored:
    """Return the scores of a model on labelled lines.

    Raises:
        ConfigError: the input does not exist or holds no usable line.
        ModelError: the model folder cannot be used.
    """
    predictor = Predictor(model, task)
    examples: list[Example] = []
    predictions: list[Prediction] = []
    rejected = rows.Tally()
    for batch in _batches(source, predictor, labelled=True):
        groups: list[list[Example]] = []
        for _, item in batch:
            if isinstance(item, Rejection):
                rejected.add(item)
            else:
                groups.append(item)
        predictions += predictor.predict(groups)
        examples += [group[0] for group in groups]
    if not examples:
        raise ConfigError(
            f"{source} has no usable line ({rejected.main()}); each needs the fields of "
            f"predict and a 'label', one of {', '.join(predictor.labels)}"
        )
    return _scored(predictor, Answers(predictor.labels, examples, predictions, rejected))


@dataclass(frozen=True)
class Answers:
    """A model's answers to labelled examples, over ``labels``, and what of the file has none.

    ``rejected`` are the unusable records, ``repeated`` counts those that stand in the file before.
    """

    labels: tuple[str, ...]
    examples: Sequence[Example]
    predictions: Sequence[Prediction]
    rejected: rows.Tally
    repeated: int = 0


def evaluate_mapped(task: Task, source: str, model: Path, mapping: Path) -> Scored:
    """Return a model's scores on a file that names its fields and labels in its own way.

    Raises:
        ConfigError: as ``answer_mapped``.
        ModelError: the model folder cannot be used.
    """
    predictor = Predictor(model, task)
    return _scored(predictor, answer_mapped(predictor, source, mapping))


def answer_mapped(predictor: Predictor, source: str, mapping: Path) -> Answers:
    """Return a model's answers on a file that names its fields and labels in its own way.

    An answer is the most probable of the labels that the mapping gives. A record that repeats is answered once.

    Raises:
        ConfigError: the input does not exist or holds no usable record, or the mapping is wrong.
    """
    task = predictor.task
    found = parse(datasets.Mapped, {**_mapping(mapping, task), "task": task}, where=str(mapping))
    if not Path(source).is_file():
        raise ConfigError(f"no input file {source!r}; check the path")
    if unknown := sorted(found.known_labels - set(predictor.labels)):
        raise ConfigError(f"{mapping}: {unknown[0]!r} is no label of {task}; known: {', '.join(predictor.labels)}")
    labels = tuple(label for label in predictor.labels if label in found.known_labels)
    groups: list[list[Example]] = []
    rejected = rows.Tally()
    repeated = 0
    seen: set[tuple[str | int | None, ...]] = set()
    for item in datasets.read(found, Path(source), predictor.labels, name=source, split="test"):
        if isinstance(item, Rejection):
            rejected.add(item)
            continue
        asked = (item.title, item.text, item.target, item.start)
        if asked in seen:
            repeated += 1
            continue
        seen.add(asked)
        groups.append(item.examples())
    if not groups:
        raise ConfigError(f"{source} has no usable record ({rejected.main()}); compare it with {mapping}")
    batches = [groups[begin : begin + BATCH] for begin in range(0, len(groups), BATCH)]
    predictions = [
        _among(prediction, labels)
        for batch in progress(batches, label=task, unit="batches", total=len(batches))
        for prediction in predictor.predict(batch)
    ]
    return Answers(labels, [group[0] for group in groups], predictions, rejected, repeated)


def _mapping(path: Path, task: Task) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no mapping; write 'fields:' and 'labels:' with what is below each")
    if (own := content.get("task", task)) != task:
        raise ConfigError(f"{path} is a mapping for {own}, not for {task}; evaluate that task, or name another mapping")
    return content


def _among(prediction: Prediction, labels: Sequence[str]) -> Prediction:
    """Return the prediction over some of its labels alone."""
    total = sum(prediction.scores[label] for label in labels)
    scores = {label: prediction.scores[label] / max(total, 1e-12) for label in labels}
    best = max(labels, key=lambda label: scores[label])
    return Prediction(best, scores[best], scores, prediction.abstained)


def _scored(predictor: Predictor, answers: Answers) -> Scored:
    manifest = predictor.model.manifest
    ranked = claims.RANKED if predictor.task == "claims" else None
    scores = evaluation.score(
        manifest.engine, answers.examples, answers.predictions, answers.labels, seed=13, ranked=ranked
    )
    cases = len(answers.examples)
    content = {
        "task": predictor.task,
        "rejected": dict(answers.rejected.counts),
        "repeated": answers.repeated,
        "most_frequent_share": max(Counter(one.label or one.among for one in answers.examples).values()) / cases,
        **asdict(scores),
    }
    read = cases + answers.rejected.counts.total() + answers.repeated
    return Scored(json.dumps(_rounded(content), indent=2, ensure_ascii=False).encode(), read, answers.rejected)


Item = tuple[str | int, list[Example] | Rejection]


def _batches(source: str, predictor: Predictor, *, labelled: bool = False) -> Iterator[list[Item]]:
    if source != "-" and not Path(source).is_file():
        raise ConfigError(f"no input file {source!r}; check the path")
    batch: list[Item] = []
    for number, record in progress(_lines(source), label=predictor.task, unit="lines"):
        batch.append(_item(source, number, record, predictor, labelled=labelled))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines(source: str) -> Iterator[rows.Row]:
    try:
        yield from rows.read(source, ".jsonl.gz" if source.lower().endswith(".gz") else ".jsonl", rows.MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"cannot read {source}: {error}; fetch the file again") from None


def _item(
    source: str, number: int, record: Mapping[str, Any] | Rejection, predictor: Predictor, *, labelled: bool
) -> Item:
    if isinstance(record, Rejection):
        return number, record
    given = None if rows.is_blank(record.get("id")) else record["id"]
    identity = number if given is None else given
    try:
        examples = predictor.examples(record)
        if labelled:
            label = record.get("label")
            if label not in predictor.labels:
                raise InputError("unknown-label", f"{label!r} is none of {', '.join(predictor.labels)}")
            group = str(number if rows.is_blank(record.get("group")) else record["group"])
            examples = [replace(example, label=label, group=group) for example in examples]
    except InputError as error:
        named = None if given is None else given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        named = named and named.encode(errors="replace").decode()
        return number, Rejection(source, number, named, error.reason, str(error))
    return identity, examples


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
