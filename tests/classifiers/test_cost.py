"""What a model costs is counted from its shapes, whatever its architecture calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.classifiers import store
from pipeline.classifiers.contract import Example
from pipeline.classifiers.cost import cost
from pipeline.classifiers.tokens import TextTokenizer
from tests import tiny_models
from tests.encoders import HIDDEN, MAKERS


@pytest.mark.parametrize("architecture", MAKERS)
def test_a_fine_tuned_encoder_costs_the_matrix_products_of_its_layer(
    tiny_encoders: dict[str, Path], tmp_path: Path, architecture: str
) -> None:
    folder = tiny_models.save(tmp_path / "claims", tiny_encoders[architecture])
    text, inner = "the council opened the bridge", 64
    tokens = len(TextTokenizer.load(folder).ids([text])[0]) + 2  # with those at both ends
    found = cost(store.load(folder), [Example(text, group="a")])
    of_weights = 4 * HIDDEN**2 + 2 * HIDDEN * inner
    assert found.operations == 2 * (tokens * of_weights + 2 * tokens**2 * HIDDEN)
    assert found.parameters > of_weights
    assert found.size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
