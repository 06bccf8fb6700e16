"""Drift of new articles from a reference, as Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.drift import MEAN_DIFFERENCE
from pipeline.evaluation import SMALL
from pipeline.profiles import Finding, strongest
from pipeline.report.cells import cell, table

NOTE = """\
d: standardized mean difference (Cohen's d), of lengths that of their logarithms; 0.2 is small, 0.8 large. JSD:
Jensen-Shannon divergence in bits, less what chance alone gives; 0.02 and 0.05 correspond to a population stability
index of 0.1 and 0.25, and 0.1 is large. By chance: the effect that articles dealt out at random would reach, with so
few articles, once in twenty such tables. Drift is strong where the effect is large, some where it is at least small,
none where it is smaller or within chance."""


def markdown(findings: Sequence[Finding]) -> str:
    """Return a table of findings, with the strongest verdict and what the measures mean."""
    header = ["What", "Reference", "New", "Articles", "Measure", "Effect", "By chance", "Drift"]
    rows = [
        [
            cell(one.what),
            cell(one.reference),
            cell(one.new),
            f"{one.shift.reference} / {one.shift.new}",
            "d" if one.shift.measure == MEAN_DIFFERENCE else "JSD",
            f"{one.shift.effect:+.3f}" if one.shift.measure == MEAN_DIFFERENCE else f"{one.shift.effect:.3f}",
            f"{one.shift.chance:.3f}",
            one.verdict,
        ]
        for one in findings
    ]
    worst = strongest(findings)
    named = ", ".join(one.what for one in findings if one.verdict == worst) if worst != "none" else ""
    told = f"Drift: {worst}" + (f" ({named})" if named else "") + "."
    articles = max((one.shift.new for one in findings), default=0)
    if articles < SMALL:
        told += (
            f" So few new articles ({articles}) show only what is beyond the column “By chance”; take {SMALL} or more."
        )
    return "\n\n".join([told, table(header, "lllllrrl", rows), NOTE]) + "\n"
