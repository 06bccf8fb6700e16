"""The order in which every report lists claims."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.article import Claim


def ranked(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims, check-worthy ones first, each label by falling score, equals in the order of the text."""
    return sorted(claims, key=lambda claim: (claim.label != "checkworthy", -claim.score, claim.raw_start))
