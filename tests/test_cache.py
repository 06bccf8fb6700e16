"""Downloaded files: fetched once, checked always, and nothing wrong is ever kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline import cache
from pipeline.errors import DataError
from tests.web import Web, closed_port

CONTENT = b'{"text": "The port closed."}\n' * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a file belongs; the folders above it do not exist yet."""
    return tmp_path / "cache" / "deep" / "train.jsonl"


def kept(place: Path) -> list[str]:
    return [path.name for path in place.parent.iterdir()]


def test_a_file_is_fetched_once_and_then_taken_from_where_it_lies(web: Web, place: Path) -> None:
    web.files["/train.jsonl"] = CONTENT
    assert cache.fetch(f"{web.address}/train.jsonl", DIGEST, place) == place
    assert cache.fetch(f"{web.address}/train.jsonl", DIGEST, place) == place
    assert place.read_bytes() == CONTENT
    assert web.asked == ["/train.jsonl"]
    assert kept(place) == ["train.jsonl"]


def test_without_a_network_a_missing_file_is_named_with_its_address_and_the_way_to_give_it(place: Path) -> None:
    address = f"http://127.0.0.1:{closed_port()}/train.jsonl"
    with pytest.raises(DataError) as raised:
        cache.fetch(address, DIGEST, place)
    assert str(place) in str(raised.value)
    assert address in str(raised.value)
    assert "put the file there yourself" in str(raised.value)
    assert "NEWSFACTS_CACHE" in str(raised.value)
    place.write_bytes(CONTENT)
    assert cache.fetch(address, DIGEST, place) == place


def test_another_file_in_its_place_is_refused_and_left_alone(web: Web, place: Path) -> None:
    web.files["/train.jsonl"] = CONTENT
    place.parent.mkdir(parents=True)
    place.write_bytes(b"my own notes")
    found = hashlib.sha256(b"my own notes").hexdigest()
    with pytest.raises(DataError, match=rf"train\.jsonl has sha256 {found}, the configuration says {DIGEST}"):
        cache.fetch(f"{web.address}/train.jsonl", DIGEST, place)
    assert place.read_bytes() == b"my own notes"
    assert web.asked == []


def test_another_file_than_the_pinned_one_is_not_kept_and_the_right_one_is_fetched_next_time(
    web: Web, place: Path
) -> None:
    address = f"{web.address}/train.jsonl"
    web.files["/train.jsonl"] = CONTENT + b"one line more\n"
    with pytest.raises(DataError, match=rf"{address} has not the sha256 {DIGEST} any more"):
        cache.fetch(address, DIGEST, place)
    assert kept(place) == []
    web.files["/train.jsonl"] = CONTENT
    assert cache.fetch(address, DIGEST, place).read_bytes() == CONTENT


def test_an_error_page_is_no_file(web: Web, place: Path) -> None:
    with pytest.raises(DataError, match=r"/gone\.jsonl cannot be fetched \(HTTPError\)"):
        cache.fetch(f"{web.address}/gone.jsonl", DIGEST, place)
    assert kept(place) == []


def test_half_a_file_is_not_kept(web: Web, place: Path) -> None:
    web.files["/train.jsonl"] = CONTENT
    web.cut.add("/train.jsonl")
    with pytest.raises(DataError, match=r"/train\.jsonl cannot be fetched"):
        cache.fetch(f"{web.address}/train.jsonl", DIGEST, place)
    assert kept(place) == []


def test_a_cache_folder_that_cannot_be_made_is_named(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"no file .*file/cache/train\.jsonl"):
        cache.fetch(f"{web.address}/train.jsonl", DIGEST, tmp_path / "file" / "cache" / "train.jsonl")
    assert (tmp_path / "file").read_bytes() == b""


def test_the_environment_wins_over_the_configuration_and_that_over_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NEWSFACTS_CACHE", "/from/environment")
    assert cache.folder("/from/configuration") == cache.folder(None) == Path("/from/environment")
    monkeypatch.delenv("NEWSFACTS_CACHE")
    assert cache.folder("/from/configuration") == Path("/from/configuration")
    assert cache.folder("~/corpora") == tmp_path / "corpora"
    assert "newsfacts" in cache.folder(None).parts


def test_a_file_of_ones_own_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*mine\.jsonl; check the path"):
        cache.verify(tmp_path / "mine.jsonl", DIGEST)
