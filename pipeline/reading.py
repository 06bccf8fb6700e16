"""Files, folders, globs and standard input → articles; an input is never trusted and never silently dropped."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import glob
import gzip
import hashlib
import itertools
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import charset_normalizer
from pydantic import Field
from pydantic_core import from_json, to_json

from pipeline.article import Article, Rejection
from pipeline.config import Section
from pipeline.errors import ConfigError

ENDINGS = (".txt", ".html", ".htm", ".jsonl", ".jsonl.gz", ".csv", ".parquet")
FIELDS = ("id", "title", "source", "published", "url")
# Possessive: an unclosed tag of megabytes is given up at once.
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr p li td tr".split())
# Encodings that keep the byte-order mark: raw is the input as decoded.
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Config(Section):
    """What an input may be at most."""

    max_article_bytes: int = Field(default=2_000_000, gt=0)
    """Bytes of one text, page or record; a longer one is rejected, not cut."""
    max_html_depth: int = Field(default=500, gt=0)
    """Open elements at once; deeper pages are broken or hostile, and parsers recurse on them."""


class _Unusable(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def expand(inputs: Iterable[str]) -> list[str]:
    """Return the files behind files, folders (recursive), globs and ``-``, in the order given.

    Raises:
        ConfigError: an input matches nothing.
    """
    files: list[str] = []
    for given in inputs:
        path = Path(given)
        if given == "-" or path.is_file():
            files.append(given)
        elif path.is_dir():
            below = (file for file in sorted(path.rglob("*")) if file.is_file() and ending(file.name))
            files.extend(str(file) for file in below)
        elif matches := [match for match in sorted(glob.glob(given, recursive=True)) if match != given]:
            files.extend(expand(matches))
        else:
            raise ConfigError(f"no input {given!r}: no such file, folder or match; check the path, or pipe into -")
    return list(dict.fromkeys(files))  # a file named twice is read once


def ending(name: str) -> str | None:
    """Return the ending by which a file is read, or None."""
    lower = name.lower()
    return next((known for known in sorted(ENDINGS, key=len, reverse=True) if lower.endswith(known)), None)


def read(inputs: Iterable[str], config: Config) -> Iterator[Article | Rejection]:
    """Yield one Article or one Rejection for every article, line or row of the inputs, in their order."""
    for file in expand(inputs):
        name = _writable(file)
        found = False
        for item in _read_file(file, config):
            found = True
            yield item if name == file else dataclasses.replace(item, input=name)
        if not found:
            yield Rejection(name, 0, None, "empty", "holds no record")


def _read_file(file: str, config: Config) -> Iterator[Article | Rejection]:
    kind = ".jsonl" if file == "-" else ending(file)
    try:
        if kind in (".txt", ".html", ".htm"):
            yield _read_document(file, kind, config)
        elif kind in (".jsonl", ".jsonl.gz"):
            yield from _read_jsonl(file, config)
        elif kind == ".csv":
            yield from _read_csv(file, config)
        elif kind == ".parquet":
            yield from _read_parquet(file, config)
        else:
            yield Rejection(file, 1, None, "unknown-ending", f"ends in none of {', '.join(ENDINGS)}")
    except (OSError, EOFError, zlib.error) as error:
        yield Rejection(file, 0, None, "unreadable", str(error))


def _writable(text: str) -> str:
    """Return text with lone surrogates (in an id, or in a file name that is not UTF-8) as question marks."""
    return text.encode(errors="replace").decode()


def decode(content: bytes) -> str:
    """Return bytes as text: by byte-order mark, as UTF-8, or by the detected encoding.

    Raises:
        ValueError: the bytes are binary, cut off, or in no encoding that can be told.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise _Unusable("undecodable", f"{error.reason} at byte {error.start}") from None
    if b"\0" in content:
        raise _Unusable("binary", f"a null byte at {content.index(0)}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 3 and error.reason == "unexpected end of data":
            raise _Unusable("truncated-utf8", f"the last character is cut off at byte {error.start}") from None
        best = charset_normalizer.from_bytes(content[:200_000]).best()
        controls = sum(byte < 9 or 13 < byte < 32 for byte in content[:4096])
        if best is None or controls > 8:
            raise _Unusable("undecodable", f"not UTF-8 ({error.reason} at byte {error.start})") from None
        try:
            return content.decode(best.encoding)
        except UnicodeDecodeError as other:
            raise _Unusable("undecodable", f"neither UTF-8 nor {best.encoding} at byte {other.start}") from None


def article_of(record: Mapping[str, Any], *, input: str, line: int, config: Config) -> Article | Rejection:
    """Return the article of one record, or why it is none."""
    given = record.get("id")
    identity = None if given is None else _writable(str(given))
    try:
        return _from_record(record, identity, input=input, line=line, config=config)
    except _Unusable as error:
        return Rejection(input, line, identity, error.reason, error.detail)


def _from_record(record: Mapping[str, Any], identity: str | None, *, input: str, line: int, config: Config) -> Article:
    known = {name: record[name] for name in FIELDS[1:] if record.get(name) is not None}
    for name, value in known.items():
        if not isinstance(value, str):
            known[name] = str(value)
    text, html = record.get("text"), record.get("html")
    if text is None and html is None:
        raise _Unusable(
            "missing-field", f"neither 'text' nor 'html' among {', '.join(map(repr, record)) or 'no fields'}"
        )
    value = html if text is None else text
    if not isinstance(value, str):
        raise _Unusable(
            "wrong-type", f"'{'html' if text is None else 'text'}' is a {type(value).__name__}, not a string"
        )
    if len(value.encode("utf-8", "surrogatepass")) > config.max_article_bytes:
        raise _Unusable("too-large", f"over max_article_bytes = {config.max_article_bytes}")
    rest = _plain({name: value for name, value in record.items() if name not in ("text", "html")})
    _require_unicode(value)
    extraction = None
    if text is None:
        value, extraction, found = extract(value, config)
        known = {**found, **known}
    rest = {name: value for name, value in rest.items() if name not in FIELDS}
    return _article(identity, input, line, value, known, rest, headline=False, extraction=extraction)


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as JSON holds them: a Parquet column's bytes as base64, its dates as ISO text, NaN as null."""
    try:
        text = json.dumps(fields, ensure_ascii=False, default=str)
    except RecursionError:
        raise _Unusable("malformed-json", "a field is nested too deep") from None
    _require_unicode(text)
    try:
        plain: dict[str, Any] = from_json(to_json(fields, bytes_mode="base64", inf_nan_mode="null", fallback=str))
    except ValueError:
        raise _Unusable("malformed-json", "a field is nested too deep") from None
    return plain


def extract(html: str, config: Config) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return a page's main text, how it was extracted, and its title, source, date and address where found.

    Raises:
        ValueError: the page is nested too deep or has no main text.
    """
    import trafilatura

    depth = _depth(html.encode("utf-8", "replace"))
    if depth > config.max_html_depth:
        raise _Unusable("html-too-deep", f"{depth} open elements, over max_html_depth = {config.max_html_depth}")
    document = trafilatura.bare_extraction(html, include_comments=False, include_tables=False, with_metadata=True)
    text = (document.text or "") if document is not None else ""
    if document is None or not text.strip():
        raise _Unusable("no-main-text", "trafilatura found no main text")
    found = {"title": document.title, "source": document.sitename, "published": document.date, "url": document.url}
    extraction = {
        "extractor": "trafilatura",
        "version": trafilatura.__version__,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return text, extraction, {name: str(value) for name, value in found.items() if value}


def _depth(html: bytes) -> int:
    deepest = depth = 0
    for closing, name, attributes in _TAG.findall(html):
        if name.lower() in _VOID or attributes.endswith(b"/"):
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _read_document(file: str, kind: str, config: Config) -> Article | Rejection:
    path = Path(file)
    try:
        if path.stat().st_size > config.max_article_bytes:
            raise _Unusable(
                "too-large", f"{path.stat().st_size} bytes, over max_article_bytes = {config.max_article_bytes}"
            )
        text = decode(path.read_bytes())
        if kind == ".txt":
            return _article(None, file, 1, text, {}, {}, headline=True, extraction=None)
        main, extraction, known = extract(text, config)
        return _article(None, file, 1, main, known, {}, headline=False, extraction=extraction)
    except _Unusable as error:
        return Rejection(file, 1, None, error.reason, error.detail)


def _article(
    identity: str | None,
    input: str,
    line: int,
    raw: str,
    known: Mapping[str, str],
    rest: Mapping[str, Any],
    *,
    headline: bool,
    extraction: Mapping[str, str] | None,
) -> Article:
    _require_unicode(raw)
    if not any(character.isprintable() and not character.isspace() for character in raw):
        raise _Unusable("empty", "no text but blanks")
    digest = hashlib.sha256(raw.encode()).hexdigest()[:16]
    return Article(
        id=digest if identity is None else identity,
        input=input,
        line=line,
        raw=raw,
        title=known.get("title"),
        source=known.get("source"),
        published=known.get("published"),
        url=known.get("url"),
        metadata=rest,
        opens_with_headline=headline,
        extraction=extraction,
    )


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Unusable("invalid-unicode", f"a lone surrogate at character {error.start}") from None


def read_lines(stream: IO[bytes] | gzip.GzipFile, limit: int) -> Iterator[tuple[int, bytes | None]]:
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


def read_objects(file: str, limit: int) -> Iterator[tuple[int, dict[str, Any] | Rejection]]:
    """Yield the JSON objects of a file (or ``-``) by line, or why a line is none; blank lines are skipped."""
    if file == "-":
        yield from _objects(sys.stdin.buffer, "-", limit)
    elif file.lower().endswith(".gz"):
        with gzip.open(file, "rb") as packed:
            yield from _objects(packed, file, limit)
    else:
        with open(file, "rb") as stream:
            yield from _objects(stream, file, limit)


def _objects(
    stream: IO[bytes] | gzip.GzipFile, file: str, limit: int
) -> Iterator[tuple[int, dict[str, Any] | Rejection]]:
    for number, line in read_lines(stream, limit):
        if line is None:
            yield number, Rejection(file, number, None, "too-large", f"a line of over {limit} bytes")
            continue
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if not text.strip():
                continue
            record = json.loads(text)
        except UnicodeDecodeError as error:
            yield number, Rejection(file, number, None, "undecodable", f"{error.reason} at byte {error.start}")
        except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
            yield number, Rejection(file, number, None, "malformed-json", str(error))
        else:
            if isinstance(record, dict):
                yield number, record
            else:
                yield number, Rejection(file, number, None, "wrong-type", f"a {type(record).__name__}, not an object")


def _read_jsonl(file: str, config: Config) -> Iterator[Article | Rejection]:
    # JSON escapes lengthen a text, and a record has other fields beside it.
    for number, record in read_objects(file, limit=2 * config.max_article_bytes):
        if isinstance(record, Rejection):
            yield record
        else:
            yield article_of(record, input=file, line=number, config=config)


def _read_csv(file: str, config: Config) -> Iterator[Article | Rejection]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with open(file, encoding="utf-8-sig", newline="", errors="surrogateescape") as stream:
        rows = csv.DictReader(stream, restkey="", strict=True)
        for number in itertools.count(1):
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Rejection(file, number, None, "malformed-csv", str(error))
            else:
                if "" in row and isinstance(row[""], list):
                    detail = f"{len(row) - 1 + len(row[''])} fields under {len(row) - 1} names; quote texts with commas"
                    yield Rejection(file, number, None, "malformed-csv", detail)
                    continue
                record = {name: value for name, value in row.items() if name and value not in (None, "")}
                yield article_of(record, input=file, line=number, config=config)


def _read_parquet(file: str, config: Config) -> Iterator[Article | Rejection]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    record = {name: value for name, value in row.items() if value is not None}
                    yield article_of(record, input=file, line=number, config=config)
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        yield Rejection(file, number + 1, None, "malformed-parquet", str(error))
