"""Stripping a web page's text: only what the page casts doubt on may go, and every character is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import extraction
from pipeline.annotator import LEXICON, Body, Stripper
from pipeline.article import REMOVED_ROLES, ROLES, Article, Mark, MarkKind, Role
from pipeline.boilerplate.layers import Config
from pipeline.boilerplate.recurring import ASSET, Block, Hit, Kind, Recurring
from pipeline.boilerplate.rules import Lexicon
from pipeline.boilerplate.strip import Stripped, strip
from pipeline.classifiers.contract import Example, Logits, Prediction
from pipeline.classifiers.store import Manifest, Model
from pipeline.cleaning import clean, lines
from pipeline.extraction import Extracted

MOJIBAKE = "東京で雨が降った。大阪でも降った。京都は晴れだった。".encode().decode("latin-1")  # one edit of cleaning
BODY = "The council voted on Tuesday to close the harbour bridge for repairs, officials said."
OTHER = "Engineers had found rust in 14 of the 60 cables, and asked for a decision before winter."
TEASER = "Ferry fares are to rise again"
BLOCK = Block("b1", "larkfield news", "line", "x", "credit", ("top", "middle", "bottom"), 9, 9, 0.9, "x")
MARKS: tuple[MarkKind | None, ...] = (None, "stated", "unstated", "link", "doubtful")


def prediction(scores: Mapping[str, float]) -> Prediction:
    full = {"body": max(0.0, 1 - sum(scores.values())), **scores}
    best = max(full, key=lambda label: full[label])
    return Prediction(best, full[best], full, False)


def stripped(
    raw: str,
    lexicon: Lexicon,
    marks: Sequence[MarkKind | None] | None,
    removable: Sequence[float],
    *,
    config: Config | None = None,
    recurring: Sequence[Hit] = (),
    headlines: Sequence[int] = (),
) -> Stripped:
    """Strip a raw text; ``removable`` gives each line's probability of being a promo."""
    cleaned = clean(raw)
    return strip(
        cleaned,
        lines(cleaned.text),
        lexicon,
        config or Config(),
        headlines=headlines,
        recurring=recurring,
        predictions=[prediction({"promo": score}) for score in removable],
        marks=marks,
    )


def gone(found: Stripped) -> list[tuple[str, str, str]]:
    return [(removal.role, removal.reason, removal.text) for removal in found.removals]


def assert_tiled(found: Stripped, raw: str) -> None:
    """Removals, edits and the characters between them, in order, are the raw text; without removals, the body."""
    taken = [(removal.raw_start, removal.raw_end, "") for removal in found.removals]
    text = found.body.text
    changed = [(edit.raw_start, edit.raw_end, text[edit.start : edit.end]) for edit in found.edits]
    position, rebuilt = 0, ""
    for start, end, new in sorted(taken + changed, key=lambda span: span[:2]):
        assert position <= start <= end
        rebuilt += raw[position:start] + new
        position = end
    assert rebuilt + raw[position:] == text
    assert all(removal.text == raw[removal.raw_start : removal.raw_end] != "" for removal in found.removals)
    assert [text[line.start : line.end] for line in found.lines] == [line.text for line in found.lines]


# --- what a mark allows


def test_the_line_classifier_never_takes_an_unmarked_line_of_a_page(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n{TEASER}\n{OTHER}"
    assert gone(stripped(raw, lexicon, None, [0.0, 0.99, 0.0])) == [("promo", "model:0.99", TEASER)]
    found = stripped(raw, lexicon, [None, None, None], [0.99, 0.99, 0.99])
    assert (found.body.text, found.removals, found.warnings) == (raw, (), ())


@pytest.mark.parametrize(
    ("line", "score"),
    [
        (TEASER, 0.0),
        (TEASER, 0.5),
        ("* One of the ten points of the new plan, it says", 0.0),
        ("The ferry fares are to rise.", 0.5),
    ],
)
def test_a_link_goes_as_related_whatever_the_line_classifier_says(lexicon: Lexicon, line: str, score: float) -> None:
    found = stripped(f"{BODY}\n{line}\n{OTHER}", lexicon, [None, "link", None], [0.0, score, 0.0])
    assert found.body.text == f"{BODY}\n{OTHER}"
    assert gone(found) == [("related", "page:link", line)]


def test_a_sentence_that_is_one_long_link_stays_unless_the_line_classifier_doubts_it(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n{OTHER}"
    assert stripped(raw, lexicon, [None, "link"], [0.0, 0.01]).body.text == raw
    assert stripped(raw, lexicon, [None, "link"], [0.0, 0.06]).body.text == BODY


@pytest.mark.parametrize("mark", ["doubtful", "unstated"])
@pytest.mark.parametrize("line", [TEASER, "The ferry fares are to rise."])
def test_a_doubted_line_goes_from_its_own_low_threshold_on(lexicon: Lexicon, mark: MarkKind, line: str) -> None:
    raw = f"{BODY}\n{line}\n{OTHER}"
    assert Config().min_marked_score < Config().min_score
    config = Config(min_marked_score=0.25)
    below = stripped(raw, lexicon, [None, mark, None], [0.0, 0.24, 0.0], config=config)
    assert (below.body.text, below.removals) == (raw, ())
    found = stripped(raw, lexicon, [None, mark, None], [0.0, 0.25, 0.0], config=config)
    assert gone(found) == [("promo", f"page:{mark}:0.25", line)]
    assert found.body.text == f"{BODY}\n{OTHER}"


def test_the_probabilities_of_all_removed_roles_speak_for_the_doubt(lexicon: Lexicon) -> None:
    cleaned = clean(f"{BODY}\n{TEASER}")
    predictions = [prediction({}), prediction({"promo": 0.03, "caption": 0.04, "deck": 0.5})]
    marks: list[MarkKind | None] = [None, "unstated"]
    config = Config(min_marked_score=0.05)
    found = strip(cleaned, lines(cleaned.text), lexicon, config, predictions=predictions, marks=marks)
    assert gone(found) == [("caption", "page:unstated:0.07", TEASER)]


def test_a_stated_line_never_goes_by_the_line_classifier(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n{TEASER}"
    found = stripped(raw, lexicon, [None, "stated"], [0.0, 1.0])
    assert (found.body.text, found.removals) == (raw, ())


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("opening", ["Correction: ", "CLARIFICATION ", "Editor’s note: ", "An earlier version "])
def test_a_correction_stays_whatever_the_page_says(lexicon: Lexicon, mark: MarkKind | None, opening: str) -> None:
    raw = f"{BODY}\n{opening}the date was wrong"
    assert stripped(raw, lexicon, [None, mark], [0.0, 0.99]).body.text == raw


@pytest.mark.parametrize("mark", MARKS)
def test_rules_apply_to_a_page_as_to_any_text_and_before_its_marks(lexicon: Lexicon, mark: MarkKind | None) -> None:
    raw = f"{BODY}\nFollow us on Example\n{TEASER} [READ: More rain]\n{OTHER}"
    found = stripped(raw, lexicon, [None, mark, mark, None], [0.0, 0.9, 0.9, 0.0])
    assert found.body.text == f"{BODY}\n{TEASER}\n{OTHER}", "a mark does not judge what a rule has touched"
    assert gone(found) == [
        ("promo", "rule:follow", "Follow us on Example"),
        ("related", "rule:read-more", "[READ: More rain]"),
    ]


@pytest.mark.parametrize("mark", MARKS)
def test_what_an_outlet_repeats_goes_from_a_page_as_well_and_before_its_marks(
    lexicon: Lexicon, mark: MarkKind | None
) -> None:
    raw = f"{BODY}\n{TEASER}\n{OTHER}"
    hit = Hit(BLOCK, len(BODY) + 1, len(BODY) + 1 + len(TEASER))
    found = stripped(raw, lexicon, [None, mark, None], [0.0, 0.9, 0.0], recurring=[hit])
    assert gone(found) == [("credit", "recurring:b1", TEASER)]


@pytest.mark.parametrize(
    "line",
    ["Correction: the toll is 4 euros", "“We shall sail,” the harbour master said", "ADA ROE: Welcome to the hour."],
)
def test_an_outlet_repeats_corrections_quotations_and_turns_in_vain(lexicon: Lexicon, line: str) -> None:
    raw = f"{BODY}\n{line}\n{OTHER}"
    hit = Hit(BLOCK, len(BODY) + 1, len(BODY) + 1 + len(line))
    assert stripped(raw, lexicon, None, [0.0, 0.0, 0.0], recurring=[hit]).body.text == raw


def test_a_repeated_sentence_goes_from_behind_a_quotation(lexicon: Lexicon) -> None:
    line = "“We shall sail,” said the master. Write to us."
    start = len(BODY) + 1 + len(line) - len("Write to us.")
    hit = Hit(replace(BLOCK, kind="sentence"), start, start + len("Write to us."))
    found = stripped(f"{BODY}\n{line}", lexicon, None, [0.0, 0.0], recurring=[hit])
    assert gone(found) == [("credit", "recurring:b1", "Write to us.")]


def test_a_repeated_sentence_in_a_doubted_line_goes_with_its_line(lexicon: Lexicon) -> None:
    line = f"{TEASER}. Write to us."
    start = len(BODY) + 1 + len(TEASER) + 2
    hit = Hit(replace(BLOCK, kind="sentence"), start, start + len("Write to us."))
    whole = stripped(f"{BODY}\n{line}", lexicon, [None, "doubtful"], [0.0, 0.9], recurring=[hit])
    assert gone(whole) == [("promo", "page:doubtful:0.90", line)]
    part = stripped(f"{BODY}\n{line}", lexicon, [None, None], [0.0, 0.9], recurring=[hit])
    assert gone(part) == [("credit", "recurring:b1", "Write to us.")]


def test_a_headline_stays_whatever_the_page_says(lexicon: Lexicon) -> None:
    for mark in MARKS:
        found = stripped(f"{TEASER}\n{BODY}", lexicon, [mark, None], [0.9, 0.0], headlines=[0])
        assert (found.lines[0].text, found.roles[0], found.removals) == (TEASER, "headline", ())


def test_the_guard_drops_the_doubts_of_a_page_that_doubts_itself(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n{OTHER}\nFollow us on Example\n{TEASER}"
    found = stripped(raw, lexicon, ["doubtful", "unstated", None, "link"], [0.9, 0.9, 0.0, 0.0])
    assert gone(found) == [("promo", "rule:follow", "Follow us on Example")]
    assert [warning.partition(":")[0] for warning in found.warnings] == ["strip-guard"]


# --- any text


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())


LINE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *(BODY, OTHER, TEASER, f"{TEASER}. {BODY}", "Follow us on Example", "Correction: the date was wrong"),
            *("It rained. [READ: More rain] It stopped.", "(READ: a)(READ: b)", "LARKFIELD MAYOR: We must.", "x"),
            *(MOJIBAKE, f"{MOJIBAKE} {MOJIBAKE}", "Ã©Ã©Ã©Ã© Ã©Ã©Ã©Ã©"),
            *("It&rsquo;s &amp;amp; caf&eacute;.", "â€œSoâ€\x9d â€“ Ã©", "\u200bOne\u2028two\ufeff", "`` a ''", "\xa0"),
        ]
    ),
    st.text(alphabet="â€œ\x9d&nbsp;#x41;\u200b\ufeff\r\n\t .A1“”'[READ:]", max_size=30),
)
RAW = st.lists(LINE, min_size=1, max_size=8).map("\n".join)


KINDS: tuple[Kind, ...] = ("line", "sentence")


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[MarkKind | None], list[float], list[Hit], list[int]]:
    """Draw a raw text, and for its clean lines marks, scores, hits of recurring blocks, and which are headlines."""
    raw = draw(RAW)
    text = clean(raw).text
    found = lines(text)
    count = len(found)
    marks = draw(st.lists(st.sampled_from(MARKS), min_size=count, max_size=count))
    scores = draw(st.lists(st.sampled_from([0.0, 0.04, 0.3, 0.9]), min_size=count, max_size=count))
    hits: list[Hit] = []
    for line in found:
        for kind in draw(st.lists(st.sampled_from(KINDS), max_size=2)):
            first, last = sorted(draw(st.tuples(*[st.integers(line.start, line.end)] * 2)))
            start, end = (line.start, line.end) if kind == "line" else trimmed(text, first, last)
            if start < end:
                hits.append(Hit(replace(BLOCK, id=f"b{len(hits)}", kind=kind), start, end))
    return raw, marks, scores, hits, draw(st.lists(st.integers(0, max(count - 1, 0)), max_size=1))


@given(pages(), st.sampled_from([0.5, 1.0]))
def test_kept_removed_and_edited_characters_tile_the_raw_text(
    lexicon: Lexicon, page: tuple[str, list[MarkKind | None], list[float], list[Hit], list[int]], share: float
) -> None:
    raw, marks, scores, hits, headlines = page
    config = Config(max_removed_share=share)
    found = stripped(raw, lexicon, marks, scores, config=config, recurring=hits, headlines=headlines)
    assert_tiled(found, raw)
    assert found.body.text == found.body.text.strip()
    assert len(found.roles) == len(found.lines)


@pytest.mark.parametrize("spans", [[(9, 17)], [(0, 9), (9, 17)], [(0, 9), (17, 26)], [(3, 5), (5, 6), (8, 20)]])
def test_cuts_within_what_cleaning_repaired_as_one_are_tiled(lexicon: Lexicon, spans: list[tuple[int, int]]) -> None:
    raw = f"{MOJIBAKE}\n{BODY}"
    assert [(edit.start, edit.end) for edit in clean(raw).edits] == [(0, 26)]
    hits = [Hit(replace(BLOCK, id=f"b{start}", kind="sentence"), start, end) for start, end in spans]
    found = stripped(raw, lexicon, [None, None], [0.0, 0.0], recurring=hits)
    assert found.removals
    assert_tiled(found, raw)


@given(pages())
def test_without_rules_and_recurring_blocks_only_what_the_page_doubts_goes(
    lexicon: Lexicon, page: tuple[str, list[MarkKind | None], list[float], list[Hit], list[int]]
) -> None:
    raw, marks, scores, hits, headlines = page
    config = Config(rules=False, recurring=False, max_removed_share=1.0)
    found = stripped(raw, lexicon, marks, scores, config=config, recurring=hits, headlines=headlines)
    sure = [
        line.text
        for index, (line, mark) in enumerate(zip(lines(clean(raw).text), marks, strict=True))
        if mark in (None, "stated") or index in headlines
    ]
    left = iter(line.text for line in found.lines)
    assert all(line in left for line in sure), "lines that the page does not doubt stay, in their order"
    assert all(removal.reason.startswith("page:") for removal in found.removals)


# --- from an article with its marks to what goes


class ByText:
    """A classifier that knows the role of some texts and takes any other for body."""

    labels: tuple[str, ...] = ROLES

    def __init__(self, known: Mapping[str, tuple[Role, float]]) -> None:
        self._known = known

    def logits(self, examples: Sequence[Example]) -> Logits:
        scores = np.full((len(examples), len(ROLES)), 1e-9)
        for row, example in enumerate(examples):
            role, score = self._known.get(example.text, ("body", 1.0))
            scores[row, ROLES.index("body")] = 1 - score
            scores[row, ROLES.index(role)] = score
        logits: Logits = np.log(np.maximum(scores, 1e-9)).astype(np.float32)
        return logits

    def save(self, folder: Path) -> None:
        raise NotImplementedError


RULES = """
language: en
rules:
  - id: follow
    role: promo
    scope: line
    pattern: '^Follow us'
    match: ['Follow us on Example']
    keep: ['They follow us.']
"""
Strip = Callable[..., Body]


@pytest.fixture
def strip_article(tmp_path: Path) -> Strip:
    """Strip one article with one rule, and a line classifier that knows what it is told."""
    (tmp_path / LEXICON).mkdir()
    (tmp_path / LEXICON / "en.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / ASSET).write_bytes(Recurring().to_json())

    def run(
        article: Article,
        known: Mapping[str, tuple[Role, float]],
        *,
        blocks: Sequence[Block] = (),
        config: Config | None = None,
    ) -> Body:
        manifest = Manifest("boilerplate", "linear", ROLES, 1.0, 0.0, {}, {}, {}, {}, {})
        model = Model(ByText(known), manifest, tmp_path, "", 0.0)
        stripper = Stripper(model, config or Config(), recurring=Recurring(tuple(blocks)))
        [body] = stripper.strip([article])
        return body

    return run


def article_of(raw: str, *, marks: Sequence[Mark] | None = None, title: str | None = None) -> Article:
    """Return an article, from a page where marks are given."""
    from_page = {"extractor": "mine", "version": "1", "sha256": ""}
    extracted = None if marks is None else from_page
    return Article("a", "a.jsonl", 1, raw, title=title, source="S", extraction=extracted, marks=tuple(marks or ()))


def test_a_page_loses_its_links_doubts_and_promos_and_keeps_what_it_does_not_doubt(strip_article: Strip) -> None:
    doubted, unmarked = "More on the harbour", "Our channel has all the news"
    text = "\n".join([BODY, TEASER, doubted, OTHER, unmarked, "Follow us on Example"])
    html = f"<p>{BODY}<p><a href=x>{TEASER}</a><p>{doubted}<p>{OTHER}<p>{unmarked}<p>Follow us on Example"
    precise = text.replace(f"{doubted}\n", "")
    main = extraction.extract(html, lambda _: Extracted(text, extractor="mine", precise=precise), 500)
    known: dict[str, tuple[Role, float]] = {doubted: ("nav", 0.3), unmarked: ("promo", 0.97)}
    page = strip_article(article_of(main.text, marks=main.marks), known, config=Config(min_marked_score=0.2)).stripped
    assert page.body.text == "\n".join([BODY, OTHER, unmarked])
    assert gone(page) == [
        ("related", "page:link", TEASER),
        ("nav", "page:doubtful:0.30", doubted),
        ("promo", "rule:follow", "Follow us on Example"),
    ]
    assert_tiled(page, main.text)
    plain = strip_article(article_of(main.text), known).stripped
    assert gone(plain) == [
        ("promo", "model:0.97", unmarked),
        ("promo", "rule:follow", "Follow us on Example"),
    ], "a text that is from no page is the line classifier's"


def test_a_page_without_marks_is_left_to_the_rules(strip_article: Strip) -> None:
    raw = f"{BODY}\n{TEASER}\nFollow us on Example"
    body = strip_article(article_of(raw, marks=[]), {TEASER: ("related", 0.99)})
    assert gone(body.stripped) == [("promo", "rule:follow", "Follow us on Example")]


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        (f"\u200b{TEASER}", [TEASER]),
        (f"\xa0 \ufeff{TEASER}\u2002", [TEASER]),
        (f"&nbsp;{TEASER} &amp; so on", [f"{TEASER} & so on"]),
        (f"â€œ{TEASER}", [f"“{TEASER}"]),
        (f"{TEASER}\u2028In two lines", [TEASER, "In two lines"]),
        (f"{TEASER}\r", [TEASER]),
        (f"\r\x0b{TEASER}\x0cNext", [TEASER, "Next"]),
    ],
)
@pytest.mark.parametrize("before", ["", f"{OTHER} &ndash; caf&eacute;\u200b.\n\n\n"])
@pytest.mark.parametrize("after", ["\n\n", "\n&nbsp;\n", "\n\u200b"])
def test_a_mark_finds_its_line_however_cleaning_changes_it(
    strip_article: Strip, line: str, cleaned: list[str], before: str, after: str
) -> None:
    raw = f"{before}{line}{after}{BODY}"
    mark = Mark("link", len(before), len(before) + len(line))
    found = strip_article(article_of(raw, marks=[mark]), {}, config=Config(max_removed_share=1.0)).stripped
    assert [clean(removal.text).text for removal in found.removals] == cleaned
    assert {removal.reason for removal in found.removals} == {"page:link"}
    assert found.lines[-1].text == BODY
    assert_tiled(found, raw)


@pytest.mark.parametrize("title", [TEASER, TEASER.upper(), f"  {TEASER.replace(' ', '  ')}\n"])
@pytest.mark.parametrize("mark", ["link", "doubtful", "unstated", "stated", "unmarked", "no page"])
def test_a_records_title_that_its_text_repeats_is_a_headline_and_stays(
    strip_article: Strip, title: str, mark: str
) -> None:
    raw = f"By Jane Marsh\n{TEASER}\n{BODY}\n{OTHER}"
    start = raw.index(TEASER)
    marks = [Mark(kind, start, start + len(TEASER)) for kind in MARKS if kind is not None and kind == mark]
    block = replace(BLOCK, outlet="s", template=TEASER.casefold())
    from_page = None if mark == "no page" else marks
    article = article_of(raw, marks=from_page, title=title)
    found = strip_article(article, {TEASER: ("related", 0.99)}, blocks=[block])
    assert (found.stripped.lines[1].text, found.stripped.roles[1]) == (TEASER, "headline")
    assert found.stripped.removals == ()
    assert (TEASER, False) in [(one.text, flag) for one, flag in zip(found.sentences, found.in_body, strict=True)]
    other = strip_article(article_of(raw, marks=from_page, title="Another"), {}, blocks=[block])
    assert gone(other.stripped) == [("credit", "recurring:b1", TEASER)]


def test_a_title_far_below_the_top_is_no_headline(strip_article: Strip) -> None:
    raw = "\n".join([BODY, OTHER, BODY, OTHER, TEASER])
    found = strip_article(article_of(raw, title=TEASER), {TEASER: ("related", 0.99)}).stripped
    assert gone(found) == [("related", "model:0.99", TEASER)]
    above = "\n".join([BODY, OTHER, BODY, TEASER, OTHER])
    assert strip_article(article_of(above, title=TEASER), {TEASER: ("related", 0.99)}).stripped.removals == ()


@given(raw=RAW, data=st.data())
def test_an_article_of_any_text_and_marks_is_tiled(strip_article: Strip, raw: str, data: st.DataObject) -> None:
    known = data.draw(
        st.dictionaries(
            st.sampled_from([line.text for line in lines(clean(raw).text)] or [""]),
            st.tuples(st.sampled_from(REMOVED_ROLES), st.sampled_from([0.04, 0.3, 0.9])),
        )
    )
    marks: list[Mark] = []
    position = 0
    for line in raw.split("\n"):
        kind = data.draw(st.sampled_from(MARKS))
        if kind is not None and line:
            marks.append(Mark(kind, position, position + len(line)))
        position += len(line) + 1
    article = article_of(raw, marks=marks, title=data.draw(st.none() | LINE))
    body = strip_article(article, known, config=Config(max_removed_share=1.0))
    assert_tiled(body.stripped, raw)
    for removal in body.stripped.removals:
        if removal.reason.startswith("page:"):
            of = removal.reason.split(":")[1]
            assert any(
                mark.kind == of and mark.raw_start <= removal.raw_start < mark.raw_end for mark in marks
            ), "what goes for a mark is a line of that mark"  # fmt: skip
    for sentence in body.sentences:
        assert body.stripped.body.text[sentence.start : sentence.end] == sentence.text
