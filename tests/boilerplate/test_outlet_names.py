"""An outlet's lines look like those of any other once its name is hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate import lines
from pipeline.boilerplate.outlet_names import PLACEHOLDER, hidden


@pytest.mark.parametrize(
    ("text", "outlet", "expected"),
    [
        ("Get Savanna Star on WhatsApp", "Savanna Star", "Get thisoutlet on WhatsApp"),
        ("© SAVANNA STAR LTD", "Savanna Star", "© thisoutlet LTD"),
        ("The Star is free because you pay", "Savanna Star", "thisoutlet is free because you pay"),
        ("Write to tips@savannastar.example", "Savanna Star", "Write to tips@thisoutlet.example"),
        ("He told The Harbour Post so", "The Harbour Post", "He told thisoutlet so"),
        ("He told the Harbour-Post so", "Harbour Post (Online)", "He told thisoutlet so"),
        ("Follow @harbourpost", "Harbour Post - Opinion", "Follow @thisoutlet"),
        ("The Ledger has no paywall", "The Ledger", "thisoutlet has no paywall"),
        ("© 2024 Reason", "Reason", "© 2024 thisoutlet"),
        ("Inside the Hill is free", "Inside the Hill", "thisoutlet is free"),
        ("Lathe News has an app", "Lathe News", "thisoutlet has an app"),
        ("For more, see Reason and reason.example", "Reason", "For more, see thisoutlet and thisoutlet.example"),
    ],
)
def test_each_form_of_a_name_is_hidden(text: str, outlet: str, expected: str) -> None:
    assert hidden(text, outlet) == expected


@pytest.mark.parametrize(
    ("text", "outlet"),
    [
        ("A star fell on the savanna", "Savanna Star"),
        ("Reason one is the price", "Reason"),
        ("There is no reason to wait", "Reason"),
        ("Ledgers were closed", "The Ledger"),
        ("The Ledger Bank failed", "The Ledger"),
        ("the Post Office scandal", "Harbour Post"),
        ("a free press", "The Free Press"),
        ("a good reason to wait", "reason"),
        ("The Post said so", None),
        ("The Post said so", " "),
        ("The Post said so", "???"),
    ],
)
def test_what_only_resembles_a_name_stays(text: str, outlet: str | None) -> None:
    assert hidden(text, outlet) == text


@given(st.text(), st.text())
def test_no_outlet_and_no_text_raises(text: str, outlet: str) -> None:
    assert PLACEHOLDER in hidden(text, outlet) or hidden(text, outlet) == text


def test_lines_of_two_outlets_are_the_same_example() -> None:
    one, other = (
        lines.examples([f"{name} is free to read", "It rained."], opens_with_headline=False, outlet=name)
        for name in ("The Copper Line", "Northern Echo")
    )
    assert one == other
    assert one[0].features["own outlet"] > one[1].features["own outlet"]
