"""The linear engine: hashed TF-IDF of words and character n-grams, plus named features, into logistic regression.

scikit-learn fits it; what answers afterwards needs numpy and scipy alone, and a file of plain numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from scipy.special import expit

from pipeline.classifiers import terms
from pipeline.classifiers.contract import Example, Logits
from pipeline.classifiers.ngrams import Kind
from pipeline.classifiers.terms import Floats, Terms
from pipeline.config import Section
from pipeline.errors import ModelError

WEIGHTS = "linear.safetensors"
SETTINGS = "linear.json"
_PORTION = 200_000  # characters whose n-grams are counted at once: each takes some hundred bytes


class Config(Section):
    """Settings of the linear engine."""

    word_ngrams: tuple[int, int] = (1, 2)
    char_ngrams: tuple[int, int] = (2, 5)
    hash_bits: int = Field(default=15, ge=1, le=24)
    """N-grams of each kind are hashed into 2**hash_bits columns: bounds the model's size and needs no vocabulary."""
    regularisation: float = 4.0
    """Inverse strength (scikit-learn's C): larger fits closer."""
    class_weight: bool = True
    """Weigh labels inversely to their frequency."""


@dataclass(frozen=True)
class Part:
    """Terms, and what of an example they are read from."""

    of: Literal["text", "pair"]
    terms: Terms

    def texts(self, examples: Sequence[Example]) -> list[str]:
        """Return what the terms are read from."""
        return [example.text if self.of == "text" else example.pair or "" for example in examples]


@dataclass(frozen=True)
class LinearClassifier:
    """N-grams and features behind the classifier contract; the regressions are one for each fitted label.

    Where there are two, one regression tells the second from the first.
    """

    labels: tuple[str, ...]
    fitted: tuple[str, ...]
    """The labels that training saw, in the order of the regressions."""
    parts: tuple[Part, ...]
    features: Mapping[str, Floats]
    """Weights of each named feature, shape (regressions,)."""
    bias: Floats
    """Shape (regressions,)."""

    @property
    def parameters(self) -> int:
        """Numbers that it has learned."""
        weights = [own.terms.weights for own in self.parts]
        return sum(array.size for array in (*weights, *self.features.values(), self.bias))

    def operations(self, examples: Sequence[Example]) -> float:
        """Return the floating-point operations that these examples need: each filled column's, for each regression."""
        named = sum(bool(example.features.get(name)) for example in examples for name in self.features)
        filled = sum(own.terms.matrix(own.texts(rows)).nnz for own in self.parts for rows in _portions(examples))
        return 2.0 * len(self.bias) * (named + filled)

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-probabilities, shape (n, labels); a label that training never saw gets -30."""
        found = np.full((len(examples), len(self.labels)), -30.0, dtype=np.float32)
        columns = [self.labels.index(label) for label in self.fitted]
        begin = 0
        for portion in _portions(examples):
            rows = slice(begin, begin + len(portion))
            begin = rows.stop
            chances = expit(self._scores(portion))
            if len(columns) == 2 * len(self.bias):
                chances = np.hstack([1 - chances, chances])
            else:
                chances /= chances.sum(axis=1, keepdims=True)
            found[rows, columns] = np.log(chances.clip(min=1e-13))
        return found

    def _scores(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        scores = np.tile(self.bias.astype(np.float64), (len(examples), 1))
        for own in self.parts:
            scores += own.terms.scores(own.texts(examples))
        if self.features:
            names, absent = list(self.features), [0.0] * len(self.features)
            values = [list(map(example.features.get, names, absent)) for example in examples]
            # One product for each example, so that an answer does not depend on what is asked beside it.
            weights = np.stack([self.features[name] for name in names]).astype(np.float64)
            scores += np.einsum("nf,fr->nr", np.array(values), weights)
        return scores

    def unread(self, examples: Sequence[Example]) -> float:  # noqa: ARG002  # the contract gives them
        """Return 0: n-grams are counted to the end of a text."""
        return 0.0

    def save(self, folder: Path) -> None:
        """Write weights and what they belong to into ``folder``."""
        arrays = {"bias": self.bias}
        for number, own in enumerate(self.parts):
            arrays |= {f"{number}.idf": own.terms.idf, f"{number}.weights": own.terms.weights}
        if self.features:
            arrays["features"] = np.stack(list(self.features.values()))
        save_file(arrays, folder / WEIGHTS)
        parts = tuple(_Counted(own.of, own.terms.kind) for own in self.parts)
        settings = _Settings(self.fitted, parts, tuple(self.features))
        (folder / SETTINGS).write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Counted:
    of: Literal["text", "pair"]
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Settings:
    fitted: tuple[str, ...]
    parts: tuple[_Counted, ...]
    features: tuple[str, ...]


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> LinearClassifier:
    """Train on labelled examples."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    words = Kind("words", *config.word_ngrams, 2**config.hash_bits)
    characters = Kind("characters", *config.char_ngrams, 2**config.hash_bits)
    parts = [_with_idf("text", words, train), _with_idf("text", characters, train)]
    if any(example.pair for example in train):
        parts.append(_with_idf("pair", words, train))
    features = sorted({name for example in train for name in example.features})
    # One regression for each label: liblinear is many times faster on wide sparse columns than lbfgs.
    model = OneVsRestClassifier(
        LogisticRegression(
            C=config.regularisation,
            solver="liblinear",
            tol=0.01,  # tighter changes no label on dev and takes several times as long
            class_weight="balanced" if config.class_weight else None,
            random_state=seed,
        )
    )
    model.fit(_matrix(parts, features, train), [example.label for example in train])
    weights = np.vstack([one.coef_ for one in model.estimators_]).T.astype(np.float32)
    *of_parts, of_features = np.split(weights, np.cumsum([own.terms.kind.columns for own in parts]))
    return LinearClassifier(
        tuple(labels),
        tuple(map(str, model.classes_)),
        tuple(
            Part(own.of, replace(own.terms, weights=chosen.copy())) for own, chosen in zip(parts, of_parts, strict=True)
        ),
        dict(zip(features, of_features, strict=True)),
        np.hstack([one.intercept_ for one in model.estimators_]).astype(np.float32),
    )


def _with_idf(of: Literal["text", "pair"], kind: Kind, train: Sequence[Example]) -> Part:
    texts = [example.text if of == "text" else example.pair or "" for example in train]
    return Part(of, terms.with_idf(kind, texts))


def _matrix(parts: Sequence[Part], features: Sequence[str], examples: Sequence[Example]) -> sparse.csr_matrix:
    """Return what the regressions are fitted to, shape (n, columns of all parts and features)."""
    named = [[example.features.get(name, 0.0) for name in features] for example in examples]
    columns = [own.terms.matrix(own.texts(examples)) for own in parts]
    return sparse.hstack([*columns, sparse.csr_matrix(np.array(named).reshape(len(examples), -1))], format="csr")


def load(folder: Path, labels: tuple[str, ...]) -> LinearClassifier:
    """Read a saved classifier.

    Raises:
        ModelError: another version wrote it, or its files do not belong together.
    """
    if not ((folder / WEIGHTS).is_file() and (folder / SETTINGS).is_file()):
        raise ModelError(f"{folder} has no {WEIGHTS}, so another version wrote it; train again with 'make repro'")
    try:
        arrays = load_file(folder / WEIGHTS)
        settings = TypeAdapter(_Settings).validate_json((folder / SETTINGS).read_bytes())
        parts = tuple(
            Part(own.of, Terms(own.kind, arrays[f"{number}.idf"], arrays[f"{number}.weights"]))
            for number, own in enumerate(settings.parts)
        )
        features = dict(zip(settings.features, arrays.get("features", ()), strict=True))
        found = LinearClassifier(labels, settings.fitted, parts, features, arrays["bias"])
        _check(found)
    except (KeyError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"{folder / SETTINGS} and {WEIGHTS} do not belong together; train again with 'make repro'"
        ) from error
    return found


def _check(found: LinearClassifier) -> None:
    """Refuse numbers that are not for what the settings name.

    Raises:
        ValueError: they are not.
    """
    regressions = 1 if len(found.fitted) == 2 else len(found.fitted)
    whole = set(found.fitted) <= set(found.labels) and found.bias.shape == (regressions,)
    for own in found.parts:
        columns = own.terms.kind.columns
        whole &= columns > 1 and columns & (columns - 1) == 0
        whole &= own.terms.idf.shape == (columns,) and own.terms.weights.shape == (columns, regressions)
    if not (whole and all(own.shape == (regressions,) for own in found.features.values())):
        raise ValueError("sizes differ")


def _portions(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    """Yield consecutive examples of so much text that their n-grams fit into memory; an answer is each one's own."""
    begin = size = 0
    for number, example in enumerate(examples):
        if size > _PORTION:
            yield examples[begin:number]
            begin, size = number, 0
        size += len(example.text)
    if examples:
        yield examples[begin:]
