"""Shards annotated by Ray Data, on this machine or a cluster; inputs and outputs stay with the process that asks."""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.classifiers import processor
from pipeline.errors import ConfigError, NewsfactsError, WorkerError
from pipeline.shards import Finished, Recipe, Shard, ShardAnnotator

WAVE_BYTES = 64_000_000  # of the inputs of each worker that are in flight: this process and the object store hold them
ATTEMPTS = 3  # at a shard whose actor is lost
_MAX_SHOWN = 400  # characters of what Ray says

Batch = dict[str, Any]


def require() -> None:
    """Make sure that Ray Data is installed.

    Raises:
        ConfigError: it is not.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"--engine ray needs an extra ({error}); run pip install 'newsfacts[ray]'") from None


def in_actors(shards: Iterable[Shard], recipe: Recipe, workers: int) -> Generator[Finished, None, None]:
    """Yield what becomes of each shard, as each is finished, from so many actors.

    Ray is the running cluster that ``RAY_ADDRESS`` names, or one started on this machine. The models folder must be at
    the same path on every machine; nothing else need be shared.

    Raises:
        ConfigError: as for ``Recipe.annotator``, or there is no such cluster.
        ModelError: as for ``Recipe.annotator``.
        WorkerError: a shard's actor is lost again and again, or Ray fails.
    """
    with _connected(workers) as threads:
        import ray

        shared = replace(recipe, models=recipe.models.resolve(), threads=threads)
        attempts = ray.remote(num_cpus=0)(_Attempts).remote()
        for wave in _waves(shards, WAVE_BYTES * workers):
            yield from _annotated(wave, shared, workers, attempts)


@contextmanager
def _connected(workers: int) -> Iterator[int]:
    """Connect to Ray; the value is how many cores each of so many actors can have."""
    import ray
    import ray.data

    address = os.environ.get("RAY_ADDRESS")
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(
                address=address or "local",
                # A core for each actor, however many there are: --workers says how many to use.
                num_cpus=None if address else max(workers, processor.cores()),
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"no Ray at {address or 'this machine'}: {error}; correct RAY_ADDRESS") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield _cores_each([int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]], workers)
    finally:
        if started:
            ray.shutdown()


def _cores_each(machines: list[int], workers: int) -> int:
    """Return how many cores each worker can have, given those of each machine; a worker lives on one."""
    shares = range(max(machines, default=1), 1, -1)
    return next((share for share in shares if sum(cores // share for cores in machines) >= workers), 1)


def _waves(shards: Iterable[Shard], size: int) -> Iterator[list[Shard]]:
    """Yield shards in lists of so many bytes of inputs, or a few more."""
    wave: list[Shard] = []
    held = 0
    for shard in shards:
        wave.append(shard)
        held += shard.size
        if held >= size:
            yield wave
            wave, held = [], 0
    if wave:
        yield wave


def _annotated(wave: list[Shard], recipe: Recipe, workers: int, attempts: Any) -> Generator[Finished, None, None]:
    import ray.data
    from ray.exceptions import RayError, RayTaskError, UserCodeException

    rows = [{"shard": pickle.dumps(shard)} for shard in wave]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(recipe, attempts),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(wave))),
        num_cpus=recipe.threads,
    )
    del rows
    wave.clear()  # the object store has it now
    try:
        for row in data.iter_rows():
            answer = pickle.loads(row["answer"])  # noqa: S301  # our own actor has written it
            if isinstance(answer, NewsfactsError):
                raise answer
            yield answer
    except (RayTaskError, UserCodeException):  # a fault of ours, to be shown as it is
        raise
    except RayError as error:
        said = " ".join(str(error).split())[:_MAX_SHOWN]
        raise WorkerError(f"Ray cannot go on ({type(error).__name__}: {said}); look after the cluster") from error


class _Attempts:
    """Counts for all actors how often each shard was begun: Ray would try one that ends its actor for ever."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Return how often a shard was begun, this time included."""
        self._begun[number] += 1
        return self._begun[number]


class _Actor:
    """Annotates shards on whichever machine Ray has placed it."""

    def __init__(self, recipe: Recipe, attempts: Any) -> None:
        logging.disable(logging.WARNING)
        self._recipe = recipe
        self._attempts = attempts
        self._annotator: ShardAnnotator | None = None

    def __call__(self, batch: Batch) -> Batch:
        """Return what became of one shard, or the error that the caller must hear of."""
        import ray

        shard: Shard = pickle.loads(batch["shard"][0])  # noqa: S301  # our own process has written it
        answer: Finished | NewsfactsError
        if ray.get(self._attempts.begin.remote(shard.number)) > ATTEMPTS:
            answer = WorkerError(
                f"the actor that annotates {shard.span} was lost {ATTEMPTS} times (too little memory, or a fault in a "
                "library); set those inputs aside, or try smaller shards (annotate.shard_articles)"
            )
        else:
            answer = self._answer(shard)
        return {"answer": np.array([pickle.dumps(answer)], dtype=object)}

    def _answer(self, shard: Shard) -> Finished | NewsfactsError:
        try:
            # Here, since Ray would try a constructor that fails again.
            self._annotator = self._annotator or ShardAnnotator(self._recipe)
            return self._annotator.annotate(shard)
        except NewsfactsError as error:
            return error
