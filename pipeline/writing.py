"""Annotations → .jsonl, .jsonl.gz, .parquet or a folder of shards; nothing appears under its name half-written."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.article import Annotation
from pipeline.errors import ConfigError, OutputError
from pipeline.records import to_json

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")  # what a path keeps of s3://bucket is s3:/bucket
SHARD_ROWS = 5_000  # annotations of one Parquet shard: some 100 MB of text in memory at most

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


class Writer(Protocol):
    """Takes annotations in order."""

    def write(self, annotations: Sequence[Annotation]) -> None:
        """Append annotations."""
        ...


class _Jsonl:
    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream

    def write(self, annotations: Sequence[Annotation]) -> None:
        self._stream.writelines(to_json(annotation) + b"\n" for annotation in annotations)


class _Parquet:
    def __init__(self, file: Path) -> None:
        self._file = pq.ParquetWriter(file, SCHEMA)

    def write(self, annotations: Sequence[Annotation]) -> None:
        self._file.write_table(_table(annotations))

    def close(self) -> None:
        self._file.close()


class _Shards:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._waiting: list[Annotation] = []
        self._number = 0

    def write(self, annotations: Sequence[Annotation]) -> None:
        self._waiting += annotations
        while len(self._waiting) >= SHARD_ROWS:
            self._flush(self._waiting[:SHARD_ROWS])
            self._waiting = self._waiting[SHARD_ROWS:]

    def _flush(self, annotations: Sequence[Annotation]) -> None:
        pq.write_table(_table(annotations), self._folder / f"part-{self._number:05d}.parquet")
        self._number += 1

    def close(self) -> None:
        if self._waiting or not self._number:
            self._flush(self._waiting)


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
    part = path.with_name(f".{path.name}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; free the place or name another") from error
    finally:
        with suppress(OSError):  # the place may be closed, which has been told
            part.unlink(missing_ok=True)


@contextmanager
def open_output(output: Path) -> Iterator[Writer]:
    """Open the writer that an output's ending asks for; the output appears, whole, when the block ends well.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    part = output.with_name(f".{output.name}.part")
    _discard(part)
    name = output.name.lower()
    try:
        if name.endswith(".jsonl"):
            with part.open("wb") as stream:
                yield _Jsonl(stream)
        elif name.endswith(".jsonl.gz"):
            # No clock in the gzip header: equal annotations give equal bytes.
            with part.open("wb") as stream, gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
                yield _Jsonl(packed)
        else:
            table = _Parquet(part) if name.endswith(".parquet") else _Shards(part)
            yield table
            table.close()
        if output.is_dir():
            shutil.rmtree(output)
        part.replace(output)
    except OSError as error:
        raise OutputError(
            f"cannot write {output}: {error.strerror or error}; free the place or name another"
        ) from error
    finally:
        _discard(part)


def _discard(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _table(annotations: Sequence[Annotation]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for annotation in annotations:
        row = asdict(annotation)
        row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False, default=str, sort_keys=True)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMA)
