"""The seed format: articles that a person can read, with gold labels that a person can correct in a diff.

A seed file is a header of ``key: value`` lines, a line ``---``, and labelled segments. Segments on
consecutive lines are joined by a space and form one line of the raw text; a blank line ends it.
``seeds/GUIDELINES.md`` describes the format with an example.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipeline.article import CLAIM_LABELS, STANCE_LABELS, ClaimLabel, Role, StanceLabel
from pipeline.errors import DataError

SEGMENT_LABELS = tuple(role for role in get_args(Role) if role != "body") + CLAIM_LABELS
HEADER_KEYS = ("outlet", "published", "topic", "genre", "target", "spacing", "language")
REQUIRED_KEYS = ("outlet", "published", "topic", "genre")
GENRES = (
    "hard news", "analysis", "interview", "feature", "live update", "opinion", "press-release rewrite",
    "obituary", "match report", "market wrap", "review", "forecast", "court report",
)  # fmt: skip
SPACING = {"double": "\n\n", "single": "\n"}
MAX_REPORTED = 40


@dataclass(frozen=True, slots=True)
class GoldTarget:
    """A stance target of one article, with the article's stance toward it and the names it goes by."""

    name: str
    stance: StanceLabel
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldStance:
    """The stance of one sentence toward one target; ``start`` and ``end`` place the mention in the raw text."""

    target: str
    label: StanceLabel
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GoldAttribution:
    """Who said what: texts of source, cue and content as they stand in the sentence; an absent one is empty."""

    source: str
    cue: str
    content: str
    kind: Literal["direct", "indirect"]


@dataclass(frozen=True, slots=True)
class GoldDate:
    """A time expression and the ISO 8601 date or period that it means in this article."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class GoldQuantity:
    """A number expression with its value and unit."""

    text: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class GoldSegment:
    """A labelled stretch of the raw text: a whole line, a part of one, or a body sentence with its claim label."""

    role: Role
    start: int
    end: int
    claim: ClaimLabel | None = None
    stances: tuple[GoldStance, ...] = ()
    attributions: tuple[GoldAttribution, ...] = ()
    dates: tuple[GoldDate, ...] = ()
    quantities: tuple[GoldQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class GoldArticle:
    """One seed article: the raw text as an extractor would leave it, and every gold label on it."""

    id: str
    file: str
    outlet: str
    published: str
    topic: str
    genre: str
    language: str
    raw: str
    segments: tuple[GoldSegment, ...]
    targets: tuple[GoldTarget, ...]


class _Problems:
    """Collects every fault of a file, so that one run shows all of them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[str] = []

    def add(self, line: int, message: str) -> None:
        self.found.append(f"{self.file}:{line}: {message}")


def find_mention(text: str, names: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the first place where one of ``names`` stands as whole words in ``text``, the longest name first."""
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = re.search(rf"(?<!\w)(?:{alternatives})(?!\w)", text)
    return found.span() if found else None


def parse(content: str, *, file: str, topics: tuple[str, ...]) -> GoldArticle:
    """Parse one seed file.

    Raises:
        DataError: the file breaks the format; the text lists every fault as ``file:line: message``.
    """
    problems = _Problems(file)
    lines = content.split("\n")
    divider = next((number for number, line in enumerate(lines) if line.strip() == "---"), None)
    if divider is None:
        raise DataError(f"{file}:1: no line '---' between header and segments")
    header, targets = _parse_header(lines[:divider], topics, problems)
    raw, segments = _parse_segments(lines[divider + 1 :], divider + 2, header, targets, problems)
    if problems.found:
        raise DataError("\n".join(problems.found))
    return GoldArticle(
        id=Path(file).stem,
        file=file,
        outlet=header["outlet"],
        published=header["published"],
        topic=header["topic"],
        genre=header["genre"],
        language=header.get("language", "en"),
        raw=raw,
        segments=tuple(segments),
        targets=tuple(targets),
    )


def read_folder(folder: Path, topics: tuple[str, ...]) -> list[GoldArticle]:
    """Read every ``*.txt`` under ``folder``, ordered by path.

    Raises:
        DataError: a file breaks the format or two files share an id; the first 40 faults are listed.
    """
    articles: list[GoldArticle] = []
    faults: list[str] = []
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*.txt")):
        name = path.relative_to(folder).as_posix()
        try:
            article = parse(path.read_text(encoding="utf-8"), file=name, topics=topics)
        except UnicodeDecodeError as error:
            faults.append(f"{name}:1: not UTF-8 at byte {error.start}")
        except DataError as error:
            faults.extend(str(error).split("\n"))
        else:
            if article.id in files:
                faults.append(f"{name}:1: id {article.id!r} is also that of {files[article.id]}; rename one file")
            files[article.id] = name
            articles.append(article)
    if not articles and not faults:
        raise DataError(f"no seed articles (*.txt) under {folder}; name the folder that holds them")
    if faults:
        shown = "\n".join(faults[:MAX_REPORTED])
        more = f"\n… and {len(faults) - MAX_REPORTED} more" if len(faults) > MAX_REPORTED else ""
        raise DataError(f"{len(faults)} faults in the seed articles under {folder}:\n{shown}{more}")
    return articles


def _parse_header(
    lines: list[str], topics: tuple[str, ...], problems: _Problems
) -> tuple[dict[str, str], list[GoldTarget]]:
    header: dict[str, str] = {}
    targets: list[GoldTarget] = []
    for number, line in enumerate(lines, start=1):
        key, separator, value = (part.strip() for part in line.partition(":"))
        if not separator or key not in HEADER_KEYS or not value:
            problems.add(number, f"header line {line!r} is not 'key: value' with one of {', '.join(HEADER_KEYS)}")
        elif key == "target":
            targets.extend(_parse_target(value, number, problems))
        elif key in header:
            problems.add(number, f"{key} is given twice")
        else:
            header[key] = value
    for key in REQUIRED_KEYS:
        if key not in header:
            problems.add(1, f"header has no {key}")
            header[key] = ""
    if header["topic"] and header["topic"] not in topics:
        problems.add(1, f"unknown topic {header['topic']!r}; one of: {', '.join(topics)}")
    if header["genre"] and header["genre"] not in GENRES:
        problems.add(1, f"unknown genre {header['genre']!r}; one of: {', '.join(GENRES)}")
    if header.get("spacing", "double") not in SPACING:
        problems.add(1, f"unknown spacing {header['spacing']!r}; one of: {', '.join(SPACING)}")
    try:
        datetime.date.fromisoformat(header["published"])
    except ValueError:
        problems.add(1, f"published {header['published']!r} is not a date like 2021-03-04")
    if not targets:
        problems.add(1, "header names no target; write 'target: Name | favor | alias; alias'")
    return header, targets


def _parse_target(value: str, number: int, problems: _Problems) -> Iterator[GoldTarget]:
    parts = [part.strip() for part in value.split("|")]
    stance = next((label for label in STANCE_LABELS if len(parts) in (2, 3) and label == parts[1]), None)
    if stance is None or not parts[0]:
        problems.add(number, f"target {value!r} is not 'Name | favor, against or neutral | alias; alias'")
        return
    aliases = tuple(alias.strip() for alias in parts[2].split(";") if alias.strip()) if len(parts) == 3 else ()
    yield GoldTarget(name=parts[0], stance=stance, aliases=aliases)


@dataclass(slots=True)
class _OpenSegment:
    label: str
    text: str
    number: int
    start: int
    notes: list[tuple[int, str]]


def _parse_segments(
    lines: list[str], first_number: int, header: dict[str, str], targets: list[GoldTarget], problems: _Problems
) -> tuple[str, list[GoldSegment]]:
    line_break = SPACING.get(header.get("spacing", "double"), "\n\n")
    raw = ""
    opened: list[_OpenSegment] = []
    in_line = False
    for number, line in enumerate(lines, start=first_number):
        if not line.strip():
            in_line = False
            continue
        if line.lstrip().startswith(">"):
            if opened:
                opened[-1].notes.append((number, line.lstrip()[1:].strip()))
            else:
                problems.add(number, "an annotation line ('>') stands before any segment")
            continue
        label, separator, text = line.partition(": ")
        if not separator or label not in SEGMENT_LABELS or not text.strip():
            problems.add(number, f"{line[:60]!r} does not begin with 'label: ', one of {', '.join(SEGMENT_LABELS)}")
            continue
        if raw:
            raw += " " if in_line else line_break
        opened.append(_OpenSegment(label=label, text=text, number=number, start=len(raw), notes=[]))
        raw += text
        in_line = True
    if not any(segment.label in CLAIM_LABELS for segment in opened):
        problems.add(first_number, "no body sentence (checkworthy, factual or none)")
    return raw, [_close(segment, targets, problems) for segment in opened]


def _close(segment: _OpenSegment, targets: list[GoldTarget], problems: _Problems) -> GoldSegment:
    claim = next((label for label in CLAIM_LABELS if label == segment.label), None)
    stances: list[GoldStance] = []
    attributions: list[GoldAttribution] = []
    dates: list[GoldDate] = []
    quantities: list[GoldQuantity] = []
    if segment.notes and claim is None:
        problems.add(segment.notes[0][0], "only body sentences carry annotations")
    for number, note in segment.notes:
        kind, _, value = (part.strip() for part in note.partition(":"))
        parts = [part.strip() for part in value.split("|")]
        try:
            if kind == "stance":
                stances.append(_stance(parts, segment, targets))
            elif kind == "says":
                attributions.append(_attribution(parts, segment.text))
            elif kind == "date":
                dates.append(_date(parts, segment.text))
            elif kind == "quantity":
                quantities.append(_quantity(parts, segment.text))
            else:
                raise ValueError(f"unknown annotation {kind!r}; one of: stance, says, date, quantity")
        except ValueError as error:
            problems.add(number, str(error))
    if claim is not None:
        labelled = {stance.target for stance in stances}
        for target in targets:
            if target.name not in labelled and find_mention(segment.text, (target.name, *target.aliases)):
                problems.add(segment.number, f"the sentence names {target.name!r} but has no stance line for it")
    return GoldSegment(
        role=next((role for role in get_args(Role) if role == segment.label), "body"),
        start=segment.start,
        end=segment.start + len(segment.text),
        claim=claim,
        stances=tuple(stances),
        attributions=tuple(attributions),
        dates=tuple(dates),
        quantities=tuple(quantities),
    )


def _stance(parts: list[str], segment: _OpenSegment, targets: list[GoldTarget]) -> GoldStance:
    label = next((label for label in STANCE_LABELS if len(parts) == 2 and label == parts[1]), None)
    if label is None:
        raise ValueError(f"stance {' | '.join(parts)!r} is not 'Target | favor, against or neutral'")
    target = next((target for target in targets if target.name == parts[0]), None)
    if target is None:
        known = ", ".join(target.name for target in targets)
        raise ValueError(f"{parts[0]!r} is not a target of the header; known: {known}")
    mention = find_mention(segment.text, (target.name, *target.aliases))
    if mention is None:
        raise ValueError(f"the sentence does not name {target.name!r}; add the alias that it uses to the header")
    return GoldStance(target.name, label, segment.start + mention[0], segment.start + mention[1])


def _attribution(parts: list[str], sentence: str) -> GoldAttribution:
    if len(parts) != 4 or parts[3] not in ("direct", "indirect"):
        raise ValueError("says is not 'source | cue | content | direct or indirect'")
    for part in parts[:3]:
        _require_quote(part, sentence)
    return GoldAttribution(parts[0], parts[1], parts[2], "direct" if parts[3] == "direct" else "indirect")


def _date(parts: list[str], sentence: str) -> GoldDate:
    if len(parts) != 2 or len(ends := parts[1].split("/")) > 2 or not all(map(_is_date, ends)):
        raise ValueError("date is not 'text | 2021-03-04' (or 2021-03, 2021, or a period 2021-03-04/2021-03-06)")
    _require_quote(parts[0], sentence)
    return GoldDate(parts[0], parts[1])


def _is_date(iso: str) -> bool:
    if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", iso):
        return False
    try:
        datetime.date.fromisoformat(iso + "-01" * (2 - iso.count("-")))
    except ValueError:
        return False
    return True


def _quantity(parts: list[str], sentence: str) -> GoldQuantity:
    if len(parts) != 3 or not parts[2]:
        raise ValueError("quantity is not 'text | value | unit'")
    _require_quote(parts[0], sentence)
    try:
        return GoldQuantity(parts[0], float(parts[1]), parts[2])
    except ValueError:
        raise ValueError(f"quantity value {parts[1]!r} is not a plain number like 14000000") from None


def _require_quote(part: str, sentence: str) -> None:
    if part not in sentence:
        raise ValueError(f"{part!r} does not stand in the sentence; copy it exactly")
