"""Windows hold every token of a text once, and batches every window: nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pipeline.classifiers.contract import Batch, Example, TaskExamples
from pipeline.classifiers.fine_tuning import fit
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.transformer import Config, TransformerClassifier
from pipeline.classifiers.windows import BATCH, BATCH_TOKENS, FOCUSES, LENGTHS, Window, answers, batches, pad, windows
from tests.encoders import MAKERS, WORDS
from tests.encoders import settings as encoder_settings

ARCHITECTURES = sorted(MAKERS)
MAX_TOKENS = 24
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(words=st.lists(st.sampled_from(WORDS.split()), max_size=90), pair=st.sampled_from(["", "the mayor"]))
@settings(max_examples=25)
def test_windows_hold_every_token_and_the_pair(
    tiny_encoders: dict[str, Path], architecture: str, words: list[str], pair: str
) -> None:
    tokenizer = TextTokenizer.load(tiny_encoders[architecture])
    text = " ".join(words)
    found = windows([Example("a"), Example(text, pair=pair)], tokenizer, MAX_TOKENS)
    own = [window for window in found if window.example == 1]
    assert [window.example for window in found] == [0] + [1] * len(own)
    assert all(0 < window.length <= MAX_TOKENS for window in found)
    whole, second = tokenizer.ids([text, pair])
    frame = tokenizer.frame(paired=bool(pair))
    specials = {*frame.before[0], *frame.between[0], *frame.end[0]}
    tokens = [[token for token in window.ids if token not in specials] for window in own]
    assert all(window[len(window) - len(second) :] == second for window in tokens)
    assert [token for window in tokens for token in window[: len(window) - len(second)]] == whole


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(words=st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=60), data=st.data())
@settings(max_examples=25)
def test_the_focus_is_its_own_tokens_and_windows_without_them_are_left_out(
    tiny_encoders: dict[str, Path], architecture: str, words: list[str], data: st.DataObject
) -> None:
    tokenizer = TextTokenizer.load(tiny_encoders[architecture])
    chosen = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join([*words[:chosen], ""]))
    focus = (start, start + len(words[chosen]))
    found = windows([Example(" ".join(words), pair="the mayor", focus=focus), Example("a")], tokenizer, MAX_TOKENS)
    own = [window for window in found if window.example == 0]
    tokens = [token for window in own for token, inside in zip(window.ids, window.focus or (), strict=True) if inside]
    library = Tokenizer.from_file(str(tiny_encoders[architecture] / "tokenizer.json"))
    assert library.decode(tokens).strip() == words[chosen]
    assert [window.focus for window in found if window.example == 1] == [None]
    batch = pad([[window] for window in found], ("input_ids", "focus_mask"))
    expected = [sum(window.focus or ()) for window in own] + [found[-1].length]
    assert batch["focus_mask"].sum(axis=(1, 2)).tolist() == expected


def test_mentions_in_one_sentence_take_one_pass_and_each_its_own_answer(tiny_encoders: dict[str, Path]) -> None:
    """An encoder reads a sentence once, whichever of its words are asked for."""
    text = "the mayor won and the council lost"
    names = ["mayor", "council", "won"]
    spans = [(text.index(name), text.index(name) + len(name)) for name in names]
    examples = [Example(text, focus=spans[0]), Example("a storm"), *(Example(text, focus=span) for span in spans[1:])]
    labels = ("favor", "against")
    train = [Example(text, focus=span, label=label) for span, label in zip(spans, labels, strict=False)]
    settings = {"encoder": encoder_settings(tiny_encoders["bert"]), "max_tokens": 64, "epochs": 1}
    config = Config.model_validate(settings)
    classifier = fit(TaskExamples(train, train, labels), config, seed=3)
    rows: list[int] = []

    class Counting:
        inputs = classifier.session.inputs
        finer = None
        margin = 0.0

        def run(self, padded: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
            return classifier.session.run(rows.append(len(batch["input_ids"])) or batch for batch in padded)

    alone = np.concatenate([classifier.logits([example]) for example in examples])
    together = TransformerClassifier(labels, Counting, classifier.tokenizer, 24, classifier.network)
    np.testing.assert_allclose(together.logits(examples), alone, atol=1e-5)
    assert rows == [2]
    assert len({tuple(row) for row in alone.round(6).tolist()}) == len(examples)


def test_batches_hold_every_window_once_padded_to_the_longest(tiny_encoders: dict[str, Path]) -> None:
    tokenizer = TextTokenizer.load(tiny_encoders["bert"])
    examples = [Example("the council " * (number % 13 + 1)) for number in range(75)]
    found = windows(examples, tokenizer, MAX_TOKENS)
    numbers: list[int] = []
    for own in batches(found):
        numbers += [window.example for alike in own for window in alike]
        batch = pad(own, INPUTS)
        assert {array.shape for array in batch.values()} == {batch["input_ids"].shape}
        assert batch["attention_mask"].sum(axis=1).tolist() == [alike[0].length for alike in own]
        assert batch["attention_mask"].sum(axis=1).max() == batch["input_ids"].shape[1]
    assert sorted(numbers) == sorted(window.example for window in found)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_second_segment_longer_than_a_window_is_answered(tiny_encoders: dict[str, Path], architecture: str) -> None:
    tokenizer = TextTokenizer.load(tiny_encoders[architecture])
    found = windows([Example("the mayor won", pair="the council " * 60)], tokenizer, MAX_TOKENS)
    assert found
    assert all(window.length <= MAX_TOKENS for window in found)


@given(lengths=st.lists(st.integers(1, 3000), max_size=200))
@settings(max_examples=50)
def test_batches_hold_every_window_and_stay_within_what_a_runtime_may_take(lengths: list[int]) -> None:
    found = [Window(number, [number, *[7] * (length - 1)], [0] * length) for number, length in enumerate(lengths)]
    made = batches(found)
    assert sorted(window.example for batch in made for alike in batch for window in alike) == list(range(len(found)))
    for batch in made:
        longest = max(alike[0].length for alike in batch)
        assert len(batch) == 1 or (len(batch) <= BATCH and len(batch) * longest <= BATCH_TOKENS)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 9)), min_size=1, max_size=200), st.integers(64, 1024))
@settings(max_examples=50)
def test_the_shapes_of_batches_recur(texts: list[tuple[int, int]], tokens: int) -> None:
    """A runtime prepares itself anew for each: all batches of one length have as many rows, but for the last."""
    found = [
        Window(number, [number, *[7] * (length - 1)], [0] * length, [place == 0 for place in range(length)])
        for number, (length, focuses) in enumerate(texts)
        for _ in range(focuses)
    ]
    shapes: list[tuple[int, ...]] = []

    class Shapes:
        inputs = (*INPUTS, "focus_mask")
        finer = None
        margin = 0.0

        def run(self, padded: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
            for batch in padded:
                shapes.append(batch["focus_mask"].shape)
                yield np.zeros((*shapes[-1][:2], 3), np.float32)

    assert sum(len(numbers) for numbers, _ in answers(found, Shapes(), tokens)) == len(found)
    assert all(length % LENGTHS == 0 and focuses % FOCUSES == 0 for _, focuses, length in shapes)
    assert len({(rows, length) for rows, _, length in shapes[:-1]}) == len({length for *_, length in shapes[:-1]})
