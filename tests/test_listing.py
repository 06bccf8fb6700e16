"""What inputs stand for: the files behind them in a fixed order, one after the other."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import listing, warc
from pipeline.article import Rejection
from pipeline.errors import ConfigError

NAMES = st.text(st.sampled_from("aBé-. 0_~"), min_size=1, max_size=4).filter(lambda name: name.strip("."))
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        st.sampled_from([".txt", ".jsonl", ".JSONL.GZ", ".warc", ".md", ""]),
        lambda below: st.dictionaries(NAMES, below, max_size=4),
        max_leaves=15,
    ),
    max_size=6,
)


def build(folder: Path, tree: dict[str, Any]) -> None:
    """Make a folder of a tree, in which an ending stands for an empty file."""
    folder.mkdir(parents=True)
    for name, below in tree.items():
        if isinstance(below, dict):
            build(folder / name, below)
        else:
            (folder / f"{name}{below}").touch()


def below(folder: Path) -> list[str]:
    paths = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    read = [path for path in paths if path.name.lower().endswith(listing.ENDINGS)]
    return [str(path) for path in sorted(read, key=lambda path: path.parts)]


@given(tree=TREES)
def test_files_come_in_the_order_of_the_parts_of_their_paths(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any]
) -> None:
    root = tmp_path_factory.mktemp("tree") / "root"
    build(root, tree)
    found = list(listing.expand([str(root)]))
    assert [item for item in found if isinstance(item, str)] == below(root)
    assert [item.reason for item in found if isinstance(item, Rejection)] == ([] if below(root) else ["empty"])


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 7)
    return folder


def test_paths_are_those_of_the_call_however_its_folder_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, "a/b.txt", "c.txt")
    monkeypatch.chdir(tmp_path)
    assert list(listing.expand(["."])) == ["a/b.txt", "c.txt"]
    assert list(listing.expand(["./a//"])) == ["a/b.txt"]
    assert list(listing.expand([f"file://{tmp_path}/a"])) == [f"{tmp_path}/a/b.txt"]


def test_a_folder_is_listed_when_its_turn_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, "a/1.txt", "b/2.txt", "c/3.txt")
    listed: list[str] = []
    scan = os.scandir

    def seen(path: str) -> Any:
        listed.append(Path(path).name)
        return scan(path)

    monkeypatch.setattr(os, "scandir", seen)
    found = listing.expand([str(tmp_path)])
    assert next(found) == str(tmp_path / "a" / "1.txt")
    assert listed == [tmp_path.name, "a"]


def test_no_file_of_a_folder_is_asked_for_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, *(f"{number}.txt" for number in range(50)))
    asked: list[object] = []
    ask = os.stat

    def seen(path: Any, *args: Any, **options: Any) -> os.stat_result:
        asked.append(path)
        return ask(path, *args, **options)

    monkeypatch.setattr(os, "stat", seen)
    assert len(list(listing.expand([str(tmp_path)]))) == 50
    assert len(asked) <= 2
    asked.clear()
    assert listing.total([str(tmp_path)]) == 50 * listing.DOCUMENT_WEIGHT
    assert len(asked) <= 2


def test_a_file_that_several_inputs_name_comes_once_where_it_is_named_first(tmp_path: Path) -> None:
    files(tmp_path, "a/1.txt", "a/2.txt", "b.txt")
    given = [f"{tmp_path}/a/2.txt", f"{tmp_path}/*", str(tmp_path), f"{tmp_path}/b.txt"]
    assert [Path(str(item)).name for item in listing.expand(given)] == ["2.txt", "1.txt", "b.txt"]


def test_a_wrong_input_is_told_before_the_first_file_of_the_others_comes(tmp_path: Path) -> None:
    files(tmp_path, "a.txt")
    with pytest.raises(ConfigError, match=r"no input .*gone"):
        listing.expand([str(tmp_path), str(tmp_path / "gone")])


def test_the_total_is_bytes_of_records_and_a_fixed_weight_for_a_document(tmp_path: Path) -> None:
    files(tmp_path, "a.txt", "b.html", "c.jsonl", "d.parquet", "e.pdf")
    assert listing.total([str(tmp_path)]) == 2 * listing.DOCUMENT_WEIGHT + 2 * 7


@pytest.mark.parametrize("other", ["-", "memory://nothing/is/asked.txt"])
def test_of_standard_input_and_addresses_nobody_knows_how_much_there_is(tmp_path: Path, other: str) -> None:
    assert listing.total([str(files(tmp_path, "a.txt")), other]) is None


def test_without_its_extra_an_archive_in_a_folder_stops_the_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fastwarc", "fastwarc.warc", "fastwarc.stream_io"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'newsfacts\[warc\]'"):
        listing.total([str(files(tmp_path, "a.txt", "b/c.warc.gz"))])
    with pytest.raises(ConfigError, match=r"pip install 'newsfacts\[warc\]'"):
        next(iter(warc.read(str(tmp_path / "b/c.warc.gz"), 1000)))
