"""The error browser: every mistake as a row, and the articles in which they open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.answers import KEPT, REMOVED
from pipeline.article import REMOVED_ROLES, Annotation
from pipeline.evaluation import STRIP, ScoredCase
from pipeline.report.html import marked_text
from pipeline.report.html.marked_text import Line, removed_share
from pipeline.report.html.titles import title
from pipeline.seeds import GoldArticle

_MAX_TEXT = 220  # characters of a case shown in its row
_MOST = 0.5  # share of a line's characters beyond which it counts as removed, as where stripping is scored


@dataclass(frozen=True, slots=True)
class Mistake:
    """A case that the model answered wrongly; ``number`` is its place among the mistakes."""

    number: int
    task: str
    article: str
    text: str
    target: str | None
    gold: str
    label: str
    score: float | None
    """None where the answer has no probability: stripping joins rules and models."""
    abstained: bool
    compared: Mapping[str, str]
    located: bool
    """Whether its place in the article is known, so that its row can lead there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a whole article or of its stance toward one target, beside what is true."""

    label: str
    score: float
    abstained: bool
    gold: str
    target: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether it should be something else."""
        return self.label != self.gold


@dataclass(frozen=True, slots=True)
class ArticleView:
    """A test article: headline, gold beside predicted for the whole of it, and its marked text."""

    identity: str
    headline: str
    outlet: str
    published: str
    genre: str
    topic: Answer | None
    stances: tuple[Answer, ...]
    annotation: Annotation
    lines: tuple[Line, ...]
    mistakes: int


def stripping(cases: Sequence[ScoredCase], annotations: Sequence[Annotation]) -> list[ScoredCase]:
    """Return what became of the located lines of annotated articles: removed where most characters are, else kept."""
    removed = {one.id: one.removed for one in annotations}
    return [
        replace(
            line,
            task=STRIP,
            gold=REMOVED if line.gold in REMOVED_ROLES else KEPT,
            label=REMOVED if removed_share(line.raw_start, line.raw_end, removed[line.article]) > _MOST else KEPT,
            score=0.0,
            scores={},
            abstained=False,
            compared={},
        )
        for line in cases
        if line.task == "boilerplate"
        and line.article in removed
        and line.raw_start is not None
        and line.raw_end is not None
    ]


def wrong(cases: Sequence[ScoredCase]) -> list[ScoredCase]:
    """Return the wrongly answered cases, the surest mistakes first."""
    return sorted(
        (one for one in cases if one.label != one.gold),
        key=lambda one: (-one.score, one.task, one.article, one.raw_start or 0, one.target or ""),
    )


def mistakes(found: Sequence[ScoredCase]) -> list[Mistake]:
    """Return wrongly answered cases as rows, numbered from 1."""
    return [
        Mistake(
            number,
            one.task,
            one.article,
            _shortened(one.text),
            one.target,
            one.gold,
            one.label,
            None if one.task == STRIP else one.score,
            one.abstained,
            one.compared,
            located=one.raw_start is not None,
        )
        for number, one in enumerate(found, start=1)
    ]


def tasks_of(found: Sequence[Mistake]) -> list[tuple[str, str, int]]:
    """Return the tasks with mistakes: name, title and number of mistakes."""
    names = list(dict.fromkeys(one.task for one in found))
    return sorted((name, title(name), sum(one.task == name for one in found)) for name in names)


def articles(
    gold: Mapping[str, GoldArticle], annotations: Sequence[Annotation], cases: Sequence[ScoredCase]
) -> list[ArticleView]:
    """Return the annotated articles that have gold labels, in the order of their annotations."""
    numbers = {id(one): number for number, one in enumerate(wrong(cases), start=1)}
    by_article: dict[str, list[tuple[ScoredCase, int | None]]] = {}
    for case in cases:
        by_article.setdefault(case.article, []).append((case, numbers.get(id(case))))
    return [
        _view(gold[annotation.id], annotation, by_article.get(annotation.id, []))
        for annotation in annotations
        if annotation.id in gold
    ]


def _view(gold: GoldArticle, annotation: Annotation, cases: Sequence[tuple[ScoredCase, int | None]]) -> ArticleView:
    answers = {(one.task, one.target): one for one, _ in cases if one.task in ("topic", "article stance")}
    topic = next((one for (task, _), one in answers.items() if task == "topic"), None)
    headline = next((one for one in gold.segments if one.role == "headline"), gold.segments[0])
    return ArticleView(
        gold.id,
        gold.raw[headline.start : headline.end],
        gold.outlet,
        gold.published,
        gold.genre,
        _answer(topic) if topic else None,
        tuple(_answer(one) for (task, _), one in answers.items() if task == "article stance"),
        annotation,
        tuple(marked_text.lines(gold, annotation, cases)),
        sum(number is not None for _, number in cases),
    )


def _answer(case: ScoredCase) -> Answer:
    return Answer(case.label, case.score, case.abstained, case.gold, case.target)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1].rstrip()}…"
