"""The work folder beside an output: every finished shard, kept until all are, so that a stopped run can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock
import numpy as np
from pydantic import TypeAdapter, ValidationError

import pipeline
from pipeline import writing
from pipeline.annotator import TASKS
from pipeline.article import Provenance
from pipeline.classifiers.store import MANIFEST, readable
from pipeline.errors import NewsfactsError, OutputError
from pipeline.records import file_digest, to_json
from pipeline.shards import ID_BYTES, Finished, Recipe, Shard

PARTS = ("annotations", "rejections", "ids")
_RUN = "run"
_RESULTS = "results"
_LOCK = "lock"
_IDS_AT_ONCE = 4_000_000  # hashes that are counted in memory together


@dataclass(frozen=True, slots=True)
class Run:
    """What the last run into a work folder went by, as far as another must keep it."""

    runtime: str
    models: dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """The record of a finished shard, written after its parts."""

    key: str
    """The sha256 of all that decides what becomes of the shard: its inputs, the configuration, the models."""
    parts: dict[str, str]
    """The sha256 of each part."""
    annotated: int
    rejected: dict[str, int]
    warnings: int
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Result:
    """A file or folder that is about to get its name, known again by what a rename leaves as it was."""

    name: str
    inode: int
    modified: int
    """Nanoseconds."""

    @classmethod
    def at(cls, path: Path, name: str) -> Self:
        """Describe what stands at a path and will have a name.

        Raises:
            OSError: nothing stands there.
        """
        found = path.stat()
        return cls(name, found.st_ino, found.st_mtime_ns)


_RUNS, _ENTRIES, _ALL_RESULTS = TypeAdapter(Run), TypeAdapter(Entry), TypeAdapter(list[Result])


def folder_of(output: Path) -> Path:
    """Return where the finished shards of an output are kept until all are."""
    return output.with_name(f".{output.name}.work")


def kept_runtime(output: Path, models: Path) -> str | None:
    """Return the runtime that a stopped run into ``output`` had, if there is one and the models are still the same.

    Where the user leaves the choice, this one is to be taken: another would begin all shards anew.
    """
    try:
        run = _RUNS.validate_json((folder_of(output) / _RUN).read_bytes())
    except (OSError, ValidationError):
        return None
    return run.runtime if run.models == _model_digests(models) else None


def named_results(output: Path) -> list[Path]:
    """Return which results a run gave their names before it was killed: whatever folder they lie in, they are no input.

    A file that somebody else put in the place of one is not among them.
    """
    try:
        meant = _ALL_RESULTS.validate_json((folder_of(output) / _RESULTS).read_bytes())
    except (OSError, ValidationError):
        return []
    found = []
    for result in meant:
        path = output.with_name(result.name)
        with suppress(OSError):
            if Result.at(path, result.name) == result:
                found.append(path)
    return found


def _model_digests(models: Path) -> dict[str, str]:
    """Return the digest of each manifest, which names the digests of all other files; loading verifies them."""
    manifests = {task: models / task / MANIFEST for task in TASKS}
    return {task: file_digest(readable(path)) for task, path in manifests.items() if path.is_file()}


class Journal:
    """The work folder of one output, for one run at a time."""

    def __init__(self, output: Path, recipe: Recipe, *, fresh: bool = False) -> None:
        """``fresh`` discards what an earlier run has left."""
        self._output = output
        self._folder = folder_of(output)
        self._fresh = fresh
        self._run = Run(recipe.runtime, _model_digests(recipe.models))
        settings = {
            "version": pipeline.__version__,
            "config": recipe.config.model_dump(mode="json", exclude={"max_rejected_share"}),
            "form": recipe.form,
            "keep_raw": recipe.keep_raw,
            "recurring": recipe.recurring.digest if recipe.recurring else None,
            **asdict(self._run),
        }
        self._settings = json.dumps(settings, sort_keys=True)
        self._lock = filelock.FileLock(self._folder / _LOCK, blocking=False)

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            OutputError: another run has it, or it cannot be written.
        """
        try:
            self._folder.mkdir(exist_ok=True)
            self._lock.acquire()
            if self._fresh:
                self._clear()
            writing.write_whole(self._folder / _RUN, to_json(self._run))
        except filelock.Timeout:
            raise OutputError(f"another run is writing {self._output}; wait for its end or name another") from None
        except OSError as error:
            if self._lock.is_locked and not any(self._folder.glob("*.json")):
                with suppress(OSError):
                    writing.discard(self._folder)
            self._lock.release()
            raise writing.unwritable(self._folder, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what is finished if the run was stopped, and say so; otherwise leave nothing."""
        try:
            if error is None or not any(self._folder.glob("*.json")):
                self._clear()
                writing.discard(self._folder)
            elif isinstance(error, NewsfactsError | KeyboardInterrupt):
                error.add_note(
                    f"what is done is kept in {self._folder}; run the same command again to go on, "
                    "or with --fresh to begin anew"
                )
        except OSError as fault:
            raise OutputError(f"cannot remove {self._folder}: {fault.strerror or fault}; remove it") from fault
        finally:
            self._lock.release()

    def holds(self, shard: Shard) -> Entry | None:
        """Return the record of a shard that is finished, unaltered and as this run would do it, or None."""
        entry = self._entry(shard.number)
        if entry is None or entry.key != self._key_of(shard.digest):
            return None
        intact = all(self._part(shard.number, entry, name) is not None for name in PARTS)
        return entry if intact else None

    def add(self, finished: Finished) -> None:
        """Keep a finished shard; after this it is never done again.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        contents = {name: getattr(finished, name) for name in PARTS}
        entry = Entry(
            key=self._key_of(finished.digest),
            parts={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
            annotated=finished.annotated,
            rejected=finished.rejected,
            warnings=finished.warnings,
            provenance=finished.provenance,
        )
        try:
            for name, content in contents.items():
                writing.write_whole(self._path(finished.number, name), content)
            writing.write_whole(self._path(finished.number, "json"), to_json(entry))
        except OSError as error:
            raise OutputError(
                f"cannot write to {self._folder}: {error.strerror or error}; free some space there"
            ) from error

    def entries(self, count: int) -> Iterator[tuple[Entry, bytes, bytes]]:
        """Yield the records of the first shards in order, with their annotations and rejections.

        Raises:
            OutputError: one is missing or was altered since it was written.
        """
        for number in range(count):
            entry = self._entry(number)
            parts = [self._part(number, entry, name) if entry else None for name in PARTS[:2]]
            if entry is None or parts[0] is None or parts[1] is None:
                raise OutputError(f"{self._path(number, '*')} was altered while the run went on; run it again")
            yield entry, parts[0], parts[1]

    def note_results(self, results: Iterable[Path]) -> None:
        """Note results that are settled and about to get these names; see ``named_results``.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        with writing.failing_as(self._folder):
            noted = [Result.at(path, path.name) for path in named_results(self._output)]  # by a run before
            noted += (Result.at(writing.part_of(path), path.name) for path in results)
            writing.write_whole(self._folder / _RESULTS, _ALL_RESULTS.dump_json(noted))

    def repeated_ids(self, count: int) -> int:
        """Return how many ids occur more than once in the first ``count`` shards.

        Ids are compared by hashes of 64 bits, so many at once that memory does not grow with their number. That two
        different ones among ten million are taken for one has a probability of 3 in a million.
        """
        size = sum(self._path(number, "ids").stat().st_size for number in range(count))
        rounds = size // (ID_BYTES * _IDS_AT_ONCE) + 1
        repeated = 0
        for turn in range(rounds):
            found = [np.empty(0, np.uint64)]
            for number in range(count):
                hashes = np.fromfile(self._path(number, "ids"), dtype=np.uint64)
                found.append(hashes[hashes % np.uint64(rounds) == turn])
            repeated += int(np.count_nonzero(np.unique(np.concatenate(found), return_counts=True)[1] > 1))
        return repeated

    def _clear(self) -> None:
        """Remove all shards, before what the run went by."""
        for path in self._folder.iterdir():
            if path.name not in (_RUN, _RESULTS, _LOCK):
                path.unlink()

    def _key_of(self, shard: str) -> str:
        return hashlib.sha256(f"{self._settings}\0{shard}".encode()).hexdigest()

    def _path(self, number: int, part: str) -> Path:
        return self._folder / f"{number:08d}.{part}"

    def _entry(self, number: int) -> Entry | None:
        try:
            return _ENTRIES.validate_json(self._path(number, "json").read_bytes())
        except (OSError, ValidationError):
            return None

    def _part(self, number: int, entry: Entry, name: str) -> bytes | None:
        """Return a part as it was written, or None."""
        try:
            content = self._path(number, name).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == entry.parts.get(name) else None
