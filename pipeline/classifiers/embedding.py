"""The embedding engine: a frozen encoder's mean vectors into logistic regression."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from pipeline.classifiers import encoders, processor
from pipeline.classifiers.contract import Example, Logits, Session
from pipeline.classifiers.runtime import TORCH, Runtime
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import answers, unread_share, windows
from pipeline.config import Section

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

HEAD = "head.safetensors"
SETTINGS = "engine.json"


class Config(Section):
    """Settings of the embedding engine."""

    encoder: encoders.Config = encoders.Config()
    max_tokens: int = 256
    """Tokens of one window; the vectors of a longer text's windows are averaged."""
    regularisation: float = 5.0
    """Inverse strength (scikit-learn's C): larger fits closer."""


class EmbeddingClassifier:
    """Encoder and regression behind the classifier contract; ``weights`` (labels, width), ``bias`` (labels,).

    ``network`` gives the encoder in torch, where it is to be saved.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        session: Session,
        tokenizer: TextTokenizer,
        max_tokens: int,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        network: Callable[[], Network],
    ) -> None:
        self.labels = labels
        self._session = session
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._weights = weights
        self._bias = bias
        self._network = network

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-odds, shape (n, labels)."""
        if not examples:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        vectors = embed(examples, self._session, self._tokenizer, self._max_tokens, width=self._weights.shape[1])
        found: Logits = (vectors @ self._weights.T + self._bias).astype(np.float32)
        return found

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that no window holds."""
        return unread_share(examples, self._tokenizer, self._max_tokens)

    def save(self, folder: Path) -> None:
        """Write encoder (half precision), head, tokenizer and settings into ``folder``."""
        self._network().save(folder)
        save_file({"weights": self._weights, "bias": self._bias}, folder / HEAD)
        (folder / SETTINGS).write_text(json.dumps({"max_tokens": self._max_tokens}) + "\n", encoding="utf-8")


def embed(
    examples: Sequence[Example], session: Session, tokenizer: TextTokenizer, max_tokens: int, *, width: int
) -> NDArray[np.float32]:
    """Return unit vectors, shape (n, width): the mean of each text's window vectors."""
    found = np.zeros((len(examples), width), dtype=np.float32)
    for numbers, output in answers(windows(examples, tokenizer, max_tokens), session):
        np.add.at(found, numbers, output)
    return found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> EmbeddingClassifier:
    """Fit the regression on the frozen encoder's vectors.

    Raises:
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    from pipeline.classifiers.networks import MeanVectors, Network, TorchSession

    folder = encoders.resolve(config.encoder)
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32)
    network = Network.of(MeanVectors(encoder), AutoTokenizer.from_pretrained(folder))
    tokenizer = TextTokenizer(network.tokenizer.backend_tokenizer)
    session = TorchSession(network, bf16=processor.has_bf16())
    vectors = embed(train, session, tokenizer, config.max_tokens, width=encoder.config.hidden_size)
    model = LogisticRegression(C=config.regularisation, max_iter=2000, class_weight="balanced", random_state=seed).fit(
        vectors, [example.label for example in train]
    )
    rows = [labels.index(label) for label in model.classes_]
    weights = np.zeros((len(labels), vectors.shape[1]), dtype=np.float32)
    bias = np.full(len(labels), -30.0, dtype=np.float32)
    two_sided = len(model.classes_) > 2
    weights[rows] = model.coef_ if two_sided else np.vstack([-model.coef_, model.coef_]) / 2
    bias[rows] = model.intercept_ if two_sided else np.hstack([-model.intercept_, model.intercept_]) / 2
    return EmbeddingClassifier(
        tuple(labels), TorchSession(network), tokenizer, config.max_tokens, weights, bias, lambda: network
    )


def load(folder: Path, labels: tuple[str, ...], runtime: Runtime = TORCH) -> EmbeddingClassifier:
    """Read a saved classifier, its encoder to be run by a runtime.

    Raises:
        ModelError: the runtime cannot run this encoder.
    """

    def network() -> Network:
        from pipeline.classifiers import networks

        return networks.load_vectors(folder)

    head = load_file(folder / HEAD)
    return EmbeddingClassifier(
        labels,
        runtime.session(network),
        TextTokenizer.load(folder),
        json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["max_tokens"],
        head["weights"],
        head["bias"],
        network,
    )
