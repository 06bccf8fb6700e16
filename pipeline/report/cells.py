"""Markdown that shows exactly the text and numbers it is given: cells, quotations, scores, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.evaluation import SMALL, Scores
from pipeline.metrics import Classification, Interval

MISSING = "–"
FEW = "few cases"
_MAX_QUOTE = 200  # characters of an article quoted in a cell
_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# Controls make a text file binary for other tools, and bidirectional ones turn round the rest of the row.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def cell(text: str) -> str:
    """Return text as one line of Markdown that shows as that text, inside a table too.

    Runs of white space become one space, control characters U+FFFD.
    """
    visible = _CONTROL.sub("\ufffd", " ".join(text.split()))
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found.group(), f"\\{found.group()}"), visible)


def quote(text: str) -> str:
    """Return a cell with the first 200 characters of text."""
    shown = " ".join(text.split())
    return cell(shown if len(shown) <= _MAX_QUOTE else f"{shown[: _MAX_QUOTE - 1].rstrip()}…")


def number(value: float | None) -> str:
    """Return a score to 3 decimals, or a dash where there is none."""
    return MISSING if value is None else f"{value:.3f}"


def scored(value: float | None, interval: Interval | None) -> str:
    """Return a score with its interval in parentheses, if it has one."""
    shown = number(value)
    return f"{shown} ({number(interval.low)}–{number(interval.high)})" if interval else shown


def macro_f1(scores: Scores) -> str:
    """Return the macro-F1 of an engine with its interval."""
    return scored(scores.classification.macro_f1, scores.classification.macro_f1_interval)


def case_count(cases: int) -> str:
    """Return a number of cases, marked where they are few."""
    return f"{cases} ({FEW})" if cases < SMALL else str(cases)


def label_table(found: Classification, *, absent: bool) -> str:
    """Return a table of each label's scores; ``absent`` lists those too that no case has."""
    guessed = [sum(row[column] for row in found.confusion) for column in range(len(found.labels))]
    rows = [
        [
            cell(scores.label),
            # What nobody gave has no score: 0.000 would read as a failure, and macro-F1 leaves it out as well.
            number(scores.precision if given else None),
            number(scores.recall if scores.support else None),
            scored(scores.f1, scores.f1_interval) if scores.support or given else MISSING,
            str(scores.support),
        ]
        for scores, given in zip(found.labels, guessed, strict=True)
        if scores.support or absent
    ]
    return table(["Label", "Precision", "Recall", "F1", "Support"], "lrrrr", rows)


def table(header: Sequence[str], alignments: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells; ``alignments`` has one letter for each column, l or r."""
    rules = ["---" if letter == "l" else "---:" for letter in alignments]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rules, *rows))
