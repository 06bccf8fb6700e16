"""Model folders with tiny encoders, trained in seconds on made-up sentences in which one word tells the label."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from pipeline.classifiers.contract import Example, TaskExamples
from tests.encoders import WORDS
from tests.encoders import settings as encoder_settings

LABELS = ("checkworthy", "factual", "none")
CUES = ("cost", "opened", "awful")
MAX_TOKENS = 24


def sentences(count: int, seed: int, *, focused: bool = False) -> list[Example]:
    """Return sentences of random words, some longer than a window, with the word that tells their label."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        words = draw.choices(WORDS.split()[:20], k=draw.randint(3, 40))
        words.insert(draw.randrange(len(words)), CUES[number % 3])
        text = " ".join(words)
        start = text.index(CUES[number % 3])
        focus = (start, start + len(CUES[number % 3])) if focused else None
        pair = "the mayor" if focused else None
        found.append(Example(text, pair=pair, focus=focus, label=LABELS[number % 3], group=str(number)))
    return found


def save(folder: Path, encoder: Path, *, focused: bool = False, seeds: bool = True) -> Path:
    """Train a model for claims on a tiny encoder, and write its folder; ``seeds`` leaves its parity examples there."""
    from pipeline.classifiers import training

    own: dict[str, Any] = {"encoder": encoder_settings(encoder), "max_tokens": MAX_TOKENS}
    tuned = {"epochs": 4, "learning_rate": 0.003, "batch_size": 16, "patience": 9, "precision": "fp32"}
    config = training.Config.model_validate({"engine": "transformer", "transformer": {**own, **tuned}})
    dev = sentences(60, 2, focused=focused)
    found = training.train(config, "transformer", TaskExamples(sentences(180, 1, focused=focused), dev, LABELS))
    training.save(found, folder, config, task="claims", data={}, seeds=dev if seeds else ())
    return folder
