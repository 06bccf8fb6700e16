"""Bytes, JSON lines and rows, as they were found → articles; an input is never trusted."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json, to_json

from pipeline import rows
from pipeline.article import Article, Rejection
from pipeline.decoding import decode
from pipeline.errors import InputError
from pipeline.extraction import Main
from pipeline.extraction_process import IsolatedExtraction

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")  # as ISO 8601 begins
FIELDS = ("id", "title", "source", "published", "url")
Kind = Literal["text", "page", "record"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One input as it was found: the bytes of a plain text, a web page or a JSON line, or the fields of a row."""

    input: str
    line: int
    kind: Kind
    content: bytes | Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def parse(unit: Unit, max_bytes: int, pages: IsolatedExtraction) -> Article | Rejection:
    """Return the article that a unit holds, or why it holds none; ``max_bytes`` is the size of a text or page at most.

    The same unit gives the same, whenever and in whichever process.
    """
    if unit.kind != "record":
        return _parse_document(unit, max_bytes, pages)
    record = rows.parsed(unit.input, unit.line, unit.content) if isinstance(unit.content, bytes) else unit.content
    if isinstance(record, Rejection):
        return record
    identity: str | None = None
    try:
        identity = _identity(record)
        value, known, rest, main = _fields(record, max_bytes, pages)
        return _article(unit, identity, value, known, rest, main=main, warnings=unit.warnings)
    except InputError as error:
        return Rejection(unit.input, unit.line, identity, error.reason, str(error))


def _identity(record: Mapping[str, Any]) -> str | None:
    given = record.get("id")
    if rows.is_blank(given):
        return None
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InputError("wrong-type", f"'id' is {rows.described(given)}, not a string or an integer")
    return writable(str(given))


def _fields(
    record: Mapping[str, Any], max_bytes: int, pages: IsolatedExtraction
) -> tuple[str, dict[str, str], dict[str, Any], Main | None]:
    """Return a record's text, what it has of our fields, its other fields, and what its page gave."""
    known, left = _known(record)
    text, html = record.get("text"), record.get("html")
    if text is None and html is None:
        if null := [repr(name) for name in ("text", "html") if name in record]:
            raise InputError("missing-field", f"{' and '.join(null)} {'is' if len(null) == 1 else 'are'} null")
        raise InputError(
            "missing-field", f"neither 'text' nor 'html' among {', '.join(map(repr, record)) or 'no fields'}"
        )
    value = html if text is None else text
    if not isinstance(value, str):
        name = "html" if text is None else "text"
        raise InputError("wrong-type", f"'{name}' is {rows.described(value)}, not a string")
    if len(value.encode("utf-8", "surrogatepass")) > max_bytes:
        raise InputError("too-large", f"over max_article_bytes = {max_bytes}")
    rest = _plain({name: value for name, value in record.items() if name not in ("text", "html")})
    _require_unicode(value)
    _require_text(value)
    rest = {name: value for name, value in rest.items() if name not in FIELDS or name in left}
    if text is not None:
        return value, known, rest, None
    known = {name: given for name, given in known.items() if given.strip()}  # feeds leave blank what the page tells
    main = _extracted(value, max_bytes, pages, known.get("title"))
    return main.text, {**_page_fields(main), **known}, rest, main


def _known(record: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    """Return what a record has of our fields, and the names of those that stay among the unknown ones.

    ``published`` promises ISO 8601; what else a record says of its date is kept, but not under that name.
    """
    known: dict[str, str] = {}
    left: set[str] = set()
    for name in FIELDS[1:]:
        value = record.get(name)
        if name == "published" and isinstance(value, datetime.date):
            value = value.isoformat()
        if value is None:
            continue
        if not isinstance(value, str):
            raise InputError("wrong-type", f"{name!r} is {rows.described(value)}, not a string")
        if name == "published" and not _opens_with_date(value):
            left.add(name)
        else:
            known[name] = value
    return known, left


def _extracted(html: str, max_bytes: int, pages: IsolatedExtraction, title: str | None = None) -> Main:
    main = pages.extract(html, title)
    if len(main.text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise InputError("too-large", f"the main text is over max_article_bytes = {max_bytes}")
    _require_unicode("".join(main.extraction.values()))
    return main


def _page_fields(main: Main) -> dict[str, str]:
    """Return what a page has of our fields: an extractor of the user's is trusted no more than a record."""
    known, _ = _known(main.known)
    _require_unicode("".join(known.values()))
    return known


def _opens_with_date(text: str) -> bool:
    if not _DATE.match(text):
        return False
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as JSON holds them: a Parquet column's bytes as base64, its dates as ISO text, NaN as null."""
    try:
        text = json.dumps(fields, ensure_ascii=False, default=str)
    except RecursionError:
        raise InputError("malformed-json", rows.TOO_DEEP) from None
    _require_unicode(text)
    try:
        plain: dict[str, Any] = from_json(to_json(fields, bytes_mode="base64", inf_nan_mode="null", fallback=str))
    except ValueError:
        raise InputError("malformed-json", rows.TOO_DEEP) from None
    return plain


def _parse_document(unit: Unit, max_bytes: int, pages: IsolatedExtraction) -> Article | Rejection:
    assert isinstance(unit.content, bytes)
    try:
        text, guessed = decode(unit.content)
        warnings = (f"decoded: {guessed}",) if guessed else ()
        if unit.kind == "text":
            return _article(unit, None, text, {}, {}, main=None, warnings=warnings)
        main = _extracted(text, max_bytes, pages)
        return _article(unit, None, main.text, _page_fields(main), {}, main=main, warnings=warnings)
    except InputError as error:
        return Rejection(unit.input, unit.line, None, error.reason, str(error))


def _article(
    unit: Unit,
    identity: str | None,
    raw: str,
    known: Mapping[str, str],
    rest: Mapping[str, Any],
    *,
    main: Main | None,
    warnings: tuple[str, ...],
) -> Article:
    _require_unicode(raw)
    _require_text(raw)
    if rows.is_blank(raw):
        raise InputError("empty", "no text but blanks")
    digest = hashlib.sha256(raw.encode()).hexdigest()[:16]
    return Article(
        id=digest if identity is None else identity,
        input=unit.input,
        line=unit.line,
        raw=raw,
        title=known.get("title"),
        source=known.get("source"),
        published=known.get("published"),
        url=known.get("url"),
        metadata=rest,
        opens_with_headline=unit.kind == "text",
        extraction=main.extraction if main else None,
        marks=main.marks if main else (),
        warnings=warnings,
    )


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("invalid-unicode", f"a lone surrogate at character {error.start}") from None


def _require_text(text: str) -> None:
    if "\0" in text:
        raise InputError("binary", f"a null character at {text.index(chr(0))}")


def writable(text: str) -> str:
    """Return text with lone surrogates (in an id, or in a file name that is not UTF-8) as question marks."""
    return text.encode(errors="replace").decode()
