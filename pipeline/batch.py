"""Annotate many articles: stream, quarantine, count; every input ends in the output or in the rejected file, once."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from pipeline import listing, reading, writing
from pipeline.annotator import Annotator
from pipeline.article import Article, Provenance
from pipeline.boilerplate.strip import Config as StripConfig
from pipeline.config import Section
from pipeline.progress import Progress
from pipeline.reading import Config as ReadingConfig
from pipeline.records import to_json
from pipeline.storage import Meter

Item = TypeVar("Item")


class Config(Section):
    """Settings of batch annotation."""

    reading: ReadingConfig = ReadingConfig()
    batch_articles: int = Field(default=32, gt=0)
    """Articles whose sentences are batched together: more fills batches better and takes more memory."""
    strip: StripConfig | None = None
    """Layers and thresholds of stripping; null takes those that the boilerplate model carries."""
    min_scores: dict[str, float] = {}
    """Probabilities below which `topic` and `stance` abstain; a task that is left out has its model's own."""
    max_rejected_share: float = Field(default=0.1, ge=0, le=1)
    """Share of inputs that may be quarantined; beyond it the run finishes but exits with 1."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did; ``rejected`` counts inputs by reason."""

    read: int
    annotated: int
    rejected: dict[str, int]
    repeated_ids: int
    warnings: int
    seconds: float
    articles_per_second: float
    provenance: Provenance


def rejected_path(output: Path) -> Path:
    """Return where an output's rejected inputs are listed."""
    return output.with_name(f"{output.name}.rejected.jsonl")


def summary_path(output: Path) -> Path:
    """Return where an output's summary stands."""
    return output.with_name(f"{output.name}.summary.json")


def annotate_files(
    inputs: Iterable[str],
    output: Path,
    annotator: Annotator,
    config: Config,
    *,
    limit: int | None = None,
    keep_raw: bool = False,
) -> Summary:
    """Annotate every article of the inputs, at most ``limit``, into ``output`` with its rejected file and summary.

    Raises:
        ConfigError: an input matches nothing, or nothing here reads it.
        OutputError: an output cannot be written.
    """
    given = list(inputs)
    total = listing.total(given)
    started = time.monotonic()
    rejected: Counter[str] = Counter()
    identities: Counter[str] = Counter()
    annotated = warnings = 0
    meter = Meter()
    items = itertools.islice(reading.read(given, config.reading, meter), limit)
    # The three appear together or not at all: what can fail, does so before the first of them gets its name.
    with (
        writing.whole_file(rejected_path(output)) as quarantine,
        writing.whole_file(summary_path(output)) as counted,
        writing.open_output(output) as writer,
        Progress("annotate", unit="articles", total=total, limit=limit) as progress,
    ):
        for batch in _batches(items, config.batch_articles):
            articles: list[Article] = []
            for item in batch:
                if isinstance(item, Article):
                    articles.append(item)
                else:
                    rejected[item.reason] += 1
                    quarantine.write(to_json(item) + b"\n")
            annotations = annotator.annotate(articles, keep_raw=keep_raw)
            writer.write(annotations)
            annotated += len(annotations)
            warnings += sum(len(annotation.warnings) for annotation in annotations)
            identities.update(article.id for article in articles)
            progress.advance(len(batch), meter.take())
        seconds = time.monotonic() - started
        summary = Summary(
            read=annotated + rejected.total(),
            annotated=annotated,
            rejected=dict(sorted(rejected.items())),
            repeated_ids=sum(count > 1 for count in identities.values()),
            warnings=warnings,
            seconds=round(seconds, 3),
            articles_per_second=round(annotated / seconds, 2),
            provenance=annotator.provenance,
        )
        counted.write(json.dumps(asdict(summary), indent=2).encode() + b"\n")
        quarantine.flush()
        counted.flush()
    return summary


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
