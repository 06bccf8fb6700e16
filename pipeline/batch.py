"""Annotate many articles, shard by shard: every input ends in the output or in the rejected file, once."""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Literal, get_args

from pipeline import listing, ray_engine, reading, shards, writing
from pipeline import local_engine as local
from pipeline.article import Provenance
from pipeline.classifiers import processor
from pipeline.errors import ModelError
from pipeline.journal import Journal, named_results
from pipeline.progress import Progress
from pipeline.shards import Finished, Recipe, Shard, ShardAnnotator
from pipeline.storage import Meter

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
MOST_CORES = 4  # that one process keeps busy: with more, they would wait for what it does in Python
MOST_WORKERS = 8  # where the user names no number: each holds the models, and several cores serve it as well
STREAM_ARTICLES = 16  # of one shard of a stream, at most: whoever reads it waits for so many
_LOG = logging.getLogger("newsfacts")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did; ``rejected`` counts inputs by reason, ``articles_per_second`` what this run itself annotated."""

    read: int
    annotated: int
    rejected: dict[str, int]
    repeated_ids: int
    warnings: int
    seconds: float
    articles_per_second: float
    provenance: Provenance


def rejected_path(output: Path) -> Path:
    """Return where an output's rejected inputs are listed."""
    return output.with_name(f"{output.name}.rejected.jsonl")


def summary_path(output: Path) -> Path:
    """Return where an output's summary stands."""
    return output.with_name(f"{output.name}.summary.json")


def annotate_files(
    inputs: Iterable[str],
    output: Path,
    recipe: Recipe,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    limit: int | None = None,
    fresh: bool = False,
) -> Summary:
    """Annotate every article of the inputs, at most ``limit``, into ``output`` with its rejected file and summary.

    Finished shards are kept in a work folder until all are, so that the same call goes on where a stopped one was,
    and ends in the same bytes. ``fresh`` begins anew. Without ``workers`` this process does it all on up to four cores;
    on more there is a process for each, at most 8, unless all is one shard.

    Raises:
        ConfigError: an input matches nothing, or nothing here reads it, or an engine is not installed.
        ModelError: a model cannot be used.
        OutputError: an output cannot be written, or another run is writing it.
        WorkerError: a worker is lost again and again.
    """
    if engine == "ray":
        ray_engine.require()
    given = list(inputs)
    total = listing.total(given, named_results(output))
    started = time.monotonic()
    with (
        Journal(output, recipe, fresh=fresh) as journal,
        Progress("annotate", unit="articles", total=total, limit=limit) as progress,
    ):
        writing.clear(output)  # what a killed run left of a folder may lie among the inputs
        made = named_results(output)  # so may what it has named
        if made:
            _LOG.info("%s: written by a run that was killed, so no input; written again", ", ".join(map(str, made)))
        run = _Run(journal, progress)
        units = itertools.islice(reading.units(given, recipe.config.reading, run.meter, without=made), limit)
        wanted = run.unfinished(shards.cut(units, recipe.config))
        with closing(_annotated(wanted, recipe, engine, workers, run)) as finished:
            run.keep(finished)
        if run.resumed:
            _LOG.info("%d of %d shards were finished already", run.resumed, run.count)
        return _assemble(run, output, recipe, started)


def processes(workers: int | None) -> int:
    """Return how many processes annotate on this machine: so many, or what suits its cores."""
    cores = processor.cores()
    return workers or (1 if cores <= MOST_CORES else min(cores, MOST_WORKERS))


def threads(workers: int | None) -> int:
    """Return on how many threads each of them runs the models: their number may decide how sums are rounded."""
    return max(1, processor.cores() // processes(workers))


def _annotated(
    wanted: Iterator[Shard], recipe: Recipe, engine: Engine, workers: int | None, run: _Run
) -> Generator[Finished, None, None]:
    if engine == "ray":
        return ray_engine.in_actors(wanted, recipe, workers or min(processor.cores(), MOST_WORKERS))
    count = processes(workers)
    if workers is None:  # processes that start for nothing cost seconds
        first = list(itertools.islice(wanted, 2))
        wanted = itertools.chain(first, wanted)
        # One that alone was left to do is done as the others were: the number of threads decides how sums are rounded.
        count = count if len(first) == 2 or run.count > 1 else 1
    recipe = replace(recipe, threads=recipe.threads or threads(count))
    return local.ahead(wanted, recipe) if count == 1 else local.in_pool(wanted, recipe, count)


class _Run:
    """Which shards there are, and which of them were or are still to be annotated."""

    def __init__(self, journal: Journal, progress: Progress) -> None:
        self.journal = journal
        self.meter = Meter()
        self.count = self.resumed = self.annotated = 0
        self.provenance: Provenance | None = None
        self._progress = progress
        self._read: dict[int, int] = {}  # what the meter counted for each shard that is under way

    def unfinished(self, found: Iterable[Shard]) -> Iterator[Shard]:
        """Yield the shards that no earlier run has finished."""
        for shard in found:
            self.count += 1
            read = self.meter.take()
            entry = self.journal.holds(shard)
            if entry is None:
                self._read[shard.number] = read
                yield shard
            else:
                self.resumed += 1
                self._require_same(entry.provenance)
                self._progress.skip(len(shard.items), read)

    def keep(self, finished: Iterable[Finished]) -> None:
        """Put finished shards into the journal."""
        for one in finished:
            self._require_same(one.provenance)
            self.journal.add(one)
            self.annotated += one.annotated
            self._progress.advance(one.read, self._read.pop(one.number))

    def _require_same(self, provenance: Provenance) -> None:
        if self.provenance is None:
            self.provenance = provenance
        elif provenance != self.provenance:
            raise ModelError(
                f"a worker annotates with {provenance}, another with {self.provenance}; "
                "bring the same models folder to every machine"
            )


def _assemble(run: _Run, output: Path, recipe: Recipe, started: float) -> Summary:
    """Write output, rejected file and summary from the journal; they appear together or not at all, the output last."""
    rejected: Counter[str] = Counter()
    annotated = warnings = 0
    # What can fail, does so before the first of the three gets its name.
    with (
        writing.open_output(output) as writer,
        writing.whole_file(summary_path(output)) as counted,
        writing.whole_file(rejected_path(output)) as quarantine,
        writing.failing_as(output),
    ):
        for entry, annotations, rejections in run.journal.entries(run.count):
            writer.write(annotations)
            quarantine.write(rejections)
            rejected.update(entry.rejected)
            annotated += entry.annotated
            warnings += entry.warnings
        seconds = time.monotonic() - started
        summary = Summary(
            read=annotated + rejected.total(),
            annotated=annotated,
            rejected=dict(sorted(rejected.items())),
            repeated_ids=run.journal.repeated_ids(run.count),
            warnings=warnings,
            seconds=round(seconds, 3),
            articles_per_second=round(run.annotated / seconds, 2),
            provenance=run.provenance or _provenance(recipe),
        )
        counted.write(json.dumps(asdict(summary), indent=2).encode() + b"\n")
        writing.settle(quarantine)
        writing.settle(counted)
        writer.close()
        run.journal.note_results([rejected_path(output), summary_path(output), output])
    return summary


def _provenance(recipe: Recipe) -> Provenance:
    with ShardAnnotator(recipe) as annotator:
        return annotator.provenance


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of a stream; ``rejected`` counts inputs by reason."""

    annotated: int
    rejected: dict[str, int]
    articles_per_second: float


def annotate_stream(
    inputs: Iterable[str], recipe: Recipe, answers: IO[bytes], refusals: IO[bytes], *, limit: int | None = None
) -> Streamed:
    """Annotate inputs as they come: annotations and rejections leave as JSON lines, few articles after they were read.

    Nothing is kept, so that a stream which breaks off begins anew.

    Raises:
        ConfigError, ModelError: as for ``annotate_files``.
        OutputError: nobody reads the answers or the refusals any more.
    """
    started = time.monotonic()
    rejected: Counter[str] = Counter()
    annotated = 0
    config = recipe.config.model_copy(update={"shard_articles": min(STREAM_ARTICLES, recipe.config.shard_articles)})
    units = itertools.islice(reading.units(inputs, config.reading), limit)
    with closing(local.in_process(shards.cut(units, config), replace(recipe, form=".jsonl"))) as finished:
        for one in finished:
            for name, stream, lines in (
                ("standard error", refusals, one.rejections),
                ("standard output", answers, one.annotations),
            ):
                try:
                    stream.write(lines)
                    stream.flush()
                except OSError as error:
                    raise writing.unwritable(name, error) from error
            rejected.update(one.rejected)
            annotated += one.annotated
    seconds = time.monotonic() - started
    return Streamed(annotated, dict(sorted(rejected.items())), round(annotated / seconds, 2))
