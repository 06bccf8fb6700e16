"""The transformer engine: a pretrained encoder, mean pooling and a linear head, fine-tuned as one.

Where examples have a focus, the head also sees the mean over its tokens (as in TD-BERT, Gao et al. 2019), so that
a text is read once, whatever is asked about it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.classifiers import encoders
from pipeline.classifiers.contract import Example, Logits, Session
from pipeline.classifiers.runtime import TORCH, Runtime
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import BATCH_TOKENS, FEW_TOKENS, LENGTHS, Window, answers, unread_share, windows
from pipeline.config import Section

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

SETTINGS = "engine.json"
Doubtful = Callable[[Sequence[Logits], float], Sequence[NDArray[np.bool_]]]
"""Which rows of each task's logits matter and might change, if differences of logits are wrong by so much."""


class Config(Section):
    """Settings of the transformer engine."""

    encoder: encoders.Config = encoders.Config()
    layers: int | None = Field(default=None, ge=1)
    """First layers of the encoder that are kept; null keeps all. Its cost is in proportion."""
    freeze_embeddings: bool = True
    """Leave the token vectors, half of the weights, as pretrained: words that training lacks keep their meaning."""
    max_tokens: int = Field(default=128, gt=0, multiple_of=LENGTHS)
    """Tokens of one window; a longer text is read in several windows, never cut."""
    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    """For the encoder; the head learns ten times as fast."""
    warmup_share: float = Field(default=0.1, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Before the head."""
    encoder_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Within the encoder while it trains; without any, an epoch takes a fifth less time."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    r_drop: float = Field(default=0.0, ge=0)
    """Weight of the divergence between two readings of a text that differ in their dropout. Any doubles the time of
    training. (Liang et al. 2021; their α is twice this, since they add up the loss of the readings.)"""
    class_weight: bool = True
    """Weigh labels inversely to the square root of their frequency."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a better dev macro-F1 before training stops."""
    averaged_epochs: int = Field(default=1, ge=1)
    """Last epochs whose weights are averaged (Izmailov et al. 2018); 1 takes the epoch that is best on dev instead,
    and only then does training stop early."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of training; auto takes bf16 autocast where the CPU has it."""
    teacher: Teacher | None = None
    """Another encoder, a larger one, that is fine-tuned first. What it says to the examples, and to those without a
    label, is learned beside the labels (Hinton et al. 2015); nothing of it is in the model."""

    @model_validator(mode="after")
    def _can_be_averaged(self) -> Self:
        if self.averaged_epochs > self.epochs:
            raise ValueError(f"averaged_epochs is {self.averaged_epochs}, of {self.epochs} epochs")
        return self

    @model_validator(mode="after")
    def _readings_can_differ(self) -> Self:
        if self.r_drop and not (self.dropout or self.encoder_dropout):
            raise ValueError("r_drop compares readings that differ in their dropout; set dropout or encoder_dropout")
        return self


class Teacher(Config):
    """Settings of a teacher: those of any transformer, and what it counts."""

    weight: float = Field(default=0.8, gt=0, le=1)
    """Share that its answers have in the loss; the rest is that of the labels."""


Config.model_rebuild()


class TransformerClassifier:
    """A fine-tuned encoder behind the classifier contract; ``network`` gives it in torch, where it is to be saved."""

    def __init__(
        self,
        labels: tuple[str, ...],
        session: Callable[[], Session],
        tokenizer: TextTokenizer,
        max_tokens: int,
        network: Callable[[], Network],
        encoder: str | None = None,
    ) -> None:
        self.labels = labels
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.network = network
        self.encoder = encoder
        """Digest of the encoder's weights, where the classifier comes from a folder."""
        self._start = session

    @cached_property
    def session(self) -> Session:
        """Its network, ready to run.

        Raises:
            ModelError: the runtime cannot run this encoder.
        """
        return self._start()

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return logits, shape (n, labels), averaged over a text's windows."""
        found = windows(examples, self.tokenizer, self.max_tokens)
        [own] = logits(found, self.session, [(len(examples), len(self.labels))])
        return own

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that no window holds."""
        return unread_share(examples, self.tokenizer, self.max_tokens)

    def save(self, folder: Path) -> None:
        """Write half-precision weights, the encoder's configuration and the tokenizer into ``folder``.

        The settings beside them have a digest of the encoder's weights: folders in which it is equal share an encoder.
        """
        network = self.network()
        network.save(folder)
        settings = {
            "max_tokens": self.max_tokens,
            "focused": network.module.focused,
            "encoder": network.encoder_digest(),
        }
        (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def nearly_tied(tasks: Sequence[Logits], margin: float) -> list[NDArray[np.bool_]]:
    """Return the rows whose two most probable labels lie so near to each other."""
    ordered = [np.sort(own, axis=1) for own in tasks]
    return [own[:, -1] - own[:, -2] < margin for own in ordered]


def logits(
    found: Sequence[Window],
    session: Session,
    shapes: Sequence[tuple[int, int]],
    doubtful: Doubtful = nearly_tied,
) -> list[Logits]:
    """Return the mean of what a session says to each example's windows, for each task of its network.

    ``shapes`` are the examples and labels of the tasks: windows number the examples through, and the network's output
    has the labels side by side. What is doubtful in one precision is asked again in the next finer one.
    """
    total = sum(examples for examples, _ in shapes), sum(labels for _, labels in shapes)
    tasks = _tasks(_averaged(found, session, total), shapes)
    while session.finer is not None:
        again = doubtful(tasks, session.margin)
        session = session.finer
        rows = np.concatenate(again)
        asked = [window for window in found if rows[window.example]]
        finer = _tasks(_averaged(asked, session, total, FEW_TOKENS), shapes)
        for own, better, chosen in zip(tasks, finer, again, strict=True):
            own[chosen] = better[chosen]
    return tasks


def _averaged(found: Sequence[Window], session: Session, shape: tuple[int, int], tokens: int = BATCH_TOKENS) -> Logits:
    sums, counts = np.zeros(shape, dtype=np.float32), np.zeros(shape[0], dtype=np.float32)
    for numbers, output in answers(found, session, tokens):
        np.add.at(sums, numbers, output)
        np.add.at(counts, numbers, 1)
    return sums / counts.clip(min=1)[:, None]


def _tasks(every: Logits, shapes: Sequence[tuple[int, int]]) -> list[Logits]:
    rows, columns = np.cumsum([(0, 0), *shapes], axis=0).T
    return [every[rows[place] : rows[place + 1], columns[place] : columns[place + 1]] for place in range(len(shapes))]


def load(folder: Path, labels: tuple[str, ...], runtime: Runtime = TORCH) -> TransformerClassifier:
    """Read a saved classifier, to be run by a runtime that starts when it is first asked."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))

    def network() -> Network:
        from pipeline.classifiers import networks

        return networks.load(folder, len(labels), focused=settings["focused"])

    tokenizer = TextTokenizer.load(folder)
    return TransformerClassifier(
        labels,
        lambda: runtime.session(network),
        tokenizer,
        settings["max_tokens"],
        network,
        settings.get("encoder"),
    )
