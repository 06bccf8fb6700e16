"""How far the trained models travel: scores on public development sets that none of them was trained on.

``python -m benchmarks.transfer`` prints a row for each set and engine, beside the answer that is most frequent in the
set. Public data are looked for in the cache folder (``--public``, or NEWSFACTS_CACHE); a set that is absent is named
and left out:

- ``newsmtsc/dev_rw.jsonl`` and ``dev_mt.jsonl``
- ``checkthat2024/CT24_checkworthy_english_dev.tsv``
- ``bbc_news/all.jsonl.gz``: ``id``, ``text``, ``label``; the topics' corpus and engine were chosen by looks at it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import run
from pipeline import cache, labelling
from pipeline.datasets import Task

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A labelled file, how it says text and label, and which figure counts."""

    name: str
    task: Task
    file: str
    mapping: str
    figure: str


SETS = (
    PublicSet("NewsMTSC dev_rw", "stance", "newsmtsc/dev_rw.jsonl", "newsmtsc.yaml", "macro-F1"),
    PublicSet("NewsMTSC dev_mt", "stance", "newsmtsc/dev_mt.jsonl", "newsmtsc.yaml", "macro-F1"),
    PublicSet(
        "CheckThat! dev", "claims", "checkthat2024/CT24_checkworthy_english_dev.tsv", "checkthat2024.yaml",
        "average precision",
    ),
    PublicSet("BBC News", "topic", "bbc_news/all.jsonl.gz", "bbc_news.yaml", "accuracy"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A score with its interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})")


def main(
    models: Annotated[Path, typer.Option(help="Folder with a model folder for each task.")] = Path("models"),
    compared: Annotated[Path, typer.Option(help="Folder of the engines compared with them.")] = Path("data/compared"),
    public: Annotated[Path | None, typer.Option(help="Folder of the public data.")] = None,
) -> None:
    """Print the table."""
    folder = public or cache.folder(None)
    typer.echo("| Set | Figure | Cases | Engine | Score | Most frequent answer |")
    typer.echo("| --- | --- | ---: | --- | ---: | ---: |")
    for item in SETS:
        if not (folder / item.file).is_file():
            typer.echo(f"{item.name} is left out: no file {folder / item.file}", err=True)
            continue
        for row in rows(item, folder / item.file, models / item.task, compared / item.task):
            typer.echo(row)


def rows(item: PublicSet, file: Path, model: Path, compared: Path) -> Iterator[str]:
    """Yield a row of the table for the model, and one for each compared engine."""
    for folder in (model, *sorted(compared.glob("*"))):
        content = score(item, file, folder)
        cells = (item.name, item.figure, content["classification"]["cases"], content["name"])
        yield f"| {' | '.join(map(str, (*cells, figure(item, content), baseline(item, content))))} |"


def score(item: PublicSet, file: Path, model: Path) -> dict[str, Any]:
    """Return a model folder's scores on a set, as ``newsfacts evaluate`` prints them."""
    content: dict[str, Any] = json.loads(
        labelling.evaluate_mapped(item.task, str(file), model, HERE / item.mapping).json
    )
    return content


def figure(item: PublicSet, content: dict[str, Any]) -> Figure:
    """Return the figure that counts for a set."""
    if item.figure == "average precision":
        return _figure(content["ranking"]["average_precision"], content["ranking"]["interval"])
    name = item.figure.replace("-", "_").lower()
    return _figure(content["classification"][name], content["classification"][f"{name}_interval"])


def _figure(value: float, interval: dict[str, float] | None) -> Figure:
    return Figure(value, interval["low"], interval["high"]) if interval else Figure(value)


def baseline(item: PublicSet, content: dict[str, Any]) -> Figure:
    """Return what the most frequent label as the only answer would score; for a ranking, any order's expectation."""
    scores, share = content["classification"]["labels"], content["most_frequent_share"]
    if item.figure == "accuracy":
        return Figure(share)
    if item.figure == "macro-F1":
        return Figure(2 * share / (1 + share) / sum(label["support"] > 0 for label in scores))
    positive = next(label["support"] for label in scores if label["label"] == content["ranking"]["label"])
    return Figure(positive / content["classification"]["cases"])


if __name__ == "__main__":
    run(main)
