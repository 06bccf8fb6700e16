"""Strip boilerplate from a clean text: every removal with its role and reason, and a guard against taking too much."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pydantic import Field

from pipeline.alignment import AlignedText
from pipeline.article import KEPT_ROLES, REMOVED_ROLES, ROLES, Edit, Line, MarkKind, Removal, Role
from pipeline.boilerplate.lines import DIVIDERS, EDGE, names_author
from pipeline.boilerplate.recurring import Hit as RecurringHit
from pipeline.boilerplate.rules import Lexicon
from pipeline.classifiers.contract import Prediction
from pipeline.config import Section


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
class Stripped:
    """A clean text without its boilerplate.

    ``lines`` are the lines that stay, with offsets in ``body.text`` and their roles; ``edits`` are what
    cleaning and the closing of gaps changed; ``removals`` and ``edits`` and the kept characters tile the raw text.
    """

    body: AlignedText
    lines: tuple[Line, ...]
    roles: tuple[Role, ...]
    removals: tuple[Removal, ...]
    edits: tuple[Edit, ...]
    warnings: tuple[str, ...]


# A correction changes what is true, so neither a line rule nor the line classifier may take it; it looks like the
# legal lines beside it, and it may follow a credit on the same line.
_CORRECTION = re.compile(
    r"(?:correction|corrections|clarification|editor.s note|an earlier version)\b"
    r"|.{0,200}?[.!?”] ?(?:correction|clarification)[,:]",
    re.IGNORECASE,
)
# The same, beginning with the word: an editor's note may also be a promo that a rule knows.
_CORRECTS = re.compile(r"(?:correction|clarification|an earlier version)", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?…:;][\"”’)\]]*$")
# Items of a list and introductions to what follows, as long as a sentence: to the line classifier they look like links
# and captions, and taking a programme's points out of a report is worse than leaving a link.
_LIST_ITEM = re.compile(r"[*•‣▪◦–-] *\S+(?: +\S+){9}")
_INTRODUCTION = re.compile(r"(?:\S+ +){7,}\S+:$")
# A line that opens with direct speech: a quotation is what somebody said, whatever it looks like and however often.
_QUOTATION = re.compile(
    r"[\"“„«»‘'](?:(?:[^\"“”„«»‘’']|(?<=\w)[’'](?=\w)){2,}(?:[,.!?…–—-][\"”“»«’']|[\"”“»«’'],))|[\"“„«»][^\"”»«]{100}"
)
# Who speaks in a transcript: a turn is as short as a byline, and its opening recurs like one.
_TURN = re.compile(r"(?:[A-Z][A-Z.’'-]+ ){1,3}[A-Z0-9][A-Z0-9.’'-]*: (?:\S.*[a-z]|\S+(?: \S+){0,3}$)")
# The same in a report: “Roe: “Half of the people …””.
_ATTRIBUTED = re.compile(r"(?:[\w.’'-]+ ){0,3}[\w.’'-]+ ?: ?[\"“‘«„]")
# Who said what the line above quotes, and where: “Jane Roe, Example Post”.
_SIGNATURE = re.compile(
    r"[—–-]{0,2} ?[A-Z][\w.’'-]+(?: (?:and |& )?[A-Z][\w.’'-]+){1,5}"
    r", (?:The |the )?[A-Z][\w.’'&-]+(?: [\w.’'&-]+){0,4}$"
)
_QUOTES = re.compile(r"[\"“„«]|.*[\"”»]\.?$", re.DOTALL)
# A heading that names no story itself announces those below it, as far as they are no sentences: those end with a mark,
# before closing quotes and brackets, a footnote or a source.
_CLOSES = r"[\"”’»›)\]」』）】》〉]*(?: ?(?:\[\w{1,4}\]|\(\w[\w .-]{0,20}\))|[*†‡\u00b9\u00b2\u00b3\u2070-\u2079])*$"
_STATES = re.compile(r".*[.!?…:;。！？：；｡।॥؟؛۔።։။។]" + _CLOSES)
_ASKS = re.compile(r"[^.!?…。！？؟۔।]*[?？؟][\"”’»)\]」』）]*$")
_BULLET = re.compile(r"[*•‣▪◦·●■–—-] *\w")
_SPEAKS = re.compile(r"([^:：]{1,40})[:：] *(.*)")
_MAX_SUBHEAD = 8  # words: one such line below a heading may as well head what follows
_MAX_HEADING = 3  # words
_DENSE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")  # Chinese characters: two make a word, about
_UNSPACED = re.compile(r"[\u0e01-\u0e2e\u0e80-\u0eae\u1000-\u102a\u1780-\u17b3\u3041-\u30ff]")  # four, about
_MAX_LINK = 200  # characters
# What a byline of many words has: “by”, a date, a title after a comma, a place after a divider.
_BYLINE = re.compile(r"\b[Bb][Yy]\b|[\d,;:|·•@/&(–—]| - ")
_MAX_NAMES = 6  # words: a longer line that has none of these is a heading
_DECLARES = re.compile(r"[.!…][\"”’»)\]]*$")
_MIN_KNOWN_SHARE = 0.2  # of a line's characters: with less of it known as a promo, the rest is the rules' to leave
_LEARNED = "line classifier"


@dataclass(frozen=True, slots=True)
class _Cut:
    start: int
    end: int
    role: Role
    reason: str


def strip(
    clean: AlignedText,
    lines: Sequence[Line],
    lexicon: Lexicon,
    config: Config,
    *,
    headlines: Collection[int] = (),
    recurring: Sequence[RecurringHit] = (),
    predictions: Sequence[Prediction] | None = None,
    marks: Sequence[MarkKind | None] | None = None,
    titled: bool = True,
) -> Stripped:
    """Remove boilerplate lines and spans.

    Rules come first, then the blocks that the outlet repeats; the line classifier decides over what they leave.
    ``headlines`` are the indices of lines that only rules may touch; ``predictions`` are those of the line
    classifier, one for each line, or None where that layer is off; ``marks`` are what a web page says of each line,
    or None where the text is from no page. Of a text that is not ``titled``, the first line may be its headline: the
    line classifier does not take it for a byline or caption.
    """
    learned: list[_Cut] = []
    if predictions is not None and marks is None:
        learned = _learned_cuts(lines, predictions, config, headlines, titled=titled)
    elif predictions is not None and marks is not None:
        learned = _marked_cuts(lines, predictions, config, headlines, marks)
    layers = _layers(lines, lexicon, config, headlines, recurring, learned, page=marks is not None)
    warnings: list[str] = []
    cuts = _joined(clean, lines, [found for _, found in layers])
    while layers and _share(cuts, clean.text) > config.max_removed_share:
        name, _ = layers.pop()
        if name == _LEARNED:  # what the others left to it is theirs again
            layers = _layers(lines, lexicon, config, headlines, recurring, (), page=marks is not None)
        warnings.append(f"strip-guard: {_share(cuts, clean.text):.0%} would go; {name} not applied")
        cuts = _joined(clean, lines, [found for _, found in layers])
    return _apply(clean, lines, predictions, cuts, tuple(warnings), headlines)


def _layers(
    lines: Sequence[Line],
    lexicon: Lexicon,
    config: Config,
    headlines: Collection[int],
    recurring: Sequence[RecurringHit],
    learned: Sequence[_Cut],
    *,
    page: bool,
) -> list[tuple[str, list[_Cut]]]:
    """Return each layer's name and cuts, in the order in which they settle lines."""
    layers: list[tuple[str, list[_Cut]]] = []
    whole = {cut.start: cut for cut in learned}
    if config.rules:
        ruled = [cut for line in lines for cut in _ruled(line, lexicon, {} if page else whole)]
        if not page:
            ruled += _announced_cuts(lines, ruled, headlines)
        layers.append(("rules", ruled))
    if config.recurring and recurring:
        layers.append(("recurring blocks", _recurring_cuts(lines, recurring, headlines, whole)))
    if learned:
        layers.append((_LEARNED, list(learned)))
    return layers


def _joined(clean: AlignedText, lines: Sequence[Line], layers: Sequence[Sequence[_Cut]]) -> list[_Cut]:
    """Return the cuts of all layers, of which an earlier one settles a line for the later ones."""
    starts = [line.start for line in lines]
    settled: set[int] = set()
    taken: list[_Cut] = []
    for cuts in layers:
        fresh = [cut for cut in cuts if bisect_right(starts, cut.start) - 1 not in settled]
        settled |= {bisect_right(starts, cut.start) - 1 for cut in fresh}
        taken += fresh
    return _whole(clean, sorted(taken, key=lambda cut: cut.start))


def _rule_cuts(line: Line, lexicon: Lexicon) -> list[_Cut]:
    cuts: list[_Cut] = []
    for hit in lexicon.hits(line.text):
        if hit.rule.scope == "line":
            if _CORRECTS.match(line.text) or _QUOTATION.match(line.text):
                continue
            return [_Cut(line.start, line.end, hit.rule.role, f"rule:{hit.rule.id}")]
        start, end = line.start + hit.start, line.start + hit.end
        start += len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].lstrip())
        end -= len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].rstrip())
        if start < end and all(end <= cut.start or cut.end <= start for cut in cuts):
            cuts.append(_Cut(start, end, hit.rule.role, f"rule:{hit.rule.id}"))
    return sorted(cuts, key=lambda cut: cut.start)


def _ruled(line: Line, lexicon: Lexicon, learned: Mapping[int, _Cut]) -> list[_Cut]:
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
    if any(_DECLARES.search(part) for part in rest):
        return cuts
    known_share = sum(cut.end - cut.start for cut in cuts) / len(line.text)
    return [] if _MIN_KNOWN_SHARE <= known_share < 1 else cuts


def _announced_cuts(lines: Sequence[Line], ruled: Sequence[_Cut], headlines: Collection[int]) -> list[_Cut]:
    """Return the links that a heading such as “Read more:” announces; one without a colon needs two below it."""
    whole = {(cut.start, cut.end): cut for cut in ruled}
    cuts: list[_Cut] = []
    below: list[Line] = []
    heading: _Cut | None = None
    needed = 1
    for index, line in enumerate(lines):
        cut = whole.get((line.start, line.end))
        if cut is not None and cut.role == "related" and _announces(line.text):
            cuts += _links(heading, below, needed)
            heading, below, needed = cut, [], 1 if line.text.endswith((":", "：")) else 2
        elif heading is not None and cut is None and index not in headlines and _link_like(line.text):
            below.append(line)
        elif cut is None or cut.role not in ("ad", "related"):
            cuts += _links(heading, below, needed)
            heading, below = None, []
    return cuts + _links(heading, below, needed)


def _links(heading: _Cut | None, below: Sequence[Line], needed: int) -> list[_Cut]:
    """Return the link-like lines below a heading, but for those that may head what follows."""
    last = len(below)
    while last > 0 and _ASKS.match(below[last - 1].text):
        last -= 1
    if heading is None or last < needed or (last == 1 and _words(below[0].text) <= _MAX_SUBHEAD):
        return []
    return [_Cut(line.start, line.end, "related", f"below:{heading.reason}") for line in below[:last]]


def _announces(text: str) -> bool:
    return text.endswith((":", "：")) or _words(text) <= _MAX_HEADING


def _link_like(text: str) -> bool:
    if len(text) > _MAX_LINK or _words(text) <= 2:
        return False
    states = _STATES.match(text) and not _ASKS.match(text)
    return not (states or _speaks(text) or any(known.match(text) for known in (_CORRECTION, _QUOTATION, _BULLET)))


def _speaks(text: str) -> bool:
    """Tell whether a line is a turn of speech: who speaks in capitals, and no headline after it."""
    found = _SPEAKS.match(text)
    if found is None or not found[1].isupper():
        return False
    long = [word for word in re.findall(r"[^\W\d_]+", found[2]) if len(word) >= 5]
    return len(long) < 2 or any(word[0].islower() for word in long)


def _words(text: str) -> float:
    """Return the number of words, estimated by characters where a script sets no blanks between them."""
    dense, unspaced = len(_DENSE.findall(text)), len(_UNSPACED.findall(text))
    spaced = len(_UNSPACED.sub(" ", _DENSE.sub(" ", text)).split()) if dense or unspaced else len(text.split())
    return spaced + dense / 2 + unspaced / 4


def _signs(lines: Sequence[Line], index: int) -> bool:
    """Tell whether a line says who said what the line above it quotes."""
    return index > 0 and bool(_SIGNATURE.match(lines[index].text) and _QUOTES.match(lines[index - 1].text))


def _recurring_cuts(
    lines: Sequence[Line], hits: Sequence[RecurringHit], headlines: Collection[int], whole: Collection[int]
) -> list[_Cut]:
    """Return the blocks found, but for a sentence in a line of which ``whole`` tells that it goes as a whole."""
    starts = [line.start for line in lines]
    cuts: list[_Cut] = []
    for hit in hits:
        index = bisect_right(starts, hit.start) - 1
        if index in headlines or _CORRECTION.match(lines[index].text):
            continue
        if hit.block.kind == "sentence":
            if lines[index].start in whole:
                continue
        elif _QUOTATION.match(lines[index].text) or _TURN.match(lines[index].text) or _signs(lines, index):
            continue
        if not cuts or cuts[-1].end <= hit.start:  # hits come in the order of the text
            cuts.append(_Cut(hit.start, hit.end, hit.block.role, f"recurring:{hit.block.id}"))
    return cuts


def _learned_cuts(
    lines: Sequence[Line],
    predictions: Sequence[Prediction],
    config: Config,
    headlines: Collection[int],
    *,
    titled: bool,
) -> list[_Cut]:
    cuts: list[_Cut] = []
    least = min(config.min_score, config.min_sentence_score)
    for index, (line, prediction) in enumerate(zip(lines, predictions, strict=True)):
        score, role = _residue(prediction)
        if score < least or index in headlines or _signs(lines, index):
            continue
        if any(kept.match(line.text) for kept in (_CORRECTION, _QUOTATION, _INTRODUCTION, _TURN)):
            continue
        states = bool(_SENTENCE.search(line.text)) and not (role == "byline" and " · " in line.text)
        opens, ends = index == 0 and not titled, len(lines) - index <= EDGE
        if _LIST_ITEM.match(line.text) and not (ends and role == "byline" and not _is_listed(lines, index)):
            continue
        if _may_be_text(role, line.text, states=states, opens=opens, ends=ends):
            continue
        if score >= (config.min_sentence_score if states else config.min_score):
            cuts.append(_Cut(line.start, line.end, role, f"model:{score:.2f}"))
    return cuts


def _is_listed(lines: Sequence[Line], index: int) -> bool:
    """Tell whether the line above or below begins with a bullet, too; alone it may as well mark who wrote."""
    return any(_BULLET.match(line.text) for line in (*lines[max(index - 1, 0) : index], *lines[index + 1 : index + 2]))


def _may_be_text(role: Role, text: str, *, states: bool, opens: bool, ends: bool) -> bool:
    """Tell whether what the line classifier takes for a byline or caption may be the story's own.

    The first line of an untitled text may be its headline, and who says what is no caption; a byline names an author,
    by a name alone or in words that only bylines have.
    """
    if role not in ("byline", "caption"):
        return False
    if _ATTRIBUTED.match(text):
        return True
    if opens:
        return not any(mark in text for mark in DIVIDERS)
    if role == "caption" or names_author(text, at_end=ends):
        return False
    return states or (len(text.split()) > _MAX_NAMES and not _BYLINE.search(text))


def _marked_cuts(
    lines: Sequence[Line],
    predictions: Sequence[Prediction],
    config: Config,
    headlines: Collection[int],
    marks: Sequence[MarkKind | None],
) -> list[_Cut]:
    """Return the lines that the page casts doubt on; an extractor has been over the others already."""
    cuts: list[_Cut] = []
    for index, (line, prediction, mark) in enumerate(zip(lines, predictions, marks, strict=True)):
        if index in headlines or mark is None or mark == "stated" or _CORRECTION.match(line.text):
            continue
        score, role = _residue(prediction)
        doubted = score >= config.min_marked_score
        if mark == "link":
            if doubted or not _SENTENCE.search(line.text):  # a sentence may be one long link
                cuts.append(_Cut(line.start, line.end, "related", "page:link"))
        elif doubted:
            cuts.append(_Cut(line.start, line.end, role, f"page:{mark}:{score:.2f}"))
    return cuts


def _residue(prediction: Prediction) -> tuple[float, Role]:
    """Return the probability of not being body, and the likeliest role then."""
    removable = {role: prediction.scores.get(role, 0.0) for role in REMOVED_ROLES}
    return sum(removable.values()), max(removable, key=lambda role: removable[role])


def _share(cuts: Sequence[_Cut], text: str) -> float:
    return sum(_ink(text[cut.start : cut.end]) for cut in cuts) / max(_ink(text), 1)


def _ink(text: str) -> int:
    return len("".join(text.split()))


def _apply(
    clean: AlignedText,
    lines: Sequence[Line],
    predictions: Sequence[Prediction] | None,
    cuts: Sequence[_Cut],
    warnings: tuple[str, ...],
    headlines: Collection[int],
) -> Stripped:
    removals: list[Removal] = []
    for cut in cuts:
        raw_start, raw_end = clean.raw_span(cut.start, cut.end)
        removals.append(Removal(cut.role, cut.reason, clean.raw[raw_start:raw_end], raw_start, raw_end))
    deleted = sorted([(cut.start, cut.end) for cut in cuts] + _gaps(clean.text, cuts))
    body = clean.replace([(start, end, "") for start, end in deleted])
    moved = _Moved(deleted)
    kept: list[Line] = []
    roles: list[Role] = []
    for index, line in enumerate(lines):
        start, end = moved(line.start), moved(line.end)
        if start == end:
            continue
        kept.append(Line(body.text[start:end], start, end))
        roles.append(_kept_role(index, predictions, headlines))
    spans = {(removal.raw_start, removal.raw_end) for removal in removals}
    edits = tuple(edit for edit in body.edits if (edit.raw_start, edit.raw_end) not in spans)
    return Stripped(body, tuple(kept), tuple(roles), tuple(removals), edits, warnings)


def _whole(clean: AlignedText, cuts: Sequence[_Cut]) -> list[_Cut]:
    """Widen cuts to whole edits of cleaning, so that every raw character is either removed or kept."""
    whole: list[_Cut] = []
    position = 0
    for cut in cuts:
        start, end = clean.clean_span(*clean.raw_span(cut.start, cut.end))
        start = max(start, position)
        if start < end:
            whole.append(replace(cut, start=start, end=end))
            position = end
    return whole


class _Moved:
    """Where an offset stands once spans (ordered, apart) are deleted."""

    def __init__(self, deleted: Sequence[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in deleted]
        self._deleted = deleted
        self._before = [0, *accumulate(end - start for start, end in deleted)]

    def __call__(self, offset: int) -> int:
        index = bisect_left(self._starts, offset)
        if index == 0:
            return offset
        start, end = self._deleted[index - 1]
        return offset - self._before[index - 1] - (min(offset, end) - start)


def _kept_role(index: int, predictions: Sequence[Prediction] | None, headlines: Collection[int]) -> Role:
    if index in headlines:
        return "headline"
    if predictions is None:
        return "body"
    scores = predictions[index].scores
    return _role(max(KEPT_ROLES, key=lambda role: scores.get(role, 0.0)))


def _role(label: str) -> Role:
    return next(role for role in ROLES if role == label)


def _gaps(text: str, cuts: Sequence[_Cut]) -> list[tuple[int, int]]:
    """Return the blanks to delete so that the text closes over the cuts.

    Of the blanks around and between neighbouring cuts the strongest stays; at the borders of the text none does.
    """
    gaps: list[tuple[int, int]] = []
    index = 0
    while index < len(cuts):
        blanks = [_blank_before(text, cuts[index].start)]
        while index + 1 < len(cuts) and not text[cuts[index].end : cuts[index + 1].start].strip():
            blanks.append((cuts[index].end, cuts[index + 1].start))
            index += 1
        blanks.append(_blank_after(text, cuts[index].end))
        if blanks[0][0] > 0 and blanks[-1][1] < len(text):
            blanks.remove(max(blanks, key=lambda blank: (text.count("\n", *blank), blank[1] - blank[0])))
        gaps += blanks
        index += 1
    return [gap for gap in gaps if gap[0] < gap[1]]


def _blank_before(text: str, position: int) -> tuple[int, int]:
    start = position
    while start > 0 and text[start - 1].isspace():
        start -= 1
    return start, position


def _blank_after(text: str, position: int) -> tuple[int, int]:
    end = position
    while end < len(text) and text[end].isspace():
        end += 1
    return position, end
