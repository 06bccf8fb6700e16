"""What fine-tuning reads: how much labels and windows weigh, and where labels and a teacher's answers stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipeline.classifiers import training_windows
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.transformer import Config
from tests.classifiers.test_transformer import LABELS


def test_a_label_weighs_by_the_root_of_its_examples_and_its_shares_of_partial_ones() -> None:
    known = [Example(label, label=label) for label in ("praise", "praise", "praise", "blame", "unseen", "unseen")]
    partial = [Example("either", among=("blame", "unseen"))] * 4
    # 3 of praise, 1 + 4/2 of blame, 2 + 4/2 of unseen; without the shares blame would be the rarest by far.
    counts = np.array([3, 3, 4])
    found = training_windows.label_weights(known + partial, LABELS)
    np.testing.assert_allclose(found, np.sqrt(counts.mean() / counts), rtol=1e-6)
    alone = training_windows.label_weights(known, LABELS)
    np.testing.assert_allclose(alone, np.sqrt(2 / np.array([3, 1, 2])), rtol=1e-6)


def test_a_label_of_which_there_is_less_than_one_example_weighs_as_if_there_were_one() -> None:
    examples = [Example("x", label="praise")] * 4 + [Example("x", among=("blame", "praise"))]
    counts = np.array([4.5, 1, 1])
    np.testing.assert_allclose(
        training_windows.label_weights(examples, LABELS), np.sqrt(counts.mean() / counts), rtol=1e-6
    )


def test_labels_and_a_teacher_s_answers_stand_in_their_task_s_columns_and_dev_is_not_taught(
    tiny_encoders: dict[str, Path],
) -> None:
    texts = TextTokenizer(Tokenizer.from_file(str(tiny_encoders["bert"] / "tokenizer.json")))
    either = Example("or", among=("praise", "blame"))
    tasks = {
        "one": TaskExamples([Example("a", label="blame"), either], [Example("b", label="praise")], LABELS),
        "two": TaskExamples([Example("c", label="no")], [], ("yes", "no"), unlabelled=[Example("d")]),
    }
    columns = {"one": slice(0, 3), "two": slice(3, 5)}
    shares = np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], dtype=np.float32)
    taught = {"one": shares, "two": np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)}
    train, dev = training_windows.datasets(tasks, columns, texts, Config(), taught)
    place = {label: LABELS.index(label) for label in LABELS}
    known = np.zeros((2, 5))
    known[0, place["blame"]] = known[1, place["praise"]] = known[1, place["blame"]] = 1
    assert train["labels"] == [*known.tolist(), [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]]
    assert train["taught"] == [
        [0.25, 0.25, 0.5, 0, 0], [0.5, 0.25, 0.25, 0, 0], [0, 0, 0, 0.25, 0.75], [0, 0, 0, 0.5, 0.5],
    ]  # fmt: skip
    assert "taught" not in dev.column_names
    alone, _ = training_windows.datasets(tasks, columns, texts, Config(), {})
    assert alone["labels"] == train["labels"][:3]
    assert "taught" not in alone.column_names


def test_the_windows_of_a_long_text_weigh_together_what_a_short_one_does(tiny_encoders: dict[str, Path]) -> None:
    texts = TextTokenizer(Tokenizer.from_file(str(tiny_encoders["bert"] / "tokenizer.json")))
    known = [Example("the mayor " * 40, label="praise"), Example("the mayor", label="praise")]
    tasks = {"task": TaskExamples(known, [], LABELS)}
    train, _ = training_windows.datasets(tasks, {"task": slice(0, 3)}, texts, Config(max_tokens=16), {})
    *long, short = train["weight"]
    assert len(long) > 3
    assert sum(long) == pytest.approx(short)
