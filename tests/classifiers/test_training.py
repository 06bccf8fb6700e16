"""Examples of which the label is not known teach what it is not, and do not push those that it may be toward one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.classifiers import linear, training
from pipeline.classifiers.calibration import probabilities
from pipeline.classifiers.contract import Example, TaskExamples, gold_indices
from pipeline.classifiers.store import Engine
from tests.encoders import settings as encoder_settings
from tests.trained import files

LABELS = ("checkworthy", "factual", "none")
# The cue tells the label; of sentences that name the storm, only check-worthy ones have a label.
CUES = {"checkworthy": ("cost", "million"), "factual": ("met", "closed"), "none": ("awful", "great")}
FILLERS = ("the mayor", "a council", "people", "the port", "voters")
NOT_CHECKWORTHY = ("factual", "none")


def sentences(label: str, subject: str = "") -> list[Example]:
    return [
        Example(f"{filler} {cue} {subject} {ending}".replace("  ", " "), label=label)
        for filler in FILLERS
        for cue in CUES[label]
        for ending in ("monday", "late", "early")
    ]


def unknown(examples: Sequence[Example]) -> list[Example]:
    return [Example(example.text, among=NOT_CHECKWORTHY) for example in examples]


KNOWN = [*sentences("checkworthy", "storm"), *(one for label in LABELS for one in sentences(label))]
STORMY = {label: sentences(label, "storm") for label in NOT_CHECKWORTHY}
PARTIAL = unknown([*STORMY["factual"], *STORMY["none"]])
DEV = [example for label in LABELS for example in sentences(label)[::3]]


def config(engine: str, folder: Path) -> training.Config:
    transformer: dict[str, Any] = {
        "encoder": encoder_settings(folder),
        "max_tokens": 24,
        "epochs": 10,
        "learning_rate": 0.006,
        "batch_size": 16,
        "patience": 9,
        "precision": "fp32",
    }
    return training.Config.model_validate(
        {"engine": engine, "linear": {"hash_bits": 10, "char_ngrams": (2, 3)}, "transformer": transformer}
    )


def chances(found: training.Trained, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return the uncalibrated probability of each label, shape (n, labels)."""
    return probabilities(found.classifier.logits(examples), 1.0)


@pytest.fixture(scope="module", params=["linear", "transformer"])
def with_and_without(
    request: pytest.FixtureRequest, tiny_encoders: dict[str, Path]
) -> tuple[training.Trained, training.Trained]:
    """A model trained on partly labelled examples too, and one on the labelled alone."""
    engine: Engine = request.param
    own = config(engine, tiny_encoders["bert"])
    return (
        training.train(own, engine, TaskExamples([*KNOWN, *PARTIAL], DEV, LABELS)),
        training.train(own, engine, TaskExamples(KNOWN, DEV, LABELS)),
    )


def test_examples_that_are_not_checkworthy_teach_what_is_not(
    with_and_without: tuple[training.Trained, training.Trained],
) -> None:
    taught, untaught = with_and_without
    new = [Example(f"{filler} {cue} storm thursday") for filler in FILLERS for cue in ("met", "awful", "won", "fine")]
    after, before = (chances(model, new)[:, 0].mean() for model in (taught, untaught))
    assert after < 0.7 * before


def test_what_they_may_be_is_not_pushed_toward_one(
    with_and_without: tuple[training.Trained, training.Trained],
) -> None:
    taught, _ = with_and_without
    for label, examples in STORMY.items():
        guessed = chances(taught, examples).argmax(axis=1)
        assert (guessed == LABELS.index(label)).mean() >= 0.9, label


def test_what_is_known_is_still_known(with_and_without: tuple[training.Trained, training.Trained]) -> None:
    for model in with_and_without:
        guessed = chances(model, KNOWN).argmax(axis=1)
        assert (guessed == gold_indices(KNOWN, LABELS)).mean() >= 0.9
        assert model.scores["dev_accuracy"] >= 0.9


def test_the_linear_engine_takes_the_most_probable_of_what_an_example_may_be(tiny_encoders: dict[str, Path]) -> None:
    own = config("linear", tiny_encoders["bert"])
    partial = unknown([Example(f"{filler} storm {word}") for filler in FILLERS for word in ("met", "great", "won")])
    before = linear.fit(KNOWN, LABELS, own.linear, seed=own.seed).logits(partial)
    assert (before.argmax(axis=1) == LABELS.index("checkworthy")).any()
    completed = [
        Example(example.text, label="factual" if factual > none else "none")
        for example, (_, factual, none) in zip(partial, before, strict=True)
    ]
    assert {example.label for example in completed} == set(NOT_CHECKWORTHY)
    expected = linear.fit([*KNOWN, *completed], LABELS, own.linear, seed=own.seed)
    found = training.train(own, "linear", TaskExamples([*KNOWN, *partial], DEV, LABELS))
    np.testing.assert_array_equal(found.classifier.logits(DEV), expected.logits(DEV))


@pytest.mark.parametrize("partial", [[], PARTIAL], ids=["labelled", "partly labelled"])
@pytest.mark.parametrize("engine", ["linear", "embedding"])
def test_what_an_ensemble_is_compared_with_is_what_training_it_alone_gives(
    tiny_encoders: dict[str, Path], tmp_path: Path, engine: Engine, partial: list[Example]
) -> None:
    changed = {"embedding": {"encoder": encoder_settings(tiny_encoders["bert"])}, "compared": (engine,)}
    own = training.Config.model_validate(config("ensemble", tiny_encoders["bert"]).model_dump() | changed)
    examples = TaskExamples([*KNOWN, *partial], DEV, LABELS)
    chosen = training.train(own, "ensemble", examples)
    found = training.compare(chosen, own, examples, task="claims", data={}, compared=tmp_path)
    alone = training.train(own, engine, examples)
    training.save(alone, tmp_path / "alone", own, task="claims", data={})
    assert files(tmp_path / engine) == files(tmp_path / "alone")
    assert found[f"{engine}_dev_ece"] == alone.scores["dev_ece"]
