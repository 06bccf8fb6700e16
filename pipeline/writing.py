"""Annotations → .jsonl, .jsonl.gz, .parquet or a folder of shards; nothing appears under its name half-written."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.article import Annotation
from pipeline.errors import ConfigError, OutputError
from pipeline.records import to_json

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")  # what a path keeps of s3://bucket is s3:/bucket
GROUP_ROWS = 1_000  # annotations of a row group, which are held in memory until it is written
SHARD_ROWS = 5_000  # annotations from which another file of a folder is begun

_SPAN = [("raw_start", pa.int64()), ("raw_end", pa.int64())]
_FACTS = pa.struct(
    [
        ("attribution", pa.struct([("source", pa.string()), ("cue", pa.string()), ("kind", pa.string())])),
        ("quantities", pa.list_(pa.struct([("text", pa.string()), ("value", pa.float64()), ("unit", pa.string())]))),
        ("dates", pa.list_(pa.struct([("text", pa.string()), ("iso", pa.string())]))),
        ("targets", pa.list_(pa.string())),
    ]
)
_SCORED = [("label", pa.string()), ("score", pa.float64())]
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("input", pa.string()),
        ("line", pa.int64()),
        ("source", pa.string()),
        ("title", pa.string()),
        ("published", pa.string()),
        ("url", pa.string()),
        (
            "topic",
            pa.struct(
                [
                    ("label", pa.string()),
                    ("medtop", pa.string()),
                    ("score", pa.float64()),
                    ("abstained", pa.bool_()),
                    ("top", pa.list_(pa.struct(_SCORED))),
                ]
            ),
        ),
        (
            "stances",
            pa.list_(
                pa.struct([("target", pa.string()), *_SCORED, ("abstained", pa.bool_()), ("mentions", pa.int64())])
            ),
        ),
        (
            "claims",
            pa.list_(
                pa.struct(
                    [
                        ("text", pa.string()),
                        *_SCORED,
                        ("start", pa.int64()),
                        ("end", pa.int64()),
                        *_SPAN,
                        ("facts", _FACTS),
                    ]
                )
            ),
        ),
        (
            "removed",
            pa.list_(pa.struct([("role", pa.string()), ("reason", pa.string()), ("text", pa.string()), *_SPAN])),
        ),
        ("edits", pa.list_(pa.struct([*_SPAN, ("start", pa.int64()), ("end", pa.int64())]))),
        ("text", pa.string()),
        ("warnings", pa.list_(pa.string())),
        (
            "provenance",
            pa.struct(
                [
                    ("version", pa.string()),
                    ("config", pa.string()),
                    ("models", pa.map_(pa.string(), pa.string())),
                    ("runtime", pa.string()),
                    ("input", pa.map_(pa.string(), pa.string())),
                ]
            ),
        ),
        ("metadata", pa.string()),
        ("raw", pa.string()),
    ]
)
"""Explicit, so that an empty or null field has the same type in every shard; ``metadata`` is JSON text here."""


def form(output: Path) -> str:
    """Return the form that an output's ending asks for: .jsonl, .jsonl.gz, or .parquet, which a folder also holds."""
    name = output.name.lower()
    return next((ending for ending in (".jsonl", ".jsonl.gz") if name.endswith(ending)), ".parquet")


def encode(annotations: Sequence[Annotation], form: str) -> bytes:
    """Return annotations as a part of an output; equal ones give equal bytes, and none gives nothing."""
    if not annotations:
        return b""
    if form == ".parquet":
        stream = io.BytesIO()
        pq.write_table(_table(annotations), stream)
        return stream.getvalue()
    lines = b"".join(to_json(annotation) + b"\n" for annotation in annotations)
    return lines if form == ".jsonl" else _packed(lines)


def _packed(lines: bytes) -> bytes:
    return gzip.compress(lines, mtime=0)  # no clock in the header


class Writer(Protocol):
    """Takes the parts of an output in order."""

    def write(self, part: bytes) -> None:
        """Append annotations as ``encode`` gave them."""
        ...

    def close(self) -> None:
        """Have all of it reach the disk: whatever can fail, fails here; a second call has nothing left to do."""
        ...


class _Joined:
    """JSON lines behind each other, or gzip members, which readers take for one stream."""

    def __init__(self, stream: IO[bytes], empty: bytes) -> None:
        self._stream = stream
        self._empty = empty

    def write(self, part: bytes) -> None:
        self._stream.write(part)

    def close(self) -> None:
        if not self._stream.tell():
            self._stream.write(self._empty)
        settle(self._stream)


class _Parquet:
    """One file; a row group has so many rows, or a few more: no part is divided."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = pq.ParquetWriter(file, SCHEMA)
        self._group: list[pa.Table] = []
        self.rows = 0

    def write(self, part: bytes) -> None:
        if part:
            self._group.append(pq.read_table(pa.BufferReader(part)))
            self.rows += self._group[-1].num_rows
            if sum(table.num_rows for table in self._group) >= GROUP_ROWS:
                self._write_group()

    def _write_group(self) -> None:
        if self._group:
            self._file.write_table(pa.concat_tables(self._group).combine_chunks())
            self._group.clear()

    def close(self) -> None:
        self._write_group()
        self._file.close()
        _sync(self._path)


class _Folder:
    """Files of so many rows, or a few more: no part is divided."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._path = folder
        self._number = 0
        self._file = self._next()

    def _next(self) -> _Parquet:
        return _Parquet(self._path / f"part-{self._number:05d}.parquet")

    def write(self, part: bytes) -> None:
        if part and self._file.rows >= SHARD_ROWS:
            self._file.close()
            self._number += 1
            self._file = self._next()
        self._file.write(part)

    def close(self) -> None:
        self._file.close()
        with suppress(OSError):
            _sync(self._path)


def check(output: Path) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Raises:
        ConfigError: the ending is unknown, or a folder that is not ours stands there.
        OutputError: the parent folder is missing or closed, or a device or pipe stands there.
    """
    require_replaceable(output)
    name = output.name.lower()
    if output.is_dir() and any(not child.name.startswith("part-") for child in output.iterdir()):
        raise ConfigError(f"output {output} is a folder with other files in it; name another")
    if not name.endswith((".jsonl", ".jsonl.gz", ".parquet")) and output.suffix:
        raise ConfigError(
            f"output {output} ends in {output.suffix!r}; use .jsonl, .jsonl.gz, .parquet or a folder name"
        )
    if not output.name:
        raise ConfigError(f"output {output} has no name; write a file or folder name")
    if not output.suffix and output.is_file():
        raise ConfigError(f"output {output} is a file, and a name without an ending is a folder; name another")
    _make_folder(output.parent)


def require_replaceable(output: Path) -> None:
    """Refuse an output that is neither file nor folder: it cannot be replaced by a whole one.

    Raises:
        ConfigError: it is an address, not a path.
        OutputError: a device, pipe or socket stands there.
    """
    if _SCHEME.fullmatch(output.parts[0] if output.parts else "") and not Path(output.parts[0]).exists():
        raise ConfigError(f"output {output} is an address; name a local path, and copy the result from there")
    if output.exists() and not output.is_file() and not output.is_dir():
        raise OutputError(f"output {output} is a device or pipe, not a file; name a file")


def check_file(output: Path) -> None:
    """Refuse a file that cannot be written, before any work is done; make its folder.

    Raises:
        OutputError: the folder is closed, or something other than a file stands there.
    """
    require_replaceable(output)
    if output.is_dir():
        raise OutputError(f"output {output} is a folder, not a file; name a file")
    _make_folder(output.parent)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; free the place or name another") from None
    if not os.access(folder, os.W_OK):
        raise OutputError(f"no permission to write in {folder}; choose another folder")


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name, whole, when the block ends well; otherwise what was there stays.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    part = part_of(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with part.open("wb") as stream:
            yield stream
            settle(stream)
        _name(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):  # the place may be closed, which has been told
            part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Return where a file or folder stands until it is whole."""
    return path.with_name(f".{path.name}.part")


def _replaced(folder: Path) -> Path:
    """Return where a folder stands while another takes its name."""
    return folder.with_name(f".{folder.name}.replaced")


def clear(output: Path) -> None:
    """Remove what a killed run has left unfinished of an output; a folder that it was replacing has its name again.

    Raises:
        OutputError: it cannot be removed or named.
    """
    try:
        discard(part_of(output))
        if not output.exists() and _replaced(output).exists():
            _replaced(output).replace(output)
        discard(_replaced(output))
    except OSError as error:
        raise unwritable(output, error) from error


@contextmanager
def open_output(output: Path) -> Iterator[Writer]:
    """Open the writer that an output's ending asks for; the output appears, whole, when the block ends well.

    A folder that is replaced stands under another name for a moment, which ``clear`` gives back after a kill.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    part = part_of(output)
    try:
        discard(part)
        with ExitStack() as held:
            writer = _writer(part, output, held)
            yield writer
            writer.close()
        if output.is_dir():
            _name_in_place(part, output)
        else:
            _name(part, output)
    except OSError as error:
        raise unwritable(output, error) from error
    finally:
        with suppress(OSError):
            discard(part)


def _writer(part: Path, output: Path, held: ExitStack) -> _Joined | _Parquet | _Folder:
    kind = form(output)
    if kind != ".parquet":
        return _Joined(held.enter_context(part.open("wb")), _packed(b"") if kind == ".jsonl.gz" else b"")
    return _Parquet(part) if output.name.lower().endswith(".parquet") else _Folder(part)


def unwritable(path: Path | str, error: OSError) -> OutputError:
    """Return the error that says why a place cannot be written."""
    return OutputError(f"cannot write {path}: {error.strerror or error}; free the place or name another")


@contextmanager
def failing_as(path: Path) -> Iterator[None]:
    """Let what cannot be written in the block be told as the fault of a place.

    Raises:
        OutputError: something in the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file that is there whole or not at all, even after a loss of power.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as stream:
        stream.write(content)
        settle(stream)
    _name(part, path)


def discard(path: Path) -> None:
    """Remove a file or folder, if it is there.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def settle(stream: IO[bytes]) -> None:
    """Have what was written to a file reach the disk: whatever can fail, fails here.

    Raises:
        OSError: the disk is full or broken.
    """
    stream.flush()
    os.fsync(stream.fileno())


def _name(part: Path, path: Path) -> None:
    """Give a settled file or folder its name, so that no loss of power leaves the name without content."""
    part.replace(path)
    with suppress(OSError):  # some file systems do not let a folder be synced
        _sync(path.parent)


def _name_in_place(part: Path, folder: Path) -> None:
    """Give a settled file or folder the name of a folder, which no rename replaces: one of the two is always whole."""
    former = _replaced(folder)
    discard(former)
    folder.replace(former)
    try:
        _name(part, folder)
    finally:
        if not folder.exists():
            former.replace(folder)
    discard(former)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _table(annotations: Sequence[Annotation]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for annotation in annotations:
        row = asdict(annotation)
        row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False, default=str, sort_keys=True)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMA)
