"""Debates are held out of training, and what is said in them too."""

from __future__ import annotations

from benchmarks import debates
from pipeline.corpus import Split
from pipeline.datasets import LabelledRecord, Task


def record(
    source: str, number: int, *, task: Task = "claims", split: Split = "train", text: str | None = None
) -> LabelledRecord:
    return LabelledRecord(source, number, task, split, str(number), text or f"Sentence {number}.", ("checkworthy",))


def test_debates_from_the_first_held_out_sentence_on_are_for_test() -> None:
    numbers = [5, debates.UNSEEN - 1, debates.UNSEEN, debates.LATEST - 1, debates.LATEST, 36_000]
    found = debates.held_out(record(debates.SOURCE, number) for number in numbers)
    assert [(one.split, one.source, int(one.id)) for one in found] == [
        ("train", debates.SOURCE, 5),
        ("train", debates.SOURCE, debates.UNSEEN - 1),
        ("test", "unseen debates", debates.UNSEEN),
        ("test", "unseen debates", debates.LATEST - 1),
        ("test", "latest debates", debates.LATEST),
        ("test", "latest debates", 36_000),
    ]


def test_published_test_sentences_of_claims_are_left_out_and_other_data_kept() -> None:
    dev_test = record("checkthat2024-devtest", 40_000, split="test")
    others = [record("other", 1), record("newsmtsc-test-rw", 2, task="stance", split="test")]
    assert debates.held_out([dev_test, *others]) == others


def test_what_is_said_in_a_held_out_debate_too_is_not_trained_on() -> None:
    thanks = [record(debates.SOURCE, number, text="Thank you.") for number in (5, debates.LATEST)]
    [left] = debates.held_out(thanks)
    assert left.split == "test"
