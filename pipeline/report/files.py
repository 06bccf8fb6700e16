"""From the folders that stages leave to the report beside them."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import Annotation
from pipeline.errors import ConfigError
from pipeline.evaluation import Evaluation
from pipeline.records import read_jsonl
from pipeline.report.markdown import evaluation_report

_NAMED = 5  # known articles named where one is unknown


def write_report(evaluated: Path, annotated: Path, output: Path, *, example_id: str | None, preferred: str) -> None:
    """Write the Markdown report of an evaluation, with one annotated article as the worked example.

    Without an ``example_id`` that is the ``preferred`` article, or the first where the test split has another corpus.

    Raises:
        ConfigError: a folder lacks what its stage should have left, or no annotation has the ``example_id``.
    """
    scores, annotations = evaluated / "evaluation.json", annotated / "annotations.jsonl"
    for path in (scores, annotations):
        if not path.is_file():
            raise ConfigError(f"no {path}; run 'make repro' first")
    evaluation = next(read_jsonl(scores, Evaluation))
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
