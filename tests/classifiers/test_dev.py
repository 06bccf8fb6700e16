"""Each model folder tells how its model answered on dev: enough to compare it with another, and no text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipeline.classifiers import dev
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.dev import DevCase
from pipeline.corpus import read_split
from pipeline.records import read_jsonl
from pipeline.stages import train_boilerplate
from tests.trained import Trained, manifest

FOLDERS = ("models/boilerplate", "models/topic", "models/stance", "models/claims", "data/compared/topic/embedding")


def read(folder: Path) -> list[DevCase]:
    return list(read_jsonl(folder / dev.FILE, DevCase))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_answers_are_those_behind_the_dev_scores(trained: Trained, folder: str) -> None:
    found = read(trained.root / folder)
    own = manifest(trained.root / folder)
    assert dev.FILE in own["files"]
    score = f1_score([case.gold for case in found], [case.label for case in found], average="macro", zero_division=0)
    assert own["metrics"]["dev_macro_f1"] == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_answers_are_of_dev_articles_all_of_them(trained: Trained, folder: str) -> None:
    splits = read_split(trained.data / "split")
    known = {identity for identity, split in splits.items() if split == "dev"}
    assert {case.group for case in read(trained.root / folder)} == known


def test_engines_answered_the_same_cases(trained: Trained) -> None:
    one, other = (read(trained.root / folder) for folder in ("models/topic", "data/compared/topic/embedding"))
    assert [(case.key, case.gold) for case in one] == [(case.key, case.gold) for case in other]
    assert [case.label for case in one] != [case.label for case in other]


def test_a_line_that_an_outlet_repeats_is_another_case_in_each_article(trained: Trained) -> None:
    articles: dict[str, set[str]] = {}
    for case in read(trained.models / "boilerplate"):
        articles.setdefault(case.key, set()).add(case.group)
    assert {len(groups) for groups in articles.values()} == {1}


def test_a_line_keeps_its_key_when_another_comes_before_it() -> None:
    def keys(*texts: str) -> list[str]:
        found = [Example(text=text, label="body", group="a") for text in texts]
        return [case.key for case in train_boilerplate._dev_cases(found, ["body"] * len(found))]

    assert keys("Share this", "The council met.", "It was late.")[1:] == keys("The council met.", "It was late.")


LONG = "The council met on Monday to vote on the budget. " * 10
ANSWER = Prediction("a", 1.0, {"a": 1.0}, False)


def keys_of(*given: Example) -> list[str]:
    return [case.key for case in dev.cases(given, [ANSWER] * len(given))]


def test_a_whole_article_is_the_same_case_when_its_text_changes() -> None:
    one, other = keys_of(Example(text=LONG, group="a"), Example(text=LONG.replace("the ", "the\u00a0"), group="a"))
    assert one == other


def test_a_whole_article_is_told_from_others_by_article_and_target() -> None:
    given = (
        Example(text=LONG, group="a"),
        Example(text=LONG, group="b"),
        Example(text=LONG, group="a", pair="the council"),
        Example(text=LONG[:400], group="a"),
        Example(text=LONG[:399], group="a"),
    )
    assert len(set(keys_of(*given))) == len(given)


def test_long_texts_of_no_article_are_told_apart_by_their_text() -> None:
    one, other = keys_of(Example(text=LONG), Example(text=LONG.replace("Monday", "Tuesday")))
    assert one != other


examples = st.builds(
    Example,
    text=st.text(max_size=4),
    pair=st.none() | st.text(max_size=4),
    focus=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 3)),
    group=st.sampled_from(["", "a", "b"]),
)


@given(examples, examples)
def test_sentences_have_one_key_where_article_text_target_and_mention_are_the_same(
    one: Example, other: Example
) -> None:
    first, second = keys_of(one, other)
    assert (first == second) == (one == other)
