"""A model's answers on the dev cases, kept in its folder without their texts: another model is compared with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.classifiers.contract import Example, Prediction
from pipeline.records import to_json

FILE = "dev.jsonl"


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
    """Return the record of each labelled example; text, second segment and focus tell one from another."""
    return [
        DevCase(key(example.text, example.pair, example.focus), example.group, example.label or "", found.label)
        for example, found in zip(examples, predictions, strict=True)
    ]


def to_jsonl(found: Sequence[DevCase]) -> bytes:
    """Return the records as JSON lines."""
    return b"".join(to_json(case) + b"\n" for case in found)
