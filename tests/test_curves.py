"""Curves of thresholds: their points are true of the cases, and few points still span the whole curve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import curves

CASES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300)


@given(CASES)
def test_every_point_is_what_taking_from_its_score_gives(cases: list[tuple[float, bool]]) -> None:
    scores, positive = [score for score, _ in cases], [own for _, own in cases]
    found = curves.precision_recall("label", scores, positive)
    if not any(positive):
        assert found is None
        return
    assert found is not None
    assert max(point.recall for point in found.points) == 1
    assert len(found.points) <= 61
    for point in found.points:
        taken = curves.taken_from(scores, positive, point.score)
        assert taken is not None
        assert (taken.recall, taken.precision) == pytest.approx((point.recall, point.precision))


@given(CASES)
def test_reliability_counts_every_case_once(cases: list[tuple[float, bool]]) -> None:
    found = curves.reliability([score for score, _ in cases], [own for _, own in cases])
    assert sum(one.cases for one in found) == len(cases)
    assert sum(one.cases * one.accuracy for one in found) == pytest.approx(sum(own for _, own in cases))
    assert [one.confidence for one in found] == pytest.approx(sorted(one.confidence for one in found))


def test_nothing_taken_is_no_point() -> None:
    assert curves.taken_from([0.1, 0.2], [True, False], 0.5) is None
    assert curves.reliability([], []) == ()


def test_the_probability_of_any_of_some_labels_is_their_sum() -> None:
    assert curves.summed([{"ad": 0.25, "promo": 0.5, "body": 0.25}], ["ad", "promo", "legal"]) == [0.75]
