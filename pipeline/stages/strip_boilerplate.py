"""Strip the labelled articles as inference would, and attach the gold labels to what is left."""

from __future__ import annotations

from pathlib import Path

from pipeline.annotator import Body, Stripper
from pipeline.classifiers import store
from pipeline.config import Section
from pipeline.corpus import (
    ARTICLES,
    CleanArticle,
    LabelledArticle,
    LabelledMention,
    LabelledSentence,
    LabelledTarget,
    read_gold,
    segments_within,
)
from pipeline.records import read_jsonl, write_jsonl
from pipeline.seeds import GoldArticle, GoldSegment
from pipeline.targets import Target


class Config(Section):
    """How gold labels find their sentences; layers and thresholds of stripping travel with the model."""

    min_overlap: float = 0.8
    """Share of a split sentence's raw characters that one gold sentence must cover to give it its labels."""


def run(config: Config, *, cleaned: Path, collected: Path, model: Path, output: Path) -> dict[str, float]:
    """Write the stripped articles with labels; return counts and the share of gold sentences that kept theirs."""
    gold = read_gold(collected)
    stripper = Stripper(store.load(model))
    articles = list(read_jsonl(cleaned / ARTICLES, CleanArticle))
    bodies = stripper.strip_clean([(item.article, item.aligned()) for item in articles])
    labelled = [_label(body, gold[body.article.id], config.min_overlap) for body in bodies]
    write_jsonl(output / ARTICLES, labelled)
    wanted = sum(segment.claim is not None for article in gold.values() for segment in article.segments)
    attached = sum(sentence.claim is not None for article in labelled for sentence in article.sentences)
    return {
        "removed": sum(len(article.removed) for article in labelled),
        "warnings": sum(len(body.stripped.warnings) for body in bodies),
        "sentences": sum(len(article.sentences) for article in labelled),
        "labels_attached_share": attached / wanted,
    }


def _label(body: Body, gold: GoldArticle, min_overlap: float) -> LabelledArticle:
    targets = {target.name: Target(target.name, target.aliases) for target in gold.targets}
    sentences: list[LabelledSentence] = []
    for sentence, in_body in zip(body.sentences, body.in_body, strict=True):
        segment = _covering(gold, sentence.raw_start, sentence.raw_end, min_overlap)
        mentions = [
            LabelledMention(stance.target, *found.span(), stance.label)
            for stance in (segment.stances if segment else ())
            if (found := targets[stance.target].pattern.search(sentence.text))
        ]
        sentences.append(
            LabelledSentence(
                text=sentence.text,
                start=sentence.start,
                end=sentence.end,
                in_body=in_body,
                claim=segment.claim if segment else None,
                mentions=tuple(mentions),
            )
        )
    return LabelledArticle(
        id=gold.id,
        outlet=gold.outlet,
        topic=gold.topic,
        genre=gold.genre,
        language=gold.language,
        text=body.stripped.body.text,
        sentences=tuple(sentences),
        targets=tuple(LabelledTarget(target.name, target.stance, target.aliases) for target in gold.targets),
        removed=body.stripped.removals,
    )


def _covering(gold: GoldArticle, start: int, end: int, min_overlap: float) -> GoldSegment | None:
    for segment in segments_within(gold, start, end):
        covered = min(end, segment.end) - max(start, segment.start)
        if segment.claim and covered >= min_overlap * (end - start):
            return segment
    return None
