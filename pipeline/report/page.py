"""One annotated article as one self-contained HTML page: no script, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pipeline.article import Annotation, Removal
from pipeline.report.ranking import ranked

TEMPLATE = "article.html.j2"
_BREAK = re.compile(r"(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))*")
_MAX_HEADING = 160  # characters of a first line that serves as heading


class Located(Protocol):
    """Something that lies at ``raw_start:raw_end`` of the raw text."""

    @property
    def raw_start(self) -> int:
        """Where it begins."""
        ...

    @property
    def raw_end(self) -> int:
        """Where it ends."""
        ...


Marked = TypeVar("Marked", bound=Located)
"""What is marked in the text: claims, or what else an article's reader should see."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[Marked]):
    """A stretch of the raw text inside one paragraph that is removed, part of a claim, or neither.

    ``number`` is the claim's place in the list below the article; ``first`` and ``last`` tell whether the
    removal or claim begins and ends here.
    """

    text: str
    removal: Removal | None = None
    claim: Marked | None = None
    number: int = 0
    first: bool = True
    last: bool = True


@dataclass(frozen=True, slots=True)
class Paragraph(Generic[Marked]):
    """The pieces of one line of the raw text, and the line breaks that follow it."""

    pieces: tuple[Piece[Marked], ...]
    breaks: str


def article_page(annotation: Annotation, raw: str) -> str:
    """Return the HTML page of an article: what was found in it, and ``raw`` with removals struck and claims marked.

    Args:
        annotation: what the pipeline says about the article.
        raw: the text that the annotation's raw offsets count; offsets beyond it are clipped.
    """
    claims = ranked(annotation.claims)
    return _template().render(
        annotation=annotation,
        heading=_heading(annotation),
        link=annotation.url if (annotation.url or "").lower().startswith(("http://", "https://")) else None,
        claims=claims,
        paragraphs=paragraphs(raw, annotation.removed, claims),
    )


def paragraphs(raw: str, removed: Sequence[Removal], claims: Sequence[Marked]) -> list[Paragraph[Marked]]:
    """Return the raw text as paragraphs whose texts, joined, are ``raw``.

    Where spans overlap, a removal hides a claim and the earlier in its list hides the later.
    """
    owners = _owners(raw, removed, claims)
    runs = [(list(_runs(owners, start, end)), raw[end:following]) for start, end, following in _lines(raw)]
    spans = [owner for line, _ in runs for owner, _, _ in line]
    opening = {owner: place for place, owner in reversed(list(enumerate(spans)))}
    closing = {owner: place for place, owner in enumerate(spans)}
    found: list[Paragraph[Marked]] = []
    place = 0
    for line, breaks in runs:
        pieces: list[Piece[Marked]] = []
        for owner, start, end in line:
            first, last = opening[owner] == place, closing[owner] == place
            pieces.append(_piece(raw[start:end], owner, removed, claims, first=first, last=last))
            place += 1
        found.append(Paragraph(tuple(pieces), breaks))
    return found


def _owners(raw: str, removed: Sequence[Located], claims: Sequence[Located]) -> list[int]:
    """Return for each raw character 0, or n for the nth claim, or -n for the nth removal."""
    owners = [0] * len(raw)
    # Painted over in this order: the last coat shows.
    for number, claim in reversed(list(enumerate(claims, start=1))):
        _paint(owners, claim.raw_start, claim.raw_end, number)
    for number, removal in reversed(list(enumerate(removed, start=1))):
        _paint(owners, removal.raw_start, removal.raw_end, -number)
    return owners


def _paint(owners: list[int], start: int, end: int, owner: int) -> None:
    start = max(start, 0)
    end = max(min(end, len(owners)), start)
    owners[start:end] = [owner] * (end - start)


def _lines(raw: str) -> Iterator[tuple[int, int, int]]:
    """Yield start and end of each line, and the start of the next; blank lines belong to the line before them."""
    start = 0
    for found in _BREAK.finditer(raw):
        yield start, found.start(), found.end()
        start = found.end()
    if start < len(raw):
        yield start, len(raw), len(raw)


def _runs(owners: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int, int]]:
    for owner, run in groupby(owners[start:end]):
        length = sum(1 for _ in run)
        yield owner, start, start + length
        start += length


def _piece(
    text: str, owner: int, removed: Sequence[Removal], claims: Sequence[Marked], *, first: bool, last: bool
) -> Piece[Marked]:
    if owner < 0:
        return Piece(text, removal=removed[-owner - 1], first=first, last=last)
    if owner > 0:
        return Piece(text, claim=claims[owner - 1], number=owner, first=first, last=last)
    return Piece(text)


def _heading(annotation: Annotation) -> str:
    first_line = next((line for line in annotation.text.splitlines() if line.strip()), "")
    heading = annotation.title or first_line or annotation.id
    return heading if len(heading) <= _MAX_HEADING else f"{heading[: _MAX_HEADING - 1].rstrip()}…"


def _score(score: float) -> str:
    return f"{score:.2f}"


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
    environment.filters["score"] = _score
    return environment.get_template(TEMPLATE)
