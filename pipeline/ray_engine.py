"""Shards annotated by Ray Data, on this machine or a cluster; inputs and outputs stay with the process that asks."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.errors import ConfigError, NewsfactsError, WorkerError
from pipeline.shards import Finished, Recipe, Shard, ShardAnnotator

WAVE_BYTES = 64_000_000  # of the inputs of each worker that are in flight: this process and the object store hold them
RETRIES = 2  # of a shard whose actor is lost

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
        WorkerError: a shard's actor is lost again and again.
    """
    with _connected(workers) as threads:
        shared = replace(recipe, models=recipe.models.resolve(), threads=threads)
        for wave in _waves(shards, WAVE_BYTES * workers):
            yield from _annotated(wave, shared, workers)


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
                num_cpus=None if address else max(workers, os.cpu_count() or 1),
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


def _annotated(wave: list[Shard], recipe: Recipe, workers: int) -> Generator[Finished, None, None]:
    """Yield what becomes of shards; where one is lost for good, each half of the rest is tried, to find out which."""
    import ray.data
    from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError

    unfinished = {shard.number: shard for shard in wave}
    rows = [{"shard": pickle.dumps(shard)} for shard in wave]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(recipe,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(wave))),
        num_cpus=recipe.threads,
        max_task_retries=RETRIES,
    )
    del rows
    try:
        for row in data.iter_rows():
            finished = pickle.loads(row["finished"])  # noqa: S301  # our own actor has written it
            if isinstance(finished, NewsfactsError):
                raise finished
            del unfinished[finished.number]
            yield finished
    except (RayActorError, WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError) as error:
        lost = list(unfinished.values())
        if len(lost) == 1:
            raise WorkerError(
                f"the actor that annotates {lost[0].span} is lost, {RETRIES + 1} times ({type(error).__name__}; too "
                "little memory, or a fault in a library); set those inputs aside, or try smaller shards "
                "(annotate.shard_articles)"
            ) from error
        for half in (lost[: len(lost) // 2], lost[len(lost) // 2 :]):
            yield from _annotated(half, recipe, workers)


class _Actor:
    """Annotates shards on whichever machine Ray has placed it."""

    def __init__(self, recipe: Recipe) -> None:
        logging.disable(logging.WARNING)
        self._recipe = recipe
        self._annotator: ShardAnnotator | None = None

    def __call__(self, batch: Batch) -> Batch:
        """Return what became of one shard, or the error that the caller must hear of."""
        answer: Finished | NewsfactsError
        try:
            # Here, since Ray would try a constructor that fails again.
            self._annotator = self._annotator or ShardAnnotator(self._recipe)
            answer = self._annotator.annotate(pickle.loads(batch["shard"][0]))  # noqa: S301
        except NewsfactsError as error:
            answer = error
        return {"finished": np.array([pickle.dumps(answer)], dtype=object)}
