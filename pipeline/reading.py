"""Files, folders, globs and standard input → articles; an input is never trusted and never silently dropped."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_core import from_json, to_json

from pipeline import rows
from pipeline.article import Article, Rejection
from pipeline.config import Section
from pipeline.decoding import decode
from pipeline.errors import ConfigError, InputError
from pipeline.extraction import extract

DOCUMENTS = (".txt", ".html", ".htm")  # a file of these is one article
ENDINGS = (*DOCUMENTS, *rows.ENDINGS)
FIELDS = ("id", "title", "source", "published", "url")


class Config(Section):
    """What an input may be at most."""

    max_article_bytes: int = Field(default=2_000_000, gt=0)
    """Bytes of one text, page or record; a longer one is rejected, not cut."""
    max_html_depth: int = Field(default=500, gt=0)
    """Open elements at once; deeper pages are broken or hostile, and parsers recurse on them."""


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
            below = (file for file in sorted(path.rglob("*")) if file.is_file() and rows.ending(file.name, ENDINGS))
            files.extend(str(file) for file in below)
        elif matches := [match for match in sorted(glob.glob(given, recursive=True)) if match != given]:
            files.extend(expand(matches))
        else:
            raise ConfigError(f"no input {given!r}: no such file, folder or match; check the path, or pipe into -")
    return list(dict.fromkeys(files))  # a file named twice is read once


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
    kind = ".jsonl" if file == "-" else rows.ending(file, ENDINGS)
    try:
        if kind is None:
            yield Rejection(file, 1, None, "unknown-ending", f"ends in none of {', '.join(ENDINGS)}")
        elif kind in rows.ENDINGS:
            # Escapes and quotes lengthen a text, and a record has other fields beside it.
            for number, record in rows.read(file, kind, limit=2 * config.max_article_bytes):
                if isinstance(record, Rejection):
                    yield record
                else:
                    yield article_of(record, input=file, line=number, config=config)
        else:
            yield _read_document(file, kind, config)
    except (OSError, EOFError, zlib.error) as error:
        yield Rejection(file, 0, None, "unreadable", str(error))


def _writable(text: str) -> str:
    """Return text with lone surrogates (in an id, or in a file name that is not UTF-8) as question marks."""
    return text.encode(errors="replace").decode()


def article_of(record: Mapping[str, Any], *, input: str, line: int, config: Config) -> Article | Rejection:
    """Return the article of one record, or why it is none."""
    given = record.get("id")
    identity = None if given is None else _writable(str(given))
    try:
        return _from_record(record, identity, input=input, line=line, config=config)
    except InputError as error:
        return Rejection(input, line, identity, error.reason, str(error))


def _from_record(record: Mapping[str, Any], identity: str | None, *, input: str, line: int, config: Config) -> Article:
    known = {name: record[name] for name in FIELDS[1:] if record.get(name) is not None}
    for name, value in known.items():
        if not isinstance(value, str):
            known[name] = str(value)
    text, html = record.get("text"), record.get("html")
    if text is None and html is None:
        raise InputError(
            "missing-field", f"neither 'text' nor 'html' among {', '.join(map(repr, record)) or 'no fields'}"
        )
    value = html if text is None else text
    if not isinstance(value, str):
        raise InputError(
            "wrong-type", f"'{'html' if text is None else 'text'}' is a {type(value).__name__}, not a string"
        )
    if len(value.encode("utf-8", "surrogatepass")) > config.max_article_bytes:
        raise InputError("too-large", f"over max_article_bytes = {config.max_article_bytes}")
    rest = _plain({name: value for name, value in record.items() if name not in ("text", "html")})
    _require_unicode(value)
    extraction = None
    if text is None:
        value, extraction, found = extract(value, config.max_html_depth)
        known = {**found, **known}
    rest = {name: value for name, value in rest.items() if name not in FIELDS}
    return _article(identity, input, line, value, known, rest, headline=False, extraction=extraction)


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as JSON holds them: a Parquet column's bytes as base64, its dates as ISO text, NaN as null."""
    try:
        text = json.dumps(fields, ensure_ascii=False, default=str)
    except RecursionError:
        raise InputError("malformed-json", "a field is nested too deep") from None
    _require_unicode(text)
    try:
        plain: dict[str, Any] = from_json(to_json(fields, bytes_mode="base64", inf_nan_mode="null", fallback=str))
    except ValueError:
        raise InputError("malformed-json", "a field is nested too deep") from None
    return plain


def _read_document(file: str, kind: str, config: Config) -> Article | Rejection:
    path = Path(file)
    try:
        if path.stat().st_size > config.max_article_bytes:
            raise InputError(
                "too-large", f"{path.stat().st_size} bytes, over max_article_bytes = {config.max_article_bytes}"
            )
        text = decode(path.read_bytes())
        if kind == ".txt":
            return _article(None, file, 1, text, {}, {}, headline=True, extraction=None)
        main, extraction, known = extract(text, config.max_html_depth)
        return _article(None, file, 1, main, known, {}, headline=False, extraction=extraction)
    except InputError as error:
        return Rejection(file, 1, None, error.reason, str(error))


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
        raise InputError("empty", "no text but blanks")
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
        raise InputError("invalid-unicode", f"a lone surrogate at character {error.start}") from None
