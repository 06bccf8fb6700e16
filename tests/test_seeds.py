"""The seed format: its documented example parses, and every fault is reported where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import seeds
from pipeline.errors import DataError
from pipeline.seeds import GoldArticle, GoldAttribution, GoldDate, GoldQuantity, GoldStance, GoldTarget

HEADER = """\
outlet: Post
published: 2021-03-04
topic: health
genre: hard news
target: City Council | favor | the council
"""
BODY = "checkworthy: Today the council met.\n  > stance: City Council | neutral\n"


def parse(content: str) -> GoldArticle:
    return seeds.parse(content, file="post/slug.txt", topics=("health", "economy, business and finance"))


@pytest.fixture(scope="module")
def example(project: Path) -> GoldArticle:
    """The example of the annotation guidelines."""
    guidelines = (project / "seeds" / "GUIDELINES.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```\n(outlet:.*?)^```", guidelines, re.DOTALL | re.MULTILINE)
    return parse(block)


def test_the_example_of_the_guidelines_parses_into_its_raw_text(example: GoldArticle) -> None:
    assert example.id == "slug"
    assert (example.outlet, example.published, example.topic) == (
        "The Harbour Post",
        "2021-03-04",
        "economy, business and finance",
    )
    headline, caption, body, promo = example.raw.split("\n\n")
    assert headline == "Harbour bridge reopens two weeks early"
    assert caption == "The new span at dawn on Thursday. | Photo: Tomas Heller/The Harbour Post"
    assert body.startswith("SOUTHPORT — The harbour bridge reopened")
    assert body.endswith("the council said. Advertisement By any measure the council has earned its applause.")
    assert promo.startswith("Get the Post's harbour news")


def test_the_segments_of_the_example_place_every_label_in_the_raw_text(example: GoldArticle) -> None:
    assert [(part.role, part.claim, example.raw[part.start : part.end][:14]) for part in example.segments] == [
        ("headline", None, "Harbour bridge"),
        ("caption", None, "The new span a"),
        ("body", "checkworthy", "SOUTHPORT — Th"),
        ("ad", None, "Advertisement"),
        ("body", "none", "By any measure"),
        ("promo", None, "Get the Post's"),
    ]


def test_the_annotations_of_the_example_are_read(example: GoldArticle) -> None:
    assert example.targets == (
        GoldTarget("City Council", "favor", ("the council", "councillors")),
        GoldTarget("Mayor Elena Ruiz", "against", ("Ruiz", "the mayor")),
    )
    bridge, applause = (segment for segment in example.segments if segment.claim)
    content = "The harbour bridge reopened on Thursday after repairs that cost $14 million"
    assert bridge.attributions == (GoldAttribution("the council", "said", content, "indirect"),)
    assert bridge.dates == (GoldDate("Thursday", "2021-03-04"),)
    assert bridge.quantities == (GoldQuantity("$14 million", 14_000_000.0, "USD"),)
    [stance] = applause.stances
    assert stance == GoldStance("City Council", "favor", stance.start, stance.end)
    assert example.raw[stance.start : stance.end] == "the council"


def test_single_spacing_separates_lines_by_one_newline() -> None:
    article = parse(f"{HEADER}spacing: single\n---\nheadline: One\n\n{BODY}")
    assert article.raw == "One\nToday the council met."


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (f"{HEADER}{BODY}", 1, "no line '---'"),
        (f"{HEADER.replace('outlet: Post', 'outlet Post')}---\n{BODY}", 1, "is not 'key: value'"),
        (f"{HEADER}author: Me\n---\n{BODY}", 6, "header line 'author: Me'"),
        (f"{HEADER}language:\n---\n{BODY}", 6, "is not 'key: value'"),
        (f"{HEADER}genre: review\n---\n{BODY}", 6, "genre is given twice"),
        (f"{HEADER.replace('genre: hard news', 'spacing: single')}---\n{BODY}", 1, "header has no genre"),
        (f"{HEADER.replace('health', 'wealth')}---\n{BODY}", 1, "unknown topic 'wealth'; one of: health"),
        (f"{HEADER.replace('hard news', 'news')}---\n{BODY}", 1, "unknown genre 'news'"),
        (f"{HEADER}spacing: triple\n---\n{BODY}", 1, "unknown spacing 'triple'"),
        (f"{HEADER.replace('2021-03-04', '4 March')}---\n{BODY}", 1, "published '4 March' is not a date"),
        (f"{HEADER.replace('2021-03-04', '2021-02-30')}---\n{BODY}", 1, "published '2021-02-30' is not a date"),
        (f"{HEADER}target: Ruiz | likes\n---\n{BODY}", 6, "target 'Ruiz | likes' is not"),
        (f"{HEADER}target: | favor\n---\n{BODY}", 6, "target '| favor' is not"),
        (f"{HEADER}---\n{BODY}\nverse: La la.\n", 10, "does not begin with 'label: '"),
        (f"{HEADER}---\n{BODY}\nnone:\n", 10, "does not begin with 'label: '"),
        (f"{HEADER}---\n{BODY}\nbody: It met.\n", 10, "does not begin with 'label: '"),
        (f"{HEADER}---\n  > date: x | 2021\n{BODY}", 7, "stands before any segment"),
        (f"{HEADER}---\nheadline: Only this\n", 7, "no body sentence"),
        (f"{HEADER}---\n{BODY}\npromo: Join us\n  > date: us | 2021\n", 11, "only body sentences carry annotations"),
        (f"{HEADER}---\n{BODY}  > mood: good\n", 9, "unknown annotation 'mood'"),
        (f"{HEADER}---\nnone: Today the council met.\n", 7, "names 'City Council' but has no stance line"),
        (f"{HEADER}---\n{BODY}  > stance: Ruiz | favor\n", 9, "'Ruiz' is not a target of the header; known: City"),
        (f"{HEADER}---\n{BODY}  > stance: City Council | good\n", 9, "stance 'City Council | good' is not"),
        (f"{HEADER}---\n{BODY}none: Rain.\n  > stance: City Council | favor\n", 10, "does not name 'City Council'"),
        (f"{HEADER}---\n{BODY}  > says: council | said | met\n", 9, "says is not"),
        (f"{HEADER}---\n{BODY}  > says: the mayor | | | direct\n", 9, "'the mayor' does not stand in the sentence"),
        (f"{HEADER}---\n{BODY}  > date: council | March 2021\n", 9, "date is not"),
        (f"{HEADER}---\n{BODY}  > date: council | 2021-02-30\n", 9, "date is not"),
        (f"{HEADER}---\n{BODY}  > date: Friday | 2021-03-05\n", 9, "'Friday' does not stand in the sentence"),
        (f"{HEADER}---\n{BODY}  > quantity: met | many | members\n", 9, "'many' is not a plain number"),
        (f"{HEADER}---\n{BODY}  > quantity: met | 3 |\n", 9, "quantity is not"),
    ],
)
def test_a_fault_is_reported_by_file_and_line(content: str, line: int, message: str) -> None:
    with pytest.raises(DataError) as raised:
        parse(content)
    faults = str(raised.value).split("\n")
    assert [fault for fault in faults if fault.startswith(f"post/slug.txt:{line}: ") and message in fault]


@pytest.mark.parametrize("iso", ["2021", "2021-03", "2021-03-04", "2021-03-01/2021-03-04", "2020/2021"])
def test_dates_may_be_days_months_years_or_periods(iso: str) -> None:
    article = parse(f"{HEADER}---\n{BODY}  > date: met | {iso}\n")
    assert article.segments[0].dates == (GoldDate("met", iso),)


def test_every_fault_of_a_file_is_reported_at_once() -> None:
    with pytest.raises(DataError) as raised:
        parse(f"{HEADER}mood: good\n---\nverse: La.\n{BODY}  > date: x | y\n")
    assert [fault.split(": ")[0] for fault in str(raised.value).split("\n")] == [
        f"post/slug.txt:{line}" for line in (6, 8, 11)
    ]


def test_a_name_is_found_as_whole_words_the_longest_first() -> None:
    assert seeds.find_mention("The councils of City Council met.", ("council", "City Council")) == (16, 28)
    assert seeds.find_mention("Councilors met.", ("Council",)) is None
    assert seeds.find_mention("The U.S. voted.", ("U.S.",)) == (4, 8)


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for name in ("b/two.txt", "a/one.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{HEADER}---\n{BODY}", encoding="utf-8")
    assert [article.file for article in seeds.read_folder(tmp_path, ("health",))] == ["a/one.txt", "b/two.txt"]


def test_the_faults_of_all_files_of_a_folder_are_reported_together(tmp_path: Path) -> None:
    good = f"{HEADER}---\n{BODY}"
    for name, content in {
        "a/same.txt": good.encode(),
        "b/same.txt": good.encode(),
        "c.txt": b"caf\xe9",
        "d.txt": good.replace("health", "wealth").encode(),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as raised:
        seeds.read_folder(tmp_path, ("health",))
    summary, *faults = str(raised.value).split("\n")
    assert summary.startswith("3 faults")
    assert [fault.split(": ")[0] for fault in faults] == ["b/same.txt:1", "c.txt:1", "d.txt:1"]


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no seed articles"):
        seeds.read_folder(tmp_path, ("health",))
