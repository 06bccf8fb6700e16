"""Each model folder tells how its model answered on dev: enough to compare it with another, and no text."""

from __future__ import annotations

from collections import Counter
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


def test_a_line_that_an_outlet_repeats_is_a_case_of_its_own_each_time(trained: Trained) -> None:
    counts = Counter(case.key for case in read(trained.models / "boilerplate"))
    assert set(counts.values()) == {1}


examples = st.builds(
    Example,
    text=st.text(max_size=4),
    pair=st.none() | st.text(max_size=4),
    focus=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 3)),
)


@given(examples, examples)
def test_cases_have_one_key_where_text_target_and_mention_are_the_same(one: Example, other: Example) -> None:
    answer = Prediction("a", 1.0, {"a": 1.0}, False)
    first, second = (found.key for found in dev.cases([one, other], [answer, answer]))
    assert (first == second) == ((one.text, one.pair, one.focus) == (other.text, other.pair, other.focus))
