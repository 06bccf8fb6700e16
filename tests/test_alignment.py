"""Text that remembers where its characters came from, whatever was replaced in it and how often."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.alignment import AlignedText
from pipeline.article import Edit

Replacement = tuple[int, int, str]


@st.composite
def replacements(draw: st.DrawFn, length: int) -> list[Replacement]:
    """Draw ordered spans that do not overlap, with what replaces them."""
    borders = sorted(draw(st.lists(st.integers(0, length), max_size=6)))
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return [(start, end, draw(st.text("ab", max_size=3))) for start, end in pairs]


@st.composite
def aligned(draw: st.DrawFn) -> AlignedText:
    """Draw a text after up to three rounds of replacements, each made on the outcome of the one before."""
    text = AlignedText.identity(draw(st.text("ab", max_size=8)))
    for _ in range(draw(st.integers(0, 3))):
        text = text.replace(draw(replacements(len(text.text))))
    return text


def naively_replaced(text: str, changes: Sequence[Replacement]) -> str:
    for start, end, new in reversed(changes):
        text = text[:start] + new + text[end:]
    return text


@given(aligned(), st.data())
def test_replacing_gives_the_text_that_naive_replacement_gives(text: AlignedText, data: st.DataObject) -> None:
    changes = data.draw(replacements(len(text.text)))
    assert text.replace(changes).text == naively_replaced(text.text, changes)
    assert text.replace(changes).raw == text.raw


@given(aligned())
def test_edits_and_the_equal_stretches_between_them_tile_raw_and_text(text: AlignedText) -> None:
    raw_position = position = 0
    for edit in text.edits:
        assert text.raw[raw_position : edit.raw_start] == text.text[position : edit.start]
        assert raw_position <= edit.raw_start <= edit.raw_end
        assert position <= edit.start <= edit.end
        raw_position, position = edit.raw_end, edit.end
    assert text.raw[raw_position:] == text.text[position:]


@given(aligned())
def test_every_edit_changes_something(text: AlignedText) -> None:
    for edit in text.edits:
        assert text.raw[edit.raw_start : edit.raw_end] != text.text[edit.start : edit.end]


@given(aligned(), st.data())
def test_a_raw_span_lies_within_the_raw_text_and_grows_with_its_span(text: AlignedText, data: st.DataObject) -> None:
    borders = st.integers(0, len(text.text))
    outer_start, start, end, outer_end = sorted(data.draw(st.tuples(borders, borders, borders, borders)))
    raw_start, raw_end = text.raw_span(start, end)
    outer_raw_start, outer_raw_end = text.raw_span(outer_start, outer_end)
    assert 0 <= outer_raw_start <= raw_start <= raw_end <= len(text.raw)
    assert start == end or raw_end <= outer_raw_end


@given(aligned())
def test_an_untouched_character_is_found_at_its_own_raw_place(text: AlignedText) -> None:
    edited = {place for edit in text.edits for place in range(edit.start, edit.end)}
    for place in set(range(len(text.text))) - edited:
        raw_start, raw_end = text.raw_span(place, place + 1)
        assert text.raw[raw_start:raw_end] == text.text[place]


@given(aligned(), st.data())
def test_the_clean_span_of_a_raw_span_covers_where_it_came_from(text: AlignedText, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text.text))] * 2)))
    raw_start, raw_end = text.raw_span(start, end)
    clean_start, clean_end = text.clean_span(raw_start, raw_end)
    assert 0 <= clean_start <= clean_end <= len(text.text)
    came_from_nowhere = any(edit.raw_start == edit.raw_end for edit in text.edits)
    if start < end and not came_from_nowhere:
        assert clean_start <= start < end <= clean_end


def test_a_border_inside_an_edit_takes_the_whole_edit() -> None:
    text = AlignedText.identity("a&hellip;b").replace([(1, 9, "...")])
    assert text.text == "a...b"
    assert text.raw_span(0, 2) == (0, 9)
    assert text.raw_span(2, 5) == (1, 10)
    assert text.clean_span(3, 10) == (1, 5)


def test_deleted_characters_at_either_border_stay_outside() -> None:
    text = AlignedText.identity("--word--").replace([(0, 2, ""), (6, 8, "")])
    assert text.raw_span(0, 4) == (2, 6)


def test_a_replacement_that_cuts_an_earlier_edit_is_one_edit_with_it() -> None:
    text = AlignedText.identity("a&amp;b").replace([(1, 6, "and")]).replace([(3, 5, "!")])
    assert text.text == "aan!"
    assert text.edits == (Edit(1, 7, 1, 4),)


def test_touching_replacements_stay_apart() -> None:
    text = AlignedText.identity("abcd").replace([(1, 2, "xx"), (2, 3, "")])
    assert text.edits == (Edit(1, 2, 1, 3), Edit(2, 3, 3, 3))


def test_undoing_a_replacement_leaves_no_edit() -> None:
    text = AlignedText.identity("abc").replace([(1, 2, "x")]).replace([(1, 2, "b")])
    assert text == AlignedText.identity("abc")


def test_a_replacement_by_the_same_text_is_none() -> None:
    assert AlignedText.identity("abc").replace([(0, 1, "a"), (1, 1, "")]) == AlignedText.identity("abc")
