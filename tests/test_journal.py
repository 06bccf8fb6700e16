"""The journal: a finished shard is never done again, and one that is damaged or of another run never used."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import journal, writing
from pipeline.article import Provenance
from pipeline.boilerplate.layers import Config as StripConfig
from pipeline.boilerplate.recurring import Block, Recurring
from pipeline.errors import OutputError
from pipeline.journal import Journal, folder_of, kept_runtime
from pipeline.parsing import Unit
from pipeline.reading import Config as ReadingConfig
from pipeline.shards import ID_BYTES, Config, Finished, Recipe, Shard, cut

SHARDS = list(cut([Unit("a", line, "record", b"{}") for line in range(1, 4)], Config(shard_articles=1)))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "results" / "out.jsonl"


@pytest.fixture
def recipe(tmp_path: Path, output: Path) -> Recipe:
    """A recipe whose models are manifests alone: nothing is annotated here."""
    output.parent.mkdir()
    for task in ("topic", "claims"):
        (tmp_path / "models" / task).mkdir(parents=True)
        (tmp_path / "models" / task / "manifest.json").write_text(task, encoding="utf-8")
    return Recipe(tmp_path / "models", Config(), ".jsonl")


def finished(shard: Shard, ids: bytes = bytes(ID_BYTES)) -> Finished:
    return Finished(
        number=shard.number,
        digest=shard.digest,
        annotations=b"annotations %d\n" % shard.number,
        rejections=b"rejections %d\n" % shard.number,
        ids=ids,
        annotated=len(ids) // ID_BYTES,
        rejected={"empty": 1},
        warnings=2,
        provenance=Provenance("0", "sha256:0", {}, "torch"),
    )


def run(
    output: Path,
    recipe: Recipe,
    work: Callable[[Journal], object],
    *,
    stop: BaseException | None = None,
    fresh: bool = False,
) -> None:
    with Journal(output, recipe, fresh=fresh) as kept:
        work(kept)
        if stop:
            raise stop


def keep(*done: Shard) -> Callable[[Journal], object]:
    return lambda kept: [kept.add(finished(shard)) for shard in done]


def stopped(output: Path, recipe: Recipe, *done: Shard) -> BaseException:
    """Keep shards as a run does that is then stopped; return what stopped it."""
    stop = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(output, recipe, keep(*done), stop=stop)
    return stop


def held(output: Path, recipe: Recipe, shards: Sequence[Shard] = SHARDS, *, fresh: bool = False) -> list[int]:
    """Return which shards a run finds finished; it is stopped in its turn."""
    found: list[int] = []

    def look(kept: Journal) -> None:
        found.extend(shard.number for shard in shards if kept.holds(shard))

    with pytest.raises(KeyboardInterrupt):
        run(output, recipe, look, stop=KeyboardInterrupt(), fresh=fresh)
    return found


def test_a_stopped_run_keeps_what_is_finished_and_says_how_to_go_on(output: Path, recipe: Recipe) -> None:
    stop = stopped(output, recipe, SHARDS[0], SHARDS[2])
    [note] = stop.__notes__
    assert str(folder_of(output)) in note
    assert "run the same command again to go on, or with --fresh" in note
    assert held(output, recipe) == [0, 2]
    assert held(output, recipe, fresh=True) == []


def test_a_run_without_a_finished_shard_leaves_nothing(output: Path, recipe: Recipe) -> None:
    assert not hasattr(stopped(output, recipe), "__notes__")
    assert not list(output.parent.iterdir())


def test_a_run_that_ends_well_gives_its_shards_in_order_and_leaves_nothing(output: Path, recipe: Recipe) -> None:
    stopped(output, recipe, SHARDS[1])
    with Journal(output, recipe) as kept:
        for number in (2, 0):
            kept.add(finished(SHARDS[number]))
        found = list(kept.entries(3))
    assert [parts for _, *parts in found] == [[b"annotations %d\n" % n, b"rejections %d\n" % n] for n in range(3)]
    assert all((entry.annotated, entry.rejected, entry.warnings) == (1, {"empty": 1}, 2) for entry, *_ in found)
    assert not list(output.parent.iterdir())


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [altered, cut_off, Path.unlink], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("part", ["annotations", "rejections", "ids", "json"])
def test_a_damaged_shard_is_done_again(output: Path, recipe: Recipe, damage: Callable[[Path], None], part: str) -> None:
    stopped(output, recipe, *SHARDS)
    damage(folder_of(output) / f"00000001.{part}")
    assert held(output, recipe) == [0, 2]


def test_a_shard_that_is_damaged_while_the_run_goes_on_is_never_put_out(output: Path, recipe: Recipe) -> None:
    def damaged(kept: Journal) -> None:
        kept.add(finished(SHARDS[0]))
        altered(folder_of(output) / "00000000.annotations")
        list(kept.entries(1))

    with pytest.raises(OutputError, match=r"00000000\.\* was altered while the run went on; run it again"):
        run(output, recipe, damaged)


BLOCK = Block("b", "The Bell", "line", "read more", "related", ("bottom",), 4, 3, 0.9, "Read more")


@pytest.mark.parametrize(
    "change",
    [
        {"form": ".parquet"},
        {"keep_raw": True},
        {"runtime": "onnx"},
        {"recurring": Recurring((BLOCK,))},
        {"config": Config(strip=StripConfig())},
        {"config": Config(min_scores={"topic": 0.5})},
        {"config": Config(shard_articles=1)},
        {"config": Config(reading=ReadingConfig(max_article_bytes=9))},
    ],
    ids=str,
)
def test_what_another_configuration_has_left_is_not_used(output: Path, recipe: Recipe, change: dict[str, Any]) -> None:
    stopped(output, recipe, *SHARDS)
    assert held(output, replace(recipe, **change)) == []
    assert held(output, recipe) == [0, 1, 2]


def test_what_does_not_change_an_annotation_may_change(output: Path, recipe: Recipe) -> None:
    stopped(output, recipe, *SHARDS)
    assert held(output, replace(recipe, threads=7, config=Config(max_rejected_share=0.9))) == [0, 1, 2]


def test_what_other_models_or_inputs_have_left_is_not_used(output: Path, recipe: Recipe) -> None:
    stopped(output, recipe, *SHARDS)
    assert held(output, recipe, [replace(SHARDS[0], digest=SHARDS[1].digest), SHARDS[1]]) == [1]
    (recipe.models / "topic" / "manifest.json").write_text("trained again", encoding="utf-8")
    assert held(output, recipe) == []


def test_the_runtime_of_a_stopped_run_is_kept_while_its_models_are_the_same(output: Path, recipe: Recipe) -> None:
    assert kept_runtime(output, recipe.models) is None
    stopped(output, replace(recipe, runtime="onnx"), SHARDS[0])
    assert kept_runtime(output, recipe.models) == "onnx"
    (recipe.models / "topic" / "manifest.json").write_text("trained again", encoding="utf-8")
    assert kept_runtime(output, recipe.models) is None


def test_a_second_run_into_the_same_output_is_refused_and_disturbs_nothing(output: Path, recipe: Recipe) -> None:
    with Journal(output, recipe) as first:
        first.add(finished(SHARDS[0]))
        with pytest.raises(OutputError, match=r"another run is writing .*out\.jsonl; wait for its end"):
            Journal(output, recipe, fresh=True).__enter__()
        assert first.holds(SHARDS[0])
        with Journal(output.with_name("other.jsonl"), recipe):
            pass
    assert not list(output.parent.iterdir())


def test_a_full_disk_is_told_and_costs_the_shard_at_most(
    output: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def work(kept: Journal) -> None:
        kept.add(finished(SHARDS[0]))
        monkeypatch.setattr(writing, "settle", full)
        kept.add(finished(SHARDS[1]))

    with pytest.raises(OutputError, match=r"cannot write to .*work: No space left on device") as caught:
        run(output, recipe, work)
    assert "to go on" in caught.value.__notes__[0]
    monkeypatch.undo()
    assert held(output, recipe) == [0]


def test_a_disk_that_is_full_from_the_beginning_is_left_as_it_was(
    output: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "settle", full)
        with pytest.raises(OutputError, match=r"cannot write .*work: No space left on device"):
            run(output, recipe, keep())
        assert not list(output.parent.iterdir())
    stopped(output, recipe, SHARDS[0])
    with monkeypatch.context() as patch:
        patch.setattr(writing, "settle", full)
        with pytest.raises(OutputError, match=r"cannot write .*work: No space left on device"):
            run(output, recipe, keep())
    assert held(output, recipe) == [0]


@given(st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=5))
def test_repeated_ids_are_counted_whatever_shard_they_are_in(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]
) -> None:
    output = tmp_path_factory.mktemp("ids") / "out.jsonl"
    units = [Unit("a", number, "record", b"{}") for number in range(len(groups))]
    with pytest.MonkeyPatch.context() as patch, Journal(output, Recipe(output, Config(), ".jsonl")) as kept:
        patch.setattr(journal, "_IDS_AT_ONCE", 4)
        for shard, ids in zip(cut(units, Config(shard_articles=1)), groups, strict=True):
            kept.add(finished(shard, b"".join(number.to_bytes(ID_BYTES, "little") for number in ids)))
        counts = Counter(number for ids in groups for number in ids)
        assert kept.repeated_ids(len(groups)) == sum(count > 1 for count in counts.values())
