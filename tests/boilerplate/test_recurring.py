"""Recurring blocks: what an outlet repeats is found without labels, and what only looks so is left alone."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import Article
from pipeline.boilerplate.recurring import Block, Config, Miner, Recurring, outlet_of, read
from pipeline.classifiers.contract import Example
from pipeline.cleaning import clean, lines
from pipeline.errors import ConfigError

Scores = Callable[[Sequence[Example]], Sequence[Mapping[str, float]]]
WORDS = (
    *("river", "council", "bridge", "harbour", "ferry", "market", "school", "budget", "winter", "garden"),
    *("engine", "planet", "doctor", "village", "museum", "stadium", "tunnel", "orchard", "factory", "castle"),
)
PROMO = "Sign up for our evening letter and never miss a story from the harbour"
KICKER = "The minister did not answer a request for comment on the evening before"
MONTHS = ("january", "feb.", "march", "Sept. ", "december", "tuesday")
NAMES = ("Jane Roe", "Ana de Souza", "O’Neill", "Li Wei Chen", "Max van Dyk", "J.P. Moss")
EAGER = Config(min_articles=2, min_dates=1, min_residue=0.0, often=2)
NEAR_VERBATIM = {
    "verbatim": lambda number: PROMO,
    "letter case and blanks": lambda number: PROMO.upper() if number % 2 else PROMO.replace(" ", "  "),
    "a number": lambda number: f"We have published {number * 1234:,} letters of readers since the flood",
    "a date": lambda number: f"This story was first published on {MONTHS[number]} {number}, 20{number:02}",
    "an address": lambda number: f"Get the letter of the harbour at https://herald.example/{WORDS[number]}?n=a",
    "an e-mail address": lambda number: f"Have you seen more? Write to {WORDS[number]}@herald.example today",
    "a handle": lambda number: f"Tell us what you think of it all: @{WORDS[number]}_desk",
    "a name": lambda number: f"Follow our reporter {NAMES[number]} for more from the harbour",
}


def promo(examples: Sequence[Example]) -> list[Mapping[str, float]]:
    """Stand in for a line classifier that takes every line for a promo."""
    return [{"promo": 0.8, "share": 0.1, "body": 0.1} for _ in examples]


def body(examples: Sequence[Example]) -> list[Mapping[str, float]]:
    """Stand in for a line classifier that is sure of every line to be body."""
    return [{"promo": 0.03, "body": 0.97} for _ in examples]


def unsure(examples: Sequence[Example]) -> list[Mapping[str, float]]:
    """Stand in for a line classifier that takes every line for body, with doubts."""
    return [{"promo": 0.2, "body": 0.8} for _ in examples]


def story(key: object, count: int = 8) -> list[str]:
    """Return body lines that no article of another key has."""
    return [" ".join(random.Random(f"{key} {line}").sample(WORDS, 12)) for line in range(count)]


def article(
    key: object, found: Sequence[str], day: int | None = 1, source: str | None = "The Herald", url: str | None = None
) -> Article:
    published = None if day is None else f"2024-03-{day:02}T08:30:00Z"
    return Article(id=str(key), input="in", line=1, raw="\n".join(found), source=source, published=published, url=url)


def series(block: Callable[[int], str], count: int = 5, first: int = 1) -> list[Article]:
    """Return articles of their own days that end with a block."""
    return [
        article(number, [*story(number), block(number)], day=number % 28 + 1) for number in range(first, first + count)
    ]


def mined(articles: Sequence[Article], config: Config | None = None, scores: Scores = promo) -> Recurring:
    miner = Miner(scores, config or Config())
    for item in articles:
        miner.add(item, lines(clean(item.raw).text))
    return miner.recurring()


def taken(blocks: Recurring, found: Article) -> list[tuple[str, str]]:
    """Return the kind and text of each distinct stretch that the blocks take out of an article."""
    text = clean(found.raw).text
    hits = blocks.find(found, lines(text))
    return list(dict.fromkeys((hit.block.kind, text[hit.start : hit.end]) for hit in hits))


# --- lines


@pytest.mark.parametrize("block", NEAR_VERBATIM.values(), ids=NEAR_VERBATIM)
def test_a_line_that_an_outlet_repeats_is_found_in_its_next_article(block: Callable[[int], str]) -> None:
    blocks = mined(series(block, count=5, first=0))
    found = article("next", [*story("next"), block(5)])
    assert ("line", clean(block(5)).text) in taken(blocks, found)
    assert {text for _, text in taken(blocks, found)} == {clean(block(5)).text}
    assert taken(blocks, article("other", story("other"))) == []


def test_a_block_tells_what_it_rests_on() -> None:
    [block] = mined(series(lambda number: PROMO, count=6)).blocks
    assert dataclasses.replace(block, id="") == Block(
        id="",
        outlet="the herald",
        kind="line",
        template=PROMO.lower(),
        role="promo",
        zones=("bottom",),
        articles=6,
        dates=6,
        residue=0.9,
        example=PROMO,
    )


def test_lines_that_differ_in_their_words_are_not_one_block() -> None:
    assert mined(series(lambda number: f"Sign up for our {WORDS[number]} letter and never miss a story")).blocks == ()


def test_names_alone_make_no_block() -> None:
    assert mined(series(lambda number: f"By {NAMES[number]} in {NAMES[number - 1]}", first=1)).blocks == ()


def test_a_line_of_digits_and_signs_is_no_block() -> None:
    assert mined(series(lambda number: "* * * 24 / 7 * * *"), EAGER).blocks == ()


@pytest.mark.parametrize(("articles", "dates", "found"), [(4, 3, True), (3, 3, False), (9, 2, False), (4, 4, True)])
def test_a_block_needs_enough_articles_on_enough_days(articles: int, dates: int, found: bool) -> None:
    written = [article(number, [*story(number), PROMO], day=number % dates + 1) for number in range(articles)]
    assert bool(mined(written).blocks) is found
    hours = [dataclasses.replace(one, published=f"2024-03-01T{hour:02}:00:00Z") for hour, one in enumerate(written)]
    assert mined(hours).blocks == ()


def test_a_line_twice_in_one_article_counts_once() -> None:
    written = [article(number, [PROMO, *story(number), PROMO, PROMO], day=number) for number in (1, 2, 3)]
    assert mined(written).blocks == ()


def test_where_no_article_has_a_date_none_is_asked_for_nor_claimed() -> None:
    undated = [article(number, [*story(number), PROMO], day=None) for number in range(4)]
    assert [(block.articles, block.dates) for block in mined(undated).blocks] == [(4, 0)]
    dated = [article(number, [*story(number), PROMO], day=number) for number in (8, 9)]
    assert mined([*undated, *dated]).blocks == (), "two known days are not three"


def test_updated_versions_of_a_story_teach_nothing() -> None:
    told = story("the storm")
    versions = [article(number, [*told, *story(number, count=3), PROMO], day=number) for number in range(1, 9)]
    assert mined(versions).blocks == ()
    # Other stories of the outlet still teach what the versions have in common with them, and only that.
    [block] = mined([*versions, *series(lambda number: PROMO, first=20)]).blocks
    assert (block.template, block.articles) == (PROMO.lower(), 6)


def test_the_same_text_again_teaches_nothing() -> None:
    same = [article(number, [*story("same"), PROMO], day=number) for number in range(1, 9)]
    assert mined([*same, *series(lambda number: PROMO, count=2)]).blocks == ()


@pytest.mark.parametrize(
    "name",
    # Both the line as it stands and the line without names are counted, but its length once.
    ["jane roe", "Jane Roe"],
)
def test_short_articles_that_share_less_than_half_are_no_versions_of_a_story(name: str) -> None:
    block = f"Follow our reporter {name} on the app for more and for daily news of the harbour and the town"
    assert len(block) < 0.4 * sum(map(len, story(1, count=3)))
    written = [article(number, [*story(number, count=3), block], day=number) for number in range(1, 6)]
    assert block.lower() in {found.template for found in mined(written).blocks}


# --- what the line classifier says


@pytest.mark.parametrize(("articles", "found"), [(7, False), (8, True)])
def test_a_refrain_of_reporters_is_spared_while_it_is_rare(articles: int, found: bool) -> None:
    assert bool(mined(series(lambda number: KICKER, count=articles), scores=unsure).blocks) is found


def test_what_is_surely_body_and_what_is_said_of_anybody_is_spared_however_often_it_recurs() -> None:
    assert mined(series(lambda number: KICKER, count=20), scores=body).blocks == ()
    names = ["Ada Roe", "Max Lund", "Eva Brandt", "Ian Quill", "Una Marsh"]
    wire = series(lambda number: f"A lawyer for {names[number % 5]} did not answer a request for comment", count=30)
    assert all("◦" not in block.template for block in mined(wire, scores=unsure).blocks)


def test_how_often_is_often_can_be_set() -> None:
    assert mined(series(lambda number: KICKER), Config(often=5), unsure).blocks
    assert not mined(series(lambda number: KICKER), Config(often=6), unsure).blocks


def test_a_heading_of_few_words_is_spared_however_often_it_recurs() -> None:
    assert mined(series(lambda number: "What happens in court next", count=20), scores=body).blocks == ()
    assert mined(series(lambda number: "What happens in court next", count=20), scores=promo).blocks != ()


def test_sentences_of_body_are_spared_however_often_they_recur() -> None:
    def refrain(number: int) -> str:
        return f"The court has told the town: {story(number)[0]}. {story(number)[1].capitalize()}. {KICKER}."

    kinds = {block.kind for block in mined(series(refrain, count=20), scores=promo).blocks}
    assert kinds == {"sentence"}
    assert mined(series(refrain, count=20), scores=body).blocks == ()


def test_it_is_the_mean_over_the_articles_that_tells_a_block_from_body() -> None:
    def blended(share: float) -> Scores:
        def scores(examples: Sequence[Example]) -> list[Mapping[str, float]]:
            return [{"legal": share, "share": 0.01, "body": 0.99 - share} for _ in examples]

        return scores

    def alternating(low: float, high: float) -> Scores:
        calls: list[float] = []

        def scores(examples: Sequence[Example]) -> Sequence[Mapping[str, float]]:
            calls.append(low if len(calls) % 2 else high)
            return blended(calls[-1])(examples)

        return scores

    written = series(lambda number: PROMO)
    assert mined(written, scores=blended(0.48)).blocks == ()
    assert [block.role for block in mined(written, scores=blended(0.5)).blocks] == ["legal"]
    assert mined(written, scores=alternating(0.1, 0.7)).blocks == ()
    assert [block.residue for block in mined(written, scores=alternating(0.3, 0.9)).blocks] == [0.61]


# --- lead-ins


@pytest.mark.parametrize(
    "opening", ["See also:", "See also |", "READ MORE »", "More →", "Watch ›", "Video —", "» Top 5:"]
)
def test_a_lead_in_is_taken_with_whatever_headline_follows(opening: str) -> None:
    blocks = mined(series(lambda number: f"{opening} {' '.join(story(number, 1)[0].split()[:6])}"))
    assert [block.kind for block in blocks.blocks] == ["lead-in"]
    line = f"{opening} mayor opens the new bridge"
    assert taken(blocks, article("next", [*story("next"), line])) == [("lead-in", line)]
    assert taken(blocks, article("bare", [*story("bare"), opening])) == []
    assert taken(blocks, article("body", [*story("body"), f"They {opening} mayor opens the new bridge"])) == []


def test_a_paragraph_glued_to_a_lead_in_is_left() -> None:
    blocks = mined(series(lambda number: f"Read: {' '.join(story(number, 1)[0].split()[:6])}"))
    headline = "Read: mayor opens the new bridge"
    assert taken(blocks, article("next", [*story("next"), headline])) == [("lead-in", headline)]
    glued = f"{headline} By noon the queue had reached the mill. Nobody left before three."
    assert taken(blocks, article("glued", [*story("glued"), glued])) == []
    assert taken(blocks, article("long", [*story("long"), f"{headline} {'and waits ' * 20}"])) == []


def test_a_lead_in_with_always_the_same_headline_is_a_line() -> None:
    blocks = mined(series(lambda number: "See also: our map of every bridge in town"))
    assert [block.kind for block in blocks.blocks] == ["line"]
    assert taken(blocks, article("next", [*story("next"), "See also: mayor opens the new bridge"])) == []


# --- sentences


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_sentence_glued_to_a_paragraph_is_taken_alone(place: str) -> None:
    def paragraph(key: object) -> str:
        told = ". ".join(line.capitalize() for line in story(key, count=3)) + "."
        return f"{told} {PROMO}." if place == "last" else f"{PROMO}. {told}"

    def glued(key: object, day: int) -> Article:
        return article(key, [*story(f"above {key}"), paragraph(key), *story(f"below {key}", count=3)], day=day)

    blocks = mined([glued(number, number) for number in range(1, 6)])
    assert taken(blocks, glued("next", 1)) == [("sentence", f"{PROMO}.")]


def test_a_sentence_within_a_paragraph_is_not_looked_for() -> None:
    def paragraph(number: int) -> str:
        before, after = (line.capitalize() for line in story(number, count=2))
        return f"{before}. {PROMO}. {after}."

    assert mined(series(paragraph)).blocks == ()


def test_a_paragraph_may_have_one_sentence_glued_to_each_end() -> None:
    def paragraph(key: object) -> str:
        return f"{KICKER}. {story(key)[0].capitalize()}. {PROMO}."

    found = article("next", [*story("next"), paragraph("next")])
    assert set(taken(mined(series(paragraph)), found)) == {("sentence", f"{KICKER}."), ("sentence", f"{PROMO}.")}


def test_a_sentence_is_judged_by_itself_and_not_by_its_paragraph() -> None:
    def scores(examples: Sequence[Example]) -> list[Mapping[str, float]]:
        return [{"promo": 0.9} if example.text == f"{PROMO}." else {"body": 1.0} for example in examples]

    written = series(lambda number: f"{story(number)[0].capitalize()}. {PROMO}.")
    assert [block.kind for block in mined(written, scores=scores).blocks] == ["sentence"]


# --- zones and outlets


def placed(key: object, zone: str, line: str = PROMO, day: int = 1) -> Article:
    """Return a long article with a line at the top, in the middle or at the bottom."""
    told = story(key, count=10)
    index = {"top": 1, "middle": 5, "bottom": 9}[zone]
    return article(f"{key} {zone}", [*told[:index], line, *told[index:]], day=day)


@pytest.mark.parametrize("zone", ["top", "middle", "bottom"])
def test_a_block_is_taken_only_where_its_outlet_has_it(zone: str) -> None:
    blocks = mined([placed(number, zone, day=number) for number in range(1, 6)])
    assert [block.zones for block in blocks.blocks] == [(zone,)]
    for other in ("top", "middle", "bottom"):
        assert taken(blocks, placed("next", other)) == ([("line", PROMO)] if other == zone else [])


def test_in_an_article_of_few_lines_the_last_is_the_bottom() -> None:
    blocks = mined([placed(number, "bottom", day=number) for number in range(1, 6)])
    for count in (1, 2, 3):
        assert taken(blocks, article("short", [*story("short", count), PROMO])) == [("line", PROMO)]
        assert taken(blocks, article("short", [PROMO, *story("short", count)])) == []


def test_a_block_is_taken_wherever_its_outlet_has_it_now_and_then() -> None:
    zones = ["bottom", "top", "bottom", "bottom", "middle", "bottom"]
    blocks = mined([placed(day, zone, day=day) for day, zone in enumerate(zones, start=1)])
    assert set(blocks.blocks[0].zones) == {"top", "middle", "bottom"}
    rare = mined([placed(day, "middle" if day == 9 else "bottom", day=day) for day in range(1, 21)])
    assert rare.blocks[0].zones == ("bottom",)


def test_outlets_share_no_blocks() -> None:
    herald = series(lambda number: PROMO)
    courier = [dataclasses.replace(one, source="The Courier") for one in series(lambda number: PROMO, first=9)]
    blocks = mined(herald)
    assert taken(blocks, courier[0]) == []
    assert mined([*herald[:3], *courier[:3]]).blocks == ()
    both = mined([*herald, *courier]).blocks
    assert [block.outlet for block in both] == ["the courier", "the herald"]
    assert both[0].id != both[1].id


@pytest.mark.parametrize(
    ("source", "url", "outlet"),
    [
        ("The  HERALD\n", None, "the herald"),
        ("The Herald", "https://www.herald.example/news", "the herald"),
        (None, "https://www.Herald.example:8080/news?id=1", "herald.example"),
        (" ", "http://user@news.herald.example", "news.herald.example"),
        (None, "herald.example/news", None),
        (None, "http://[herald", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_an_outlet_goes_by_its_name_or_else_by_the_host_of_its_pages(
    source: str | None, url: str | None, outlet: str | None
) -> None:
    assert outlet_of(article("one", ["text"], source=source, url=url)) == outlet


def test_articles_without_a_source_are_mined_by_host_and_those_of_nobody_not_at_all() -> None:
    hosted = [
        dataclasses.replace(one, source=None, url=f"https://www.herald.example/{one.id}")
        for one in series(lambda number: PROMO, count=6)
    ]
    blocks = mined(hosted[:5])
    assert [block.outlet for block in blocks.blocks] == ["herald.example"]
    assert taken(blocks, hosted[5]) == [("line", PROMO)]
    unknown = [dataclasses.replace(one, url=None) for one in hosted]
    assert taken(blocks, unknown[5]) == []
    assert mined(unknown, EAGER).blocks == ()


# --- files


def many() -> Recurring:
    """Return blocks of every kind, with characters beyond ASCII."""

    def end(number: int) -> str:
        return f"{NAMES[number].capitalize()} {story(number)[0]}. Größer – {PROMO}."

    def link(number: int) -> str:
        return f"Weiterlesen »{' '.join(story(number)[0].split()[:6])}«"

    written = (*series(end, count=6, first=0), *series(lambda number: PROMO, first=10), *series(link, first=20))
    blocks = mined(written)
    assert {block.kind for block in blocks.blocks} == {"line", "lead-in", "sentence"}
    return blocks


def test_blocks_that_are_written_are_read_back(tmp_path: Path) -> None:
    blocks = many()
    path = tmp_path / "recurring.json"
    path.write_bytes(blocks.to_json())
    assert read(path) == blocks
    assert read(path).digest == blocks.digest != Recurring().digest
    path.write_bytes(Recurring().to_json())
    assert read(path) == Recurring()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"no JSON",
        b"\xff\xfe",
        b'{"blocks": {}}',
        b'{"blocks": [{"id": "x"}]}',
        b'{"blocks": [], "more": []}',
        b'{"articles": []}',
        b"[" * 100_000,
    ],
    ids=lambda content: content[:30].decode(errors="replace"),
)
def test_a_file_without_blocks_is_refused_with_the_way_to_get_some(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recurring.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="holds no recurring blocks; write it with 'newsfacts mine'") as refused:
        read(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"bottom"', '"cellar"'),
        ('"promo"', '"advert"'),
        ('"kind": "line"', '"kind": "word"'),
        ('"dates": 6', '"of": 6'),
    ],
)
def test_a_file_with_a_damaged_block_is_refused(tmp_path: Path, good: str, bad: str) -> None:
    path = tmp_path / "recurring.json"
    text = many().to_json().decode()
    assert good in text
    for content in (text.replace(good, bad), text[:-20]):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match="holds no recurring blocks; write it with 'newsfacts mine'"):
            read(path)


def test_a_file_that_is_not_there_is_refused_with_the_way_to_get_one(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(ConfigError, match="write it with 'newsfacts mine'") as refused:
            read(path)
        assert str(path) in str(refused.value)


def test_joined_blocks_are_those_of_both_each_once() -> None:
    herald = mined(series(lambda number: PROMO))
    more = mined(series(lambda number: KICKER, count=9), scores=unsure)
    both = herald.joined(more)
    assert both.blocks == (*herald.blocks, *more.blocks)
    assert both.joined(herald).joined(Recurring()) == Recurring().joined(both) == both
    for line in (PROMO, KICKER):
        assert taken(both, article("next", [*story("next"), line])) == [("line", line)]


def test_of_one_block_the_joined_evidence_counts() -> None:
    top = mined([placed(number, "top", day=number) for number in range(1, 6)])
    bottom = mined([placed(number, "bottom", day=number) for number in range(1, 6)])
    both = top.joined(bottom)
    assert len(both.blocks) == 1
    assert taken(both, placed("next", "bottom")) == [("line", PROMO)]


# --- properties

PIECES = (
    *(PROMO, f"{PROMO}.", f"{KICKER}. {PROMO}.", *(f"See also: the {word} reopens" for word in WORDS[:8])),
    *(
        "By Jane Roe, Feb. 3",
        "A",
        "24",
        "@x",
        "* * *",
        "x: y",
        "ß İ ﬁ",
        "a b " * 40,
        "Why? “Who?” asked Max. No. 10, p.m.",
    ),
    *("WWW.X.EXAMPLE: all the news that there is", "&nbsp;", "\u2028", "\u202e", "Follow Max of the Harbour for more"),
)


@st.composite
def written(draw: st.DrawFn, key: int) -> Article:
    """Draw an article of few outlets and dates: lines of its own among what recurs, and among anything else."""
    own = story(key, count=draw(st.sampled_from([6, 6, 6, 1])))
    shared = [*draw(st.lists(st.sampled_from(PIECES), min_size=2, max_size=4)), draw(st.text(max_size=30))]
    glued = [f"{own[0].capitalize()}. {own[1].capitalize()}. {shared[0]}"] if len(own) > 1 else []
    above = draw(st.integers(0, len(own)))
    pieces = [*own[:above], *shared, *own[above:], *glued]
    return Article(
        id=draw(st.sampled_from("ab")),
        input="in",
        line=1,
        raw=draw(st.sampled_from(["\n", "\n", "\n", "\r\n\n", " "])).join(pieces),
        source=draw(st.sampled_from([*["The Herald"] * 6, "the  herald", "The Courier", " ", None])),
        published=draw(st.sampled_from(["2024-03-01", "2024-03-02", "", None])),
        url=draw(st.sampled_from(["https://herald.example", "http://[", None])),
        opens_with_headline=draw(st.booleans()),
    )


def corpora(count: int) -> st.SearchStrategy[list[Article]]:
    return st.tuples(*map(written, range(count))).map(list)


CORPORA = st.integers(min_value=2, max_value=6).flatmap(corpora)


@settings(max_examples=50)
@given(CORPORA, written(9))
def test_whatever_is_mined_what_is_taken_lies_within_a_line(articles: list[Article], found: Article) -> None:
    blocks = mined(articles, EAGER)
    for item in (*articles, found):
        text = clean(item.raw).text
        for hit in blocks.find(item, lines(text)):
            assert hit.block.outlet == outlet_of(item)
            assert text[hit.start : hit.end] == text[hit.start : hit.end].strip() != ""
            assert [line for line in lines(text) if line.start <= hit.start and hit.end <= line.end]


@settings(max_examples=50)
@given(CORPORA)
def test_every_block_survives_a_file_and_is_found_where_it_was_mined(tmp_path: Path, articles: list[Article]) -> None:
    blocks = mined(articles, EAGER)
    (tmp_path / "recurring.json").write_bytes(blocks.to_json())
    known = read(tmp_path / "recurring.json")
    assert known == blocks
    found = {hit.block for item in articles for hit in known.find(item, lines(clean(item.raw).text))}
    assert found == set(blocks.blocks)
    assert len({block.id for block in found}) == len(found)
    assert all(2 <= block.articles <= len(articles) >= block.dates >= 0 for block in found)


STORIES = (
    *series(lambda number: f"{PROMO}, {number} a day"),
    *series(lambda number: f"{story(number)[0].capitalize()}. {KICKER}.", first=10),
    *(
        placed(number, "top", f"See also: {' '.join(story(number)[1].split()[:8])}", day=number)
        for number in range(20, 26)
    ),
)


@settings(max_examples=20)
@given(st.permutations(STORIES))
def test_of_stories_apart_the_same_is_learnt_in_any_order(articles: list[Article]) -> None:
    def evidence(blocks: Recurring) -> list[Block]:
        return [dataclasses.replace(block, example="") for block in blocks.blocks]

    assert {block.kind for block in mined(STORIES).blocks} == {"line", "lead-in", "sentence"}
    assert evidence(mined(articles)) == evidence(mined(STORIES))


@pytest.mark.parametrize("line", ["a@" * 50_000, "@ab" * 50_000, "x" * 200_000, "a." * 50_000 + "@b"])
def test_a_line_of_any_length_is_masked_at_once(patience: None, line: str) -> None:
    assert mined([article(number, [line]) for number in range(2)]).blocks == ()
