"""What a model costs: weights, bytes on disk and arithmetic for an article, from shapes alone; no clock is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from pipeline.classifiers.contract import Example
from pipeline.classifiers.linear import LinearClassifier
from pipeline.classifiers.store import Model
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import windows


@dataclass(frozen=True, slots=True)
class Cost:
    """What an engine needs: ``operations`` are floating-point operations for one article, additions included."""

    parameters: int
    size: int
    """Bytes of the model folder."""
    operations: float


def cost(model: Model, examples: Sequence[Example]) -> Cost:
    """Return the cost of a model, its operations averaged over the articles that the examples come from."""
    parameters, operations = _counted(model, examples)
    articles = len({example.group for example in examples})
    size = sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file())
    return Cost(parameters, size, operations / max(articles, 1))


def _counted(model: Model, examples: Sequence[Example]) -> tuple[int, float]:
    """Return parameters and the operations for all examples."""
    engine, folder = model.manifest.engine, model.folder
    if engine == "linear":
        return _linear(model.classifier, examples)
    if engine != "ensemble":
        return _encoder(folder, examples)
    from pipeline.classifiers.ensemble import EMBEDDING, LINEAR, EnsembleClassifier

    assert isinstance(model.classifier, EnsembleClassifier)
    one = _linear(model.classifier.members[LINEAR].classifier, examples)
    other = _encoder(folder / EMBEDDING, examples)
    return one[0] + other[0], one[1] + other[1]


def _linear(classifier: object, examples: Sequence[Example]) -> tuple[int, float]:
    """Count the weights of each n-gram of a text, multiplied and added for each label."""
    assert isinstance(classifier, LinearClassifier)
    regressions = classifier.model["regression"].estimators_
    parameters = sum(one.coef_.size + one.intercept_.size for one in regressions)
    table = np.empty((len(examples), 3), dtype=object)
    for row, example in enumerate(examples):
        table[row] = (example.text, example.pair or "", dict(example.features))
    filled = int(np.count_nonzero(classifier.model["columns"].transform(table).data)) if examples else 0
    return int(parameters), 2.0 * filled * len(regressions)


def _encoder(folder: Path, examples: Sequence[Example]) -> tuple[int, float]:
    """Count the matrix products of each layer (Kaplan et al. 2020), for the windows that the texts really need."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    window = json.loads((folder / "engine.json").read_text(encoding="utf-8"))["max_tokens"]
    width, inner, layers = (settings[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    lengths = [found.length for found in windows(examples, TextTokenizer.load(folder), window)]
    products = [length * (4 * width**2 + 2 * width * inner) + 2 * length**2 * width for length in lengths]
    parameters = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as tensors:
            parameters += sum(int(np.prod(tensors.get_slice(name).get_shape())) for name in tensors.keys())  # noqa: SIM118
    return parameters, 2.0 * layers * sum(products)
