"""Who says a quotation: found where the sentence says so, and not invented where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.article import Attribution, Facts
from pipeline.facts import direct_attribution, facts


@pytest.mark.parametrize(
    ("sentence", "source", "cue"),
    [
        ("“We won,” said Maria Lopez, the coach.", "Maria Lopez", "said"),
        ("“We won,” Maria Lopez said.", "Maria Lopez", "said"),
        ("“We won”, said Maria Lopez.", "Maria Lopez", "said"),
        ("“We won,” said the coach on Friday.", "the coach", "said"),
        ("“We won,” she said on Friday.", "she", "said"),
        ("“Did we win?” asked Lopez.", "Lopez", "asked"),
        ("“We won,” said Lopez. “It was hard.”", "Lopez", "said"),
        ("“We won,” said Dr. Lopez of the institute.", "Dr. Lopez", "said"),
        ("“We won,” said J. K. Lopez, a coach.", "J. K. Lopez", "said"),
        ('"Rents rose," the mayor told reporters.', "the mayor", "told"),
        ("Maria Lopez said: “We won.”", "Maria Lopez", "said"),
        ("Maria Lopez, the coach, said, “We won.”", "Maria Lopez", "said"),
        ("But Lopez wrote in a letter to the council: “No.”", "Lopez", "wrote"),
        ("It was hard,” the coach added.", "the coach", "added"),
        ("The vote was close, and Lopez said: “We won.”", "Lopez", "said"),
    ],
)
def test_the_source_of_a_direct_quotation_is_found(sentence: str, source: str, cue: str) -> None:
    assert direct_attribution(sentence) == Attribution(source, cue, "direct")


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "The council said the bridge is safe.",
        "“We won.”",
        "“It rained",
        "According to Lopez, “we won.”",
        "The “green” plan will cost $2 million, officials said.",
        "He called it a “disaster” and said no more.",
        "The “best” said nothing.",
        "The “saidiya” dish is served with rice.",
    ],
)
def test_no_source_is_invented(sentence: str) -> None:
    assert direct_attribution(sentence) is None


PIECES = ("“", "”", '"', "said ", "Lopez ", ", ", ". ", "Dr. ", "told ", "and ", "we won")


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_source_and_cue_stand_in_the_sentence(sentence: str) -> None:
    found = direct_attribution(sentence)
    if found is not None:
        assert found.source.strip() == found.source != ""
        assert found.source in sentence
        assert found.cue in sentence
        assert not set(found.source) & set('“”"')


def test_facts_carry_the_named_targets_and_leave_open_what_was_not_looked_for() -> None:
    assert facts("“We won,” said Lopez.", ["NATO", "Lopez"]) == Facts(
        attribution=Attribution("Lopez", "said", "direct"), quantities=None, dates=None, targets=("NATO", "Lopez")
    )
    assert facts("It rained.", []) == Facts()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("text", ["a", "word and other ", "Word ", "1", ". ", "Dr. ", "“", '"', ", ", "X said, "])
def test_a_line_of_any_length_is_answered_at_once(text: str) -> None:
    for line in (text * 100_000, text * 100_000 + "“", f"“We won,” {text * 100_000}"):
        direct_attribution(line)
