"""From the folders that stages leave to the report beside them."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import Annotation
from pipeline.errors import ConfigError
from pipeline.evaluation import Evaluation
from pipeline.records import read_jsonl
from pipeline.report.markdown import evaluation_report


def write_report(evaluated: Path, annotated: Path, output: Path, *, example_id: str) -> None:
    """Write the Markdown report of an evaluation, with one annotated article as the worked example.

    Raises:
        ConfigError: a folder lacks what its stage should have left.
    """
    scores, annotations = evaluated / "evaluation.json", annotated / "annotations.jsonl"
    for path in (scores, annotations):
        if not path.is_file():
            raise ConfigError(f"no {path}; run 'make repro' first")
    evaluation = next(read_jsonl(scores, Evaluation))
    found = list(read_jsonl(annotations, Annotation))
    example = next((annotation.id for annotation in found if annotation.id == example_id), found[0].id)
    page = evaluation_report(
        evaluation, annotations=found, example_id=example, configuration=found[0].provenance.config
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
