"""The claims task: is a body sentence check-worthy, merely factual, or neither?"""

from __future__ import annotations

import re

from pipeline.article import Claim, Facts, Sentence
from pipeline.classifiers.contract import Example, Prediction
from pipeline.corpus import LabelledArticle

RANKED = "checkworthy"
"""The label by whose probability sentences are ranked: what to check first."""


_WORD = re.compile(r"[^\W\d_]{2,}")
_MIN_WORDS = 3
_MIN_LETTERS = 12  # where words are not set apart by blanks


def is_statement(sentence: str) -> bool:
    """Tell whether a sentence can claim anything: a clock time, a signature or the lead-in of a quotation cannot."""
    words = _WORD.findall(sentence)
    long_enough = len(words) >= _MIN_WORDS or (len(words) == 1 and len(words[0]) >= _MIN_LETTERS)
    return long_enough and not sentence.rstrip().endswith(":")


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
