"""Strip boilerplate from a clean text: every removal with its role and reason, and a guard against taking too much."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.alignment import AlignedText
from pipeline.article import KEPT_ROLES, Edit, Line, Removal, Role
from pipeline.boilerplate.rules import Lexicon
from pipeline.classifiers.contract import Prediction
from pipeline.config import Section


class Config(Section):
    """Which layers strip, and how far they may go."""

    rules: bool = True
    """The lexicon layer."""
    learned: bool = True
    """The line classifier layer."""
    min_score: float = 0.6
    """Probability, summed over the removed roles, from which the line classifier removes a line."""
    max_removed_share: float = 0.5
    """Share of an article's characters; beyond it the learned layer is not trusted, and a warning is given."""


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


@dataclass(frozen=True, slots=True)
class _Cut:
    start: int
    end: int
    role: Role
    reason: str


def strip(
    clean: AlignedText,
    lines: Sequence[Line],
    predictions: Sequence[Prediction] | None,
    lexicon: Lexicon,
    config: Config,
    *,
    opens_with_headline: bool,
) -> Stripped:
    """Remove boilerplate lines and spans.

    Rules come first; the line classifier decides over what they leave. ``predictions`` are those of the line
    classifier, one for each line, or None where that layer is off.
    """
    warnings: list[str] = []
    by_rule = [cut for line in lines for cut in _rule_cuts(line, lexicon)] if config.rules else []
    learned = _learned_cuts(lines, predictions, by_rule, config, opens_with_headline) if predictions else []
    cuts = sorted(by_rule + learned, key=lambda cut: cut.start)
    if _share(cuts, clean.text) > config.max_removed_share:
        warnings.append(f"strip-guard: {_share(cuts, clean.text):.0%} would go; only rules were applied")
        cuts = by_rule
        if _share(cuts, clean.text) > config.max_removed_share:
            warnings.append(f"strip-guard: rules alone would take {_share(cuts, clean.text):.0%}; nothing was removed")
            cuts = []
    return _apply(clean, lines, predictions, cuts, tuple(warnings), opens_with_headline)


def _rule_cuts(line: Line, lexicon: Lexicon) -> list[_Cut]:
    cuts: list[_Cut] = []
    for hit in lexicon.hits(line.text):
        if hit.rule.scope == "line":
            return [_Cut(line.start, line.end, hit.rule.role, f"rule:{hit.rule.id}")]
        start, end = line.start + hit.start, line.start + hit.end
        start += len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].lstrip())
        end -= len(line.text[hit.start : hit.end]) - len(line.text[hit.start : hit.end].rstrip())
        if start < end and all(end <= cut.start or cut.end <= start for cut in cuts):
            cuts.append(_Cut(start, end, hit.rule.role, f"rule:{hit.rule.id}"))
    return sorted(cuts, key=lambda cut: cut.start)


def _learned_cuts(
    lines: Sequence[Line],
    predictions: Sequence[Prediction],
    taken: Sequence[_Cut],
    config: Config,
    opens_with_headline: bool,
) -> list[_Cut]:
    cuts: list[_Cut] = []
    touched = {index for index, line in enumerate(lines) for cut in taken if line.start <= cut.start < line.end}
    for index, (line, prediction) in enumerate(zip(lines, predictions, strict=True)):
        if index in touched or (index == 0 and opens_with_headline):
            continue
        removable = {label: score for label, score in prediction.scores.items() if label not in KEPT_ROLES}
        score = sum(removable.values())
        if score >= config.min_score:
            role = _role(max(removable, key=lambda label: removable[label]))
            cuts.append(_Cut(line.start, line.end, role, f"model:{score:.2f}"))
    return cuts


def _share(cuts: Sequence[_Cut], text: str) -> float:
    return sum(cut.end - cut.start for cut in cuts) / max(len(text), 1)


def _apply(
    clean: AlignedText,
    lines: Sequence[Line],
    predictions: Sequence[Prediction] | None,
    cuts: Sequence[_Cut],
    warnings: tuple[str, ...],
    opens_with_headline: bool,
) -> Stripped:
    removals: list[Removal] = []
    for cut in cuts:
        raw_start, raw_end = clean.raw_span(cut.start, cut.end)
        removals.append(Removal(cut.role, cut.reason, clean.raw[raw_start:raw_end], raw_start, raw_end))
    body = clean.replace(sorted([(cut.start, cut.end, "") for cut in cuts] + _gaps(clean.text, cuts)))
    kept: list[Line] = []
    roles: list[Role] = []
    for index, line in enumerate(lines):
        start, end = (body.clean_span(*clean.raw_span(line.start, line.end)))
        if not body.text[start:end].strip():
            continue
        kept.append(Line(body.text[start:end], start, end))
        roles.append(_kept_role(index, predictions, opens_with_headline))
    spans = {(removal.raw_start, removal.raw_end) for removal in removals}
    edits = tuple(edit for edit in body.edits if (edit.raw_start, edit.raw_end) not in spans)
    return Stripped(body, tuple(kept), tuple(roles), tuple(removals), edits, warnings)


def _kept_role(index: int, predictions: Sequence[Prediction] | None, opens_with_headline: bool) -> Role:
    if index == 0 and opens_with_headline:
        return "headline"
    if predictions is None:
        return "body"
    scores = predictions[index].scores
    return _role(max(KEPT_ROLES, key=lambda role: scores.get(role, 0.0)))


def _role(label: str) -> Role:
    from pipeline.article import ROLES

    return next(role for role in ROLES if role == label)


def _gaps(text: str, cuts: Sequence[_Cut]) -> list[tuple[int, int, str]]:
    """Return the blanks to delete so that the text closes over the cuts: of two blanks around one, the stronger stays."""
    gaps: list[tuple[int, int, str]] = []
    index = 0
    while index < len(cuts):
        first = cuts[index]
        last = first
        while index + 1 < len(cuts) and not text[last.end : cuts[index + 1].start].strip():
            if last.end < cuts[index + 1].start:
                gaps.append((last.end, cuts[index + 1].start, ""))
            index += 1
            last = cuts[index]
        index += 1
        left = re.search(r"\s*$", text[: first.start])
        right = re.match(r"\s*", text[last.end :])
        before = left.group() if left else ""
        after = right.group() if right else ""
        at_end = last.end + len(after) == len(text)
        if at_end or ("\n" in after and "\n" not in before and first.start > 0):
            gaps.append((first.start - len(before), first.start, ""))
            if at_end and after:
                gaps.append((last.end, len(text), ""))
        elif after and (before or first.start == 0):
            gaps.append((last.end, last.end + len(after), ""))
    return [gap for gap in gaps if gap[0] < gap[1]]
