"""The requirements: a corpus that just meets them falls short in exactly what is then broken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pipeline import corpus_check
from pipeline.agreement import Agreement
from pipeline.corpus_check import Finding
from pipeline.seeds import GoldArticle, GoldSegment, GoldTarget
from tests import corpora
from tests.corpora import CLINIC, SNOW, TOPICS, parse

Articles = list[GoldArticle]


@pytest.fixture(scope="module")
def whole() -> Articles:
    return [parse(content, name.removesuffix(".txt")) for name, content in corpora.corpus().items()]


def short(findings: Sequence[Finding]) -> list[str]:
    return [finding.what for finding in findings if finding.met is False]


def with_segments(gold: GoldArticle, change: Callable[[GoldSegment], GoldSegment | None]) -> GoldArticle:
    """Return an article with each segment changed, or dropped where ``change`` gives None."""
    return replace(gold, segments=tuple(found for segment in gold.segments if (found := change(segment))))


def with_stances(gold: GoldArticle, label: str, other: str) -> GoldArticle:
    """Return an article in which the sentences' stances are ``other`` where they were ``label``."""

    def change(segment: GoldSegment) -> GoldSegment:
        stances = (replace(one, label=other) if one.label == label else one for one in segment.stances)
        return replace(segment, stances=tuple(stances))

    return with_segments(gold, change)


def with_targets(gold: GoldArticle, *stances: str) -> GoldArticle:
    """Return an article with these stances toward its targets, in their order; targets beyond them go."""
    targets = (replace(target, stance=stance) for target, stance in zip(gold.targets, stances, strict=False))
    return replace(gold, targets=tuple(targets))


# --- composition


def too_short(corpus: Articles) -> Articles:
    return [parse(corpora.seed(0, words=19), "s000"), *corpus[1:]]


def too_long(corpus: Articles) -> Articles:
    return [parse(corpora.seed(0, words=100), "s000"), *corpus[1:]]


def no_promo_words(corpus: Articles) -> Articles:
    return [replace(corpus[0], raw=corpus[0].raw.replace("podcast", "broadcast")), *corpus[1:]]


def one_large_outlet_fewer(corpus: Articles) -> Articles:
    """Move what one large outlet has over 14 to another."""
    own = [place for place, gold in enumerate(corpus) if gold.outlet == "Outlet 0"]
    return [replace(gold, outlet="Outlet 1") if place in own[14:] else gold for place, gold in enumerate(corpus)]


@pytest.mark.parametrize(
    ("change", "wanting"),
    [
        (lambda corpus: corpus, []),
        (lambda corpus: corpus[:-1], ["articles"]),
        (lambda corpus: [replace(corpus[0], topic="sport"), *corpus[1:]], ["articles of the rarest topic"]),
        (
            lambda corpus: [
                replace(gold, outlet="Outlet 0") if gold.outlet == "Outlet 23" else gold for gold in corpus
            ],
            ["outlets"],
        ),
        (one_large_outlet_fewer, ["outlets with 15 or more articles"]),
        (
            lambda corpus: [replace(gold, genre="review") if gold.genre == "forecast" else gold for gold in corpus],
            ["genres"],
        ),
        (too_short, ["words of raw text, English articles"]),
        (too_long, ["words of raw text, English articles"]),
        (lambda corpus: [replace(corpus[0], published="2014-12-31"), *corpus[1:]], ["years"]),
        (lambda corpus: [replace(corpus[0], published="2026-01-01"), *corpus[1:]], ["years"]),
        (
            lambda corpus: [with_segments(gold, lambda one: one if one.claim else None) for gold in corpus],
            ["segments that are not body"],
        ),
        (no_promo_words, ["body sentences with a promo's words"]),
    ],
    ids=lambda value: "" if callable(value) else ", ".join(value) or "nothing",
)
def test_what_is_missing_in_a_corpus_s_composition_is_found_and_nothing_else(
    whole: Articles, change: Callable[[Articles], Articles], wanting: list[str]
) -> None:
    assert short(corpus_check.composition(change(whole), TOPICS)) == wanting


def test_a_topic_without_any_article_is_the_rarest(whole: Articles) -> None:
    [finding] = [one for one in corpus_check.composition(whole, (*TOPICS, "labour")) if not one.met]
    assert finding == Finding("articles of the rarest topic", "0", "at least 24", met=False)


def test_a_promo_s_word_counts_in_body_sentences_alone(whole: Articles) -> None:
    promoting = with_segments(whole[0], lambda one: one if "podcast" not in whole[0].raw[one.start : one.end] else None)
    assert promoting.raw.endswith("Follow us w0p")
    assert short(corpus_check.composition([promoting, *whole[1:]], TOPICS)) == ["body sentences with a promo's words"]


def test_the_length_of_an_article_in_another_language_is_free(whole: Articles) -> None:
    brief = replace(parse(corpora.seed(0, words=19), "s000"), language="uk")
    assert short(corpus_check.composition([brief, *whole[1:]], TOPICS)) == []
    only = corpus_check.composition([replace(gold, language="uk") for gold in whole], TOPICS)
    assert short(only) == ["words of raw text, English articles"]


# --- labels


def without_quantities(corpus: Articles) -> Articles:
    return [with_segments(corpus[0], lambda one: replace(one, quantities=())), *corpus[1:]]


def opposing_no_target_that_others_favour(corpus: Articles) -> Articles:
    """Let the articles that favour one target and oppose the other favour, or oppose, both."""
    both = [gold.id for gold in corpus if [one.stance for one in gold.targets] == ["favor", "against"]]
    return [
        with_targets(gold, *(["favor", "against"][both.index(gold.id) % 2],) * 2) if gold.id in both else gold
        for gold in corpus
    ]


@pytest.mark.parametrize(
    ("change", "wanting"),
    [
        (lambda corpus: corpus, []),
        (
            lambda corpus: [
                with_segments(gold, lambda one: replace(one, claim="factual") if one.claim == "none" else one)
                for gold in corpus
            ],
            ["rarest claim label: 0.0%"],
        ),
        (
            lambda corpus: [
                *(with_segments(gold, lambda one: replace(one, stances=())) for gold in corpus[:34]),
                *corpus[34:],
            ],
            ["(sentence, target) pairs: 1496"],
        ),
        (
            lambda corpus: [with_stances(gold, "against", "favor") for gold in corpus],
            ["rarest stance of (sentence, target) pairs: 0.0%"],
        ),
        (
            lambda corpus: [
                with_targets(gold, ("favor", "against", "neutral")[n % 3]) for n, gold in enumerate(corpus)
            ],
            ["(article, target) pairs: 408", "articles that favour one target and oppose another: 0"],
        ),
        (
            lambda corpus: [
                with_targets(gold, *("favor" if one.stance == "neutral" else one.stance for one in gold.targets))
                for gold in corpus
            ],
            ["rarest stance of (article, target) pairs: 0.0%"],
        ),
        (
            lambda corpus: [
                replace(gold, targets=tuple(GoldTarget(one.name[:-1], one.stance, ()) for one in gold.targets))
                for gold in corpus
            ],
            ["different targets: 82"],
        ),
        (opposing_no_target_that_others_favour, ["articles that favour one target and oppose another: 0"]),
        (without_quantities, ["articles with attribution, dates and quantities: 149"]),
    ],
)
def test_what_is_missing_or_out_of_balance_in_the_labels_is_found_and_nothing_else(
    whole: Articles, change: Callable[[Articles], Articles], wanting: list[str]
) -> None:
    findings = corpus_check.labels(change(whole))
    assert [f"{one.what}: {one.found}" for one in findings if not one.met] == wanting


def test_a_corpus_whose_sentences_name_no_target_falls_short_in_them() -> None:
    silent = SNOW.replace("The Weather Office expects", "We expect").replace(
        "  > stance: Weather Office | neutral\n", ""
    )
    findings = {one.what: one for one in corpus_check.labels([parse(silent, "snow")])}
    assert findings["(sentence, target) pairs"] == Finding("(sentence, target) pairs", "0", "at least 1500", met=False)


# --- languages


def german(text: str) -> bool:
    return text.startswith("Folge uns")


def english(text: str) -> bool:
    return text.startswith("Follow us")


def test_lines_and_sentences_of_another_language_are_counted(whole: Articles) -> None:
    assert corpus_check.languages(whole, {"de": german}, english) == [
        Finding("promo, related and share lines, de", "8", "at least 8", met=True),
        Finding("body sentences, de", "48", "at least 8", met=True),
    ]
    assert short(corpus_check.languages(whole[:-1], {"de": german}, english)) == ["promo, related and share lines, de"]
    assert short(corpus_check.languages(whole[:-8], {"de": german}, english)) == [
        "promo, related and share lines, de",
        "body sentences, de",
    ]
    assert len(corpus_check.languages(whole, {"uk": german, "de": german}, english)) == 4


def test_a_line_of_an_english_article_counts_where_only_the_language_s_rules_know_it() -> None:
    lines = ["promo: Folge uns hier", "share: Folge uns dort", "related: Folge mir", "ad: Folge uns ganz"]
    corpus = [parse(SNOW + "\n" + "\n\n".join(lines) + "\n", "snow"), parse(CLINIC, "clinic")]
    promoting, body = corpus_check.languages(corpus, {"de": german}, english)
    assert (promoting.found, body.found) == ("2", "0")
    promoting, _ = corpus_check.languages(corpus, {"de": german}, german)
    assert promoting.found == "0"


# --- variety

SIMILARITY = "highest Jaccard similarity of two bodies"
TWICE = "body sentences that occur twice"
SHARE = "share of 5-grams in several bodies"


def article(identity: str, *sentences: str) -> GoldArticle:
    """Return an article of these sentences, and of the same headline and promo as any other."""
    frame = SNOW.split("checkworthy:", maxsplit=1)[0].replace("---", "---\nheadline: What we shall know tomorrow\n")
    body = "".join(f"none: {sentence}\n" for sentence in sentences)
    return parse(f"{frame}{body}\npromo: Follow us on every network that there is\n", identity)


def words(name: str, count: int = 40) -> str:
    """Return a sentence of words that no other name has."""
    return " ".join(f"{name}{place}" for place in range(count)) + "."


def variety(*corpus: GoldArticle, real: Sequence[str] = ()) -> dict[str, Finding]:
    return {finding.what: finding for finding in corpus_check.variety(corpus, real)}


def test_articles_of_their_own_words_are_varied_whatever_stands_around_their_bodies() -> None:
    found = variety(article("one", words("a")), article("two", words("b")), real=[words("c"), words("d")])
    assert list(found) == [SIMILARITY, TWICE, SHARE]
    assert all(finding.met for finding in found.values())
    assert found[SHARE].found == "0.0000"


def test_a_copied_body_is_found_by_name_although_each_sentence_was_changed() -> None:
    copied = article("copy", words("a").replace("a20", "x"), words("b").replace("b20", "x"))
    found = variety(article("model", words("a"), words("b")), article("other", words("c"), words("a", 10)), copied)
    assert short(list(found.values())) == [SIMILARITY]
    assert "(model and copy)" in found[SIMILARITY].found


def test_bodies_may_share_a_tenth_of_their_5_grams() -> None:
    for shared, similarity, met in ((6, "0.100", True), (7, "0.158 (one and two)", False)):  # 2 of 20, 3 of 19
        one = f"{words('s', shared)[:-1]} {words('a', 15 - shared)}"
        other = f"{words('s', shared)[:-1]} {words('b', 15 - shared)}"
        finding = variety(article("one", one), article("two", other))[SIMILARITY]
        assert (finding.found, finding.met) == (similarity, met)


def test_a_sentence_that_stands_twice_is_found_whatever_its_case_and_spaces() -> None:
    found = variety(article("one", words("a"), "It rained."), article("two", words("b"), "IT  rained."))
    assert short(list(found.values())) == [TWICE]
    assert found[TWICE].found == "it rained."
    found = variety(article("one", words("a"), "It rained.", "It rained."))
    assert short(list(found.values())) == [TWICE]


def test_a_corpus_that_repeats_itself_more_than_real_articles_do_falls_short() -> None:
    phrase = "at the end of the day"  # two 5-grams
    corpus = [article(name, f"{phrase} {words(name)}") for name in ("a", "b")]
    plain = [words("c"), words("d")]
    found = variety(*corpus, real=plain)
    assert short(list(found.values())) == [SHARE]
    assert found[SHARE].wanted == "at most 0.0000, that of 2 real articles"
    assert variety(*corpus, real=[f"{phrase} {text}" for text in plain])[SHARE].met


def test_as_many_real_articles_are_compared_as_the_corpus_has() -> None:
    real = [f"at the end of the day {words(name)}" for name in ("c", "d", "e")]
    alone = variety(article("one", words("a")), real=real)
    assert alone[SHARE].wanted == "at most 0.0000, that of 1 real articles"
    beside = variety(*(article(name, words(name)) for name in ("a", "b")), real=real)
    assert beside[SHARE].wanted == f"at most {2 / 42:.4f}, that of 2 real articles"


def test_without_real_articles_the_share_is_told_with_the_way_to_compare_it() -> None:
    found = variety(article("one", words("a")), article("two", words("b")))
    assert found[SHARE].met is None
    assert "--compare" in found[SHARE].wanted


# --- annotation


def agreed(kappa: float) -> Agreement:
    return Agreement("Topic", kappa, 20, "articles")


@pytest.mark.parametrize(
    ("kappa", "twice", "faults", "wanting"),
    [
        (0.75, 20, [], []),
        (0.75, 19, [], ["articles annotated twice"]),
        (0.749, 20, [], ["kappa, Topic"]),
        (math.nan, 20, [], ["kappa, Topic"]),
        (
            1.0,
            20,
            ["clinic: topic -: health or sport? no final label yet"],
            ["decisions that are open or not carried out"],
        ),
    ],
)
def test_too_few_second_annotations_a_low_kappa_and_open_decisions_fall_short(
    kappa: float, twice: int, faults: list[str], wanting: list[str]
) -> None:
    findings = corpus_check.annotation([agreed(0.9), agreed(kappa)], twice, 100, faults)
    assert short(findings) == wanting
    assert findings[-1].found == (faults[0] if faults else "none")
