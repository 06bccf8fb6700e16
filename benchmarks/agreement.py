"""Does each runtime annotate as torch does? ``python -m benchmarks.agreement ARTICLES`` compares what annotate writes.

The parity gate asks about labels of sentences on labelled dev examples. Here the articles are any, the models answer
together as they do in annotate, and what counts is what a user reads: listed claims, and the stances of articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import run
from pipeline import reading, shards
from pipeline.annotator import Annotator
from pipeline.article import Annotation, Article
from pipeline.classifiers import runtime

HEADER = "Runtime", "Claims", "other claims", "Stances", "other stances", "other abstentions", "Scores differ by"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far annotations are those of torch; a claim that one of both does not list has another label."""

    claims: int
    other_claims: int
    stances: int
    other_stances: int
    """Of another label, whether or not both abstain."""
    other_abstentions: int
    difference: float
    """Of the scores of a claim or a stance, at most."""


def main(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="As for annotate.")],
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
    most: Annotated[int, typer.Option(min=1, help="Articles, at most.")] = 200,
) -> None:
    """Annotate by torch and by each other runtime that runs here, and print how they agree."""
    found = (item for item in reading.read(inputs, reading.Config()) if isinstance(item, Article))
    articles = list(islice(found, most))
    if not articles:
        raise typer.BadParameter("none of these holds an article")
    expected = annotated(articles, models, runtime.REFERENCE)
    typer.echo(f"{len(articles)} articles, compared with {runtime.REFERENCE}\n")
    typer.echo(f"| {' | '.join(HEADER)} |\n| --- |{' ---: |' * (len(HEADER) - 1)}")
    for name in runtime.available():
        if name != runtime.REFERENCE:
            own = compared(annotated(articles, models, name), expected)
            cells = (own.claims, own.other_claims, own.stances, own.other_stances, own.other_abstentions)
            typer.echo(f"| {name} | {' | '.join(map(str, cells))} | {own.difference:.4f} |")


def annotated(articles: Sequence[Article], models: Path, name: str) -> list[Annotation]:
    """Return the annotations of articles by a runtime, so many at once as annotate has in a shard."""
    annotator = Annotator(models, runtime=name)
    groups = _groups(articles, shards.Config().shard_articles)
    return [annotation for group in groups for annotation in annotator.annotate(group)]


def _groups(articles: Sequence[Article], size: int) -> Iterator[Sequence[Article]]:
    for begin in range(0, len(articles), size):
        yield articles[begin : begin + size]


def compared(found: Sequence[Annotation], expected: Sequence[Annotation]) -> Agreement:
    """Compare annotations of the same articles, in the same order."""
    claims, known_claims = _claims(found), _claims(expected)
    stances, known_stances = _stances(found), _stances(expected)
    both = [(claims[key][1], known_claims[key][1]) for key in claims.keys() & known_claims.keys()]
    both += [(stances[key][1], known_stances[key][1]) for key in stances]
    return Agreement(
        claims=len(claims.keys() | known_claims.keys()),
        other_claims=_others(claims, known_claims),
        stances=len(stances),
        other_stances=_others(stances, known_stances),
        other_abstentions=sum(own[2] != known_stances[key][2] for key, own in stances.items()),
        difference=max((abs(one - other) for one, other in both), default=0.0),
    )


Told = tuple[str, float, bool]
"""Label, score, and whether it abstains."""


def _claims(annotations: Sequence[Annotation]) -> dict[tuple[int, int], Told]:
    return {
        (number, claim.start): (claim.label, claim.score, False)
        for number, annotation in enumerate(annotations)
        for claim in annotation.claims
    }


def _stances(annotations: Sequence[Annotation]) -> dict[tuple[int, str], Told]:
    return {
        (number, one.target): (one.label, one.score, one.abstained)
        for number, annotation in enumerate(annotations)
        for one in annotation.stances
    }


def _others(found: Mapping[Any, Told], expected: Mapping[Any, Told]) -> int:
    labels, known = ({key: told[0] for key, told in one.items()} for one in (found, expected))
    return sum(labels.get(key) != known.get(key) for key in labels.keys() | known.keys())


if __name__ == "__main__":
    run(main)
