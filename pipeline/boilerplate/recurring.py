"""Blocks that an outlet repeats: mined from its articles without labels, found again near-verbatim in new ones."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.article import REMOVED_ROLES, Article, Line, Role
from pipeline.boilerplate import lines as line_examples
from pipeline.classifiers.contract import Example
from pipeline.config import Section
from pipeline.errors import ConfigError, ModelError
from pipeline.sentences import split

ASSET = "recurring.json"
Kind = Literal["line", "lead-in", "sentence"]
Zone = Literal["top", "middle", "bottom"]


class Config(Section):
    """How much evidence makes a block."""

    min_articles: int = Field(default=4, ge=2)
    """Articles of the outlet that hold it."""
    min_dates: int = Field(default=3, ge=1)
    """Distinct days on which they were published: follow-ups of one story repeat content within days. Not asked where
    no article that holds a block has a date."""
    min_residue: float = Field(default=0.5, ge=0, le=1)
    """Mean probability that the line classifier gives it of not being body: refrains of reporters recur as well."""
    often: int = Field(default=8, ge=2)
    """Articles from which a whole line of some words is no refrain any more, unless the line classifier is sure."""


@dataclass(frozen=True, slots=True)
class Block:
    """What an outlet repeats, and the evidence for it."""

    id: str
    outlet: str
    kind: Kind
    """line: a whole line. lead-in: what opens a line before its headline. sentence: one within a line."""
    template: str
    """The text in lower case, its numbers, dates, names and links masked."""
    role: Role
    zones: tuple[Zone, ...]
    """Where in articles it stands: within three lines of the top or bottom, or between."""
    articles: int
    dates: int
    residue: float
    example: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A block that was found in ``text[start:end]`` of a clean text."""

    block: Block
    start: int
    end: int


@dataclass(frozen=True)
class Recurring:
    """The blocks of many outlets."""

    blocks: tuple[Block, ...] = ()

    @cached_property
    def _by_outlet(self) -> dict[str, dict[tuple[Kind, str], Block]]:
        found: dict[str, dict[tuple[Kind, str], Block]] = {}
        for block in self.blocks:
            found.setdefault(block.outlet, {})[block.kind, block.template] = block
        return found

    def find(self, article: Article, lines: Sequence[Line]) -> list[Hit]:
        """Return the blocks of the article's outlet that occur in its lines, in their order."""
        known = self._by_outlet.get(outlet_of(article) or "")
        if not known:
            return []
        return [
            Hit(known[unit.kind, unit.template], unit.start, unit.end)
            for unit in _units(lines)
            if (unit.kind, unit.template) in known and unit.zone in known[unit.kind, unit.template].zones
        ]

    def joined(self, other: Recurring) -> Recurring:
        """Return the blocks of both."""
        return Recurring(
            tuple(
                {(block.outlet, block.kind, block.template): block for block in (*self.blocks, *other.blocks)}.values()
            )
        )

    @property
    def digest(self) -> str:
        """The sha256 of the blocks."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """Return the blocks as a JSON document."""
        document = {"blocks": TypeAdapter(tuple[Block, ...]).dump_python(self.blocks, mode="json")}
        return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def read(path: Path) -> Recurring:
    """Read blocks that ``to_json`` wrote.

    Raises:
        ConfigError: the file is missing, or holds no blocks.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; write it with 'newsfacts mine'") from None
    try:
        blocks = TypeAdapter(dict[Literal["blocks"], tuple[Block, ...]]).validate_json(content)
        found = blocks["blocks"]
    except (ValidationError, KeyError):
        raise ConfigError(f"{path} holds no recurring blocks; write it with 'newsfacts mine'") from None
    for block in found:
        if block.role not in REMOVED_ROLES:
            raise ConfigError(f"{path}: block {block.id} removes {block.role!r}, a kept role; write another or drop it")
    return Recurring(found)


def of_model(folder: Path) -> Recurring:
    """Return the blocks that a boilerplate model carries.

    Raises:
        ModelError: it carries none, as models before this layer.
    """
    if not (folder / ASSET).is_file():
        raise ModelError(f"{folder} has no {ASSET}: it is of an earlier version; train with 'make repro'")
    return read(folder / ASSET)


def outlet_of(article: Article) -> str | None:
    """Return who published an article: its source, else the host of its address."""
    if article.source and article.source.strip():
        return " ".join(article.source.casefold().split())
    try:
        host = urlsplit(article.url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


class Miner:
    """Counts what outlets repeat, one article after the other, in memory that grows with the distinct lines.

    ``scores`` gives the line classifier's probability of each role.
    """

    def __init__(self, scores: Callable[[Sequence[Example]], Sequence[Mapping[str, float]]], config: Config) -> None:
        self._scores = scores
        self._config = config
        self._seen: dict[bytes, str | None] = {}  # digest of what occurred once → when
        self._tallies: dict[tuple[str, Kind, str], _Tally] = {}
        self._texts: set[bytes] = set()

    def add(self, article: Article, lines: Sequence[Line]) -> None:
        """Count one article; a text that came before, whole or for its larger part, teaches nothing."""
        outlet = outlet_of(article)
        digest = hashlib.sha256(article.raw.encode()).digest()
        if outlet is None or digest in self._texts:
            return
        self._texts.add(digest)
        date = (article.published or "")[:10] or None
        units = list({(unit.kind, unit.template): unit for unit in _units(lines)}.values())
        keys = [_key(outlet, unit) for unit in units]
        again = [unit for unit, key in zip(units, keys, strict=True) if key in self._seen]
        whole = sum(len(lines[index].text) for index in {unit.line for unit in again if unit.kind == "line"})
        for key in keys:
            self._seen.setdefault(key, date)
        if whole > 0.5 * sum(line.end - line.start for line in lines):
            return  # an updated version of a story
        probabilities = self._residue(article, lines, again)
        for unit, scores in zip(again, probabilities, strict=True):
            first = self._seen[_key(outlet, unit)]
            tally = self._tallies.setdefault((outlet, unit.kind, unit.template), _Tally(first, unit.text))
            tally.add(unit, date, scores)

    def _residue(
        self, article: Article, lines: Sequence[Line], units: Sequence[_Unit]
    ) -> Sequence[Mapping[str, float]]:
        """Return the line classifier's probabilities; a sentence is judged as if it stood on a line of its own."""
        if not units:
            return []
        texts = [line.text for line in lines]
        whole = line_examples.examples(texts, opens_with_headline=article.opens_with_headline, outlet=article.source)
        examples: list[Example] = []
        for unit in units:
            if unit.kind == "sentence":
                apart = [*texts[: unit.line + 1], unit.text, *texts[unit.line + 1 :]]
                examples.append(
                    line_examples.examples(apart, opens_with_headline=False, outlet=article.source)[unit.line + 1]
                )
            else:
                examples.append(whole[unit.line])
        return self._scores(examples)

    def recurring(self) -> Recurring:
        """Return the blocks with enough evidence, ordered by outlet and support."""
        found: list[Block] = []
        for (outlet, kind, template), tally in self._tallies.items():
            articles, dates = tally.articles, len(tally.dates)
            if articles < self._config.min_articles or 0 < dates < self._config.min_dates:
                continue
            if kind == "lead-in" and len(tally.texts) < 2:
                continue  # always the same line: a block of the kind "line" says it better
            scores = {role: total / tally.scored for role, total in tally.scores.items()}
            residue = sum(scores.get(role, 0.0) for role in REMOVED_ROLES)
            # Section headings recur as well, so few words are never enough; nor is what reporters write of anybody.
            wordy = kind == "line" and len(_WORD.findall(template)) >= _MIN_OFTEN_WORDS
            wordy = wordy and "◦" not in template and residue >= _SURELY_BODY
            if residue < self._config.min_residue and not (wordy and articles >= self._config.often):
                continue
            role = max(REMOVED_ROLES, key=lambda role: scores.get(role, 0.0))
            zones = tuple(zone for zone, count in tally.zones.items() if count >= 0.1 * tally.scored)
            digest = hashlib.sha256(f"{outlet}\0{kind}\0{template}".encode()).hexdigest()[:8]
            found.append(
                Block(digest, outlet, kind, template, role, zones, articles, dates, round(residue, 4), tally.example)
            )
        return Recurring(tuple(sorted(found, key=lambda block: (block.outlet, -block.articles, block.template))))


@dataclass
class _Tally:
    """What is known of one template of one outlet; its first occurrence was counted before its text was kept."""

    first: str | None
    example: str
    articles: int = 1
    scored: int = 0
    dates: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    zones: Counter[Zone] = field(default_factory=Counter)
    scores: dict[str, float] = field(default_factory=dict)

    def add(self, unit: _Unit, date: str | None, scores: Mapping[str, float]) -> None:
        self.articles += 1
        self.scored += 1
        self.dates |= {day for day in (self.first, date) if day is not None}
        if len(self.texts) < 2:
            self.texts.add(unit.text)
        self.zones[unit.zone] += 1
        for role, score in scores.items():
            self.scores[role] = self.scores.get(role, 0.0) + score


@dataclass(frozen=True, slots=True)
class _Unit:
    """Something that may recur: a line, its lead-in, or a sentence at one of its ends."""

    kind: Kind
    template: str
    line: int
    start: int
    end: int
    text: str
    zone: Zone


# Bounded, so that a token of any length takes time in proportion.
_LINK = re.compile(r"https?://\S++|www\.\S++|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+|(?<!\w)@\w{1,64}")
_DATE = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b\.?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?")
_NAME = re.compile(r"(?<=[\w,;:] )(?:[A-Z][\w.’'-]*)(?: (?:(?:of|the|de|van|von|al|bin) )?[A-Z][\w.’'-]*)*")
_LEAD_IN = re.compile(r"^(\W*\w[^:|»›→—]{1,40}?(?: ?[:|»›→—]))\s*(?=\S.{11})")
_WORD = re.compile(r"[^\W\d_]+")
_MIN_OFTEN_WORDS = 6
_SURELY_BODY = 0.1  # probability of not being body below which no number of repetitions outweighs it
_MAX_HEADLINE = 200  # characters of a lead-in and its headline
_MIN_LITERAL_WORDS = 3  # that a template with a masked name must keep, to say more than "by ◦"


def _units(lines: Sequence[Line]) -> Iterator[_Unit]:
    for index, line in enumerate(lines):
        from_end = len(lines) - 1 - index
        zone: Zone = "top" if index < 3 and index <= from_end else "bottom" if from_end < 3 else "middle"
        for template in _templates(line.text):
            yield _Unit("line", template, index, line.start, line.end, line.text, zone)
        spans = list(split(line.text, start=line.start)) if len(line.text) > 60 else []
        # What follows a lead-in goes with it, so it must be a headline, not a paragraph glued to one.
        headline = len(spans) < 2 and len(line.text) <= _MAX_HEADLINE
        if headline and (lead := _LEAD_IN.match(line.text)):
            yield _Unit("lead-in", _masked(lead.group(1)), index, line.start, line.end, line.text, zone)
        if len(spans) > 1:
            for start, end in dict.fromkeys((spans[0], spans[-1])):
                text = line.text[start - line.start : end - line.start]
                for template in _templates(text):
                    yield _Unit("sentence", template, index, start, end, text, zone)


def _templates(text: str) -> Iterator[str]:
    """Yield a text with its numbers masked, and also its names if enough is left."""
    if not _WORD.search(text):
        return
    yield _masked(text)
    named = _NAME.sub("◦", text)
    if named != text and len(_WORD.findall(named)) >= _MIN_LITERAL_WORDS:
        yield _masked(named)


def _masked(text: str) -> str:
    text = _LINK.sub("@", text)
    return " ".join(_NUMBER.sub("0", _DATE.sub("0", text)).casefold().split())


def _key(outlet: str, unit: _Unit) -> bytes:
    return hashlib.blake2b(f"{outlet}\0{unit.kind}\0{unit.template}".encode(), digest_size=8).digest()
