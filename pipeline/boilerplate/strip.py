"""Strip boilerplate from a clean text: every removal with its role and reason, and a guard against taking too much."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pipeline.alignment import AlignedText
from pipeline.article import KEPT_ROLES, ROLES, Edit, Line, MarkKind, Removal, Role
from pipeline.boilerplate import layers
from pipeline.boilerplate.layers import Config, Cut
from pipeline.boilerplate.recurring import Hit as RecurringHit
from pipeline.boilerplate.rules import Lexicon
from pipeline.classifiers.contract import Prediction

_LEARNED = "line classifier"


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
    learned: list[Cut] = []
    if predictions is not None and marks is None:
        learned = layers.of_line_classifier(lines, predictions, config, headlines, titled=titled)
    elif predictions is not None and marks is not None:
        learned = layers.of_marked_lines(lines, predictions, config, headlines, marks)
    applied = _layers(lines, lexicon, config, headlines, recurring, learned, page=marks is not None)
    warnings: list[str] = []
    cuts = _joined(clean, lines, [own for _, own in applied])
    while applied and _share(cuts, clean.text) > config.max_removed_share:
        name, _ = applied.pop()
        if name == _LEARNED:  # what the others left to it is theirs again
            applied = _layers(lines, lexicon, config, headlines, recurring, (), page=marks is not None)
        warnings.append(f"strip-guard: {_share(cuts, clean.text):.0%} would go; {name} not applied")
        cuts = _joined(clean, lines, [own for _, own in applied])
    return _apply(clean, lines, predictions, cuts, tuple(warnings), headlines)


def _layers(
    lines: Sequence[Line],
    lexicon: Lexicon,
    config: Config,
    headlines: Collection[int],
    recurring: Sequence[RecurringHit],
    learned: Sequence[Cut],
    *,
    page: bool,
) -> list[tuple[str, list[Cut]]]:
    """Return each layer's name and cuts, in the order in which they settle lines."""
    found: list[tuple[str, list[Cut]]] = []
    whole = {cut.start: cut for cut in learned}
    if config.rules:
        ruled = [cut for line in lines for cut in layers.of_rules(line, lexicon, {} if page else whole)]
        if not page:
            ruled += layers.announced(lines, ruled, headlines)
        found.append(("rules", ruled))
    if config.recurring and recurring:
        found.append(("recurring blocks", layers.of_recurring_blocks(lines, recurring, headlines, whole)))
    if learned:
        found.append((_LEARNED, list(learned)))
    return found


def _joined(clean: AlignedText, lines: Sequence[Line], by_layer: Sequence[Sequence[Cut]]) -> list[Cut]:
    """Return the cuts of all layers, of which an earlier one settles a line for the later ones."""
    starts = [line.start for line in lines]
    settled: set[int] = set()
    taken: list[Cut] = []
    for cuts in by_layer:
        fresh = [cut for cut in cuts if bisect_right(starts, cut.start) - 1 not in settled]
        settled |= {bisect_right(starts, cut.start) - 1 for cut in fresh}
        taken += fresh
    return _whole(clean, sorted(taken, key=lambda cut: cut.start))


def _share(cuts: Sequence[Cut], text: str) -> float:
    return sum(_ink(text[cut.start : cut.end]) for cut in cuts) / max(_ink(text), 1)


def _ink(text: str) -> int:
    return len("".join(text.split()))


def _apply(
    clean: AlignedText,
    lines: Sequence[Line],
    predictions: Sequence[Prediction] | None,
    cuts: Sequence[Cut],
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


def _whole(clean: AlignedText, cuts: Sequence[Cut]) -> list[Cut]:
    """Widen cuts to whole edits of cleaning, so that every raw character is either removed or kept."""
    whole: list[Cut] = []
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


def _gaps(text: str, cuts: Sequence[Cut]) -> list[tuple[int, int]]:
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
