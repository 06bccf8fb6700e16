"""The page's words and numbers are those of the evaluation, and its text is that of the articles."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metrics
from pipeline.answers import Answer
from pipeline.evaluation import Change, Evaluation, FloorCheck, Scores
from pipeline.records import read_jsonl
from pipeline.report.html import browser, composition, document, marked_text, pictures, removals, summary, titles
from pipeline.training_variants import Variants, worth
from tests.calls import newsfacts
from tests.report import material
from tests.report.samples import annotation as sample
from tests.report.samples import draft
from tests.trained import Trained


def read(html: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(html)


@pytest.fixture(scope="module")
def written() -> str:
    """The page of made-up material."""
    return document.page(material.material())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave pictures empty: to draw them takes most of the time of a page."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda _, stream, **__: stream.write("<svg></svg>"))


def evaluation(**changes: object) -> Evaluation:
    return replace(material.material(articles=1).evaluation, **changes)  # type: ignore[arg-type]


def test_equal_material_gives_equal_bytes(written: str) -> None:
    assert document.page(material.material()) == written


def test_the_page_asks_for_nothing_but_itself(written: str) -> None:
    found = read(written)
    links = {own for own in found.xpath("//@href | //@src | //@*[name()='xlink:href']") if not own.startswith("#")}
    assert links == set()
    policy = found.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    [style], [script] = found.xpath("//style/text()"), found.xpath("//script/text()")
    assert policy == document.policy(style, script)
    assert "default-src 'none'" in policy
    identities = found.xpath("//@id")
    assert len(identities) == len(set(identities))
    targets = {own[1:] for own in found.xpath("//a/@href")}
    assert targets <= set(identities)


def test_every_task_has_its_line_with_interval_baseline_change_and_floor(written: str) -> None:
    found = read(written)
    rows = found.xpath("//table[contains(@class, 'summary')]/tbody/tr")
    lines = {row.xpath("th/a")[0].text: " ".join(row.text_content().split()) for row in rows}
    assert next(iter(lines)) == "Boilerplate removed"
    claims = lines["Claim label of a sentence"]
    assert re.search(r"0\.\d\d 0\.\d\d–0\.\d\d", claims)
    assert "better +0.04 (+0.01 to +0.07)" in claims
    assert "✓ 0.700 holds" in claims
    assert "cannot tell −0.01 (−0.05 to +0.03)" in lines["Stance of a sentence"]
    assert "none set" in lines["Topic of an article"]
    assert "no shared cases" in lines["Topic of an article"]


def test_the_answer_is_no_where_a_floor_does_not_hold() -> None:
    broken = summary.verdict(evaluation(floors=(*material.FLOORS, FloorCheck("stance", "macro_f1", 0.7, 0.61))))
    assert (broken.holds, broken.answer) == (False, "No: it falls below a floor")
    assert "a floor is a score that was reached before, less noise" in summary.verdict(evaluation()).sentences[0]
    assert broken.sentences[0] == "1 of 3 floors do not hold (Stance of a sentence: macro-F1 0.610 below 0.700)."


def test_the_answer_is_yes_only_where_floors_were_set() -> None:
    assert summary.verdict(evaluation()).holds is True
    unset = summary.verdict(evaluation(floors=(), changes=()))
    assert unset.holds is None
    assert unset.sentences[1] == "No model was accepted before, so there is none to compare with."


def test_a_model_that_got_worse_is_to_be_looked_at_first() -> None:
    worse = Change("claims", "macro_f1", 0.85, 0.79, -0.08, -0.03, 90, "worse")
    found = summary.verdict(evaluation(changes=(worse,)))
    assert found.holds is False
    assert "worse on 1 of 1 tasks" in found.sentences[1]
    same = replace(worse, verdict="same")
    assert summary.verdict(evaluation(changes=(same,))).sentences[1] == "Every answer is that of the accepted model."


def test_a_baseline_within_the_interval_is_not_called_beaten() -> None:
    task = material.task("topic", ("health", "sport"), "articles")
    level = replace(task, compared=(replace(task.model, name="majority"),))
    found = summary.verdict(evaluation(tasks=(level,))).sentences[2]
    assert found.startswith("0 of 1 tasks beat the most frequent answer")


def test_the_matrix_and_the_scores_of_each_label_are_the_evaluation_s(written: str) -> None:
    made = material.material()
    found = read(written)
    task = next(one for one in made.evaluation.tasks if one.task == "claims")
    rows = found.xpath("//section[@id='task-claims']//table[contains(@class, 'matrix')]/tbody/tr")
    assert [[int(cell.text or 0) for cell in row.xpath("td")] for row in rows] == [
        list(row) for row in task.model.classification.confusion
    ]
    labels = found.xpath("//section[@id='task-claims']//table[@class='labels']/tbody/tr")
    shown = [row.xpath("td[3]")[0].text for row in labels]
    assert shown == [f"{one.f1:.3f}" for one in task.model.classification.labels]


@pytest.mark.usefixtures("undrawn")
def test_the_first_screen_tells_what_was_added_to_a_synthetic_corpus() -> None:
    made = material.material()
    added = replace(made, evaluation=replace(made.evaluation, added={"stance": 8739, "claims": 1}))
    [header] = read(document.page(added)).xpath("//header")
    told = " ".join(header.text_content().split())
    assert "tuned on 60; added data: 8,739 examples of stance, 1 example of claims" in told
    assert "The corpus is synthetic" in told
    assert "; added data:" not in document.page(made)


@pytest.mark.usefixtures("undrawn")
def test_a_learning_curve_of_another_engine_says_so() -> None:
    made = material.material()
    assert made.curve is not None
    assert "is not the engine above" not in document.page(made)
    points = tuple(replace(point, engine="embedding") for point in made.curve.points)
    other = replace(made, curve=replace(made.curve, points=points))
    assert "That is not the engine above, which is transformer." in document.page(other)


def test_what_settings_of_training_are_worth_stands_beside_the_spread_of_seeds(written: str) -> None:
    found = read(written)
    [rows] = [
        [[cell.text_content().strip() for cell in row.xpath("th|td")] for row in figure.xpath(".//table//tr")]
        for figure in found.xpath("//section[@id='task-claims']//figure")
        if "What settings of training are worth" in figure.text_content()
    ]
    assert rows == [
        ["Settings", "Seeds", "seeds dev, macro-F1", "CheckThat! dev, average precision"],
        ["as configured", "2", "0.800 (0.790 to 0.810)", "0.930 (0.920 to 0.940)"],
        ["layers=6", "1", "0.820, +0.030", "0.910, -0.010"],
    ]
    [stance] = found.xpath("//section[@id='task-stance']")
    assert "What settings of training are worth" not in stance.text_content()


@pytest.mark.usefixtures("undrawn")
def test_settings_that_were_only_trained_as_configured_make_no_picture() -> None:
    made = material.material()
    alone = replace(made, variants=Variants("d2" * 32, material.TRIALS[:2]))
    assert "What settings of training are worth" not in document.page(alone)
    assert "What settings of training are worth" not in document.page(replace(made, variants=None))


def test_the_project_s_variants_are_shown_for_the_tasks_that_they_name(project: Path) -> None:
    [found] = read_jsonl(project / "seeds" / "training_variants.json", Variants)
    assert {trial.task for trial in found.trials} == {"stance", "claims"}
    for task in ("stance", "claims"):
        assert len(worth(found.trials, task)) > 1


def test_lines_that_stripping_got_wrong_are_mistakes_too() -> None:
    gold = material.article("hp")
    cases = material.cases(gold)
    kept = cases[-1]
    headline = replace(kept, gold="headline", label="headline", raw_start=0, raw_end=len(material.HEADLINE))
    annotated = material.annotation(gold)
    [removal] = annotated.removed
    annotated = replace(annotated, removed=(removal, replace(removal, raw_start=0, raw_end=len(material.HEADLINE))))
    found = browser.stripping([*cases, headline], [annotated])
    assert [(one.task, one.gold, one.label) for one in found] == [
        ("strip", "removed", "kept"),
        ("strip", "kept", "removed"),
    ]
    assert [one.score for one in browser.mistakes(found)] == [None, None]
    assert browser.stripping(cases, []) == []
    [view] = browser.articles({"hp": gold}, [annotated], found)
    assert sorted(line.case for line in view.lines if line.case) == [1, 2]


@pytest.mark.parametrize("identity", ["100%", "a b&c", "50%25", "<b>\"'", "žluť/../x"])
@pytest.mark.usefixtures("undrawn")
def test_an_odd_id_is_still_led_to(identity: str) -> None:
    found = read(document.page(material.material(articles=1, first=material.article(identity))))
    identities = set(found.xpath("//@id"))
    assert f"article-{identity}" in identities
    assert {unquote(own[1:]) for own in found.xpath("//a/@href")} <= identities


@pytest.mark.usefixtures("undrawn")
def test_one_article_and_empty_classes_have_a_page() -> None:
    made = material.material(articles=1)
    labels = ("health", "sport", "never")
    few = metrics.classification(["health"], ["sport"], labels, groups=["a"])
    task = replace(
        material.task("topic", labels, "articles"), model=Scores("linear", few), coverage_curve=(), precision_recall=()
    )
    alone = replace(made, evaluation=replace(made.evaluation, tasks=(task,), floors=(), changes=()))
    told = read(document.page(alone)).text_content()
    assert "Judge for yourself: no floor is set" in told
    assert "few cases" in told
    document.page(replace(alone, cases=[], annotations=[], gold={}, agreements=[], curve=None, variants=None))


def test_small_slices_are_marked(written: str) -> None:
    found = read(written)
    rows = found.xpath("//section[@id='task-claims']//details[@class='slices']//tr[th[@scope='row']]")
    small = {row.xpath("th")[0].text.strip(): row.get("class") for row in rows}
    assert small == {"Harbour Post": None, "Hill Gazette": "small", "2021": None}


def test_mistakes_are_the_wrong_answers_the_surest_first() -> None:
    made = material.material()
    found = browser.mistakes(browser.wrong(made.cases))
    assert len(found) == sum(one.label != one.gold for one in made.cases)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)


def test_a_view_shows_gold_beside_predicted() -> None:
    gold = material.article("hp")
    [view] = browser.articles({"hp": gold}, [material.annotation(gold)], material.cases(gold))
    assert view.headline == material.HEADLINE
    assert view.topic is not None
    assert not view.topic.wrong
    assert [(one.target, one.label, one.gold) for one in view.stances] == [("Mayor Ruiz", "neutral", "favor")]
    marks = [one.mark for line in view.lines for one in line.stretches if one.mark]
    assert [(mark.label, mark.gold, mark.wrong) for mark in marks] == [
        ("checkworthy", "checkworthy", False),
        ("none", "factual", True),
        ("none", "none", False),
        ("kept", "promo", True),
    ]
    mentions = [part.mention for line in view.lines for one in line.stretches for part in one.parts if part.mention]
    assert [(one.target, one.label, one.gold) for one in mentions] == [("Mayor Ruiz", "neutral", "favor")]
    assert [(one.label, one.gold) for line in view.lines for one in line.mistaken] == [("body", "promo")]
    [removal] = [one for line in view.lines for one in line.stretches if one.removal]
    assert not removal.body
    assert view.mistakes == 4


SPAN = st.tuples(st.integers(0, 60), st.integers(1, 30))


@given(st.lists(SPAN, max_size=4), st.lists(SPAN, max_size=4), st.text("ab <&\n", min_size=1, max_size=60))
def test_the_text_stays_itself_whatever_is_marked(
    sentences: list[tuple[int, int]], mentions: list[tuple[int, int]], text: str
) -> None:
    gold = replace(material.article("hp"), raw=text, segments=material.article("hp").segments[:1])
    made = [material.cases(material.article("hp"))[place] for place in (1, 4)]
    cases = [
        (replace(case, raw_start=start, raw_end=start + length), None)
        for case, spans in zip(made, (sentences, mentions), strict=True)
        for start, length in spans
    ]
    annotated = replace(material.annotation(material.article("hp")), removed=(), claims=())
    lines = marked_text.lines(gold, annotated, cases)
    joined = "".join("".join(part.text for one in line.stretches for part in one.parts) + line.breaks for line in lines)
    assert joined == text


def test_body_that_was_removed_is_told() -> None:
    gold = material.article("hp")
    sentence = gold.segments[1]
    taken = replace(material.annotation(gold).removed[0], raw_start=sentence.start, raw_end=sentence.end)
    lines = marked_text.lines(gold, replace(material.annotation(gold), removed=(taken,), claims=()), [])
    assert [one.body for line in lines for one in line.stretches if one.removal] == [True]


def test_removals_are_counted_by_role_layer_and_outlet() -> None:
    content = draft().remove("Home", "nav", "recurring:12").remove("More", "related", "below:rule:more")
    found = removals.overview([sample(content), sample(content, identity="other", warnings=("strip-guard: …",))])
    assert found.stretches == 8
    assert found.layers == ("rules", "below a heading", "recurring blocks", "line classifier")
    assert {group.name: group.by_layer for group in found.by_role} == {
        "promo": {"line classifier": 2},
        "related": {"below a heading": 2},
        "share": {"rules": 2},
        "nav": {"recurring blocks": 2},
    }
    assert [(group.name, group.stretches) for group in found.by_outlet] == [("The Post", 8)]
    assert found.warnings == (("other", "strip-guard: …"),)
    assert len(found.sample) == 8
    assert removals.overview([]).stretches == 0


def test_composition_and_drift_tell_the_splits_apart() -> None:
    short = [material.article(f"s{number}") for number in range(12)]
    long = [replace(one, id=f"l{number}", raw=one.raw + " word" * 300) for number, one in enumerate(short)]
    splits = {one.id: "train" for one in short} | {one.id: "test" for one in long}
    rows = composition.composition([*short, *long], splits)  # type: ignore[arg-type]
    assert rows[0].values == ("12", "0", "12")
    thirds = "check-worthy 33 %, factual 33 %, none 33 %"
    assert rows[6].values == (thirds, "–", thirds)
    found = {(one.split, one.name): one.shift.size for one in composition.differences([*short, *long], splits)}  # type: ignore[arg-type]
    assert found["test", "length in words"] == "none"  # all of one length: there is no spread to measure by
    assert found["test", "words"] == "large"
    assert found["dev", "words"] == "none"


def test_a_dollar_in_a_name_is_no_formula() -> None:
    drawn = pictures.stacked("dollars", [("$x^2$ & <b>", {"rules": 1})], ["rules"], "lines")
    assert "$x^2$ &amp; &lt;b&gt;" in drawn


def test_pictures_leave_no_colour_of_their_own(written: str) -> None:
    found = read(written)
    drawn = "".join(lxml.html.tostring(one, encoding="unicode") for one in found.xpath("//*[name()='svg']"))
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", drawn)) <= {"#ffffff"}
    assert "<text" in drawn
    assert "matplotlib" not in drawn
    assert all(figure.xpath(".//table") for figure in found.xpath("//figure"))


@pytest.mark.parametrize(
    ("value", "shown"), [(6.77e9, "6.8 G"), (45_437_728, "45 M"), (1234, "1.2 k"), (12, "12"), (2.5e13, "25 T")]
)
def test_large_counts_are_told_in_two_digits(value: float, shown: str) -> None:
    assert titles.magnitude(value) == shown


def test_a_change_of_nothing_has_no_sign() -> None:
    assert [titles.signed(value, 2) for value in (0.004, -0.004, -0.02, 0.1)] == ["0.00", "0.00", "−0.02", "+0.10"]


def test_the_report_writes_the_page_and_says_what_it_lacks(trained: Trained, tmp_path: Path) -> None:
    call = [
        "report",
        "--evaluated",
        trained.data / "evaluate",
        "--annotated",
        trained.data / "annotate",
        "--output",
        tmp_path / "report.md",
        "--page",
        tmp_path / "report.html",
        "--split",
        trained.data / "split",
        "--models",
        trained.models,
        "--config",
        trained.settings,
        "--collected",
    ]
    outcome = newsfacts(*call, trained.data / "collect")
    assert outcome.code == 0
    assert f"report in {tmp_path / 'report.html'}" in outcome.err
    written = (tmp_path / "report.html").read_bytes()
    assert newsfacts(*call, trained.data / "collect").code == 0
    assert (tmp_path / "report.html").read_bytes() == written
    found = read(written.decode())
    annotated = {one.get("data-article") for one in found.xpath("//details[@class='article']")}
    assert len(annotated) == trained.figures["annotate"]["articles"]
    # What the page says was evaluated is that, whatever configuration and models lie there now.
    [evaluation] = read_jsonl(trained.data / "evaluate" / "evaluation.json", Evaluation)
    assert evaluation.origin is not None
    elsewhere = [tmp_path / "gone" if one in (trained.models, trained.settings) else one for one in call]
    assert newsfacts(*elsewhere, trained.data / "collect").code == 0
    assert (tmp_path / "report.html").read_bytes() == written
    digests = found.xpath("//p[@class='digests']//code/@title")
    assert {f"sha256:{one}" for one in (evaluation.origin.digest, *evaluation.origin.models.values())} <= set(digests)
    # What is said of a line is what was scored.
    strip = found.xpath("//tr[@data-task='strip']")
    pairs = Counter((row.get("data-gold"), row.get("data-label")) for row in strip)
    answers = [one for one in read_jsonl(trained.data / "evaluate" / "answers.jsonl", Answer) if one.task == "strip"]
    assert pairs == Counter((one.gold, one.label) for one in answers if one.gold != one.label)
    outcome = newsfacts(*call, tmp_path / "nowhere")
    assert outcome.code == 2
    assert f"no {tmp_path / 'nowhere' / 'gold.jsonl'}; run 'make repro' first" in outcome.err
