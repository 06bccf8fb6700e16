"""The words by which the page calls tasks, labels and scores, and numbers as it writes them."""

from __future__ import annotations

from pipeline.evaluation import STRIP
from pipeline.metrics import Interval

MISSING = "–"
_TITLES = {
    STRIP: "Boilerplate removed",
    "boilerplate": "Role of a line",
    "topic": "Topic of an article",
    "stance": "Stance of a sentence",
    "article stance": "Stance of an article",
    "claims": "Claim label of a sentence",
    "listed claims": "Claims listed, end to end",
}
_LABELS = {"checkworthy": "check-worthy"}
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def title(task: str) -> str:
    """Return what a task decides, in words; of an added data set also its name."""
    own, _, source = task.partition(" of ")
    return f"{_TITLES.get(own, own)}, {source}" if source else _TITLES.get(task, task)


def label(name: str) -> str:
    """Return a label as it is read."""
    return _LABELS.get(name, name)


def number(value: float | None, digits: int = 3) -> str:
    """Return a score with so many decimals, or a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def interval(found: Interval | None, digits: int = 3) -> str:
    """Return an interval as low–high, or nothing."""
    return f"{found.low:.{digits}f}–{found.high:.{digits}f}" if found else ""


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign, a true minus."""
    shown = f"{abs(value):.{digits}f}"
    return shown if float(shown) == 0 else f"{'+' if value > 0 else '−'}{shown}"


def magnitude(value: float) -> str:
    """Return a large count with two digits and its suffix, such as 45 M."""
    for size, suffix in _SUFFIXES:
        if value >= size:
            shown = value / size
            return f"{shown:.1f} {suffix}" if shown < 10 else f"{shown:.0f} {suffix}"
    return f"{value:.0f}"


def percent(share: float) -> str:
    """Return a share as a whole percentage."""
    return f"{100 * share:.0f} %"


def slug(name: str) -> str:
    """Return a name as part of an HTML id."""
    return "".join(char if char.isalnum() and char.isascii() else "-" for char in name.lower())
