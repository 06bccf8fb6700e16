"""The accepted models: a tracked folder with their figures and answers, which every new evaluation compares with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import answers, evaluation, floors
from pipeline.answers import Answer
from pipeline.errors import ConfigError, DataError, OutputError
from pipeline.evaluation import Evaluation, Origin
from pipeline.floors import Floor, Floors
from pipeline.records import read_jsonl, write_jsonl

EVALUATION = "evaluation.json"
"""What the evaluate stage calls its scores."""
FILE = "accepted.json"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted: where it comes from, its figures by dotted name, and why, where something spoke against it.

    ``floors`` are the lowest scores allowed since then, by configuration and figure: one that is lower now, without a
    reason, was lowered by hand.
    """

    origin: Origin
    figures: Mapping[str, float]
    reason: str | None = None
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A folder of the evaluate stage: the scores, and the answers behind them, which earlier versions did not keep."""

    whole: Evaluation
    answers: tuple[Answer, ...]


def read_evaluation(folder: Path) -> Evaluation:
    """Return the scores alone that the evaluate stage left in a folder.

    Raises:
        ConfigError: it left nothing there.
        DataError: the file does not hold one evaluation.
    """
    path = folder / EVALUATION
    if not path.is_file():
        raise ConfigError(f"no {path}; run 'make repro' first, or name a folder of the evaluate stage")
    found = list(read_jsonl(path, Evaluation))
    if len(found) != 1:
        raise DataError(f"{path} holds {len(found)} evaluations, not one; run 'make repro', which writes it anew")
    return found[0]


def read_evaluated(folder: Path) -> Evaluated:
    """Return what the evaluate stage left in a folder, or in a copy of it.

    Raises:
        ConfigError: it left nothing there.
        DataError: a file does not fit.
    """
    whole = read_evaluation(folder)
    answered = folder / answers.FILE
    return Evaluated(whole, tuple(read_jsonl(answered, Answer)) if answered.is_file() else ())


def read(folder: Path) -> tuple[Accepted, list[Answer]] | None:
    """Return what was accepted, with its answers, or None where nothing has been yet.

    Raises:
        ConfigError: one of the two files is there without the other.
        DataError: a file does not fit.
    """
    found = [name for name in (FILE, answers.FILE) if (folder / name).is_file()]
    if not found:
        return None
    if len(found) == 1:
        raise ConfigError(f"{folder} has {found[0]} alone; restore {FILE} and {answers.FILE} from git, or delete both")
    try:
        accepted = TypeAdapter(Accepted).validate_json((folder / FILE).read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise DataError(f"{folder / FILE}: {place}: {fault['msg']}; restore the file from git") from None
    return accepted, list(read_jsonl(folder / answers.FILE, Answer))


def objections(whole: Evaluation, accepted: Accepted | None, limits: Mapping[str, Floor]) -> list[str]:
    """Return what speaks against accepting an evaluation, a clause each; ``limits`` are its configuration's floors.

    Raises:
        ConfigError: the evaluation is of an earlier version, or did not compare with what is accepted now.
    """
    if whole.origin is None or whole.accepted != (accepted and accepted.origin):
        raise ConfigError("the evaluation did not compare with what is accepted now; run 'make repro', then accept")
    told = [
        f"{one.task} {one.metric} {one.value:.4f} is below its floor {one.floor:.4f}"
        for one in floors.checks(limits, whole)
        if not one.holds
    ]
    told += [
        f"{one.task} {one.metric} is worse, {one.now:.4f} after {one.accepted:.4f} on {one.cases} cases "
        f"(95 % interval of the change {one.low:+.4f} to {one.high:+.4f})"
        for one in whole.changes
        if one.verdict == "worse"
    ]
    if accepted and whole.origin.configuration != accepted.origin.configuration:
        told.append(
            f"it is of configuration {whole.origin.configuration}, and {accepted.origin.configuration} is accepted"
        )
    return told


def write(folder: Path, evaluated: Evaluated, reason: str | None, limits: Floors) -> None:
    """Put an evaluation in the place of what was accepted; ``limits`` are the floors from now on.

    Raises:
        ConfigError: it does not say where its models come from, or lacks the answers.
        OutputError: the folder cannot be written.
    """
    whole = evaluated.whole
    if whole.origin is None or not evaluated.answers:
        raise ConfigError("the evaluation is of an earlier version, without answers; run 'make repro', then accept")
    figures = {name: round(value, 4) for name, value in floors.figures(evaluation.headline(whole)).items()}
    lowest = {name: {figure: one.floor for figure, one in own.items()} for name, own in limits.items()}
    try:
        write_jsonl(folder / answers.FILE, evaluated.answers)
        # One figure a line: a reader sees in the diff what has changed.
        content = json.dumps(asdict(Accepted(whole.origin, figures, reason, lowest)), indent=2, ensure_ascii=False)
        (folder / FILE).write_text(content + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; free the place or name another") from None
