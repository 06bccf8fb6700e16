"""Batch annotation, timed: the usual way glued together, ours under each runtime, its scaling, its memory.

``python -m benchmarks.throughput --articles PATH`` (``make bench ARTICLES=PATH``) prints one table and writes
``benchmarks/results/bench.json``. Each run is a process of its own. What is compared by a ratio is run in turns, three
times, and its medians are divided; the usual way, being slow, annotates every fifth of the articles that ours does.
Without ``--articles`` the seed corpus is annotated.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import psutil
import torch
import typer

from benchmarks import run
from pipeline import batch, reading
from pipeline.article import Article
from pipeline.classifiers import parity, processor, runtime
from pipeline.corpus import ARTICLES
from pipeline.parsing import Unit
from pipeline.records import read_jsonl

PIPELINE, BATCHED = "glued", "glued-batched"
REPEATS = 3
COMPARED = 100  # articles that the usual way and each runtime annotate
OWN = 500  # articles that ours annotates in each repeat, as it works on several shards at once
MOST = 10_000  # articles of the longest run
GEMM = 2048  # rows and columns of the matrices multiplied
ENCODERS = ("stance", "claims")  # tasks whose models are transformers, where the configuration is the default
WORKERS = 2  # processes, where several are measured
SAMPLED = 0.1  # seconds between looks at the memory
Figures = dict[str, Any]


def main(
    articles: Annotated[str | None, typer.Option(help="Inputs, as for newsfacts annotate.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
    collected: Annotated[Path, typer.Option(help="The collected seed corpus.")] = Path("data/collect"),
    output: Annotated[Path, typer.Option(help="File of the figures.")] = Path("benchmarks/results/bench.json"),
    most: Annotated[int, typer.Option(help="Articles of the longest run, at most.")] = MOST,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        source = articles or _records(read_jsonl(collected / ARTICLES, Article), Path(folder) / "seeds.jsonl")
        found = _measure(source, models, most, Path(folder))
    typer.echo(table(found["runs"]))
    for name, value in found["figures"].items():
        typer.echo(f"{name}: {value}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({**found["figures"], "runs": found["runs"]}, indent=1) + "\n", encoding="utf-8")


def _measure(source: str, models: Path, most: int, folder: Path) -> dict[str, Any]:
    available = sum(isinstance(unit, Unit) for unit in itertools.islice(_units(source), most))
    compared, own = min(COMPARED, available), min(OWN, available)
    threads = batch.threads(None)
    best = parity.fastest([models / task for task in ENCODERS], threads)
    every = own // compared
    repeats = [
        {
            PIPELINE: measured(PIPELINE, source, models, own, every=every),
            BATCHED: measured(BATCHED, source, models, own, every=every),
            best: annotated(best, source, models, own),
        }
        for _ in range(REPEATS)
    ]
    alone = measured(best, source, models, own, threads=1)
    others = [annotated(name, source, models, compared) for name in runtime.available()]
    # Every tenth article, not the first ones: these may be shorter than the others.
    found = (unit for unit in itertools.islice(_units(source), most) if isinstance(unit, Unit))
    sample = written(itertools.islice(found, 0, None, 10), folder / "tenth")
    tenth, whole = annotated(best, sample, models, available), annotated(best, source, models, available)
    several = annotated(best, source, models, own, workers=WORKERS)
    peak = gemm_peak(1)
    rates = {variant: statistics.median(rate(run[variant]) for run in repeats) for variant in repeats[0]}
    agreement = {
        verdict.task: verdict.agreement
        for task in ENCODERS
        for verdict in parity.kept(models / task, threads)
        if verdict.runtime == best
    }
    figures = {
        "runtime": best,
        "cores": processor.cores(),
        "gemm_peak_gflops": round(peak / 1e9, 1),
        "ratio_vs_pipeline": round(rates[best] / rates[PIPELINE], 2),
        "ratio_vs_batched": round(rates[best] / rates[BATCHED], 2),
        "encoder_gemm_share": round(alone["flops"] / alone["stages"]["encoder"] / peak, 3),
        "non_encoder_share": round(1 - alone["stages"]["encoder"] / alone["seconds"], 3),
        "peak_rss_mb": round(whole["peak_rss"] / 1e6),
        "peak_rss_ratio": round(whole["peak_rss"] / tenth["peak_rss"], 3),
        "time_ratio_10x_articles": round(whole["seconds"] / tenth["seconds"], 2),
        "parity_agreement": 1.0 if best == runtime.REFERENCE else min(agreement.values()),
        "articles": available,
    }
    runs = [*(run for repeat in repeats for run in repeat.values()), alone, *others, tenth, whole, several]
    return {"figures": figures, "runs": runs}


def _units(source: str) -> Iterator[Any]:
    return reading.units([source], reading.Config())


def written(units: Iterable[Unit], folder: Path) -> str:
    """Write inputs as they were found, each into a file of its own, and return where they are.

    A page stays a page: to extract its text is part of the work.
    """
    folder.mkdir()
    for number, unit in enumerate(units):
        ending = {"text": "txt", "page": "html", "record": "jsonl"}[unit.kind]
        known = unit.content
        content = known if isinstance(known, bytes) else json.dumps(known, default=str).encode()
        (folder / f"{number:06}.{ending}").write_bytes(content)
    return str(folder)


def _records(articles: Iterable[Article], place: Path) -> str:
    """Write articles as records and return where they are."""
    with place.open("w", encoding="utf-8") as stream:
        for article in articles:
            stream.write(json.dumps({"id": article.id, "title": article.title, "text": article.raw}) + "\n")
    return str(place)


def annotated(variant: str, source: str, models: Path, limit: int, workers: int | None = None) -> Figures:
    """Run ours as ``newsfacts annotate`` does, in so many processes or in as many as suit the cores."""
    processes = batch.processes(workers)
    if processes == 1:
        return measured(variant, source, models, limit)
    # What several processes take until each has loaded the models and done one article does not count as annotating.
    startup = measured(variant, source, models, processes, workers=processes, shard=1)["seconds"]
    run = measured(variant, source, models, limit, workers=processes)
    return {**run, "startup": startup, "seconds": run["seconds"] - startup}


def measured(variant: str, source: str, models: Path, limit: int, **options: int) -> Figures:
    """Run ``benchmarks.measured`` and return its figures, with the peak of the memory of all its processes, in bytes.

    Raises:
        RuntimeError: the run failed.
    """
    given = {"limit": limit, **options}
    command = [
        *(sys.executable, "-m", "benchmarks.measured", variant, source, "--models", str(models)),
        *(word for name, value in given.items() for word in (f"--{name}", str(value))),
    ]
    with tempfile.TemporaryFile() as printed:
        run = subprocess.Popen(command, stdout=printed)
        peak = 0
        while run.poll() is None:
            peak = max(peak, resident(run.pid))
            with suppress(subprocess.TimeoutExpired):
                run.wait(SAMPLED)
        if run.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {run.returncode}")
        printed.seek(0)
        found: Figures = json.loads(printed.read())
    workers = options.get("workers", 1)
    threads = options.get("threads", batch.threads(workers))
    return {"variant": variant, "workers": workers, "threads": threads, **found, "peak_rss": peak}


def resident(pid: int) -> int:
    """Return the resident memory of a process and all below it, in bytes; what they share counts for each."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


def gemm_peak(threads: int) -> float:
    """Return the FLOP/s of the best of 20 products of square bf16 matrices by torch."""
    torch.set_num_threads(threads)
    one, other = (torch.randn(GEMM, GEMM).to(torch.bfloat16) for _ in range(2))
    taken: list[float] = []
    for _ in range(20):
        started = time.perf_counter()
        one @ other
        taken.append(time.perf_counter() - started)
    return float(2 * GEMM**3) / min(taken)


def rate(run: Figures) -> float:
    """Return a run's articles in a second."""
    return float(run["articles"] / run["seconds"])


def table(runs: Sequence[Figures]) -> str:
    """Return a row for each run."""
    heads = "Variant", "Workers", "Threads", "Articles", "Articles/s", "Sentences/s", "Start, s", "Peak MB", "Time"
    rows = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 2) + " --- |"]
    for one in runs:
        stages = sorted(one.get("stages", {}).items(), key=lambda item: -item[1])
        sentences = f"{one['sentences'] / one['seconds']:.0f}" if "sentences" in one else "–"
        where = ", ".join(f"{name} {seconds / one['seconds']:.0%}" for name, seconds in stages)
        cells = (
            *(one["variant"], one["workers"], one["threads"], one["articles"], f"{rate(one):.2f}"),
            *(sentences, f"{one['startup']:.1f}", f"{one['peak_rss'] / 1e6:.0f}", where),
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    run(main)
