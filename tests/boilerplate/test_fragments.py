"""Fragments: their format and its faults, and that splicing adds to an article without changing what it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import seeds
from pipeline.article import REMOVED_ROLES, ROLES
from pipeline.boilerplate.fragments import PLACES, Fragment, RoleLine, kept, read_folder, splice
from pipeline.errors import DataError

WRITTEN = """\
--- top
deck:  The  council\tvoted: it stays shut\u0020

byline: By Jane Roe
--- inside
subhead: What comes next
body: Nobody knows: “role: text” is how it begins.

--- bottom
promo: — --- Sign up
"""


def folder(path: Path, *contents: str) -> Path:
    """Write files of fragments, a.txt, b.txt and so on."""
    for name, content in zip("abc", contents, strict=False):
        (path / f"{name}.txt").write_text(content, encoding="utf-8")
    return path


# --- the format


def test_fragments_are_read_as_they_are_written(tmp_path: Path) -> None:
    assert read_folder(folder(tmp_path, WRITTEN)) == [
        Fragment("top", (RoleLine("The council voted: it stays shut", "deck"), RoleLine("By Jane Roe", "byline"))),
        Fragment(
            "inside",
            (
                RoleLine("What comes next", "subhead"),
                RoleLine("Nobody knows: “role: text” is how it begins.", "body"),
            ),
        ),
        Fragment("bottom", (RoleLine("— --- Sign up", "promo"),)),
    ]


def test_files_are_read_in_the_order_of_their_names_and_others_are_not(tmp_path: Path) -> None:
    folder(tmp_path, "--- top\npromo: One\n", "\n", "--- top\npromo: Two")
    (tmp_path / "NOTES.md").write_text("no fragment", encoding="utf-8")
    assert [fragment.lines[0].text for fragment in read_folder(tmp_path)] == ["One", "Two"]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("\npromo: Sign up\n--- top\n", 2, "a line before any '--- place'; open a fragment first"),
        ("--- top\npromo: One\n--- middle\n", 3, "unknown place 'middle'; known: top, inside, bottom"),
        ("--- \npromo: One\n", 1, "unknown place ''; known: top, inside, bottom"),
        ("--- top\n\n--- inside\nad: One\n", 3, "an empty fragment; remove it"),
        ("--- top\nad: One\n\nadvert: Two\n", 4, "not 'role: text' with one of deck, subhead, correction, body, "),
        ("--- top\nheadline: One\n", 2, "not 'role: text' with one of deck, subhead, "),
        ("--- top\nad:One\n", 2, "not 'role: text'"),
        ("--- top\nad: \n", 2, "not 'role: text'"),
        ("--- top\n ad: One\n", 2, "not 'role: text'"),
        ("--- top\nad: One\n---\nad: Two\n", 3, "not 'role: text'"),
    ],
)
def test_a_fault_is_told_with_its_file_and_line(tmp_path: Path, content: str, line: int, said: str) -> None:
    folder(tmp_path, "--- top\nad: Fine\n", content)
    with pytest.raises(DataError) as refused:
        read_folder(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'b.txt'}:{line}: {said}")


def test_an_empty_fragment_at_the_end_is_told_with_its_file(tmp_path: Path) -> None:
    folder(tmp_path, "--- top\nad: One\n--- bottom\n")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'a.txt'}") + ".*: an empty fragment; remove it"):
        read_folder(tmp_path)


def test_a_text_that_stands_twice_is_told_with_both_places(tmp_path: Path) -> None:
    folder(tmp_path, "--- top\nad: Buy now\n", "--- bottom\nad: Sell\npromo: Buy  now\n")
    with pytest.raises(DataError) as refused:
        read_folder(tmp_path)
    assert str(refused.value) == f"{tmp_path / 'b.txt'}:3: 'Buy now' stands in {tmp_path / 'a.txt'}:2 too; remove one"


@pytest.mark.parametrize("contents", [(), ("\n",)])
def test_a_folder_without_fragments_is_named(tmp_path: Path, contents: Sequence[str]) -> None:
    with pytest.raises(DataError, match=re.escape(f"no fragments in {tmp_path}; it must hold *.txt files")):
        read_folder(folder(tmp_path, *contents))


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("--- top\nad: Größe\n".encode("latin-1"))
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "a.txt"))):
        read_folder(tmp_path)


# --- splicing


@st.composite
def articles(draw: st.DrawFn) -> list[RoleLine]:
    roles = draw(st.lists(st.sampled_from(["body", "body", "deck", "byline", "promo", "subhead"]), max_size=10))
    return [
        RoleLine(f"article {number}", next(known for known in ROLES if known == role))
        for number, role in enumerate(roles)
    ]


@st.composite
def fragments(draw: st.DrawFn) -> list[Fragment]:
    """Draw fragments of one to three lines, of which no two have the same text."""
    shapes = draw(
        st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 3), st.sampled_from(ROLES[1:])), max_size=8)
    )
    return [
        Fragment(place, tuple(RoleLine(f"fragment {number} {line}", role) for line in range(count)))
        for number, (place, count, role) in enumerate(shapes)
    ]


def above(article: Sequence[RoleLine], fragment: Fragment, spliced: Sequence[RoleLine]) -> int:
    """Return how many lines of the article stand above a fragment."""
    return sum(line in article for line in spliced[: spliced.index(fragment.lines[0])])


@given(articles(), fragments())
def test_an_article_keeps_its_lines_in_their_order_and_fragments_stay_whole(
    article: list[RoleLine], added: list[Fragment]
) -> None:
    spliced = splice(article, added)
    assert [line for line in spliced if line in article] == article
    assert len(spliced) == len(article) + sum(len(fragment.lines) for fragment in added)
    for fragment in added:
        start = spliced.index(fragment.lines[0])
        assert tuple(spliced[start : start + len(fragment.lines)]) == fragment.lines


@given(articles(), fragments())
def test_fragments_stand_where_their_place_says(article: list[RoleLine], added: list[Fragment]) -> None:
    body = [index for index, line in enumerate(article) if line.role == "body"]
    spliced = splice(article, added)
    for fragment in added:
        index = above(article, fragment, spliced)
        if not body:
            assert index == len(article)
        elif fragment.place == "top":
            assert index == body[0]
        elif fragment.place == "bottom":
            assert index > body[-1]
        elif len(body) > 1:
            assert body[0] < index <= body[-1]
            assert article[index].role == "body"
        else:
            assert index == body[0] + 1


@given(articles(), fragments())
def test_a_fragment_s_place_depends_on_nothing_but_itself_and_the_article(
    article: list[RoleLine], added: list[Fragment]
) -> None:
    spliced = splice(article, added)
    assert splice(list(article), list(added)) == spliced
    for fragment in added:
        assert above(article, fragment, spliced) == above(article, fragment, splice(article, [fragment]))
    for one, other in combinations(added, 2):
        if above(article, one, spliced) == above(article, other, spliced):
            assert spliced.index(one.lines[0]) < spliced.index(other.lines[0])


def test_fragments_are_spread_over_an_article() -> None:
    article = [RoleLine(f"article {number}", "body") for number in range(6)]
    article += [RoleLine(f"residue {number}", "promo") for number in range(4)]
    for place, slots in (("top", {0}), ("inside", {1, 2, 3, 4, 5}), ("bottom", {6, 7, 8, 9, 10})):
        added = [
            Fragment(next(known for known in PLACES if known == place), (RoleLine(f"fragment {number}", "ad"),))
            for number in range(60)
        ]
        spliced = splice(article, added)
        assert {above(article, fragment, spliced) for fragment in added} == slots


# --- the fragments of the project


@pytest.fixture(scope="module")
def own(project: Path) -> list[Fragment]:
    return read_folder(project / "seeds" / "fragments")


def test_the_project_s_fragments_have_every_place_and_every_removed_role_and_lines_that_only_look_so(
    own: list[Fragment],
) -> None:
    roles = {line.role for fragment in own for line in fragment.lines}
    assert roles >= {*REMOVED_ROLES, "body", "subhead", "deck", "correction"}
    assert {fragment.place for fragment in own} == set(PLACES)
    found = [kept(line) for fragment in own for line in fragment.lines]
    assert 0.3 < sum(found) / len(found) < 0.7  # else they would teach to keep, or to remove, whatever is unknown


def passages(texts: Iterable[str], size: int = 10) -> dict[tuple[str, ...], str]:
    """Return the text of every run of so many words."""
    found: dict[tuple[str, ...], str] = {}
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        found |= {tuple(words[start : start + size]): text for start in range(len(words) - size + 1)}
    return found


def test_the_project_s_fragments_share_no_passage_with_the_articles(
    own: list[Fragment], project: Path, topics: tuple[str, ...]
) -> None:
    """Of dev and test articles that would be training on what is measured; of the others it would teach nothing."""
    written = passages(line.text for fragment in own for line in fragment.lines)
    corpus = seeds.read_folder(project / "seeds" / "articles", topics)
    again = passages(line for article in corpus for line in article.raw.split("\n"))
    assert {written[passage] for passage in written.keys() & again.keys()} == set()
