"""Shards: cut by inputs and configuration alone, and annotated the same wherever that is."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import shards, writing
from pipeline.article import Rejection
from pipeline.parsing import Unit
from pipeline.shards import Config, Recipe, Shard, ShardAnnotator, cut

NEWS = (
    "The council of Port {0} closed the ferry on Monday. Nato sent {0} engineers to the quay, and the mayor was glad."
)

names = st.text(max_size=5)
documents = st.builds(
    Unit, names, st.integers(0, 9), st.sampled_from(["text", "page", "record"]), st.binary(max_size=20)
)
rows = st.builds(
    Unit, names, st.integers(0, 9), st.just("record"), st.dictionaries(names, names | st.none() | st.binary(max_size=3))
)
rejections = st.builds(Rejection, names, st.integers(0, 9), st.none() | names, st.just("empty"), names)
inputs = st.lists(documents | rows | rejections, max_size=12)
configs = st.builds(Config, shard_articles=st.integers(1, 5), shard_bytes=st.integers(1, 80))


@given(inputs, configs)
def test_every_input_is_in_one_shard_in_order_and_no_shard_is_too_large(items: list[Any], config: Config) -> None:
    found = list(cut(items, config))
    assert [item for shard in found for item in shard.items] == items
    assert [shard.number for shard in found] == list(range(len(found)))
    for shard in found:
        assert 1 <= len(shard.items) <= config.shard_articles
        assert shard.size <= config.shard_bytes or len(shard.items) == 1


@given(inputs, configs, st.integers(0, 12))
def test_what_comes_later_moves_no_shard(items: list[Any], config: Config, end: int) -> None:
    whole, begun = list(cut(items, config)), list(cut(items[:end], config))
    assert begun[:-1] == whole[: max(0, len(begun) - 1)]


def test_a_full_shard_does_not_wait_for_the_input_after_it() -> None:
    def endless() -> Any:
        yield from (Unit("-", number, "record", b"{}") for number in (1, 2))
        pytest.fail("one input more was asked for")

    assert [item.line for item in next(cut(endless(), Config(shard_articles=2))).items] == [1, 2]


def test_shards_grow_until_they_are_full() -> None:
    """The first is soon there, whatever the others hold."""
    units = [Unit("-", number, "record", b"{}") for number in range(200)]
    assert [len(shard.items) for shard in cut(units, Config(shard_articles=50))] == [16, 32, 50, 50, 50, 2]


@pytest.mark.parametrize(
    "change",
    [{"input": "b"}, {"line": 2}, {"kind": "page"}, {"content": b"two"}, {"warnings": ("decoded: cp1252",)}],
)
def test_the_digest_of_a_shard_is_that_of_all_that_its_inputs_are(change: dict[str, Any]) -> None:
    unit = Unit("a", 1, "text", b"one")
    [[first], [second]] = [list(cut([one], Config())) for one in (unit, replace(unit, **change))]
    assert first.digest != second.digest


@given(st.lists(documents | rows, max_size=3), st.lists(documents | rows, max_size=3))
def test_shards_of_different_inputs_have_different_digests(one: list[Unit], other: list[Unit]) -> None:
    digests = [[shard.digest for shard in cut(items, Config())] for items in (one, other)]
    assert (digests[0] == digests[1]) is (one == other)


def test_a_row_nested_beyond_reason_is_rejected_before_it_is_sent_anywhere() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    [shard] = cut([Unit("a.parquet", 3, "record", {"text": "It rained.", "deep": deep})], Config())
    assert shard.items == (Rejection("a.parquet", 3, None, "malformed-json", "a field is nested too deep"),)


def news(numbers: range) -> Shard:
    lines = [json.dumps({"id": number, "text": NEWS.format(number)}).encode() for number in numbers]
    [shard] = cut([Unit("in.jsonl", number, "record", line) for number, line in enumerate(lines, 1)], Config())
    return shard


@pytest.mark.parametrize("form", [".jsonl", ".jsonl.gz", ".parquet"])
def test_a_shard_comes_out_the_same_again_and_after_it_was_sent(light_models: Path, form: str) -> None:
    recipe, shard = Recipe(light_models, Config(), form), news(range(4))
    with ShardAnnotator(recipe) as one, ShardAnnotator(pickle.loads(pickle.dumps(recipe))) as other:
        first = one.annotate(shard)
        one.annotate(news(range(9)))
        assert one.annotate(shard) == first
        assert other.annotate(pickle.loads(pickle.dumps(shard))) == first
    assert (first.read, first.annotated, len(first.ids)) == (4, 4, 4 * shards.ID_BYTES)


def test_long_articles_are_annotated_in_groups_and_come_out_in_order(
    light_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ShardAnnotator(Recipe(light_models, Config(), ".jsonl")) as annotator:
        at_once = annotator.annotate(news(range(7)))
        for characters in (1, 3 * len(NEWS), 10_000):
            monkeypatch.setattr(shards, "GROUP_CHARACTERS", characters)
            assert annotator.annotate(news(range(7))) == at_once


def test_a_shard_of_nothing_but_rejections_has_no_annotations(light_models: Path) -> None:
    [shard] = cut([Unit("a.jsonl", 1, "record", b"{"), Rejection("b", 0, None, "empty", "no")], Config())
    for form in (".jsonl", ".jsonl.gz", ".parquet"):
        with ShardAnnotator(Recipe(light_models, Config(), form)) as annotator:
            found = annotator.annotate(shard)
        assert (found.annotations, found.annotated) == (writing.encode([], form), 0)
        assert found.rejected == {"empty": 1, "malformed-json": 1}
        assert [json.loads(line)["input"] for line in found.rejections.splitlines()] == ["a.jsonl", "b"]
