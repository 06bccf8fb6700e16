"""Web archives: every page is an article or a rejection, whatever stands beside it and wherever the archive ends."""

from __future__ import annotations

import gzip
import logging
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from fastwarc.stream_io import BrotliWriter

from pipeline import reading, storage, warc
from pipeline.article import Article, Rejection
from pipeline.reading import Config

PARAGRAPH = "The council voted on Tuesday to close the harbour bridge for repairs, officials said afterwards. " * 4


def page(text: str = PARAGRAPH, title: str = "Bridge closes") -> bytes:
    return f"<html><head><title>{title}</title></head><body><article><p>{text}</p></article></body></html>".encode()


HTML = "Content-Type: text/html; charset=utf-8"


def record(kind: str, uri: str, block: bytes, type: str, *more: str, length: int | None = None) -> bytes:
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{kind}-{zlib.crc32(block)}>",
        "WARC-Date: 2024-05-02T10:00:00Z",
        *([f"WARC-Target-URI: {uri}"] if uri else []),
        f"Content-Type: {type}",
        *more,
        f"Content-Length: {len(block) if length is None else length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + block + b"\r\n\r\n"


def response(
    body: bytes, *headers: str, status: str = "200 OK", uri: str = "https://news.example/a", warc: str = ""
) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()
    return record("response", uri, head + body, "application/http; msgtype=response", *([warc] if warc else []))


INFO = record("warcinfo", "", b"software: x\r\n", "application/warc-fields")
REQUEST = record("request", "https://news.example/a", b"GET /a HTTP/1.1\r\n\r\n", "application/http; msgtype=request")


def read(path: Path, content: bytes) -> list[Article | Rejection]:
    path.write_bytes(content)
    return list(reading.read([str(path)], Config()))


def outcomes(path: Path, content: bytes, limit: int = 10_000) -> list[tuple[int, str]]:
    """Return each record's number with the page that it holds or the reason why it is none."""
    path.write_bytes(content)
    return [
        (number, found.reason if isinstance(found, Rejection) else found["html"])
        for number, found, _ in warc.read(str(path), limit)
    ]


def plain(records: list[bytes]) -> bytes:
    return b"".join(records)


def packed(records: list[bytes]) -> bytes:
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def packed_whole(records: list[bytes]) -> bytes:
    return gzip.compress(b"".join(records), mtime=0)


FORMS = pytest.mark.parametrize(
    ("name", "form"), [("a.warc", plain), ("a.warc.gz", packed), ("a.WARC.GZ", packed_whole), ("a.warc.gz", plain)]
)


@FORMS
def test_each_page_is_an_article_with_its_address_and_the_record_it_came_in(
    tmp_path: Path, name: str, form: Callable[[list[bytes]], bytes]
) -> None:
    records = [
        INFO,
        REQUEST,
        response(page(), HTML),
        response(page("It rained. " * 20, "Rain"), HTML, uri="<http://b.example>"),
    ]
    first, second = read(tmp_path / name, form(records))
    assert isinstance(first, Article)
    assert (first.line, first.raw, first.title, first.url) == (
        3, PARAGRAPH.strip(), "Bridge closes", "https://news.example/a",
    )  # fmt: skip
    assert set(first.metadata) == {"warc_record_id", "warc_date"}
    assert first.metadata["warc_date"] == "2024-05-02T10:00:00Z"
    assert str(first.metadata["warc_record_id"]).startswith("urn:uuid:response-")
    assert first.extraction is not None
    assert isinstance(second, Article)
    assert (second.line, second.title, second.url) == (4, "Rain", "http://b.example")


def test_what_is_no_page_is_left_aside_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "newsfacts")
    other = [
        INFO,
        REQUEST,
        response(b"\x89PNG", "Content-Type: image/png"),
        response(b"{}", "X-Type: none"),
        response(page(), HTML, status="404 Not Found"),
        response(b"", HTML, status="301 Moved"),
        record("response", "dns:news.example", b"1", "text/dns"),
        record("revisit", "https://news.example/a", b"HTTP/1.1 200 OK\r\n\r\n", "application/http"),
        record("metadata", "https://news.example/a", b"a: b\r\n", "application/warc-fields"),
        record("resource", "https://news.example/a.css", b"p {}", "text/css"),
    ]
    assert outcomes(tmp_path / "a.warc", plain([*other, response(page(), HTML)])) == [(11, page().decode())]
    [told] = caplog.messages
    assert "1 pages; left aside: 1 metadata, 1 request, 1 resource of another type, 1 response by another" in told
    assert "2 response of another status" in told
    (tmp_path / "b.warc").write_bytes(plain(other))
    [(_, rejected, _)] = warc.read(str(tmp_path / "b.warc"), 1000)
    assert isinstance(rejected, Rejection)
    assert (rejected.line, rejected.reason) == (0, "empty")
    assert "1 warcinfo" in rejected.detail


@pytest.mark.parametrize(
    "content",
    [
        response(page(), "Content-Type: TEXT/HTML"),
        response(page(), "content-type: application/xhtml+xml;charset=UTF-8"),
        response(page()),
        response(page(), "Content-Type: text/plain", warc="WARC-Identified-Payload-Type: text/html"),
        response(page(), HTML, status="200"),
        record(
            "response", "http://a.example", b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + page(), "application/http"
        ),
        record("resource", "https://news.example/a", page(), "text/html; charset=utf-8"),
        response(gzip.compress(page(), mtime=0), HTML, "Content-Encoding: gzip"),
        response(zlib.compress(page()), HTML, "Content-Encoding: deflate"),
        response(page(), HTML, "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        response(page(), HTML, "Content-Encoding: none"),
        response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(page()), page()), HTML, "Transfer-Encoding: chunked"),
    ],
)
def test_a_page_is_known_however_it_is_described_and_coded(tmp_path: Path, content: bytes) -> None:
    assert outcomes(tmp_path / "a.warc", content) == [(1, page().decode())]


def test_a_page_coded_by_brotli_is_read(tmp_path: Path) -> None:
    with (tmp_path / "page.br").open("wb") as stream, BrotliWriter(stream) as writer:
        writer.write(page())
    content = response((tmp_path / "page.br").read_bytes(), HTML, "Content-Encoding: br")
    assert outcomes(tmp_path / "a.warc", content) == [(1, page().decode())]


@pytest.mark.parametrize(
    ("declared", "encoding", "warnings"),
    [
        ("windows-1251", "cp1251", ()),
        ('"ISO-8859-1"', "cp1252", ()),  # under which name browsers read the other
        ("gb2312", "gb18030", ()),
        ("utf-16", "utf-16", ()),
        ("utf-8", "cp1252", ("decoded: cp1252",)),
        ("idna", "utf-8", ()),
        ("no-such-charset", "utf-8", ()),
        ("", "cp1252", ("decoded: cp1252",)),
    ],
)
def test_a_page_is_read_in_the_charset_of_its_answer_or_else_as_a_file_would_be(
    tmp_path: Path, declared: str, encoding: str, warnings: tuple[str, ...]
) -> None:
    text = "Le café “Chez Éloïse” a été fermé, dit le préfet. " * 5
    if encoding == "cp1251":
        text = "Правительство объявило о новых мерах поддержки. " * 5
    if encoding == "gb18030":
        text = "市议会周二投票决定关闭港口大桥进行维修，官员们随后表示。" * 5
    charset = f"; charset={declared}" if declared else ""
    path = tmp_path / "a.warc"
    path.write_bytes(response(page(text).decode().encode(encoding), f"Content-Type: text/html{charset}"))
    [(_, found, doubts)] = warc.read(str(path), 10_000)
    assert not isinstance(found, Rejection)
    assert text in found["html"]
    assert doubts == warnings


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (response(b"x" * 50_000, HTML), "too-large"),
        (response(b"x" * 1500, HTML), "too-large"),
        (response(gzip.compress(b"x" * 500_000, mtime=0), HTML, "Content-Encoding: gzip"), "too-large"),
        (response(b"\x00\x01\x02", HTML), "binary"),
        (response(page(), HTML, f"X: {'y' * 100_000}"), "malformed-warc"),
        (record("response", "https://news.example/a", b"no answer", "application/http"), "malformed-warc"),
    ],
)
def test_a_page_that_cannot_be_used_is_rejected_and_the_next_is_read(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    found = outcomes(tmp_path / "a.warc", plain([content, response(page("It rained."), HTML)]), limit=1000)
    assert found == [(1, reason), (2, page("It rained.").decode())]


def test_a_page_that_was_not_stored_whole_says_so(tmp_path: Path) -> None:
    chunks = b"%x\r\n%s\r\nffff\r\ncut" % (len(page() * 3), page() * 3)
    records = [
        response(page(), HTML, warc="WARC-Truncated: length"),
        response(chunks, HTML, "Transfer-Encoding: chunked"),
    ]
    (tmp_path / "a.warc").write_bytes(plain(records))
    assert [warnings for _, _, warnings in warc.read(str(tmp_path / "a.warc"), 10_000)] == [
        ("truncated: length",),
        ("truncated: chunked",),
    ]


@pytest.mark.parametrize("form", [plain, packed, packed_whole])
def test_wherever_an_archive_is_cut_off_what_came_before_is_kept_and_the_cut_is_told(
    tmp_path: Path, form: Callable[[list[bytes]], bytes]
) -> None:
    small = b"<html><p>It rained.</p></html>"
    records = [INFO, response(small, HTML), REQUEST, response(small, HTML), response(small, HTML)]
    ends = [len(form(records[:count])) for count in range(len(records) + 1)]
    whole = form(records)
    path = tmp_path / "a.warc"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        found = list(warc.read(str(path), 1000))
        pages = [number for number, item, _ in found if isinstance(item, dict)]
        rejected = [item.reason for _, item, _ in found if isinstance(item, Rejection)]
        assert pages == [2, 4, 5][: len(pages)]
        kept = max(count for count, end in enumerate(ends) if end <= cut) if form is not packed_whole else 0
        assert len(pages) >= sum(number <= kept for number in (2, 4, 5))
        spare = 4 if form is plain else 0  # the empty lines behind a record are no loss
        at_an_end = form is not packed_whole and any(end - spare <= cut <= end for end in ends)
        assert len(rejected) == 1 or at_an_end
        assert not pages or rejected in (["malformed-warc"], ["unreadable"]) or at_an_end


def test_a_fault_in_the_middle_is_told_with_its_place(tmp_path: Path) -> None:
    good = response(page(), HTML)
    path = tmp_path / "a.warc"
    path.write_bytes(plain([INFO, good, b"nonsense\r\n", good]))
    (first, _, _), (second, fault, _) = warc.read(str(path), 10_000)
    assert (first, second) == (2, 3)
    assert isinstance(fault, Rejection)
    assert fault.reason == "malformed-warc"
    assert f"record 3, after byte {len(INFO)}" in fault.detail
    damaged = bytearray(packed([good, good, good]))
    damaged[len(packed([good])) + 40] ^= 0xFF
    damaged[len(packed([good])) + 41] ^= 0xFF
    found = outcomes(tmp_path / "a.warc.gz", bytes(damaged))
    assert found == [(1, page().decode()), (2, "unreadable")]


@pytest.mark.parametrize(
    "content", [b"", b"hello world\n" * 20, gzip.compress(b"hello " * 50, mtime=0), b"\x1f\x8bnonsense"]
)
def test_a_file_that_is_no_archive_is_rejected_once(tmp_path: Path, content: bytes) -> None:
    [(_, reason)] = outcomes(tmp_path / "a.warc.gz", content)
    assert reason in ("empty", "malformed-warc", "unreadable")


def test_a_page_far_over_the_limit_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(response(b"x" * 30_000_000, HTML) + response(page(), HTML))
    tracemalloc.start()
    found = list(warc.read(str(path), 10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [number for number, _, _ in found] == [1, 2]
    assert peak < 3_000_000


def test_an_archive_at_an_address_is_read_as_a_local_one(tmp_path: Path) -> None:
    content = packed([INFO, response(page(), HTML)])
    fsspec.filesystem("memory").pipe("/crawl/a.warc.gz", content)
    [article] = reading.read(["memory://crawl"], Config())
    assert isinstance(article, Article)
    assert (article.input, article.line, article.raw) == ("memory://crawl/a.warc.gz", 2, PARAGRAPH.strip())


@FORMS
def test_a_meter_counts_the_bytes_of_an_archive(
    tmp_path: Path, name: str, form: Callable[[list[bytes]], bytes]
) -> None:
    meter = storage.Meter()
    path = tmp_path / name
    path.write_bytes(form([INFO, response(page(), HTML)]))
    assert len(list(warc.read(str(path), 10_000, meter=meter))) == 1
    assert meter.take() == path.stat().st_size
