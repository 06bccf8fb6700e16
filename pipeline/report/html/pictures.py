"""Pictures as inline SVG that follows the page's colours; the one module that imports matplotlib.

A picture is drawn in colours that stand for the page's CSS variables and are replaced by them. Equal data gives equal
bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.curves import PrecisionRecallCurve, ReliabilityBin
from pipeline.metrics import CoveragePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _RULE, _MUTED, _PAGE = "#010203", "#010204", "#010205", "#010206"
_SERIES = tuple(f"#0102{16 + number:x}" for number in range(6))
_VARIABLES = {_INK: "var(--ink)", _RULE: "var(--rule)", _MUTED: "var(--muted)", _PAGE: "var(--card)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(_SERIES, start=1)
}
# Colours are told apart by line and marker too, in print and by those who see them alike.
_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_HATCHES = ("", "////", "....", "xxxx", "----", "++++")
_SIZE = (4.4, 3.1)  # inches, of 72 units
_MIN_REACH = 0.03  # of a score to both sides: less would show noise as if it were something
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_NOISE = re.compile(r"<style.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_FONT = re.compile(r"font: (?:[a-z]+ )?([\d.]+)px [^;\"]*")
_SPACE = re.compile(r"\n\s*")
_REFERENCE = re.compile(r"(?:url\(#|href=\"#)([^)\"]+)")
_IDENTITY = re.compile(r' id="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Engine:
    """Macro-F1 of an engine, with its interval, and the floating-point operations that an article costs it."""

    name: str
    operations: float
    macro_f1: float
    low: float
    high: float


def precision_recall(name: str, curves: Sequence[PrecisionRecallCurve]) -> str:
    """Return precision by recall, one line a label; a large marker is where the model decides."""
    with _figure(name) as (axes, drawn):
        for number, curve in enumerate(curves):
            recall = [point.recall for point in curve.points]
            precision = [point.precision for point in curve.points]
            axes.plot(recall, precision, color=_SERIES[number], linestyle=_LINES[number], label=_plain(curve.label))
            if curve.chosen:
                place = [curve.chosen.recall], [curve.chosen.precision]
                axes.plot(*place, _MARKERS[number], color=_SERIES[number], markersize=9, markeredgecolor=_PAGE)
        _unit(axes, "recall", "precision")
        _legend(axes)
    return drawn[0]


def thresholds(name: str, curve: Sequence[CoveragePoint], chosen: float | None) -> str:
    """Return what a threshold leaves: the share that is answered, and the share of right answers."""
    with _figure(name) as (axes, drawn):
        scores = [point.score for point in curve]
        axes.plot(scores, [point.accuracy for point in curve], color=_SERIES[0], label="right among the answered")
        axes.plot(scores, [point.coverage for point in curve], color=_SERIES[1], linestyle="--", label="answered")
        if chosen:
            axes.axvline(chosen, color=_INK, linewidth=1, linestyle=":")
            axes.annotate(f" chosen {chosen:.2f}", (chosen, 0.02), fontsize=8.5)
        _unit(axes, "threshold on the score", "share of cases")
        _legend(axes)
    return drawn[0]


def reliability(name: str, bins: Sequence[ReliabilityBin]) -> str:
    """Return accuracy by confidence; on the diagonal a score is the share of right answers."""
    with _figure(name) as (axes, drawn):
        axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle=":")
        confidence, accuracy = [one.confidence for one in bins], [one.accuracy for one in bins]
        axes.vlines(confidence, confidence, accuracy, color=_SERIES[1], linewidth=1.2)
        axes.plot(confidence, accuracy, "-o", color=_SERIES[0], linewidth=1)
        _unit(axes, "confidence", "share of right answers")
    return drawn[0]


def risk(name: str, curve: Sequence[CoveragePoint], chosen: float | None) -> str:
    """Return the share of wrong answers by the share of cases answered, the surest first."""
    with _figure(name) as (axes, drawn):
        coverage, wrong = [point.coverage for point in curve], [1 - point.accuracy for point in curve]
        axes.plot(coverage, wrong, color=_SERIES[0])
        answered = [point for point in curve if point.score >= (chosen or 0)]
        if answered:
            place = [answered[-1].coverage], [1 - answered[-1].accuracy]
            axes.plot(*place, "o", color=_SERIES[1], markersize=9, markeredgecolor=_PAGE)
        axes.set(xlabel="coverage: share of cases answered", ylabel="risk: share of wrong answers", xlim=(0, 1.02))
        axes.set_ylim(0, max(0.1, *wrong) * 1.1)
    return drawn[0]


def learning(name: str, points: Sequence[tuple[int, float]], engine: str) -> str:
    """Return dev macro-F1 by the number of training articles."""
    with _figure(name) as (axes, drawn):
        axes.plot(
            [size for size, _ in points], [score for _, score in points], "-o", color=_SERIES[0], label=_plain(engine)
        )
        axes.set(xlabel="training articles", ylabel="macro-F1 on dev", ylim=(0, 1))
        axes.set_xlim(0, 1.05 * max(size for size, _ in points))
        _legend(axes)
    return drawn[0]


def variants(name: str, rows: Sequence[tuple[str, float, tuple[float, float]]], xlabel: str) -> str:
    """Return the mean of each row with its range; that of the first row is a band behind all."""
    reach = 1.2 * max(_MIN_REACH, *(abs(end - rows[0][1]) for *_, ends in rows for end in ends))
    with _figure(name, height=0.9 + 0.26 * len(rows)) as (axes, drawn):
        axes.axvspan(*rows[0][2], color=_RULE)
        axes.axvline(rows[0][1], color=_MUTED, linewidth=1, linestyle=":")
        places = range(len(rows))
        axes.hlines(places, [low for *_, (low, _) in rows], [high for *_, (_, high) in rows], color=_SERIES[0])
        axes.plot([mean for _, mean, _ in rows], places, "o", color=_SERIES[0], markeredgecolor=_PAGE)
        axes.set_yticks(places, [_plain(label) for label, *_ in rows])
        axes.set(xlabel=xlabel, xlim=(rows[0][1] - reach, rows[0][1] + reach), ylim=(len(rows) - 0.5, -0.5))
    return drawn[0]


def quality_by_cost(name: str, engines: Sequence[Engine]) -> str:
    """Return macro-F1 with its interval by what an article costs, on a logarithmic scale."""
    with _figure(name) as (axes, drawn):
        for number, engine in enumerate(engines):
            spread = [[engine.macro_f1 - engine.low], [engine.high - engine.macro_f1]]
            axes.errorbar(
                [engine.operations],
                [engine.macro_f1],
                yerr=spread,
                fmt=_MARKERS[number],
                color=_SERIES[number],
                markersize=7,
                capsize=3,
                label=_plain(engine.name),
            )
        costs = [engine.operations for engine in engines]
        axes.set(xscale="log", xlim=(min(costs) / 8, max(costs) * 8), ylim=(0, 1.02))
        axes.set(xlabel="operations an article", ylabel="macro-F1")
        _legend(axes)
    return drawn[0]


def stacked(name: str, rows: Sequence[tuple[str, Mapping[str, int]]], parts: Sequence[str], xlabel: str) -> str:
    """Return horizontal bars, one a row, each divided into the same parts."""
    with _figure(name, height=0.85 + 0.26 * len(rows), width=7.2) as (axes, drawn):
        labels = [_plain(label) for label, _ in rows]
        left = [0] * len(rows)
        for number, part in enumerate(parts):
            widths = [counts.get(part, 0) for _, counts in rows]
            axes.barh(
                labels, widths, left=left, height=0.72, color=_SERIES[number], edgecolor=_PAGE, linewidth=0.6,
                hatch=_HATCHES[number], label=_plain(part),
            )  # fmt: skip
            left = [done + width for done, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(xlabel)
        _legend(axes)
    return drawn[0]


def shifts(name: str, rows: Sequence[tuple[str, float, float]], xlabel: str, *, signed: bool) -> str:
    """Return effects as points beside what chance gives, one a row: label, effect, chance.

    Without a sign, chance has no lower end: less than it is none.
    """
    with _figure(name, height=0.9 + 0.26 * len(rows), width=7.2) as (axes, drawn):
        places = range(len(rows))
        chances = [chance for _, _, chance in rows]
        lowest = 1.1 * min(0.0, *(effect for _, effect, _ in rows), *(-chance for chance in chances))
        left = [-chance if signed else lowest for chance in chances]
        widths = [chance - start for chance, start in zip(chances, left, strict=True)]
        axes.barh(places, widths, left=left, height=0.5, color=_RULE, label="within chance")
        axes.plot([effect for _, effect, _ in rows], places, "o", color=_SERIES[0], label="effect")
        axes.set_yticks(places, [_plain(label) for label, _, _ in rows])
        axes.invert_yaxis()
        axes.axvline(0, color=_MUTED, linewidth=0.8)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(xlabel)
        _legend(axes)
    return drawn[0]


def _plain(text: str) -> str:
    """Return a name of the data as matplotlib shows it letter by letter: between two dollars it would set formulas."""
    return text.replace("$", r"\$")


def _legend(axes: Axes) -> None:
    """Name the lines above the picture, where none of them runs."""
    axes.figure.legend(loc="outside upper left", ncols=3, borderaxespad=0, handlelength=2.4, columnspacing=1.4)


def _unit(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))


@contextmanager
def _figure(name: str, *, width: float = _SIZE[0], height: float = _SIZE[1]) -> Iterator[tuple[Axes, list[str]]]:
    """Yield axes to draw on, and a list that holds the SVG afterwards."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn: list[str] = []
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure.subplots(), drawn
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn.append(_inline(stream.getvalue(), name))


def _inline(svg: str, name: str) -> str:
    """Return an SVG file's text as an element for a page: no file header, no fonts, no id that nothing refers to."""
    svg = _NOISE.sub("", svg[svg.index("<svg") :])
    used = set(_REFERENCE.findall(svg))
    svg = _IDENTITY.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = _REFERENCE.sub(lambda found: f"{found[0][: -len(found[1])]}{name}-{found[1]}", svg)
    svg = _FONT.sub(r"font-size: \1px", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    box = re.search(r'viewBox="[^"]+"', svg)
    opening = f'<svg class="picture" {box[0] if box else ""} focusable="false">'
    return _SPACE.sub("\n", opening + svg[svg.index(">") + 1 :]).strip()
