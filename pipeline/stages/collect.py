"""Read and validate the seed articles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline import seeds, topic
from pipeline.config import Section
from pipeline.corpus import ARTICLES, GOLD, article_of
from pipeline.errors import DataError
from pipeline.records import write_jsonl
from pipeline.sentences import split


class Config(Section):
    """Which seeds to take, and what must hold of them."""

    articles_per_outlet: int | None = None
    """Take only the first so many of each outlet, by file name; null takes all."""
    min_reproduced: float = 0.99
    """Share of gold sentences that the splitter must find as such; below it, claim labels would not attach."""


def run(config: Config, *, articles: Path, topics: Path, output: Path) -> dict[str, float]:
    """Write the seeds as articles and as gold labels; return their counts.

    Raises:
        DataError: a seed breaks the format, or the splitter reproduces too few gold sentences.
    """
    found = seeds.read_folder(articles, tuple(topic.load_topics(topics)))
    if config.articles_per_outlet is not None:
        seen: Counter[str] = Counter()
        taken = []
        for gold in found:
            seen[gold.outlet] += 1
            if seen[gold.outlet] <= config.articles_per_outlet:
                taken.append(gold)
        found = taken
    write_jsonl(output / ARTICLES, map(article_of, found))
    write_jsonl(output / GOLD, found)

    broken = [fault for gold in found for fault in _unreproduced(gold)]
    sentences = sum(segment.claim is not None for gold in found for segment in gold.segments)
    reproduced = 1 - len(broken) / sentences
    if reproduced < config.min_reproduced:
        raise DataError(
            f"the splitter reproduces {reproduced:.4f} of the gold sentences, under min_reproduced = "
            f"{config.min_reproduced}; split or join these segments:\n" + "\n".join(broken[: seeds.MAX_REPORTED])
        )
    segments = sum(len(gold.segments) for gold in found)
    return {
        "articles": len(found),
        "outlets": len({gold.outlet for gold in found}),
        "sentences": sentences,
        "not_body_share": 1 - sentences / segments,
        "reproduced_share": reproduced,
        "sentence_stances": sum(len(segment.stances) for gold in found for segment in gold.segments),
        "article_stances": sum(len(gold.targets) for gold in found),
    }


def _unreproduced(gold: seeds.GoldArticle) -> list[str]:
    """Return the gold sentences that the splitter does not find in their paragraphs, residue aside."""
    faults: list[str] = []
    for paragraph in _paragraphs(gold):
        text = ""
        spans: list[tuple[int, int]] = []
        for sentence in paragraph:
            text += " " if text else ""
            spans.append((len(text), len(text) + len(sentence)))
            text += sentence
        found = set(split(text, language=gold.language))
        faults += [f"{gold.file}: {text[start:end][:90]!r}" for start, end in spans if (start, end) not in found]
    return faults


def _paragraphs(gold: seeds.GoldArticle) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    position = 0
    for segment in gold.segments:
        if "\n" in gold.raw[position : segment.start]:
            paragraphs.append([])
        if segment.claim is not None:
            paragraphs[-1].append(gold.raw[segment.start : segment.end].strip())
        position = segment.end
    return paragraphs
