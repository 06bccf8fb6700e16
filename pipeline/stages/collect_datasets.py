"""Fetch and check the labelled data sets that the configuration adds to the seeds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline import cache, datasets, rows, topic
from pipeline.article import Rejection
from pipeline.config import Section
from pipeline.datasets import EXAMPLES, LabelledRecord, Source
from pipeline.errors import ConfigError
from pipeline.records import write_jsonl

QUARANTINE = "quarantine.jsonl"


class Config(Section):
    """Which data sets to add; by default none."""

    cache: str | None = None
    """Folder of downloaded files; NEWSFACTS_CACHE wins, and without either it is the user's cache folder."""
    sources: tuple[Source, ...] = ()


def run(config: Config, *, topics: Path, output: Path) -> dict[str, float]:
    """Write the usable examples of all sources and, with file and line, what could not be used; return the counts.

    Raises:
        ConfigError: two sources share a name, a file has an unknown ending or no usable record, or a label is no topic.
        DataError: a file is missing, cannot be fetched, or has another digest.
    """
    names = Counter(source.name for source in config.sources)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(f"collect_datasets.sources: the name {twice[0]!r} is given twice; rename one")
    labels = tuple(topic.load_topics(topics))
    found: list[LabelledRecord] = []
    rejected: list[Rejection] = []
    for source in config.sources:
        if rows.ending(source.file) is None:
            raise ConfigError(f"{source.name}: {source.file} ends in none of {', '.join(rows.ENDINGS)}")
        if source.task == "topic" and (unknown := sorted(source.known_labels - set(labels))):
            raise ConfigError(f"{source.name}: {unknown[0]!r} is no topic of {topics}; known: {', '.join(labels)}")
        read = datasets.read(source, _file(source, config), labels, name=source.name, split=source.split)
        items = [_one_mention(item) for item in read]
        usable = [item for item in items if isinstance(item, LabelledRecord)]
        unusable = [item for item in items if isinstance(item, Rejection)]
        if not usable:
            reason = rows.Tally(unusable).main()
            hint = "; in YAML, labels such as Yes and No stand in quotes" if reason.startswith("unknown-label ") else ""
            raise ConfigError(f"{source.name}: {source.file} has no usable record: {reason}{hint}")
        found += usable
        rejected += unusable
    found, leaked = datasets.apart(found)
    rejected += leaked
    write_jsonl(output / EXAMPLES, found)
    write_jsonl(output / QUARANTINE, rejected)
    figures: dict[str, float] = {"sources": len(config.sources), "examples": len(found), "rejected": len(rejected)}
    for name in names:
        figures[f"{name}.examples"] = sum(item.source == name for item in found)
        figures[f"{name}.rejected"] = sum(item.input == name for item in rejected)
    return figures


def _one_mention(item: LabelledRecord | Rejection) -> LabelledRecord | Rejection:
    """Refuse a stance record whose label cannot be laid on one sentence: none names the target, or several do."""
    if isinstance(item, Rejection) or item.task != "stance":
        return item
    examples = item.examples()
    if len(examples) > 1:
        detail = f"{len(examples)} sentences name {item.target!r}; give start and end, or one sentence a record"
        return Rejection(item.source, item.line, item.id, "several-mentions", detail)
    if examples[0].focus is None:
        return Rejection(item.source, item.line, item.id, "target-not-named", f"the text does not name {item.target!r}")
    return item


def _file(source: Source, config: Config) -> Path:
    if source.url is None:
        path = Path(source.file)
        cache.verify(path, source.sha256)
        return path
    return cache.fetch(source.url, source.sha256, cache.folder(config.cache) / source.file)
