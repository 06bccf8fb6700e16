"""Shards annotated on this machine: in this process, or in several that take them as they get free."""

from __future__ import annotations

import ctypes
import functools
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.connection import Connection

from pipeline.annotator import Prepared
from pipeline.article import Annotation
from pipeline.classifiers import windows
from pipeline.classifiers.panel import Answers
from pipeline.errors import WorkerError
from pipeline.extraction_process import interruptions_wait
from pipeline.shards import Finished, Parsed, Recipe, Shard, ShardAnnotator

_OBJECTS = 50_000  # made, beyond those that are gone, before garbage is looked for: an article makes some hundreds
_TOKENIZERS = "TOKENIZERS_PARALLELISM"
AHEAD = 2  # shards of each worker, those under way included: what waits for a worker is held in memory


def in_process(shards: Iterable[Shard], recipe: Recipe) -> Generator[Finished, None, None]:
    """Yield what becomes of each shard, in order.

    Raises:
        ConfigError, ModelError: as for ``Recipe.annotator``.
    """
    with ShardAnnotator(recipe) as annotator, _tuned():
        for shard in shards:
            yield annotator.annotate(shard)


def ahead(shards: Iterable[Shard], recipe: Recipe) -> Generator[Finished, None, None]:
    """Yield what becomes of each shard, in order; while the models answer, what comes next is read and stripped.

    The models are asked in one thread, on all cores, and are in memory once.

    Raises:
        ConfigError, ModelError: as for ``Recipe.annotator``.
    """
    stopped = threading.Event()

    def ask(prepared: Prepared) -> Answers:
        windows.UNWANTED.set(stopped.is_set)
        return annotator.classify(prepared)

    with ShardAnnotator(recipe) as annotator, _tuned(), ThreadPoolExecutor(1) as models:
        annotations: list[Annotation] = []
        under_way: tuple[_Step, Future[Answers]] | None = None
        try:
            for step in chain(_steps(shards, annotator), [None]):
                asked = (step, models.submit(ask, step.prepared)) if step else None
                if under_way:
                    before, answers = under_way
                    annotations += annotator.assemble(before.prepared, answers.result())
                    if before.ends_shard:
                        yield annotator.finish(before.parsed, annotations)
                        annotations = []
                        _give_back_memory()
                under_way = asked
        finally:
            stopped.set()  # the models' thread looks at it before each batch
            models.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Step:
    """A group of a shard's articles, prepared."""

    parsed: Parsed
    prepared: Prepared
    ends_shard: bool


def _steps(shards: Iterable[Shard], annotator: ShardAnnotator) -> Iterator[_Step]:
    for shard in shards:
        parsed = annotator.parse(shard)
        for number, group in enumerate(parsed.groups, start=1):
            yield _Step(parsed, annotator.prepare(group), number == len(parsed.groups))


def in_pool(shards: Iterable[Shard], recipe: Recipe, workers: int) -> Generator[Finished, None, None]:
    """Yield what becomes of each shard, as each is finished, from so many processes.

    When one of them dies, all end; what they had under way is then done one by one, to tell which shard it is.

    Raises:
        ConfigError, ModelError: as for ``Recipe.annotator``.
        WorkerError: a shard ends the process that annotates it.
    """
    waiting = iter(shards)
    while lost := (yield from _until_one_dies(waiting, recipe, workers, ahead=AHEAD)):
        if again := (yield from _until_one_dies(iter(lost), recipe, 1, ahead=1)):
            raise WorkerError(
                f"the process that annotates {again[0].span} dies, also with no other beside it (too little memory or "
                "a fault in a library); set those inputs aside, or try smaller shards (annotate.shard_articles)"
            )


def _until_one_dies(
    shards: Iterator[Shard], recipe: Recipe, workers: int, *, ahead: int
) -> Generator[Finished, None, list[Shard]]:
    """Yield what becomes of shards until a process dies or they end; return those begun and not finished."""
    unfinished: dict[int, Shard] = {}
    running: set[Future[Finished]] = set()
    with suppress(BrokenProcessPool), _pool(recipe, workers) as pool:
        while True:
            for shard in islice(shards, ahead * workers - len(running)):
                unfinished[shard.number] = shard
                with interruptions_wait():  # submitting starts the processes
                    running.add(pool.submit(_annotate, shard))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                finished = future.result()
                del unfinished[finished.number]
                yield finished
    return list(unfinished.values())


@contextmanager
def _pool(recipe: Recipe, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes that end with this one, however it ends."""
    spawn = multiprocessing.get_context("spawn")
    theirs, ours = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, spawn, initializer=_start, initargs=(theirs, recipe))
    try:
        yield pool
        pool.shutdown()
    finally:
        ours.close()  # whoever is still at work need not finish it
        pool.shutdown(cancel_futures=True)
        theirs.close()


_RECIPES: list[Recipe] = []  # of this process, if it is a worker


def _start(parent: Connection, recipe: Recipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says what an interruption means
    logging.disable(logging.WARNING)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _RECIPES.append(recipe)


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv_bytes()  # nothing ever comes but the end
    os._exit(1)


def _annotate(shard: Shard) -> Finished:
    return _annotator().annotate(shard)


@functools.cache
def _annotator() -> ShardAnnotator:
    found = ShardAnnotator(_RECIPES[0])
    _tune()
    return found


def _tune() -> None:
    """Keep this process from what takes time beside annotating.

    The collector would look through the models again and again, and often at all; tokenizers would start threads for a
    few words, beside those of the runtime.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    os.environ[_TOKENIZERS] = "false"


@contextmanager
def _tuned() -> Iterator[None]:
    threshold, tokenizers = gc.get_threshold(), os.environ.get(_TOKENIZERS)
    _tune()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        if tokenizers is None:
            del os.environ[_TOKENIZERS]
        else:
            os.environ[_TOKENIZERS] = tokenizers


def _give_back_memory() -> None:
    """Return to the system what glibc keeps of freed memory, in each thread's own arena: it would grow for long."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
