"""Clean the raw texts, keeping the alignment to every raw character."""

from __future__ import annotations

from pathlib import Path

from pipeline import cleaning
from pipeline.article import Article
from pipeline.config import Section
from pipeline.corpus import ARTICLES, CleanArticle
from pipeline.records import read_jsonl, write_jsonl


class Config(Section):
    """Cleaning has nothing to set: inference must repeat it exactly on texts that nobody configured."""


def run(_config: Config, *, collected: Path, output: Path) -> dict[str, float]:
    """Write the clean articles; return how much cleaning changed."""
    edits = characters = 0
    cleaned: list[CleanArticle] = []
    for article in read_jsonl(collected / ARTICLES, Article):
        aligned = cleaning.clean(article.raw)
        edits += len(aligned.edits)
        characters += sum(edit.raw_end - edit.raw_start for edit in aligned.edits)
        cleaned.append(CleanArticle(article, aligned.text, aligned.edits))
    count = write_jsonl(output / ARTICLES, cleaned)
    return {"articles": count, "edits": edits, "edited_characters": characters}
