"""What an example's label is, or may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.classifiers.contract import Example, candidates

LABELS = ("a", "b", "c")
examples = st.builds(
    Example,
    st.text(max_size=3),
    label=st.none() | st.sampled_from(LABELS),
    among=st.sets(st.sampled_from(LABELS), min_size=1),
)


@given(st.lists(examples, max_size=6), st.permutations(LABELS))
def test_a_known_label_is_the_only_candidate_and_else_all_that_it_may_be(
    given: list[Example], labels: list[str]
) -> None:
    found = candidates(given, labels)
    assert found.shape == (len(given), len(labels))
    assert found.dtype == np.float32
    for example, row in zip(given, found, strict=True):
        possible = {example.label} if example.label is not None else set(example.among)
        assert row.tolist() == [float(label in possible) for label in labels]


@pytest.mark.parametrize("example", [Example("x", label="d"), Example("x", among=("a", "d"))])
def test_a_label_that_the_task_does_not_have_is_no_candidate(example: Example) -> None:
    with pytest.raises(KeyError, match="d"):
        candidates([example], LABELS)


def test_an_example_without_any_label_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="without any label: 'x'"):
        candidates([Example("x")], LABELS)
