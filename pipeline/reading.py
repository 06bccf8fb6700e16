"""Files, folders, globs and standard input → what is to be parsed, one by one; no input is silently dropped."""

from __future__ import annotations

import dataclasses
import glob
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from pipeline import rows
from pipeline.article import Article, Rejection
from pipeline.config import Section
from pipeline.errors import ConfigError
from pipeline.extraction import DEFAULT
from pipeline.extraction_process import IsolatedExtraction
from pipeline.parsing import Kind, Unit, parse, writable

DOCUMENTS = (".txt", ".html", ".htm")  # a file of these is one article
ENDINGS = (*DOCUMENTS, *rows.ENDINGS)


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


def expand(inputs: Iterable[str]) -> list[str | Rejection]:
    """Return what is behind files, folders (recursive), globs and ``-``, in the order given.

    That is files, and what should be one but cannot be read.

    Raises:
        ConfigError: an input matches nothing.
    """
    found: list[str | Rejection] = []
    for given in inputs:
        mode = _mode(given)
        if given == "-" or stat.S_ISREG(mode):
            found.append(given)
        elif stat.S_ISDIR(mode):
            found.extend(_below(given))
        elif os.path.lexists(given):
            found.append(Rejection(given, 0, None, "unreadable", _no_file(given)))
        elif matches := sorted(glob.glob(given, recursive=True)):
            found.extend(expand(matches))
        else:
            raise ConfigError(f"no input {given!r}: no such file, folder or match; check the path, or pipe into -")
    return list(dict.fromkeys(found))  # a file named twice is read once


def _below(folder: str) -> list[str | Rejection]:
    """Return the files below a folder that have one of our endings, and what is there but cannot be read."""
    found: list[str | Rejection] = []

    def refuse(error: OSError) -> None:
        found.append(Rejection(str(error.filename), 0, None, "unreadable", error.strerror or str(error)))

    for parent, folders, names in os.walk(str(Path(folder)), onerror=refuse):
        for name in folders:
            path = str(Path(parent, name))
            if os.path.islink(path):  # noqa: PTH114  # Path raises where the folder may be listed but not entered
                detail = "a link to a folder, which is not followed; name that folder as an input"
                found.append(Rejection(path, 0, None, "unreadable", detail))
        for name in names:
            if rows.ending(name, ENDINGS):
                path = str(Path(parent, name))
                readable = stat.S_ISREG(_mode(path))
                found.append(path if readable else Rejection(path, 0, None, "unreadable", _no_file(path)))
    if not found:
        return [Rejection(folder, 0, None, "empty", f"holds no file ending in {', '.join(ENDINGS)}")]
    return sorted(found, key=lambda item: Path(item if isinstance(item, str) else item.input).parts)


def _mode(path: str) -> int:
    """Return the mode of what stands at a path, or of what it links to; 0 where that cannot be told."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):  # ValueError: a null character, which no name has
        return 0


def _no_file(path: str) -> str:
    """Return why what stands at a path is no file that can be read."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return "a link to what does not exist"
    except OSError as error:
        return error.strerror or str(error)
    return "a pipe, not a file; read it into -" if stat.S_ISFIFO(mode) else "a device or socket, not a file"


def read(inputs: Iterable[str], config: Config) -> Iterator[Article | Rejection]:
    """Yield one Article or one Rejection for every article, line or row of the inputs, in their order.

    Raises:
        ConfigError: an input matches nothing, or there is no such extractor.
    """
    with extraction(config) as pages:
        for item in units(inputs, config):
            yield item if isinstance(item, Rejection) else parse(item, config.max_article_bytes, pages)


def extraction(config: Config) -> IsolatedExtraction:
    """Return the configured extraction of pages, for ``parse``; it is to be entered and left.

    Raises:
        ConfigError: there is no such extractor.
    """
    return IsolatedExtraction(config.extractor, max_depth=config.max_html_depth, max_seconds=config.max_html_seconds)


def units(inputs: Iterable[str], config: Config) -> Iterator[Unit | Rejection]:
    """Yield every article, line or row of the inputs as it was found, or why it cannot be had, in their order.

    This is the cheap part of reading, which no content can make fail; ``parse`` is the other one.

    Raises:
        ConfigError: an input matches nothing.
    """
    for file in expand(inputs):
        if isinstance(file, Rejection):
            yield dataclasses.replace(file, input=writable(file.input))
            continue
        name = writable(file)
        found = False
        for item in _of_file(file, config):
            found = True
            yield item if name == file else dataclasses.replace(item, input=name)
        if not found:
            yield Rejection(name, 0, None, "empty", "holds no record")


def _of_file(file: str, config: Config) -> Iterator[Unit | Rejection]:
    kind = ".jsonl" if file == "-" else rows.ending(file, ENDINGS)
    try:
        if kind is None:
            yield Rejection(file, 1, None, "unknown-ending", f"ends in none of {', '.join(ENDINGS)}")
        elif kind in rows.ENDINGS:
            encoding, guessed = rows.encoding(file) if kind in (".csv", ".tsv") else (None, False)
            warnings = (f"decoded: {encoding}",) if guessed else ()
            # Escapes and quotes lengthen a text, and a record has other fields beside it.
            limit = 2 * config.max_article_bytes
            for number, row in rows.unparsed(file, kind, limit, table_encoding=encoding):
                yield row if isinstance(row, Rejection) else Unit(file, number, "record", row, warnings)
        else:
            yield _document(file, "text" if kind == ".txt" else "page", config)
    except (OSError, EOFError, zlib.error) as error:
        yield Rejection(file, 0, None, "unreadable", str(error))


def _document(file: str, kind: Kind, config: Config) -> Unit | Rejection:
    path = Path(file)
    size = path.stat().st_size
    if size > config.max_article_bytes:
        detail = f"{size} bytes, over max_article_bytes = {config.max_article_bytes}"
        return Rejection(file, 1, None, "too-large", detail)
    return Unit(file, 1, kind, path.read_bytes())
