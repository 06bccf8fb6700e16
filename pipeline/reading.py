"""Files, folders, globs and standard input → articles; an input is never trusted and never silently dropped."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field
from pydantic_core import from_json, to_json

from pipeline import rows, storage, warc
from pipeline.article import Article, Rejection
from pipeline.config import Section
from pipeline.decoding import decode
from pipeline.errors import InputError
from pipeline.extraction import DEFAULT, Main
from pipeline.extraction_process import IsolatedExtraction
from pipeline.listing import DOCUMENT_WEIGHT, ENDINGS, expand
from pipeline.storage import Meter

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")  # as ISO 8601 begins
FIELDS = ("id", "title", "source", "published", "url")


class Config(Section):
    """What an input may be at most."""

    max_article_bytes: int = Field(default=2_000_000, gt=0)
    """Bytes of one text, page or record; a longer one is rejected, not cut."""
    max_html_depth: int = Field(default=250, gt=0)
    """Open elements at once; deeper pages are broken or hostile, and parsers recurse on them."""
    max_html_seconds: float = Field(default=20.0, gt=0)
    """Seconds that the extractor may take for one page."""
    extractor: str = DEFAULT
    """What finds a page's main text: trafilatura, or a function of yours as ``module:function``."""


def read(inputs: Iterable[str], config: Config, meter: Meter | None = None) -> Iterator[Article | Rejection]:
    """Yield one Article or one Rejection for every article, line or row of the inputs, in their order.

    ``meter`` counts what has been read, of ``listing.total``.

    Raises:
        ConfigError: an input matches nothing, or nothing here reads it.
    """
    with IsolatedExtraction(
        config.extractor, max_depth=config.max_html_depth, max_seconds=config.max_html_seconds
    ) as pages:
        for file in expand(inputs):
            if isinstance(file, Rejection):
                yield dataclasses.replace(file, input=_writable(file.input))
                continue
            name = _writable(file)
            found = False
            for item in _read_file(file, config, pages, meter):
                found = True
                yield item if name == file else dataclasses.replace(item, input=name)
            if not found:
                yield Rejection(name, 0, None, "empty", "holds no record")


def _read_file(
    file: str, config: Config, pages: IsolatedExtraction, meter: Meter | None
) -> Iterator[Article | Rejection]:
    kind = ".jsonl" if file == "-" else rows.ending(file, ENDINGS)
    try:
        if kind is None:
            yield Rejection(file, 1, None, "unknown-ending", f"ends in none of {', '.join(ENDINGS)}")
        elif kind in rows.ENDINGS:
            encoding, guessed = rows.encoding(file) if kind in (".csv", ".tsv") else (None, False)
            warnings = (f"decoded: {encoding}",) if guessed else ()
            # Escapes and quotes lengthen a text, and a record has other fields beside it.
            limit = 2 * config.max_article_bytes
            for number, record in rows.read(file, kind, limit, table_encoding=encoding, meter=meter):
                if isinstance(record, Rejection):
                    yield record
                else:
                    yield _article_of(record, file, number, config, pages, warnings)
        elif kind in warc.ENDINGS:
            for number, page, doubts in warc.read(file, config.max_article_bytes, meter=meter):
                if isinstance(page, Rejection):
                    yield page
                else:
                    yield _article_of(page, file, number, config, pages, doubts)
        else:
            if meter:
                meter.add(DOCUMENT_WEIGHT)
            yield _read_document(file, kind, config, pages)
    except (OSError, EOFError, zlib.error) as error:
        yield Rejection(file, 0, None, "unreadable", str(error))


def _writable(text: str) -> str:
    """Return text with lone surrogates (in an id, or in a file name that is not UTF-8) as question marks."""
    return text.encode(errors="replace").decode()


def _article_of(
    record: Mapping[str, Any],
    file: str,
    line: int,
    config: Config,
    pages: IsolatedExtraction,
    warnings: tuple[str, ...],
) -> Article | Rejection:
    identity: str | None = None
    try:
        identity = _identity(record)
        value, known, rest, main = _fields(record, config, pages)
        return _article(identity, file, line, value, known, rest, headline=False, main=main, warnings=warnings)
    except InputError as error:
        return Rejection(file, line, identity, error.reason, str(error))


def _identity(record: Mapping[str, Any]) -> str | None:
    given = record.get("id")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InputError("wrong-type", f"'id' is {rows.described(given)}, not a string or an integer")
    return _writable(str(given))


def _fields(
    record: Mapping[str, Any], config: Config, pages: IsolatedExtraction
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
    if len(value.encode("utf-8", "surrogatepass")) > config.max_article_bytes:
        raise InputError("too-large", f"over max_article_bytes = {config.max_article_bytes}")
    rest = _plain({name: value for name, value in record.items() if name not in ("text", "html")})
    _require_unicode(value)
    _require_text(value)
    rest = {name: value for name, value in rest.items() if name not in FIELDS or name in left}
    if text is not None:
        return value, known, rest, None
    known = {name: given for name, given in known.items() if given.strip()}  # feeds leave blank what the page tells
    main = _extracted(value, config, pages, known.get("title"))
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


def _extracted(html: str, config: Config, pages: IsolatedExtraction, title: str | None = None) -> Main:
    main = pages.extract(html, title)
    if len(main.text.encode("utf-8", "surrogatepass")) > config.max_article_bytes:
        raise InputError("too-large", f"the main text is over max_article_bytes = {config.max_article_bytes}")
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
        raise InputError("malformed-json", "a field is nested too deep") from None
    _require_unicode(text)
    try:
        plain: dict[str, Any] = from_json(to_json(fields, bytes_mode="base64", inf_nan_mode="null", fallback=str))
    except ValueError:
        raise InputError("malformed-json", "a field is nested too deep") from None
    return plain


def _read_document(file: str, kind: str, config: Config, pages: IsolatedExtraction) -> Article | Rejection:
    try:
        text, guessed = decode(_content(file, config.max_article_bytes))
        warnings = (f"decoded: {guessed}",) if guessed else ()
        if kind == ".txt":
            return _article(None, file, 1, text, {}, {}, headline=True, main=None, warnings=warnings)
        main = _extracted(text, config, pages)
        return _article(None, file, 1, main.text, _page_fields(main), {}, headline=False, main=main, warnings=warnings)
    except InputError as error:
        return Rejection(file, 1, None, error.reason, str(error))


def _content(file: str, limit: int) -> bytes:
    with storage.opened(file) as stream:
        if not storage.is_address(file) and (size := os.fstat(stream.fileno()).st_size) > limit:
            raise InputError("too-large", f"{size} bytes, over max_article_bytes = {limit}")
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise InputError("too-large", f"over max_article_bytes = {limit}")
    return content


def _article(
    identity: str | None,
    input: str,
    line: int,
    raw: str,
    known: Mapping[str, str],
    rest: Mapping[str, Any],
    *,
    headline: bool,
    main: Main | None,
    warnings: tuple[str, ...],
) -> Article:
    _require_unicode(raw)
    _require_text(raw)
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
