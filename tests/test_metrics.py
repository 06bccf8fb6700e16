"""Scores agree with scikit-learn, intervals mean what they say, and calibration error is none where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from pipeline import metrics
from pipeline.metrics import Interval

LABELS = ("a", "b", "c", "d")
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)


def noisy(cases: int, *, accuracy: float, seed: int) -> tuple[list[str], list[str]]:
    """Draw gold labels and predictions that are right with the given probability."""
    draw = np.random.default_rng(seed)
    gold = draw.choice(LABELS[:3], size=cases)
    guess = np.where(draw.random(cases) < accuracy, gold, draw.choice(LABELS[:3], size=cases))
    return gold.tolist(), guess.tolist()


def width(interval: Interval | None) -> float:
    assert interval is not None
    return interval.high - interval.low


@given(pairs)
def test_scores_are_those_of_scikit_learn(cases: Sequence[tuple[str, str]]) -> None:
    gold, guess = map(list, zip(*cases, strict=True))
    found = metrics.classification(gold, guess, LABELS)
    precision, recall, f1, support = precision_recall_fscore_support(gold, guess, labels=LABELS, zero_division=0)
    assert [scores.label for scores in found.labels] == list(LABELS)
    assert [scores.precision for scores in found.labels] == pytest.approx(precision)
    assert [scores.recall for scores in found.labels] == pytest.approx(recall)
    assert [scores.f1 for scores in found.labels] == pytest.approx(f1)
    assert [scores.support for scores in found.labels] == support.tolist()
    assert found.confusion == tuple(map(tuple, confusion_matrix(gold, guess, labels=LABELS).tolist()))
    assert found.accuracy == pytest.approx(accuracy_score(gold, guess))
    assert found.macro_f1 == pytest.approx(f1_score(gold, guess, average="macro", zero_division=0))
    assert found.cases == len(cases)


def test_macro_f1_leaves_out_labels_that_never_occur() -> None:
    assert metrics.classification(["a", "b"], ["a", "b"], LABELS).macro_f1 == 1.0


def test_no_cases_score_nothing_and_break_nothing() -> None:
    found = metrics.classification([], [], LABELS, groups=[])
    assert (found.cases, found.accuracy, found.macro_f1, found.accuracy_interval) == (0, 0.0, 0.0, None)


@pytest.mark.parametrize(("gold", "guess"), [(["a"], []), (["a"], ["a", "b"])])
def test_gold_and_predictions_must_be_as_many(gold: list[str], guess: list[str]) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        metrics.classification(gold, guess, LABELS)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cases", [40, 400])
def test_intervals_contain_the_point(cases: int, seed: int) -> None:
    gold, guess = noisy(cases, accuracy=0.6, seed=seed)
    found = metrics.classification(gold, guess, LABELS[:3], groups=list(map(str, range(cases))), resamples=500)
    by_label = [(scores.f1, scores.f1_interval) for scores in found.labels]
    overall = [(found.accuracy, found.accuracy_interval), (found.macro_f1, found.macro_f1_interval)]
    for point, interval in (*overall, *by_label):
        assert interval is not None
        assert 0 <= interval.low < point < interval.high <= 1


def test_intervals_shrink_with_the_number_of_cases() -> None:
    widths = []
    for cases in (30, 300, 3000):
        gold, guess = noisy(cases, accuracy=0.6, seed=1)
        found = metrics.classification(gold, guess, LABELS[:3], groups=list(map(str, range(cases))), resamples=500)
        widths.append((width(found.accuracy_interval), width(found.macro_f1_interval)))
    assert widths[0] > widths[1] > widths[2]
    assert widths[2][0] < widths[0][0] / 5  # by the square root of 100, near enough


def test_cases_that_repeat_within_their_group_add_no_certainty() -> None:
    gold, guess = noisy(50, accuracy=0.6, seed=2)
    groups = list(map(str, range(50)))
    once = metrics.classification(gold, guess, LABELS[:3], groups=groups)
    often = metrics.classification(gold * 8, guess * 8, LABELS[:3], groups=groups * 8)
    assert often.accuracy_interval == once.accuracy_interval
    assert often.macro_f1_interval == once.macro_f1_interval


def test_intervals_repeat_with_their_seed() -> None:
    gold, guess = noisy(50, accuracy=0.6, seed=3)
    groups = list(map(str, range(50)))
    first, again, other = (
        metrics.classification(gold, guess, LABELS[:3], groups=groups, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.macro_f1_interval != other.macro_f1_interval


@pytest.mark.parametrize("groups", [None, ["one article"] * 50])
def test_without_two_groups_there_is_no_interval(groups: list[str] | None) -> None:
    gold, guess = noisy(50, accuracy=0.6, seed=4)
    found = metrics.classification(gold, guess, LABELS[:3], groups=groups)
    assert found.accuracy_interval is None
    assert found.macro_f1_interval is None
    assert all(scores.f1_interval is None for scores in found.labels)


@given(st.integers(1, 30), st.integers(1, 9))
def test_a_perfectly_calibrated_classifier_has_no_calibration_error(repeats: int, tenths: int) -> None:
    correct = ([True] * tenths + [False] * (10 - tenths)) * repeats
    assert metrics.calibration_error([tenths / 10] * len(correct), correct) == pytest.approx(0)
    assert metrics.calibration_error([1.0] * repeats + [0.0] * repeats, [True] * repeats + [False] * repeats) == 0


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.55, 0.9]), st.booleans()), min_size=1, max_size=40), st.data())
def test_calibration_error_does_not_depend_on_the_order_of_the_cases(
    cases: list[tuple[float, bool]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(cases))
    error, again = (
        metrics.calibration_error([score for score, _ in order], [right for _, right in order])
        for order in (cases, shuffled)
    )
    assert again == pytest.approx(error)
    assert 0 <= error <= 1


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    assert metrics.calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    # two bins, off by 0.1 and by 0.3
    assert metrics.calibration_error([0.1, 0.1, 0.7, 0.7], [False, False, True, True], bins=2) == pytest.approx(0.2)


def test_calibration_error_of_no_cases_is_none() -> None:
    assert metrics.calibration_error([], []) == 0


def test_the_interval_of_calibration_error_holds_the_error_and_is_wider_for_whole_groups() -> None:
    scores = [0.6 + 0.01 * (number % 30) for number in range(300)]
    correct = [number // 10 % 3 != 0 for number in range(300)]
    alone = metrics.calibration_interval(scores, correct, [str(number) for number in range(300)])
    grouped = metrics.calibration_interval(scores, correct, [str(number // 10) for number in range(300)])
    assert alone is not None
    assert grouped is not None
    assert alone.low < metrics.calibration_error(scores, correct) < alone.high
    assert grouped.high - grouped.low > alone.high - alone.low
    assert metrics.calibration_interval(scores, correct, ["one"] * 300) is None


answers = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=40)


@given(answers, st.sampled_from([0.5, 0.75, 0.9, 1.0]))
def test_the_threshold_gives_the_precision_with_the_most_answers(
    cases: Sequence[tuple[float, bool]], precision: float
) -> None:
    scores, correct = map(list, zip(*cases, strict=True))

    def reached(least: float) -> bool:
        answered = [hit for score, hit in cases if score >= least]
        return bool(answered) and sum(answered) / len(answered) >= precision - 1e-12

    found = metrics.threshold(scores, correct, precision)
    if found is None:
        assert not any(reached(score) for score in scores)
    else:
        assert reached(found)
        assert not any(reached(score) for score in scores if score < found)


@given(answers)
def test_the_coverage_curve_ends_with_everything_answered_and_groups_equal_scores(
    cases: Sequence[tuple[float, bool]],
) -> None:
    scores, correct = map(list, zip(*cases, strict=True))
    curve = metrics.coverage_curve(scores, correct)
    assert curve[-1].coverage == 1
    assert curve[-1].accuracy == pytest.approx(sum(correct) / len(correct))
    assert [point.score for point in curve] == sorted(set(scores), reverse=True)
    for point in curve:
        answered = [hit for score, hit in cases if score >= point.score]
        assert (point.coverage, point.accuracy) == pytest.approx(
            (len(answered) / len(cases), sum(answered) / len(answered))
        )


def test_average_precision_is_that_of_scikit_learn_with_an_interval_around_it() -> None:
    draw = np.random.default_rng(4)
    positive = draw.random(300) < 0.3
    scores = (positive * 0.5 + draw.random(300)).tolist()
    groups = [str(number // 5) for number in range(300)]
    found = metrics.average_precision(scores, positive.tolist(), groups)
    assert found is not None
    value, interval = found
    assert value == pytest.approx(average_precision_score(positive, scores))
    assert interval is not None
    assert interval.low < value < interval.high
    assert 0.02 < width(interval) < 0.3
    assert metrics.average_precision([0.1], [False], ["a"]) is None


triples = st.lists(st.tuples(*[st.sampled_from(LABELS)] * 3, st.sampled_from("vwxyz")), min_size=1, max_size=40)


@given(triples)
def test_a_classifier_does_not_differ_from_itself(cases: Sequence[tuple[str, str, str, str]]) -> None:
    gold, guess, _, groups = map(list, zip(*cases, strict=True))
    found = metrics.paired_difference(gold, guess, guess, groups, resamples=50)
    assert found.value == 0
    assert found.interval == (Interval(0, 0) if len(set(groups)) > 1 else None)


@given(triples)
def test_the_difference_turns_round_with_the_two_classifiers(cases: Sequence[tuple[str, str, str, str]]) -> None:
    gold, first, second, groups = map(list, zip(*cases, strict=True))
    found = metrics.paired_difference(gold, first, second, groups, resamples=50)
    turned = metrics.paired_difference(gold, second, first, groups, resamples=50)
    assert turned.value == -found.value
    if found.interval is not None:
        assert turned.interval is not None
        assert (turned.interval.low, turned.interval.high) == pytest.approx(
            (-found.interval.high, -found.interval.low), abs=1e-12
        )


@given(triples)
def test_the_difference_is_that_of_the_two_macro_f1s(cases: Sequence[tuple[str, str, str, str]]) -> None:
    gold, first, second, groups = map(list, zip(*cases, strict=True))
    scores = [f1_score(gold, guess, average="macro", zero_division=0) for guess in (first, second)]
    found = metrics.paired_difference(gold, first, second, groups, resamples=2)
    assert found.value == pytest.approx(scores[0] - scores[1])


def test_an_obviously_better_classifier_has_an_interval_above_zero() -> None:
    gold, poor = noisy(200, accuracy=0.3, seed=5)
    groups = [str(number // 4) for number in range(200)]
    found = metrics.paired_difference(gold, gold, poor, groups)
    assert found.interval is not None
    assert 0 < found.interval.low < found.value < found.interval.high


def test_what_is_hard_for_both_does_not_widen_the_interval_of_their_difference() -> None:
    gold, guess = noisy(200, accuracy=0.6, seed=6)
    better = [*gold[:20], *guess[20:]]
    groups = list(map(str, range(200)))
    alone = width(metrics.classification(gold, guess, LABELS[:3], groups=groups).macro_f1_interval)
    assert width(metrics.paired_difference(gold, better, guess, groups).interval) < alone / 2


def test_a_difference_within_one_article_is_no_more_certain_for_its_many_cases() -> None:
    gold, guess = noisy(200, accuracy=0.6, seed=7)
    better = [*gold[:50], *guess[50:]]  # all that it gets better stands in one article
    apart = metrics.paired_difference(gold, better, guess, list(map(str, range(200)))).interval
    together = metrics.paired_difference(gold, better, guess, [str(number // 50) for number in range(200)]).interval
    assert apart is not None
    assert together is not None
    assert apart.low > 0
    assert together.low <= 0
