"""The whole page: what it shows, rendered into one file that needs no network and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.agreement import Agreement
from pipeline.article import Annotation
from pipeline.corpus import SPLITS, Split
from pipeline.evaluation import SMALL, STRIP, Evaluation, ScoredCase, TaskEvaluation
from pipeline.learning_curve import Curve
from pipeline.metrics import Classification
from pipeline.report.html import browser, composition, figures, removals, summary, titles
from pipeline.report.html.figures import Figure
from pipeline.seeds import GoldArticle
from pipeline.training_variants import Variants

TEMPLATE = "page.html.j2"
_FOLDER = Path(__file__).parent
_MAX_CONFUSIONS = 12  # listed below a large matrix


@dataclass(frozen=True, slots=True)
class Material:
    """All that the page shows."""

    evaluation: Evaluation
    cases: Sequence[ScoredCase]
    annotations: Sequence[Annotation]
    gold: Mapping[str, GoldArticle]
    splits: Mapping[str, Split]
    agreements: Sequence[Agreement]
    curve: Curve | None
    variants: Variants | None
    digests: Mapping[str, str]
    """What the models were made of, in words, and the sha256 of each."""
    configuration: str
    """Its name."""
    example: str
    """The article of the worked example."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with its pictures and, where its matrix is too large to read, its most frequent confusions."""

    task: TaskEvaluation
    title: str
    identity: str
    figures: tuple[Figure, ...]
    confusions: tuple[tuple[str, str, int], ...]
    mistakes: int


def page(material: Material) -> str:
    """Return the page; equal material gives equal bytes, whatever the time and the machine."""
    cases = [*material.cases, *browser.stripping(material.cases, material.annotations)]
    wrong = browser.wrong(cases)
    views = browser.articles(material.gold, material.annotations, cases)
    found = removals.overview(material.annotations)
    articles = list(material.gold.values())
    differences = composition.differences(articles, material.splits)
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            material=material,
            evaluation=material.evaluation,
            style=Markup(style),  # noqa: S704  # our own files
            script=Markup(script),  # noqa: S704
            policy=policy(style, script),
            verdict=summary.verdict(material.evaluation),
            lines=summary.lines(material.evaluation),
            outlets={name: _outlets(material, name) for name in SPLITS},
            example=next((view for view in views if view.identity == material.example), None),
            tasks=[_task(task, material, wrong) for task in material.evaluation.tasks],
            mistakes=browser.mistakes(wrong),
            cases=len(cases),
            strip_mistakes=sum(one.task == STRIP for one in wrong),
            articles=views,
            removals=found,
            removal_figures=figures.of_removals(found),
            composition=composition.composition(articles, material.splits),
            differences=figures.of_differences(differences),
            splits=SPLITS,
        )
    )


def policy(style: str, script: str) -> str:
    """Return the content security policy that lets the page's own style and script run, and nothing else.

    Style attributes are let through: pictures and tints have them, and they load and run nothing.
    """
    return (
        f"default-src 'none'; style-src-elem '{_source(style)}'; style-src-attr 'unsafe-inline'; "
        f"script-src '{_source(script)}'; base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _outlets(material: Material, split: Split) -> int:
    return len({one.outlet for one in material.gold.values() if material.splits.get(one.id) == split})


def _task(task: TaskEvaluation, material: Material, wrong: Sequence[ScoredCase]) -> TaskView:
    found = task.model.classification
    return TaskView(
        task,
        titles.title(task.task),
        f"task-{titles.slug(task.task)}",
        tuple(figures.of_task(task, material.curve, material.variants)),
        tuple(_confusions(found)[:_MAX_CONFUSIONS]),
        sum(one.task == task.task for one in wrong),
    )


def _confusions(found: Classification) -> list[tuple[str, str, int]]:
    """Return gold label, predicted label and count of the wrong answers, the most frequent first."""
    names = [scores.label for scores in found.labels]
    counted = [
        (names[gold], names[guess], count)
        for gold, counts in enumerate(found.confusion)
        for guess, count in enumerate(counts)
        if count and gold != guess
    ]
    return sorted(counted, key=lambda one: -one[2])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": titles.number,
        "interval": titles.interval,
        "label": titles.label,
        "percent": titles.percent,
        "magnitude": titles.magnitude,
        "slug": titles.slug,
        "title_of": titles.title,
        "difference": summary.difference,
        "metric": summary.metric_name,
    }
    environment.globals |= {"SMALL": SMALL, "MISSING": titles.MISSING, "is_nan": math.isnan}
    return environment
