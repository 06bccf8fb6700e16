"""What is quickly looked for before a pattern is tried is in all that the pattern finds."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate import lines


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [(lines._LINK, lines._IN_LINK), (lines._MONEY, lines._IN_MONEY), (lines._PLACE, lines._IN_PLACE)],
    ids=["link", "money", "place"],
)
@given(data=st.data())
def test_a_pattern_finds_nothing_without_what_it_needs(
    pattern: re.Pattern[str], needed: Sequence[str], data: st.DataObject
) -> None:
    found = data.draw(st.from_regex(pattern))
    assert any(part in found for part in needed)


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        ("See more at newsroom.example.co.uk", "link"),
        ("Tickets: 5 € at the door", "money"),
        ("Ada Weir, second from left, with the crew", "picture"),
        ("Ada Weir speaks in the harbour", "picture"),
        ("The mayor (C) in May", "picture"),
    ],
)
def test_what_tells_a_caption_an_offer_or_a_link_is_a_feature_of_its_line(line: str, feature: str) -> None:
    plain, marked = lines.examples(["The council met in the hall.", line], opens_with_headline=False, outlet=None)
    assert marked.features[feature] == 1
    assert plain.features[feature] == 0
    assert plain.features[f"after:{feature}"] == 1
