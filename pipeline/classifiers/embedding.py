"""The embedding engine: a frozen encoder's mean vectors into logistic regression."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from pipeline.classifiers import encoders
from pipeline.classifiers.contract import Example, Logits
from pipeline.classifiers.windows import batches, mean_pool, to_half, unread_share, windows
from pipeline.config import Section

ENCODER = "model.safetensors"
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
    """Encoder and regression behind the classifier contract; ``weights`` (labels, width), ``bias`` (labels,)."""

    def __init__(
        self,
        labels: tuple[str, ...],
        encoder: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        max_tokens: int,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
    ) -> None:
        self.labels = labels
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._weights = weights
        self._bias = bias

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-odds, shape (n, labels)."""
        if not examples:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        vectors = embed(examples, self._encoder, self._tokenizer, self._max_tokens)
        found: Logits = (vectors @ self._weights.T + self._bias).astype(np.float32)
        return found

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that no window holds."""
        return unread_share(examples, self._tokenizer, self._max_tokens)

    def save(self, folder: Path) -> None:
        """Write encoder (half precision), head, tokenizer and settings into ``folder``."""
        encoder: Any = self._encoder
        save_file(to_half(encoder.state_dict()), folder / ENCODER)
        encoder.config.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)
        head = {"weights": torch.from_numpy(self._weights), "bias": torch.from_numpy(self._bias)}
        save_file(head, folder / HEAD)
        (folder / SETTINGS).write_text(json.dumps({"max_tokens": self._max_tokens}) + "\n", encoding="utf-8")


def embed(
    examples: Sequence[Example],
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    *,
    bf16: bool = False,
) -> NDArray[np.float32]:
    """Return unit vectors, shape (n, width): the mean of each text's window vectors."""
    width = int(encoder.config.hidden_size)  # type: ignore[arg-type, union-attr]
    found = np.zeros((len(examples), width), dtype=np.float32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for numbers, batch in batches(windows(examples, tokenizer, max_tokens), tokenizer):
            batch.pop("focus_mask", None)  # the regression's vectors are of whole texts
            pooled = mean_pool(encoder(**batch).last_hidden_state.float(), batch["attention_mask"])
            np.add.at(found, numbers, nn.functional.normalize(pooled, dim=1).numpy())
    return found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> EmbeddingClassifier:
    """Fit the regression on the frozen encoder's vectors.

    Raises:
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    folder = encoders.resolve(config.encoder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    vectors = embed(train, encoder, tokenizer, config.max_tokens, bf16=encoders.has_bf16())
    model = LogisticRegression(C=config.regularisation, max_iter=2000, class_weight="balanced", random_state=seed).fit(
        vectors, [example.label for example in train]
    )
    rows = [labels.index(label) for label in model.classes_]
    weights = np.zeros((len(labels), vectors.shape[1]), dtype=np.float32)
    bias = np.full(len(labels), -30.0, dtype=np.float32)
    two_sided = len(model.classes_) > 2
    weights[rows] = model.coef_ if two_sided else np.vstack([-model.coef_, model.coef_]) / 2
    bias[rows] = model.intercept_ if two_sided else np.hstack([-model.intercept_, model.intercept_]) / 2
    return EmbeddingClassifier(tuple(labels), encoder, tokenizer, config.max_tokens, weights, bias)


def load(folder: Path, labels: tuple[str, ...]) -> EmbeddingClassifier:
    """Read a saved classifier."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    encoder = AutoModel.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    encoder.load_state_dict(load_file(folder / ENCODER))
    head = load_file(folder / HEAD)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return EmbeddingClassifier(
        labels, encoder.float().eval(), tokenizer, settings["max_tokens"], head["weights"].numpy(), head["bias"].numpy()
    )
