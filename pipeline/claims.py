"""The claims task: is a body sentence check-worthy, merely factual, or neither?"""

from __future__ import annotations

from pipeline.article import Claim, Facts, Sentence
from pipeline.classifiers.contract import Example, Prediction
from pipeline.corpus import LabelledArticle

RANKED = "checkworthy"
"""The label by whose probability sentences are ranked: what to check first."""


def example(sentence: str, *, label: str | None = None, group: str = "") -> Example:
    """Return the example of one sentence."""
    return Example(text=sentence, label=label, group=group)


def examples(article: LabelledArticle) -> list[Example]:
    """Return the labelled body sentences of an article as examples."""
    return [
        example(sentence.text, label=sentence.claim, group=article.id)
        for sentence in article.sentences
        if sentence.claim is not None
    ]


def claim_of(sentence: Sentence, prediction: Prediction, facts: Facts) -> Claim | None:
    """Return the claim that a sentence makes, score to 4 decimals, or None where its label is ``none``."""
    if prediction.label == "none":
        return None
    return Claim(
        text=sentence.text,
        label=prediction.label,
        score=round(prediction.score, 4),
        start=sentence.start,
        end=sentence.end,
        raw_start=sentence.raw_start,
        raw_end=sentence.raw_end,
        facts=facts,
    )
