"""The linear engine: hashed TF-IDF of words and character n-grams, plus named features, into logistic regression.

scikit-learn fits it; what answers afterwards needs numpy and scipy alone, and a file of plain numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from scipy.special import expit

from pipeline.classifiers import ngrams
from pipeline.classifiers.contract import Example, Logits
from pipeline.classifiers.ngrams import Kind
from pipeline.config import Section
from pipeline.errors import ModelError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

WEIGHTS = "linear.safetensors"
SETTINGS = "linear.json"
_PORTION = 200_000  # characters whose n-grams are counted at once: each takes some hundred bytes
Floats = NDArray[np.float32]


class Config(Section):
    """Settings of the linear engine."""

    word_ngrams: tuple[int, int] = (1, 2)
    char_ngrams: tuple[int, int] = (2, 5)
    hash_bits: int = 15
    """N-grams of each kind are hashed into 2**hash_bits columns: bounds the model's size and needs no vocabulary."""
    regularisation: float = 4.0
    """Inverse strength (scikit-learn's C): larger fits closer."""
    class_weight: bool = True
    """Weigh labels inversely to their frequency."""


@dataclass(frozen=True)
class Terms:
    """N-grams of one kind: the logarithm of how often a text has each, times its idf, scaled to unit length."""

    kind: Kind
    of: Literal["text", "pair"]
    """What of an example is counted."""
    idf: Floats
    """Inverse document frequency of each column, shape (columns,)."""
    weights: Floats
    """Shape (columns, regressions)."""

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Return what these n-grams add to each regression, shape (n, regressions)."""
        matrix, lengths = self._weighed(examples)
        scores: NDArray[np.float64] = (matrix @ self.weights.astype(np.float64)) / lengths[:, None]
        return scores

    def filled(self, examples: Sequence[Example]) -> int:
        """Return how many columns these examples fill, each counted for itself."""
        return int(self._weighed(examples)[0].nnz)

    def _weighed(self, examples: Sequence[Example]) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
        """Return weighed counts and their lengths, by which they are yet to be divided."""
        texts = [example.text if self.of == "text" else example.pair or "" for example in examples]
        matrix = ngrams.counts(texts, self.kind)
        matrix.data = (np.log(matrix.data) + 1) * self.idf[matrix.indices]
        rows = np.repeat(np.arange(len(texts)), np.diff(matrix.indptr))
        lengths = np.sqrt(np.bincount(rows, matrix.data**2, minlength=len(texts)))
        return matrix, np.where(lengths > 0, lengths, 1)


@dataclass(frozen=True)
class LinearClassifier:
    """N-grams and features behind the classifier contract; the regressions are one for each fitted label.

    Where there are two, one regression tells the second from the first.
    """

    labels: tuple[str, ...]
    fitted: tuple[str, ...]
    """The labels that training saw, in the order of the regressions."""
    terms: tuple[Terms, ...]
    features: Mapping[str, Floats]
    """Weights of each named feature, shape (regressions,)."""
    bias: Floats
    """Shape (regressions,)."""

    @property
    def parameters(self) -> int:
        """Numbers that it has learned."""
        return sum(array.size for array in (*(own.weights for own in self.terms), *self.features.values(), self.bias))

    def operations(self, examples: Sequence[Example]) -> float:
        """Return the floating-point operations that these examples need: each filled column's, for each regression."""
        named = sum(bool(example.features.get(name)) for example in examples for name in self.features)
        return 2.0 * len(self.bias) * (named + sum(own.filled(examples) for own in self.terms))

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-probabilities, shape (n, labels); a label that training never saw gets -30."""
        found = np.full((len(examples), len(self.labels)), -30.0, dtype=np.float32)
        columns = [self.labels.index(label) for label in self.fitted]
        for rows in _portions(examples):
            chances = expit(self._scores(examples[rows]))
            if len(columns) == 2 * len(self.bias):
                chances = np.hstack([1 - chances, chances])
            else:
                chances /= chances.sum(axis=1, keepdims=True)
            found[rows, columns] = np.log(chances.clip(min=1e-13))
        return found

    def _scores(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        scores = np.tile(self.bias.astype(np.float64), (len(examples), 1))
        for own in self.terms:
            scores += own.scores(examples)
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
        for number, own in enumerate(self.terms):
            arrays |= {f"{number}.idf": own.idf, f"{number}.weights": own.weights}
        if self.features:
            arrays["features"] = np.stack(list(self.features.values()))
        save_file(arrays, folder / WEIGHTS)
        settings = _Settings(self.fitted, tuple(_Counted(own.kind, own.of) for own in self.terms), tuple(self.features))
        (folder / SETTINGS).write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Counted:
    kind: Kind
    of: Literal["text", "pair"]


@dataclass(frozen=True, slots=True)
class _Settings:
    fitted: tuple[str, ...]
    terms: tuple[_Counted, ...]
    features: tuple[str, ...]


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> LinearClassifier:
    """Train on labelled examples."""
    return of_pipeline(fitted_pipeline(train, config, seed=seed), labels)


def fitted_pipeline(train: Sequence[Example], config: Config, *, seed: int) -> Pipeline:
    """Return scikit-learn's pipeline, fitted to the columns of labelled examples."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    parts: list[tuple[str, Any, int]] = [
        ("words", _tfidf("word", config.word_ngrams, config), 0),
        ("characters", _tfidf("char_wb", config.char_ngrams, config), 0),
    ]
    if any(example.features for example in train):
        parts.append(("features", DictVectorizer(), 2))
    if any(example.pair for example in train):
        parts.append(("pair", _tfidf("word", config.word_ngrams, config), 1))
    model = Pipeline(
        [
            ("columns", ColumnTransformer(parts)),
            (
                "regression",
                # One regression for each label: liblinear is many times faster on wide sparse columns than lbfgs.
                OneVsRestClassifier(
                    LogisticRegression(
                        C=config.regularisation,
                        solver="liblinear",
                        tol=0.01,  # tighter changes no label on dev and takes several times as long
                        class_weight="balanced" if config.class_weight else None,
                        random_state=seed,
                    )
                ),
            ),
        ]
    )
    model.fit(columns(train), [example.label for example in train])
    return model


def of_pipeline(model: Pipeline, labels: Sequence[str]) -> LinearClassifier:
    """Return what answers as a fitted pipeline does, its numbers rounded to single precision."""
    regressions = model["regression"].estimators_
    weights = np.vstack([one.coef_ for one in regressions]).T.astype(np.float32)
    terms: list[Terms] = []
    features: dict[str, Floats] = {}
    begin = 0
    for name, fitted, column in model["columns"].transformers_:
        if name == "remainder":
            continue
        if name == "features":
            names = fitted.get_feature_names_out()
            own = weights[begin : begin + len(names)]
            features = dict(zip(names.tolist(), own, strict=True))
        else:
            hashing, idf = fitted["hashing"], fitted["tfidf"].idf_.astype(np.float32)
            own = weights[begin : begin + len(idf)]
            shortest, longest = hashing.ngram_range
            kind = Kind(hashing.analyzer, shortest, longest, hashing.n_features)
            terms.append(Terms(kind, "text" if column == 0 else "pair", idf, own.copy()))
        begin += len(own)
    bias = np.hstack([one.intercept_ for one in regressions]).astype(np.float32)
    return LinearClassifier(tuple(labels), tuple(map(str, model.classes_)), tuple(terms), features, bias)


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
        terms = tuple(
            Terms(own.kind, own.of, arrays[f"{number}.idf"], arrays[f"{number}.weights"])
            for number, own in enumerate(settings.terms)
        )
        features = dict(zip(settings.features, arrays.get("features", ()), strict=True))
        found = LinearClassifier(labels, settings.fitted, terms, features, arrays["bias"])
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
    for own in found.terms:
        columns = own.kind.columns
        whole &= columns > 0 and columns & (columns - 1) == 0
        whole &= own.idf.shape == (columns,) and own.weights.shape == (columns, regressions)
    if not (whole and all(own.shape == (regressions,) for own in found.features.values())):
        raise ValueError("sizes differ")


def _tfidf(analyzer: str, lengths: tuple[int, int], config: Config) -> Pipeline:
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import Pipeline

    hashing = HashingVectorizer(
        analyzer=analyzer, ngram_range=tuple(lengths), n_features=2**config.hash_bits, alternate_sign=False, norm=None
    )
    return Pipeline([("hashing", hashing), ("tfidf", TfidfTransformer(sublinear_tf=True))])


def _portions(examples: Sequence[Example]) -> Iterator[slice]:
    """Yield consecutive rows of so much text that their n-grams fit into memory; a row's answer is its own."""
    begin = size = 0
    for number, example in enumerate(examples):
        if size > _PORTION:
            yield slice(begin, number)
            begin, size = number, 0
        size += len(example.text)
    if examples:
        yield slice(begin, len(examples))


def columns(examples: Sequence[Example]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return text, pair and features of examples, as the pipeline takes them."""
    table = np.empty((len(examples), 3), dtype=object)
    for row, example in enumerate(examples):
        table[row] = (example.text, example.pair or "", dict(example.features))
    return table
