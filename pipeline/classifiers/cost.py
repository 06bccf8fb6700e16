"""What a model costs: weights, bytes on disk and arithmetic for an article, from shapes alone; no clock is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from pipeline.classifiers import transformer
from pipeline.classifiers.contract import FOCUS, Batch, Example, Session
from pipeline.classifiers.embedding import EmbeddingClassifier
from pipeline.classifiers.ensemble import EMBEDDING, LINEAR, EnsembleClassifier
from pipeline.classifiers.linear import LinearClassifier
from pipeline.classifiers.runtime import REFERENCE, Runtime
from pipeline.classifiers.store import Model

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network


# Names of the width between a layer's two feed-forward products; where a configuration has none, it is that of BERT.
_INNER = ("intermediate_size", "hidden_dim", "ffn_dim", "d_inner", "d_ff")


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
    engine, folder, labels = model.manifest.engine, model.folder, model.manifest.labels
    if engine == "linear":
        return _linear(model.classifier, examples)
    if engine == "embedding":
        return _embedding(model.classifier, examples)
    if engine == "transformer":
        return _transformer(folder, labels, examples)
    assert isinstance(model.classifier, EnsembleClassifier)
    one = _linear(model.classifier.members[LINEAR].classifier, examples)
    other = _embedding(model.classifier.members[EMBEDDING].classifier, examples)
    return one[0] + other[0], one[1] + other[1]


def _linear(classifier: object, examples: Sequence[Example]) -> tuple[int, float]:
    assert isinstance(classifier, LinearClassifier)
    return classifier.parameters, classifier.operations(examples)


def _embedding(classifier: object, examples: Sequence[Example]) -> tuple[int, float]:
    assert isinstance(classifier, EmbeddingClassifier)
    return classifier.parameters, classifier.operations(examples)


def _transformer(folder: Path, labels: tuple[str, ...], examples: Sequence[Example]) -> tuple[int, float]:
    """Count the matrix products of each layer (Kaplan et al. 2020), for the tokens that the engine really reads."""
    from transformers import AutoConfig

    settings = AutoConfig.from_pretrained(folder)  # knows what each architecture calls its sizes, but for one
    width, layers = settings.hidden_size, settings.num_hidden_layers
    inner = next((getattr(settings, name) for name in _INNER if hasattr(settings, name)), 4 * width)
    focused = json.loads((folder / transformer.SETTINGS).read_text(encoding="utf-8"))["focused"]
    counter = _Counter(len(labels), focused=focused)
    transformer.load(folder, labels, _Counting(REFERENCE, counter=counter)).logits(examples)
    products = [length * (4 * width**2 + 2 * width * inner) + 2 * length**2 * width for length in counter.lengths]
    parameters = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as tensors:
            parameters += sum(int(np.prod(tensors.get_slice(name).get_shape())) for name in tensors.keys())  # noqa: SIM118
    return parameters, 2.0 * layers * sum(products)


class _Counter:
    """A session that runs nothing: it notes how many tokens each pass has, and answers zeros."""

    def __init__(self, width: int, *, focused: bool) -> None:
        self.inputs = ("input_ids", "attention_mask", *((FOCUS,) if focused else ()))
        self.finer = None
        self.margin = 0.0
        self.lengths: list[int] = []
        self._width = width

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        """Yield zeros in the shape of the network's output."""
        for batch in batches:
            mask = batch["attention_mask"]
            self.lengths += mask.sum(axis=1).tolist()
            shape = batch[FOCUS].shape[:2] if FOCUS in batch else mask.shape[:1]
            yield np.zeros((*shape, self._width), dtype=np.float32)


@dataclass(frozen=True)
class _Counting(Runtime):
    """A runtime whose one session is the counter, whatever the network."""

    counter: _Counter | None = None

    def session(self, network: Callable[[], Network]) -> Session:  # noqa: ARG002  # it loads none
        """Return the counter."""
        assert self.counter is not None
        return self.counter
