"""The champion yields to a model that dev shows to be not worse than it, and to no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.classifiers.dev import DevCase
from pipeline.tracking.champion import decide

LABELS = ("a", "b", "c")


def answers(right: int, *, articles: int = 30, first: int = 0) -> list[DevCase]:
    """Return four cases of each article, of which so many are answered as gold says."""
    found = []
    for number in range(first, first + 4 * articles):
        gold = LABELS[number % 3]
        label = gold if number // articles % 4 < right else LABELS[(number + 1) % 3]
        found.append(DevCase(f"{number:016x}", f"article-{number % articles}", gold, label))
    return found


GOOD, POOR = answers(4), answers(2)


def test_the_first_model_is_the_champion() -> None:
    found = decide(POOR, None)
    assert found.moves
    assert found.reason == "there was no champion"


def test_the_same_answers_again_are_not_worse() -> None:
    found = decide(POOR, POOR)
    assert found.moves
    assert found.difference == 0
    assert "+0.0000 (95 % interval +0.0000 to +0.0000, 120 cases of 30 articles): not worse" in found.reason


def test_a_better_model_takes_the_place_and_a_worse_one_does_not() -> None:
    better, worse = decide(GOOD, POOR), decide(POOR, GOOD)
    assert better.moves
    assert better.interval is not None
    assert better.interval.low > 0
    assert not worse.moves
    assert worse.interval is not None
    assert worse.interval.high < 0
    assert worse.reason.startswith("dev macro-F1 -0.5000 (95 % interval -0.5")
    assert worse.reason.endswith(", 120 cases of 30 articles): worse")


def test_a_model_that_may_be_a_little_worse_takes_the_place() -> None:
    wrong = [replace(GOOD[0], label="c"), *GOOD[1:]]
    found = decide(wrong, GOOD)
    assert found.moves
    assert found.difference is not None
    assert found.difference < 0
    assert found.interval is not None
    assert found.interval.low < 0 <= found.interval.high


def test_order_does_not_decide() -> None:
    assert decide(POOR[::-1], GOOD).reason == decide(POOR, GOOD[::-1]).reason == decide(POOR, GOOD).reason


@pytest.mark.parametrize(("shared", "enough"), [(59, False), (60, True)])
@pytest.mark.parametrize("more", ["new", "champion"])
def test_the_champion_stays_where_half_of_the_larger_dev_set_is_not_common(
    shared: int, enough: bool, more: str
) -> None:
    elsewhere = answers(4, first=1200)[: len(GOOD) - shared]
    larger = [*GOOD[len(GOOD) - shared :], *elsewhere]
    found = decide(larger, GOOD[-shared:]) if more == "new" else decide(GOOD[-shared:], larger)
    assert found.moves is enough
    assert ("too few cases" in found.reason) is not enough
    assert (found.interval is None) is not enough
    assert f"{shared} " in found.reason


def test_a_case_whose_gold_label_has_changed_is_not_shared() -> None:
    relabelled = [replace(case, gold="d") for case in GOOD]
    found = decide(GOOD, relabelled)
    assert not found.moves
    assert "of 120 dev cases here and 120 of the champion, 0 are the same" in found.reason


def test_a_champion_that_kept_no_answers_yields_and_to_a_model_without_any_none_does() -> None:
    assert decide(POOR, []).reason == "the champion has no dev cases to compare"
    assert decide([], GOOD).reason == "the new model has no dev cases to compare"
    assert decide(POOR, []).moves
    assert decide([], []).moves
    assert not decide([], GOOD).moves


def test_one_article_is_too_few_to_replace_a_champion() -> None:
    one = [[replace(case, group="the only one") for case in cases] for cases in (GOOD, POOR)]
    found = decide(*one)
    assert not found.moves
    assert found.interval is None
    assert "too few articles" in found.reason


def test_repeated_cases_are_compared_one_by_one() -> None:
    def repeated(labels: Sequence[str]) -> list[DevCase]:
        return [DevCase("0" * 16, f"article-{number}", "a", label) for number, label in enumerate(labels)]

    found = decide(repeated("aaaa"), repeated("aaab"))
    assert "4 cases of 4 articles" in found.reason
    assert found.difference is not None
    assert found.difference > 0


def test_cases_without_an_article_stand_each_for_themselves() -> None:
    alone = [[replace(case, group="") for case in cases] for cases in (POOR, GOOD)]
    found = decide(*alone)
    assert "120 cases of 120 articles" in found.reason
    assert not found.moves
