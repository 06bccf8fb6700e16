"""Every kind of input becomes an article; every bad one a rejection with its reason, and the run goes on."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import reading, rows
from pipeline.article import Article, Rejection
from pipeline.errors import ConfigError
from pipeline.reading import Config
from pipeline.records import to_json

PARAGRAPH = "The council voted on Tuesday to close the harbour bridge for repairs, officials said afterwards. " * 4
PAGE = f"<html><head><title>Bridge closes</title></head><body><article><p>{PARAGRAPH}</p></article></body></html>"


def read(*inputs: Path | str, config: Config | None = None) -> list[Article | Rejection]:
    found = list(reading.read([str(given) for given in inputs], config or Config()))
    for item in found:
        to_json(item)  # whatever was read can be written
    return found


def articles(*inputs: Path | str, config: Config | None = None) -> list[Article]:
    found = read(*inputs, config=config)
    assert not [item for item in found if isinstance(item, Rejection)]
    return [item for item in found if isinstance(item, Article)]


def outcomes(*inputs: Path | str, config: Config | None = None) -> list[tuple[int, str]]:
    """Return each item's line with the raw text of an article or the reason of a rejection."""
    found = read(*inputs, config=config)
    return [(item.line, item.raw if isinstance(item, Article) else item.reason) for item in found]


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def jsonl(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_a_text_file_is_one_article_that_opens_with_its_headline(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Bridge closes\n\nIt rained.\n")
    [article] = articles(path)
    assert (article.input, article.line, article.raw) == (str(path), 1, "Bridge closes\n\nIt rained.\n")
    assert article.opens_with_headline
    assert article.title is None


def test_byte_order_mark_and_carriage_returns_stay_in_raw(tmp_path: Path) -> None:
    [article] = articles(write(tmp_path / "a.txt", "\ufeffOne\r\nTwo"))
    assert article.raw == "\ufeffOne\r\nTwo"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    [article] = articles(write(tmp_path / "a.txt", "\ufeffNo “war”".encode(encoding)))
    assert article.raw == "\ufeffNo “war”"


def test_latin_1_is_detected(tmp_path: Path) -> None:
    text = "La préfète a annoncé la fermeture du théâtre à Besançon, où la grève a été votée. " * 4
    [article] = articles(write(tmp_path / "a.txt", text.encode("latin-1")))
    assert article.raw == text


@pytest.mark.parametrize("text", ["A short note from the café at noon", "It’s “fine” — really", "La niña y el niño"])
def test_a_few_western_letters_are_read_as_such(tmp_path: Path, text: str) -> None:
    assert outcomes(write(tmp_path / "a.txt", text.encode("cp1252"))) == [(1, text)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Le café est fermé, dit le préfet"),
        ("cp1251", "Правительство объявило о новых мерах поддержки"),
        ("utf-16", "Nothing but “ASCII” and quotes"),
    ],
)
def test_the_encoding_of_a_table_is_told_once_for_all_its_rows(tmp_path: Path, encoding: str, text: str) -> None:
    table = f"id;text\n1;{text}\n2;plain\n3;{text}\n".replace(";", "\t")
    found = articles(write(tmp_path / "a.tsv", table.encode(encoding)))
    assert [(one.id, one.raw) for one in found] == [("1", text), ("2", "plain"), ("3", text)]


@pytest.mark.parametrize("ending", ["html", "htm", "HTML"])
def test_a_page_is_reduced_to_its_main_text_with_its_extraction_recorded(tmp_path: Path, ending: str) -> None:
    [article] = articles(write(tmp_path / f"a.{ending}", PAGE))
    assert article.raw == PARAGRAPH.strip()
    assert article.title == "Bridge closes"
    assert article.extraction is not None
    assert article.extraction["extractor"] == "trafilatura"
    assert set(article.extraction) == {"extractor", "version", "sha256"}


def test_a_record_keeps_its_fields_and_passes_unknown_ones_through(tmp_path: Path) -> None:
    known = {"id": 7, "title": "T", "source": "S", "published": "2021-03-04", "url": "U"}
    [article] = articles(write(tmp_path / "a.jsonl", jsonl(known | {"text": "It rained.", "desk": [1]})))
    assert {name: getattr(article, name) for name in known} == known | {"id": "7"}
    assert article.metadata == {"desk": [1]}
    assert article.raw == "It rained."
    assert not article.opens_with_headline


def test_a_record_may_carry_html_and_its_own_fields_win_over_the_pages(tmp_path: Path) -> None:
    own, page = articles(write(tmp_path / "a.jsonl", jsonl({"html": PAGE, "title": "Mine"}, {"html": PAGE})))
    assert own.raw == page.raw == PARAGRAPH.strip()
    assert (own.title, page.title) == ("Mine", "Bridge closes")


def test_the_headline_of_a_page_stays_in_its_text_where_a_record_has_another_title(tmp_path: Path) -> None:
    page = PAGE.replace("<p>", "<h1>Bridge closes</h1><p>", 1)
    own, same = articles(
        write(tmp_path / "a.jsonl", jsonl({"html": page, "title": "Mine"}, {"html": page, "title": "Bridge closes"}))
    )
    assert own.raw == f"Bridge closes\n{PARAGRAPH.strip()}"
    assert same.raw == PARAGRAPH.strip()


def test_the_same_text_without_an_id_gets_the_same_id_and_another_text_another(tmp_path: Path) -> None:
    content = jsonl({"text": "One"}, {"text": "One"}, {"text": "Two"})
    first, second, third = articles(write(tmp_path / "a.jsonl", content))
    assert first.id == second.id != third.id


def test_a_blank_id_counts_as_none(tmp_path: Path) -> None:
    lines = articles(write(tmp_path / "a.jsonl", jsonl({"text": "One"}, {"text": "One", "id": "\u200b"})))
    row = articles(write(tmp_path / "a.csv", b'id,text\n" ",One\n'))
    assert len({article.id for article in [*lines, *row]}) == 1


def test_equal_ids_are_all_read_and_told_apart_by_their_lines(tmp_path: Path) -> None:
    found = articles(write(tmp_path / "a.jsonl", jsonl({"id": "x", "text": "One"}, {"id": "x", "text": "Two"})))
    assert [(article.id, article.line, article.raw) for article in found] == [("x", 1, "One"), ("x", 2, "Two")]


def test_blank_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"text": "One"}\r\n\r\n  \n{"text": "Two"}')
    assert outcomes(path) == [(1, "One"), (4, "Two")]


def test_gzipped_lines_are_read_like_plain_ones(tmp_path: Path) -> None:
    content = jsonl({"text": "One"}, {"text": "Two"})
    packed, plain = write(tmp_path / "a.jsonl.gz", gzip.compress(content)), write(tmp_path / "a.jsonl", content)
    assert outcomes(packed) == outcomes(plain) == [(1, "One"), (2, "Two")]


def test_csv_fields_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\ufeffid,text,desk\r\n1,"One, ""two""\nthree",city\r\n2,Four,\r\n')
    first, second = articles(path)
    assert (first.id, first.line, first.raw, first.metadata) == ("1", 1, 'One, "two"\nthree', {"desk": "city"})
    assert (second.id, second.line, second.raw, second.metadata) == ("2", 2, "Four", {})


def test_csv_of_spreadsheets_that_separate_by_semicolons_is_read_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\r\n"id";"text"\r\n1;"One; ""two"", three"\r\n2;Four\r\n')
    assert [(one.id, one.line, one.raw) for one in articles(path)] == [("1", 1, 'One; "two", three'), ("2", 2, "Four")]
    quoted = write(tmp_path / "b.csv", '"text";"a,b"\n"One, two";x\n')
    assert [(one.raw, one.metadata) for one in articles(quoted)] == [("One, two", {"a,b": "x"})]


@pytest.mark.parametrize(
    ("header", "name"),
    [("text,a;b", "a;b"), ('"a; or\nb",text', "a; or\nb"), ('"a;b",text', "a;b")],
)
def test_a_semicolon_within_a_name_separates_nothing(tmp_path: Path, header: str, name: str) -> None:
    row = "One;two,x" if header.startswith("text") else "x,One;two"
    [found] = articles(write(tmp_path / "a.csv", f"{header}\n{row}\n"))
    assert (found.raw, found.metadata) == ("One;two", {name: "x"})


def test_of_a_faulty_utf_16_table_all_other_rows_are_read(tmp_path: Path) -> None:
    half_a_pair = "text\nOne\n".encode("utf-16") + b"\x00\xd8" + "\nThree\n".encode("utf-16-le")
    path = write(tmp_path / "a.csv", half_a_pair)
    assert outcomes(path) == [(1, "One"), (2, "invalid-unicode"), (3, "Three")]
    half_a_character = write(tmp_path / "b.csv", "text\nOne\nTwo\n".encode("utf-16") + b"\x41")
    assert outcomes(half_a_character) == [(1, "One"), (2, "Two"), (3, "undecodable")]


def test_parquet_rows_are_read_in_order_with_values_that_json_can_hold(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["One", "Two"],
            "title": ["T", None],
            "hash": [b"\xff", None],
            "seen": [datetime(2021, 3, 4, tzinfo=UTC), None],
            "rank": [float("nan"), 2.0],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = articles(tmp_path / "a.parquet")
    assert (first.line, first.raw, first.title) == (1, "One", "T")
    assert (second.line, second.raw, second.title, second.metadata) == (2, "Two", None, {"rank": 2.0})
    assert first.metadata == {"hash": "_w==", "seen": "2021-03-04T00:00:00Z", "rank": None}


def test_standard_input_is_read_as_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(jsonl({"text": "One"}) + b"nonsense\n")))
    assert outcomes("-") == [(1, "One"), (2, "malformed-json")]


def test_a_folder_is_read_to_its_depth_and_only_files_of_known_endings(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "B")
    write(tmp_path / "a" / "deep" / "c.jsonl", jsonl({"text": "C"}))
    write(tmp_path / "a" / "notes.md", "no article")
    assert outcomes(tmp_path) == [(1, "C"), (1, "B")]


def test_a_glob_is_expanded_in_order_and_an_existing_name_with_brackets_is_no_glob(tmp_path: Path) -> None:
    for name in ("2.txt", "1.txt", "[1].txt"):
        write(tmp_path / name, name)
    assert outcomes(tmp_path / "?.txt") == [(1, "1.txt"), (1, "2.txt")]
    assert outcomes(tmp_path / "[1].txt") == [(1, "[1].txt")]


def test_inputs_are_read_in_the_order_given(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1.txt", "1"), write(tmp_path / "2.txt", "2")
    assert outcomes(second, first) == [(1, "2"), (1, "1")]


def test_an_input_that_matches_nothing_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no input .*missing\.txt"):
        read(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \r\n\t ", "empty"),
        ("a.txt", b"\xef\xbb\xbf", "empty"),
        ("a.txt", b"%PDF-1.4\x00\x01", "binary"),
        ("a.txt", "cut off: é".encode()[:-1], "truncated-utf8"),
        ("a.txt", "\ufeffhalf".encode("utf-16-le")[:-1], "undecodable"),
        ("a.txt", bytes(range(1, 256)), "undecodable"),
        ("a.txt", b"x" * 1001, "too-large"),
        ("a.html", b"", "no-main-text"),
        ("a.html", b"\x00<html>", "binary"),
        ("a.html", b"<html><body></body></html>", "no-main-text"),
        ("a.pdf", b"text", "unknown-ending"),
        ("a", b"text", "unknown-ending"),
        ("a.jsonl", b"{nonsense", "malformed-json"),
        ("a.jsonl", b'{"text": "x", "n": ' + b"9" * 5000 + b"}", "too-large"),
        ("a.jsonl", b"[" * 1900, "malformed-json"),
        ("a.jsonl", b'{"text": "x", "n": ' + b"[" * 300 + b"]" * 300 + b"}", "malformed-json"),
        ("a.jsonl", b'["text"]', "wrong-type"),
        ("a.jsonl", b'{"text": 5}', "wrong-type"),
        ("a.jsonl", b'{"html": ["<p>"]}', "wrong-type"),
        ("a.jsonl", b'{"title": "no text"}', "missing-field"),
        ("a.jsonl", b'{"text": null}', "missing-field"),
        ("a.jsonl", b'{"text": "  "}', "empty"),
        ("a.jsonl", b'{"text": "\\ud800"}', "invalid-unicode"),
        ("a.jsonl", b'{"text": "x", "title": "\\ud800"}', "invalid-unicode"),
        ("a.jsonl", b'{"text": "x", "desk": {"\\ud800": 1}}', "invalid-unicode"),
        ("a.jsonl", b'{"id": "\\ud800", "text": "x"}', "invalid-unicode"),
        ("a.jsonl", b'{"id": "\\ud800"}', "missing-field"),
        ("a.jsonl", b'{"text": "\xff"}', "undecodable"),
        ("a.jsonl", b'{"text": "' + b"x" * 1500 + b'"}', "too-large"),
        ("a.jsonl", b'{"text": "' + b"x" * 3000 + b'"}', "too-large"),
        ("a.jsonl.gz", b"no gzip", "unreadable"),
        ("a.csv", b"id,title\n1,no text\n", "missing-field"),
        ("a.csv", b"id,text\n1,\n", "missing-field"),
        ("a.csv", "id,text\n\xe9,".encode() + b"\xff\n", "invalid-unicode"),
        ("a.csv", b'id,text\n1,"never closed\n', "malformed-csv"),
        ("a.csv", b'id,text\n1,"quote" stray\n', "malformed-csv"),
        ("a.parquet", b"no parquet", "malformed-parquet"),
        ("a.parquet", b"", "malformed-parquet"),
    ],
)  # fmt: skip
def test_a_bad_input_is_rejected_with_its_reason_and_the_run_goes_on(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    bad, good = write(tmp_path / name, content), write(tmp_path / "good.txt", "It rained.")
    found = read(bad, good, config=Config(max_article_bytes=1000))
    assert [item.reason for item in found if isinstance(item, Rejection)] == [reason]
    assert [item.raw for item in found if isinstance(item, Article)] == ["It rained."]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.jsonl",
            b'{"text": "One"}\n{bad\n{"text": "x", "n": ' + b"9" * 5000 + b'}\n{"text": "Two"}\n',
            [(1, "One"), (2, "malformed-json"), (3, "malformed-json"), (4, "Two")],
        ),
        (
            "a.csv",
            'text\nOne\n"quote" stray\nDos años\n'.encode() + b"\xff\nThree\n",
            [(1, "One"), (2, "malformed-csv"), (3, "Dos años"), (4, "invalid-unicode"), (5, "Three")],
        ),
        (
            "a.csv",  # a quote left open swallows neither the next rows nor the rest of the file
            b'id,text\n1,"never closed\n2,Two\n3,"Three, quoted"\n4,"open again\n5,Five\n',
            [(1, "malformed-csv"), (2, "Two"), (3, "Three, quoted"), (4, "malformed-csv"), (5, "Five")],
        ),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"text": "One"}\n{"text": "Two"}\n', mtime=0)[:-10],  # cut off in the last line
            [(1, "One"), (0, "unreadable")],
        ),
    ],
)
def test_a_bad_line_costs_only_itself(
    tmp_path: Path, name: str, content: bytes, expected: Sequence[tuple[int, str]]
) -> None:
    assert outcomes(write(tmp_path / name, content)) == list(expected)


def test_a_rejection_says_where_and_what(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", jsonl({"text": "One"}, {"id": "a7", "body": "Two"}))
    [rejection] = [item for item in read(path) if isinstance(item, Rejection)]
    assert (rejection.input, rejection.line, rejection.id) == (str(path), 2, "a7")
    assert "'body'" in rejection.detail


def test_a_file_name_that_is_not_utf_8_can_still_be_reported(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        with open(path, "wb") as stream:
            stream.write(b"It rained.")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    [article] = articles(os.fsdecode(path))
    assert Path(article.input).name == "caf?.txt"


def test_a_line_far_over_the_limit_is_never_held() -> None:
    class Watched(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(-1 if size is None else size)
            Watched.longest = max(Watched.longest, len(line))
            return line

    stream = Watched(b"short\n" + b"x" * 1_000_000 + b"\n" + b"y" * 100 + b"\n" + b"end")
    found = list(rows.numbered_lines(stream, 100))
    assert found == [(1, b"short\n"), (2, None), (3, b"y" * 100 + b"\n"), (4, b"end")]
    assert Watched.longest <= 101


def test_a_row_group_is_never_held_as_a_whole(tmp_path: Path) -> None:
    path, size = tmp_path / "a.parquet", 30_000_000
    texts = [random.Random(number).randbytes(1500).hex() for number in range(size // 3000)]
    pq.write_table(pa.table({"text": texts}), path, compression="none", use_dictionary=False)
    assert pq.ParquetFile(path).num_row_groups == 1
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in reading.units([str(path)], Config())]
    assert len(held) == len(texts)
    assert max(held) < size / 3


@pytest.mark.usefixtures("patience")
def test_a_line_nested_beyond_reason_says_so_in_our_words(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x", "n": ' + "[" * 100_000 + "]" * 100_000 + "}")
    [found] = read(path)
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail) == ("malformed-json", "a field is nested too deep")


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 10_000 + "text" + "</div>" * 10_000,
        "<DIV class='a'>" * 10_000 + "text",
        "<b><i></b>" * 10_000 + "text",
    ],
)
def test_a_page_nested_beyond_reason_is_rejected(tmp_path: Path, page: str) -> None:
    assert outcomes(write(tmp_path / "a.html", page)) == [(1, "html-too-deep")]
    assert outcomes(write(tmp_path / "a.jsonl", jsonl({"html": page}))) == [(1, "html-too-deep")]


@pytest.mark.parametrize(
    "filler",
    [
        "<br><p>One<img src=x/></p><div></div>",
        "<select><option>One<option>Two</select>",
        "<dl><dt>One<dd>Two</dl>",
        "<script>if (a) document.write('<div><div>')</script>",
        "<br><!-- <div> -->",
        "<style>a::before { content: '<div>' }</style>",
    ],
)
def test_many_elements_side_by_side_are_not_deep(tmp_path: Path, filler: str) -> None:
    [article] = articles(write(tmp_path / "a.html", f"<article>{filler * 1000}<p>{PARAGRAPH}</p></article>"))
    assert PARAGRAPH.strip() in article.raw


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("page", ["<" + "a" * 300_000, "<a " * 100_000, "<a" + " " * 300_000])
def test_an_unclosed_tag_of_any_length_is_answered_at_once(tmp_path: Path, page: str) -> None:
    assert outcomes(write(tmp_path / "a.html", page)) == [(1, "no-main-text")]


# --- inputs that are lost without a word


def rejections(*inputs: Path | str) -> list[tuple[str, str, str]]:
    """Return name, reason and detail of what is rejected."""
    return [(Path(item.input).name, item.reason, item.detail) for item in read(*inputs) if isinstance(item, Rejection)]


def test_a_folder_without_any_readable_file_is_rejected_once(tmp_path: Path) -> None:
    (tmp_path / "none" / "below").mkdir(parents=True)
    write(tmp_path / "others" / "notes.md", "no article")
    good = write(tmp_path / "good.txt", "It rained.")
    assert outcomes(tmp_path / "none", tmp_path / "others", good) == [(0, "empty"), (0, "empty"), (1, "It rained.")]
    [(name, _, detail)] = rejections(tmp_path / "none")
    assert name == "none"
    assert detail.startswith("holds no file ending in .txt, .html")


def test_what_stands_in_a_folder_under_a_readable_name_but_is_no_file_is_rejected(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "It rained.")
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    os.mkfifo(tmp_path / "c.jsonl")
    (tmp_path / "d.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "e").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "f")  # an ending that nobody reads
    assert outcomes(tmp_path) == [(0, "unreadable"), (1, "It rained."), (0, "unreadable"), (1, "It rained."),
                                  (0, "unreadable")]  # fmt: skip
    assert rejections(tmp_path) == [
        ("a.txt", "unreadable", "a link to what does not exist"),
        ("c.jsonl", "unreadable", "a pipe, not a file; read it into -"),
        ("e", "unreadable", "a link to a folder, which is not followed; name that folder as an input"),
    ]


def test_a_link_to_nothing_among_the_matches_of_a_glob_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "It rained.")
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    assert outcomes(tmp_path / "*.txt") == [(0, "unreadable"), (1, "It rained.")]


def test_a_closed_folder_below_an_input_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.txt", "It rained.")
    write(tmp_path / "closed" / "b.txt", "It snowed.")
    scan = os.scandir

    def refuse(path: str) -> Any:  # tests may run as root, whom no permission stops
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert outcomes(tmp_path) == [(1, "It rained."), (0, "unreadable")]
    assert rejections(tmp_path) == [("closed", "unreadable", "Permission denied")]


# --- types


@pytest.mark.parametrize("field", ["id", "title", "source", "published", "url"])
@pytest.mark.parametrize("value", [7.5, True, ["a"], {"a": 1}])
def test_a_field_of_a_wrong_type_is_rejected_by_its_name(tmp_path: Path, field: str, value: object) -> None:
    path = write(tmp_path / "a.jsonl", jsonl({"text": "One", field: value}, {"text": "Two", field: None}))
    assert outcomes(path) == [(1, "wrong-type"), (2, "Two")]
    [(_, _, detail)] = rejections(path)
    assert detail.startswith(f"'{field}' is ")


def test_a_number_is_an_id_but_neither_title_nor_date(tmp_path: Path) -> None:
    records = ({"text": "One", "id": 7}, {"text": "x", "id": 8, "title": 2024}, {"text": "x", "published": 2024})
    found = read(write(tmp_path / "a.jsonl", jsonl(*records)))
    assert [item.id for item in found] == ["7", "8", None]
    assert [item.reason for item in found if isinstance(item, Rejection)] == ["wrong-type", "wrong-type"]


@pytest.mark.parametrize("value", ["2024-05-02", "2024-05-02T10:00:00Z", "2024-05-02 10:00"])
def test_a_date_that_opens_as_iso_8601_is_kept_as_given(tmp_path: Path, value: str) -> None:
    [article] = articles(write(tmp_path / "a.jsonl", jsonl({"text": "One", "published": value})))
    assert (article.published, article.metadata) == (value, {})


@pytest.mark.parametrize("value", ["2 May 2024", "05/02/2024", "2024-13-45", "2024-05-021", "yesterday"])
def test_a_date_of_another_form_is_kept_in_the_metadata(tmp_path: Path, value: str) -> None:
    [article] = articles(write(tmp_path / "a.jsonl", jsonl({"text": "One", "published": value})))
    assert (article.published, article.metadata) == (None, {"published": value})


def test_dates_and_times_of_parquet_become_iso_8601(tmp_path: Path) -> None:
    time = datetime(2021, 3, 4, 5, 6, 7)  # noqa: DTZ001
    table = {"text": ["One"], "published": [time], "seen": [time], "day": [time.date()]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["One"], "published": [time.date()]}), tmp_path / "b.parquet")
    time_of, date_of = articles(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert time_of.published == time_of.metadata["seen"] == "2021-03-04T05:06:07"
    assert time_of.metadata["day"] == date_of.published == "2021-03-04"


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ({"text": None}, "'text' is null"),
        ({"text": None, "html": None}, "'text' and 'html' are null"),
        ({"text": 5}, "'text' is a number, not a string"),
        ({"text": True}, "'text' is true, not a string"),
        ({"html": ["<p>"]}, "'html' is a list, not a string"),
        ({"text": {"a": 1}}, "'text' is an object, not a string"),
        (["text"], "a list, not an object"),
        (None, "null, not an object"),
    ],
)
def test_a_wrong_type_is_told_in_the_words_of_json(tmp_path: Path, record: object, detail: str) -> None:
    assert [found[2] for found in rejections(write(tmp_path / "a.jsonl", jsonl(record)))] == [detail]


@pytest.mark.parametrize("field", ["text", "html"])
def test_null_characters_are_binary_in_a_record_as_in_a_file(tmp_path: Path, field: str) -> None:
    for name, content in (
        ("a.jsonl", jsonl({field: f"\0{PAGE}"})),
        ("a.txt", f"\0{PAGE}".encode()),
        ("b.txt", f"\ufeff\0{PAGE}".encode("utf-16-le")),
    ):
        assert outcomes(write(tmp_path / name, content)) == [(1, "binary")]


def test_of_text_and_html_the_text_counts(tmp_path: Path) -> None:
    [article] = articles(write(tmp_path / "a.jsonl", jsonl({"html": PAGE, "text": "It rained."})))
    assert (article.raw, article.extraction, article.title) == ("It rained.", None, None)


def test_a_table_with_two_columns_of_one_name_is_rejected_by_that_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"id,text,text\n1,One,Eins\n2,Two,Zwei\n")
    assert outcomes(path) == [(1, "malformed-csv"), (2, "malformed-csv")]
    assert all("'text' twice" in detail for _, _, detail in rejections(path))
    unnamed = write(tmp_path / "b.csv", b"text,,\nOne,a,b\n")
    assert outcomes(unnamed) == [(1, "One")]
    table = pa.Table.from_arrays([pa.array(["One"]), pa.array(["Eins"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "c.parquet")
    assert outcomes(tmp_path / "c.parquet") == [(1, "malformed-parquet")]


def test_a_text_in_utf_8_with_a_few_faults_is_read_as_such_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Zürich, 40 cafés \xff– übermorgen".encode().replace("ÿ".encode(), b"\xff"))
    [article] = articles(path)
    assert (article.raw, article.warnings) == ("Zürich, 40 cafés �– übermorgen", ("decoded: utf-8",))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Президент подписал указ о новых налогах, сообщила во вторник пресс-служба правительства."),
        ("gb18030", "中国外交部发言人星期二在北京表示，双方同意继续谈判，并呼吁各方保持克制，避免局势升级。"),
        ("cp932", "首相は火曜日、東京で記者団に対し、新しい税制について説明した。野党は反対している。"),
        ("euc_kr", "대통령은 화요일 서울에서 새로운 세금 정책을 발표했다고 대변인이 말했다."),
        ("cp1253", "Ο πρωθυπουργός δήλωσε την Τρίτη ότι η κυβέρνηση θα συνεχίσει τις μεταρρυθμίσεις."),
        # A capital letter and a quotation mark make up a letter of UTF-8.
        ("cp1252", f"Er nannte es „Spaß“. {PARAGRAPH}"),
        ("cp1252", f"“I sing like BEYONCÉ” is BEYONCÉ’s line. {PARAGRAPH}"),
        ("cp1252", f"“PELÉ”, “JOSÉ” and “CAFÉ” are words. {PARAGRAPH}"),
    ],
)
def test_a_text_in_another_encoding_is_not_taken_for_utf_8_with_faults(
    tmp_path: Path, encoding: str, text: str
) -> None:
    [article] = articles(write(tmp_path / "a.txt", text.encode(encoding)))
    assert article.raw == text


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("text\n«Ζωή»\nτίτλος\n".encode("cp1253"), ["«Ζωή»", "τίτλος"]),  # 'ή»' is a letter of UTF-8
        ("text\naño\n".encode() + b"ma\xf1ana\n", ["año", "invalid-unicode"]),
        (b"\xef\xbb\xbftext\nma\xf1ana\n\xf1o\ndos\n", ["invalid-unicode", "invalid-unicode", "dos"]),
        (f"text\n{'a' * 999_993}\nñ".encode(), ["a" * 999_993, "ñ"]),
    ],
    ids=["by chance", "as many letters as faults", "byte-order mark", "cut off where the sample ends"],
)
def test_a_table_is_in_utf_8_where_its_beginning_has_as_many_letters_as_faults(
    tmp_path: Path, content: bytes, found: list[str]
) -> None:
    assert [one for _, one in outcomes(write(tmp_path / "a.csv", content))] == found


def test_a_text_that_was_decoded_by_guess_says_so(tmp_path: Path) -> None:
    text = "La niña y el niño"
    guessed = [
        write(tmp_path / "a.txt", text.encode("cp1252")),
        write(tmp_path / "a.csv", f"text\n{text}\n".encode("cp1252")),
    ]
    for path in guessed:
        assert [(article.raw, article.warnings) for article in articles(path)] == [(text, ("decoded: cp1252",))]
    certain = [
        write(tmp_path / "b.txt", text),
        write(tmp_path / "b.csv", f"text\n{text}\n"),
        write(tmp_path / "c.txt", text.encode("utf-16")),
        write(tmp_path / "b.jsonl", jsonl({"text": text})),
    ]
    assert all(article.warnings == () for article in articles(*certain))
