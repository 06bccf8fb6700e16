"""Ids of words that are put together are those of whole texts, as the tokenizers library gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.classifiers import encoders, tokens
from pipeline.classifiers.contract import Example
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import _FOLD, windows
from tests.encoders import MAKERS, WORDS

ARCHITECTURES = (*sorted(MAKERS), "pretrained")
MAX_TOKENS = 24
texts = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [*WORDS.split()[:30], "Ünïcode", "中文", "don’t", "“Yes,”", "[SEP]", "e\u0301", "\u0301x", "", "a\x0bb"]
    )
).map(" ".join)


@pytest.fixture(scope="module")
def folders(tiny_encoders: dict[str, Path]) -> Mapping[str, Path]:
    """Folders of tiny encoders and of the pretrained one."""
    return {**tiny_encoders, "pretrained": encoders.resolve(encoders.Config())}


def whole(folder: Path) -> Tokenizer:
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(given=st.lists(texts, max_size=6))
@example(["a\x1cb c\u3000d \u2028e", " \u0301 x", "\ufffd\x00 y"])
@example(["council.,) ... council", "!council? (council) \u0301, a.b.c.!"])
@settings(max_examples=50)
def test_ids_are_those_of_the_library(folders: Mapping[str, Path], architecture: str, given: list[str]) -> None:
    expected = whole(folders[architecture]).encode_batch(given, add_special_tokens=False)
    found = TextTokenizer.load(folders[architecture])
    assert found.ids(given) == [encoding.ids for encoding in expected]
    assert found.ids(given) == [encoding.ids for encoding in expected], "what is known by now is the same"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(text=texts.filter(bool), data=st.data())
@settings(max_examples=50)
def test_what_reaches_into_a_span_is_told_by_the_library_s_offsets(
    folders: Mapping[str, Path], architecture: str, text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    offsets = whole(folders[architecture]).encode(text, add_special_tokens=False).offsets
    expected = [int(first < end and last > start) for first, last in offsets]
    assert TextTokenizer.load(folders[architecture]).within(text, start, end) == expected


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(
    given=st.lists(st.tuples(texts, st.none() | st.sampled_from(["", "the mayor", "a " * 40])), min_size=1, max_size=5)
)
@settings(max_examples=50)
def test_windows_are_those_of_the_library(
    folders: Mapping[str, Path], architecture: str, given: list[tuple[str, str | None]]
) -> None:
    """The library cuts windows by itself; ours must have the same ids and types."""
    from transformers import AutoTokenizer

    plain = [(text.translate(_FOLD), (pair or "")[:8]) for text, pair in given]
    library = AutoTokenizer.from_pretrained(folders[architecture])
    tokenizer = TextTokenizer.load(folders[architecture])
    found = windows([Example(text, pair=pair or None) for text, pair in plain], tokenizer, MAX_TOKENS)
    for number, (text, pair) in enumerate(plain):
        expected: dict[str, Any] = library(
            [text],
            [pair] if pair else None,
            truncation="only_first",
            max_length=MAX_TOKENS,
            return_overflowing_tokens=True,
        )
        own = [window for window in found if window.example == number]
        assert [window.ids for window in own] == expected["input_ids"]
        if "token_type_ids" in expected:
            assert [window.types for window in own] == expected["token_type_ids"]


def test_more_words_than_are_kept_change_nothing(folders: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_MANY", 3)
    monkeypatch.setattr(tokens, "_LONG", 4)
    tokenizer, library = TextTokenizer.load(folders["bert"]), whole(folders["bert"])
    for text in (WORDS, "the council met", WORDS[40:], "a strike of the ferry"):
        assert tokenizer.ids([text]) == [library.encode(text, add_special_tokens=False).ids]


def test_a_token_of_ones_own_with_marks_is_found(folders: Mapping[str, Path]) -> None:
    library = whole(folders["bert"])
    library.add_tokens(["a.c."])
    tokenizer = TextTokenizer(library)
    for text in ("a.c.", "the council of a.c. met", "the (a.c.)"):
        assert tokenizer.ids([text]) == [library.encode(text, add_special_tokens=False).ids]
