"""One measured run in a process of its own: ``python -m benchmarks.measured VARIANT ARTICLES …`` prints JSON.

Seconds are those of annotating alone; starting (imports, loading of models, and the parity gate where the runtime is
auto) is told apart. Where time goes is measured from outside, by wrapping the stages' functions: a stage's time is that
spent in it and in none of the others. The encoder's time is that of waiting for its results.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import run

STARTED = psutil.Process().create_time()
ENCODER, LOADING = "encoder", "loading"
SIZES = ("num_hidden_layers", "hidden_size", "intermediate_size")


@dataclass
class Stopwatch:
    """Seconds spent in each stage, those in stages that it calls not counted."""

    seconds: dict[str, float] = field(default_factory=dict)
    _running: list[str] = field(default_factory=list)
    _since: float = field(default_factory=time.perf_counter)

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def enter(self, stage: str) -> None:
        """Begin a stage, within the one under way."""
        self._turn()
        self._running.append(stage)

    def leave(self) -> None:
        """End the stage begun last."""
        self._turn()
        self._running.pop()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts as a stage while it runs."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.enter(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return wrapped


@dataclass
class Session:
    """A session whose time is counted, and its windows' tokens and their squares."""

    session: Any
    watch: Stopwatch
    tokens: int = 0
    squares: int = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of the session."""
        names: tuple[str, ...] = self.session.inputs
        return names

    @property
    def finer(self) -> Any:
        """What is asked again: its time counts as well, but not what it computes once more."""
        finer = self.session.finer
        return None if finer is None else Session(finer, self.watch)

    @property
    def margin(self) -> float:
        """That of the session."""
        margin: float = self.session.margin
        return margin

    def run(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the session's answers."""
        answers = iter(self.session.run(self._counted(batches)))
        while True:
            self.watch.enter(ENCODER)
            try:
                answer = next(answers, None)
            finally:
                self.watch.leave()
            if answer is None:
                return
            yield answer

    def _counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            lengths = batch["attention_mask"].sum(axis=1)
            self.tokens += int(lengths.sum())
            self.squares += int((lengths**2).sum())
            yield batch


def main(
    variant: Annotated[str, typer.Argument(help="glued, glued-batched, or a runtime of ours.")],
    articles: Annotated[list[str], typer.Argument(help="Inputs, as for newsfacts annotate.")],
    models: Annotated[Path, typer.Option()] = Path("models"),
    limit: Annotated[int, typer.Option(help="Articles to annotate.")] = 100,
    every: Annotated[int, typer.Option(help="Of these, which the usual way annotates: each, each second, …")] = 1,
    workers: Annotated[int | None, typer.Option(help="Processes of ours; by default what suits the cores.")] = None,
    threads: Annotated[int | None, typer.Option(help="1 has one core do one thing after the other.")] = None,
    shard: Annotated[int | None, typer.Option(help="Articles of one shard of ours.")] = None,
) -> None:
    """Annotate and print the figures."""
    if variant.startswith("glued"):
        found = glued(articles, models, limit, every, batch_size=32 if variant == "glued-batched" else None)
    else:
        found = ours(variant, articles, models, limit, workers, threads, shard)
    typer.echo(json.dumps(found))


def glued(inputs: list[str], models: Path, limit: int, every: int, *, batch_size: int | None) -> dict[str, Any]:
    """Annotate the usual way, on all cores; reading is not counted."""
    from benchmarks.glued import Glued
    from pipeline import reading
    from pipeline.article import Article

    annotator = Glued(models, batch_size=batch_size)
    read = itertools.islice(reading.read(inputs, reading.Config()), 0, limit, every)
    articles = [item for item in read if isinstance(item, Article)]
    startup = time.time() - STARTED
    started = time.perf_counter()
    sentences = sum(annotator.annotate(article) for article in articles)
    seconds = time.perf_counter() - started
    return {"articles": len(articles), "sentences": sentences, "seconds": seconds, "startup": startup}


def ours(
    variant: str,
    inputs: list[str],
    models: Path,
    limit: int,
    workers: int | None,
    threads: int | None,
    shard: int | None,
) -> dict[str, Any]:
    """Annotate as ``newsfacts annotate`` does, from inputs to the finished output file.

    Where all is done in this process, the time of loading is told apart; on one thread stages are timed one after the
    other, and FLOPs are counted.
    """
    from pipeline import batch, local_engine, shards

    config = shards.Config() if shard is None else shards.Config(shard_articles=shard)
    recipe = shards.Recipe(models, config, ".jsonl", runtime=variant, threads=threads)
    counts = Counts()
    counts.time(shards.ShardAnnotator, "__init__", LOADING)
    if threads == 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        vars(local_engine)["ahead"] = local_engine.in_process
        counts.begin()
    with tempfile.TemporaryDirectory() as folder:
        startup = time.time() - STARTED
        counts.watch.enter("other")
        started = time.perf_counter()
        summary = batch.annotate_files(inputs, Path(folder) / "out.jsonl", recipe, workers=workers, limit=limit)
        seconds = time.perf_counter() - started
        counts.watch.leave()
    loading = counts.watch.seconds.pop(LOADING, 0.0)
    found: dict[str, Any] = {"articles": summary.annotated, "seconds": seconds - loading, "startup": startup + loading}
    if threads == 1:
        found |= {"sentences": counts.sentences, "flops": counts.flops(models), "stages": counts.watch.seconds}
    return found


@dataclass
class Counts:
    """What a run in this process does, and where its time goes."""

    watch: Stopwatch = field(default_factory=Stopwatch)
    sentences: int = 0
    sessions: dict[str, Session] = field(default_factory=dict)
    """By the digest of their model."""

    def begin(self) -> None:
        """Count and time from now on."""
        from pipeline import annotator, shards, writing
        from pipeline.classifiers import embedding, panel
        from pipeline.classifiers import runtime as runtimes

        session, strip = runtimes.Runtime.session, annotator.Stripper.strip

        def counted_session(runtime: runtimes.Runtime, network: Any) -> Any:
            self.sessions[runtime.model] = Session(session(runtime, network), self.watch)
            return self.sessions[runtime.model]

        def counted_strip(stripper: annotator.Stripper, articles: Any) -> Any:
            bodies = strip(stripper, articles)
            self.sentences += sum(len(body.sentences) for body in bodies)
            return bodies

        patched: tuple[tuple[Any, str, Any], ...] = (
            (runtimes.Runtime, "session", counted_session),
            (annotator.Stripper, "strip", counted_strip),
        )
        for owner, name, function in patched:
            setattr(owner, name, function)
        wrapped: tuple[tuple[Any, str, str], ...] = (
            (shards, "parse", "reading"),
            (annotator, "clean", "cleaning"),
            (annotator.Stripper, "strip_clean", "stripping"),
            (annotator, "_body", "splitting"),
            (embedding.Reader, "means", "embedding"),
            (panel, "windows", "tokenizing"),
            (annotator.Annotator, "_listed", "facts"),
            (annotator.Annotator, "_mentions", "targets"),
            (writing, "encode", "writing"),
        )
        for owner, name, stage in wrapped:
            self.time(owner, name, stage)

    def time(self, owner: Any, name: str, stage: str) -> None:
        """Count the time of a function as a stage's from now on."""
        setattr(owner, name, self.watch.timed(stage, getattr(owner, name)))

    def flops(self, models: Path) -> float:
        """Return the FLOPs of the matrix products of BERT's layers, over tokens without padding."""
        from pipeline.annotator import ASKED
        from pipeline.classifiers import panel, store

        folders = {store.read_manifest(models / task)[1]: models / task for task in ASKED}
        alone = list(folders)
        for count in range(2, len(alone) + 1):
            for tasks in itertools.combinations(alone, count):
                folders[panel.together(tasks)] = folders[tasks[0]]
        total = 0.0
        for digest, session in self.sessions.items():
            [file] = folders[digest].rglob("config.json")
            sizes = json.loads(file.read_text(encoding="utf-8"))
            layers, width, inner = (sizes[name] for name in SIZES)
            # For a token: queries, keys, values, output (8 w²), two feed-forward products (4 w·i), attention (4 n·w).
            total += layers * (session.tokens * (8 * width**2 + 4 * width * inner) + 4 * width * session.squares)
        return total


if __name__ == "__main__":
    run(main)
