"""Where the labelled cases of a task lie in their articles' raw text, in the order of ``pipeline.cases``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.annotator import Body
from pipeline.cleaning import lines
from pipeline.corpus import CleanArticle, LabelledArticle

Span = tuple[int, int]


def of_lines(articles: Sequence[CleanArticle]) -> list[Span]:
    """Return the raw span of each line."""
    found: list[Span] = []
    for item in articles:
        aligned = item.aligned()
        found += [aligned.raw_span(line.start, line.end) for line in lines(item.text)]
    return found


def of_claims(articles: Sequence[LabelledArticle], bodies: Mapping[str, Body]) -> list[Span]:
    """Return the raw span of each sentence that has a claim label; ``bodies`` are the same articles, stripped."""
    return [
        (place.raw_start, place.raw_end)
        for article in articles
        for sentence, place in zip(article.sentences, bodies[article.id].sentences, strict=True)
        if sentence.claim is not None
    ]


def of_stance(articles: Sequence[LabelledArticle], bodies: Mapping[str, Body]) -> list[Span]:
    """Return the raw span of each labelled mention of a target; ``bodies`` are the same articles, stripped."""
    return [
        bodies[article.id].stripped.body.raw_span(sentence.start + mention.start, sentence.start + mention.end)
        for article in articles
        for sentence in article.sentences
        for mention in sentence.mentions
    ]
