"""A test article as its reader should see it: what was removed and predicted, where, and what is true beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.article import KEPT_ROLES, REMOVED_ROLES, Annotation, Removal
from pipeline.corpus import segments_within
from pipeline.evaluation import STRIP, ScoredCase
from pipeline.report.page import Piece, paragraphs
from pipeline.seeds import GoldArticle

_MOST = 0.5  # share of a stretch from which it counts as removed


@dataclass(frozen=True, slots=True)
class Mark:
    """A sentence with its claim label, or boilerplate that was left, in the raw text.

    ``gold`` is what it should be; for a sentence that has no gold label, its gold role. ``case`` is its number among
    the mistakes, None where it is none of them.
    """

    raw_start: int
    raw_end: int
    label: str
    score: float
    gold: str
    case: int | None = None

    @property
    def wrong(self) -> bool:
        """Whether it should be something else."""
        return self.label != self.gold


@dataclass(frozen=True, slots=True)
class Mention:
    """A target where a sentence names it, with the sentence's stance toward it."""

    raw_start: int
    raw_end: int
    target: str
    label: str
    score: float
    gold: str
    case: int | None = None

    @property
    def wrong(self) -> bool:
        """Whether the stance should be another."""
        return self.label != self.gold


@dataclass(frozen=True, slots=True)
class Part:
    """Text that one mention, or none, covers."""

    text: str
    mention: Mention | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a paragraph: removed, marked or neither; ``body`` tells of a removal that it should have stayed."""

    parts: tuple[Part, ...]
    removal: Removal | None
    mark: Mark | None
    first: bool
    last: bool
    body: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The stretches of one line of the raw text, and the line breaks that follow it.

    ``mistaken`` are the line's roles that were taken for others: its ``label``, its ``gold`` role and its ``case``.
    ``case`` is its number among the mistakes where stripping kept or removed it wrongly.
    """

    stretches: tuple[Stretch, ...]
    breaks: str
    mistaken: tuple[Mark, ...] = ()
    case: int | None = None


def lines(gold: GoldArticle, annotation: Annotation, cases: Sequence[tuple[ScoredCase, int | None]]) -> list[Line]:
    """Return an article's raw text, joined ``gold.raw``, with everything that there is to see in it.

    Args:
        gold: the article with its gold labels.
        annotation: what the pipeline says about it.
        cases: its scored cases, each with its number among the mistakes.
    """
    marks = [*_left(gold, annotation.removed), *_sentences(gold, annotation, cases)]
    mentions = sorted(_mentions(cases), key=lambda mention: mention.raw_start)
    roles = _roles(cases)
    stripped = [(one.raw_start or 0, number) for one, number in cases if one.task == STRIP and number is not None]
    found: list[Line] = []
    position = 0
    for paragraph in paragraphs(gold.raw, annotation.removed, marks):
        stretches: list[Stretch] = []
        start = position
        for piece in paragraph.pieces:
            stretches.append(_stretch(piece, position, mentions, gold))
            position += len(piece.text)
        position += len(paragraph.breaks)
        mistaken = tuple(role for role in roles if start <= role.raw_start < position)
        case = next((number for place, number in stripped if start <= place < position), None)
        found.append(Line(tuple(stretches), paragraph.breaks, mistaken, case))
    return found


def _stretch(piece: Piece[Mark], start: int, mentions: Sequence[Mention], gold: GoldArticle) -> Stretch:
    parts: list[Part] = []
    end, position = start + len(piece.text), start
    for mention in mentions:
        first, last = max(mention.raw_start, position), min(mention.raw_end, end)
        if first < last and mention.raw_start >= position:
            if first > position:
                parts.append(Part(piece.text[position - start : first - start]))
            parts.append(Part(piece.text[first - start : last - start], mention))
            position = last
    if position < end:
        parts.append(Part(piece.text[position - start :]))
    removal = piece.removal
    body = removal is not None and any(
        segment.role in KEPT_ROLES for segment in segments_within(gold, removal.raw_start, removal.raw_end)
    )
    return Stretch(tuple(parts), removal, piece.claim, piece.first, piece.last, body)


def _left(gold: GoldArticle, removed: Sequence[Removal]) -> list[Mark]:
    """Return the boilerplate that stripping left."""
    return [
        Mark(segment.start, segment.end, "kept", 0.0, segment.role)
        for segment in gold.segments
        if segment.role in REMOVED_ROLES and removed_share(segment.start, segment.end, removed) <= _MOST
    ]


def removed_share(start: int, end: int, removed: Sequence[Removal]) -> float:
    """Return the share of a stretch of the raw text that was removed."""
    taken = sum(max(0, min(one.raw_end, end) - max(one.raw_start, start)) for one in removed)
    return taken / max(end - start, 1)


def _sentences(gold: GoldArticle, annotation: Annotation, cases: Sequence[tuple[ScoredCase, int | None]]) -> list[Mark]:
    """Return the sentences with a gold label, and those that were listed without having one."""
    found = [
        Mark(one.raw_start, one.raw_end, one.label, one.score, one.gold, number)
        for one, number in cases
        if one.task == "claims" and one.raw_start is not None and one.raw_end is not None
    ]
    known = {(mark.raw_start, mark.raw_end) for mark in found}
    for claim in annotation.claims:
        if (claim.raw_start, claim.raw_end) not in known:
            own = next(segments_within(gold, claim.raw_start, claim.raw_end), None)
            role = (own.claim or own.role) if own else "body"
            found.append(Mark(claim.raw_start, claim.raw_end, claim.label, claim.score, role))
    return found


def _roles(cases: Sequence[tuple[ScoredCase, int | None]]) -> list[Mark]:
    return [
        Mark(one.raw_start, one.raw_end, one.label, one.score, one.gold, number)
        for one, number in cases
        if one.task == "boilerplate" and number is not None and one.raw_start is not None and one.raw_end is not None
    ]


def _mentions(cases: Sequence[tuple[ScoredCase, int | None]]) -> list[Mention]:
    return [
        Mention(one.raw_start, one.raw_end, one.target or "", one.label, one.score, one.gold, number)
        for one, number in cases
        if one.task == "stance" and one.raw_start is not None and one.raw_end is not None
    ]
