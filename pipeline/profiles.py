"""What drift looks at in an article, from its length to the labels it got, and two batches of articles compared."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from pipeline import corpus, drift, rows
from pipeline.article import Annotation, Rejection
from pipeline.drift import Shift
from pipeline.errors import ConfigError, DataError

Verdict = Literal["none", "some", "strong"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""From the weakest to the strongest."""
MOST = 2_000  # articles of each side, drawn at random: more would only take longer
SEED = 13
_FORMS = (".jsonl", ".jsonl.gz", ".parquet")
_ANNOTATED = {"topic", "stances", "claims", "removed", "provenance"}  # fields that no article has
_ALPHA = 0.05  # of crying wolf about anything at all, so that each of the questions has its part of it
_SHUFFLES = 1_000
_WORD_SHUFFLES = 300  # of the whole vocabulary, which takes longer
_TASKS = ("topic", "stance", "claims")
_QUESTIONS_OF_TEXTS = 4  # length, vocabulary, boilerplate, claims; of each task there are labels and confidence
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and its probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the raw text."""

    raw_start: int
    raw_end: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One article: its clean text, what was removed from it, and what the models answered.

    A training article has no answers: those to what a model was trained on would be too confident.
    """

    text: str
    removed: tuple[Span, ...]
    topic: Answer | None = None
    stances: tuple[Answer, ...] = ()
    claims: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about a new batch: the mean or share of both sides in words, the effect and its verdict."""

    what: str
    reference: str
    new: str
    shift: Shift

    @property
    def verdict(self) -> Verdict:
        """Return none for what chance explains or is below a small effect, strong for a large one."""
        sizes: dict[drift.Size, Verdict] = {"none": "none", "small": "some", "moderate": "some", "large": "strong"}
        return sizes[self.shift.size]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a batch is compared with: articles that show how texts are, and others that show what is answered."""

    texts: list[Profile]
    answers: list[Profile]


_Sides = tuple[Sequence[Profile], Sequence[Profile]]  # the reference, and the new articles
_ADAPTER = TypeAdapter(Profile)


def of_annotation(annotation: Annotation) -> Profile:
    """Return the profile of an annotation."""
    return _ADAPTER.validate_python(asdict(annotation))


def holds_annotations(path: Path) -> bool:
    """Tell whether a file, or a folder of Parquet shards, holds annotations, by its first record."""
    if path.is_dir():
        shards = sorted(path.glob("*.parquet"))
        return bool(shards) and holds_annotations(shards[0])
    if not path.is_file() or rows.ending(path.name, _FORMS) is None:
        return False
    first = next(_rows(path), None)
    return first is not None and not isinstance(first[1], Rejection) and first[1].keys() >= _ANNOTATED


def read_annotations(path: Path) -> Iterator[Profile]:
    """Yield the profiles of a file or folder of annotations.

    Raises:
        DataError: a record is no annotation; file and line are named.
    """
    for file in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
        for number, row in _rows(file):
            if isinstance(row, Rejection):
                raise DataError(f"{file}:{number}: {row.reason}: {row.detail}; annotate anew")
            try:
                yield _ADAPTER.validate_python(row)
            except ValidationError as error:
                fault = error.errors()[0]
                place = ".".join(map(str, fault["loc"]))
                raise DataError(f"{file}:{number}: {place}: {fault['msg']}; this is no annotation") from None


def _rows(file: Path) -> Iterator[rows.Row]:
    kind = rows.ending(file.name, _FORMS)
    return rows.read(str(file), kind or ".jsonl", rows.MAX_BYTES)


def read_reference(place: Path) -> Reference:
    """Return a reference: annotations, or the data folder of a repro.

    Of a data folder, texts are those of the training articles, and answers those to the test articles, which no model
    was trained on.

    Raises:
        ConfigError: there is neither.
        DataError: a record does not fit.
    """
    if holds_annotations(place):
        found = sampled(read_annotations(place))
        return Reference(found, found)
    stripped, split, annotated = place / "strip_boilerplate", place / "split", place / "annotate" / "annotations.jsonl"
    if not (stripped / corpus.ARTICLES).is_file() or not annotated.is_file():
        raise ConfigError(
            f"the reference {place} is neither annotations nor the data folder of a repro; run 'make repro', "
            "or name what 'newsfacts annotate' wrote"
        )
    labelled = corpus.read_labelled(stripped, corpus.read_split(split), "train")
    texts = [
        Profile(article.text, tuple(Span(one.raw_start, one.raw_end) for one in article.removed))
        for article in labelled
    ]
    return Reference(sampled(texts), sampled(read_annotations(annotated)))


def sampled(items: Iterable[Item], most: int = MOST) -> list[Item]:
    """Return at most so many items, drawn at random and always the same ones, in their order."""
    generator = random.Random(SEED)  # noqa: S311  # a sample, no secret
    kept: list[tuple[int, Item]] = []
    for number, item in enumerate(items):
        if len(kept) < most:
            kept.append((number, item))
        elif (place := generator.randrange(number + 1)) < most:
            kept[place] = (number, item)
    return [item for _, item in sorted(kept, key=lambda one: one[0])]


def compare(reference: Reference, new: Sequence[Profile], *, seed: int = SEED) -> list[Finding]:
    """Return how far new articles lie from a reference, question by question.

    The chance of any finding at all where nothing has drifted is some 5 %, however few the articles are.
    """
    texts, answers = (reference.texts, new), (reference.answers, new)
    level = 1 - _ALPHA / (_QUESTIONS_OF_TEXTS + 2 * len(_TASKS))
    findings = [
        _length(texts, level, seed),
        _vocabulary(texts, level, seed),
        _of_values("boilerplate", _each(texts, _removed_share), "{:.1%}", level, seed),
        _of_values("claims listed", _each(answers, _claims_by_words), "{:.1f} per 100 words", level, seed),
    ]
    for task in _TASKS:
        before, now = ([own for one in side if (own := _answers(one, task))] for side in answers)
        bags = [[[answer.label for answer in own] for own in side] for side in (before, now)]
        scores = [[statistics.fmean(answer.score for answer in own) for own in side] for side in (before, now)]
        shares = drift.of_bags(bags[0], bags[1], level=level, seed=seed, shuffles=_SHUFFLES)
        findings.append(Finding(f"{task} labels", _frequent(bags[0]), _frequent(bags[1]), shares))
        findings.append(_of_values(f"{task} confidence", (scores[0], scores[1]), "{:.3f}", level, seed))
    return findings


def _each(sides: _Sides, value: Callable[[Profile], float]) -> tuple[list[float], list[float]]:
    before, now = sides
    return [value(one) for one in before], [value(one) for one in now]


def _of_values(what: str, sides: tuple[list[float], list[float]], form: str, level: float, seed: int) -> Finding:
    before, now = sides
    shift = drift.of_values(before, now, level=level, seed=seed, shuffles=_SHUFFLES)
    means = [form.format(statistics.fmean(side)) if side else "–" for side in sides]
    return Finding(what, means[0], means[1], shift)


def _length(sides: _Sides, level: float, seed: int) -> Finding:
    """Return the shift of the logarithm: lengths are skewed, and one long article would hide all others."""
    before, now = _each(sides, lambda one: math.log(len(one.text.split()) or 1))
    shift = drift.of_values(before, now, level=level, seed=seed, shuffles=_SHUFFLES)
    means = [f"{math.exp(statistics.fmean(side)):,.0f} words" if side else "–" for side in (before, now)]
    return Finding("length", means[0], means[1], shift)


def _vocabulary(sides: _Sides, level: float, seed: int) -> Finding:
    before, now = ([one.text for one in side] for side in sides)
    shift = drift.of_texts(before, now, level=level, seed=seed, shuffles=_WORD_SHUFFLES)
    unseen = [_in_one_text(before), drift.unseen_share(before, now)]
    return Finding("vocabulary", f"{unseen[0]:.1%} in no other article", f"{unseen[1]:.1%} in none of those", shift)


def _in_one_text(texts: Sequence[str]) -> float:
    """Return the share of the words that no other of the texts has: what a new text of the same kind would show."""
    counts = [Counter(drift.words(text)) for text in texts]
    holders = Counter(word for own in counts for word in own)
    alone = sum(count for own in counts for word, count in own.items() if holders[word] == 1)
    return alone / max(sum(own.total() for own in counts), 1)


def strongest(findings: Iterable[Finding]) -> Verdict:
    """Return the strongest verdict, none where there is no finding."""
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default="none")


def _answers(one: Profile, task: str) -> tuple[Answer, ...]:
    if task == "topic":
        return () if one.topic is None else (one.topic,)
    return one.stances if task == "stance" else one.claims


def _removed_share(one: Profile) -> float:
    gone = sum(span.raw_end - span.raw_start for span in one.removed)
    return gone / max(gone + len(one.text), 1)


def _claims_by_words(one: Profile) -> float:
    return 100 * len(one.claims) / max(len(one.text.split()), 1)


def _frequent(bags: Sequence[Sequence[str]], most: int = 3) -> str:
    """Return the most frequent labels with their shares."""
    counts = Counter(label for bag in bags for label in bag)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return ", ".join(f"{label} {count / counts.total():.0%}" for label, count in ordered) or "–"
