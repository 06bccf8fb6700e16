"""Files, folders, globs, addresses and standard input → what is to be parsed, one by one; nothing is dropped unseen."""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import Field

from pipeline import rows, storage, warc
from pipeline.article import Article, Rejection
from pipeline.config import Section
from pipeline.errors import InputError
from pipeline.extraction import DEFAULT
from pipeline.extraction_process import IsolatedExtraction
from pipeline.listing import DOCUMENT_WEIGHT, ENDINGS, expand
from pipeline.parsing import Kind, Unit, parse, writable
from pipeline.storage import Meter


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
        ConfigError: an input matches nothing, or nothing here reads it, or there is no such extractor.
    """
    with extraction(config) as pages:
        for item in units(inputs, config, meter):
            yield item if isinstance(item, Rejection) else parse(item, config.max_article_bytes, pages)


def extraction(config: Config) -> IsolatedExtraction:
    """Return the configured extraction of pages, for ``parse``; it is to be entered and left.

    Raises:
        ConfigError: there is no such extractor.
    """
    return IsolatedExtraction(config.extractor, max_depth=config.max_html_depth, max_seconds=config.max_html_seconds)


def units(
    inputs: Iterable[str], config: Config, meter: Meter | None = None, *, without: Sequence[Path] = ()
) -> Iterator[Unit | Rejection]:
    """Yield every article, line or row of the inputs as it was found, or why it cannot be had, in their order.

    This is the cheap part of reading, which no content can make fail; ``parse`` is the other one. ``meter`` counts what
    has been read, of ``listing.total``. ``without`` is as for ``listing.expand``.

    Raises:
        ConfigError: an input matches nothing, or nothing here reads it.
    """
    for file in expand(inputs, without):
        if isinstance(file, Rejection):
            yield dataclasses.replace(file, input=writable(file.input))
            continue
        name = writable(file)
        found = False
        for item in _of_file(file, config, meter):
            found = True
            yield item if name == file else dataclasses.replace(item, input=name)
        if not found:
            yield Rejection(name, 0, None, "empty", "holds no record")


def _of_file(file: str, config: Config, meter: Meter | None) -> Iterator[Unit | Rejection]:
    kind = ".jsonl" if file == "-" else rows.ending(file, ENDINGS)
    try:
        if kind is None:
            yield Rejection(file, 1, None, "unknown-ending", f"ends in none of {', '.join(ENDINGS)}")
        elif kind in rows.ENDINGS:
            encoding, guessed = rows.encoding(file) if kind in (".csv", ".tsv") else (None, False)
            warnings = (f"decoded: {encoding}",) if guessed else ()
            # Escapes and quotes lengthen a text, and a record has other fields beside it.
            limit = 2 * config.max_article_bytes
            for number, row in rows.unparsed(file, kind, limit, table_encoding=encoding, meter=meter):
                yield row if isinstance(row, Rejection) else Unit(file, number, "record", row, warnings)
        elif kind in warc.ENDINGS:
            for number, page, doubts in warc.read(file, config.max_article_bytes, meter=meter):
                yield page if isinstance(page, Rejection) else Unit(file, number, "record", page, doubts)
        else:
            if meter:
                meter.add(DOCUMENT_WEIGHT)
            yield _document(file, "text" if kind == ".txt" else "page", config.max_article_bytes)
    except (OSError, EOFError, zlib.error) as error:
        yield Rejection(file, 0, None, "unreadable", str(error))


def _document(file: str, kind: Kind, limit: int) -> Unit | Rejection:
    try:
        return Unit(file, 1, kind, _content(file, limit))
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
