"""Stance targets: found by any of their names as whole words, or guessed where none is configured."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.named_entities import named_entities
from pipeline.targets import Mention, Target, load_targets, mentions

NATO = Target("NATO", ("Nato", "the alliance"))
STATES = Target("United States", ("U.S.", "US"))


def found(sentence: str, target: Target) -> str | None:
    """Return the text of the mention in a sentence."""
    return next((sentence[mention.start : mention.end] for mention in mentions([sentence], [target])), None)


@pytest.mark.parametrize(
    ("sentence", "target", "expected"),
    [
        ("Leaders of NATO met.", NATO, "NATO"),
        ("Nato’s leaders met.", NATO, "Nato"),
        ("A NATO-led force left.", NATO, "NATO"),
        ("NATO spoke: the alliance won.", NATO, "NATO"),
        ("They praised the alliance.", NATO, None),
        ("The pro-NATO party lost.", NATO, None),
        ("NATOs and alliances", NATO, None),
        ("nato in lower case", NATO, None),
        ("THE ALLIANCE IN CAPITALS", NATO, None),
        ("The U.S. voted.", STATES, "U.S."),
        ("It was the U.S.", STATES, "U.S."),
        ("It took us in.", STATES, None),
        ("AUS and USB", STATES, None),
    ],
)
def test_a_target_is_named_by_whole_words_in_their_case(sentence: str, target: Target, expected: str | None) -> None:
    assert found(sentence, target) == expected


def test_the_longest_name_is_taken() -> None:
    assert found("The U.S. Congress met.", Target("Congress", ("U.S. Congress",))) == "U.S. Congress"


def test_names_are_no_patterns() -> None:
    assert found("The UxN met.", Target("U.N")) is None
    assert found("C++ (the language) won.", Target("C++ (the language)")) == "C++ (the language)"


def test_each_target_is_found_once_in_each_sentence_that_names_it() -> None:
    sentences = ["NATO met NATO.", "Nobody came.", "The US left the alliance."]
    assert mentions(sentences, [STATES, NATO]) == [
        Mention("United States", 2, 4, 6),
        Mention("NATO", 0, 0, 4),
        Mention("NATO", 2, 12, 24),
    ]


def named(target: Target, *sentences: str) -> list[tuple[int, str]]:
    """Return the mentions of a target in an article of these sentences."""
    return [(item.sentence, sentences[item.sentence][item.start : item.end]) for item in mentions(sentences, [target])]


def test_what_refers_back_counts_once_the_target_was_named() -> None:
    assert named(NATO, "The alliance met.", "NATO met.", "The alliance voted.") == [(1, "NATO"), (2, "The alliance")]
    assert named(Target("Ada Weir"), "Weir came.", "Ada Weir came.", "Weir went.") == [(1, "Ada Weir"), (2, "Weir")]
    assert named(Target("vaccines", ("jabs",)), "Jabs are free.") == [(0, "Jabs")]
    assert named(Target("the port"), "The port closed.") == [(0, "The port")]
    assert named(Target("White House"), "The White House spoke.", "The House voted.") == [(0, "White House")]


WEIR = Target("Ada Weir", ("Weir", "President Weir"))


@pytest.mark.parametrize(
    "other",
    ["They met Eric Weir.", "Weir Hall burned.", "Ada Weir Jr. came.", "We saw “Eric Weir” win.", "So did Élie Weir."],
)
def test_a_surname_within_another_name_is_no_mention(other: str) -> None:
    assert named(WEIR, other) == []


def test_a_surname_alone_goes_to_whom_the_article_names_in_full_more_often() -> None:
    sentences = ("Weir came.", "They met Eric Weir.", "Weir wept.", "Ada J. Weir stayed.", "Then Weir spoke.")
    assert [number for number, _ in named(WEIR, *sentences)] == [0, 2, 3, 4]
    assert named(WEIR, "They met Eric Weir.", "Weir spoke.", "Eric Weir sang.") == []
    assert [number for number, _ in named(WEIR, "He is Eric Weir.", "President Weir stayed.", "Weir spoke.")] == [1, 2]


@pytest.mark.parametrize(
    "sentence",
    [
        "Mr. Weir came.", "Sen. Weir came.", "Presidents Weir and Xi met.", "When Weir came, they left.",
        "Neither Weir nor I came.", "Stop Weir now.", "They told Weir I would go.", "Impeach Weir",
        "Why Voters Still Trust Weir Now",
    ],
)  # fmt: skip
def test_a_title_or_a_word_capitalised_for_its_place_makes_no_other_name(sentence: str) -> None:
    assert len(named(WEIR, sentence)) == 1


def test_a_building_of_the_name_does_not_cost_the_other_mentions() -> None:
    sentences = ("Weir won.", "Weir Tower burned.", "Weir left.", "Weir Monday spoke.")
    assert [number for number, _ in named(WEIR, *sentences)] == [0, 2, 3]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Supreme Court", "Court documents show it."), ("United States", "States must act."),
        ("European Union", "Union workers walked out."), ("World Bank", "Bank holidays are short."),
    ],
)  # fmt: skip
def test_the_last_word_of_an_organisation_is_not_its_name(name: str, sentence: str) -> None:
    assert named(Target(name), f"The {name} met.", sentence) == [(0, name)]


def test_long_sentences_take_time_in_proportion() -> None:
    sentence = "Weir, " * 4000
    assert named(WEIR, sentence) == [(0, "Weir")]


texts = st.lists(st.text("abN. ’-", max_size=30), max_size=3)


@given(texts, st.lists(st.text("abN.’", min_size=1, max_size=3), min_size=1))
def test_a_mention_lies_in_its_sentence_and_is_one_of_the_names(sentences: list[str], names: list[str]) -> None:
    for mention in mentions(sentences, [Target(names[0], tuple(names[1:]))]):
        text = sentences[mention.sentence][mention.start : mention.end]
        assert text in names or text[0].lower() + text[1:] in names


def test_the_file_of_targets_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("NATO: [Nato, the alliance]\nIsrael: []\n", encoding="utf-8")
    assert load_targets(path) == (NATO, Target("Israel"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- NATO", "holds no targets"),
        ("", "holds no targets"),
        ("NATO: the alliance", "aliases of 'NATO' are 'the alliance', not a list"),
        ("NATO:", "aliases of 'NATO' are None, not a list"),
        ("NATO: [the alliance, '']", "aliases of 'NATO'"),
        ("Norway: [NO]", "aliases of 'Norway'"),  # YAML takes NO for false
        ("NO: [Norway]", "the key 'NO' is a truth value in YAML; put it in quotes"),
        ("1984: [Orwell]", "target 1984 is no name; put it in quotes"),
        ("'': [Norway]", "target '' is no name"),
    ],
)
def test_a_fault_in_the_file_of_targets_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_targets(path)


def test_the_targets_of_the_default_configuration_are_found_by_each_of_their_names(project: Path) -> None:
    targets = load_targets(project / "configs" / "targets.yaml")
    for target in targets:
        for name in (target.name, *target.aliases):
            assert (1, name) in named(target, f"They met {target.name} today.", f"They met {name} today.")


ARTICLE = [
    "Maria Lopez met Jens Dahl on Monday.",
    "Later Lopez left with Mr. Dahl.",
    "Critics of Lopez were quiet.",
    "A spokesman for the North Sea Fund praised Lopez.",
    "We asked the North Sea Fund twice.",
    "Nobody else in Oslo spoke.",
]


def test_the_most_named_entities_come_first_and_a_surname_goes_with_the_full_name() -> None:
    found = named_entities([*ARTICLE, "He likes Maria Lopez."], limit=3)
    assert [target.name for target in found] == ["Maria Lopez", "Jens Dahl", "North Sea Fund"]
    assert found[0].aliases == ("Lopez",)


def test_an_entity_named_in_one_sentence_only_is_left_out() -> None:
    names = [target.name for target in named_entities(ARTICLE, limit=10)]
    assert "Oslo" not in names
    assert "North Sea Fund" in names
    assert "Oslo" in [target.name for target in named_entities(ARTICLE, limit=10, min_sentences=1)]


def test_days_and_words_that_open_sentences_are_no_entities() -> None:
    sentences = ["However, rain fell on Monday.", "However, snow fell on Monday.", "Critics left.", "Critics came."]
    assert named_entities(sentences, limit=5) == ()


def test_a_name_of_several_words_counts_also_where_it_opens_every_sentence() -> None:
    sentences = [
        "Harwick Ferries cut pay.",
        "Harwick Ferries is sorry.",
        "Ferries lay idle.",
        "“Harwick Ferries lied.”",
    ]
    assert [target.name for target in named_entities(sentences, limit=5)] == ["Harwick Ferries"]
    assert named_entities(["Critics of Pike left.", "Critics of Pike came."], limit=5) == ()
    assert named_entities(["Critics of Pike left.", "Critics of Pike came.", "Pike sang.", "Pike sat."], limit=5) == ()
    openers = ["Can Reed win?", "Can Reed lose?", "As President Reed left.", "If President Reed left.", "Last Week."]
    assert named_entities([*openers, "Last Week."], limit=5) == ()


def test_a_surname_that_opens_sentences_counts_for_its_bearer() -> None:
    met = ["They met Ada Reed, of the Sol Fund.", "Pay for the Sol Fund rose."]
    [first, second] = named_entities([*met, "Reed left.", "Reed lied."], limit=5)
    assert (first.name, first.aliases) == ("Ada Reed", ("Reed",))
    assert second.name == "Sol Fund"


def test_a_last_word_that_is_no_surname_does_not_count_for_the_longer_name() -> None:
    named = ["The White House said so.", "They left the Bank of England.", "House prices rose.", "England won."]
    assert named_entities(named, limit=5) == ()


def test_at_most_as_many_entities_as_asked_for_are_returned() -> None:
    assert len(named_entities(ARTICLE, limit=1)) == 1
    assert named_entities([], limit=3) == ()


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_guessed_entity_can_be_found_again_where_it_was_named(sentences: list[str]) -> None:
    for target in named_entities(sentences, limit=5, min_sentences=1):
        assert any(target.name in sentence for sentence in sentences)


@pytest.mark.usefixtures("patience")
def test_many_thousand_names_are_ranked_at_once() -> None:
    names = [f"Ada X{number:b}".replace("0", "a").replace("1", "b") for number in range(30_000)]
    sentences = [f"with {name} and {name.partition(' ')[2]}" for name in names] + ["with Ada Xb", "from Xb"]
    assert named_entities(sentences, limit=1) == (Target("Ada Xb", ("Xb",)),)
    assert named_entities(["The " * 100_000 + "Xb"] * 2, limit=1) == ()


@pytest.mark.usefixtures("patience")
def test_a_sentence_that_names_a_target_many_thousand_times_is_looked_at_once() -> None:
    sentences = ["Ada Weir came.", "with Weir and " * 30_000]
    assert mentions(sentences, [Target("Ada Weir")]) == [Mention("Ada Weir", 0, 0, 8), Mention("Ada Weir", 1, 5, 9)]
