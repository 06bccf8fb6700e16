"""What a page says of its extracted lines: the headline leaves the text, every mark slices one of its lines."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import page
from pipeline.article import MarkKind

HEADLINE = "Council closes the harbour bridge for a year"
LINES = (
    "The council voted on Tuesday to close the harbour bridge for repairs, its speaker said afterwards.",
    "Engineers had found rust in 14 of the 60 cables, and asked for a decision before the winter storms.",
    "“We cannot run it safely,” said the mayor, who thanked the engineers for their report of last May.",
    "Ferries are to carry some 3,000 people a day, twice as many as the two ships did in the past year.",
    "The shops on the eastern quay fear for their customers, and have asked the council for a subsidy.",
    "Work begins in March, and the town has set aside $14 million for it, a third more than was planned.",
    "Two earlier repairs were put off, once for want of steel and once for want of anyone to pay for it.",
    "Nobody asked the fishermen, whose boats pass below the bridge, when they would like it to be closed.",
)
LINK = "Ferry fares are to rise in May, and again in the autumn"


def read(
    markup: str, lines: Sequence[str], title: str | None = None, precise: Sequence[str] | None = None
) -> tuple[list[str], dict[str, MarkKind]]:
    """Return the lines of the text, and the mark of each line that has one."""
    text, marks = page.read(markup, "\n".join(lines), title, None if precise is None else "\n".join(precise))
    return text.split("\n"), {text[mark.raw_start : mark.raw_end]: mark.kind for mark in marks}


def marked(markup: str, lines: Sequence[str], precise: Sequence[str] | None = None) -> dict[str, MarkKind]:
    return read(markup, lines, None, precise)[1]


def paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def link(line: str) -> str:
    return f'<p><a href="/x">{html.escape(line)}</a></p>'


def metadata(document: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(document)}</script>'


def stated(lines: Sequence[str]) -> str:
    return metadata({"@type": "NewsArticle", "articleBody": " ".join(lines)})


# --- the headline


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        (f"<h1>{HEADLINE}</h1>", None),
        ("<h1>Council closes\n the <em>harbour</em> bridge<!-- on line 2 --> for a&nbsp;year</h1>", None),
        (f"<h1>Larkfield News</h1><p>One<h1>{HEADLINE}</h1>", None),
        (f'<meta property="og:title" content="{HEADLINE}">', None),
        ("<p>One", HEADLINE),
        (f"<h1>{HEADLINE.upper()}!</h1>", None),
        (f"<h1>{HEADLINE} | Larkfield News</h1>", None),
    ],
)  # fmt: skip
def test_a_headline_repeated_as_first_line_leaves_the_text(markup: str, title: str | None) -> None:
    assert read(markup, [HEADLINE, *LINES], title)[0] == list(LINES)


def test_every_repetition_within_the_first_four_lines_goes_and_a_later_one_stays() -> None:
    lines = ["", HEADLINE, LINES[0], HEADLINE, HEADLINE, LINES[1]]
    assert read("", lines)[0] == lines
    assert read(f"<h1>{HEADLINE}</h1>", lines)[0] == ["", LINES[0], HEADLINE, LINES[1]]


def test_a_title_from_elsewhere_is_the_only_headline_that_leaves_the_text() -> None:
    markup, text = f"<h1>{HEADLINE}</h1>", "\n".join([HEADLINE, *LINES])
    assert page.read(markup, text, None, None, given_title="Bridge to close")[0] == text
    assert page.read(markup, text, None, None, given_title=HEADLINE)[0] == "\n".join(LINES)


def test_what_is_more_than_the_headline_or_only_its_first_words_stays() -> None:
    lines = [f"{HEADLINE}, and the ferries are to run at night", "Council closes", *LINES]
    assert read(f"<h1>{HEADLINE}</h1>", lines)[0] == lines


@pytest.mark.parametrize("lines", [[HEADLINE], [HEADLINE, "", f"{HEADLINE}."]])
def test_a_headline_that_is_all_there_is_stays(lines: list[str]) -> None:
    assert read(f"<h1>{HEADLINE}</h1>", lines)[0] == lines


def test_a_page_without_a_headline_loses_no_line() -> None:
    lines = ["…", "", *LINES]
    assert read("<h1> </h1><h1>…</h1>", lines, "")[0] == lines


def test_marks_count_the_text_without_the_headline() -> None:
    markup = f"<h1>{HEADLINE}</h1>{paragraphs(LINES)}{link(LINK)}"
    lines, marks = read(markup, [HEADLINE, *LINES, LINK])
    assert lines == [*LINES, LINK]
    assert marks == {LINK: "link"}


# --- links


@pytest.mark.parametrize(
    ("markup", "is_link"),
    [
        (link(LINK), True),
        (f"<a href=x><h3>{LINK}</h3></a>", True),
        (f"<li>Ferry <a>{LINK.removeprefix('Ferry ')}</a>", True),
        ("<p><a>Ferry fares are to rise</a> <a>in May</a>, <a>and again<!-- x --> in the autumn</a></p>", True),
        (f"<p><a>{LINK}</a><script>count('click')</script></p>", True),
        (f"<p><a>Ferry fares</a>{LINK.removeprefix('Ferry fares')}</p>", False),
        (f"<p>{LINK.removesuffix('autumn')}<a>autumn</a></p>", False),
        (f"<p><a>{LINK.removesuffix('in the autumn')}</a>in the autumn</p>", False),
        (f"<p>{LINK}</p>", False),
        (f"{link(LINK)}<p>{LINK}</p>", False),
        (f"<p>{LINK}</p>{link(LINK)}", False),
        ("<p>A line that the page does not hold</p>", False),
    ],
)  # fmt: skip
def test_a_line_is_a_link_where_nearly_all_its_letters_are_inside_links(markup: str, is_link: bool) -> None:
    assert marked(paragraphs(LINES) + markup, [*LINES, LINK]) == ({LINK: "link"} if is_link else {})


def test_a_page_that_is_a_list_of_links_is_spared() -> None:
    offers = [f"{LINK} of {year}" for year in range(2020, 2026)]
    markup = paragraphs(LINES) + "".join(map(link, offers))
    few, many = [*LINES, *offers[:5]], [*LINES, *offers]
    assert marked(markup, few) == dict.fromkeys(offers[:5], "link")
    assert marked(markup, many) == {}
    assert marked(markup, ["", *many, "", "", ""]) == {}, "blank lines are no lines"


def test_a_list_of_links_can_still_be_doubted() -> None:
    assert marked(link(LINK), [LINK, *LINES[:1]], precise=LINES[:1]) == {LINK: "doubtful"}


# --- what the page's own metadata hold


STATED = LINES[:7]
EXTRA = LINES[7]
SPOKEN = {**dict.fromkeys(STATED, "stated"), EXTRA: "unstated"}


@pytest.mark.parametrize(
    "document",
    [
        {"articleBody": " ".join(STATED)},
        {"@graph": [{"@type": "WebPage"}, {"@type": "NewsArticle", "articleBody": "\n".join(STATED)}]},
        [{"@type": "BreadcrumbList"}, [{"mainEntity": {"articleBody": " ".join(STATED)}}]],
        {"articleBody": paragraphs(STATED).replace("council", "<b class=x>council</b>")},
        {"articleBody": html.escape(paragraphs(STATED).replace("council", "<b class=x>council</b>"))},
        {"articleBody": " ".join(STATED).upper().replace("“", '"').replace("”", '"')},
        [{"articleBody": "A teaser."}, {"articleBody": " ".join(STATED)}, {"articleBody": 7}, {"articleBody": [None]}],
    ],
)
def test_lines_are_told_by_the_article_body_in_the_metadata(document: Any) -> None:
    assert marked(metadata(document) + paragraphs(LINES), LINES) == SPOKEN


@pytest.mark.parametrize(
    "broken", ["{", "", "null", '{"articleBody": "no end', "[" * 100_000, "9" * 10_000, '{"articleBody": {}}']
)
def test_broken_metadata_are_passed_over(broken: str) -> None:
    script = f'<script type="application/ld+json">{broken}</script>'
    assert marked(script + paragraphs(LINES), LINES) == {}
    assert marked(script + stated(STATED) + paragraphs(LINES), LINES) == SPOKEN


def test_line_breaks_within_a_string_of_the_metadata_break_nothing() -> None:
    body = "\n\t".join(STATED)
    script = f'<script type="application/ld+json">{{"articleBody": "{body}"}}</script>'
    assert marked(script, LINES) == SPOKEN


def test_a_body_of_a_teasers_length_says_nothing() -> None:
    assert marked(stated(LINES[:5]), [*LINES[:5], LINK]) == {}
    assert marked(stated(LINES[:6]), [*LINES[:6], LINK]) == {**dict.fromkeys(LINES[:6], "stated"), LINK: "unstated"}


def test_a_body_that_covers_too_little_of_the_text_says_nothing() -> None:
    assert marked(stated(LINES[:6]), LINES) == {}
    assert marked(stated(LINES[:6]), LINES[:7])[LINES[6]] == "unstated"


# --- the stricter reading, and several witnesses at once


@pytest.mark.parametrize(
    ("precise", "expected"),
    [
        (LINES[:6], {LINES[6]: "doubtful", LINES[7]: "doubtful"}),
        ([line.upper() + " " for line in LINES], {}),
        ([], {}),
        (None, {}),
    ],
)
def test_a_line_that_the_stricter_reading_leaves_out_is_doubtful(
    precise: Sequence[str] | None, expected: Mapping[str, str]
) -> None:
    assert marked(paragraphs(LINES), LINES, precise) == expected


def test_what_the_page_states_outweighs_and_a_link_comes_before_other_doubts() -> None:
    linked_and_stated, linked = STATED[6], EXTRA
    markup = stated(STATED) + paragraphs(STATED[:6]) + link(linked_and_stated) + link(linked)
    lines = [*STATED, linked, LINK]
    assert marked(markup, lines, precise=LINES[:1]) == {
        **dict.fromkeys(STATED, "stated"), linked: "link", LINK: "unstated",
    }  # fmt: skip


def test_lines_without_letters_have_no_mark() -> None:
    lines = ["", "***", *LINES, " ", "— … —"]
    assert marked(paragraphs(LINES), lines, precise=[LINK]) == dict.fromkeys(LINES, "doubtful")


# --- any page


@pytest.mark.parametrize(
    "markup",
    [
        "",
        " \n",
        "<!-- nothing but a comment -->",
        "<!doctype html>",
        "<?php echo 1 ?>",
        "<html></html>",
        "<frameset><frame src=x></frameset>",
        "<p>cut <b of",
        "plain text",
        "\0",
        "<h1>\0</h1>",
        "<script>",
        "<svg><a><![CDATA[x]]></a></svg>",
        "<a><table><a><td></a>",
    ],
)
def test_a_page_that_says_nothing_marks_nothing(markup: str) -> None:
    assert read(markup, LINES) == (list(LINES), {})


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1251", "utf-16", "nonsense"])
@pytest.mark.parametrize("declaration", ['<?xml version="1.0" encoding="{}"?>', '<meta charset="{}">'])
def test_an_encoding_declaration_changes_no_letter(declaration: str, encoding: str) -> None:
    lines = ["Où est le café ?", *LINES, "Лодки — “да”"]
    markup = f"{declaration.format(encoding)}<html><body><h1>{lines[0]}</h1>{paragraphs(LINES)}{link(lines[-1])}</body>"
    assert read(markup, lines) == (lines[1:], {lines[-1]: "link"})


def test_a_page_that_is_only_an_encoding_declaration_marks_nothing() -> None:
    assert read('<?xml version="1.0" encoding="utf-8"?>', LINES) == (list(LINES), {})


def test_half_an_emoji_in_the_metadata_does_not_silence_them() -> None:
    assert marked(stated(["\ud83d", *STATED]) + paragraphs(LINES), LINES) == SPOKEN


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 20_000,
        "<div>rain " * 20_000,
        "<a>rain " * 20_000,
        "<b><p>rain</b>" * 5_000,
        "<p>" + "rain and wind " * 100_000 + "</p>",
        "<p><i>rain</i> and wind " * 30_000,
        "<script type='application/ld+json'>" + '{"articleBody": ' * 20_000,
        metadata({"articleBody": "<" * 500_000}),
        metadata({"articleBody": "<div>" * 50_000}),
        "<h1>" * 20_000,
    ],
)
def test_a_page_of_any_size_or_depth_is_read_at_once(markup: str) -> None:
    assert read(markup, LINES, precise=LINES) == (list(LINES), {})


WORDS = st.lists(
    st.sampled_from(["rain", "wind", "Größe", "мост", "橋", "🌧️", "e\u0301", "&", "<b>", "“so”"]), max_size=9
)
DRAWN = st.tuples(
    st.one_of(WORDS.map(" ".join), st.sampled_from(LINES), st.text(max_size=30)),
    st.sampled_from(["", "p", "a"]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(DRAWN, max_size=12), st.integers(0, 3))
def test_each_mark_slices_one_whole_line_of_the_text(
    drawn: Sequence[tuple[str, str, bool, bool]], headline: int
) -> None:
    lines = [line for line, *_ in drawn]
    said = [line for line, _, is_stated, _ in drawn if is_stated]
    markup = (
        "".join(f"<h1>{html.escape(line)}</h1>" for line in lines[:headline])
        + stated([*said, *LINES])
        + "".join(f"<p><{tag}>{html.escape(line)}</{tag}></p>" for line, tag, *_ in drawn if tag)
    )
    text, marks = page.read(markup, "\n".join(lines), None, "\n".join(line for line, *_, strict in drawn if strict))
    spans = []
    position = 0
    for line in text.split("\n"):
        spans.append((position, position + len(line)))
        position += len(line) + 1
    found = [(mark.raw_start, mark.raw_end) for mark in marks]
    assert set(found) <= set(spans)
    assert found == sorted(set(found)), "in order, and one for each line"
    assert all(text[start:end].strip() for start, end in found)
    assert {mark.kind for mark in marks} <= set(get_args(MarkKind))
    given_lines = iter("\n".join(lines).split("\n"))
    assert all(line in given_lines for line in text.split("\n")), "nothing is added or moved"


FRAGMENT = st.one_of(
    st.sampled_from(
        [
            *("<div>", "</div>", "<p>", "</p>", "<a href=x>", "</a>", "<h1>", "</h1>", "<body>", "</body>", "</html>"),
            *("<!--", "-->", "<![CDATA[", "]]>", "<!doctype html>", "<?x", "?>", "<", ">", "&", "&#0;", "&#xd800;"),
            *("<table>", "<svg>", "<frameset>", "<template>", "<noscript>", "<base href='['>", "<textarea>", "<title>"),
            *("<script>", "<script type='application/ld+json'>", "</script>", '{"articleBody": "', '"}', "\\ud800"),
            *("<meta property='og:title' content='", "'>", *LINES),
        ]
    ),
    st.text(max_size=20),
)


@given(
    st.one_of(st.text(), st.lists(FRAGMENT, max_size=25).map("".join)),
    st.text(),
    st.none() | st.text(),
    st.none() | st.text(),
)
@example(stated(["<frameset>", *LINES]), "One", None, None)
@example(stated(["</p></body></html><html><body>", *LINES]), "One", None, None)
@example(stated(["\0\x01\x0b\ud800", *LINES]), "One", None, None)
@example("<p>One</p>", "\ud800", "\udfff", "\ud800")
def test_no_text_makes_it_raise(markup: str, text: str, title: str | None, precise: str | None) -> None:
    left, _ = page.read(markup, text, title, precise)
    assert bool(left.strip()) == bool(text.strip())
