"""The embedding engine: the vectors that a pretrained encoder gives word pieces, weighed by tf-idf, into a regression.

The encoder's layers never run, so that a whole article costs next to nothing. Weighted means of word vectors are a
strong reading of what a text is about (Arora et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors.numpy import load_file, save_file

from pipeline.classifiers import encoders
from pipeline.classifiers.contract import Example, Logits
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.config import Section
from pipeline.errors import ModelError

WEIGHTS = "embedding.safetensors"
Floats = NDArray[np.float32]


class Config(Section):
    """Settings of the embedding engine."""

    encoder: encoders.Config = encoders.Config()
    regularisation: float = Field(default=5.0, gt=0)
    """Inverse strength (scikit-learn's C): larger fits closer."""


@dataclass(frozen=True)
class Reader:
    """Texts → means of their pieces' vectors, standardized as the training texts demand."""

    tokenizer: TextTokenizer
    vectors: Floats
    """One for each piece of the vocabulary, times its inverse document frequency; shape (pieces, width). Half
    precision holds them."""
    mean: Floats
    """Of the training texts, shape (width,)."""
    deviation: Floats
    """Standard deviation of the training texts, shape (width,)."""

    @classmethod
    def fit(cls, texts: Sequence[str], tokenizer: TextTokenizer, vectors: Floats) -> tuple[Reader, Floats]:
        """Return a reader for texts like these, and what it reads in them; ``vectors`` has one for each piece."""
        frequency = np.zeros(len(vectors))
        for ids in tokenizer.ids(texts):
            frequency[np.unique(ids)] += 1
        idf = np.log((len(texts) + 1) / (frequency + 1)).astype(np.float32)
        weighed = (vectors * idf[:, None]).astype(np.float16).astype(np.float32)
        plain = cls(tokenizer, weighed, np.zeros(vectors.shape[1], np.float32), np.ones(vectors.shape[1], np.float32))
        means = plain.means(texts)
        fitted = cls(tokenizer, weighed, means.mean(axis=0), means.std(axis=0).clip(min=1e-6))
        return fitted, fitted.standardized(means)

    def of(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors, shape (n, width)."""
        return self.standardized(self.means(texts))

    def means(self, texts: Sequence[str]) -> Floats:
        """Return unit means, in which a piece counts by the square root of how often it occurs, shape (n, width)."""
        found = np.zeros((len(texts), self.vectors.shape[1]), dtype=np.float32)
        for row, ids in enumerate(self.tokenizer.ids(texts)):
            if ids:
                pieces, counts = np.unique(ids, return_counts=True)
                found[row] = np.sqrt(counts, dtype=np.float32) @ self.vectors[pieces]
        return _unit(found)

    def standardized(self, means: Floats) -> Floats:
        """Return means as the regression sees them."""
        return _unit((means - self.mean) / self.deviation)


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths.clip(min=1e-12)).astype(np.float32)


@dataclass(frozen=True)
class EmbeddingClassifier:
    """Reader and regression behind the classifier contract; ``weights`` (labels, width), ``bias`` (labels,)."""

    labels: tuple[str, ...]
    reader: Reader
    weights: Floats
    bias: Floats

    @property
    def parameters(self) -> int:
        """Numbers that it has learned or been given."""
        return sum(array.size for array in self._arrays.values())

    def operations(self, examples: Sequence[Example]) -> float:
        """Return the floating-point operations that these examples need, additions included."""
        pieces = sum(len(np.unique(ids)) for ids in self.reader.tokenizer.ids([one.text for one in examples]))
        return 2.0 * self.weights.shape[1] * (pieces + len(self.labels) * len(examples))

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-odds, shape (n, labels)."""
        read = self.reader.of([example.text for example in examples])
        found: Logits = (read @ self.weights.T + self.bias).astype(np.float32)
        return found

    def unread(self, examples: Sequence[Example]) -> float:  # noqa: ARG002  # the contract gives them
        """Return 0: every piece of a text counts."""
        return 0.0

    def save(self, folder: Path) -> None:
        """Write vectors and regression into ``folder``, and the tokenizer beside them."""
        save_file(self._arrays, folder / WEIGHTS)
        self.reader.tokenizer.save(folder)

    @property
    def _arrays(self) -> dict[str, NDArray[np.floating]]:
        return {
            "vectors": self.reader.vectors.astype(np.float16),
            "mean": self.reader.mean,
            "deviation": self.reader.deviation,
            "weights": self.weights,
            "bias": self.bias,
        }


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> EmbeddingClassifier:
    """Fit the regression on what is read in the training texts.

    Raises:
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel, AutoTokenizer

    folder = encoders.resolve(config.encoder)
    tokenizer = TextTokenizer(AutoTokenizer.from_pretrained(folder).backend_tokenizer)
    given: Floats = AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach().float().numpy()
    reader, vectors = Reader.fit([example.text for example in train], tokenizer, given)
    model = LogisticRegression(C=config.regularisation, max_iter=2000, class_weight="balanced", random_state=seed).fit(
        vectors, [example.label for example in train]
    )
    rows = [labels.index(label) for label in model.classes_]
    weights = np.zeros((len(labels), vectors.shape[1]), dtype=np.float32)
    bias = np.full(len(labels), -30.0, dtype=np.float32)
    two_sided = len(model.classes_) > 2
    weights[rows] = model.coef_ if two_sided else np.vstack([-model.coef_, model.coef_]) / 2
    bias[rows] = model.intercept_ if two_sided else np.hstack([-model.intercept_, model.intercept_]) / 2
    return EmbeddingClassifier(tuple(labels), reader, weights, bias)


def load(folder: Path, labels: tuple[str, ...]) -> EmbeddingClassifier:
    """Read a saved classifier.

    Raises:
        ModelError: another version wrote it.
    """
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{folder} has no {WEIGHTS}, so another version wrote it; train again with 'make repro'")
    found = load_file(folder / WEIGHTS)
    reader = Reader(TextTokenizer.load(folder), found["vectors"].astype(np.float32), found["mean"], found["deviation"])
    return EmbeddingClassifier(labels, reader, found["weights"], found["bias"])
