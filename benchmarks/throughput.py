"""Batch annotation, timed: the usual way glued together, ours under each runtime, its scaling, its memory.

``python -m benchmarks.throughput --articles PATH`` (``make bench ARTICLES=PATH``) prints one table and writes
``benchmarks/results/bench.json``. Each run is a process of its own. What is compared by a ratio is run in turns, three
times, on the same articles, and its medians are divided. Without ``--articles`` the seed corpus is annotated.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import psutil
import torch
import typer

from pipeline import reading
from pipeline.article import Article
from pipeline.classifiers import parity, runtime
from pipeline.corpus import ARTICLES
from pipeline.records import read_jsonl

PIPELINE, BATCHED, OURS = "glued", "glued-batched", runtime.AUTO
REPEATS = 3
COMPARED = 100  # articles of each run that is compared
MOST = 10_000  # articles of the longest run
GEMM = 2048  # rows and columns of the matrices multiplied
ENCODERS = ("topic", "stance", "claims")
SIZES = ("num_hidden_layers", "hidden_size", "intermediate_size")
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
        source = articles or _seeds(collected, Path(folder) / "seeds.jsonl")
        found = _measure(source, models, most)
    typer.echo(table(found["runs"]))
    for name, value in found["figures"].items():
        typer.echo(f"{name}: {value}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({**found["figures"], "runs": found["runs"]}, indent=1) + "\n", encoding="utf-8")


def _measure(source: str, models: Path, most: int) -> dict[str, Any]:
    available = sum(isinstance(unit, reading.Unit) for unit in itertools.islice(_units(source), most))
    compared = min(COMPARED, available)
    best = parity.fastest([models / task for task in ("boilerplate", *ENCODERS)])
    peak = gemm_peak()
    runs = [
        measured(variant, source, models, compared) for _ in range(REPEATS) for variant in (PIPELINE, BATCHED, best)
    ]
    others = [name for name in runtime.available() if name != best]
    runs += [measured(name, source, models, compared) for name in others]
    runs += [measured(best, source, models, compared, workers=2)]
    tenth = measured(best, source, models, max(1, available // 10))
    whole = measured(best, source, models, available)
    runs += [tenth, whole]
    rate = {variant: median_rate(runs[: 3 * REPEATS], variant) for variant in (PIPELINE, BATCHED, best)}
    agreement = {
        verdict.task: verdict.agreement
        for task in ENCODERS
        for verdict in parity.kept(models / task)
        if verdict.runtime == best
    }
    figures = {
        "runtime": best,
        "cores": len(os.sched_getaffinity(0)),
        "gemm_peak_gflops": round(peak / 1e9, 1),
        "ratio_vs_pipeline": round(rate[best] / rate[PIPELINE], 2),
        "ratio_vs_batched": round(rate[best] / rate[BATCHED], 2),
        "encoder_gemm_share": round(flops(models, whole["lengths"]) / whole["stages"]["encoder"] / peak, 3),
        "non_encoder_share": round(1 - whole["stages"]["encoder"] / whole["seconds"], 3),
        "peak_rss_mb": round(whole["peak_rss"] / 1e6),
        "peak_rss_ratio": round(whole["peak_rss"] / tenth["peak_rss"], 3),
        "time_ratio_10x_articles": round(whole["seconds"] / tenth["seconds"], 2),
        "parity_agreement": min(agreement.values(), default=1.0),
        "articles": available,
    }
    return {"figures": figures, "runs": runs}


def _units(source: str) -> Iterator[Any]:
    return reading.units([source], reading.Config())


def _seeds(collected: Path, place: Path) -> str:
    """Write the seed articles as records and return where they are."""
    with place.open("w", encoding="utf-8") as stream:
        for article in read_jsonl(collected / ARTICLES, Article):
            stream.write(json.dumps({"id": article.id, "title": article.title, "text": article.raw}) + "\n")
    return str(place)


def measured(variant: str, source: str, models: Path, limit: int, *, workers: int = 1) -> Figures:
    """Run ``benchmarks.measured`` and return its figures, with the peak of the memory of all its processes, in bytes.

    Raises:
        RuntimeError: the run failed.
    """
    command = [
        *(sys.executable, "-m", "benchmarks.measured", variant, source),
        *("--models", str(models), "--limit", str(limit), "--workers", str(workers)),
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
    return {"variant": variant, "workers": workers, **found, "peak_rss": peak}


def resident(pid: int) -> int:
    """Return the resident memory of a process and all below it, in bytes; what they share counts for each."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


def gemm_peak() -> float:
    """Return the FLOP/s of the best of 20 products of square bf16 matrices, with the threads that torch has."""
    one, other = (torch.randn(GEMM, GEMM).to(torch.bfloat16) for _ in range(2))
    taken: list[float] = []
    for _ in range(20):
        started = time.perf_counter()
        one @ other
        taken.append(time.perf_counter() - started)
    return 2.0 * GEMM**3 / min(taken)


def flops(models: Path, lengths: Sequence[int]) -> float:
    """Return the FLOPs of the matrix products of BERT's layers over windows without padding.

    ``lengths`` are the number of windows, the sum of their tokens, and the sum of the squares.

    Raises:
        ValueError: the models' encoders differ in size.
    """
    sizes = {
        tuple(json.loads(file.read_text(encoding="utf-8"))[name] for name in SIZES)
        for task in ENCODERS
        for file in (models / task).rglob("config.json")
    }
    if len(sizes) != 1:
        raise ValueError(f"encoders of several sizes: {sorted(sizes)}")
    layers, width, inner = sizes.pop()
    _, tokens, squares = lengths
    # For a token: queries, keys, values and output (8 w²), two feed-forward products (4 w·i), attention (4 n·w).
    return float(layers * (tokens * (8 * width**2 + 4 * width * inner) + 4 * width * squares))


def median_rate(runs: Sequence[Figures], variant: str) -> float:
    """Return the median of a variant's articles in a second."""
    return statistics.median(run["articles"] / run["seconds"] for run in runs if run["variant"] == variant)


def table(runs: Sequence[Figures]) -> str:
    """Return a row for each run."""
    rows = ["| Variant | Workers | Articles | Articles/s | Sentences/s | Start, s | Peak MB | Where its time goes |"]
    rows.append("| --- |" + " ---: |" * 6 + " --- |")
    for run in runs:
        stages = sorted(run.get("stages", {}).items(), key=lambda item: -item[1])
        where = ", ".join(f"{name} {seconds / run['seconds']:.0%}" for name, seconds in stages)
        rows.append(
            f"| {run['variant']} | {run['workers']} | {run['articles']} | {run['articles'] / run['seconds']:.2f} "
            f"| {run['sentences'] / run['seconds']:.0f} | {run['startup']:.1f} | {run['peak_rss'] / 1e6:.0f} | {where} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    typer.run(main)
