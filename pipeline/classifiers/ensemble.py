"""The ensemble engine: n-grams know the words, an encoder's vectors what they mean; log-probabilities are averaged.

That is a logarithmic opinion pool (Genest & Zidek 1986) of the linear and the embedding engine, each calibrated first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from pipeline.classifiers import embedding, linear
from pipeline.classifiers.calibration import fit_temperature, probabilities
from pipeline.classifiers.contract import Classifier, Example, Logits, gold_indices
from pipeline.config import Section

SETTINGS = "engine.json"
LINEAR = "linear"
EMBEDDING = "embedding"
"""Folders of the members, below that of the ensemble."""


class Config(Section):
    """Settings of the ensemble engine; its members have their own."""

    embedding_weight: float = Field(default=0.5, ge=0, le=1)
    """Of the embedding's log-probabilities; the rest is that of the n-grams'."""


@dataclass(frozen=True)
class Member:
    """One of the classifiers, the temperature that calibrates it, and its weight."""

    classifier: Classifier
    temperature: float
    weight: float


@dataclass(frozen=True)
class EnsembleClassifier:
    """The members by the name of their folder, behind the classifier contract."""

    labels: tuple[str, ...]
    members: dict[str, Member]

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return the weighted mean of the members' log-probabilities, shape (n, labels)."""
        found = np.zeros((len(examples), len(self.labels)), dtype=np.float32)
        for member in self.members.values():
            chances = probabilities(member.classifier.logits(examples), member.temperature)
            found += (member.weight * np.log(chances.clip(min=1e-13))).astype(np.float32)
        return found

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the smallest share of the examples' tokens that a member never sees: the rest, one of them does."""
        return min(member.classifier.unread(examples) for member in self.members.values())

    def save(self, folder: Path) -> None:
        """Write each member into a folder of its name, and temperatures and weights beside them."""
        settings = {}
        for name, member in self.members.items():
            (folder / name).mkdir()
            member.classifier.save(folder / name)
            settings[name] = {"temperature": member.temperature, "weight": member.weight}
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def fit(
    train: Sequence[Example],
    dev: Sequence[Example],
    labels: Sequence[str],
    config: Config,
    members: tuple[linear.Config, embedding.Config],
    *,
    seed: int,
) -> EnsembleClassifier:
    """Train both members on labelled examples and calibrate each on ``dev``.

    Raises:
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    gold = gold_indices(dev, labels)

    def member(classifier: Classifier, weight: float) -> Member:
        return Member(classifier, fit_temperature(classifier.logits(dev), gold), weight)

    return EnsembleClassifier(
        tuple(labels),
        {
            LINEAR: member(linear.fit(train, labels, members[0], seed=seed), 1 - config.embedding_weight),
            EMBEDDING: member(embedding.fit(train, labels, members[1], seed=seed), config.embedding_weight),
        },
    )


def load(folder: Path, labels: tuple[str, ...]) -> EnsembleClassifier:
    """Read a saved classifier.

    Raises:
        ModelError: another version wrote a member.
    """
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    classifiers: dict[str, Classifier] = {
        LINEAR: linear.load(folder / LINEAR, labels),
        EMBEDDING: embedding.load(folder / EMBEDDING, labels),
    }
    return EnsembleClassifier(labels, {name: Member(classifiers[name], **own) for name, own in settings.items()})
