"""The data behind the models: what each split holds, how far the splits differ, and how well annotators agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline import drift
from pipeline.article import REMOVED_ROLES
from pipeline.corpus import SPLITS, Split
from pipeline.drift import Shift
from pipeline.report.html import titles
from pipeline.seeds import GoldArticle


@dataclass(frozen=True, slots=True)
class Row:
    """One property of the articles, as it is in each split."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a split lies from the training articles in one property."""

    split: Split
    name: str
    shift: Shift


def composition(articles: Sequence[GoldArticle], splits: Mapping[str, Split]) -> list[Row]:
    """Return counts of articles, outlets, words, sentences and labels by split, in the order of ``SPLITS``."""
    parts = [[one for one in articles if splits.get(one.id) == name] for name in SPLITS]

    def row(name: str, value: Callable[[Sequence[GoldArticle]], str]) -> Row:
        return Row(name, tuple(value(part) for part in parts))

    return [
        row("Articles", lambda part: f"{len(part):,}"),
        row("Outlets", lambda part: f"{len({one.outlet for one in part}):,}"),
        row("Topics", lambda part: f"{len({one.topic for one in part}):,}"),
        row("Genres", lambda part: f"{len({one.genre for one in part}):,}"),
        row("Years", lambda part: _span([one.published[:4] for one in part])),
        row("Words of raw text", lambda part: f"{sum(len(one.raw.split()) for one in part):,}"),
        row("Claim labels of sentences", lambda part: _shares(label for one in part for label in _claims(one))),
        row("Stances of sentences", lambda part: _shares(label for one in part for label in _stances(one))),
        row("Stances of articles", lambda part: _shares(target.stance for one in part for target in one.targets)),
        row("Boilerplate, of characters", lambda part: f"{100 * _mean([_residue(one) for one in part]):.0f} %"),
    ]


def differences(articles: Sequence[GoldArticle], splits: Mapping[str, Split]) -> list[Difference]:
    """Return how far dev and test lie from train, articles dealt out whole."""
    parts = {name: [one for one in articles if splits.get(one.id) == name] for name in SPLITS}
    train = parts["train"]
    found: list[Difference] = []
    for name in SPLITS[1:]:
        part = parts[name]
        numbers: dict[str, Callable[[GoldArticle], float]] = {
            "length in words": lambda one: float(len(one.raw.split())),
            "share of boilerplate": _residue,
        }
        bags: dict[str, Callable[[GoldArticle], Sequence[str]]] = {
            "topics": lambda one: (one.topic,),
            "genres": lambda one: (one.genre,),
            "claim labels": _claims,
            "stances of sentences": _stances,
            "roles of lines": lambda one: [segment.role for segment in one.segments],
        }
        found += [
            Difference(name, what, drift.of_values([of(one) for one in train], [of(one) for one in part]))
            for what, of in numbers.items()
        ]
        found += [
            Difference(name, what, drift.of_bags([bag(one) for one in train], [bag(one) for one in part]))
            for what, bag in bags.items()
        ]
        texts = drift.of_texts([one.raw for one in train], [one.raw for one in part])
        found.append(Difference(name, "words", texts))
    return found


def _claims(article: GoldArticle) -> list[str]:
    return [segment.claim for segment in article.segments if segment.claim]


def _stances(article: GoldArticle) -> list[str]:
    return [stance.label for segment in article.segments for stance in segment.stances]


def _residue(article: GoldArticle) -> float:
    """Return the share of an article's labelled characters that are boilerplate."""
    lengths = [(segment.end - segment.start, segment.role in REMOVED_ROLES) for segment in article.segments]
    return sum(length for length, gone in lengths if gone) / max(sum(length for length, _ in lengths), 1)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _span(values: Sequence[str]) -> str:
    return f"{min(values)}–{max(values)}" if values else "–"


def _shares(labels: Iterable[str]) -> str:
    counts = Counter(labels)
    total = sum(counts.values())
    if not total:
        return "–"
    return ", ".join(f"{titles.label(name)} {100 * count / total:.0f} %" for name, count in counts.most_common())
