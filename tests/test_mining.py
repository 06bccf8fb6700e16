"""``newsfacts mine``: what it learns from a folder of articles, and what ``annotate --recurring`` does with it."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.boilerplate.recurring import Miner, Recurring, read
from pipeline.records import file_digest
from tests.calls import Outcome, newsfacts

WORDS = (
    *("river", "council", "bridge", "harbour", "ferry", "market", "school", "budget", "winter", "garden"),
    *("engine", "planet", "doctor", "village", "museum", "stadium", "tunnel", "orchard", "factory", "castle"),
)
# No rule takes these, and they are wordy: from eight articles on, no line classifier is asked.
BLOCK = "The Herald, volume {}, comes from the presses at the old quay of Southport every morning"
COURIER = "The Courier prints what it can prove and says so where it cannot yet prove a thing"
Record = dict[str, Any]


def story(key: object, count: int = 6) -> list[str]:
    """Return body lines that no article of another key has."""
    told = [" ".join(random.Random(f"{key} {line}").sample(WORDS, 12)) for line in range(count)]
    return [f"{line.capitalize()}, the council said." for line in told]


def record(number: int, **fields: Any) -> Record:
    """Return an article of The Herald of its own day, with the block at its end."""
    text = "\n\n".join([*story(number), BLOCK.format(number)])
    return {"id": f"h{number}", "text": text, "source": "The Herald", "published": f"2024-03-{number:02}", **fields}


def courier(number: int) -> Record:
    text = "\n\n".join([*story(f"courier {number}"), COURIER])
    return record(number, text=text, source=None, url=f"https://www.courier.example/{number}")


def write(path: Path, records: Sequence[Record | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in records)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight articles of each of two outlets, in three files."""
    folder = tmp_path_factory.mktemp("archive")
    write(folder / "herald.jsonl", [record(number) for number in range(1, 6)])
    write(folder / "more" / "herald.jsonl", [record(number) for number in range(6, 9)])
    write(folder / "more" / "courier.jsonl", [courier(number) for number in range(1, 9)])
    return folder


@pytest.fixture(scope="module")
def mined(light_models: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is learnt from that archive."""
    output = tmp_path_factory.mktemp("mined") / "recurring.json"
    assert mine(light_models, archive, output=output).code == 0
    return output


def mine(models: Path, source: Path | str, *options: str | Path, output: Path, stdin: bytes = b"") -> Outcome:
    return newsfacts("mine", source, "--output", output, "--models", models, *options, stdin=stdin)


def annotate(models: Path, source: Path, *options: str | Path, output: Path) -> list[dict[str, Any]]:
    outcome = newsfacts("annotate", source, "--output", output, "--models", models, *options)
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def config(folder: Path, **sections: Mapping[str, Any]) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path


def seal(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write another manifest for a model, and its digest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "manifest.sha256").write_text(f"{file_digest(path)}  manifest.json\n", encoding="utf-8")


def templates(path: Path) -> list[tuple[str, str, int]]:
    """Return outlet, template and support of each block, but for the one that leaves the names out."""
    return [(block.outlet, block.template, block.articles) for block in read(path).blocks if "◦" not in block.template]


HERALD_BLOCK = ("the herald", BLOCK.format(0).lower(), 8)
COURIER_BLOCK = ("courier.example", COURIER.lower(), 8)


# --- what is learnt


def test_the_blocks_of_a_folder_are_written_by_outlet(
    light_models: Path, archive: Path, mined: Path, tmp_path: Path
) -> None:
    output = tmp_path / "again.json"
    outcome = mine(light_models, archive, output=output)
    assert outcome.code == 0
    assert outcome.out == ""
    assert output.read_bytes() == mined.read_bytes()
    assert templates(output) == [COURIER_BLOCK, HERALD_BLOCK]
    blocks = read(output).blocks
    assert {(block.kind, block.zones, block.dates) for block in blocks} == {("line", ("bottom",), 8)}
    assert f"{len(blocks)} blocks of 2 outlets in {output}, from 16 articles" in outcome.err
    assert "without" not in outcome.err


def test_articles_are_mined_from_standard_input_and_globs_too(
    light_models: Path, archive: Path, tmp_path: Path
) -> None:
    records = "".join(f"{json.dumps(record(number))}\n" for number in range(1, 9)).encode()
    assert mine(light_models, "-", output=tmp_path / "piped.json", stdin=records).code == 0
    assert mine(light_models, f"{archive}/**/herald.jsonl", output=tmp_path / "named.json").code == 0
    assert templates(tmp_path / "piped.json") == templates(tmp_path / "named.json") == [HERALD_BLOCK]


def test_articles_without_source_or_url_are_counted_and_teach_nothing(light_models: Path, tmp_path: Path) -> None:
    nameless = [record(number, source=None if number % 2 else " ") for number in range(1, 10)]
    source = write(tmp_path / "in.jsonl", [*nameless, *(record(number) for number in range(11, 19))])
    outcome = mine(light_models, source, output=tmp_path / "recurring.json")
    assert outcome.code == 0
    assert "from 17 articles, 9 of them without source or url" in outcome.err
    assert templates(tmp_path / "recurring.json") == [HERALD_BLOCK]


def test_what_is_no_article_is_left_out_and_counts_for_the_exit_code(light_models: Path, tmp_path: Path) -> None:
    good = [record(number) for number in range(1, 9)]
    source = write(tmp_path / "in.jsonl", [*good, "{", {"text": " "}])
    outcome = mine(light_models, source, output=tmp_path / "recurring.json")
    assert outcome.code == 1
    assert "from 8 articles" in outcome.err
    assert "20% of the inputs were rejected" in outcome.err
    assert "empty 1, malformed-json 1" in outcome.err
    assert f"left out: malformed-json in line 9 of {source}: " in outcome.err
    assert f"left out: empty in line 10 of {source}: " in outcome.err
    (tmp_path / "nothing").mkdir()
    beside = mine(light_models, source, tmp_path / "nothing", output=tmp_path / "recurring.json")
    assert f"left out: empty 2 times, first in line 10 of {source}: " in beside.err
    first = mine(light_models, tmp_path / "nothing", source, output=tmp_path / "recurring.json")
    assert f"left out: empty 2 times, first in {tmp_path / 'nothing'}: holds no file ending in " in first.err
    assert templates(tmp_path / "recurring.json") == [HERALD_BLOCK]
    lenient = config(tmp_path, annotate={"max_rejected_share": 0.2})
    assert mine(light_models, source, "--config", lenient, output=tmp_path / "recurring.json").code == 0


def test_a_folder_in_which_nothing_recurs_gives_a_file_without_blocks(light_models: Path, tmp_path: Path) -> None:
    apart = [record(number, text="\n".join(story(number))) for number in range(1, 9)]
    outcome = mine(light_models, write(tmp_path / "in.jsonl", apart), output=tmp_path / "recurring.json")
    assert outcome.code == 0
    assert "0 blocks of 0 outlets" in outcome.err
    found = annotate(
        light_models, tmp_path / "in.jsonl", "--recurring", tmp_path / "recurring.json", output=tmp_path / "out.jsonl"
    )
    assert len(found) == 8


# --- thresholds


def test_a_configuration_overrides_how_much_evidence_makes_a_block(
    light_models: Path, archive: Path, tmp_path: Path
) -> None:
    few = write(tmp_path / "few.jsonl", [record(number) for number in (1, 2, 3)])
    output = tmp_path / "recurring.json"
    assert mine(light_models, few, output=output).code == 0
    assert templates(output) == []
    lower = config(tmp_path, train_boilerplate={"recurring": {"min_articles": 3, "min_residue": 0.0}})
    assert mine(light_models, few, "--config", lower, output=output).code == 0
    assert templates(output) == [(*HERALD_BLOCK[:2], 3)]
    higher = config(tmp_path, train_boilerplate={"recurring": {"min_dates": 9}})
    assert mine(light_models, archive, "--config", higher, output=output).code == 0
    assert templates(output) == []


def test_without_one_the_thresholds_are_those_of_the_model(light_models: Path, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "boilerplate"
    shutil.copytree(light_models / "boilerplate", folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["config"]["recurring"]["min_articles"] = 9
    seal(folder, manifest)
    output = tmp_path / "recurring.json"
    elsewhere = config(tmp_path, annotate={"shard_articles": 3})
    for options in ((), ("--config", elsewhere)):
        assert mine(tmp_path / "models", archive, *options, output=output).code == 0
        assert templates(output) == []
    assert mine(light_models, archive, "--config", elsewhere, output=output).code == 0
    assert templates(output) == [COURIER_BLOCK, HERALD_BLOCK]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"train_boilerplate": {"recurring": {"min_article": 3}}}, "did you mean 'min_articles'"),
        ({"train_boilerplate": {"recurring": {"min_articles": 1}}}, "must be at least 2, not 1"),
        ({"recurring": {"min_articles": 3}}, "unknown section 'recurring'"),
    ],
)
def test_a_wrong_configuration_is_refused(
    light_models: Path, archive: Path, tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    path = config(tmp_path, **sections)
    outcome = mine(light_models, archive, "--config", path, output=tmp_path / "recurring.json")
    assert outcome.code == 2
    assert str(path) in outcome.err
    assert said in outcome.err
    assert not (tmp_path / "recurring.json").exists()


# --- what is removed


def test_a_mined_block_is_taken_out_of_a_new_article_and_says_where_it_stood(
    light_models: Path, mined: Path, tmp_path: Path
) -> None:
    line = BLOCK.format("1,204").replace("old quay", "old&nbsp;quay")
    raw = "  \r\n".join([*story("caf&eacute;"), line, ""])
    fresh = write(tmp_path / "new.jsonl", [record(28, text=raw)])
    [found] = annotate(light_models, fresh, "--recurring", mined, output=tmp_path / "out.jsonl")
    [removal] = [one for one in found["removed"] if one["reason"].startswith("recurring:")]
    assert removal["text"] == line == raw[removal["raw_start"] : removal["raw_end"]]
    [block] = [one for one in read(mined).blocks if removal["reason"] == f"recurring:{one.id}"]
    assert (block.outlet, block.role) == ("the herald", removal["role"])
    assert "presses" not in found["text"]


def test_the_blocks_in_use_are_part_of_the_provenance(light_models: Path, mined: Path, tmp_path: Path) -> None:
    fresh, output, other = write(tmp_path / "new.jsonl", [record(28)]), tmp_path / "out.jsonl", tmp_path / "other.json"
    other.write_bytes(Recurring(read(mined).blocks[:1]).to_json())
    [without] = annotate(light_models, fresh, output=output)
    assert not [one for one in without["removed"] if one["reason"].startswith("recurring:")]
    configs = {without["provenance"]["config"]}
    for blocks in (mined, other):
        [found] = annotate(light_models, fresh, "--recurring", blocks, output=output)
        configs.add(found["provenance"]["config"])
        named = {"recurring": f"sha256:{file_digest(blocks)}"}  # as sha256sum prints it
        assert found["provenance"]["models"] == without["provenance"]["models"] | named
    assert len(configs) == 3


def test_of_another_outlet_or_with_the_layer_off_nothing_is_taken(
    light_models: Path, mined: Path, tmp_path: Path
) -> None:
    records = [record(26), record(27, source="The Courier"), record(28, source=None)]
    fresh = write(tmp_path / "new.jsonl", records)
    off = config(tmp_path, annotate={"strip": {"recurring": False}})
    for options, taken in (((), ["h26"]), (("--config", off), [])):
        found = annotate(light_models, fresh, "--recurring", mined, *options, output=tmp_path / "out.jsonl")
        reasons = {one["id"]: [removal["reason"].partition(":")[0] for removal in one["removed"]] for one in found}
        assert [identity for identity, given in reasons.items() if "recurring" in given] == taken


# --- faults


def test_an_output_that_is_an_input_is_refused(light_models: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "herald.jsonl", [record(number) for number in range(1, 9)])
    before = source.read_bytes()
    for given in (source, source.parent, f"{source.parent}/*.jsonl"):
        outcome = mine(light_models, given, output=source)
        assert outcome.code == 2
        assert f"{source} is an input and would be overwritten; name another output" in outcome.err
        assert source.read_bytes() == before


def test_inputs_that_do_not_exist_are_refused(light_models: Path, tmp_path: Path) -> None:
    outcome = mine(light_models, tmp_path / "nowhere*.jsonl", output=tmp_path / "recurring.json")
    assert outcome.code == 2
    assert "nowhere*.jsonl" in outcome.err
    assert not (tmp_path / "recurring.json").exists()


def test_missing_or_damaged_models_leave_the_output_of_before(
    light_models: Path, archive: Path, tmp_path: Path
) -> None:
    output = tmp_path / "recurring.json"
    output.write_text("of before", encoding="utf-8")
    (tmp_path / "wrong").mkdir()
    shutil.copytree(light_models / "topic", tmp_path / "wrong" / "boilerplate")
    for models, said in (("nowhere", "make repro"), ("wrong", "a model for topic, not for boilerplate")):
        outcome = mine(tmp_path / models, archive, output=output)
        assert outcome.code == 3
        assert str(tmp_path / models / "boilerplate") in outcome.err
        assert said in outcome.err
    assert output.read_text(encoding="utf-8") == "of before"


@pytest.mark.parametrize(
    "content",
    [None, "", "{", '{"text": "The port closed."}\n', '{"blocks": [{"id": "1"}]}', "blocks: []"],
    ids=["missing", "empty", "cut", "articles", "other blocks", "YAML"],
)
def test_annotating_with_a_file_that_holds_no_blocks_is_refused_with_the_way_to_get_some(
    light_models: Path, tmp_path: Path, content: str | None
) -> None:
    blocks, output = tmp_path / "recurring.json", tmp_path / "out.jsonl"
    if content is not None:
        blocks.write_text(content, encoding="utf-8")
    source = write(tmp_path / "in.jsonl", [record(1)])
    outcome = newsfacts("annotate", source, "--output", output, "--models", light_models, "--recurring", blocks)
    assert outcome.code == 2
    assert str(blocks) in outcome.err
    assert "write it with 'newsfacts mine'" in outcome.err
    assert not output.exists()


def test_an_output_that_cannot_be_written_is_named(light_models: Path, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for output in (tmp_path / "file" / "recurring.json", tmp_path / "folder"):
        outcome = mine(light_models, archive, output=output)
        assert outcome.code in (2, 3)
        assert str(output if output.is_dir() else output.parent) in outcome.err
    assert (tmp_path / "file").read_bytes() == b""
    assert list((tmp_path / "folder").iterdir()) == []


def test_stopping_it_says_that_nothing_was_written(
    light_models: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "recurring.json"
    output.write_text("of before", encoding="utf-8")

    def interrupt(self: object, article: object, lines: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Miner, "add", interrupt)
    outcome = mine(light_models, archive, output=output)
    assert outcome.code == 130
    assert output.read_text(encoding="utf-8") == "of before"
    assert f"interrupted; nothing was written to {output}" in outcome.err


def test_an_output_in_a_new_folder_is_written(light_models: Path, archive: Path, tmp_path: Path) -> None:
    assert mine(light_models, archive, output=tmp_path / "new" / "recurring.json").code == 0
    assert read(tmp_path / "new" / "recurring.json").blocks


def test_a_pipe_is_not_replaced_by_a_file(light_models: Path, archive: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    outcome = mine(light_models, archive, output=pipe)
    assert pipe.is_fifo()
    assert outcome.code == 3
    assert f"{pipe} is a device or pipe" in outcome.err


def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    light_models: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[object] = []
    monkeypatch.setattr(Miner, "add", lambda self, article, lines: worked.append(article))
    (tmp_path / "folder").mkdir()
    assert mine(light_models, archive, output=tmp_path / "folder").code in (2, 3)
    assert worked == []


@pytest.mark.parametrize("command", ["mine", "annotate"])
def test_a_model_from_before_there_were_blocks_is_refused(
    light_models: Path, archive: Path, tmp_path: Path, command: str
) -> None:
    shutil.copytree(light_models, tmp_path / "models")
    folder = tmp_path / "models" / "boilerplate"
    (folder / "recurring.json").unlink()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["config"]["recurring"], manifest["files"]["recurring.json"]
    seal(folder, manifest)
    outcome = newsfacts(command, archive, "--output", tmp_path / "out.jsonl", "--models", tmp_path / "models")
    assert outcome.code == 3
    assert "make repro" in outcome.err


def test_blocks_in_use_are_not_overwritten_by_the_annotations(
    light_models: Path, archive: Path, mined: Path, tmp_path: Path
) -> None:
    blocks = tmp_path / "recurring.jsonl"
    shutil.copy(mined, blocks)
    before = blocks.read_bytes()
    outcome = newsfacts("annotate", archive, "--output", blocks, "--models", light_models, "--recurring", blocks)
    assert blocks.read_bytes() == before
    assert outcome.code == 2
