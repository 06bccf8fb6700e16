"""From the folders that stages leave to the report beside them."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import Annotation
from pipeline.classifiers import store
from pipeline.errors import ConfigError, OutputError
from pipeline.evaluation import Evaluation
from pipeline.records import read_jsonl
from pipeline.report.card import TASKS, model_card
from pipeline.report.markdown import evaluation_report

_NAMED = 5  # known articles named where one is unknown


def write_report(evaluated: Path, annotated: Path, output: Path, *, example_id: str | None, preferred: str) -> None:
    """Write the Markdown report of an evaluation, with one annotated article as the worked example.

    Without an ``example_id`` that is the ``preferred`` article, or the first where the test split has another corpus.

    Raises:
        ConfigError: a folder lacks what its stage should have left, or no annotation has the ``example_id``.
    """
    annotations = annotated / "annotations.jsonl"
    if not annotations.is_file():
        raise ConfigError(f"no {annotations}; run 'make repro' first")
    evaluation = _evaluation(evaluated)
    found = list(read_jsonl(annotations, Annotation))
    if not found:
        raise ConfigError(f"{annotations} holds no annotation; run 'make repro' first")
    known = [annotation.id for annotation in found]
    if example_id is not None and example_id not in known:
        some = ", ".join(known[:_NAMED]) + (f", … ({len(known)} in all)" if len(known) > _NAMED else "")
        raise ConfigError(f"no article {example_id!r} among the annotations in {annotations}; known: {some}")
    example = example_id or (preferred if preferred in known else known[0])
    page = evaluation_report(
        evaluation, annotations=found, example_id=example, configuration=found[0].provenance.config
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")


def write_cards(evaluated: Path, models: Path, output: Path) -> None:
    """Write the card of each model in a folder, from the evaluation that was made of these models.

    Raises:
        ConfigError: the evaluation is missing.
        ModelError: a model folder is missing, or its manifest was altered.
        OutputError: the cards cannot be written.
    """
    evaluation = _evaluation(evaluated)
    cards = {task: model_card(*store.read_manifest(models / task), evaluation) for task in TASKS}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for task, card in cards.items():
            (output / f"{task}.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write model cards to {output}: {error.strerror}; choose another place") from None


def _evaluation(evaluated: Path) -> Evaluation:
    path = evaluated / "evaluation.json"
    if not path.is_file():
        raise ConfigError(f"no {path}; run 'make repro' first")
    return next(read_jsonl(path, Evaluation))
