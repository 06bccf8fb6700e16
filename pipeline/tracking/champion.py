"""Whether a new model takes the champion's place: dev cases that both answered decide, never the frozen test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import metrics
from pipeline.classifiers.dev import DevCase
from pipeline.metrics import Interval

SEED = 13
"""Of the bootstrap: the same two models always give the same decision."""
_MIN_SHARED = 0.5  # of the larger of both dev sets; with fewer in common, one of the models is of another corpus


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the alias moves, why in one sentence, and the difference on dev where there is one to tell.

    A champion that stays without an interval stays for lack of evidence, not because the new model is worse.
    """

    moves: bool
    reason: str
    difference: float | None = None
    interval: Interval | None = None


def decide(new: Sequence[DevCase], champion: Sequence[DevCase] | None) -> Decision:
    """Compare a new model with the champion, None where there is none; the new one wins where it is not worse.

    Worse means that the interval of the difference in macro-F1, new minus champion, lies wholly below zero. Without
    such an interval, the champion stays: unless it has no dev cases itself, so that nothing could ever replace it.
    """
    if champion is None:
        return Decision(True, "there was no champion")
    if not champion:
        return Decision(True, "the champion has no dev cases to compare")
    if not new:
        return Decision(False, "the new model has no dev cases to compare")
    known, found = _by_identity(champion), _by_identity(new)
    shared = sorted(found.keys() & known.keys())  # sorted, so that the order of the cases does not matter
    if len(shared) < _MIN_SHARED * max(len(new), len(champion)):
        sizes = f"{len(new)} dev cases here and {len(champion)} of the champion"
        return Decision(False, f"too few cases to compare: of {sizes}, {len(shared)} are the same")
    cases = [found[identity] for identity in shared]
    groups = [case.group or identity[0] for case, identity in zip(cases, shared, strict=True)]
    compared = metrics.paired_difference(
        [case.gold for case in cases],
        [case.label for case in cases],
        [known[identity].label for identity in shared],
        groups,
        seed=SEED,
    )
    measured = f"dev macro-F1 {compared.value:+.4f}"
    amount = f"{len(shared)} cases of {len(set(groups))} articles"
    if compared.interval is None:
        return Decision(False, f"{measured} ({amount}): too few articles to tell", compared.value)
    low, high = compared.interval.low, compared.interval.high
    worse = high < 0
    return Decision(
        not worse,
        f"{measured} (95 % interval {low:+.4f} to {high:+.4f}, {amount}): {'worse' if worse else 'not worse'}",
        compared.value,
        compared.interval,
    )


def _by_identity(cases: Sequence[DevCase]) -> dict[tuple[str, str, int], DevCase]:
    """Return the cases by key, gold label, and number among those that are equal in both."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int], DevCase] = {}
    for case in cases:
        found[case.key, case.gold, counts[case.key, case.gold]] = case
        counts[case.key, case.gold] += 1
    return found
