"""The layers of stripping: what rules, recurring blocks and the line classifier would take of a text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from pipeline.article import REMOVED_ROLES, Line, MarkKind, Role
from pipeline.boilerplate import forms
from pipeline.boilerplate.lines import DIVIDERS, EDGE, LONG_LINE, is_author_bio, names_author, person
from pipeline.boilerplate.recurring import Hit as RecurringHit
from pipeline.boilerplate.rules import Lexicon
from pipeline.classifiers.contract import Prediction
from pipeline.config import Section

# What a byline of many words has: “by”, a date, a title after a comma, a place after a divider.
_BYLINE = re.compile(r"\b[Bb][Yy]\b|[\d,;:|·•@/&(–—]| - ")
_MAX_NAMES = 6  # words: a longer line that has none of these is a heading
_MAX_SUBHEAD = 8  # words: one such line below a heading may as well head what follows
_MIN_KNOWN_SHARE = 0.2  # of a line's characters: with less of it known as a promo, the rest is the rules' to leave


class Config(Section):
    """Which layers strip, and how far they may go."""

    rules: bool = True
    """The lexicon layer."""
    recurring: bool = True
    """The layer of blocks that an outlet repeats."""
    learned: bool = True
    """The line classifier layer."""
    min_score: float = Field(default=0.8, ge=0, le=1)
    """Probability, summed over the removed roles, from which the line classifier removes a line."""
    min_sentence_score: float = Field(default=0.9, ge=0, le=1)
    """The same for a line that ends like a sentence: losing one of those is worse."""
    min_marked_score: float = Field(default=0.05, ge=0, le=1)
    """The same for a line of a web page that the page itself casts doubt on; its other lines only rules may take."""
    max_removed_share: float = Field(default=0.5, ge=0, le=1)
    """Share of an article's characters, blanks aside; beyond it layers are dropped, the last first, with a warning."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a layer would take: a span of the clean text, its role, and the reason that the removal will give."""

    start: int
    end: int
    role: Role
    reason: str


def _rule_cuts(line: Line, lexicon: Lexicon) -> list[Cut]:
    cuts: list[Cut] = []
    for hit in lexicon.hits(line.text):
        if hit.rule.scope == "line":
            if forms.CORRECTS.match(line.text) or forms.QUOTATION.match(line.text):
                continue
            return [Cut(line.start, line.end, hit.rule.role, f"rule:{hit.rule.id}")]
        start, end = line.start + hit.start, line.start + hit.end
        start += len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].lstrip())
        end -= len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].rstrip())
        if start < end and all(end <= cut.start or cut.end <= start for cut in cuts):
            cuts.append(Cut(start, end, hit.rule.role, f"rule:{hit.rule.id}"))
    return sorted(cuts, key=lambda cut: cut.start)


def of_rules(line: Line, lexicon: Lexicon, learned: Mapping[int, Cut]) -> list[Cut]:
    """Return what rules take of a line: nothing where they know a part of what the line classifier takes as a whole.

    ``learned`` has the classifier's cuts by their start. What stands beside a promo and ends as a statement does may be
    the story's, and so may the words of a post whose signature the rules know.
    """
    cuts = _rule_cuts(line, lexicon)
    whole = learned.get(line.start)
    if whole is None or whole.role == "embed" or any(cut.role != whole.role for cut in cuts):
        return cuts
    starts, ends = [cut.start for cut in cuts], [cut.end for cut in cuts]
    gaps = zip([line.start, *ends], [*starts, line.end], strict=True)
    rest = [line.text[start - line.start : end - line.start].strip() for start, end in gaps]
    if any(forms.DECLARES.search(part) for part in rest):
        return cuts
    known_share = sum(cut.end - cut.start for cut in cuts) / len(line.text)
    return [] if _MIN_KNOWN_SHARE <= known_share < 1 else cuts


def announced(lines: Sequence[Line], ruled: Sequence[Cut], headlines: Collection[int]) -> list[Cut]:
    """Return the links that a heading such as “Read more:” announces; one without a colon needs two below it."""
    whole = {(cut.start, cut.end): cut for cut in ruled}
    cuts: list[Cut] = []
    below: list[Line] = []
    heading: Cut | None = None
    needed = 1
    for index, line in enumerate(lines):
        cut = whole.get((line.start, line.end))
        if cut is not None and cut.role == "related" and forms.announces(line.text):
            cuts += _links(heading, below, needed)
            heading, below, needed = cut, [], 1 if line.text.endswith((":", "：")) else 2
        elif heading is not None and cut is None and index not in headlines and forms.is_link_like(line.text):
            below.append(line)
        elif cut is None or cut.role not in ("ad", "related"):
            cuts += _links(heading, below, needed)
            heading, below = None, []
    return cuts + _links(heading, below, needed)


def _links(heading: Cut | None, below: Sequence[Line], needed: int) -> list[Cut]:
    """Return the link-like lines below a heading, but for those that may head what follows."""
    last = len(below)
    while last > 0 and forms.ASKS.match(below[last - 1].text):
        last -= 1
    if heading is None or last < needed or (last == 1 and forms.words(below[0].text) <= _MAX_SUBHEAD):
        return []
    return [Cut(line.start, line.end, "related", f"below:{heading.reason}") for line in below[:last]]


def of_recurring_blocks(
    lines: Sequence[Line], hits: Sequence[RecurringHit], headlines: Collection[int], whole: Collection[int]
) -> list[Cut]:
    """Return the blocks found, but for a sentence in a line of which ``whole`` tells that it goes as a whole."""
    starts = [line.start for line in lines]
    cuts: list[Cut] = []
    for hit in hits:
        index = bisect_right(starts, hit.start) - 1
        if index in headlines or forms.CORRECTION.match(lines[index].text):
            continue
        if hit.block.kind == "sentence":
            if lines[index].start in whole:
                continue
        elif any(kept.match(lines[index].text) for kept in (forms.QUOTATION, forms.TURN)) or forms.signs(lines, index):
            continue
        if not cuts or cuts[-1].end <= hit.start:  # hits come in the order of the text
            cuts.append(Cut(hit.start, hit.end, hit.block.role, f"recurring:{hit.block.id}"))
    return cuts


def of_line_classifier(
    lines: Sequence[Line],
    predictions: Sequence[Prediction],
    config: Config,
    headlines: Collection[int],
    *,
    titled: bool,
) -> list[Cut]:
    """Return the lines that are boilerplate by their score and have no form of what must stay."""
    cuts: list[Cut] = []
    least = min(config.min_score, config.min_sentence_score)
    for index, (line, prediction) in enumerate(zip(lines, predictions, strict=True)):
        score, role = _residue(prediction)
        if score < least or index in headlines:
            continue
        states = bool(forms.SENTENCE.search(line.text)) and not (role == "byline" and " · " in line.text)
        if score < (config.min_sentence_score if states else config.min_score):
            continue
        if not (_must_stay(lines, index) or _may_be_text(lines, index, role, states=states, titled=titled)):
            cuts.append(Cut(line.start, line.end, role, f"model:{score:.2f}"))
    return cuts


def _must_stay(lines: Sequence[Line], index: int) -> bool:
    """Tell whether a line has a form that only the story's own lines have, or heads people of the story."""
    text = lines[index].text
    if any(kept.match(text) for kept in (forms.CORRECTION, forms.QUOTATION, forms.INTRODUCTION, forms.TURN)):
        return True
    return forms.signs(lines, index) or any(forms.PERSON.match(below.text) for below in lines[index + 1 : index + 2])


def _is_told_of(lines: Sequence[Line], index: int) -> bool:
    """Tell whether the name with which a line opens stands in a paragraph of the story, too: no author's does."""
    text = lines[index].text
    name = person(text) if len(text.split()) > _MAX_NAMES else None
    if name is None:
        return False
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(other.text) for other in lines if other.text != text and len(other.text) >= LONG_LINE)


def _is_listed(lines: Sequence[Line], index: int) -> bool:
    """Tell whether another line begins as an item does, or the line above announces items; else a bullet is a mark."""
    others = (*lines[:index], *lines[index + 1 :])
    announced = index > 0 and lines[index - 1].text.endswith((":", "："))
    return announced or any(forms.MARKED.match(line.text) for line in others)


def _may_be_text(lines: Sequence[Line], index: int, role: Role, *, states: bool, titled: bool) -> bool:
    """Tell whether what the line classifier would take may be the story's own.

    Points and people of a list are, unless a lone mark stands before an author's bio. Else it doubts bylines and
    captions alone: the first line of an untitled text may be its headline, who says what is no caption, and a byline
    names an author, of whom the story says nothing, by a name alone or in words that only bylines have.
    """
    text, opens, ends = lines[index].text, index == 0 and not titled, len(lines) - index <= EDGE
    byline = role == "byline"
    if byline and ends and _is_told_of(lines, index):
        return True
    signed = byline and ends and is_author_bio(text) and not _is_listed(lines, index)
    if not signed and any(item.match(text) for item in (forms.LIST_ITEM, forms.PERSON)):
        return True
    if role not in ("byline", "caption"):
        return False
    if forms.ATTRIBUTED.match(text):
        return True
    if opens:
        return not any(mark in text for mark in DIVIDERS)
    if not byline or names_author(text, at_end=ends):
        return False
    return states or (len(text.split()) > _MAX_NAMES and not _BYLINE.search(text))


def of_marked_lines(
    lines: Sequence[Line],
    predictions: Sequence[Prediction],
    config: Config,
    headlines: Collection[int],
    marks: Sequence[MarkKind | None],
) -> list[Cut]:
    """Return the lines that the page casts doubt on; an extractor has been over the others already."""
    cuts: list[Cut] = []
    for index, (line, prediction, mark) in enumerate(zip(lines, predictions, marks, strict=True)):
        if index in headlines or mark is None or mark == "stated" or forms.CORRECTION.match(line.text):
            continue
        score, role = _residue(prediction)
        doubted = score >= config.min_marked_score
        if mark == "link":
            if doubted or not forms.SENTENCE.search(line.text):  # a sentence may be one long link
                cuts.append(Cut(line.start, line.end, "related", "page:link"))
        elif doubted:
            cuts.append(Cut(line.start, line.end, role, f"page:{mark}:{score:.2f}"))
    return cuts


def _residue(prediction: Prediction) -> tuple[float, Role]:
    """Return the probability of not being body, and the likeliest role then."""
    removable = {role: prediction.scores.get(role, 0.0) for role in REMOVED_ROLES}
    return sum(removable.values()), max(removable, key=lambda role: removable[role])
