"""What fine-tuning reads: the windows of several tasks' examples, what each is taught, and their batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor

from pipeline.classifiers.contract import Example, TaskExamples, candidates
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.transformer import Config
from pipeline.classifiers.windows import Window, pad, windows

Shares = NDArray[np.float32]
"""What of each example falls on each label, shape (examples, labels)."""
Weights = NDArray[np.float64]


def datasets(
    tasks: Mapping[str, TaskExamples],
    columns: Mapping[str, slice],
    tokenizer: TextTokenizer,
    config: Config,
    taught: Mapping[str, Shares],
) -> tuple[Dataset, Dataset]:
    """Return the windows of all tasks to train on, and those of dev.

    The labels of all tasks stand side by side, each task's in its ``columns``. ``taught`` has a teacher's probabilities
    for a task's examples for training, and then for those without a label. Without a teacher it is empty, and the
    latter are left out.
    """
    train: list[dict[str, Any]] = []
    dev: list[dict[str, Any]] = []
    width = max(own.stop for own in columns.values())
    for task, own in tasks.items():
        weights = label_weights(own.train, own.labels) if config.class_weight else np.ones(len(own.labels))
        reader = _Reader(columns[task], width, weights, tokenizer, config.max_tokens)
        unlabelled = own.unlabelled if taught else ()
        anything = np.ones((len(unlabelled), len(own.labels)), dtype=np.float32)
        possible: Shares = np.concatenate((candidates(own.train, own.labels), anything))
        train += reader.rows([*own.train, *unlabelled], possible, taught.get(task))
        dev += reader.rows(own.dev, candidates(own.dev, own.labels))
    return Dataset.from_list(train), Dataset.from_list(dev)


def label_weights(examples: Sequence[Example], labels: Sequence[str]) -> Weights:
    """Return the weight of each label: the inverse root of how many examples it has, shape (labels,).

    An example that may have one of several labels counts for each of them in part.
    """
    shares = candidates(examples, labels)
    counts = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0).clip(min=1)
    weights: Weights = np.sqrt(counts.mean() / counts)
    return weights


@dataclass(frozen=True)
class _Reader:
    """Makes rows of a task's examples; ``columns`` are its own of the ``width`` labels of all tasks."""

    columns: slice
    width: int
    weights: Weights
    tokenizer: TextTokenizer
    max_tokens: int

    def rows(self, examples: Sequence[Example], possible: Shares, taught: Shares | None = None) -> list[dict[str, Any]]:
        """Return a row for each window; those of one example share its weight."""
        labels = self._placed(possible)
        answers = None if taught is None else self._placed(taught)
        weights = possible @ self.weights / possible.sum(axis=1)
        found = windows(examples, self.tokenizer, self.max_tokens)
        share = 1 / np.bincount([window.example for window in found], minlength=len(examples)).clip(min=1)
        return [
            {
                "ids": window.ids,
                "types": window.types,
                "focus": window.focus,
                "labels": labels[window.example].tolist(),
                "weight": float(weights[window.example] * share[window.example]),
                "length": window.length,
                **({} if answers is None else {"taught": answers[window.example].tolist()}),
            }
            for window in found
        ]

    def _placed(self, shares: Shares) -> Shares:
        """Return the task's shares of its labels among the labels of all tasks."""
        placed = np.zeros((len(shares), self.width), dtype=np.float32)
        placed[:, self.columns] = shares
        return placed


def collate(rows: list[dict[str, Any]], inputs: Sequence[str]) -> dict[str, Tensor]:
    """Return a batch of windows as the network takes it, with what each is taught."""
    padded = pad([[Window(0, row["ids"], row["types"], row["focus"])] for row in rows], inputs)
    batch = {name: torch.from_numpy(array) for name, array in padded.items()}
    batch["labels"] = torch.tensor([row["labels"] for row in rows])
    batch["weight"] = torch.tensor([row["weight"] for row in rows])
    if "taught" in rows[0]:
        batch["taught"] = torch.tensor([row["taught"] for row in rows])
    return batch
