"""The linear engine: hashed TF-IDF of words and character n-grams, plus named features, into logistic regression."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import skops.io
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from pipeline.classifiers import ngrams
from pipeline.classifiers.contract import Example, Logits
from pipeline.config import Section
from pipeline.errors import ModelError

FILE = "linear.skops"
_PORTION = 200_000  # characters whose n-grams are counted at once: each takes some hundred bytes
_SCHEMA = "schema.json"
_ADDRESS = re.compile(r'"__id__": (\d+)')
# skops trusts scikit-learn's own classes; beyond them only these load.
_ALLOWED = ("numpy.dtype", "scipy.sparse._csr.csr_matrix")


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
class LinearClassifier:
    """A fitted scikit-learn pipeline behind the classifier contract."""

    labels: tuple[str, ...]
    model: Pipeline

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return log-probabilities, shape (n, labels); a label that training never saw gets -30."""
        found = np.full((len(examples), len(self.labels)), -30.0, dtype=np.float32)
        columns = [self.labels.index(label) for label in self.model.classes_]
        weights, bias = self._regressions
        for rows in _portions(examples):
            # As scikit-learn's predict_proba, which takes as long to look at its arguments as to multiply them.
            chances = expit(_matrix(self.model["columns"], examples[rows]) @ weights + bias)
            if len(columns) == 2 * len(bias):
                chances = np.hstack([1 - chances, chances])
            else:
                chances /= chances.sum(axis=1, keepdims=True)
            found[rows, columns] = np.log(chances.clip(min=1e-13))
        return found

    @cached_property
    def _regressions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights, shape (columns, regressions), and intercepts; two labels have one regression, of the second."""
        fitted = self.model["regression"].estimators_
        return np.vstack([one.coef_ for one in fitted]).T.copy(), np.hstack([one.intercept_ for one in fitted])

    def unread(self, examples: Sequence[Example]) -> float:  # noqa: ARG002  # the contract gives them
        """Return 0: n-grams are counted to the end of a text."""
        return 0.0

    def save(self, folder: Path) -> None:
        """Write ``linear.skops`` into ``folder``."""
        (folder / FILE).write_bytes(_reproducible(skops.io.dumps(self.model)))


def fit(train: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int) -> LinearClassifier:
    """Train on labelled examples."""
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
    model.fit(_columns(train), [example.label for example in train])
    return LinearClassifier(tuple(labels), model)


def load(folder: Path, labels: tuple[str, ...]) -> LinearClassifier:
    """Read a saved classifier.

    Raises:
        ModelError: the file holds a type outside the allow-list.
    """
    path = folder / FILE
    foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(_ALLOWED))
    if foreign:
        raise ModelError(f"{path} holds types that are not allowed: {', '.join(foreign)}; do not use this file")
    return LinearClassifier(labels, skops.io.load(path, trusted=list(_ALLOWED)))


def _reproducible(archive: bytes) -> bytes:
    """Return a skops archive without clock and memory addresses, so that equal models have equal bytes."""
    with ZipFile(io.BytesIO(archive)) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    schema = contents[_SCHEMA].decode()
    numbers = {address: str(number) for number, address in enumerate(dict.fromkeys(_ADDRESS.findall(schema)))}
    known = re.compile(r'(?<=")\d+(?=(?:\.np[yz])?")|(?<="__id__": )\d+')
    contents[_SCHEMA] = known.sub(lambda found: numbers.get(found.group(), found.group()), schema).encode()
    result = io.BytesIO()
    with ZipFile(result, "w") as packed:
        for name, content in contents.items():
            stem, _, ending = name.partition(".")
            packed.writestr(ZipInfo(f"{numbers.get(stem, stem)}.{ending}"), content)
    return result.getvalue()


def _tfidf(analyzer: str, ngrams: tuple[int, int], config: Config) -> Pipeline:
    hashing = HashingVectorizer(
        analyzer=analyzer, ngram_range=tuple(ngrams), n_features=2**config.hash_bits, alternate_sign=False, norm=None
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


def _matrix(columns: ColumnTransformer, examples: Sequence[Example]) -> Any:
    """Return what ``columns.transform`` does, several times faster."""
    parts: list[Any] = []
    for name, fitted, column in columns.transformers_:
        if name == "features":
            parts.append(_features(fitted, examples))
        elif name != "remainder":
            texts = [example.text if column == 0 else example.pair or "" for example in examples]
            parts.append(fitted["tfidf"].transform(ngrams.counts(texts, fitted["hashing"])))
    joined = sparse.hstack(parts, format="csr")
    return joined if columns.sparse_output_ else joined.toarray()


def _features(fitted: DictVectorizer, examples: Sequence[Example]) -> sparse.csr_matrix:
    known = fitted.vocabulary_
    names = [[name for name in example.features if name in known] for example in examples]
    places = [known[name] for own in names for name in own]
    values = [example.features[name] for example, own in zip(examples, names, strict=True) for name in own]
    found = sparse.csr_matrix(
        (np.array(values, dtype=np.float64), np.array(places, dtype=np.int32), np.cumsum([0, *map(len, names)])),
        shape=(len(examples), len(known)),
    )
    found.sort_indices()
    return found


def _columns(examples: Sequence[Example]) -> np.ndarray[Any, np.dtype[np.object_]]:
    table = np.empty((len(examples), 3), dtype=object)
    for row, example in enumerate(examples):
        table[row] = (example.text, example.pair or "", dict(example.features))
    return table
