"""Stripping: what goes is explained, what stays is untouched, and no article is ever emptied."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.article import Removal
from pipeline.boilerplate.layers import Config
from pipeline.boilerplate.rules import Language, Lexicon, Rule
from pipeline.boilerplate.strip import Stripped, strip
from pipeline.classifiers.contract import Prediction
from pipeline.cleaning import clean, lines

BODY = "The council voted on Tuesday to close the harbour bridge for repairs, officials said."
PIECES = (
    *(BODY, "Follow us on Example", "[READ: More rain]", "(READ: more)", "She left.", "x"),
    *(" ", "\n", "\n\n", "\r\n", "\xa0", "&nbsp;", "&#10;"),
    *("&amp;", "\u200b", "\ufeff", "\xad", "â€œâ€¦", "Ã©Ã©\xa0", "''"),
)


def stripped(
    raw: str,
    lexicon: Lexicon,
    removable: Sequence[float] | None = None,
    *,
    config: Config | None = None,
    headline: bool = False,
) -> Stripped:
    """Strip a raw text; ``removable`` gives each line's probability of being a promo."""
    cleaned = clean(raw)
    predictions = None
    if removable is not None:
        scores = ({"promo": score, "body": 1 - score} for score in removable)
        predictions = [Prediction(max(of, key=lambda label: of[label]), max(of.values()), of, False) for of in scores]
    return strip(
        cleaned,
        lines(cleaned.text),
        lexicon,
        config or Config(),
        headlines={0} if headline else (),
        predictions=predictions,
    )


@st.composite
def articles(draw: st.DrawFn) -> tuple[str, list[float]]:
    """Draw a raw text with one score for each of its clean lines."""
    raw = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=14)))
    count = len(lines(clean(raw).text))
    return raw, draw(st.lists(st.sampled_from([0.1, 0.9]), min_size=count, max_size=count))


@given(articles(), st.booleans(), st.sampled_from([0.5, 0.9]))
def test_removals_edits_and_kept_characters_tile_the_raw_text(
    lexicon: Lexicon, article: tuple[str, list[float]], headline: bool, share: float
) -> None:
    raw, removable = article
    found = stripped(raw, lexicon, removable, config=Config(max_removed_share=share), headline=headline)
    gone = [(removal.raw_start, removal.raw_end, "") for removal in found.removals]
    changed = [(edit.raw_start, edit.raw_end, found.body.text[edit.start : edit.end]) for edit in found.edits]
    rebuilt = ""
    position = 0
    for start, end, new in sorted(gone + changed, key=lambda span: span[:2]):
        assert position <= start <= end
        rebuilt += raw[position:start] + new
        position = end
    assert rebuilt + raw[position:] == found.body.text
    assert all(removal.text == raw[removal.raw_start : removal.raw_end] != "" for removal in found.removals)


@given(articles(), st.booleans())
def test_no_article_is_emptied(lexicon: Lexicon, article: tuple[str, list[float]], headline: bool) -> None:
    raw, removable = article
    assert bool(stripped(raw, lexicon, removable, headline=headline).body.text) == bool(clean(raw).text)


@given(articles())
def test_what_stays_is_clean_and_its_lines_are_found_in_it(lexicon: Lexicon, article: tuple[str, list[float]]) -> None:
    raw, removable = article
    found = stripped(raw, lexicon, removable)
    text = found.body.text
    assert text == text.strip()
    assert not [blanks for blanks in ("  ", " \n", "\n ", "\n\n\n") if blanks in text]
    assert [text[line.start : line.end] for line in found.lines] == [line.text for line in found.lines]
    assert "\n".join(line.text for line in found.lines) == text.replace("\n\n", "\n")
    assert len(found.roles) == len(found.lines)


@given(articles())
def test_with_both_layers_off_nothing_changes(lexicon: Lexicon, article: tuple[str, list[float]]) -> None:
    raw, _ = article
    found = stripped(raw, lexicon, None, config=Config(rules=False, learned=False))
    assert found.body == clean(raw)
    assert found.removals == ()
    assert found.edits == found.body.edits


def test_a_rule_takes_its_line_and_says_so(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n\n  Follow&nbsp;us on Example\n\n{BODY}"
    found = stripped(raw, lexicon)
    assert found.body.text == f"{BODY}\n\n{BODY}"
    [removal] = found.removals
    assert (removal.role, removal.reason, removal.text) == ("promo", "rule:follow", "Follow&nbsp;us on Example")
    assert found.warnings == ()


def test_a_span_rule_takes_its_span_out_of_a_line(lexicon: Lexicon) -> None:
    raw = "It rained. [READ: More rain] It stopped."
    found = stripped(raw, lexicon)
    assert found.body.text == "It rained. It stopped."
    assert found.removals == (Removal("related", "rule:read-more", "[READ: More rain]", 11, 28),)
    assert [line.text for line in found.lines] == ["It rained. It stopped."]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"A.\n[READ: More]\n\n{BODY}", f"A.\n\n{BODY}"),
        (f"A.\n\n[READ: More]\n{BODY}", f"A.\n\n{BODY}"),
        (f"A. [READ: More]\n{BODY}", f"A.\n{BODY}"),
        (f"A.\n[READ: More] {BODY}", f"A.\n{BODY}"),
        (f"A. [READ: One]\n\n[READ: Two] {BODY}", f"A.\n\n{BODY}"),
        (f"A. [READ: One] [READ: Two] {BODY}", f"A. {BODY}"),
        (f"[READ: More]\n\n{BODY}", BODY),
        (f"{BODY}\n\n[READ: More]", BODY),
        (f"{BODY}[READ: More] B.", f"{BODY} B."),
    ],
)
def test_the_text_closes_over_a_gap_with_the_stronger_of_the_blanks(lexicon: Lexicon, raw: str, expected: str) -> None:
    assert stripped(raw, lexicon).body.text == expected


def test_the_line_classifier_takes_a_line_from_its_threshold_on(lexicon: Lexicon) -> None:
    raw = f"{BODY}\nOur channel\nOur other channel\n{BODY}"
    found = stripped(raw, lexicon, [0.1, 0.6, 0.59, 0.1], config=Config(min_score=0.6))
    assert found.body.text == f"{BODY}\nOur other channel\n{BODY}"
    assert [(removal.role, removal.reason, removal.text) for removal in found.removals] == [
        ("promo", "model:0.60", "Our channel")
    ]


@pytest.mark.parametrize("line", ["Our channel has news.", "Who has news?", "Our “channel.”"])
def test_a_line_that_ends_like_a_sentence_needs_more_certainty(lexicon: Lexicon, line: str) -> None:
    config = Config(min_score=0.5, min_sentence_score=0.8)
    assert stripped(f"{BODY}\n{line}", lexicon, [0.1, 0.79], config=config).removals == ()
    assert stripped(f"{BODY}\n{line}", lexicon, [0.1, 0.8], config=config).body.text == BODY
    assert stripped(f"{BODY}\nOur channel", lexicon, [0.1, 0.79], config=config).body.text == BODY


@pytest.mark.parametrize(
    "opening", ["Correction: ", "CORRECTIONS ", "Editor’s note: ", "An earlier version ", "By the desk. Correction: "]
)
def test_the_line_classifier_never_takes_a_correction(lexicon: Lexicon, opening: str) -> None:
    raw = f"{BODY}\n{opening}the date was wrong"
    assert stripped(raw, lexicon, [0.1, 0.99]).body.text == raw


@pytest.mark.parametrize(
    "line", ["Correction: follow us, we wrote; follow them, we meant", "“Follow us,” the gunman says in the video"]
)
def test_no_line_rule_takes_a_correction_or_what_somebody_said(line: str) -> None:
    rule = Rule(id="x", role="promo", scope="line", pattern="(?i)follow us", match=("Follow us",), keep=("y",))
    words = Lexicon((Language(language="en", rules=(rule,)),), {})
    raw = f"{BODY}\n{line}"
    assert stripped(raw, words, [0.1, 0.1]).body.text == raw
    assert stripped(f"{BODY}\nNow follow us", words, [0.1, 0.1]).body.text == BODY


@pytest.mark.parametrize(
    "line",
    [
        "* FIRST, the council will put the harbour's accounts on its own site every month",
        "• Second, no member may sit on the board of a firm that builds for the town;",
        "In a letter to the paper on Monday evening, the mayor explained the change:",
    ],
)
def test_long_list_items_and_introductions_are_left_to_the_rules(lexicon: Lexicon, line: str) -> None:
    assert stripped(f"{BODY}\n{line}", lexicon, [0.1, 0.99]).body.text == f"{BODY}\n{line}"
    short = f"{line.split()[0]} {line.split()[1]}"
    assert stripped(f"{BODY}\n{short}", lexicon, [0.1, 0.99]).body.text == BODY


@pytest.mark.parametrize(
    "line",
    [
        "“We cannot run it safely,” said the mayor",
        '"No," she said',
        "„Nie wieder!“, rief er",
        "„Nein“, sagte er",
        "»Wir gehen nicht«, sagte sie",
        "‘It wasn’t like a war,’ said the smith",
        "'We aren't done,' she said",
    ],
)
def test_the_line_classifier_never_takes_a_line_that_opens_with_direct_speech(lexicon: Lexicon, line: str) -> None:
    raw = f"{BODY}\n{line}"
    assert stripped(raw, lexicon, [0.1, 0.99]).body.text == raw


def judged(raw: str, roles: Sequence[str], lexicon: Lexicon, *, titled: bool) -> Stripped:
    """Strip a raw text of whose lines the line classifier is as sure as it can be."""
    cleaned = clean(raw)
    predictions = [Prediction(role, 1.0, {role: 1.0}, False) for role in roles]
    return strip(cleaned, lines(cleaned.text), lexicon, Config(), predictions=predictions, titled=titled)


@pytest.mark.parametrize(
    "line",
    [
        "The mayor praised the plan.",
        "Joe Biden was shot in Dallas.",
        "Wall Street is up again.",
        "The mayor told @ada off.",
        "Many senators trust him, Axios reported Thursday.",
    ],
)
def test_a_byline_that_states_something_is_left(lexicon: Lexicon, line: str) -> None:
    raw = f"{BODY}\n{line}"
    assert judged(raw, ["body", "byline"], lexicon, titled=True).body.text == raw


@pytest.mark.parametrize(
    "line",
    [
        "Ada Weir is a welder in Hakupu.",
        "Ada Weir · Moose Jaw, Sask.",
        "The writer is a former minister.",
        "Ada Weir, ada@example.org.",
    ],
)
def test_a_byline_that_names_its_author_goes_though_it_ends_like_a_sentence(lexicon: Lexicon, line: str) -> None:
    assert judged(f"{BODY}\n{line}", ["body", "byline"], lexicon, titled=True).body.text == BODY


@pytest.mark.parametrize("role", ["byline", "caption"])
def test_what_may_be_the_headline_of_an_untitled_text_is_left(lexicon: Lexicon, role: str) -> None:
    raw = f"Ada Weir leaves the city\n{BODY}"
    assert judged(raw, [role, "body"], lexicon, titled=False).body.text == raw
    assert judged(raw, [role, "body"], lexicon, titled=True).body.text == BODY
    assert judged(raw, ["nav", "body"], lexicon, titled=False).body.text == BODY


def test_the_probabilities_of_all_removed_roles_count_together(lexicon: Lexicon) -> None:
    cleaned = clean(f"{BODY}\nShare or follow")
    kept = Prediction("body", 0.9, {"body": 0.9, "promo": 0.1}, False)
    split = Prediction("body", 0.35, {"body": 0.35, "promo": 0.31, "share": 0.34}, False)
    found = strip(cleaned, lines(cleaned.text), lexicon, Config(min_score=0.6), predictions=[kept, split])
    assert [(removal.role, removal.reason) for removal in found.removals] == [("share", "model:0.65")]


def test_the_line_classifier_does_not_judge_what_a_rule_has_touched(lexicon: Lexicon) -> None:
    found = stripped(f"{BODY} [READ: More]\n{BODY}", lexicon, [0.9, 0.1])
    assert found.body.text == f"{BODY}\n{BODY}"
    assert [removal.reason for removal in found.removals] == ["rule:read-more"]


WRITE = Rule(
    id="write", role="promo", scope="span", pattern=r"(Write to [a-z@.]+)", match=("Write to a@b.example",), keep=("x",)
)
POST = WRITE.model_copy(update={"id": "post", "role": "embed"})


@pytest.mark.parametrize(
    ("rule", "line", "whole"),
    [
        (WRITE, "Angry? Write to desk@post.example", True),
        (POST, "We will not go. Write to desk@post.example", False),
        (WRITE, "Nobody was hurt. Write to desk@post.example", False),
        (WRITE, f"{'Nobody at the harbour knew. ' * 8}Write to desk@post.example", False),
    ],
)
def test_the_line_classifier_takes_the_rest_of_a_promo_that_a_rule_knows_in_part(
    rule: Rule, line: str, whole: bool
) -> None:
    lexicon = Lexicon((Language(language="en", rules=(rule,)),), {})
    body = "\n".join([BODY] * 9)
    found = judged(f"{body}\n{line}", ["body"] * 9 + [rule.role], lexicon, titled=True)
    assert [removal.reason for removal in found.removals] == ["model:1.00" if whole else f"rule:{rule.id}"]


def test_where_the_guard_drops_the_line_classifier_rules_take_their_parts_again() -> None:
    lexicon = Lexicon((Language(language="en", rules=(WRITE,)),), {})
    found = stripped(f"{BODY}\n{BODY}\n{BODY}\nAngry? Write to desk@post.example", lexicon, [0.9, 0.9, 0.1, 0.9])
    assert [removal.reason for removal in found.removals] == ["rule:write"]


@pytest.mark.parametrize(
    ("line", "goes"),
    [
        ("Weir And Moss Declare Intent To Cooperate", False),
        ("By Ada Weir And Otto Moss Of The Hakupu Desk", True),
        ("Ada Weir Otto Moss Harbour Editors", True),
        ("Ada Weir Otto Moss Harbour Editors Hakupu, Tuesday", True),
    ],
)
def test_a_heading_in_title_case_is_no_byline(lexicon: Lexicon, line: str, goes: bool) -> None:
    found = judged(f"{line}\n{BODY}\n{BODY}", ["byline", "body", "body"], lexicon, titled=True)
    assert bool(found.removals) == goes


@pytest.mark.parametrize(
    "line",
    ["Ada Weir covers courts for the Mail.", "• Ada Weir is managing editor of The Mail.", "The writer teaches."],
)
@pytest.mark.parametrize("lines_below", [0, 1, 3])
def test_what_an_author_does_is_told_at_the_end(lexicon: Lexicon, line: str, lines_below: int) -> None:
    raw = "\n".join([BODY] * 6 + [line] + [BODY] * lines_below)
    found = judged(raw, ["body"] * 6 + ["byline"] + ["body"] * lines_below, lexicon, titled=True)
    assert bool(found.removals) == (lines_below < 3)


@pytest.mark.parametrize(
    "line",
    [
        "Max Roe served 12 years in prison.",
        "Max Roe hosted the talks at his farm on Sunday.",
        "Mayor Ada Weir was elected governor in May.",
        "White House reported on Monday that nobody was hurt.",
        "Larkfield College teaches 400 pilots a year.",
        "Ada Weir covers the cost of the trial.",
        "Ada Weir, the eldest, is now director of the port.",
    ],
)
def test_the_last_fact_of_a_story_is_no_byline(lexicon: Lexicon, line: str) -> None:
    raw = "\n".join([BODY] * 6 + [line])
    assert judged(raw, ["body"] * 6 + ["byline"], lexicon, titled=True).body.text == raw


def test_a_bio_below_a_lone_bullet_goes_and_people_in_a_list_stay(lexicon: Lexicon) -> None:
    bios = [f"• {name} is a lecturer in public law at a college on the coast." for name in ("Ada Weir", "Otto Moss")]
    alone = judged("\n".join([*[BODY] * 6, bios[0]]), ["body"] * 6 + ["byline"], lexicon, titled=True)
    assert [removal.text for removal in alone.removals] == [bios[0]]
    listed = "\n".join([*[BODY] * 6, *bios])
    assert judged(listed, ["body"] * 6 + ["byline"] * 2, lexicon, titled=True).body.text == listed
    above = "\n".join([bios[0], *[BODY] * 6])
    assert judged(above, ["byline"] + ["body"] * 6, lexicon, titled=True).body.text == above
    promo = "\n".join([*[BODY] * 6, bios[0]])
    assert judged(promo, ["body"] * 6 + ["promo"], lexicon, titled=True).body.text == promo


@pytest.mark.parametrize(
    "item",
    [
        "• Max Example, 44, Conservative, lawyer, elected in 2011, former minister of transport, Leeds East",
        "• Ada Weir, 61, a Democrat, has been mayor of Leeds since 2011 and is a lawyer by trade",
        "• Raise the minimum wage to $15 an hour by 2028, in four steps that the council sets",
    ],
)
def test_a_lone_bullet_alone_makes_no_byline(lexicon: Lexicon, item: str) -> None:
    raw = "\n".join([*[BODY] * 6, item])
    assert judged(raw, ["body"] * 6 + ["byline"], lexicon, titled=True).body.text == raw


@pytest.mark.parametrize(
    "people",
    [
        ["Anne Bruun, 34, a reporter for the Ellery Post", "Lars Bruun, 36, a photographer"],
        ["- Anne Bruun, 34, a reporter for the Ellery Post", "- Lars Bruun, aged 9"],
        ["• Ann Cole, novelist", "• Sam Reed, critic"],
        ["• Ann Cole is the mayor of Larkfield", "• Sam Reed was her teacher"],
    ],
)
@pytest.mark.parametrize("role", ["byline", "tags", "related"])
def test_people_of_the_story_stay_with_their_heading(lexicon: Lexicon, people: list[str], role: str) -> None:
    raw = "\n".join([*[BODY] * 6, "The victims", *people])
    assert judged(raw, ["body"] * 6 + [role] * 3, lexicon, titled=True).body.text == raw


def test_whom_the_story_tells_of_is_not_its_author(lexicon: Lexicon) -> None:
    told = f"Anna Molnar called the vote a gift to one street, and said that she would sue. {BODY * 4}"
    bio = "Anna Molnar is a member of the council and has written two books."
    raw = "\n".join([told, *[BODY] * 6, bio])
    assert judged(raw, ["body"] * 7 + ["byline"], lexicon, titled=True).body.text == raw
    others = "\n".join([told.replace("Molnar", "Weir"), *[BODY] * 6, bio])
    assert judged(others, ["body"] * 7 + ["byline"], lexicon, titled=True).body.text == others.removesuffix(f"\n{bio}")


@pytest.mark.parametrize("above", ["• “We shall win”", "• $5 million for the quay", "2. The quay", "Those named are:"])
def test_a_bio_that_may_be_an_item_of_a_list_stays(lexicon: Lexicon, above: str) -> None:
    bio = "• Ada Weir is a lecturer in public law at a college on the coast."
    raw = "\n".join([*[BODY] * 6, above, bio])
    assert judged(raw, ["body"] * 7 + ["byline"], lexicon, titled=True).body.text == raw


@pytest.mark.parametrize("role", ["caption", "byline"])
def test_who_says_what_is_no_caption(lexicon: Lexicon, role: str) -> None:
    raw = f"{BODY}\nWeir: “Half of the boats never came back”"
    assert judged(raw, ["body", role], lexicon, titled=True).body.text == raw


def test_an_expected_headline_is_kept_whatever_the_line_classifier_says(lexicon: Lexicon) -> None:
    raw = f"Join in: the harbour festival\n\n{BODY}"
    assert stripped(raw, lexicon, [0.9, 0.1], headline=True).body.text == raw
    assert stripped(raw, lexicon, [0.9, 0.1], headline=True).roles == ("headline", "body")
    assert stripped(raw, lexicon, [0.9, 0.1]).body.text == BODY


def test_the_guard_falls_back_to_rules_when_too_much_would_go(lexicon: Lexicon) -> None:
    raw = f"{BODY}\n{BODY}\n{BODY}\nFollow us on Example"
    found = stripped(raw, lexicon, [0.9, 0.9, 0.1, 0.1])
    assert [removal.reason for removal in found.removals] == ["rule:follow"]
    [warning] = found.warnings
    assert warning.startswith("strip-guard: ")
    assert warning.endswith("line classifier not applied")


def test_the_guard_removes_nothing_when_even_the_rules_take_too_much(lexicon: Lexicon) -> None:
    raw = "Follow us on Example\nJoin us on Example\nIt rained."
    found = stripped(raw, lexicon, [0.1, 0.1, 0.9])
    assert found.body.text == raw
    assert found.removals == ()
    assert len(found.warnings) == 2
    assert [warning.partition("; ")[2] for warning in found.warnings] == [
        "line classifier not applied",
        "rules not applied",
    ]


def test_blanks_do_not_count_for_the_guard(lexicon: Lexicon) -> None:
    # Two lines of one character each: all of the text, though only half of its characters.
    rule = Rule(id="x", role="share", scope="line", pattern="^x$", match=("x",), keep=("y",))
    found = stripped("x\n\nx", Lexicon((Language(language="en", rules=(rule,)),), {}))
    assert found.body.text == "x\n\nx"
    assert found.warnings


def test_the_rules_can_be_switched_off(lexicon: Lexicon) -> None:
    raw = f"{BODY}\nFollow us on Example"
    assert stripped(raw, lexicon, [0.1, 0.1], config=Config(rules=False)).body.text == raw


def test_of_overlapping_rules_the_first_in_the_lexicon_wins() -> None:
    def rule(name: str, pattern: str) -> Rule:
        return Rule(id=name, role="ad", scope="span", pattern=pattern, match=("x",), keep=("y",))

    rules = (rule("short", "SHOP NOW"), rule("long", "SHOP NOW AND SAVE"))
    both = Lexicon((Language(language="en", rules=rules),), {})
    found = stripped(f"{BODY} SHOP NOW AND SAVE {BODY}", both)
    assert [removal.reason for removal in found.removals] == ["rule:short"]
    assert found.body.text == f"{BODY} AND SAVE {BODY}"


def test_roles_of_kept_lines_come_from_the_line_classifier(lexicon: Lexicon) -> None:
    cleaned = clean(f"{BODY}\nWhat comes next\n{BODY}")
    scores = [{"body": 0.9, "subhead": 0.1}, {"body": 0.2, "subhead": 0.5, "promo": 0.3}, {"body": 0.9, "subhead": 0.1}]
    predictions = [Prediction("body", 0.9, of, False) for of in scores]
    found = strip(cleaned, lines(cleaned.text), lexicon, Config(), predictions=predictions)
    assert found.roles == ("body", "subhead", "body")


def headings() -> Lexicon:
    """Return two rules that take lines: a heading of links, and an advertisement."""
    related = Rule(
        id="more", role="related", scope="line", pattern="^Read more:?$|^Read more: .+", match=("x",), keep=("y",)
    )
    ad = Rule(id="ad", role="ad", scope="line", pattern="^Advertisement$", match=("x",), keep=("y",))
    return Lexicon((Language(language="en", rules=(related, ad)),), {})


def test_a_heading_with_a_colon_takes_the_links_that_it_announces() -> None:
    links = "Why the ferry stopped\nWho owns the quay?\nAdvertisement\nA port sells up"
    raw = f"{BODY}\nRead more:\n{links}\n{BODY}\nNo link here"
    found = stripped(raw, headings())
    assert found.body.text == f"{BODY}\n{BODY}\nNo link here"
    assert [removal.reason for removal in found.removals] == [
        *("rule:more", "below:rule:more", "below:rule:more", "rule:ad", "below:rule:more")
    ]
    assert {removal.role for removal in found.removals} == {"related", "ad"}


def test_a_heading_without_a_colon_takes_no_line_that_stands_alone() -> None:
    raw = f"{BODY}\nRead more\nThe price of water\n{BODY}"
    assert stripped(raw, headings()).body.text == f"{BODY}\nThe price of water\n{BODY}"
    raw = f"{BODY}\nRead more\nWho owns the quay?\nThe price of water\n{BODY}"
    assert stripped(raw, headings()).body.text == f"{BODY}\n{BODY}"


@pytest.mark.parametrize(
    "line",
    [
        *("It rained on Monday.", "“We are done,” she said", "Correction: the date was wrong", "Two words"),
        *("Here is why:", "What the court decided", "Who pays for all of this?", "Who pays? And for how long?"),
        *("- The mayor resigned on Monday", "• The mayor resigned on Monday and nobody at all came to the quay"),
        *("MAYOR: I will not resign", "МЭР: Я не уйду в отставку", "Q: Why did the mayor resign"),
        *("The mayor resigned after the vote on Monday.[1]", "The mayor resigned on Monday. (AP)", "He “left.” [12]"),
        "میئر نے پیر کے روز اپنے عہدے سے استعفیٰ دے دیا اور شہر چھوڑ دیا۔",
        "Мэр города вчера наконец подал в отставку и уехал из города!",
        *("市长星期一宣布辞职并且离开了这座城市。", "市长说：“我们绝不会离开这座城市！”", "市议会推迟表决"),
    ],
)
@pytest.mark.parametrize("after", ["", f"\n{BODY}"])
def test_a_heading_takes_nothing_that_is_no_link(line: str, after: str) -> None:
    assert stripped(f"{BODY}\nRead more:\n{line}{after}", headings()).body.text == f"{BODY}\n{line}{after}"


@pytest.mark.parametrize(
    "line",
    ["TOP TEN: Celebrity Attacks on the Quay", "Вот почему городской паром снова не пришёл вовремя", "Why it sank"],
)
def test_several_links_go_whatever_their_length(line: str) -> None:
    assert stripped(f"{BODY}\nRead more\n{line}\n{line}\n{BODY}", headings()).body.text == f"{BODY}\n{BODY}"


def test_a_long_line_that_stands_alone_is_a_link() -> None:
    line = "Why the ferry to the old harbour stopped for a third day"
    assert stripped(f"{BODY}\nRead more:\n{line}\n{BODY}", headings()).body.text == f"{BODY}\n{BODY}"


def test_a_question_is_a_link_where_another_link_follows_it() -> None:
    raw = f"{BODY}\nRead more:\nWho owns the quay?\nThe price of water\nWho pays for it?\n{BODY}"
    assert stripped(raw, headings()).body.text == f"{BODY}\nWho pays for it?\n{BODY}"


def test_words_of_scripts_without_blanks_are_counted_by_characters() -> None:
    links = "市议会再次推迟对港口大桥的表决\nスト三日目、港の渡し船はまだ動かない"
    assert stripped(f"{BODY}\nRead more:\n{links}\n{BODY}", headings()).body.text == f"{BODY}\n{BODY}"


@pytest.mark.parametrize(("heading", "announces"), [("延伸阅读", True), ("延伸阅读 港口大桥今天重新开放", False)])
def test_a_heading_without_blanks_announces_links_only_if_it_is_short(heading: str, announces: bool) -> None:
    rule = Rule(id="zh", role="related", scope="line", pattern="^延伸阅读", match=("x",), keep=("y",))
    words = Lexicon((Language(language="zh", rules=(rule,)),), {})
    links = "市议会再次推迟对港口大桥的表决\n渡轮连续第三天停航令居民不满"
    expected = f"{BODY}\n{BODY}" if announces else f"{BODY}\n{links}\n{BODY}"
    assert stripped(f"{BODY}\n{heading}\n{links}\n{BODY}", words).body.text == expected


def test_a_link_that_names_its_story_announces_nothing() -> None:
    raw = f"{BODY}\nRead more: Why the ferry stopped\nThe price of water\n{BODY}"
    assert stripped(raw, headings()).body.text == f"{BODY}\nThe price of water\n{BODY}"


def test_who_said_what_the_line_above_quotes_is_kept(lexicon: Lexicon) -> None:
    signature = "Jane Example, Larkfield Post"
    assert stripped(f"“It rained.”\n{signature}", lexicon, [0.1, 0.99]).body.text == f"“It rained.”\n{signature}"
    assert stripped(f"{BODY}\n{signature}", lexicon, [0.1, 0.99]).body.text == BODY


@pytest.mark.parametrize(
    ("line", "kept"), [("MAYOR: Not now", True), ("MAYOR: NO", True), ("MAX ROE: A QUAY FOR SALE AGAIN", False)]
)
def test_a_turn_of_speech_is_kept_and_a_headline_in_capitals_is_not(lexicon: Lexicon, line: str, kept: bool) -> None:
    line = line.replace("MAYOR:", "THE MAYOR:")
    assert stripped(f"{BODY}\n{line}", lexicon, [0.1, 0.99]).body.text == (f"{BODY}\n{line}" if kept else BODY)
