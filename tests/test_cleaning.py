"""Clean text: what goes, what stays, and that every character is still traced to the raw text."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import seeds
from pipeline.article import Edit
from pipeline.cleaning import clean, lines
from pipeline.sentences import split

DIRT = (
    *(" ", "  ", "\n", "\r\n", "\n\n\n", "\t", "\xa0", "\u2003", "\u2028", "\x85", "&nbsp;", "Â\xa0"),
    *("\x00", "\x1f", "\x9d", "\u200b", "\ufeff", "\xad"),
    *("&amp;", "&amp;lt;", "&#8217;", "&bogus;", "&", "#12;", "``", "''", "â€œ", "Ã©"),
)
raw_texts = st.lists(st.one_of(st.sampled_from(DIRT), st.text(max_size=3)), max_size=12).map("".join)

WORDS = ("The", "council", "voted", "on", "Tuesday", "naïve", "“quoted”", "Kyiv’s", "3.5", "million", "U.S.", "Київ")
SPOILT = (
    "caf&eacute;",
    "AT&amp;T",
    "won&#8217;t",
    "so\xadft",
    "ze\u200bro",
    "``so''",
    "cafÃ©",
    "â€œyesâ€\x9d",
    "n\x00o",
)
BLANKS = (" ", " ", " ", "  ", "\xa0", "&nbsp;", "\n", "\r\n\r\n", " \t", "\u200b ")


@st.composite
def ordinary_texts(draw: st.DrawFn) -> str:
    """Draw sentences as feeds deliver them: entities, mojibake and odd blanks within and between the words."""
    words = draw(st.lists(st.sampled_from(WORDS + SPOILT), min_size=1, max_size=20))
    pieces = [word + draw(st.sampled_from(("", "", "", ".", ","))) + draw(st.sampled_from(BLANKS)) for word in words]
    return "".join(pieces)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("AT&amp;T &lt;3 caf&eacute;s", "AT&T <3 cafés"),
        ("Q&amp;amp;A", "Q&A"),
        ("won&#8217;t &#x27;do&#39;", "won’t 'do'"),
        ("caf\u00c3\u00a9 â€œnoâ€\x9d", "café “no”"),
        ("\ufeffcaf\u00c3\u00a9\u200b, â€œno\u200bâ€\x9d", "café, “no”"),  # invisibles beside a fault hide nothing
        ("non\xa0breaking\u2003space", "non breaking space"),
        ("ze\u200bro wid\ufeffth", "zero width"),
        ("soft\xadhyphen", "softhyphen"),
        ("nul\x00l, bell\x07", "null, bell"),
        ("``so'' ＂wide＂", '"so" "wide"'),
        ("tab\tand  two", "tab and two"),
        ("  \r\n padded \n\n", "padded"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n \n\n\ntwo", "one\n\ntwo"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("left\u202eright\u202c", "leftright"),
    ],
)
def test_faults_of_extracted_text_are_mended(raw: str, expected: str) -> None:
    assert clean(raw).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, “typographic” quotes – and dashes…",
        "Київ — це місто. Не всё так просто.",
        "naïve café Žižek İstanbul",
        "東京で会議が開かれた。",
        "A family: 👩\u200d👩\u200d👧. A flag: 🇺🇦.",
        "می\u200cخواهم",
        "AT&T, R&D; 5 < 6 & 7 > 6",
        "Line one\n\nLine two\nLine three",
    ],
)
def test_a_text_without_faults_is_left_as_it_is(text: str) -> None:
    assert clean(text).text == text
    assert clean(text).edits == ()


@given(raw_texts)
def test_clean_text_has_no_control_characters_and_no_idle_blanks(raw: str) -> None:
    text = clean(raw).text
    assert not [character for character in text if unicodedata.category(character) == "Cc" and character != "\n"]
    assert text == text.strip()
    assert not re.search(r"[^\S\n ]|  | \n|\n |\n{3}", text)


@given(raw_texts)
def test_clean_text_and_its_edits_tile_the_raw_text(raw: str) -> None:
    cleaned = clean(raw)
    rebuilt = position = 0
    for edit in cleaned.edits:
        assert raw[position : edit.raw_start] == cleaned.text[rebuilt : edit.start]
        position, rebuilt = edit.raw_end, edit.end
    assert raw[position:] == cleaned.text[rebuilt:]


@given(ordinary_texts())
def test_cleaning_a_sentences_raw_characters_gives_the_sentence(raw: str) -> None:
    cleaned = clean(raw)
    for line in lines(cleaned.text):
        for start, end in split(line.text, start=line.start):
            raw_start, raw_end = cleaned.raw_span(start, end)
            assert clean(raw[raw_start:raw_end]).text == cleaned.text[start:end]


def test_cleaning_a_sentences_raw_characters_gives_the_sentence_in_real_articles(
    project: Path, topics: tuple[str, ...]
) -> None:
    folder = project / "seeds" / "articles"
    articles = [
        seeds.parse(path.read_text(encoding="utf-8"), file=path.name, topics=topics)
        for path in sorted(folder.rglob("*.txt"))[::10]
    ]
    for article in articles:
        cleaned = clean(article.raw)
        for line in lines(cleaned.text):
            for start, end in split(line.text, start=line.start, language=article.language):
                raw_start, raw_end = cleaned.raw_span(start, end)
                assert clean(article.raw[raw_start:raw_end]).text == cleaned.text[start:end], article.file


def test_a_raw_span_of_a_mended_word_covers_what_was_mended() -> None:
    cleaned = clean("He is at AT&amp;T now.")
    start = cleaned.text.index("AT&T")
    raw_start, raw_end = cleaned.raw_span(start, start + 4)
    assert cleaned.raw[raw_start:raw_end] == "AT&amp;T"
    assert cleaned.edits == (Edit(11, 16, 11, 12),)


@given(raw_texts)
def test_lines_hold_every_character_but_the_line_breaks(raw: str) -> None:
    text = clean(raw).text
    found = lines(text)
    assert all(line.text == text[line.start : line.end] and line.text.strip() for line in found)
    assert "".join(line.text for line in found) == text.replace("\n", "")


@pytest.mark.usefixtures("patience")
def test_an_entity_encoded_time_and_again_is_decoded_at_once() -> None:
    assert clean("&" + "amp;" * 400_000 + "lt;").text == "<"
