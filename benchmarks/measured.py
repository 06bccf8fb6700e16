"""One measured run in a process of its own: ``python -m benchmarks.measured VARIANT ARTICLES …`` prints its figures as JSON.

Seconds are those of annotating alone; starting (imports, loading of models, and the parity gate where the runtime is
auto) is told apart. Where time goes is measured from outside, by wrapping the stages' functions: a stage's time is that
spent in it and in none of the others. The encoder's time is that of waiting for its results.
"""

from __future__ import annotations

import functools
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

STARTED = psutil.Process().create_time()
SPLITTING, ENCODER = "splitting", "encoder"


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
    """A session whose time and tokens are counted."""

    session: Any
    watch: Stopwatch
    lengths: list[int]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of the session."""
        names: tuple[str, ...] = self.session.inputs
        return names

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
            self.lengths += batch["attention_mask"].sum(axis=1).tolist()
            yield batch


def main(
    variant: Annotated[str, typer.Argument(help="glued, glued-batched, or a runtime of ours.")],
    articles: Annotated[list[str], typer.Argument(help="Inputs, as for newsfacts annotate.")],
    models: Annotated[Path, typer.Option()] = Path("models"),
    limit: Annotated[int, typer.Option(help="Articles to annotate.")] = 100,
    workers: Annotated[int, typer.Option(help="Processes of ours.")] = 1,
) -> None:
    """Annotate and print the figures."""
    run = glued if variant.startswith("glued") else ours
    typer.echo(json.dumps(run(variant, articles, models, limit, workers)))


def glued(variant: str, inputs: list[str], models: Path, limit: int, workers: int) -> dict[str, Any]:
    """Annotate the usual way; reading is not counted."""
    from benchmarks.glued import Glued
    from pipeline import reading
    from pipeline.article import Article

    if workers != 1:
        raise typer.BadParameter("what is glued together runs in one process")
    annotator = Glued(models, batch_size=32 if variant == "glued-batched" else None)
    read = itertools.islice(reading.read(inputs, reading.Config()), limit)
    articles = [item for item in read if isinstance(item, Article)]
    startup = time.time() - STARTED
    started = time.perf_counter()
    sentences = sum(annotator.annotate(article) for article in articles)
    seconds = time.perf_counter() - started
    return {"articles": len(articles), "sentences": sentences, "seconds": seconds, "startup": startup}


def ours(variant: str, inputs: list[str], models: Path, limit: int, workers: int) -> dict[str, Any]:
    """Annotate as ``newsfacts annotate`` does, from inputs to the finished output file."""
    from pipeline import annotator, batch, shards, writing
    from pipeline.classifiers import parity, transformer
    from pipeline.classifiers import runtime as runtimes

    if variant == runtimes.AUTO:
        variant = parity.fastest([models / task for task in annotator.TASKS])
    watch, lengths, counts = Stopwatch(), list[int](), {"sentences": 0}
    session, splitting = runtimes.Runtime.session, annotator.split

    def counted(*args: Any, **kwargs: Any) -> Any:
        found = splitting(*args, **kwargs)
        counts["sentences"] += len(found)
        return found

    runtimes.Runtime.session = lambda self, network: Session(session(self, network), watch, lengths)  # type: ignore[assignment, method-assign, return-value]
    wrapped: tuple[tuple[Any, str, str], ...] = (
        (shards, "parse", "reading"),
        (annotator, "clean", "cleaning"),
        (annotator.Stripper, "strip_clean", "stripping"),
        (transformer, "windows", "tokenizing"),
        (annotator.Annotator, "_listed", "facts"),
        (annotator.Annotator, "_mentions", "targets"),
        (writing, "encode", "writing"),
        (shards.Recipe, "annotator", "loading"),
    )
    for owner, name, stage in wrapped:
        setattr(owner, name, watch.timed(stage, getattr(owner, name)))
    annotator.split = watch.timed(SPLITTING, counted)
    recipe = shards.Recipe(models, shards.Config(), ".jsonl", runtime=variant)
    with tempfile.TemporaryDirectory() as folder:
        startup = time.time() - STARTED
        watch.enter("other")
        started = time.perf_counter()
        summary = batch.annotate_files(inputs, Path(folder) / "out.jsonl", recipe, workers=workers, limit=limit)
        seconds = time.perf_counter() - started
        watch.leave()
    loading = watch.seconds.pop("loading", 0.0)
    return {
        "runtime": variant,
        "articles": summary.annotated,
        "sentences": counts["sentences"],
        "seconds": seconds - loading,
        "startup": startup + loading,
        "stages": watch.seconds,
        "lengths": [len(lengths), sum(lengths), sum(length**2 for length in lengths)],
    }


if __name__ == "__main__":
    typer.run(main)
