"""The records that flow through the pipeline; this module imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal[
    "headline", "deck", "subhead", "correction", "body",
    "caption", "byline", "promo", "related", "share", "ad", "tags", "legal", "credit", "embed", "nav",
]  # fmt: skip
ClaimLabel = Literal["checkworthy", "factual", "none"]
StanceLabel = Literal["favor", "against", "neutral"]
MarkKind = Literal["stated", "unstated", "link", "doubtful"]

ROLES: tuple[Role, ...] = get_args(Role)
KEPT_ROLES: tuple[Role, ...] = ROLES[:5]
REMOVED_ROLES: tuple[Role, ...] = ROLES[5:]
CLAIM_LABELS: tuple[ClaimLabel, ...] = get_args(ClaimLabel)
STANCE_LABELS: tuple[StanceLabel, ...] = get_args(StanceLabel)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a page says about a line of the text extracted from it; offsets count characters of the raw text."""

    kind: MarkKind
    raw_start: int
    raw_end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One input article as it was read; ``(input, line)`` identifies it, ``id`` may repeat."""

    id: str
    input: str
    line: int
    raw: str
    title: str | None = None
    source: str | None = None
    published: str | None = None
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    opens_with_headline: bool = False
    extraction: Mapping[str, str] | None = None
    marks: tuple[Mark, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """An input that is no article, with a short stable reason."""

    input: str
    line: int
    id: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Line:
    """A non-empty line of the clean text; offsets count characters of that text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A stretch of the raw text that stripping took out, and why."""

    role: Role
    reason: str
    text: str
    raw_start: int
    raw_end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A body sentence with its offsets in the clean body and in the raw text."""

    text: str
    start: int
    end: int
    raw_start: int
    raw_end: int


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label and its calibrated probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic of an article, with the most probable alternatives."""

    label: str
    medtop: str
    score: float
    abstained: bool
    top: tuple[LabelScore, ...]


@dataclass(frozen=True, slots=True)
class Stance:
    """The stance of an article toward one target, from ``mentions`` sentences that name it."""

    target: str
    label: str
    score: float
    abstained: bool
    mentions: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who says it: the source, the word that says so, and whether the content is quoted."""

    source: str
    cue: str
    kind: Literal["direct", "indirect"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number expression with its value and unit."""

    text: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Date:
    """A time expression with the ISO 8601 date that it means."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What one claim states beside its text; null where nothing has been extracted."""

    attribution: Attribution | None = None
    quantities: tuple[Quantity, ...] | None = None
    dates: tuple[Date, ...] | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A listed claim sentence; ``text`` is ``annotation.text[start:end]``."""

    text: str
    label: str
    score: float
    start: int
    end: int
    raw_start: int
    raw_end: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class Edit:
    """Cleaning replaced ``raw[raw_start:raw_end]`` by ``text[start:end]``."""

    raw_start: int
    raw_end: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced an annotation, by digest."""

    version: str
    config: str
    models: Mapping[str, str]
    runtime: str
    input: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """Everything that the pipeline says about one article."""

    id: str
    input: str
    line: int
    source: str | None
    title: str | None
    published: str | None
    url: str | None
    topic: Topic
    stances: tuple[Stance, ...]
    claims: tuple[Claim, ...]
    removed: tuple[Removal, ...]
    edits: tuple[Edit, ...]
    text: str
    warnings: tuple[str, ...]
    provenance: Provenance
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: str | None = None
