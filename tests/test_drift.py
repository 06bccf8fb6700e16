"""Drift: effect sizes have their textbook values, chance alone is no drift, and articles are dealt out whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

from pipeline import drift

NUMBERS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=30)
LABELS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=40)


def normal(mean: float, deviation: float, cases: int) -> list[float]:
    """Return evenly spaced quantiles of a normal distribution."""
    return list(norm.ppf((np.arange(cases) + 0.5) / cases, mean, deviation))


def test_lengths_a_standard_deviation_longer_are_a_large_shift() -> None:
    found = drift.of_values(normal(300, 50, 400), normal(350, 50, 100))
    assert found.measure == drift.MEAN_DIFFERENCE
    assert found.effect == pytest.approx(1, abs=0.02)
    assert (found.size, found.reference, found.new) == ("large", 400, 100)
    shorter = drift.of_values(normal(350, 50, 400), normal(335, 50, 100))
    assert shorter.effect == pytest.approx(-0.3, abs=0.02)
    assert shorter.size == "small"


@given(NUMBERS, NUMBERS)
def test_a_difference_changes_its_sign_alone_when_the_sides_change_places(one: list[float], other: list[float]) -> None:
    found, back = drift.of_values(one, other, shuffles=5), drift.of_values(other, one, shuffles=5)
    assert found.effect == pytest.approx(-back.effect)


@given(NUMBERS)
def test_the_same_numbers_are_no_shift(values: list[float]) -> None:
    found = drift.of_values(values, values, shuffles=20)
    assert found.effect == pytest.approx(0)
    assert found.size == "none"


def test_label_shares_have_the_divergence_that_scipy_finds() -> None:
    reference, new = ["a"] * 600 + ["b"] * 400, ["a"] * 200 + ["b"] * 800
    found = drift.of_labels(reference, new)
    assert found.effect == pytest.approx(jensenshannon([0.6, 0.4], [0.2, 0.8], base=2) ** 2, abs=0.002)
    assert found.size == "large"


@given(LABELS, LABELS)
def test_a_divergence_has_no_direction_and_is_at_most_one(one: list[str], other: list[str]) -> None:
    found = drift.of_labels(one, other, shuffles=5)
    assert found.effect <= 1
    assert (found.size == "none") or found.effect > found.chance


def test_few_cases_from_one_source_are_no_drift_however_unlike_they_look() -> None:
    generator = np.random.default_rng(2)
    names = [f"label {number}" for number in range(17)]
    sizes = [
        drift.of_labels(list(generator.choice(names, 300)), list(generator.choice(names, 12)), seed=number).size
        for number in range(20)
    ]
    assert sizes.count("none") >= 17


def test_articles_are_dealt_out_whole() -> None:
    """Forty sentences of one opinion are one article's whim; as sentences of their own they would be a shift."""
    reference = [("none",) * 20 if number % 2 else ("factual",) * 20 for number in range(8)]
    new = [("none",) * 20, ("none",) * 20]
    assert drift.of_bags(reference, new).size == "none"
    alone = drift.of_labels([label for bag in reference for label in bag], [label for bag in new for label in bag])
    assert alone.size == "large"


def test_other_words_are_a_shift_and_other_capitals_are_none() -> None:
    reference = [f"The council met on {day} about the bridge" for day in ("Monday", "Tuesday", "Friday")] * 5
    assert drift.of_texts(reference, [text.upper() for text in reference]).size == "none"
    found = drift.of_texts(reference, ["Rain fell over hills tonight"] * 10)
    assert found.measure == drift.DIVERGENCE
    assert found.size == "large"


def test_words_that_no_reference_has_are_unseen() -> None:
    assert drift.unseen_share(["The council met."], ["the COUNCIL danced"]) == pytest.approx(1 / 3)
    assert drift.unseen_share(["The council met."], []) == 0


@pytest.mark.parametrize("measure", [drift.of_labels, drift.of_texts, drift.of_values])
def test_nothing_is_no_shift(measure: object) -> None:
    assert callable(measure)
    for given_ in (([], []), (["1"] if measure is not drift.of_values else [1.0], [])):
        found = measure(*given_)
        assert (found.effect, found.size) == (0.0, "none")
