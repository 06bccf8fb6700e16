"""Debates held out of training are whole, scored, and in no split twice."""

from __future__ import annotations

from benchmarks import debates
from pipeline.corpus import Split
from pipeline.datasets import LabelledRecord, Task


def record(source: str, number: int, *, task: Task = "claims", split: Split = "train") -> LabelledRecord:
    return LabelledRecord(source, number, task, split, str(number), f"Sentence {number}.", ("checkworthy",))


def test_debates_from_the_first_held_out_sentence_on_are_for_test() -> None:
    numbers = [5, debates.UNSEEN - 1, debates.UNSEEN, debates.LATEST - 1, debates.LATEST, 36_000]
    found = list(debates.held_out(record(debates.SOURCE, number) for number in numbers))
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
    assert list(debates.held_out([dev_test, *others])) == others
