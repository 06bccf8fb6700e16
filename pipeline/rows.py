"""Rows of JSON-lines, CSV, TSV and Parquet files, one by one: each is a record, or a rejection with its reason."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import re
import sys
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from pipeline import storage
from pipeline.article import Rejection
from pipeline.decoding import SAMPLE, table_encoding
from pipeline.errors import InputError
from pipeline.storage import Meter

MAX_BYTES = 20_000_000  # of one labelled record; articles have a limit of their own
TOO_DEEP = "a field is nested too deep"
ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".tsv", ".parquet")
Row = tuple[int, dict[str, Any] | Rejection]
_PARQUET_BUFFER = 1 << 20  # bytes that are read of a column at a time
_DETAIL = 200  # characters of a rejection's detail that a message quotes
_INVISIBLE = {"Zs", "Zl", "Zp", "Cc", "Cf"}  # blanks, controls and marks of format
_QUOTED = re.compile(r'"[^"]*(?:"|$)')
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def ending(name: str, known: Sequence[str] = ENDINGS) -> str | None:
    """Return the ending by which a file is read, or None; the longest counts."""
    lower = storage.file_name(name).lower()
    return max((one for one in known if lower.endswith(one)), key=len, default=None)


def encoding(file: str) -> tuple[str, bool]:
    """Return the encoding of a CSV or TSV file, and whether it is a guess.

    Raises:
        OSError: the file cannot be opened.
    """
    with storage.opened(file) as stream:
        return table_encoding(stream.read(SAMPLE))


def described(value: Any) -> str:
    """Return what a value is, in JSON's words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        ((int, float), "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
        (datetime.date, "a date"),
        (bytes, "bytes"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


def counted(rejected: Mapping[str, int]) -> str:
    """Return reasons of rejection with their counts, as messages name them."""
    return ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))


class Tally:
    """Counts rejections by reason, and keeps the first of each."""

    def __init__(self, rejections: Iterable[Rejection] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, Rejection] = {}
        for rejection in rejections:
            self.add(rejection)

    def add(self, rejection: Rejection) -> None:
        """Count one."""
        self.counts[rejection.reason] += 1
        self._first.setdefault(rejection.reason, rejection)

    def main(self) -> str:
        """Return the most frequent reason with its first case, for messages on a file of which nothing is usable."""
        return next(self.told(), "it is empty")

    def told(self, *, of_several: bool = False) -> Iterator[str]:
        """Yield each reason with its first case, the most frequent first; of several inputs, that case's is named."""
        for reason, count in self.counts.most_common():
            first = self._first[reason]
            detail = first.detail if len(first.detail) <= _DETAIL else f"{first.detail[:_DETAIL]}…"
            places = [f"line {first.line}"] if first.line else []  # none where a whole file is rejected
            places += [first.input] if of_several else []
            place = f" in {' of '.join(places)}" if places else ""
            yield f"{reason}{f' {count} times, first' if count > 1 else ''}{place}: {detail}"


def read(
    file: str, ending: str, limit: int, *, table_encoding: str | None = None, meter: Meter | None = None
) -> Iterator[Row]:
    """Yield the rows of a file (or ``-``, JSON lines on standard input) with their numbers; blank rows are skipped.

    ``limit`` is the size of one row at most, in bytes, of a CSV or TSV row in characters. ``table_encoding`` is that of
    a CSV or TSV file, if known already. ``meter`` counts the bytes read of a local file.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be opened, or its compression is broken.
    """
    for number, row in unparsed(file, ending, limit, table_encoding=table_encoding, meter=meter):
        yield number, parsed(file, number, row) if isinstance(row, bytes) else row


def unparsed(
    file: str, ending: str, limit: int, *, table_encoding: str | None = None, meter: Meter | None = None
) -> Iterator[tuple[int, bytes | dict[str, Any] | Rejection]]:
    """Yield rows as ``read`` does, but JSON lines as the bytes that they are, for ``parsed``."""
    if ending == ".parquet":
        yield from _parquet(file, meter)
    elif ending in _DELIMITERS:
        yield from _table(file, _DELIMITERS[ending], limit, table_encoding or encoding(file)[0], meter)
    elif file == "-":
        yield from _lines(sys.stdin.buffer, "-", limit)
    elif ending == ".jsonl.gz":
        with storage.opened(file, meter=meter) as packed, gzip.open(packed, "rb") as stream:
            yield from _lines(stream, file, limit)
    else:
        with storage.opened(file, meter=meter) as plain:
            yield from _lines(plain, file, limit)


def is_blank(value: Any) -> bool:
    """Tell whether a field says nothing: null, or blanks and invisible characters alone."""
    return value is None or (isinstance(value, str) and all(unicodedata.category(one) in _INVISIBLE for one in value))


def text_field(record: Mapping[str, Any], name: str) -> str:
    """Return a record's field that must hold text.

    Raises:
        InputError: it is missing, no string, holds half a surrogate pair, or is blank.
    """
    value = record.get(name)
    if value is None:
        raise InputError("missing-field", f"{name!r} is null" if name in record else f"no {name!r}")
    if not isinstance(value, str):
        raise InputError("wrong-type", f"{name!r} is {described(value)}, not a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError("invalid-unicode", f"{name!r} has a lone surrogate at character {error.start}") from None
    if is_blank(value):
        raise InputError("empty", f"{name!r} holds nothing but blanks and invisible characters")
    return value


def _lines(stream: IO[bytes] | gzip.GzipFile, file: str, limit: int) -> Iterator[tuple[int, bytes | Rejection]]:
    for number, line in numbered_lines(stream, limit):
        if line is None:
            yield number, Rejection(file, number, None, "too-large", f"a line of over {limit} bytes")
        elif not _is_blank(number, line):
            yield number, line


def _is_blank(number: int, line: bytes) -> bool:
    try:
        return not _decoded(number, line).strip()
    except UnicodeDecodeError:
        return False


def _decoded(number: int, line: bytes) -> str:
    return line.decode("utf-8-sig" if number == 1 else "utf-8")


def parsed(file: str, number: int, line: bytes) -> dict[str, Any] | Rejection:
    """Return the object of a JSON line that ``unparsed`` gave, or why it holds none."""
    try:
        record = json.loads(_decoded(number, line))
    except UnicodeDecodeError as error:
        return Rejection(file, number, None, "undecodable", f"{error.reason} at byte {error.start}")
    except RecursionError:
        return Rejection(file, number, None, "malformed-json", TOO_DEEP)
    except ValueError as error:  # also an integer of thousands of digits
        return Rejection(file, number, None, "malformed-json", str(error))
    if isinstance(record, dict):
        return record
    return Rejection(file, number, None, "wrong-type", f"{described(record)}, not an object")


def numbered_lines(stream: IO[bytes] | gzip.GzipFile, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield numbered lines; a line over ``limit`` bytes yields None and is skipped without being held."""
    number = 0
    while chunk := stream.readline(limit + 1):
        number += 1
        if len(chunk) > limit and not chunk.endswith(b"\n"):
            while chunk and not chunk.endswith(b"\n"):
                chunk = stream.readline(limit)
            yield number, None
        else:
            yield number, chunk


class _Unread:
    """Feeds lines to a CSV reader, and holds those of the row under way: a faulty row gives back all but its first."""

    def __init__(self, stream: IO[str], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._returned: deque[str] = deque()
        self._row: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._stream.readline(self._limit + 1)
        if not line:
            raise StopIteration
        self._row.append(line)
        self._size += len(line)
        if self._size > self._limit:
            raise csv.Error(f"no end of the row within {self._limit} characters; is a quote left open?")
        return line

    def peek(self) -> str:
        """Return the first line that is not blank, or "" at the end; it stays to be read, those before it are gone."""
        line = "\n"
        while line and not line.strip():
            line = self._stream.readline(self._limit + 1)
        self._returned.append(line)
        return line

    def next_row(self) -> None:
        self._row, self._size = [], 0

    def give_back(self) -> None:
        self._returned.extendleft(reversed(self._row[1:]))
        self.next_row()


def _table(file: str, delimiter: str, limit: int, encoding: str, meter: Meter | None) -> Iterator[Row]:
    number = 0
    try:
        for number, row in _decoded_table(file, delimiter, limit, encoding, meter):
            yield number, row
    except UnicodeDecodeError as error:  # a file that ends within a character of UTF-16
        detail = f"{encoding}: {error.reason}"
        yield number + 1, Rejection(file, number + 1, None, "undecodable", detail)


def _decoded_table(file: str, delimiter: str, limit: int, encoding: str, meter: Meter | None) -> Iterator[Row]:
    errors = "surrogatepass" if encoding == "utf-16" else "surrogateescape"  # faults stay, and their row is refused
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the row's limit holds for its fields
    with (
        storage.opened(file, meter=meter) as stream,
        io.TextIOWrapper(stream, encoding=encoding, newline="", errors=errors) as text,
    ):
        lines = _Unread(text, limit)
        header = _QUOTED.sub("", lines.peek())
        if delimiter == "," and ";" in header and "," not in header:
            delimiter = ";"  # spreadsheets write it wherever numbers have decimal commas
        names: list[str] | None = None
        twice: list[str] = []
        number = 0
        while (row := _next_row(lines, delimiter)) is not None:
            if isinstance(row, list) and names is None:
                names = row
                twice = _twice(row)
                continue
            number += 1
            if twice:
                detail = f"the header names {twice[0]!r} twice; rename one of the columns"
                yield number, Rejection(file, number, None, "malformed-csv", detail)
            elif isinstance(row, str) or names is None:
                yield number, Rejection(file, number, None, "malformed-csv", str(row))
                if names is None:
                    return
            elif len(row) > len(names):
                detail = f"{len(row)} fields under {len(names)} names; quote texts with a {delimiter!r}"
                yield number, Rejection(file, number, None, "malformed-csv", detail)
            else:
                found = zip(names, row, strict=False)
                yield number, {name: value for name, value in found if name and value}


def _twice(names: Sequence[str]) -> list[str]:
    """Return the names that more than one column has: which of them was meant, nobody can tell."""
    return [name for name, count in Counter(names).items() if name and count > 1]


def _next_row(lines: _Unread, delimiter: str) -> list[str] | str | None:
    """Return the next row that is not blank, or why it is none, or None at the end."""
    while True:
        try:
            row = next(csv.reader(lines, delimiter=delimiter, strict=True))
        except StopIteration:
            return None
        except csv.Error as error:
            lines.give_back()
            return str(error)
        lines.next_row()
        if row:
            return row


def _parquet(file: str, meter: Meter | None) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    local = not storage.is_address(file)
    # By default all of a row group is read at once and held, and files of one group are common. Of a remote file,
    # where many small requests would take long, it is.
    bounded: dict[str, Any] = {"pre_buffer": False, "buffer_size": _PARQUET_BUFFER} if local else {}
    try:
        with (
            nullcontext(file) if local else storage.opened(file) as source,
            pyarrow.parquet.ParquetFile(source, **bounded) as table,
        ):
            if twice := _twice(table.schema_arrow.names):
                raise ValueError(f"two columns have the name {twice[0]!r}; rename one of them")
            size = Path(file).stat().st_size if local and meter else 0
            for batch in table.iter_batches(batch_size=256):
                if meter:
                    meter.add(size * batch.num_rows // table.metadata.num_rows)
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: value for name, value in row.items() if value is not None}
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        yield number + 1, Rejection(file, number + 1, None, "malformed-parquet", str(error))
