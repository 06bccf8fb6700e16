"""A comparison of evaluations, as Markdown and as one self-contained HTML page without script."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pipeline.comparison import Row, Score
from pipeline.evaluation import Change
from pipeline.report.cells import MISSING, case_count, cell, scored, table

TEMPLATE = "comparison.html.j2"
_METRICS = {"f1": "F1", "macro_f1": "macro-F1"}
NOTE = (
    "In parentheses: 95 % intervals, by a bootstrap that resamples whole articles. A difference is the run's score "
    "minus that of the first, on the cases that both answered; better or worse where its interval lies on one side of "
    "zero, same where every answer is the same."
)


def markdown(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the comparison of runs as Markdown."""
    header, cells = _header(names), [[cell(text) for text in row] for row in _cells(rows)]
    alignments = "ll" + "r" * len(names) + "rrl" * (len(names) - 1)
    legend = "\n".join(f"{number}. {cell(name)}" for number, name in enumerate(names, start=1))
    return "\n\n".join([legend, table([cell(text) for text in header], alignments, cells), NOTE]) + "\n"


def page(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the comparison of runs as an HTML page."""
    return _template().render(names=names, header=_header(names), rows=_cells(rows), note=NOTE)


def _header(names: Sequence[str]) -> list[str]:
    numbers = range(1, len(names) + 1)
    found = ["Task", "Metric", *(f"Run {number}" for number in numbers)]
    for number in numbers[1:]:
        found += [f"Run {number} - run 1", "Cases", "Verdict"]
    return found


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    return [
        [
            row.task,
            _METRICS[row.metric],
            *map(_score, row.scores),
            *(text for change in row.changes for text in _change(change)),
        ]
        for row in rows
    ]


def _score(score: Score | None) -> str:
    return MISSING if score is None else scored(score.value, score.interval)


def _change(change: Change | None) -> tuple[str, str, str]:
    if change is None:
        return MISSING, "0", "nothing to compare"
    shown = f"{change.now - change.accepted:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    return shown, case_count(change.cases), change.verdict


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE)
