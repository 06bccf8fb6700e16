"""Shards: consecutive inputs that are annotated together, and the one function that does so, wherever it runs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field

from pipeline import reading, writing
from pipeline.annotator import Annotator, Prepared
from pipeline.article import Annotation, Article, Provenance, Rejection
from pipeline.boilerplate.layers import Config as StripConfig
from pipeline.boilerplate.recurring import Recurring
from pipeline.classifiers.panel import Answers
from pipeline.classifiers.runtime import REFERENCE
from pipeline.config import Section
from pipeline.parsing import Unit, parse
from pipeline.reading import Config as ReadingConfig
from pipeline.records import to_json
from pipeline.rows import TOO_DEEP

GROUP_CHARACTERS = 2_000_000  # of raw text annotated at once: long articles cost memory in proportion
ID_BYTES = 8
FIRST = 16  # inputs of the first shard, at most


class Config(Section):
    """Settings of batch annotation."""

    reading: ReadingConfig = ReadingConfig()
    shard_articles: int = Field(default=64, gt=0)
    """Inputs of one shard, at most: what is annotated together, written at once and, after a stop, never done again.
    The first shards have fewer, 16 and then twice as many each, so that nothing waits long for the first."""
    shard_bytes: int = Field(default=16_000_000, gt=0)
    """Bytes of one shard's inputs, at most, unless one alone has more: what a worker holds in memory."""
    strip: StripConfig | None = None
    """Layers and thresholds of stripping; null takes those that the boilerplate model carries."""
    min_scores: dict[str, float] = {}
    """Probabilities below which `topic` and `stance` abstain; a task that is left out has its model's own."""
    max_rejected_share: float = Field(default=0.1, ge=0, le=1)
    """Share of inputs that may be quarantined; beyond it the run finishes but exits with 1."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive inputs as they were found; ``digest`` is the sha256 of all that they are."""

    number: int
    items: tuple[Unit | Rejection, ...]
    size: int
    """Bytes."""
    digest: str

    @property
    def span(self) -> str:
        """The first and the last input, as messages name them."""
        first, last = self.items[0], self.items[-1]
        return f"{first.input}:{first.line} to {last.input}:{last.line}"


def cut(items: Iterable[Unit | Rejection], config: Config) -> Iterator[Shard]:
    """Yield the shards of a stream of inputs, each as soon as it is full.

    Where a shard ends depends on the inputs before it and the configuration, on nothing else.
    """
    held: list[Unit | Rejection] = []
    total = hashlib.sha256()
    number = size = 0
    most = min(FIRST, config.shard_articles)
    for found in items:
        item = found
        try:
            content = _content(item)
        except RecursionError:  # a row that could not even be sent to another process
            item = Rejection(found.input, found.line, None, "malformed-json", TOO_DEEP)
            content = _content(item)
        if held and size + len(content) > config.shard_bytes:
            yield Shard(number, tuple(held), size, total.hexdigest())
            held, total, number, size = [], hashlib.sha256(), number + 1, 0
            most = min(2 * most, config.shard_articles)
        held.append(item)
        size += len(content)
        total.update(hashlib.sha256(_identity(item)).digest() + hashlib.sha256(content).digest())
        if len(held) == most:
            yield Shard(number, tuple(held), size, total.hexdigest())
            held, total, number, size = [], hashlib.sha256(), number + 1, 0
            most = min(2 * most, config.shard_articles)
    if held:
        yield Shard(number, tuple(held), size, total.hexdigest())


def _identity(item: Unit | Rejection) -> bytes:
    kind, warnings = (item.kind, item.warnings) if isinstance(item, Unit) else ("rejection", ())
    return json.dumps([item.input, item.line, kind, warnings]).encode()


def _content(item: Unit | Rejection) -> bytes:
    if isinstance(item, Rejection):
        return to_json(item)
    return item.content if isinstance(item.content, bytes) else json.dumps(item.content, default=repr).encode()


@dataclass(frozen=True)
class Recipe:
    """All that a process needs to annotate shards as every other process does; it can be sent to one."""

    models: Path
    config: Config
    form: str
    """Of the annotations, as ``writing.form`` gives it."""
    recurring: Recurring | None = None
    keep_raw: bool = False
    runtime: str = REFERENCE
    threads: int | None = None
    """Of each process; null takes all cores."""

    def annotator(self) -> Annotator:
        """Load the models.

        Raises:
            ConfigError: a threshold names no task that abstains, or the runtime cannot be had.
            ModelError: a model folder cannot be used.
        """
        return Annotator(
            self.models,
            strip_config=self.config.strip,
            min_scores=self.config.min_scores,
            recurring=self.recurring,
            runtime=self.runtime,
            threads=self.threads,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a shard: its annotations in the form of the output, its rejections as JSON lines, its counts."""

    number: int
    digest: str
    """Of the shard."""
    annotations: bytes
    rejections: bytes
    ids: bytes
    """A hash of each article's id, of ``ID_BYTES`` bytes."""
    annotated: int
    rejected: dict[str, int]
    """By reason."""
    warnings: int
    provenance: Provenance

    @property
    def read(self) -> int:
        """How many inputs the shard has."""
        return self.annotated + sum(self.rejected.values())


@dataclass(frozen=True)
class Parsed:
    """A shard whose inputs were read: its articles, in groups that are annotated at once, and its rejections."""

    number: int
    digest: str
    groups: list[list[Article]]
    """At least one, if an empty one."""
    rejections: list[Rejection]


class ShardAnnotator:
    """Annotates shards; what comes out depends on the shard and the recipe alone."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._pages = reading.extraction(recipe.config.reading)
        self._annotator = recipe.annotator()
        self._annotator.compile()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pages.__exit__(kind, error, trace)

    @property
    def provenance(self) -> Provenance:
        """What makes the annotations."""
        return self._annotator.provenance

    def annotate(self, shard: Shard) -> Finished:
        """Return what becomes of a shard: each of its inputs is annotated or rejected, once."""
        parsed = self.parse(shard)
        annotations: list[Annotation] = []
        for group in parsed.groups:
            prepared = self.prepare(group)
            annotations += self.assemble(prepared, self.classify(prepared))
        return self.finish(parsed, annotations)

    def parse(self, shard: Shard) -> Parsed:
        """Read a shard's inputs."""
        articles: list[Article] = []
        rejections: list[Rejection] = []
        max_bytes = self._recipe.config.reading.max_article_bytes
        for item in shard.items:
            found = item if isinstance(item, Rejection) else parse(item, max_bytes, self._pages)
            if isinstance(found, Article):
                articles.append(found)
            else:
                rejections.append(found)
        return Parsed(shard.number, shard.digest, list(_groups(articles)), rejections)

    def prepare(self, group: Sequence[Article]) -> Prepared:
        """Strip a group of articles and find what is to be asked of the models."""
        return self._annotator.prepare(group)

    def classify(self, prepared: Prepared) -> Answers:
        """Ask the models about a group; another thread may prepare or assemble others meanwhile."""
        return self._annotator.classify(prepared)

    def assemble(self, prepared: Prepared, answers: Answers) -> list[Annotation]:
        """Return the annotations of a group."""
        return self._annotator.assemble(prepared, answers, keep_raw=self._recipe.keep_raw)

    def finish(self, parsed: Parsed, annotations: Sequence[Annotation]) -> Finished:
        """Return what becomes of a shard, given the annotations of all its articles."""
        return Finished(
            number=parsed.number,
            digest=parsed.digest,
            annotations=writing.encode(annotations, self._recipe.form),
            rejections=b"".join(to_json(rejection) + b"\n" for rejection in parsed.rejections),
            ids=b"".join(hashlib.blake2b(one.id.encode(), digest_size=ID_BYTES).digest() for one in annotations),
            annotated=len(annotations),
            rejected=dict(sorted(Counter(rejection.reason for rejection in parsed.rejections).items())),
            warnings=sum(len(annotation.warnings) for annotation in annotations),
            provenance=self.provenance,
        )


def _groups(articles: list[Article]) -> Iterator[list[Article]]:
    """Yield a shard's articles in groups of so much text: all at once, unless they are long."""
    begin = size = 0
    for number, article in enumerate(articles):
        if number > begin and size + len(article.raw) > GROUP_CHARACTERS:
            yield articles[begin:number]
            begin, size = number, 0
        size += len(article.raw)
    yield articles[begin:]
