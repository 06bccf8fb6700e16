"""The second annotation: a sheet gives nothing away, answers are joined whole, and kappa is of what both gave."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline import agreement
from pipeline.agreement import Agreement, Decision
from pipeline.article import CLAIM_LABELS
from pipeline.errors import DataError
from pipeline.seeds import GoldArticle
from tests.corpora import CLINIC, SNOW, parse

# Every label that CLINIC has, as a second annotator gives it who agrees with all of them.
ANSWERS = """\
topic\t-\thealth
article stance\tCity Council\tfavor
article stance\tMayor Ruiz\tagainst
segment\t1\theadline
segment\t2\tbyline
segment\t3\tcheckworthy
stance\t3 City Council\tfavor
attribution\t3\tindirect
date\t3\t2021-03-04
quantity\t3\t14000000000 USD
segment\t4\tfactual
segment\t5\tnone
stance\t5 City Council\tneutral
stance\t5 Mayor Ruiz\tagainst
segment\t6\tpromo
"""


@pytest.fixture(scope="module")
def clinic() -> GoldArticle:
    return parse(CLINIC, "clinic")


@pytest.fixture(scope="module")
def corpus(clinic: GoldArticle) -> dict[str, GoldArticle]:
    return {"clinic": clinic, "snow": parse(SNOW, "snow")}


def joined(gold: GoldArticle, folder: Path, answers: str) -> list[Decision]:
    path = folder / f"{gold.id}.tsv"
    path.write_text(answers, encoding="utf-8")
    return agreement.join(gold, path)


# --- sheets and labels


def test_a_sheet_has_numbered_segments_in_their_lines_and_the_targets_that_each_names(clinic: GoldArticle) -> None:
    assert agreement.sheet(clinic) == (
        "# clinic · published 2021-03-05 · language en\n"
        "# attribution, dates, quantities: yes\n"
        "# targets: City Council (the council; councillors) | Mayor Ruiz\n"
        "\n1\tNew clinic for Southport\n"
        "\n2\tBy Ana Lind\n"
        "\n3\tOn Thursday the council opened the clinic, which cost $14 billion, it said.\t[[names: City Council]]\n"
        "4\tIt stands beside a school.\n"
        '5\tMayor Ruiz should be ashamed of "his" part, and the council knows it.'
        "\t[[names: City Council; Mayor Ruiz]]\n"
        "\n6\tFollow us\n"
    )


def test_a_sheet_is_the_same_whatever_the_labels(clinic: GoldArticle) -> None:
    other = CLINIC
    for old, new in {
        "topic: health": "topic: sport",
        "genre: hard news": "genre: review",
        "outlet: Harbour Post": "outlet: Hill Gazette",
        "| favor": "| neutral",
        "| against": "| favor",
        "Council | neutral\n  > says": "Council | against\n  > says",
        "> stance: City Council | neutral\n\n": "> stance: City Council | against\n\n",
        "headline:": "deck:",
        "byline:": "credit:",
        "promo:": "share:",
        "none:": "factual: ",
        "factual: It": "none: It",
        "checkworthy:": "none:",
        "indirect": "direct",
        "| 2021-03-04": "| 2021-03-11",
        "| 14000000000 |": "| 14 |",
    }.items():
        assert old in other
        other = other.replace(old, new)
    changed = parse(other.replace(":  ", ": "), "clinic")
    first, second = agreement.labels(clinic), agreement.labels(changed)
    assert first.keys() == second.keys()
    assert not [key for key in first if first[key] == second[key]]
    assert agreement.sheet(changed) == agreement.sheet(clinic)


def test_a_sheet_says_where_no_facts_are_asked_for(corpus: dict[str, GoldArticle]) -> None:
    assert "# attribution, dates, quantities: no\n" in agreement.sheet(corpus["snow"])


def test_the_labels_are_those_of_the_article_by_set_and_unit(clinic: GoldArticle) -> None:
    lines = [line.split("\t") for line in ANSWERS.splitlines()]
    assert agreement.labels(clinic) == {(kind, unit): label for kind, unit, label in lines}


def test_several_facts_of_a_sentence_make_one_label_and_numbers_are_written_out() -> None:
    content = SNOW.replace(
        "neutral\nnone",
        "neutral\n"
        "  > says: Office | expects | snow | indirect\n  > says: Office | expects | hills | direct\n"
        "  > date: snow | 2020-01\n  > date: hills | 2020-01-02/2020-01-03\n"
        "  > quantity: snow | 0.594 | USD\n  > quantity: snow | 33.3 | percent\n"
        "  > quantity: snow | 65000000000 | GBP\nnone",
    )
    found = agreement.labels(parse(content, "snow"))
    assert found["attribution", "1"] == "direct; indirect"
    assert found["date", "1"] == "2020-01; 2020-01-02/2020-01-03"
    assert found["quantity", "1"] == "0.594 USD; 33.3 percent; 65000000000 GBP"


# --- joining


def test_answers_that_agree_are_final_and_stand_in_the_order_of_the_text(clinic: GoldArticle, tmp_path: Path) -> None:
    shuffled = "".join(sorted(ANSWERS.splitlines(keepends=True)))
    assert shuffled != ANSWERS
    found = joined(clinic, tmp_path, shuffled)
    assert all(item.first == item.second == item.final for item in found)
    assert "".join(f"{item.set}\t{item.unit}\t{item.final}\n" for item in found) == ANSWERS


def test_where_answers_differ_or_one_has_nothing_the_final_label_stays_open(
    clinic: GoldArticle, tmp_path: Path
) -> None:
    answers = (
        ANSWERS.replace("segment\t4\tfactual", "segment\t4\tnone")
        .replace("date\t3\t2021-03-04\n", "")
        .replace("segment\t5", "date\t5\t2021\nsegment\t5")
    )
    found = joined(clinic, tmp_path, answers)
    assert [item for item in found if not item.final] == [
        Decision("clinic", "date", "3", "2021-03-04", "-", ""),
        Decision("clinic", "segment", "4", "factual", "none", ""),
        Decision("clinic", "date", "5", "-", "2021", ""),
    ]


@pytest.mark.parametrize("dropped", ["topic\t-", "article stance\tMayor Ruiz", "segment\t4"])
def test_a_missing_answer_is_refused_by_name(clinic: GoldArticle, tmp_path: Path, dropped: str) -> None:
    answers = "".join(line for line in ANSWERS.splitlines(keepends=True) if not line.startswith(f"{dropped}\t"))
    with pytest.raises(DataError, match=f"clinic.tsv: no label for {dropped.replace(chr(9), ' ')}$"):
        joined(clinic, tmp_path, answers)


@pytest.mark.parametrize(
    "line",
    [
        "segment\t4\tnone",  # stands there already
        "segment 4 none",
        "segment\t4",
        "segment\t4\tnone\twell",
        "date\t4\t",
        "",
        "set\tunit\tlabel",
        "mood\t-\tgood",
        "topic\t1\thealth",
        "segment\t7\tnone",
        "segment\t0\tnone",
        "date\t7\t2021",
        "article stance\tNobody\tfavor",
        "stance\t4 City Council\tfavor",  # which segment 4 does not name
        "stance\tCity Council\tfavor",
    ],
)
def test_a_line_that_repeats_lacks_a_field_or_answers_nothing_asked_is_refused_by_place(
    clinic: GoldArticle, tmp_path: Path, line: str
) -> None:
    with pytest.raises(DataError, match=r"clinic\.tsv:16: "):
        joined(clinic, tmp_path, f"{ANSWERS}{line}\n")


# --- files


FIELD = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=6) | st.sampled_from(
    ['"his" \'part', '""', "\\", "a,b;c", " ", ""]
)
DECIDED = st.builds(Decision, st.just("clinic"), FIELD, FIELD, FIELD, FIELD, FIELD)


@given(st.lists(DECIDED, min_size=1, max_size=4))
def test_decisions_come_back_as_they_were_with_quotes_commas_and_empty_fields(decisions: list[Decision]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agreement.write(Path(folder), decisions)
        assert agreement.read(Path(folder)) == decisions


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x85", "\u2028"])
@pytest.mark.parametrize("text", ["{}x", "x{}y", "x{}"])
@pytest.mark.parametrize("field", ["unit", "final"])
def test_a_field_that_would_break_its_line_is_refused_and_nothing_is_written(
    tmp_path: Path, field: str, text: str, character: str
) -> None:
    fine = Decision("clinic", "quantity", "3", "14 wards", "-", "")
    with pytest.raises(DataError, match="clinic: a tab or line break within"):
        agreement.write(tmp_path, [fine, replace(fine, **{field: text.format(character)})])
    assert not list(tmp_path.iterdir())


def test_a_folder_is_read_article_by_article(tmp_path: Path) -> None:
    items = [Decision(article, "topic", "-", "health", "sport", "") for article in ("b", "a")]
    for item in items:
        agreement.write(tmp_path / "new" / "folder", [item])
    assert agreement.read(tmp_path / "new" / "folder") == items[::-1]
    assert agreement.read(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "content",
    [
        "set\tunit\tfirst\tsecond\ntopic\t-\thealth\thealth\n",
        "set\tunit\tfirst\tsecond\tfinal\ntopic\t-\thealth\thealth\n",
        "topic\t-\thealth\thealth\thealth\ntopic\t-\thealth\thealth\thealth\n",
    ],
)
def test_a_file_of_other_columns_is_refused_by_place(tmp_path: Path, content: str) -> None:
    (tmp_path / "clinic.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"clinic\.tsv:2: not set, unit, first, second, final"):
        agreement.read(tmp_path)


# --- agreement


def decided(*pairs: tuple[str, str, str, str], article: str = "clinic") -> list[Decision]:
    return [Decision(article, kind, unit, first, second, "") for kind, unit, first, second in pairs]


def named(found: Sequence[Agreement]) -> dict[str, Agreement]:
    return {one.name: one for one in found}


DECISIONS = [
    *decided(
        ("topic", "-", "health", "health"),
        ("article stance", "City Council", "favor", "favor"),
        ("article stance", "Mayor Ruiz", "against", "neutral"),
        ("segment", "1", "headline", "headline"),
        ("segment", "2", "byline", "credit"),
        ("segment", "3", "checkworthy", "checkworthy"),
        ("stance", "3 City Council", "favor", "neutral"),
        ("attribution", "3", "indirect", "direct; indirect"),
        ("date", "3", "2021-03-04", "2021-03-04; 2021"),
        ("quantity", "3", "14000000000 USD", "14000000000 dollars"),
        ("segment", "4", "factual", "checkworthy"),
        ("quantity", "4", "-", "1 schools"),
        ("segment", "5", "none", "none"),
        ("stance", "5 City Council", "neutral", "neutral"),
        ("stance", "5 Mayor Ruiz", "against", "-"),
        ("segment", "6", "promo", "factual"),
        ("date", "6", "-", "2021"),
        ("segment", "7", "none", "caption"),
        ("quantity", "7", "1 nurses", "-"),
    ),
    *decided(
        ("topic", "-", "weather", "health"),
        ("article stance", "Weather Office", "neutral", "neutral"),
        ("segment", "1", "checkworthy", "factual"),
        ("stance", "1 Weather Office", "neutral", "favor"),
        ("segment", "2", "none", "none"),
        ("date", "1", "2020", "-"),
        article="snow",
    ),
]


def test_each_set_has_sklearn_s_kappa_over_the_pairs_that_belong_to_it(corpus: dict[str, GoldArticle]) -> None:
    found = named(agreement.agreements(DECISIONS, corpus))
    pairs = {
        "Topic": ["health health", "weather health"],
        "Role of a segment": [
            "headline headline", "byline credit", "body body", "body body", "body body", "promo body", "body caption",
            "body body", "body body",
        ],
        # Not segments 6 and 7, each of which is body for one annotator alone.
        "Claim label of a sentence": [
            "checkworthy checkworthy", "factual checkworthy", "none none", "checkworthy factual", "none none",
        ],
        # Not that toward Mayor Ruiz, to which the second annotator gave none.
        "Stance of a sentence": ["favor neutral", "neutral neutral", "neutral favor"],
        "Stance of an article": ["favor favor", "against neutral", "neutral neutral"],
        # Of the clinic's sentences that are body for both: no facts are labelled in the snow's.
        "Attribution in a sentence": ["indirect both", "- -", "- -"],
        "Dates": ["yes yes", "no no", "no no"],
        "Quantities": ["yes yes", "no yes", "no no"],
    }  # fmt: skip
    assert list(found) == list(pairs)
    for name, own in pairs.items():
        first, second = zip(*(pair.split(" ") for pair in own), strict=True)
        assert found[name].kappa == pytest.approx(cohen_kappa_score(first, second)), name
        assert found[name].compared == len(own), name


def test_the_f1_of_the_values_counts_each_value_and_forgives_a_unit_s_name(corpus: dict[str, GoldArticle]) -> None:
    found = named(agreement.agreements(DECISIONS, corpus))
    assert found["Dates"].values_f1 == pytest.approx(2 * 1 / (1 + 2))
    assert found["Quantities"].values_f1 == pytest.approx(2 * 1 / (1 + 2))
    assert found["Attribution in a sentence"].values_f1 is None


SEGMENT_LABELS = st.sampled_from(["headline", "byline", *CLAIM_LABELS])


def kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Return observed agreement beyond that expected by chance (Cohen 1960), NaN where chance alone gives all."""
    observed = sum(one == other for one, other in pairs) / max(len(pairs), 1)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(first[label] * second[label] for label in first) / max(len(pairs), 1) ** 2
    return math.nan if expected == 1 or not pairs else (observed - expected) / (1 - expected)


@given(pairs=st.lists(st.tuples(SEGMENT_LABELS, SEGMENT_LABELS), max_size=12), final=SEGMENT_LABELS)
def test_kappa_is_that_of_the_formula_whatever_became_final(pairs: list[tuple[str, str]], final: str) -> None:
    decisions = decided(*(("segment", str(number), *pair) for number, pair in enumerate(pairs, start=1)))
    for given_decisions in (decisions, [replace(item, final=final) for item in decisions]):
        found = named(agreement.agreements(given_decisions, {}))
        roles = [tuple("body" if label in CLAIM_LABELS else label for label in pair) for pair in pairs]
        claims = [pair for pair in pairs if set(pair) <= set(CLAIM_LABELS)]
        assert found["Role of a segment"].kappa == pytest.approx(kappa(roles), nan_ok=True)  # type: ignore[arg-type]
        assert found["Claim label of a sentence"].kappa == pytest.approx(kappa(claims), nan_ok=True)


def test_agreement_is_of_the_first_labels_also_when_every_difference_is_settled(corpus: dict[str, GoldArticle]) -> None:
    settled = [replace(item, final=item.second) for item in DECISIONS]
    assert agreement.agreements(settled, corpus) == agreement.agreements(DECISIONS, corpus)


def test_a_decision_on_an_article_that_is_gone_does_not_stop_the_count(corpus: dict[str, GoldArticle]) -> None:
    gone = decided(("segment", "1", "none", "factual"), article="gone")
    found = named(agreement.agreements([*DECISIONS, *gone], corpus))
    assert found["Dates"].compared == 3
    assert found["Claim label of a sentence"].compared == 6


# --- faults


def test_final_labels_that_the_corpus_carries_are_no_fault(
    corpus: dict[str, GoldArticle], clinic: GoldArticle, tmp_path: Path
) -> None:
    assert agreement.faults(joined(clinic, tmp_path, ANSWERS), corpus) == []
    nothing = Decision("clinic", "date", "5", "-", "2021", "-")
    assert agreement.faults([nothing], corpus) == []


def test_faults_tell_open_decisions_finals_that_the_corpus_lacks_and_unknown_articles(
    corpus: dict[str, GoldArticle],
) -> None:
    decisions = [
        Decision("clinic", "segment", "4", "factual", "none", ""),
        Decision("clinic", "topic", "-", "health", "sport", "sport"),
        Decision("clinic", "date", "5", "-", "2021", "2021"),
        Decision("gone", "topic", "-", "health", "health", "health"),
    ]
    assert agreement.faults(decisions, corpus) == [
        "clinic: segment 4: factual or none? no final label yet",
        "clinic: topic -: final sport, but the corpus has health",
        "clinic: date 5: final 2021, but the corpus has -",
        "gone: no such article in the corpus",
    ]
