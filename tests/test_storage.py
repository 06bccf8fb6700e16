"""Inputs at addresses are read as local ones are, and whatever their file system raises is a message."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from pipeline import listing, reading
from pipeline.article import Article, Rejection
from pipeline.errors import ConfigError
from pipeline.reading import Config
from tests.calls import newsfacts
from tests.web import Web, closed_port

PARAGRAPH = "The council voted on Tuesday to close the harbour bridge for repairs, officials said afterwards. " * 4
PAGE = f"<html><head><title>Bridge closes</title></head><body><article><p>{PARAGRAPH}</p></article></body></html>"
LINES = b'{"text": "One"}\n{bad\n{"text": "Two"}\n'


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """The file system behind ``memory://``, empty."""
    system = MemoryFileSystem()
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def read(*inputs: str, config: Config | None = None) -> list[Article | Rejection]:
    return list(reading.read(inputs, config or Config()))


def outcomes(*inputs: str, config: Config | None = None) -> list[tuple[str, int, str]]:
    """Return each item's input and line with the raw text of an article or the reason of a rejection."""
    return [
        (item.input, item.line, item.raw if isinstance(item, Article) else item.reason)
        for item in read(*inputs, config=config)
    ]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with a file of every kind."""
    root = tmp_path / "inbox"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.txt").write_text("Bridge closes\n\nIt rained.\n", encoding="utf-8")
    (root / "deep-er.txt").write_text("It snowed.", encoding="utf-8")
    (root / "deep" / "page.html").write_text(PAGE, encoding="utf-8")
    (root / "deep" / "long.txt").write_bytes(b"x" * 5000)
    (root / "deep" / "er" / "b.jsonl").write_bytes(LINES)
    (root / "c.jsonl.gz").write_bytes(gzip.compress(LINES))
    (root / "cut.jsonl.gz").write_bytes(gzip.compress(LINES * 100)[:-10])
    (root / "d.csv").write_bytes("id;text\n1;Le café est fermé\n".replace(";", ",").encode("cp1252"))
    (root / "e.tsv").write_bytes(b'text\tdesk\nOne\tcity\n"open\tcity\n')
    pq.write_table(pa.table({"text": ["One", None, "Three"], "title": ["T", None, None]}), root / "f.parquet")
    (root / "g.parquet").write_bytes(b"no parquet")
    (root / "notes.pdf").write_bytes(b"%PDF")
    return root


def test_a_folder_of_every_kind_gives_what_it_gives_on_this_machine(inbox: Path, memory: MemoryFileSystem) -> None:
    memory.put(str(inbox), "/bucket", recursive=True)
    config = Config(max_article_bytes=4000)
    local, remote = read(str(inbox), config=config), read("memory://bucket", config=config)
    assert len(local) > 10

    def at_home(item: Article | Rejection) -> Article | Rejection:
        moved = dataclasses.replace(item, input=item.input.replace("memory://bucket", str(inbox)))
        if isinstance(moved, Rejection):
            return dataclasses.replace(moved, detail=moved.detail.replace("5000 bytes, ", ""))
        return moved

    assert [at_home(item) for item in remote] == [at_home(item) for item in local]


def test_files_and_globs_are_read_in_order_and_a_name_with_brackets_is_no_glob(memory: MemoryFileSystem) -> None:
    for name in ("2.txt", "1.txt", "[1].txt", "below/3.txt"):
        memory.pipe(f"/bucket/{name}", name.encode())
    assert outcomes("memory://bucket/?.txt") == [
        ("memory://bucket/1.txt", 1, "1.txt"),
        ("memory://bucket/2.txt", 1, "2.txt"),
    ]
    assert outcomes("memory://bucket/[1].txt") == [("memory://bucket/[1].txt", 1, "[1].txt")]
    everything = [name for name, _, _ in outcomes("memory://bucket/2.txt", "memory://bucket/**")]
    assert everything == [f"memory://bucket/{name}" for name in ("2.txt", "1.txt", "[1].txt", "below/3.txt")]


def test_an_address_that_matches_nothing_is_a_mistake_of_the_call(memory: MemoryFileSystem) -> None:
    memory.pipe("/bucket/a.txt", b"It rained.")
    for wrong in ("memory://bucket/b.txt", "memory://other/", "memory://bucket/*.csv"):
        with pytest.raises(ConfigError, match="no such file, and no match"):
            read("memory://bucket/a.txt", wrong)


def test_a_remote_folder_without_any_file_that_can_be_read_is_rejected(memory: MemoryFileSystem) -> None:
    memory.pipe("/bucket/notes.md", b"no article")
    assert outcomes("memory://bucket") == [("memory://bucket", 0, "empty")]


def test_a_file_system_whose_package_is_missing_is_named_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"class": "no_such_package.core.FileSystem", "err": "Install no_such_package to access absent"}
    monkeypatch.setitem(known_implementations, "absent", absent)
    outcome = newsfacts("annotate", "absent://bucket/a.txt", "--output", tmp_path / "out.jsonl")
    assert outcome.code == 2
    assert "absent://bucket/a.txt needs a package that is not installed: Install no_such_package" in outcome.err


@pytest.mark.parametrize("address", ["nothing://a.txt", "reference://a.txt", "zip://a.txt::memory://b.zip"])
def test_an_address_that_nobody_can_open_is_a_mistake_of_the_call(address: str) -> None:
    with pytest.raises(ConfigError, match=address.partition(":")[0]):
        listing.expand([address])


class AlienError(Exception):
    """What the library of some provider raises; no OSError."""


class Moody(MemoryFileSystem):
    """A file system that fails as they do: by the names of its files."""

    protocol = "moody"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return f"/{path.removeprefix('moody://').strip('/')}"

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        if "closed" in path:
            raise PermissionError("Access Denied")
        return super().ls(path, detail, **options)

    def info(self, path: str, **options: Any) -> Any:
        if "secret" in path:
            raise AlienError("Unable to locate credentials")
        return super().info(path, **options)

    def _open(self, path: str, *args: Any, **options: Any) -> Any:
        if "forbidden" in path:
            raise PermissionError("Access Denied")
        if "slow" in path:
            raise TimeoutError
        if "gone" in path:
            raise FileNotFoundError(path)
        stream = super()._open(path, *args, **options)
        if "broken" in path:

            class Broken(type(stream)):  # type: ignore[misc]
                def read(self, size: int = -1) -> bytes:
                    found: bytes = super().read(min(size, 20) if size > 0 else size)
                    if not found:
                        raise AlienError("connection lost")
                    return found

            content = stream.getvalue()
            stream = Broken(None, None, content)
            stream.seek(0)
        return stream


@pytest.fixture
def moody(memory: MemoryFileSystem) -> MemoryFileSystem:
    fsspec.register_implementation("moody", Moody, clobber=True)
    return memory


def test_what_cannot_be_read_among_others_is_rejected_with_what_its_file_system_says(moody: MemoryFileSystem) -> None:
    for name in ("1.txt", "broken.jsonl", "closed/2.txt", "forbidden.txt", "gone.txt", "slow.csv", "z.txt"):
        moody.pipe(f"/bucket/{name}", b'{"text": "One"}\n{"text": "Two"}\n')
    found = read("moody://bucket")
    assert [item.input.removeprefix("moody://bucket/") for item in found if isinstance(item, Article)] == [
        "1.txt", "broken.jsonl", "broken.jsonl", "z.txt",
    ]  # fmt: skip
    rejected = [item for item in found if isinstance(item, Rejection)]
    assert {item.reason for item in rejected} == {"unreadable"}
    assert {item.input.removeprefix("moody://bucket/"): item.detail for item in rejected} == {
        "broken.jsonl": "AlienError: connection lost",
        "closed": "Access Denied",
        "forbidden.txt": "Access Denied",
        "gone.txt": "[Errno 2] no such file: 'moody://bucket/gone.txt'",
        "slow.csv": "TimeoutError: ",
    }


def test_an_input_that_its_file_system_keeps_secret_costs_only_itself(moody: MemoryFileSystem) -> None:
    moody.pipe("/bucket/a.txt", b"It rained.")
    found = read("moody://secret/*.txt", "moody://bucket/a.txt")
    assert [item.detail for item in found if isinstance(item, Rejection)] == [
        "AlienError: Unable to locate credentials"
    ]
    assert [item.raw for item in found if isinstance(item, Article)] == ["It rained."]


def test_web_addresses_are_read_by_the_ending_of_their_path(web: Web) -> None:
    web.files["/a.jsonl?signature=1.x"] = LINES
    web.files["/page.html"] = PAGE.encode()
    address = f"{web.address}/a.jsonl?signature=1.x"
    assert outcomes(address, f"{web.address}/page.html") == [
        (address, 1, "One"),
        (address, 2, "malformed-json"),
        (address, 3, "Two"),
        (f"{web.address}/page.html", 1, PARAGRAPH.strip()),
    ]


def test_of_a_web_folder_the_files_that_its_page_links_are_read_and_no_page_is_followed(web: Web) -> None:
    web.files["/list/"] = b'<a href="b.txt">b</a> <a href="a.jsonl">a</a> <a href="more/">more</a> <a href="../">up</a>'
    web.files["/list/a.jsonl"] = LINES
    web.files["/list/b.txt"] = b"It rained."
    web.files["/list/more/"] = b'<a href="c.txt">c</a>'
    found = [json.dumps(one) for one in outcomes(f"{web.address}/list/")]
    assert len(found) == 4
    assert "/list/a.jsonl" in found[0]
    assert "It rained." in found[3]
    assert not [path for path in web.asked if "more" in path]


def test_a_web_server_that_does_not_have_it_or_does_not_answer_is_a_mistake_of_the_call(web: Web) -> None:
    with pytest.raises(ConfigError, match="404"):
        read(f"{web.address}/a.txt")
    with pytest.raises(ConfigError, match="Cannot connect"):
        read(f"http://127.0.0.1:{closed_port()}/a.txt")


def test_a_transfer_that_breaks_off_is_rejected(web: Web) -> None:
    web.files["/a.jsonl"] = LINES * 50_000
    web.cut.add("/a.jsonl")
    assert "unreadable" in {reason for _, _, reason in outcomes(f"{web.address}/a.jsonl")}
