"""An evaluation, with one worked example, as Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.article import Annotation
from pipeline.evaluation import SMALL, Evaluation, Scores, StripEvaluation, TaskEvaluation
from pipeline.metrics import Classification, CoveragePoint
from pipeline.report.cells import FEW, MISSING, case_count, cell, label_table, macro_f1, number, scored, table
from pipeline.report.worked_example import worked_example

MAJORITY = "majority"
_TRAINED = (
    "Every engine was trained on the training articles and what the configuration adds to them; every score below is "
    "of the test articles, or of the test records of an added data set, which its heading names."
)
_MAX_MATRIX = 5  # labels; a larger confusion matrix is unreadable, so its confusions are listed
_SHARES = (1.0, 0.9, 0.75, 0.5, 0.25)  # of cases, in the table of what abstention buys
_COVERAGE = (
    "If the model answered only the share “coverage” of cases, those with the highest scores, the share “risk” of its "
    "answers would be wrong."
)
_NOTES = f"""\
Macro-F1 averages the F1 of the labels that occur, as gold label or as prediction. In parentheses: a 95 % interval
from a bootstrap that resamples whole articles. ECE: expected calibration error, 0 is best; before → after temperature
scaling (of an ensemble: of the whole; its members are scaled before). Coverage: the share of cases on which the model
does not abstain. The majority baseline always answers the most frequent training label. Fewer than {SMALL} cases say
little; they are marked “{FEW}”."""


def evaluation_report(
    evaluation: Evaluation,
    *,
    annotations: Sequence[Annotation],
    example_id: str | None,
    configuration: str | None = None,
    title: str = "Evaluation",
    introduction: Sequence[str] = (),
) -> str:
    """Return the evaluation as Markdown; equal arguments give equal text, whatever the time and the machine.

    Args:
        evaluation: the scores.
        annotations: where the worked example is looked up.
        example_id: the article of the worked example; None leaves the section out.
        configuration: digest of the configuration that trained the models.
        title: the heading.
        introduction: paragraphs below the heading, in Markdown.
    """
    blocks = [f"# {cell(title)}", *introduction, *_data(evaluation, configuration), *_summary(evaluation.tasks)]
    blocks += _boilerplate(evaluation.strip)
    for task in evaluation.tasks:
        blocks += _task(task)
    if example_id is not None:
        blocks += worked_example(annotations, example_id)
    return "\n\n".join(blocks) + "\n"


def _data(evaluation: Evaluation, configuration: str | None) -> list[str]:
    blocks = [
        "## Data",
        _TRAINED,
        table(["Split", "Articles"], "lr", [(cell(name), str(count)) for name, count in evaluation.cases.items()]),
    ]
    if configuration is not None:
        blocks.append(f"Configuration: {cell(configuration)}")
    return blocks


def _summary(tasks: Sequence[TaskEvaluation]) -> list[str]:
    header = ["Task", "Unit", "Engine", "Cases", "Accuracy", "Macro-F1", "ECE", "Coverage"]
    header += ["Compared engines’ macro-F1", "Majority’s macro-F1"]
    return ["## Summary", _NOTES, table(header, "lllrrrrrll", [_summary_row(task) for task in tasks])]


def _summary_row(task: TaskEvaluation) -> list[str]:
    model, found = task.model, task.model.classification
    engines = [f"{cell(other.name)} {macro_f1(other)}" for other in task.compared if other.name != MAJORITY]
    majority = [macro_f1(other) for other in task.compared if other.name == MAJORITY]
    return [
        cell(task.task),
        cell(task.unit),
        cell(model.name),
        case_count(found.cases),
        number(found.accuracy),
        macro_f1(model),
        _calibration(model),
        number(model.coverage),
        "; ".join(engines) or MISSING,
        "; ".join(majority) or MISSING,
    ]


def _boilerplate(strip: StripEvaluation) -> list[str]:
    header = ["Lines", "Precision", "Recall", "F1", "Body text lost", "Warnings"]
    row = [
        case_count(strip.lines),
        number(strip.precision),
        number(strip.recall),
        scored(strip.f1, strip.f1_interval),
        f"{100 * strip.body_lost:.2f} %",
        str(strip.warnings),
    ]
    meaning = (
        "Lines removed against lines that are boilerplate in the gold data. Body text lost: the share of the gold "
        "body's characters that went with them. Warnings: how often a guard held the stripping back."
    )
    return ["## Boilerplate removal", meaning, table(header, "rrrrrr", [row])]


def _task(task: TaskEvaluation) -> list[str]:
    found = task.model.classification
    blocks = [
        f"## Task: {cell(task.task)}",
        _sentence(task),
        "### Labels",
        label_table(found, absent=True),
        "### Confusions",
    ]
    blocks.append(_matrix(found) if len(found.labels) <= _MAX_MATRIX else _confusions(found))
    if task.coverage_curve:
        blocks += ["### Abstention", _COVERAGE, _coverage(task.coverage_curve)]
    if task.slices:
        blocks += ["### Slices", _slices(task)]
    return blocks


def _sentence(task: TaskEvaluation) -> str:
    model, found = task.model, task.model.classification
    sentence = f"Engine {cell(model.name)} on {case_count(found.cases)} {cell(task.unit)}: accuracy "
    sentence += scored(found.accuracy, found.accuracy_interval)
    if model.coverage is not None and model.covered_accuracy is not None:
        sentence += f"; where it does not abstain ({number(model.coverage)}), {number(model.covered_accuracy)}"
    sentence += "."
    if model.ranking is not None:
        ranking = scored(model.ranking.average_precision, model.ranking.interval)
        sentence += f" Average precision of ranking by the probability of {cell(model.ranking.label)}: {ranking}"
        others = [
            f"{cell(other.name)} {scored(other.ranking.average_precision, other.ranking.interval)}"
            for other in task.compared
            if other.ranking is not None
        ]
        sentence += f" ({', '.join(others)})." if others else "."
    if task.unread is not None:
        sentence += f" Share of tokens that the model never saw: {100 * task.unread:.2f} %."
    return sentence


def _calibration(model: Scores) -> str:
    if model.calibration_error is None:
        return MISSING
    after = scored(model.calibration_error, model.calibration_interval)
    if model.uncalibrated_error is None:
        return after
    return f"{scored(model.uncalibrated_error, model.uncalibrated_interval)} → {after}"


def _coverage(curve: Sequence[CoveragePoint]) -> str:
    rows = []
    for share in _SHARES:
        point = min(curve, key=lambda point: abs(point.coverage - share))
        rows.append([f"{100 * point.coverage:.0f} %", number(point.score), number(1 - point.accuracy)])
    return table(
        ["Coverage", "Lowest score", "Risk"], "rrr", [row for n, row in enumerate(rows) if row not in rows[:n]]
    )


def _matrix(found: Classification) -> str:
    labels = [cell(scores.label) for scores in found.labels]
    rows = [[label, *map(str, counts)] for label, counts in zip(labels, found.confusion, strict=True)]
    return table(["Gold ↓ predicted →", *labels], "l" + "r" * len(labels), rows)


def _confusions(found: Classification) -> str:
    """Return the wrong answers as a table, the most frequent first."""
    labels = [cell(scores.label) for scores in found.labels]
    wrong = [
        (count, gold, guess)
        for gold, counts in enumerate(found.confusion)
        for guess, count in enumerate(counts)
        if count and gold != guess
    ]
    if not wrong:
        return "None: every case was answered rightly."
    rows = [
        (labels[gold], labels[guess], str(count))
        for count, gold, guess in sorted(wrong, key=lambda item: (-item[0], item[1], item[2]))
    ]
    return table(["Gold", "Predicted", "Cases"], "llr", rows)


def _slices(task: TaskEvaluation) -> str:
    rows = [
        (
            cell(by),
            cell(name),
            case_count(scores.classification.cases),
            number(scores.classification.accuracy),
            macro_f1(scores),
            number(scores.coverage),
        )
        for by, own in task.slices.items()
        for name, scores in own.items()
    ]
    return table(["By", "Slice", "Cases", "Accuracy", "Macro-F1", "Coverage"], "llrrrr", rows)
