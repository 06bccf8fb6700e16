"""Train the engine that a task's configuration names, and those that it is to be compared with."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import Field

from pipeline import metrics
from pipeline.classifiers import dev as dev_cases
from pipeline.classifiers import embedding, ensemble, fine_tuning, linear, parity, store
from pipeline.classifiers.calibration import fit_temperature, predictions
from pipeline.classifiers.contract import Classifier, Example, Prediction, TaskExamples, candidates, gold_indices
from pipeline.classifiers.dev import DevCase
from pipeline.classifiers.embedding import Config as EmbeddingConfig
from pipeline.classifiers.ensemble import Config as EnsembleConfig
from pipeline.classifiers.ensemble import EnsembleClassifier
from pipeline.classifiers.linear import Config as LinearConfig
from pipeline.classifiers.store import Engine
from pipeline.classifiers.transformer import Config as TransformerConfig
from pipeline.config import Section
from pipeline.errors import DataError

Name = TypeVar("Name", bound=str)
_ALWAYS = 1.0001  # a threshold that no probability reaches
_LOG = logging.getLogger("newsfacts")


class Config(Section):
    """What every trained task has: an engine, others to compare it with, and when to abstain."""

    engine: Engine
    compared: tuple[Engine, ...] = ()
    """Engines trained beside it for the report; inference never loads them."""
    seed: int = 13
    target_precision: float = Field(default=0.8, ge=0, le=1)
    """Share of the answers given on dev that must be right: the lowest score that reaches it is the model's threshold,
    below which it abstains."""
    linear: LinearConfig = LinearConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    ensemble: EnsembleConfig = EnsembleConfig()
    transformer: TransformerConfig = TransformerConfig()


@dataclass(frozen=True)
class Trained:
    """A fitted classifier with its calibration, its dev scores, and the answers behind them."""

    engine: Engine
    classifier: Classifier
    temperature: float
    min_score: float
    scores: dict[str, float]
    dev: tuple[DevCase, ...]

    def predict(self, examples: Sequence[Example]) -> list[Prediction]:
        """Return calibrated predictions, as the saved model will give them."""
        logits = self.classifier.logits(examples)
        return predictions(logits, self.classifier.labels, temperature=self.temperature, min_score=self.min_score)


def train(config: Config, engine: Engine, examples: TaskExamples) -> Trained:
    """Fit one engine on a task's examples; early stopping and temperature use those of ``dev``."""
    dev, labels = examples.dev, examples.labels
    if engine == "transformer":
        classifier: Classifier = fine_tuning.fit(examples, config.transformer, seed=config.seed)
    else:
        known = [example for example in examples.train if example.label]
        if len({example.label for example in known}) < 2:
            raise DataError(f"the {engine} engine needs examples of two labels at least; add some, or take transformer")
        classifier = _fit_regression(config, engine, known, dev, labels)
        if partial := [example for example in examples.train if not example.label]:
            completed = _most_probable(classifier, partial)
            classifier = _fit_regression(config, engine, known + completed, dev, labels)
    return _calibrated(config, engine, classifier, dev)


def train_group(configs: Mapping[Name, Config], examples: Mapping[Name, TaskExamples]) -> dict[Name, Trained]:
    """Train the engine of a task as configured; of several tasks, transformers on one encoder.

    Several must agree in their seed and in the transformer's settings: those of the first are taken.
    """
    if len(configs) == 1:
        return {task: train(own, own.engine, examples[task]) for task, own in configs.items()}
    first = next(iter(configs.values()))
    chosen: dict[str, TaskExamples] = {task: examples[task] for task in configs}
    found = fine_tuning.fit_together(chosen, first.transformer, seed=first.seed)
    return {task: _calibrated(own, "transformer", found[task], examples[task].dev) for task, own in configs.items()}


def _calibrated(config: Config, engine: Engine, classifier: Classifier, dev: Sequence[Example]) -> Trained:
    labels = classifier.labels
    logits = classifier.logits(dev)
    temperature = fit_temperature(logits, gold_indices(dev, labels))
    found = predictions(logits, labels, temperature=temperature, min_score=0.0)
    gold = [example.label or "" for example in dev]
    scores = metrics.classification(gold, [prediction.label for prediction in found], labels)
    confidence = [prediction.score for prediction in found]
    correct = [prediction.label == label for prediction, label in zip(found, gold, strict=True)]
    min_score = abstention(confidence, correct, config.target_precision, engine)
    answered = [score >= min_score for score in confidence]
    return Trained(
        engine,
        classifier,
        temperature,
        min_score,
        {
            "dev_accuracy": scores.accuracy,
            "dev_macro_f1": scores.macro_f1,
            "dev_ece": metrics.calibration_error(confidence, correct),
            "dev_coverage": sum(answered) / max(len(answered), 1),
            "min_score": min_score,
        },
        tuple(dev_cases.cases(dev, found)),
    )


def abstention(confidence: Sequence[float], correct: Sequence[bool], precision: float, what: str) -> float:
    """Return the score below which answers are withheld, so that those given reach ``precision`` on dev."""
    found = metrics.threshold(confidence, correct, precision)
    if found is None:
        _LOG.warning(
            "%s: no score gives a precision of %.2f on the %d dev cases: it always abstains",
            what,
            precision,
            len(correct),
        )
        return _ALWAYS
    return math.floor(found * 10_000) / 10_000


def _fit_regression(
    config: Config, engine: Engine, examples: Sequence[Example], dev: Sequence[Example], labels: Sequence[str]
) -> Classifier:
    if engine == "linear":
        return linear.fit(examples, labels, config.linear, seed=config.seed)
    if engine == "ensemble":
        members = (config.linear, config.embedding)
        return ensemble.fit(examples, dev, labels, config.ensemble, members, seed=config.seed)
    return embedding.fit(examples, labels, config.embedding, seed=config.seed)


def _most_probable(classifier: Classifier, partial: Sequence[Example]) -> list[Example]:
    """Give each example the most probable of its possible labels: one step of hard expectation maximisation."""
    possible = candidates(partial, classifier.labels) > 0
    best = np.where(possible, classifier.logits(partial), -np.inf).argmax(axis=1)
    return [replace(example, label=classifier.labels[row]) for example, row in zip(partial, best, strict=True)]


def train_beside(chosen: Trained, config: Config, engine: Engine, examples: TaskExamples) -> Trained:
    """Train an engine to compare with the chosen one; a member of it that was trained alike is taken from it."""
    if (
        isinstance(chosen.classifier, EnsembleClassifier)
        and engine in chosen.classifier.members
        and all(example.label for example in examples.train)  # an ensemble gives others the label that it finds itself
    ):
        return _calibrated(config, engine, chosen.classifier.members[engine].classifier, examples.dev)
    return train(config, engine, examples)


def compare(
    chosen: Trained,
    config: Config,
    examples: TaskExamples,
    *,
    task: str,
    data: Mapping[str, str],
    compared: Path,
) -> dict[str, float]:
    """Train the engines to compare with the chosen one and save them below ``compared``.

    Returns the numbers of examples and the dev scores of all, those compared by name.
    """
    compared.mkdir(parents=True, exist_ok=True)
    found: dict[str, float] = {"train_examples": len(examples.train), "dev_examples": len(examples.dev)}
    found |= chosen.scores
    for engine in config.compared:
        if engine != config.engine:
            other = train_beside(chosen, config, engine, examples)
            save(other, compared / engine, config, task=task, data=data)
            found |= {f"{engine}_{name}": value for name, value in other.scores.items()}
    return found


def save(
    trained: Trained,
    folder: Path,
    config: Config,
    *,
    task: str,
    data: Mapping[str, str],
    assets: Mapping[str, bytes] | None = None,
    seeds: Sequence[Example] = (),
) -> None:
    """Write a trained engine as a model folder, with its answers on dev.

    ``seeds`` are the dev examples of the seed corpus: a transformer keeps them, to compare runtimes on.
    """
    own = dict(assets or {}) | {dev_cases.FILE: dev_cases.to_jsonl(trained.dev)}
    if seeds and trained.engine == "transformer":
        own[parity.FILE] = parity.to_jsonl(seeds)
    store.save(
        folder,
        trained.classifier,
        task=task,
        engine=trained.engine,
        temperature=trained.temperature,
        min_score=trained.min_score,
        config=config.model_dump(mode="json"),
        data=data,
        metrics=trained.scores,
        assets=own,
    )
