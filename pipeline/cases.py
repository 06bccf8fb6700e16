"""What is scored: the labelled cases of each task, and the model's answers to those that it answers indirectly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import answers, claims, datasets, metrics, stance, task_examples
from pipeline.annotator import Body
from pipeline.answers import KEPT, REMOVED, Answer
from pipeline.article import CLAIM_LABELS, KEPT_ROLES, REMOVED_ROLES, ROLES, STANCE_LABELS, ClaimLabel
from pipeline.boilerplate import lines as line_examples
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.store import Model
from pipeline.cleaning import lines
from pipeline.corpus import CleanArticle, LabelledArticle, roles_of_lines
from pipeline.evaluation import StripEvaluation
from pipeline.records import read_jsonl
from pipeline.seeds import GoldArticle

Gold = Mapping[str, GoldArticle]
_LENGTHS = ((250, "under 250 words"), (350, "250 to 349 words"))
_LONG = "350 words or more"
_UNLISTED = Prediction("none", 1.0, {label: float(label == "none") for label in CLAIM_LABELS}, abstained=False)


@dataclass(frozen=True)
class Cases:
    """The labelled cases of a task; an example's group is its article."""

    task: str
    unit: str
    labels: tuple[str, ...]
    examples: list[Example]
    ranked: str | None = None
    """Label whose probability should rank the examples."""


def of_lines(articles: Sequence[CleanArticle], gold: Gold) -> Cases:
    """Return the lines of cleaned articles with their roles."""
    examples: list[Example] = []
    for item in articles:
        own, aligned, found = gold[item.article.id], item.aligned(), lines(item.text)
        roles = roles_of_lines(own, [aligned.raw_span(line.start, line.end) for line in found])
        features = line_examples.examples(
            [line.text for line in found],
            opens_with_headline=item.article.opens_with_headline,
            outlet=item.article.source,
        )
        for example, role in zip(features, roles, strict=True):
            examples.append(Example(example.text, features=example.features, label=role, group=own.id))
    return Cases("boilerplate", "lines", ROLES, examples)


def of_topic(articles: Sequence[LabelledArticle], labels: tuple[str, ...]) -> Cases:
    """Return whole articles with their topics."""
    return Cases("topic", "articles", labels, task_examples.of_articles("topic", articles))


def of_stance(articles: Sequence[LabelledArticle]) -> Cases:
    """Return the sentences that name a target, with their stance toward it."""
    return Cases("stance", "sentences", STANCE_LABELS, task_examples.of_articles("stance", articles))


def of_claims(articles: Sequence[LabelledArticle]) -> Cases:
    """Return body sentences with their claim labels."""
    return Cases("claims", "sentences", CLAIM_LABELS, task_examples.of_articles("claims", articles), claims.RANKED)


def attributes(article: GoldArticle) -> dict[str, str]:
    """Return what divides cases into slices, by name: the same for all cases of an article."""
    words = len(article.raw.split())
    return {
        "topic": article.topic,
        "outlet": article.outlet,
        "genre": article.genre,
        "length": next((name for limit, name in _LENGTHS if words < limit), _LONG),
        "year": article.published[:4],
    }


def of_datasets(folder: Path, task: datasets.Task, labels: tuple[str, ...]) -> list[Cases]:
    """Return the test examples of each added data set for a task, apart from each other and from the seeds."""
    by_source: dict[str, list[Example]] = {}
    for record in read_jsonl(folder / datasets.EXAMPLES, datasets.LabelledRecord):
        if record.task == task and record.split == "test":
            by_source.setdefault(record.source, []).extend(record.examples())
    unit = "articles" if task == "topic" else "sentences"
    ranked = claims.RANKED if task == "claims" else None
    return [Cases(f"{task} of {name}", unit, labels, found, ranked) for name, found in by_source.items()]


def of_article_stance(articles: Sequence[LabelledArticle], model: Model) -> tuple[Cases, list[Prediction]]:
    """Return the targets that an article's kept text names, with its stance toward them, and the model's answers.

    As in annotation, every sentence that names the target counts, the headline's too.
    """
    aggregation = stance.Aggregation.load(model.folder / stance.ASSET)
    pairs = [pair for article in articles for pair in stance.mentions(article)]
    grouped = stance.by_target([key for key, _ in pairs], model.predict([example for _, example in pairs]))
    examples: list[Example] = []
    answers: list[Prediction] = []
    for article in articles:
        for target in article.targets:
            if sentences := grouped.get((article.id, target.name)):
                examples.append(Example("", pair=target.name, label=target.label, group=article.id))
                answers.append(aggregation.predict(sentences))
    return Cases("article stance", "(article, target) pairs", STANCE_LABELS, examples), answers


def of_listed_claims(articles: Sequence[LabelledArticle], gold: Gold, model: Model) -> tuple[Cases, list[Prediction]]:
    """Return the sentences of raw articles with what annotation makes of them, from end to end.

    A gold sentence that stripping took or that was not found counts as ``none``, for it is not listed; what is no
    gold sentence, such as a promo that was left over, has the gold label ``none``.
    """
    found = [
        (article, sentence)
        for article in articles
        for sentence in article.sentences
        if sentence.in_body or sentence.claim is not None
    ]
    asked = [Example(sentence.text, label=sentence.claim or "none", group=article.id) for article, sentence in found]
    predicted = model.predict(asked)
    examples = list(asked)
    found_answers = [
        prediction if sentence.in_body and claims.is_statement(sentence.text) else _UNLISTED
        for (_, sentence), prediction in zip(found, predicted, strict=True)
    ]
    for article in articles:
        for text, label in _lost(article, gold[article.id]):
            examples.append(Example(text, label=label, group=article.id))
            found_answers.append(_UNLISTED)
    return Cases("listed claims", "sentences", CLAIM_LABELS, examples), found_answers


def _lost(article: LabelledArticle, gold: GoldArticle) -> list[tuple[str, ClaimLabel]]:
    """Return text and label of the gold sentences that no sentence of the stripped article stands for.

    Their number is exact. Which they are is a guess where the splitter cut otherwise: those with a text of their own.
    """
    wanted = [(gold.raw[one.start : one.end], one.claim) for one in gold.segments if one.claim]
    missing = Counter(label for _, label in wanted)
    missing.subtract(sentence.claim for sentence in article.sentences if sentence.claim)
    texts = Counter(sentence.text for sentence in article.sentences if sentence.claim)
    lost: list[tuple[str, ClaimLabel]] = []
    for text, label in sorted(wanted, key=lambda one: texts[one[0]]):
        if missing[label] > 0:
            missing[label] -= 1
            lost.append((text, label))
    return lost


def score_stripping(
    articles: Sequence[CleanArticle], gold: Gold, bodies: Sequence[Body], *, seed: int
) -> tuple[StripEvaluation, list[Answer]]:
    """Score the removal of lines, and return what became of each; removed is one of which most characters are."""
    true: list[str] = []
    guessed: list[str] = []
    asked: list[Example] = []
    body = lost = 0
    for item, found in zip(articles, bodies, strict=True):
        own = gold[item.article.id]
        taken = np.zeros(len(item.article.raw), dtype=bool)
        for removal in found.stripped.removals:
            taken[removal.raw_start : removal.raw_end] = True
        aligned, split_lines = item.aligned(), lines(item.text)
        spans = [aligned.raw_span(line.start, line.end) for line in split_lines]
        for line, role, (start, end) in zip(split_lines, roles_of_lines(own, spans), spans, strict=True):
            true.append(REMOVED if role in REMOVED_ROLES else KEPT)
            guessed.append(REMOVED if taken[start:end].mean() > 0.5 else KEPT)
            asked.append(Example(line.text, group=own.id))
        for segment in own.segments:
            if segment.role in KEPT_ROLES:
                body += segment.end - segment.start
                lost += int(taken[segment.start : segment.end].sum())
    groups = [example.group for example in asked]
    scores = metrics.classification(true, guessed, (REMOVED, KEPT), groups=groups, seed=seed)
    removed = scores.labels[0]
    found_scores = StripEvaluation(
        lines=len(true),
        precision=removed.precision,
        recall=removed.recall,
        f1=removed.f1,
        f1_interval=removed.f1_interval,
        body_lost=lost / max(body, 1),
        warnings=sum(len(found.stripped.warnings) for found in bodies),
    )
    return found_scores, answers.of_stripping(asked, true, guessed)
