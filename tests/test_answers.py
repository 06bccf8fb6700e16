"""Paired tests of two models: only the cases that both answered count, and the verdict is symmetric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipeline import answers
from pipeline.answers import KEPT, REMOVED, Answer
from pipeline.classifiers.contract import Example, Prediction
from pipeline.evaluation import STRIP

LABELS = ("against", "favor", "neutral")
TURNED = {"better": "worse", "worse": "better", "cannot tell": "cannot tell", "same": "same"}


def answer(number: int, gold: str, label: str, *, task: str = "stance") -> Answer:
    return Answer(task, f"article-{number % 7}", f"case-{number}", gold, label, 0.5)


def answered(gold: Sequence[str], labels: Sequence[str], *, task: str = "stance") -> list[Answer]:
    pairs = zip(gold, labels, strict=True)
    return [answer(number, true, label, task=task) for number, (true, label) in enumerate(pairs)]


triples = st.lists(st.tuples(*[st.sampled_from(LABELS)] * 3), min_size=1, max_size=30)


@given(triples)
def test_same_answers_are_no_change(cases: list[tuple[str, str, str]]) -> None:
    gold, labels, _ = zip(*cases, strict=True)
    [change] = answers.changes(answered(gold, labels), answered(gold, labels), seed=1)
    assert change.verdict == "same"
    assert change.accepted == change.now
    assert change.cases == len(cases)


@given(triples)
def test_swapping_the_models_mirrors_the_interval_and_the_verdict(cases: list[tuple[str, str, str]]) -> None:
    gold, first, second = zip(*cases, strict=True)
    [there] = answers.changes(answered(gold, first), answered(gold, second), seed=1)
    [back] = answers.changes(answered(gold, second), answered(gold, first), seed=1)
    assert (back.accepted, back.now) == (there.now, there.accepted)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-12)
    assert back.verdict == TURNED[there.verdict]


@given(triples, st.randoms(use_true_random=False))
def test_the_order_of_the_cases_does_not_matter(cases: list[tuple[str, str, str]], random: st.DataObject) -> None:
    gold, first, second = zip(*cases, strict=True)
    before, now = answered(gold, first), answered(gold, second)
    expected = answers.changes(before, now, seed=1)
    random.shuffle(before)  # type: ignore[attr-defined]
    random.shuffle(now)  # type: ignore[attr-defined]
    assert answers.changes(before, now, seed=1) == expected


@given(triples)
def test_scores_are_macro_f1_and_of_stripping_the_f1_of_what_is_removed(cases: list[tuple[str, str, str]]) -> None:
    gold, first, second = zip(*cases, strict=True)
    [change] = answers.changes(answered(gold, first), answered(gold, second), seed=1)
    assert change.metric == "macro_f1"
    assert change.now == pytest.approx(f1_score(gold, second, average="macro", zero_division=0))
    lines = [[REMOVED if label == "favor" else KEPT for label in given] for given in (gold, first, second)]
    [change] = answers.changes(
        answered(lines[0], lines[1], task=STRIP), answered(lines[0], lines[2], task=STRIP), seed=1
    )
    assert change.metric == "f1"
    assert change.accepted == pytest.approx(f1_score(lines[0], lines[1], pos_label=REMOVED, zero_division=0))


def test_only_what_both_answered_counts() -> None:
    gold = ["favor", "against", "neutral"] * 20
    before = answered(gold, gold)
    now = answered([*gold, "favor"], [*gold, "against"])  # one case more
    now[0] = replace(now[0], gold="neutral")  # whose label was corrected: another case
    now[1] = replace(now[1], key="another sentence")
    [change] = answers.changes(before, now, seed=1)
    assert (change.cases, change.now, change.verdict) == (58, 1.0, "same")


def test_a_task_without_a_common_case_is_left_out_and_the_others_keep_their_order() -> None:
    now = answered(LABELS, LABELS) + answered(LABELS, LABELS, task="claims") + answered(LABELS, LABELS, task="topic")
    before = answered(LABELS, LABELS, task="topic") + answered(LABELS, LABELS)
    assert [change.task for change in answers.changes(before, now, seed=1)] == ["stance", "topic"]


def test_an_obviously_better_model_is_better() -> None:
    gold = list(LABELS) * 20
    [change] = answers.changes(answered(gold, ["favor"] * 60), answered(gold, gold), seed=1)
    assert change.verdict == "better"
    assert 0 < change.low <= change.high


def test_one_changed_answer_among_many_is_not_told_from_chance() -> None:
    gold = list(LABELS) * 20
    [change] = answers.changes(answered(gold, gold), answered(gold, ["favor", "favor", *gold[2:]]), seed=1)
    assert change.now < change.accepted
    assert change.verdict == "cannot tell"


def test_a_difference_within_one_article_cannot_be_told() -> None:
    before = [replace(one, article="only") for one in answered(LABELS * 9, ["favor"] * 27)]
    now = [replace(one, article="only") for one in answered(LABELS * 9, LABELS * 9)]
    [change] = answers.changes(before, now, seed=1)
    assert (change.low, change.high, change.verdict) == (-1.0, 1.0, "cannot tell")


def test_equal_sentences_of_an_article_are_cases_of_their_own() -> None:
    examples = [Example("Yes.", label="none", group="a")] * 3
    given = [Prediction(label, 0.9, {label: 0.9}, abstained=False) for label in ("none", "factual", "none")]
    found = answers.of_task("claims", examples, given, ("factual", "none"))
    [change] = answers.changes(found, found, seed=1)
    assert change.cases == 3


def test_answers_hold_no_text_and_keep_their_key_when_other_cases_come_and_go() -> None:
    said = Prediction("none", 0.91239, {"none": 0.91239}, abstained=False)
    examples = [Example(f"Secret {number}.", label="none", group="a") for number in range(4)]
    whole = answers.of_task("claims", examples, [said] * 4, ("none",))
    part = answers.of_task("claims", examples[2:], [said] * 2, ("none",))
    assert whole[2:] == part
    assert "Secret" not in str(whole)
    assert whole[0].score == 0.9124


def test_an_article_stays_the_same_case_when_another_line_of_it_is_stripped() -> None:
    said = Prediction("sport", 0.9, {"sport": 0.9}, abstained=False)
    texts = ("They won the match. " * 40, "They won the match. " * 39)
    one, other = (
        answers.of_task("topic", [Example(text, label="sport", group="a")], [said], ("sport",)) for text in texts
    )
    assert one == other
