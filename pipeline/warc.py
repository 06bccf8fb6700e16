"""Web archives (WARC) → their pages, one for each record that is one; the only module that imports fastwarc."""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline import storage
from pipeline.article import Rejection
from pipeline.decoding import decode
from pipeline.errors import ConfigError, InputError
from pipeline.storage import Meter

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

ENDINGS = (".warc", ".warc.gz")
Page = tuple[int, dict[str, Any] | Rejection, tuple[str, ...]]
"""The number of a record, what it holds or why that is no page, and warnings."""
_HTML = ("text/html", "application/xhtml+xml")
_HTML_BEGINS = (b"<html", b"<!doctype html")
_GZIP = b"\x1f\x8b"
_LOG = logging.getLogger("newsfacts")


class _NotAPageError(Exception):
    """A record is something else that archives hold; the text says what."""


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


def require() -> None:
    """Make sure that archives can be read.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        import fastwarc.stream_io
        import fastwarc.warc  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"web archives need an extra ({error}); run pip install 'newsfacts[warc]'") from None


def read(file: str, limit: int, *, meter: Meter | None = None) -> Iterator[Page]:
    """Yield the pages of an archive as records with ``html``, or why they are none; ``limit`` is a page's most bytes.

    A page is a response of HTML with status 200, or a resource of HTML. What else archives hold (requests, images,
    other answers, references to an earlier visit) is no input: it is counted in the log, and an archive without any
    page is rejected. Behind a fault of the archive itself nothing can be found, so that the rest is one rejection.

    Raises:
        ConfigError: the extra is not installed.
        OSError: the file cannot be opened.
    """
    require()
    number = pages = begins = 0
    others: Counter[str] = Counter()
    with storage.opened(file, meter=meter) as packed:
        source = _Source(cast("io.BufferedReader", packed))
        records = _records(source)
        while True:
            number += 1
            found: dict[str, Any] | Rejection
            warnings: tuple[str, ...] = ()
            try:
                record = next(records, None)
                if record is None:
                    break
                begins = record.stream_pos
                found, warnings = _page(record, limit)
            except _NotAPageError as other:
                others[str(other)] += 1
                continue
            except InputError as error:
                found = Rejection(file, number, None, error.reason, str(error))
            except (OSError, EOFError, zlib.error) as error:
                reason = "malformed-warc" if source.failure is None else "unreadable"
                yield (
                    number,
                    Rejection(file, number, None, reason, f"{error}; record {number}, after byte {begins}"),
                    (),
                )
                return
            pages += 1
            yield number, found, warnings
    counted = ", ".join(f"{count} {what}" for what, count in sorted(others.items()))
    if not pages:
        yield 0, Rejection(file, 0, None, "empty", f"holds no page; it has {counted or 'no record'}"), ()
    elif counted:
        _LOG.info("%s: %d pages; left aside: %s", file, pages, counted)


class _Source:
    """A stream whose own failures can be told from faults of what it holds."""

    def __init__(self, packed: io.BufferedReader) -> None:
        beginning = packed.peek(len(_GZIP))
        # Python's reader says where a compressed file is cut off; fastwarc's takes that for its end.
        self._stream = gzip.GzipFile(fileobj=packed) if beginning.startswith(_GZIP) else packed
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read1(size)  # read() would lose what comes right before a fault
        except (OSError, EOFError, zlib.error) as error:
            self.failure = error
            raise

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()


def _records(source: _Source) -> Iterator[WarcRecord]:
    from fastwarc.warc import ArchiveIterator

    return iter(ArchiveIterator(cast("Any", source), parse_http=False, stream_detect=False))


def _page(record: WarcRecord, limit: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a record's page and warnings, once all of it is known to be there."""
    try:
        kind, charset = _kind(record)
        content, cut = _content(record, limit)
    finally:
        _require_whole(record)
    if kind is None and not any(sign in content[:1024].lower() for sign in _HTML_BEGINS):
        raise _NotAPageError("response of no type")
    if len(content) > limit:
        raise InputError("too-large", f"a page of over {limit} bytes")
    text, guessed = decode(content, charset)
    given = {
        "url": record.headers.get("WARC-Target-URI"),
        "warc_record_id": record.headers.get("WARC-Record-ID"),
        "warc_date": record.headers.get("WARC-Date"),
    }
    # Some writers put addresses in angle brackets, as the first drafts of the format did.
    page = {"html": text, **{name: value.strip("<>") for name, value in given.items() if value}}
    truncated = record.headers.get("WARC-Truncated") or cut
    warnings = (f"decoded: {guessed}" if guessed else None, f"truncated: {truncated}" if truncated else None)
    return page, tuple(warning for warning in warnings if warning)


def _kind(record: WarcRecord) -> tuple[str | None, str | None]:
    """Return the type of a record's content, if it says so, and its charset.

    Raises:
        _NotAPageError: it is something else that archives hold.
        InputError: it is an answer that cannot be understood.
    """
    from fastwarc.warc import WarcRecordType

    kind = str(record.record_type)
    headers = record.headers
    if record.record_type == WarcRecordType.response:
        if not (headers.get("WARC-Target-URI") or "").strip("<>").lower().startswith(("http://", "https://")):
            raise _NotAPageError("response by another protocol")
        try:
            record.parse_http(quirks_mode=True)  # lines may end in a line feed alone, as many servers send them
        except OSError as error:
            raise InputError("malformed-warc", f"no HTTP answer: {error}") from None
        headers = record.http_headers
        if headers.status_code is None:
            raise InputError("malformed-warc", "no HTTP answer: its first line has no status")
        if headers.status_code != 200:
            raise _NotAPageError("response of another status")
    elif record.record_type != WarcRecordType.resource:
        raise _NotAPageError(kind)
    said = Message()
    said["Content-Type"] = headers.get("Content-Type") or ""
    types = {headers.get("Content-Type"), record.headers.get("WARC-Identified-Payload-Type")} - {None, ""}
    named = {str(value).partition(";")[0].strip().lower() for value in types}
    if named and not named.intersection(_HTML):
        raise _NotAPageError(f"{kind} of another type")
    return (_HTML[0] if named else None), said.get_content_charset()


def _content(record: WarcRecord, limit: int) -> tuple[bytes, str | None]:
    """Return a record's content without its codings, at most some bytes over ``limit``, and what it broke off in."""
    from fastwarc import stream_io

    undo: Mapping[str, Callable[[Any], _Readable]] = {
        "chunked": stream_io.ChunkedReader,
        "gzip": stream_io.GzipReader,
        "x-gzip": stream_io.GzipReader,
        "deflate": lambda inner: stream_io.GzipReader(inner, zlib=True),
        "br": stream_io.BrotliReader,
        "zstd": stream_io.ZstdReader,
    }
    most = 2 * limit  # chunks have sizes between them
    if record.content_length > most:
        raise InputError("too-large", f"a page of {record.content_length} bytes, over {limit}")
    content = b"".join(_parts(record.reader, most))
    cut = None
    if not record.is_http_parsed:
        return content, cut
    for name in ("Transfer-Encoding", "Content-Encoding"):
        for coding in reversed(",".join(record.http_headers.get_multiple(name)).lower().split(",")):
            if (reader := undo.get(coding.strip())) is None:
                continue
            parts: list[bytes] = []
            try:
                parts.extend(_parts(reader(io.BytesIO(content)), most))
            except OSError:
                if not parts:  # the writer has undone the coding, and left the header
                    continue
                cut = coding.strip()
            content = b"".join(parts)
    return content, cut


def _parts(stream: _Readable, most: int) -> Iterator[bytes]:
    while most and (part := stream.read(min(most, 1_000))):  # what a faulty part has in front is lost
        yield part
        most -= len(part)


def _require_whole(record: WarcRecord) -> None:
    """Skip what is left of a record, and make sure that all of it was there; fastwarc takes a cut for the end."""
    record.consume()
    length = record.headers.get("Content-Length") or ""
    if not length.strip().isdigit() or record.reader.tell() != record.content_length:
        raise OSError("the record is cut off")
