"""The labelled corpus on its way through the stages: cleaned, split, stripped, gold labels attached by position."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipeline.alignment import AlignedText
from pipeline.article import Article, ClaimLabel, Edit, Removal, Role, StanceLabel
from pipeline.records import read_jsonl
from pipeline.seeds import GoldArticle, GoldSegment

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

ARTICLES = "articles.jsonl"
GOLD = "gold.jsonl"
ASSIGNMENT = "assignment.json"


@dataclass(frozen=True, slots=True)
class CleanArticle:
    """An article with its clean text and what cleaning changed."""

    article: Article
    text: str
    edits: tuple[Edit, ...]

    def aligned(self) -> AlignedText:
        """Return the clean text with its alignment to the raw text."""
        return AlignedText(self.article.raw, self.text, self.edits)


@dataclass(frozen=True, slots=True)
class LabelledMention:
    """A target named at ``start:end`` of its sentence, with the sentence's stance toward it."""

    target: str
    start: int
    end: int
    label: StanceLabel


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """A sentence as the pipeline split it, with the gold labels that stand at its place."""

    text: str
    start: int
    end: int
    in_body: bool
    claim: ClaimLabel | None
    mentions: tuple[LabelledMention, ...]


@dataclass(frozen=True, slots=True)
class LabelledTarget:
    """A target of an article, the names it goes by, and the article's stance toward it."""

    name: str
    label: StanceLabel
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelledArticle:
    """A stripped article with its gold labels: what training and evaluation read."""

    id: str
    outlet: str
    topic: str
    genre: str
    language: str
    text: str
    sentences: tuple[LabelledSentence, ...]
    targets: tuple[LabelledTarget, ...]
    removed: tuple[Removal, ...]


def article_of(gold: GoldArticle) -> Article:
    """Return a seed as the article that a reader would give for its raw text."""
    return Article(
        id=gold.id,
        input=gold.file,
        line=1,
        raw=gold.raw,
        source=gold.outlet,
        published=gold.published,
        opens_with_headline=gold.segments[0].role == "headline",
    )


def read_gold(folder: Path) -> dict[str, GoldArticle]:
    """Return the gold articles that collect wrote, by id."""
    return {gold.id: gold for gold in read_jsonl(folder / GOLD, GoldArticle)}


def read_split(folder: Path) -> dict[str, Split]:
    """Return the split of each article by id."""
    content: dict[str, Split] = json.loads((folder / ASSIGNMENT).read_text(encoding="utf-8"))
    return content


def read_labelled(folder: Path, splits: dict[str, Split], wanted: Split) -> list[LabelledArticle]:
    """Return the stripped, labelled articles of one split."""
    return [item for item in read_jsonl(folder / ARTICLES, LabelledArticle) if splits[item.id] == wanted]


def roles_of_lines(gold: GoldArticle, spans: Sequence[tuple[int, int]]) -> list[Role]:
    """Return the gold role of each raw span: body where it holds any body sentence, else the longest segment's."""
    return [_role(gold, start, end) for start, end in spans]


def _role(gold: GoldArticle, start: int, end: int) -> Role:
    overlapping = list(segments_within(gold, start, end))
    if any(segment.claim for segment in overlapping) or not overlapping:
        return "body"
    return max(overlapping, key=lambda segment: segment.end - segment.start).role


def segments_within(gold: GoldArticle, start: int, end: int) -> Iterator[GoldSegment]:
    """Yield the segments that share at least one raw character with ``start:end``."""
    return (segment for segment in gold.segments if segment.start < end and segment.end > start)
