"""Sentences of a line: split where a reader would, and without losing a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sentences import split

PIECES = (
    *(". ", "? ", "! ", "…", ' "', '" ', "“", "” ", "«", "» ", "文。", "।"),
    *("Mr. ", "U.S. ", "no. ", "No. 5 ", "J. ", "3.5 ", "a.m. ", "1. "),
    *("said ", "asked Maria. ", "word ", "Word ", "слово. ", "\u200d", "\t", "\u3000", "👍🏽"),
    *("A\u3000.", "U.S.\u00a0.", "\u2003.é"),
)
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=15).map("".join)


def sentences(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in split(text, language=language)]


@pytest.mark.parametrize(
    "expected",
    [
        ["He met Mr. Smith.", "They left."],
        ["The U.S. Senate voted.", "It passed."],
        ["It cost $3.5 million.", "Nobody paid."],
        ["Prices rose 4.2% vs. 3.1% a year earlier.", "No. 10 said so."],
        ["Sen. J. K. Hale of St. Louis spoke.", "Col. Roy listened."],
        ["He said no.", "Then he left."],
        ["It is up to me.", "The vote is in May.", "Rain fell."],
        ["“Stop!” she said.", "He ran."],
        ["“Who?” asked Maria.", "“Me.”", "Then he left."],
        ["“We won.", "It was hard,” she said.", "“I know.”", "He left."],
        ['"We won."', "He left."],
        ["KYIV, April 20 — The minister spoke.", "Nobody asked."],
        ["Who will pay?", "They will!", "Perhaps…"],
        ["A headline without a stop"],
    ],
)
def test_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("uk", ["Суд виніс рішення.", "Міністр подав у відставку."]),
        ("de", ["Der Rat stimmte am 3. Mai ab.", "Es regnete."]),
        ("es", ["¿Quién paga?", "Nadie lo sabe."]),
        ("unknown", ["One sentence.", "Two sentences."]),
    ],
)
def test_sentences_of_other_languages_are_split(language: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), language) == expected


@given(texts, st.sampled_from(["en", "uk", "ru", "de", "ar", "hi", "zh", "xx"]))
def test_splitting_loses_nothing_but_blanks(text: str, language: str) -> None:
    position = 0
    for start, end in split(text, language=language):
        assert not text[position:start].strip()
        assert position <= start < end
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@given(texts, st.integers(0, 1000))
def test_offsets_count_from_the_start_of_the_line(text: str, start: int) -> None:
    assert list(split(text, start=start)) == [(start + begin, start + end) for begin, end in split(text)]


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    "text", ["a", "word ", "Abc `x` ", "He `x` left. ", "“Stop!” she said ", "vs. Abc ", "“", "1. "]
)
def test_a_line_of_any_length_is_split_without_loss(text: str) -> None:
    line = text * 60_000
    position = 0
    for start, end in split(line):
        assert position <= start < end
        assert not line[position:start].strip()
        position = end
    assert not line[position:].strip()


def test_an_enormous_line_is_split_where_a_short_one_is() -> None:
    line = "He met Mr. Smith. “Who?” asked Maria. They left (in haste). "
    assert sentences(line * 2000) == sentences(line) * 2000


def test_what_goes_on_for_tens_of_thousands_of_characters_without_a_stop_is_cut_between_words() -> None:
    found = sentences("word " * 10_000)
    assert len(found) > 1
    assert {word for one in found for word in one.split()} == {"word"}


def test_what_is_cut_so_is_cut_at_a_pause_if_it_has_one_and_no_name_in_two() -> None:
    found = sentences("Ada Weir of the World Bank, Eric Lund and " * 2000)
    assert len(found) > 1
    assert sum(one.count("Ada Weir of the World Bank,") for one in found) == 2000
    assert sum(one.count("Eric Lund and") for one in found) == 2000
