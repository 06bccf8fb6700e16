"""A model card for each task: what the model is, what it may be used for, and how well it did."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from pipeline.classifiers.store import Engine, Manifest
from pipeline.evaluation import Evaluation, StripEvaluation, TaskEvaluation
from pipeline.report.cells import MISSING, case_count, cell, label_table, macro_f1, number, scored, table

TEMPLATE = Path(__file__).with_name("card.md.j2")
_LICENCES = dict.fromkeys(
    ("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-mpnet-base-v2"), "Apache-2.0"
)
_ENGINES: dict[Engine, tuple[Engine, ...]] = {
    "linear": ("linear",),
    "embedding": ("embedding",),
    "ensemble": ("ensemble", "linear", "embedding"),
    "transformer": ("transformer",),
}
"""Whose settings had a part in each engine."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class _Task:
    """What a card says of a task, whatever the model."""

    what: str
    limit: str
    record: Mapping[str, str]
    indirect: str | None = None
    """The name of the evaluation in which the model's answers are put together."""
    calibration: str = ""
    """What that evaluation's scores are, where they take part in calibration."""


TASKS = {
    "boilerplate": _Task(
        "Tells for each line of a news article what it is: body, headline, caption, byline, promo, related link and so "
        "on. newsfacts removes residue by it, together with the rules and recurring blocks that the folder carries.",
        "It reads one line at a time, with its place and neighbours: in very short texts a sentence may pass for a "
        "caption, and a promo that is written like a paragraph stays.",
        {"text": "The council met on Monday.\n\nShare this article"},
    ),
    "topic": _Task(
        "Tells which of the top-level IPTC Media Topics a news article is about.",
        "It gives one topic an article, though many have two.",
        {"text": "The council met on Monday to vote on the budget."},
    ),
    "stance": _Task(
        "Tells whether a sentence of a news article, and from its sentences the article, favours a named target, "
        "opposes it, or does neither.",
        "Its evidence is much like sentiment: kind or harsh words near the target's name. Praise by somebody who is "
        "quoted, irony, and what an article leaves out are beyond it. Treat a single stance as a hint.",
        {"text": "The council earned its applause.", "target": "The council"},
        indirect="article stance",
        calibration="Article stance is put together from the sentences’ probabilities: its scores are not calibrated, "
        "and its threshold is another, `min_score` in `aggregation.json`.",
    ),
    "claims": _Task(
        "Tells which sentences of a news article make claims worth checking, which state facts that are not worth it, "
        "and which do neither.",
        "Check-worthy does not mean doubtful, and the rest is not true for that: it checks nothing.",
        {"text": "The bridge cost $14 million."},
        indirect="listed claims",
    ),
}


def model_card(manifest: Manifest, digest: str, evaluation: Evaluation) -> str:
    """Return the card of a model folder, with the scores of the evaluation that was made of it.

    Equal arguments give equal text, whatever the time and the machine.
    """
    task = TASKS[manifest.task]
    name = f"newsfacts-{manifest.task}"
    own = [
        found
        for found in evaluation.tasks
        if found.task in (manifest.task, task.indirect) or found.task.startswith(f"{manifest.task} of ")
    ]
    strip = evaluation.strip if manifest.task == "boilerplate" else None
    encoder = _encoder(manifest)
    card = ModelCard.from_template(
        ModelCardData(
            base_model=encoder if encoder is not None and _HUB_NAME.fullmatch(encoder) else None,
            eval_results=[result for found in own for result in _results(found)] or None,
            language="en",
            library_name="newsfacts",
            license="apache-2.0",
            metrics=["accuracy", "f1"],
            model_name=name,
            pipeline_tag="text-classification",
            tags=["news", manifest.task, manifest.engine],
        ),
        template_path=str(TEMPLATE),
        name=name,
        what=task.what,
        facts=_facts(manifest, digest),
        limit=task.limit,
        data=table(
            ["Input", "sha256"], "ll", [(cell(key), f"`{value}`") for key, value in sorted(manifest.data.items())]
        ),
        scored=_scored(evaluation),
        scores=_scores(own, strip),
        by_label=[
            (f"Labels: {cell(found.task)}", label_table(found.model.classification, absent=False)) for found in own
        ],
        calibration=_calibration(manifest, own),
        command=_command(manifest.task),
        usage=_usage(manifest.task),
        record=json.dumps(task.record),
        settings=yaml.safe_dump(_settings(manifest), sort_keys=True, allow_unicode=True, width=110).strip(),
        versions=", ".join(f"{cell(key)} {cell(value)}" for key, value in sorted(manifest.versions.items())),
    )
    return f"{str(card).strip()}\n"


def _encoder(manifest: Manifest) -> str | None:
    """Return the name of the pretrained encoder that the model started from; a folder's is not its own to tell."""
    own = _encoder_settings(manifest)
    return None if own is None else _public_name(own)


def _public_name(encoder: Mapping[str, Any]) -> str:
    name = str(encoder["name"])
    return name if _HUB_NAME.fullmatch(name) else "a local folder"


def _encoder_settings(manifest: Manifest) -> dict[str, Any] | None:
    found = next((name for name in _ENGINES[manifest.engine] if "encoder" in manifest.config.get(name, {})), None)
    return None if found is None else manifest.config[found]["encoder"]


def _settings(manifest: Manifest) -> dict[str, Any]:
    """Return the settings that had a part in this model: those of other engines had none."""
    others = {*_ENGINES, "compared"} - set(_ENGINES[manifest.engine])
    kept = {key: value for key, value in manifest.config.items() if key not in others}
    return {key: _without_encoders(value) for key, value in kept.items()}


def _without_encoders(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_encoders(item) for name, item in value.items() if name != "encoder"}


def _encoder_facts(title: str, encoder: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = _public_name(encoder)
    facts = [(title, f"{cell(name)} (licence: {_LICENCES.get(name, 'see its own card')})")]
    return [*facts, (f"{title}’s weights", f"sha256 `{encoder['sha256']}`")] if encoder["sha256"] else facts


def _facts(manifest: Manifest, digest: str) -> list[tuple[str, str]]:
    facts = [
        ("Task", manifest.task),
        ("Engine", manifest.engine),
        ("Labels", ", ".join(f"`{label}`" for label in manifest.labels)),
    ]
    if own := _encoder_settings(manifest):
        facts += _encoder_facts("Base encoder", own)
    if manifest.engine == "transformer" and (teacher := manifest.config["transformer"].get("teacher")):
        facts += _encoder_facts("Teacher", teacher["encoder"])
    dev = {key: value for key, value in manifest.metrics.items() if key.startswith("dev_")}
    return [
        *facts,
        ("Temperature", f"{manifest.temperature:g}"),
        ("Abstains below", f"{manifest.min_score:g}" if manifest.min_score else "never"),
        ("Scores on dev", ", ".join(f"{key} {value:g}" for key, value in sorted(dev.items())) or MISSING),
        ("`manifest.json`", f"sha256 `{digest}`"),
        ("Licence", "Apache-2.0"),
    ]


def _results(found: TaskEvaluation) -> list[EvalResult]:
    scores = found.model.classification
    figures: list[tuple[str, str, float | None]] = [
        ("f1", "Macro-F1", scores.macro_f1),
        ("accuracy", "Accuracy", scores.accuracy),
        ("expected_calibration_error", "Expected calibration error", found.model.calibration_error),
    ]
    return [
        EvalResult(
            task_type="text-classification",
            task_name=found.task,
            dataset_type="newsfacts",
            dataset_name=f"newsfacts: {found.task}, {found.unit}",
            dataset_config=found.task,  # by which the header keeps the results of one set apart from another's
            dataset_split="test",
            metric_type=kind,
            metric_name=title,
            metric_value=round(value, 4),
        )
        for kind, title, value in figures
        if value is not None
    ]


def _scored(evaluation: Evaluation) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in evaluation.cases.items())
    return (
        f"On the test split, which decides nothing: it is scored, never tuned on (articles: {counts}); what is named "
        "after an added data set, on its test records."
    )


def _scores(own: Sequence[TaskEvaluation], strip: StripEvaluation | None) -> str:
    header = ["What", "Cases", "Macro-F1", "Accuracy", "Macro-F1 of others"]
    rows = [
        (
            f"{cell(found.task)}, {cell(found.unit)}",
            case_count(found.model.classification.cases),
            macro_f1(found.model),
            scored(found.model.classification.accuracy, found.model.classification.accuracy_interval),
            "; ".join(f"{cell(other.name)} {macro_f1(other)}" for other in found.compared) or MISSING,
        )
        for found in own
    ]
    blocks = [table(header, "lrrrl", rows)]
    if strip is not None:
        blocks.append(
            f"Removal, with rules and recurring blocks, on {strip.lines} lines: precision {number(strip.precision)}, "
            f"recall {number(strip.recall)}, F1 {scored(strip.f1, strip.f1_interval)}; "
            f"{100 * strip.body_lost:.2f} % of the body's characters were lost."
        )
    return "\n\n".join(blocks)


def _calibration(manifest: Manifest, own: Sequence[TaskEvaluation]) -> str:
    abstains = (
        f"Below {manifest.min_score:g} a prediction is marked `abstained`."
        if manifest.min_score
        else "It never abstains."
    )
    said = (
        f"Scores are probabilities, of logits divided by a temperature of {manifest.temperature:g}, fitted on dev. "
        f"{abstains} ECE is the expected calibration error, 0 is best; coverage is the share of cases that it does not "
        "abstain from."
    )
    header = ["What", "ECE before", "ECE", "Coverage", "Accuracy there"]
    rows = [
        (
            cell(found.task),
            scored(found.model.uncalibrated_error, found.model.uncalibrated_interval),
            scored(found.model.calibration_error, found.model.calibration_interval),
            number(found.model.coverage),
            number(found.model.covered_accuracy),
        )
        for found in own
        if found.model.calibration_error is not None
    ]
    task = TASKS[manifest.task]
    if task.calibration and any(found.task == task.indirect for found in own):
        said = f"{said} {task.calibration}"
    return f"{said}\n\n{table(header, 'lrrrr', rows)}"


def _command(task: str) -> str:
    if task == "boilerplate":
        return "newsfacts annotate article.txt --output annotations.jsonl --models models"
    return f"newsfacts predict {task} records.jsonl --output predictions.jsonl --models models"


def _usage(task: str) -> str:
    if task == "boilerplate":
        return "`models` holds the four model folders; what was removed, and why, stands in `removed`."
    return f"`models` holds this folder as `{task}`; its files are verified against `manifest.json` when it is loaded."
