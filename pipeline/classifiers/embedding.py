"""The embedding engine: the mean of a frozen encoder's vectors of a text's first sentences, into logistic regression.

News tells first what it is about, and a sentence at a time is what such encoders were trained to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from pipeline.classifiers import encoders, processor
from pipeline.classifiers.contract import Example, Logits, Session
from pipeline.classifiers.runtime import TORCH, Runtime
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import answers, windows
from pipeline.config import Section
from pipeline.errors import ModelError
from pipeline.sentences import split

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

HEAD = "head.safetensors"
SETTINGS = "engine.json"


class Config(Section):
    """Settings of the embedding engine."""

    encoder: encoders.Config = encoders.Config()
    sentences: int = Field(default=8, ge=1)
    """First sentences of a text that are read."""
    max_tokens: int = 128
    """Tokens of one window; a longer sentence is read in several."""
    regularisation: float = 5.0
    """Inverse strength (scikit-learn's C): larger fits closer."""


@dataclass(frozen=True)
class Vectors:
    """An encoder as the engine reads with it; the mean vectors have ``width`` numbers."""

    session: Session
    tokenizer: TextTokenizer
    width: int
    sentences: int
    max_tokens: int

    @property
    def settings(self) -> dict[str, int]:
        """What a saved classifier must be read with again."""
        return {"sentences": self.sentences, "max_tokens": self.max_tokens}

    def of(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """Return unit vectors, shape (n, width): the mean of those of each text's first sentences."""
        firsts = [self._first(example.text) for example in examples]
        owners = np.repeat(np.arange(len(firsts)), [len(own) for own in firsts])
        found = np.zeros((len(examples), self.width), dtype=np.float32)
        read = windows([Example(sentence) for own in firsts for sentence in own], self.tokenizer, self.max_tokens)
        for numbers, output in answers(read, self.session):
            np.add.at(found, owners[numbers], output)
        return found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the texts' tokens that stand behind those sentences."""
        whole = self._tokens(sentence for example in examples for sentence in _sentences(example.text))
        read = self._tokens(sentence for example in examples for sentence in self._first(example.text))
        return 1 - read / whole if whole else 0.0

    def _first(self, text: str) -> list[str]:
        """Return a text's first sentences; of one without any, the text."""
        return list(islice(_sentences(text), self.sentences)) or [text]

    def _tokens(self, texts: Iterable[str]) -> int:
        return sum(len(ids) for ids in self.tokenizer.ids(list(texts)))


def _sentences(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from (line[start:end] for start, end in split(line))


class EmbeddingClassifier:
    """Encoder and regression behind the classifier contract; ``weights`` (labels, width), ``bias`` (labels,).

    ``network`` gives the encoder in torch, where it is to be saved.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        vectors: Vectors,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        network: Callable[[], Network],
    ) -> None:
        self.labels = labels
        self._vectors = vectors
        self._weights = weights
        self._bias = bias
        self._network = network

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-odds, shape (n, labels)."""
        if not examples:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        found: Logits = (self._vectors.of(examples) @ self._weights.T + self._bias).astype(np.float32)
        return found

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that stand behind the sentences that are read."""
        return self._vectors.unread(examples)

    def save(self, folder: Path) -> None:
        """Write encoder (half precision), head, tokenizer and settings into ``folder``."""
        self._network().save(folder)
        save_file({"weights": self._weights, "bias": self._bias}, folder / HEAD)
        (folder / SETTINGS).write_text(json.dumps(self._vectors.settings) + "\n", encoding="utf-8")


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
    fitted = Vectors(
        TorchSession(network, bf16=processor.has_bf16()),
        tokenizer,
        encoder.config.hidden_size,
        config.sentences,
        config.max_tokens,
    )
    vectors = fitted.of(train)
    model = LogisticRegression(C=config.regularisation, max_iter=2000, class_weight="balanced", random_state=seed).fit(
        vectors, [example.label for example in train]
    )
    rows = [labels.index(label) for label in model.classes_]
    weights = np.zeros((len(labels), vectors.shape[1]), dtype=np.float32)
    bias = np.full(len(labels), -30.0, dtype=np.float32)
    two_sided = len(model.classes_) > 2
    weights[rows] = model.coef_ if two_sided else np.vstack([-model.coef_, model.coef_]) / 2
    bias[rows] = model.intercept_ if two_sided else np.hstack([-model.intercept_, model.intercept_]) / 2
    reference = replace(fitted, session=TorchSession(network))
    return EmbeddingClassifier(tuple(labels), reference, weights, bias, lambda: network)


def load(folder: Path, labels: tuple[str, ...], runtime: Runtime = TORCH) -> EmbeddingClassifier:
    """Read a saved classifier, its encoder to be run by a runtime.

    Raises:
        ModelError: another version wrote it, or the runtime cannot run this encoder.
    """

    def network() -> Network:
        from pipeline.classifiers import networks

        return networks.load_vectors(folder)

    head = load_file(folder / HEAD)
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    if settings.keys() != {"sentences", "max_tokens"}:
        raise ModelError(f"{folder / SETTINGS} has {', '.join(settings)}, so another version wrote it; train again")
    vectors = Vectors(runtime.session(network), TextTokenizer.load(folder), head["weights"].shape[1], **settings)
    return EmbeddingClassifier(labels, vectors, head["weights"], head["bias"], network)
