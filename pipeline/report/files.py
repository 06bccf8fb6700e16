"""From the folders that stages leave to the reports beside them: a page, Markdown, and a card of each model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pipeline
from pipeline import acceptance, agreement
from pipeline.article import Annotation
from pipeline.classifiers import store
from pipeline.corpus import ASSIGNMENT, GOLD, read_gold, read_split
from pipeline.errors import ConfigError, DataError, OutputError
from pipeline.evaluation import Evaluation, ScoredCase
from pipeline.learning_curve import Curve
from pipeline.records import file_digest, read_jsonl, tree_digest
from pipeline.report.card import TASKS, model_card
from pipeline.report.html.document import Material, page
from pipeline.report.markdown import evaluation_report
from pipeline.training_variants import Variants

PREDICTIONS = "predictions.jsonl"
_Measured = TypeVar("_Measured", Curve, Variants)
_NAMED = 5  # known articles named where one is unknown


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the page finds what the evaluation alone does not tell."""

    collected: Path
    split: Path
    models: Path
    agreement: Path
    curve: Path
    variants: Path
    configuration: Path


def write_report(evaluated: Path, annotated: Path, output: Path, *, example_id: str | None, preferred: str) -> None:
    """Write the Markdown report of an evaluation, with one annotated article as the worked example.

    Without an ``example_id`` that is the ``preferred`` article, or the first where the test split has another corpus.

    Raises:
        ConfigError: a folder lacks what its stage should have left, or no annotation has the ``example_id``.
        OutputError: the report cannot be written.
    """
    evaluation = acceptance.read_evaluation(evaluated)
    found, example = _annotations(annotated, example_id, preferred)
    written = evaluation_report(
        evaluation, annotations=found, example_id=example, configuration=found[0].provenance.config
    )
    _write(output, written)


def _write(output: Path, written: str) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}; choose another place") from None


def write_page(
    evaluated: Path, annotated: Path, output: Path, sources: Sources, *, example_id: str | None, preferred: str
) -> None:
    """Write the HTML page of an evaluation; the example is chosen as for ``write_report``.

    A folder of second annotations, a learning curve or variants of training that are not there are left out of it.

    Raises:
        ConfigError: a folder lacks what its stage should have left, or no annotation has the ``example_id``.
        ModelError: a model folder is missing, or its manifest was altered.
        OutputError: the page cannot be written.
    """
    evaluation = acceptance.read_evaluation(evaluated)
    found, example = _annotations(annotated, example_id, preferred)
    for path in (evaluated / PREDICTIONS, sources.collected / GOLD, sources.split / ASSIGNMENT):
        if not path.is_file():
            raise ConfigError(f"no {path}; run 'make repro' first")
    gold = read_gold(sources.collected)
    decisions = agreement.read(sources.agreement) if sources.agreement.is_dir() else []
    written = page(
        Material(
            evaluation=evaluation,
            cases=list(read_jsonl(evaluated / PREDICTIONS, ScoredCase)),
            annotations=found,
            gold=gold,
            splits=read_split(sources.split),
            agreements=agreement.agreements(decisions, gold) if decisions else [],
            curve=_measured(sources.curve, Curve, "newsfacts seeds curve"),
            variants=_measured(
                sources.variants, Variants, f"python -m benchmarks.variants TASK --output {sources.variants}"
            ),
            digests=_digests(evaluation, sources),
            configuration=evaluation.origin.configuration if evaluation.origin else sources.configuration.stem,
            example=example,
        )
    )
    _write(output, written)


def _measured(path: Path, kind: type[_Measured], command: str) -> _Measured | None:
    """Return what an earlier command measured, if it left a file."""
    if not path.is_file():
        return None
    found = next(read_jsonl(path, kind), None)
    if found is None:
        raise DataError(f"{path} is empty; restore it from git, or run '{command}'")
    return found


def _digests(evaluation: Evaluation, sources: Sources) -> Mapping[str, str]:
    """Return the sha256 of configuration, seeds, split and code, and of each model's manifest, by name.

    Configuration and models are those that were evaluated, whatever lies in their places now; only an evaluation of an
    earlier version does not name them.
    """
    origin = evaluation.origin
    models = origin.models if origin else {task: store.read_manifest(sources.models / task)[1] for task in TASKS}
    return {
        "configuration": origin.digest if origin else file_digest(sources.configuration),
        "seeds": file_digest(sources.collected / GOLD),
        "split": file_digest(sources.split / ASSIGNMENT),
        "code": code_digest(Path(pipeline.__file__).parent),
        **{f"model {task}": digest for task, digest in models.items()},
    }


def code_digest(package: Path) -> str:
    """Return the sha256 over the names and contents of a package's Python files."""
    total = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        total.update(f"{file.relative_to(package).as_posix()}\0{tree_digest(file)}\n".encode())
    return total.hexdigest()


def _annotations(annotated: Path, example_id: str | None, preferred: str) -> tuple[Sequence[Annotation], str]:
    """Return the annotations of a folder, and the id of the worked example."""
    annotations = annotated / "annotations.jsonl"
    if not annotations.is_file():
        raise ConfigError(f"no {annotations}; run 'make repro' first")
    found = list(read_jsonl(annotations, Annotation))
    if not found:
        raise ConfigError(f"{annotations} holds no annotation; run 'make repro' first")
    known = [annotation.id for annotation in found]
    if example_id is not None and example_id not in known:
        some = ", ".join(known[:_NAMED]) + (f", … ({len(known)} in all)" if len(known) > _NAMED else "")
        raise ConfigError(f"no article {example_id!r} among the annotations in {annotations}; known: {some}")
    return found, example_id or (preferred if preferred in known else known[0])


def write_cards(evaluated: Path, models: Path, output: Path) -> None:
    """Write the card of each model in a folder, from the evaluation that was made of these models.

    Raises:
        ConfigError: the evaluation is missing.
        ModelError: a model folder is missing, or its manifest was altered.
        OutputError: the cards cannot be written.
    """
    evaluation = acceptance.read_evaluation(evaluated)
    cards = {task: model_card(*store.read_manifest(models / task), evaluation) for task in TASKS}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for task, card in cards.items():
            (output / f"{task}.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write model cards to {output}: {error.strerror}; choose another place") from None
