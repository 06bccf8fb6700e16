"""Annotations come back as they were written, in every format, and appear whole or not at all."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import writing
from pipeline.article import (
    Annotation,
    Attribution,
    Claim,
    Date,
    Edit,
    Facts,
    LabelScore,
    Provenance,
    Quantity,
    Removal,
    Stance,
    Topic,
)
from pipeline.errors import ConfigError, OutputError
from pipeline.records import read_jsonl

OUTPUTS = ("out.jsonl", "out.jsonl.gz", "out.parquet", "out")

texts = st.text(max_size=8)
places = st.integers(0, 2**40)
scores = st.floats(0, 1)
optional = st.none() | texts


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=2).map(tuple)


all_facts = st.builds(
    Facts,
    attribution=st.none() | st.builds(Attribution, texts, texts, st.sampled_from(["direct", "indirect"])),
    quantities=st.none() | several(st.builds(Quantity, texts, st.floats(allow_nan=False, allow_infinity=False), texts)),
    dates=st.none() | several(st.builds(Date, texts, texts)),
    targets=several(texts),
)
any_annotation: st.SearchStrategy[Annotation] = st.builds(
    Annotation,
    id=texts,
    input=texts,
    line=places,
    source=optional,
    title=optional,
    published=optional,
    url=optional,
    topic=st.builds(Topic, texts, texts, scores, st.booleans(), several(st.builds(LabelScore, texts, scores))),
    stances=several(st.builds(Stance, texts, texts, scores, st.booleans(), places)),
    claims=several(st.builds(Claim, texts, texts, scores, places, places, places, places, all_facts)),
    removed=several(st.builds(Removal, st.sampled_from(["promo", "ad"]), texts, texts, places, places)),
    edits=several(st.builds(Edit, places, places, places, places)),
    text=texts,
    warnings=several(texts),
    provenance=st.builds(
        Provenance,
        texts,
        texts,
        st.dictionaries(texts, texts, max_size=2),
        texts,
        st.none() | st.just({"version": "x"}),
    ),
    metadata=st.dictionaries(texts, st.none() | st.integers() | texts | st.lists(texts, max_size=2), max_size=2),
    raw=optional,
)


@pytest.fixture
def bare() -> Annotation:
    """An annotation in which everything that may be empty or null is."""
    topic = Topic("health", "07000000", 0.5, False, ())
    provenance = Provenance("0", "sha256:0", {}, "linear")
    return Annotation("a", "a.txt", 1, None, None, None, None, topic, (), (), (), (), "", (), provenance)


def write(output: Path, items: Iterable[Annotation]) -> Path:
    with writing.open_output(output) as writer:
        for item in items:
            writer.write(part(output, item))
    return output


def part(output: Path, *items: Annotation) -> bytes:
    return writing.encode(items, writing.form(output))


def rows(output: Path) -> list[dict[str, Any]]:
    """Return what a reader of the output sees, as plain JSON values."""
    if output.suffix in (".jsonl", ".gz"):
        with gzip.open(output) if output.suffix == ".gz" else output.open("rb") as stream:
            return [json.loads(line) for line in stream]
    found: list[dict[str, Any]] = pq.read_table(output).to_pylist(maps_as_pydicts="strict")
    return [{**row, "metadata": json.loads(row["metadata"])} for row in found]


@settings(max_examples=50)
@given(st.lists(any_annotation, max_size=3))
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_json_lines_come_back_as_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, name: str, items: list[Annotation]
) -> None:
    output = write(tmp_path_factory.mktemp("out") / name, items)
    assert list(read_jsonl(output, Annotation)) == items


@settings(max_examples=50)
@given(st.lists(any_annotation, max_size=3))
@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_parquet_comes_back_as_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, name: str, items: list[Annotation]
) -> None:
    output = write(tmp_path_factory.mktemp("out") / name, items)
    assert rows(output) == [json.loads(json.dumps(asdict(item))) for item in items]


def test_every_format_has_the_same_fields_and_values(tmp_path: Path, bare: Annotation) -> None:
    found = [rows(write(tmp_path / name, [bare])) for name in OUTPUTS]
    assert list(found[0][0]) == writing.SCHEMA.names
    assert found[0] == found[1] == found[2] == found[3]


def test_an_empty_or_null_field_has_the_same_type_in_every_shard(
    tmp_path: Path, bare: Annotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SHARD_ROWS", 1)
    facts = Facts(Attribution("s", "said", "direct"), (Quantity("1", 1, "m"),), (), ("NATO",))
    full = replace(
        bare,
        id="b",
        title="t",
        topic=replace(bare.topic, top=(LabelScore("health", 0.5),)),
        stances=(Stance("NATO", "favor", 0.9, False, 2),),
        claims=(Claim("x", "factual", 0.9, 0, 1, 0, 1, facts),),
        removed=(Removal("ad", "rule:x", "y", 0, 1),),
        edits=(Edit(0, 1, 0, 0),),
        warnings=("w",),
        provenance=replace(bare.provenance, models={"topic": "d"}, input={"extractor": "x"}),
        metadata={"k": [1]},
        raw="raw",
    )
    output = write(tmp_path / "out", [bare, full])
    shards = sorted(output.iterdir())
    assert [shard.name for shard in shards] == ["part-00000.parquet", "part-00001.parquet"]
    for shard in shards:
        assert pq.read_schema(shard).equals(writing.SCHEMA)
        assert not [field for field in pq.read_schema(shard) if pa.types.is_null(field.type)]
    assert [row["id"] for row in rows(output)] == ["a", "b"]


@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_an_output_without_annotations_still_has_its_schema(tmp_path: Path, name: str) -> None:
    assert pq.read_table(write(tmp_path / name, [])).schema.equals(writing.SCHEMA)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_output_appears_only_when_it_is_whole(tmp_path: Path, bare: Annotation, name: str) -> None:
    with writing.open_output(tmp_path / name) as writer:
        writer.write(part(tmp_path / name, bare))
        assert not (tmp_path / name).exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_failure_leaves_no_output_and_no_trace(tmp_path: Path, bare: Annotation, name: str) -> None:
    def annotations() -> Iterator[Annotation]:
        yield bare
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write(tmp_path / name, annotations())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_failure_leaves_the_output_of_the_run_before_as_it_was(tmp_path: Path, bare: Annotation, name: str) -> None:
    write(tmp_path / name, [bare])
    before = rows(tmp_path / name)
    with pytest.raises(RuntimeError, match="stop"), writing.open_output(tmp_path / name):
        raise RuntimeError("stop")
    assert rows(tmp_path / name) == before


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_second_run_replaces_the_first(tmp_path: Path, bare: Annotation, name: str) -> None:
    write(tmp_path / name, [bare, bare])
    assert len(rows(write(tmp_path / name, [bare]))) == 1


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*out\.jsonl: No space left on device; free the place"),
        writing.open_output(tmp_path / "out.jsonl"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_behind_is_cleared_away(tmp_path: Path, bare: Annotation) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "part-00007.parquet").write_bytes(b"old")
    assert len(rows(write(tmp_path / "out", [bare]))) == 1


def test_equal_annotations_give_equal_gzip_bytes_whatever_the_name(tmp_path: Path, bare: Annotation) -> None:
    first, second = write(tmp_path / "a.jsonl.gz", [bare]), write(tmp_path / "b.jsonl.gz", [bare])
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # the header's clock


@pytest.mark.parametrize("name", [*OUTPUTS, "new/deep/out.jsonl", "OUT.JSONL"])
def test_an_output_that_can_be_written_passes_the_check(tmp_path: Path, name: str) -> None:
    writing.check(tmp_path / name)


def test_the_output_of_an_earlier_run_passes_the_check(tmp_path: Path, bare: Annotation) -> None:
    for name in OUTPUTS:
        writing.check(write(tmp_path / name, [bare]))


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.txt.gz"])
def test_an_unknown_ending_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"use \.jsonl, \.jsonl\.gz, \.parquet or a folder name"):
        writing.check(tmp_path / name)


def test_a_folder_with_other_files_is_never_taken_for_an_output(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is a folder with other files"):
        writing.check(tmp_path / "out")


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot write to"):
        writing.check(tmp_path / "file" / "out.jsonl")


def test_an_address_is_refused_as_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"s3:/bucket/out\.jsonl is an address"):
        writing.check(Path("s3://bucket/out.jsonl"))
    assert list(tmp_path.iterdir()) == []
