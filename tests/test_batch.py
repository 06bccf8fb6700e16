"""Many inputs of every kind → outputs of every kind: each input ends in the output or in the rejected file, once."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import batch, storage, writing
from pipeline.annotator import Annotator, Answers, Prepared
from pipeline.article import Annotation
from pipeline.errors import OutputError
from pipeline.journal import Journal
from pipeline.shards import Config, Recipe
from tests.calls import Outcome, newsfacts
from tests.dvc_deps import ROOT

NEWS = (
    "The council of {place} closed the ferry on Monday after two nights of storms. "
    "Nato sent {number} engineers to the quay, and the mayor praised the alliance for its help. "
    "Nobody knows when the boats will sail again."
)
PAGE = """<html><head><title>Ferry {number}</title></head><body><nav>Home | News</nav><article><h1>Ferry {number}</h1>
<p>{news}</p><p>{news}</p></article></body></html>"""
SUMMARY = {
    "read", "annotated", "rejected", "repeated_ids", "warnings", "seconds", "articles_per_second", "provenance",
}  # fmt: skip


def news(number: int) -> str:
    return NEWS.format(place=f"Port {number}", number=300 + number)


def records(numbers: range) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "title": f"Ferry {number}", "text": news(number)} for number in numbers]


def write_jsonl(path: Path, lines: list[Any]) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def rejected(output: Path) -> list[dict[str, Any]]:
    return read_jsonl(output.with_name(f"{output.name}.rejected.jsonl"))


def summary(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.with_name(f"{output.name}.summary.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with an input of every kind, good ones and bad."""
    root = tmp_path / "inbox"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.txt").write_text(f"A headline\n\n{news(1)}\n", encoding="utf-8")
    (root / "empty.txt").write_bytes(b"")
    (root / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (root / "cut.txt").write_bytes(f"{news(2)} – caf\u00e9".encode()[:-1])
    (root / "deep" / "page.html").write_text(PAGE.format(number=3, news=news(3)), encoding="utf-8")
    (root / "deep" / "nested.htm").write_text(f"<html>{'<div>' * 10_000}{news(4)}", encoding="utf-8")
    write_jsonl(root / "deep" / "er" / "b.jsonl", [*records(range(5, 8)), '{"text": ', {"title": "no text"}, "", "[1]"])
    write_jsonl(root / "c.jsonl.gz", [*records(range(8, 10)), {"id": "r10", "text": 10}])
    with (root / "d.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["id", "text"], ["r11", news(11)], ["r12", ""], ["r13", news(13)]])
    table = pa.table(
        {"id": ["r14", "r15"], "text": [news(14), None], "html": [None, PAGE.format(number=15, news=news(15))]}
    )
    pq.write_table(table, root / "e.parquet")
    (root / "notes.pdf").write_bytes(b"%PDF")
    return root


GOOD = {
    ("a.txt", 1), ("deep/page.html", 1), ("deep/er/b.jsonl", 1), ("deep/er/b.jsonl", 2), ("deep/er/b.jsonl", 3),
    ("c.jsonl.gz", 1), ("c.jsonl.gz", 2), ("d.csv", 1), ("d.csv", 3), ("e.parquet", 1), ("e.parquet", 2),
}  # fmt: skip
BAD = {
    ("empty.txt", 1): "empty",
    ("binary.txt", 1): "binary",
    ("cut.txt", 1): "truncated-utf8",
    ("deep/nested.htm", 1): "html-too-deep",
    ("deep/er/b.jsonl", 4): "malformed-json",
    ("deep/er/b.jsonl", 5): "missing-field",
    ("deep/er/b.jsonl", 7): "wrong-type",
    ("c.jsonl.gz", 3): "wrong-type",
    ("d.csv", 2): "missing-field",
}


def annotate(models: Path, output: Path, *inputs: str | Path, stdin: bytes = b"") -> Outcome:
    return newsfacts("annotate", *inputs, "--output", output, "--models", models, stdin=stdin)


def test_every_input_of_a_folder_is_annotated_or_rejected_once(light_models: Path, inbox: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    outcome = annotate(light_models, output, inbox)
    found = [(one["input"].removeprefix(f"{inbox}/"), one["line"]) for one in read_jsonl(output)]
    refused = {(one["input"].removeprefix(f"{inbox}/"), one["line"]): one["reason"] for one in rejected(output)}
    assert len(found) == len(set(found))
    assert set(found) == GOOD
    assert refused == BAD
    assert all(set(one) == {"input", "line", "id", "reason", "detail"} and one["detail"] for one in rejected(output))
    assert outcome.code == 1  # 9 of 20 are over the ceiling
    assert "11 articles annotated" in outcome.err
    assert "9 rejected" in outcome.err
    assert "45% of the inputs were rejected" in outcome.err
    assert "binary 1" in outcome.err


def test_the_summary_counts_what_happened(light_models: Path, inbox: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    annotate(light_models, output, inbox)
    found = summary(output)
    assert found.keys() >= SUMMARY
    assert (found["read"], found["annotated"]) == (len(GOOD) + len(BAD), len(GOOD))
    assert sum(found["rejected"].values()) == len(BAD)
    assert found["rejected"]["wrong-type"] == 2
    assert set(found["provenance"]["models"]) == {"boilerplate", "topic", "stance", "claims"}
    assert all(one["provenance"] == found["provenance"] for one in read_jsonl(output) if one["input"].endswith("l.gz"))


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.parquet", "out"])
def test_every_kind_of_output_holds_the_same(light_models: Path, tmp_path: Path, name: str) -> None:
    source = write_jsonl(
        tmp_path / "in.jsonl", [{**one, "desk": "harbour", "pages": [1, 2]} for one in records(range(7))]
    )
    plain, packed = tmp_path / "plain.jsonl", tmp_path / name
    assert annotate(light_models, plain, source).code == 0
    assert annotate(light_models, packed, source).code == 0
    expected = read_jsonl(plain)
    if name == "out.jsonl.gz":
        found = read_jsonl(packed)
    else:
        found = [plain_row(row) for row in pq.read_table(packed).to_pylist()]
    assert found == expected
    assert rejected(packed) == []
    assert summary(packed)["annotated"] == 7


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a Parquet row as its JSON line has it: maps as objects, metadata decoded."""
    row["metadata"] = json.loads(row["metadata"])
    for name in ("models", "input"):
        value = row["provenance"][name]
        row["provenance"][name] = None if value is None else dict(value)
    return row


@pytest.mark.parametrize("kind", ["glob", "files", "stdin"])
def test_globs_files_and_standard_input_are_read_in_order(light_models: Path, tmp_path: Path, kind: str) -> None:
    first = write_jsonl(tmp_path / "in" / "1.jsonl", records(range(40)))
    second = write_jsonl(tmp_path / "in" / "2.jsonl", records(range(40, 45)))
    output = tmp_path / "out.jsonl"
    if kind == "glob":
        outcome = annotate(light_models, output, tmp_path / "in" / "*.jsonl")
    elif kind == "files":
        outcome = annotate(light_models, output, first, second)
    else:
        outcome = annotate(light_models, output, "-", stdin=first.read_bytes() + second.read_bytes())
    assert outcome.code == 0
    assert [one["id"] for one in read_jsonl(output)] == [f"r{number}" for number in range(45)]
    if kind == "stdin":
        assert {one["input"] for one in read_jsonl(output)} == {"-"}


def test_files_keep_the_order_of_the_call(light_models: Path, tmp_path: Path) -> None:
    first = write_jsonl(tmp_path / "z.jsonl", records(range(2)))
    second = write_jsonl(tmp_path / "a.jsonl", records(range(2, 4)))
    annotate(light_models, tmp_path / "out.jsonl", first, second)
    assert [one["id"] for one in read_jsonl(tmp_path / "out.jsonl")] == ["r0", "r1", "r2", "r3"]


def test_unknown_metadata_address_and_date_pass_through(light_models: Path, tmp_path: Path) -> None:
    extra = {"desk": "harbour", "tags": ["ferry", "storm"], "geo": {"lat": 53.5}}
    known = {"url": "https://news.example/1", "published": "2024-05-02", "source": "The Bell", "title": "Ferry"}
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": news(1), **known, **extra}])
    annotate(light_models, tmp_path / "out.jsonl", source)
    (found,) = read_jsonl(tmp_path / "out.jsonl")
    assert {name: found[name] for name in known} == known
    assert found["metadata"] == extra
    assert found["id"]


def test_equal_ids_are_both_annotated_and_warned_about(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": "same", "text": news(1)}, {"id": "same", "text": news(2)}])
    outcome = annotate(light_models, tmp_path / "out.jsonl", source)
    assert [(one["id"], one["line"]) for one in read_jsonl(tmp_path / "out.jsonl")] == [("same", 1), ("same", 2)]
    assert outcome.code == 0
    assert "1 ids occur more than once" in outcome.err
    assert summary(tmp_path / "out.jsonl")["repeated_ids"] == 1


def test_the_ceiling_is_configurable(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [*records(range(3)), "{"])
    config = tmp_path / "config.yaml"
    config.write_text("annotate: {max_rejected_share: 0.25}\n", encoding="utf-8")
    output = tmp_path / "out.jsonl"
    assert annotate(light_models, output, source).code == 1
    assert annotate(light_models, output, source, "--config", config).code == 0
    assert [one["reason"] for one in rejected(output)] == ["malformed-json"]


def test_a_limit_and_the_raw_text_on_request(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(9)))
    annotate(light_models, tmp_path / "out.jsonl", source, "--limit", "4", "--keep-raw")
    assert [one["raw"] for one in read_jsonl(tmp_path / "out.jsonl")] == [news(number) for number in range(4)]
    annotate(light_models, tmp_path / "out.jsonl", source, "--limit", "2")
    assert [one["raw"] for one in read_jsonl(tmp_path / "out.jsonl")] == [None, None]


def test_a_limit_opens_no_file_that_it_does_not_need(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        write_jsonl(tmp_path / "in" / f"{name}.jsonl", records(range(2)))
    opened: list[str] = []
    before = storage.opened

    def seen(name: str, **options: Any) -> IO[bytes]:
        opened.append(Path(name).name)
        return before(name, **options)

    monkeypatch.setattr(storage, "opened", seen)
    annotate(light_models, tmp_path / "out.jsonl", tmp_path / "in", "--limit", "2")
    assert summary(tmp_path / "out.jsonl")["annotated"] == 2
    assert opened == ["a.jsonl"]


def test_a_second_run_replaces_the_first_and_leaves_the_same_bytes(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(3)))
    output = tmp_path / "out.jsonl.gz"
    annotate(light_models, output, source)
    first = output.read_bytes()
    annotate(light_models, output, source)
    assert output.read_bytes() == first
    assert annotate(light_models, tmp_path / "shards", source).code == 0
    assert annotate(light_models, tmp_path / "shards", source, "--limit", "1").code == 0
    assert pq.read_table(tmp_path / "shards").num_rows == 1
    assert not list(tmp_path.glob(".*part"))


def test_a_page_is_annotated_on_its_main_text_and_says_how_it_was_extracted(light_models: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(number=1, news=news(1)), encoding="utf-8")
    assert annotate(light_models, tmp_path / "out.jsonl", page, "--keep-raw").code == 0
    (found,) = read_jsonl(tmp_path / "out.jsonl")
    assert "Home | News" not in found["raw"]
    assert "closed the ferry" in found["text"]
    assert found["provenance"]["input"].keys() == {"extractor", "version", "sha256"}


def test_an_article_of_nothing_but_promo_is_kept_with_a_warning(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "promo.txt"
    source.write_text("Subscribe now for unlimited access\n\nFollow us on Twitter\n", encoding="utf-8")
    assert annotate(light_models, tmp_path / "out.jsonl", source).code == 0
    (found,) = read_jsonl(tmp_path / "out.jsonl")
    assert any(warning.startswith("strip-guard") for warning in found["warnings"])
    assert found["text"]
    assert summary(tmp_path / "out.jsonl")["warnings"] == len(found["warnings"])


def test_a_line_of_50_mb_is_rejected_and_the_next_is_annotated(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("wb") as stream:
        stream.write(b'{"id": "huge", "text": "')
        for _ in range(50):
            stream.write(b"storm " * 166_667)
        stream.write(b'"}\n')
        stream.writelines(json.dumps(one).encode() + b"\n" for one in records(range(10)))
    outcome = annotate(light_models, tmp_path / "out.jsonl", source)
    assert outcome.code == 0
    assert [(one["line"], one["reason"]) for one in rejected(tmp_path / "out.jsonl")] == [(1, "too-large")]
    assert [one["line"] for one in read_jsonl(tmp_path / "out.jsonl")] == list(range(2, 12))


def test_a_file_without_any_record_is_rejected_and_leaves_an_empty_output(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [])
    for name in ("out.jsonl", "out.parquet", "out"):
        assert annotate(light_models, tmp_path / name, source).code == 1
        assert summary(tmp_path / name)["rejected"] == {"empty": 1}
    assert read_jsonl(tmp_path / "out.jsonl") == []
    assert pq.read_table(tmp_path / "out.parquet").num_rows == pq.read_table(tmp_path / "out").num_rows == 0


# --- runs that are stopped, and go on


def annotated_groups(monkeypatch: pytest.MonkeyPatch, *, stop: tuple[int, BaseException] | None = None) -> list[int]:
    """Record how many articles each shard has that is annotated from now on; stop at one, counted from 1."""
    assemble = Annotator.assemble
    calls: list[int] = []

    def noted(self: Annotator, prepared: Prepared, answers: Answers, *, keep_raw: bool = False) -> list[Annotation]:
        calls.append(len(prepared.bodies))
        if stop and len(calls) == stop[0]:
            raise stop[1]
        return assemble(self, prepared, answers, keep_raw=keep_raw)

    monkeypatch.setattr(Annotator, "assemble", noted)
    return calls


def full_disk_at(monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """Let the disk be full when one more file is to be settled, counted from 1."""
    settle, calls = writing.settle, []

    def full(stream: IO[bytes]) -> None:
        calls.append(stream)
        if len(calls) >= file:
            raise OSError(errno.ENOSPC, "No space left on device")
        settle(stream)

    monkeypatch.setattr(writing, "settle", full)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what stands in a folder but for work that is kept and the seconds that a run took."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in [name for name in found if name.endswith(".summary.json")]:
        figures = json.loads(found[name])
        found[name] = json.dumps(figures | {"seconds": 0, "articles_per_second": 0}).encode()
    return {name: content for name, content in found.items() if ".work/" not in name}


@pytest.fixture
def tens(tmp_path: Path) -> Path:
    """A configuration of small shards."""
    path = tmp_path / "tens.yaml"
    path.write_text("annotate: {shard_articles: 10}\n", encoding="utf-8")
    return path


NAMES = ["out.jsonl", "out.jsonl.gz", "out.parquet", "out"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_interrupted_leaves_the_results_of_before_and_goes_on(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [*records(range(4)), "{"])
    folder, expected = tmp_path / "results", tmp_path / "expected"
    assert annotate(light_models, folder / name, source, "--config", tens).code == 1
    before = contents(folder)
    write_jsonl(source, ["{", "[]", *records(range(38))])
    assert annotate(light_models, expected / name, source, "--config", tens).code == 0
    annotated_groups(monkeypatch, stop=(3, KeyboardInterrupt()))
    outcome = annotate(light_models, folder / name, source, "--config", tens)
    assert outcome.code == 130
    assert f"interrupted; nothing was written to {folder / name}; what is done is kept in " in outcome.err
    assert contents(folder) == before
    monkeypatch.undo()
    calls = annotated_groups(monkeypatch)
    assert annotate(light_models, folder / name, source, "--config", tens).code == 0
    assert calls == [10, 10]
    assert contents(folder) == contents(expected)
    assert not list(folder.glob(".*"))


def test_a_first_run_that_is_interrupted_at_once_leaves_nothing(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", ["{", *records(range(3))])
    annotated_groups(monkeypatch, stop=(1, KeyboardInterrupt()))
    outcome = annotate(light_models, tmp_path / "results" / "out.jsonl", source)
    assert outcome.code == 130
    assert outcome.err.endswith(f"nothing was written to {tmp_path / 'results' / 'out.jsonl'}\n")
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_told_with_the_way_to_go_on(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [*records(range(29)), "{"])
    folder, expected = tmp_path / "results", tmp_path / "expected"
    call = (source, "--config", tens)
    assert annotate(light_models, expected / name, *call).code == 0
    # A shard is four files. The first time, one of the second shard is too much; the next time, one of the results.
    for file, kept in ((7, "1"), (11, "3")):
        full_disk_at(monkeypatch, file)
        outcome = annotate(light_models, folder / name, *call)
        assert outcome.code == 3
        assert "No space left on device; free " in outcome.err
        assert f"what is done is kept in {folder / f'.{name}.work'}; run the same command again" in outcome.err
        assert contents(folder) == {}
        monkeypatch.undo()
        assert len(list((folder / f".{name}.work").glob("*.json"))) == int(kept)
    calls = annotated_groups(monkeypatch)
    assert annotate(light_models, folder / name, *call).code == 0
    assert calls == []
    assert contents(folder) == contents(expected)


def stopped(models: Path, output: Path, monkeypatch: pytest.MonkeyPatch, *call: str | Path) -> None:
    """Stop a run before its third shard."""
    with monkeypatch.context() as patch:
        annotated_groups(patch, stop=(3, KeyboardInterrupt()))
        assert annotate(models, output, *call).code == 130


def test_what_is_damaged_on_the_disk_is_done_again(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(40)))
    output, expected = tmp_path / "results" / "out.jsonl", tmp_path / "expected" / "out.jsonl"
    call = (source, "--config", tens)
    annotate(light_models, expected, *call)
    stopped(light_models, output, monkeypatch, *call)
    part = output.parent / ".out.jsonl.work" / "00000001.annotations"
    part.write_bytes(part.read_bytes().replace(b"ferry", b"fairy"))
    calls = annotated_groups(monkeypatch)
    assert annotate(light_models, output, *call).code == 0
    assert calls == [10, 10, 10]
    assert contents(output.parent) == contents(expected.parent)


def test_what_is_done_serves_another_call_only_where_nothing_differs(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(40)))
    other = tmp_path / "other.yaml"
    other.write_text("annotate: {shard_articles: 10, min_scores: {topic: 1.0}}\n", encoding="utf-8")
    changed = write_jsonl(tmp_path / "changed.jsonl", records(range(10, 50)))
    first = (source, "--config", tens)
    for number, (call, done) in enumerate(
        [
            ((source, "--config", other), 40),
            ((*first, "--keep-raw"), 40),
            ((changed, "--config", tens), 40),
            ((*first, "--fresh"), 40),
            ((*first, "--limit", "25"), 5),
            ((*first, "--limit", "15"), 5),
            (first, 20),
        ]
    ):
        output, expected = (tmp_path / f"{name}{number}" / "out.jsonl" for name in ("results", "expected"))
        annotate(light_models, expected, *call)
        stopped(light_models, output, monkeypatch, *first)
        with monkeypatch.context() as patch:
            calls = annotated_groups(patch)
            assert annotate(light_models, output, *call).code == 0
        assert sum(calls) == done, call
        assert contents(output.parent) == contents(expected.parent), call


def test_a_line_that_was_corrected_meanwhile_costs_its_shard_alone(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = records(range(40))
    source = write_jsonl(tmp_path / "in.jsonl", lines)
    output, expected = tmp_path / "results" / "out.jsonl", tmp_path / "expected" / "out.jsonl"
    call = (source, "--config", tens)
    stopped(light_models, output, monkeypatch, *call)
    lines[12]["title"] = "Ferry 12, corrected"
    write_jsonl(source, lines)
    annotate(light_models, expected, *call)
    calls = annotated_groups(monkeypatch)
    assert annotate(light_models, output, *call).code == 0
    assert calls == [10, 10, 10]
    assert contents(output.parent) == contents(expected.parent)


def test_an_output_that_another_run_is_writing_is_refused(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(2)))
    output = tmp_path / "results" / "out.jsonl"
    output.parent.mkdir()
    with Journal(output, Recipe(light_models, Config(), ".jsonl")):
        outcome = annotate(light_models, output, source, "--fresh")
    assert outcome.code == 3
    assert f"another run is writing {output}; wait for its end or name another" in outcome.err
    assert annotate(light_models, output, source).code == 0


def test_the_work_that_is_kept_is_no_input(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "both"
    write_jsonl(folder / "in.jsonl", records(range(40)))
    stopped(light_models, folder / "out.parquet", monkeypatch, folder, "--config", tens)
    assert annotate(light_models, folder / "out.parquet", folder, "--config", tens).code == 0
    assert summary(folder / "out.parquet")["read"] == 40


def test_what_a_killed_run_has_left_of_a_folder_is_no_input(light_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    write_jsonl(folder / "in.jsonl", records(range(3)))
    left = folder / ".out.part" / "part-00000.parquet"
    left.parent.mkdir()
    pq.write_table(pa.table({"text": [news(9)]}), left)
    assert annotate(light_models, folder / "out", folder).code == 0
    assert summary(folder / "out")["read"] == 3


def stopped_after_naming(models: Path, folder: Path, name: str, results: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a run whose output lies among its inputs when so many of its three results have their names."""
    rename, named = writing._name, []

    def interrupted(part: Path, path: Path) -> None:
        rename(part, path)
        named.extend([path] * (path.parent == folder))
        if len(named) == results:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_name", interrupted)
        assert annotate(models, folder / name, folder).code == 130


@pytest.mark.parametrize(("name", "results"), [("out.jsonl", 1), ("out.jsonl", 3), ("out", 3)])
def test_what_a_killed_run_has_named_is_no_input(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, results: int
) -> None:
    folder = tmp_path / "both"
    write_jsonl(folder / "in.jsonl", [*records(range(3)), "{"])
    stopped_after_naming(light_models, folder, name, results, monkeypatch)
    assert (folder / name).exists() == (results == 3), "the output is named last"
    assert annotate(light_models, folder / name, folder).code == 1
    assert summary(folder / name)["read"] == 4
    outcome = annotate(light_models, folder / name, folder)
    assert outcome.code == 2
    assert "is an input and would be overwritten" in outcome.err


def test_a_file_of_ones_own_in_the_place_of_a_killed_run_s_output_is_never_overwritten(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "both"
    source = write_jsonl(folder / "in.jsonl", records(range(3)))
    stopped_after_naming(light_models, folder, "out.jsonl", 3, monkeypatch)
    (folder / "out.jsonl").unlink()
    source.rename(folder / "out.jsonl")
    outcome = annotate(light_models, folder / "out.jsonl", folder)
    assert outcome.code == 2
    assert "out.jsonl is an input and would be overwritten" in outcome.err


def test_a_folder_that_holds_an_input_is_no_output(light_models: Path, tmp_path: Path) -> None:
    """It would be replaced, with all that is in it."""
    source = tmp_path / "folder" / "part-00000.parquet"
    source.parent.mkdir()
    pq.write_table(pa.table({"text": [news(1)]}), source)
    (tmp_path / "link").symlink_to(source.parent)
    before = source.read_bytes()
    for given in (source.parent, source, tmp_path / "link", tmp_path / "link" / "*.parquet", tmp_path):
        outcome = annotate(light_models, source.parent, given)
        assert outcome.code == 2
        assert "part-00000.parquet is an input and would be overwritten; name another output" in outcome.err
        assert source.read_bytes() == before


def test_a_rejected_file_or_summary_that_cannot_be_written_leaves_no_output(light_models: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(1)))
    for name in ("rejected.jsonl", "summary.json"):
        output = tmp_path / name / "out.jsonl"
        (tmp_path / name / f"out.jsonl.{name}").mkdir(parents=True)
        outcome = annotate(light_models, output, source)
        assert outcome.code == 3
        assert f"out.jsonl.{name}" in outcome.err
        assert contents(tmp_path / name) == {}
        (tmp_path / name / f"out.jsonl.{name}").rmdir()
        assert annotate(light_models, output, source).code == 0


# --- streams


def test_a_stream_holds_what_a_file_would(light_models: Path, tmp_path: Path) -> None:
    lines = [*records(range(20)), "{", *records(range(20, 25)), {"id": "r25"}]
    content = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines).encode()
    annotate(light_models, tmp_path / "out.jsonl", "-", "--keep-raw", stdin=content)
    outcome = annotate(light_models, Path("-"), "-", "--keep-raw", stdin=content)
    assert outcome.out.encode() == (tmp_path / "out.jsonl").read_bytes()
    *refused, counts = outcome.err.splitlines()
    assert [json.loads(line) for line in refused] == rejected(tmp_path / "out.jsonl")
    assert counts.startswith("25 articles annotated (")
    assert counts.endswith("/s), 2 rejected")
    assert outcome.code == 0
    assert annotate(light_models, Path("-"), "-", "--limit", "21", stdin=content).out.count("\n") == 20
    assert annotate(light_models, Path("-"), "-", stdin=b"{").code == 1


def test_a_stream_that_is_interrupted_does_not_say_that_nothing_was_written(
    light_models: Path, tmp_path: Path, tens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(range(30)))
    annotated_groups(monkeypatch, stop=(2, KeyboardInterrupt()))
    outcome = annotate(light_models, Path("-"), source, "--config", tens)
    assert (outcome.code, outcome.out.count("\n"), outcome.err) == (130, 10, "newsfacts: interrupted\n")


@pytest.mark.parametrize("full", ["standard error", "standard output"])
def test_a_stream_that_cannot_be_written_is_named(light_models: Path, tmp_path: Path, full: str) -> None:
    class Full(io.BytesIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    source = write_jsonl(tmp_path / "in.jsonl", ["{"])
    answers, refusals = (Full() if name == full else io.BytesIO() for name in ("standard output", "standard error"))
    with pytest.raises(OutputError, match=f"cannot write {full}: No space left on device"):
        batch.annotate_stream([str(source)], Recipe(light_models, Config(), ".jsonl"), answers, refusals)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_stream_whose_refusals_cannot_be_written_ends_as_one_whose_answers_cannot(light_models: Path) -> None:
    code = "from pipeline.__main__ import main; main()"
    call = [sys.executable, "-c", code, "annotate", "-", "--output", "-", "--models", str(light_models)]
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(call, cwd=ROOT, input=b"{", stdout=subprocess.PIPE, stderr=full, check=False)
    assert (run.returncode, run.stdout) == (3, b"")


@pytest.mark.parametrize("option", [("--workers", "2"), ("--engine", "ray"), ("--fresh",)])
def test_a_stream_takes_no_option_that_needs_files(light_models: Path, option: tuple[str, ...]) -> None:
    outcome = annotate(light_models, Path("-"), "-", *option)
    assert outcome.code == 2
    assert "--output - takes no --engine ray, --workers or --fresh; name a file" in outcome.err


@pytest.mark.slow
def test_answers_of_a_stream_do_not_wait_for_its_end_and_a_reader_may_leave(light_models: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("annotate: {shard_articles: 1}\n", encoding="utf-8")
    code = "from pipeline.__main__ import main; main()"
    call = ["annotate", "-", "--output", "-", "--models", str(light_models), "--config", str(config)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *call],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        for record in records(range(2)):
            program.stdin.write(json.dumps(record).encode() + b"\n")
            program.stdin.flush()
            assert json.loads(program.stdout.readline())["id"] == record["id"]
        program.stdout.close()
        program.stdin.write(json.dumps(records(range(1))[0]).encode() + b"\n")
        program.stdin.close()
        said = program.stderr.read().decode()
        program.wait()
    assert said == "newsfacts: cannot write standard output: Broken pipe; free the place or name another\n"
    assert program.returncode == 3
