"""Annotate the test articles with the trained models: worked examples for the report and for a reader."""

from __future__ import annotations

from pathlib import Path

from pipeline import shards
from pipeline.annotator import Annotator
from pipeline.article import Article
from pipeline.corpus import ARTICLES, read_split
from pipeline.records import read_jsonl, write_jsonl

ANNOTATIONS = "annotations.jsonl"


class Config(shards.Config):
    """As for ``newsfacts annotate``."""


def run(config: Config, *, collected: Path, split: Path, models: Path, output: Path) -> dict[str, float]:
    """Write the annotations of the test articles; return their counts."""
    splits = read_split(split)
    articles = [item for item in read_jsonl(collected / ARTICLES, Article) if splits[item.id] == "test"]
    annotator = Annotator(models, strip_config=config.strip, min_scores=config.min_scores)
    annotations = [
        annotation
        for begin in range(0, len(articles), config.shard_articles)
        for annotation in annotator.annotate(articles[begin : begin + config.shard_articles])
    ]
    count = write_jsonl(output / ANNOTATIONS, annotations)
    return {
        "articles": count,
        "claims": sum(len(annotation.claims) for annotation in annotations),
        "stances": sum(len(annotation.stances) for annotation in annotations),
        "removed": sum(len(annotation.removed) for annotation in annotations),
        "warnings": sum(len(annotation.warnings) for annotation in annotations),
    }
