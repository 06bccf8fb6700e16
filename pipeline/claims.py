"""The claims task: is a body sentence check-worthy, merely factual, or neither?"""

from __future__ import annotations

import re
from itertools import islice

from pipeline.article import Claim, Facts, Sentence
from pipeline.classifiers.contract import Example, Prediction
from pipeline.corpus import LabelledArticle

RANKED = "checkworthy"
"""The label by whose probability sentences are ranked: what to check first."""


_WORD = re.compile(r"(?:[^\W\d_]|[\u0900-\u0dff]){2,}")  # Indic vowel signs are no letters to re
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")  # scripts that do not set words apart
_ENDED = re.compile(r"[.!?…。！？।؟][\"”’'»)\]]*$")
_QUOTE = re.compile('["“”„«»]')
_LEAD_IN_WORDS = 8
_FEW_WORDS = 4  # below which a stretch of text must at least end like a sentence


def is_statement(sentence: str) -> bool:
    """Tell whether a sentence can claim anything: a clock time, a name or the lead-in of a quotation cannot."""
    text = sentence.rstrip()
    if text.endswith(":") and not _has_words(text, _LEAD_IN_WORDS + 1) and not _QUOTE.search(text):
        return False
    if _has_words(text, _FEW_WORDS) or len(_UNSPACED.findall(text)) >= _FEW_WORDS:
        return True
    return _has_words(text, 2) and bool(_ENDED.search(text)) and not text.isupper()


def _has_words(text: str, number: int) -> bool:
    return next(islice(_WORD.finditer(text), number - 1, None), None) is not None


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
