"""A model's answers on the dev cases, kept in its folder without their texts: another model is compared with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.classifiers.contract import Example, Prediction
from pipeline.records import to_json

FILE = "dev.jsonl"
_SENTENCE = 400  # characters; what is longer is a whole article, which cleaning may change by a blank


@dataclass(frozen=True, slots=True)
class DevCase:
    """One dev case: what it was (``key``), the article it comes from, its gold label and the model's answer."""

    key: str
    group: str
    gold: str
    label: str


def key(*parts: object) -> str:
    """Return a digest that is equal wherever a case is the same, and gives nothing of its text away."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def cases(examples: Sequence[Example], predictions: Sequence[Prediction]) -> list[DevCase]:
    """Return the record of each labelled example, keyed by article, second segment, and the text of a sentence.

    Of a text that is longer than a sentence the article alone is the key: it stays the same case when a blank changes.
    """
    return [
        DevCase(_key(example), example.group, example.label or "", found.label)
        for example, found in zip(examples, predictions, strict=True)
    ]


def _key(example: Example) -> str:
    if example.group and len(example.text) > _SENTENCE:
        return key(example.group, example.pair)
    return key(example.group, example.pair, example.text, example.focus)


def to_jsonl(found: Sequence[DevCase]) -> bytes:
    """Return the records as JSON lines."""
    return b"".join(to_json(case) + b"\n" for case in found)
