"""The lexicon: every rule matches its examples, spares its counterexamples, and a broken file is named."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate import rules
from pipeline.boilerplate.rules import Hit, Lexicon, Rule
from pipeline.errors import ConfigError

LEXICON = rules.load(Path(__file__).parents[2] / "configs" / "boilerplate")
MATCHES = [pytest.param(rule, text, id=f"{rule.id}: {text[:40]}") for rule in LEXICON.rules for text in rule.match]
SPANS = [
    pytest.param(rule, text, id=f"{rule.id}: {text[:40]}")
    for rule in LEXICON.rules
    for text in rule.match
    if rule.scope == "span"
]
KEEPS = [pytest.param(text, id=f"{rule.id}: {text[:40]}") for rule in LEXICON.rules for text in rule.keep]


def hits_of(rule: Rule, text: str) -> list[Hit]:
    return [hit for hit in LEXICON.hits(text) if hit.rule == rule]


@pytest.mark.parametrize(("rule", "text"), MATCHES)
def test_a_rule_matches_its_examples(rule: Rule, text: str) -> None:
    hits = hits_of(rule, text)
    assert hits
    if rule.scope == "line":
        assert [(hit.start, hit.end) for hit in hits] == [(0, len(text))]


@pytest.mark.parametrize(("rule", "text"), SPANS)
def test_a_span_rule_cuts_no_word_in_two(rule: Rule, text: str) -> None:
    for hit in hits_of(rule, text):
        first = text[hit.start]
        # "of the mayorThree more stories", "of the mayor2020 hopefuls"
        glued = text[hit.start - 1 : hit.start].islower() and (first.isupper() or first.isdigit())
        before = text[hit.start - 1 : hit.start].isalnum() and text[hit.start].isalnum()
        assert glued or not before, text[hit.start : hit.end]
        assert not (text[hit.end - 1].isalnum() and text[hit.end : hit.end + 1].isalnum()), text[hit.start : hit.end]


@pytest.mark.parametrize(("rule", "text"), SPANS)
def test_a_span_rule_leaves_nothing_behind_that_a_rule_would_take(rule: Rule, text: str) -> None:
    for hit in reversed(hits_of(rule, text)):
        text = text[: hit.start].rstrip() + text[hit.end :]
    assert [text[hit.start : hit.end] for hit in LEXICON.hits(text)] == []


@pytest.mark.parametrize("text", KEEPS)
def test_no_rule_matches_what_a_rule_keeps(text: str) -> None:
    assert [hit.rule.id for hit in LEXICON.hits(text)] == []


EXAMPLES = sorted({text for rule in LEXICON.rules for text in (*rule.match, *rule.keep)})


COMPILED = functools.cache(re2.compile)  # of more patterns than the library keeps


def one_by_one(lexicon: Lexicon, line: str) -> list[str]:
    """Return the rules that apply to a line, each tried by itself."""
    found = []
    for language in lexicon.languages:
        scripts = "|".join(rf"\p{{{script}}}" for script in language.scripts)
        if scripts and not COMPILED(scripts).search(line):
            continue
        for rule in language.rules:
            short = rule.scope == "span" or len(line) <= rule.max_chars
            if short and any(one.end() > one.start() for one in COMPILED(rule.pattern).finditer(line)):
                found.append(rule.id)
    return found


@given(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=3), st.sampled_from([" ", "", ". "]))
@settings(max_examples=200)
def test_rules_are_found_together_as_they_are_one_by_one(parts: list[str], between: str) -> None:
    line = between.join(parts)
    assert list(dict.fromkeys(hit.rule.id for hit in LEXICON.hits(line))) == one_by_one(LEXICON, line)


def test_patterns_that_are_too_large_together_are_named(tmp_path: Path) -> None:
    content = "language: xx\nrules:\n"
    for number in range(4):
        content += (
            f"  - {{id: huge-{number}, role: promo, scope: span, pattern: '(?:\\pL{{1,400}}x){{2}}{number}', "
            "match: [a], keep: [b]}\n"
        )
    (tmp_path / "xx.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"xx\.yaml: the patterns of huge-0, .*huge-3 are too large together; shorten one"
    ):
        rules.load(tmp_path).compile()


@given(st.text(max_size=80))
def test_any_line_is_searched_and_hits_lie_within_it(line: str) -> None:
    for hit in LEXICON.hits(line):
        assert 0 <= hit.start < hit.end <= len(line)


def test_offsets_count_characters_not_bytes(lexicon: Lexicon) -> None:
    line = "📣 Žižek — [READ: Nové zprávy] “ok”"
    [hit] = lexicon.hits(line)
    assert line[hit.start : hit.end] == "[READ: Nové zprávy]"


def test_a_span_rule_takes_its_group_or_else_the_whole_match(lexicon: Lexicon) -> None:
    line = "One (READ: two) three [READ: four] five"
    assert [line[hit.start : hit.end] for hit in lexicon.hits(line)] == ["READ: two", "[READ: four]"]


def test_a_line_rule_leaves_a_longer_line_alone(lexicon: Lexicon) -> None:
    line = "Follow us " + "x" * 390
    assert len(line) == lexicon.rules[0].max_chars
    assert [hit.rule.id for hit in lexicon.hits(line)] == ["follow"]
    assert list(lexicon.hits(line + "x")) == []


RULE = "{id: a, role: promo, scope: line, pattern: x, match: [x], keep: [y]}"


def written(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    return folder


def test_a_folder_is_read_in_the_order_of_its_files_with_their_bytes(tmp_path: Path) -> None:
    other = RULE.replace("id: a", "id: b")
    written(tmp_path, uk=f"language: uk\nrules: [{RULE}]", en=f"language: en\nrules: [{other}]")
    lexicon = rules.load(tmp_path)
    assert [rule.id for rule in lexicon.rules] == ["b", "a"]
    assert lexicon.files == {name: (tmp_path / name).read_bytes() for name in ("en.yaml", "uk.yaml")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pattern: x", "pattern: '(x'", r"en\.yaml: pattern of 'a' is not RE2: missing \)"),
        ("pattern: x", "pattern: '(?=x)'", r"en\.yaml: pattern of 'a' is not RE2"),
        ("pattern: x", "pattern: '(?:\\pL{1,900}x)wordy'", r"en\.yaml: pattern of 'a' takes over 16 MiB"),
        (
            "rules:",
            "scripts: [Greek, Gothick]\nrules:",
            r"en\.yaml\.scripts: no script 'Gothick'; write its Unicode name",
        ),
        ("role: promo", "role: body", r"en\.yaml: rule 'a' removes 'body', a kept role"),
        ("role: promo", "role: advert", r"en\.yaml\.rules\.0\.role"),
        ("scope: line", "scope: page", r"en\.yaml\.rules\.0\.scope"),
        ("scope: line", "scop: line", r"en\.yaml\.rules\.0\.scop: unknown key; did you mean 'scope'\?"),
        ("id: a", "id: A b", r"en\.yaml\.rules\.0\.id"),
        ("match: [x]", "match: []", r"en\.yaml\.rules\.0\.match"),
        ("keep: [y]", "keep: []", r"en\.yaml\.rules\.0\.keep"),
        (RULE, f"{RULE}, {RULE}", r"en\.yaml: rule id 'a' occurs twice"),
        (f"[{RULE}]", "[]", "no rules in"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rules.load(written(tmp_path, en=f"language: en\nrules: [{RULE}]".replace(old, new))).compile()


def test_a_broken_rule_that_was_never_compiled_is_named_by_the_first_line(tmp_path: Path) -> None:
    broken = RULE.replace("pattern: x", "pattern: '(x'").replace("id: a", "id: b")
    lexicon = rules.load(written(tmp_path, en=f"language: en\nrules: [{RULE}, {broken}]"))
    with pytest.raises(ConfigError, match=r"en\.yaml: pattern of 'b' is not RE2"):
        list(lexicon.hits("Any line"))


def test_a_folder_without_rules_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rules in"):
        rules.load(tmp_path)


def test_the_rules_of_each_language_know_their_own_lines_alone(tmp_path: Path) -> None:
    english = RULE.replace("pattern: x", "pattern: '^Follow'").replace("id: a", "id: b")
    folder = written(tmp_path, uk=f"language: uk\nrules: [{RULE}]", en=f"language: en\nrules: [{english}]")
    found = rules.by_language(folder)
    assert {language: [rule.id for rule in own.rules] for language, own in found.items()} == {"en": ["b"], "uk": ["a"]}
    assert [found["en"].matches(line) for line in ("Follow us", "They follow", "x")] == [True, False, False]
    assert [found["uk"].matches(line) for line in ("Follow us", "They follow", "x")] == [False, False, True]
    assert found["uk"].files == {"uk.yaml": (folder / "uk.yaml").read_bytes()}


def test_two_files_of_one_language_are_its_rules_together(tmp_path: Path) -> None:
    other = RULE.replace("pattern: x", "pattern: y").replace("id: a", "id: b")
    written(tmp_path, one=f"language: en\nrules: [{RULE}]", two=f"language: en\nrules: [{other}]")
    found = rules.by_language(tmp_path)
    assert list(found) == ["en"]
    assert [rule.id for rule in found["en"].rules] == ["a", "b"]
    assert [found["en"].matches(line) for line in "xyz"] == [True, True, False]
    assert list(found["en"].files) == ["one.yaml", "two.yaml"]


def test_every_rule_of_the_project_belongs_to_one_language() -> None:
    found = rules.by_language(Path(__file__).parents[2] / "configs" / "boilerplate")
    assert [rule.id for own in found.values() for rule in own.rules] == [rule.id for rule in LEXICON.rules]


def test_a_broken_rule_of_one_language_is_named(tmp_path: Path) -> None:
    broken = RULE.replace("pattern: x", "pattern: '(x'")
    with pytest.raises(ConfigError, match=r"en\.yaml: pattern of 'a' is not RE2"):
        rules.by_language(written(tmp_path, en=f"language: en\nrules: [{broken}]"))["en"].compile()


def test_a_line_rule_that_a_line_is_too_long_for_does_not_match_it(lexicon: Lexicon) -> None:
    assert lexicon.matches("Follow us " + "x" * 390)
    assert not lexicon.matches("Follow us " + "x" * 391)
    assert lexicon.matches(f"{'x ' * 300}[READ: four] five")
