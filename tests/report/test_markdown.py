from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import SMALL, Evaluation, Ranking, Scores, StripEvaluation, TaskEvaluation
from pipeline.metrics import Classification, CoveragePoint, Interval, classification
from pipeline.report.cells import cell
from pipeline.report.markdown import evaluation_report
from tests.report.samples import annotation

LABELS = ("favor", "against", "neutral")
CURVE = tuple(CoveragePoint(n / 20, 1 - n / 100, 1 - n / 40) for n in range(1, 21))


def _found(cases: int = 30, labels: tuple[str, ...] = LABELS) -> Classification:
    gold = [labels[number % 2] for number in range(cases)]
    guessed = [labels[0] for _ in range(cases)]
    return classification(gold, guessed, labels, groups=[str(number) for number in range(cases)], resamples=20)


def _task(
    name: str = "stance", *, cases: int = 30, labels: tuple[str, ...] = LABELS, sliced: str = "opinion"
) -> TaskEvaluation:
    found = _found(cases, labels)
    return TaskEvaluation(
        task=name,
        unit="sentences",
        model=Scores(
            "transformer",
            found,
            calibration_error=0.04567,
            calibration_interval=Interval(0.012, 0.0789),
            coverage=0.91,
            covered_accuracy=0.87,
            uncalibrated_error=0.2,
            ranking=Ranking("checkworthy", 0.912, Interval(0.85, 0.95)),
        ),
        compared=(
            Scores("linear", found, 0.1, None, 1.0, 0.5, ranking=Ranking("checkworthy", 0.7, None)),
            Scores("majority", found),
        ),
        slices={
            "genre": {
                sliced: Scores("transformer", _found(SMALL)),
                "live blog": Scores("transformer", _found(SMALL - 1)),
            }
        },
        coverage_curve=CURVE,
        unread=0.0125,
    )


def _evaluation(*tasks: TaskEvaluation) -> Evaluation:
    strip = StripEvaluation(812, 0.98765, 0.9, 0.94, Interval(0.91, 0.96), 0.00321, 2)
    return Evaluation({"train": 310, "test": 85}, strip, tasks or (_task(),))


def _report(evaluation: Evaluation | None = None, example_id: str | None = "bridge") -> str:
    return evaluation_report(
        evaluation or _evaluation(),
        annotations=[annotation(identity="other", title="Other"), annotation()],
        example_id=example_id,
        configuration="sha256:c0ffee",
    )


def _rows(report: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, header first."""
    lines = report[report.index(f"{heading}\n") :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]])
    return [rows[0], *rows[2:]]


def test_the_summary_shows_model_compared_engines_and_baseline() -> None:
    header, row = _rows(_report(), "## Summary")
    shown = dict(zip(header, row, strict=True))
    interval = r"0\.\d{3} \(0\.\d{3}–0\.\d{3}\)"
    assert (shown["Task"], shown["Unit"], shown["Engine"], shown["Cases"]) == (
        "stance",
        "sentences",
        "transformer",
        "30",
    )
    assert (shown["Accuracy"], shown["ECE"], shown["Coverage"]) == ("0.500", "0.200 → 0.046 (0.012–0.079)", "0.910")
    assert re.fullmatch(interval, shown["Macro-F1"])
    assert re.fullmatch(f"linear {interval}", shown["Compared engines’ macro-F1"])
    assert re.fullmatch(interval, shown["Majority’s macro-F1"])


def test_a_task_without_rivals_has_dashes() -> None:
    lonely = TaskEvaluation("boilerplate", "lines", Scores("linear", _found()), (), {})
    row = _rows(_report(_evaluation(lonely)), "## Summary")[1]
    assert row[-4:] == ["–"] * 4


def test_data_and_configuration_are_named() -> None:
    report = _report()
    assert _rows(report, "## Data")[1:] == [["train", "310"], ["test", "85"]]
    assert "Configuration: sha256:c0ffee" in report


def test_boilerplate_is_scored_with_the_body_lost_in_percent() -> None:
    row = _rows(_report(), "## Boilerplate removal")[1]
    assert row == ["812", "0.988", "0.900", "0.940 (0.910–0.960)", "0.32 %", "2"]


def test_a_label_that_nobody_gave_has_no_score() -> None:
    rows = _rows(_report(), "### Labels")
    assert rows[1][0] == "favor"
    assert rows[1][1] == "0.500"
    assert rows[1][4] == "15"
    assert rows[2][1:3] == ["–", "0.000"]  # never predicted, so no precision, but missed every time
    assert rows[3] == ["neutral", "–", "–", "–", "0"]


def test_few_labels_give_a_matrix() -> None:
    assert _rows(_report(), "### Confusions")[1:] == [
        ["favor", "15", "0", "0"],
        ["against", "15", "0", "0"],
        ["neutral", "0", "0", "0"],
    ]


def test_many_labels_give_a_list_of_the_confusions() -> None:
    report = _report(_evaluation(_task("topic", labels=tuple("abcdefg"))))
    assert _rows(report, "### Confusions") == [["Gold", "Predicted", "Cases"], ["b", "a", "15"]]


def test_slices_below_the_floor_are_marked() -> None:
    rows = {row[1]: row[2] for row in _rows(_report(), "### Slices")}
    assert rows["opinion"] == str(SMALL)
    assert rows["live blog"] == f"{SMALL - 1} (few cases)"


def test_cells_keep_to_their_column() -> None:
    report = _report(_evaluation(_task(sliced="a | b\nc <i> *d* $1")))
    rows = _rows(report, "### Slices")
    assert [len(row) for row in rows] == [6, 6, 6]
    assert rows[1][1] == r"a \| b c &lt;i&gt; \*d\* \$1"


@given(st.text())
def test_a_cell_is_one_line_without_a_bare_bar(text: str) -> None:
    escaped = cell(text)
    assert len(escaped.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", escaped)
    assert not re.search("[<>]", escaped)


def test_the_worked_example_shows_topic_stances_removals_and_claims() -> None:
    report = _report()
    assert "## Worked example: What the bridge cost (bridge)" in report
    assert "Topic: politics and government 0.800 (Media Topic 11000000). Alternatives: economy, business and" in report
    example = report[report.index("## Worked example") :]
    assert _rows(example, "### Stances")[1:] == [
        ["Ana Ruiz", "favor", "0.810", "6"],
        ["City Hall", "abstained (against?)", "0.420", "1"],
    ]
    assert _rows(example, "### Removed")[1:] == [
        ["share", "rule:share-bar", r"Share \| this &lt;b&gt;story&lt;/b&gt;"],
        ["promo", "model:0.93", "📣 Follow us on Telegram!"],
    ]
    claims = _rows(example, "### Claims")[1:]
    assert [row[1] for row in claims] == ["0.970", "0.700", "0.950"]
    assert claims[1][3:] == ["the mayor (said)", "Ana Ruiz; City Hall"]


def test_an_unknown_example_is_named_and_none_leaves_the_section_out() -> None:
    assert "None of the 2 annotations has the id nowhere." in _report(example_id="nowhere")
    assert "Worked example" not in _report(example_id=None)


def test_title_and_introduction_come_first() -> None:
    report = evaluation_report(
        _evaluation(), annotations=[], example_id=None, title="Public data", introduction=["NewsMTSC and CT24."]
    )
    assert report.startswith("# Public data\n\nNewsMTSC and CT24.\n\n## Data\n")


def test_no_machine_path_and_no_more_than_four_decimals() -> None:
    report = _report()
    assert "/home" not in report
    assert not re.search(r"\d\.\d{5}", report)


def test_the_same_input_gives_the_same_report() -> None:
    assert _report() == _report()


def test_calibration_is_told_before_and_after() -> None:
    assert "0.200 → 0.046 (0.012–0.079)" in _report()


def test_a_task_says_how_it_ranks_and_what_it_did_not_read() -> None:
    report = _report()
    ranking = "ranking by the probability of checkworthy: 0.912 (0.850–0.950) (linear 0.700)."
    assert ranking in report
    assert "Share of tokens that the model never saw: 1.25 %." in report


def test_abstention_is_told_by_what_it_buys() -> None:
    rows = _rows(_report(), "### Abstention")
    assert rows == [
        ["Coverage", "Lowest score", "Risk"],
        ["100 %", "0.500", "0.200"],
        ["90 %", "0.550", "0.180"],
        ["75 %", "0.625", "0.150"],
        ["50 %", "0.750", "0.100"],
        ["25 %", "0.875", "0.050"],
    ]
