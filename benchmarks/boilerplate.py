"""Boilerplate removal, measured: seeds by layer, web pages against trafilatura, real lines, and its cost.

``python -m benchmarks.boilerplate`` prints one table a section. Public data are looked for in the cache folder
(``--public``, or NEWSFACTS_CACHE); a section whose data are absent says so and is left out:

- ``boilerplate_pages/{zyte,fundus_tests}.jsonl.gz``: ``html`` and ``gold_paragraphs``, with ``title`` where known
- ``allsides_repeated_lines/article_lines_sample.jsonl.gz``: lines with ``article``, ``source``, ``i``, ``label``
- ``labelled_lines/*.jsonl`` beside ``*.labels.tsv``: articles, and for each line or part of one that is residue
  its article's id, number, role, and the text of the part
"""

from __future__ import annotations

import csv
import gzip
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import run
from pipeline import cache, cases, extraction
from pipeline.annotator import Annotator, Body, Stripper
from pipeline.article import Article
from pipeline.boilerplate.recurring import Config as RecurringConfig
from pipeline.boilerplate.recurring import Miner, Recurring, read
from pipeline.classifiers import store
from pipeline.cleaning import clean, lines
from pipeline.config import parse
from pipeline.corpus import ARTICLES, CleanArticle, read_gold, read_split
from pipeline.progress import progress
from pipeline.records import read_jsonl

LAYERS = ("rules", "recurring", "learned")
_TOKEN = re.compile(r"\w+")
_GRAM = 4  # words, as in the article-extraction-benchmark of Scrapinghub (now Zyte)

Text = Callable[[Article], str]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Matching, superfluous and missing items."""

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of the found that is right; 1 where nothing was found."""
        return self.true / (self.true + self.false) if self.true + self.false else 1.0

    @property
    def recall(self) -> float:
        """The share of the right that was found; 1 where there was nothing to find."""
        return self.true / (self.true + self.missed) if self.true + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def overlap(text: str, gold: str) -> Overlap:
    """Return the overlap of two texts in 4-grams of words, counted as often as they occur."""
    found, wanted = _grams(text), _grams(gold)
    common = (found & wanted).total()
    return Overlap(common, found.total() - common, wanted.total() - common)


def micro(overlaps: Iterable[Overlap]) -> Overlap:
    """Return the overlap over all documents together."""
    both = list(overlaps)
    return Overlap(sum(one.true for one in both), sum(one.false for one in both), sum(one.missed for one in both))


def _grams(text: str) -> Counter[tuple[str, ...]]:
    words = _TOKEN.findall(text)
    return Counter(tuple(words[start : start + _GRAM]) for start in range(max(1, len(words) - _GRAM + 1)) if words)


def _seeds(stripper: Stripper, data: Path, seed: int) -> None:
    gold, splits = read_gold(data / "collect"), read_split(data / "split")
    articles = [
        item for item in read_jsonl(data / "clean" / ARTICLES, CleanArticle) if splits[item.article.id] == "test"
    ]
    own = _mined(stripper.model, stripper.model.manifest.config["recurring"], [item.article for item in articles])
    typer.echo(f"\nSeeds, test split: {len(articles)} articles of outlets that training has not seen\n")
    typer.echo("| layers | precision | recall | line F1 | 95 % interval | kept text lost |\n|---|---|---|---|---|---|")
    for name, layers, recurring in (
        ("rules", ("rules",), None),
        ("line classifier", ("learned",), None),
        ("rules + line classifier", ("rules", "learned"), None),
        ("all (blocks of training outlets)", LAYERS, None),
        ("blocks mined from these articles, unlabelled", ("recurring",), own),
        ("all, with those blocks", LAYERS, own),
    ):
        used = _with_layers(stripper, layers, recurring)
        bodies = used.strip_clean([(item.article, item.aligned()) for item in articles])
        scored, _ = cases.score_stripping(articles, gold, bodies, seed=seed)
        interval = f"{scored.f1_interval.low:.3f} to {scored.f1_interval.high:.3f}" if scored.f1_interval else "–"
        typer.echo(
            f"| {name} | {scored.precision:.3f} | {scored.recall:.3f} | {scored.f1:.3f} | {interval} "
            f"| {scored.body_lost:.2%} |"
        )


def _with_layers(stripper: Stripper, layers: Sequence[str], recurring: Recurring | None = None) -> Stripper:
    config = stripper.config.model_copy(update={layer: layer in layers for layer in LAYERS})
    return Stripper(stripper.model, config, recurring=recurring)


def _mined(model: store.Model, settings: Any, articles: Iterable[Article]) -> Recurring:
    miner = Miner(
        lambda examples: [found.scores for found in model.predict(examples)],
        parse(RecurringConfig, settings, where="manifest"),
    )
    for article in articles:
        miner.add(article, lines(clean(article.raw).text))
    return miner.recurring()


def _pages(stripper: Stripper, folder: Path) -> None:
    for name in ("zyte", "fundus_tests"):
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            typer.echo(f"\nPages of {name}: skipped, there is no {path}")
            continue
        pages = list(_records(path))
        gold = ["\n".join(page["gold_paragraphs"]) for page in pages]
        ours = [_article(page["html"], page["id"]) for page in progress(pages, label=name, unit="pages")]
        variants: dict[str, list[str]] = {
            "trafilatura": [_trafilatura(page["html"]) for page in pages],
            "trafilatura, favor_precision": [_trafilatura(page["html"], favor_precision=True) for page in pages],
            "ours: extraction only": [article.raw for article in ours],
            "ours: extraction + rules": _stripped(_with_layers(stripper, ("rules",)), ours),
            "ours: extraction + page evidence": _stripped(_with_layers(stripper, ("learned",)), ours),
            "ours: all": _stripped(stripper, ours),
        }
        scored = {
            variant: [overlap(text, wanted) for text, wanted in zip(texts, gold, strict=True)]
            for variant, texts in variants.items()
        }
        plain = micro(scored["trafilatura"]).recall
        best = max(micro(scored[variant]).f1 for variant in ("trafilatura", "trafilatura, favor_precision"))
        typer.echo(f"\nPages of {name}: {len(pages)}, 4-grams of words, comments off\n")
        typer.echo("| | precision | recall | micro F1 | to the better trafilatura | recall lost to plain | F1 a page |")
        typer.echo("|---|---|---|---|---|---|---|")
        for variant, overlaps in scored.items():
            whole = micro(overlaps)
            each = sum(one.f1 for one in overlaps) / len(overlaps)
            typer.echo(
                f"| {variant} | {whole.precision:.4f} | {whole.recall:.4f} | {whole.f1:.4f} | {whole.f1 - best:+.4f} "
                f"| {plain - whole.recall:+.4f} | {each:.4f} |"
            )


def _article(html: str, identity: str) -> Article:
    main = extraction.extract(html, extraction.by_trafilatura, max_depth=10_000)
    return Article(
        str(identity), "page", 1, main.text, main.known.get("title"), extraction=main.extraction, marks=main.marks
    )


def _trafilatura(html: str, **options: bool) -> str:
    import trafilatura

    found = trafilatura.bare_extraction(html, include_comments=False, **options)
    return (found.text or "") if found is not None else ""


def _stripped(stripper: Stripper, articles: Sequence[Article]) -> list[str]:
    return [body.stripped.body.text for body in stripper.strip(articles)]


def _repeated(stripper: Stripper, folder: Path) -> None:
    path = folder / "article_lines_sample.jsonl.gz"
    if not path.is_file():
        typer.echo(f"\nRepeated lines: skipped, there is no {path}")
        return
    texts: dict[str, list[dict[str, Any]]] = {}
    for record in _records(path):
        texts.setdefault(record["article"], []).append(record)
    articles = [
        Article(name, "sample", 1, "\n".join(" ".join(row["text"].split()) for row in rows), source=rows[0]["source"])
        for name, rows in texts.items()
    ]
    own = _mined(stripper.model, stripper.model.manifest.config["recurring"], articles)
    typer.echo(
        f"\nRepeated lines: {len(articles)} articles; a line that four articles of its source share is silver residue\n"
    )
    typer.echo("| layers | repeated lines removed | other lines removed |\n|---|---|---|")
    for name, used in (
        ("rules", _with_layers(stripper, ("rules",))),
        ("rules + line classifier", _with_layers(stripper, ("rules", "learned"))),
        ("all, blocks mined from these articles", _with_layers(stripper, LAYERS, own)),
    ):
        removed: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for body, rows in zip(used.strip(articles), texts.values(), strict=True):
            for row, gone in zip(rows, _lines_gone(body, [row["text"] for row in rows]), strict=True):
                total[row["label"]] += 1
                removed[row["label"]] += gone
        shares = {label: removed[label] / max(total[label], 1) for label in total}
        typer.echo(f"| {name} | {shares.get('repeated', 0.0):.3f} | {shares.get('unique', 0.0):.3f} |")


def _lines_gone(body: Body, texts: Sequence[str]) -> list[bool]:
    """Tell of each line of the joined raw text whether most of it was removed."""
    taken = _taken(body)
    gone: list[bool] = []
    position = 0
    for text in texts:
        length = len(" ".join(text.split()))
        gone.append(sum(taken[position : position + length]) > 0.5 * length)
        position += length + 1
    return gone


def _taken(body: Body) -> bytearray:
    taken = bytearray(len(body.article.raw))
    for removal in body.stripped.removals:
        taken[removal.raw_start : removal.raw_end] = b"\1" * (removal.raw_end - removal.raw_start)
    return taken


def _labelled(stripper: Stripper, folder: Path, mined: Recurring | None) -> None:
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not files:
        typer.echo(f"\nLabelled lines: skipped, there is no *.jsonl in {folder}")
        return
    typer.echo("\nLabelled lines of real articles; a line counts as residue where most of it is\n")
    typer.echo("| articles | layers | lines | residue | precision | recall | F1 | parts found | kept text lost |")
    typer.echo("|---|---|---|---|---|---|---|---|---|")
    for path in files:
        articles = [
            Article(row["id"], path.name, 1, row["text"], row.get("title"), row.get("source"), row.get("date") or None)
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        ]
        labels: dict[tuple[str, int], list[str]] = {}
        with path.with_suffix(".labels.tsv").open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                labels.setdefault((row[0], int(row[1])), []).append(row[3] if len(row) > 3 else "")
        variants = [
            ("rules", _with_layers(stripper, ("rules",))),
            ("rules + line classifier", _with_layers(stripper, ("rules", "learned"))),
        ]
        if mined is not None:
            variants.append(("all, with mined blocks", Stripper(stripper.model, stripper.config, recurring=mined)))
        for name, used in variants:
            typer.echo(f"| {path.stem} | {name} | {_score_labelled(used, articles, labels)} |")


def _score_labelled(stripper: Stripper, articles: Sequence[Article], labels: dict[tuple[str, int], list[str]]) -> str:
    outcomes: Counter[tuple[bool, bool]] = Counter()
    parts = parts_found = kept = lost = 0
    for body in stripper.strip(articles):
        taken, cleaned = _taken(body), clean(body.article.raw)
        for number, line in enumerate(lines(cleaned.text)):
            residue = bytearray(len(line.text))
            for part in labels.get((body.article.id, number), []):
                start = line.text.index(part)
                residue[start : start + (len(part) or len(line.text))] = b"\1" * (len(part) or len(line.text))
            gone = [any(taken[slice(*cleaned.raw_span(place, place + 1))]) for place in range(line.start, line.end)]
            whole = sum(residue) > 0.5 * len(line.text)
            outcomes[whole, sum(gone) > 0.5 * len(line.text)] += 1
            if not whole and any(residue):
                parts += 1
                parts_found += sum(map(int.__and__, map(int, gone), residue)) > 0.5 * sum(residue)
            kept += len(residue) - sum(residue)
            lost += sum(1 for one, two in zip(gone, residue, strict=True) if one and not two)
    scored = Overlap(outcomes[True, True], outcomes[False, True], outcomes[True, False])
    residues = scored.true + scored.missed
    return (
        f"{outcomes.total()} | {residues} | {scored.precision:.3f} | {scored.recall:.3f} | {scored.f1:.3f} "
        f"| {parts_found} of {parts} | {lost / max(kept, 1):.2%}"
    )


def _cost(models: Path, stripper: Stripper, data: Path, count: int) -> None:
    articles = [item.article for item in read_jsonl(data / "clean" / ARTICLES, CleanArticle)][:count]
    annotator = Annotator(models)
    annotator.annotate(articles[:4])  # libraries load, patterns compile
    stripper.strip(articles)
    started = time.perf_counter()
    bodies = stripper.strip(articles)
    stripping = time.perf_counter() - started
    annotator.annotate(articles)
    whole = time.perf_counter() - started - stripping
    count_lines = sum(len(lines(clean(body.article.raw).text)) for body in bodies)
    typer.echo(
        f"\nCost on {len(articles)} seed articles, {count_lines} lines: cleaning, stripping and splitting take "
        f"{1e6 * stripping / count_lines:.0f} microseconds a line, {stripping / whole:.1%} of annotate's time"
    )


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def main(
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
    data: Annotated[Path, typer.Option(help="Folder of the stages' outputs.")] = Path("data"),
    public: Annotated[Path | None, typer.Option(help="Folder of public data; default: the cache folder.")] = None,
    recurring: Annotated[
        Path | None, typer.Option(help="Blocks that 'newsfacts mine' learned, for the labelled lines.")
    ] = None,
    articles: Annotated[int, typer.Option(help="Seed articles on which the cost is measured.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 13,
) -> None:
    """Measure boilerplate removal and print tables."""
    logging.disable(logging.ERROR)
    folder = public or cache.folder(None)
    stripper = Stripper(store.load(models / "boilerplate", "boilerplate"))
    _seeds(stripper, data, seed)
    _pages(stripper, folder / "boilerplate_pages")
    _repeated(stripper, folder / "allsides_repeated_lines")
    _labelled(stripper, folder / "labelled_lines", read(recurring) if recurring else None)
    _cost(models, stripper, data, articles)


if __name__ == "__main__":
    run(main)
