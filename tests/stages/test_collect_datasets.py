"""Labelled data sets on their way in: pinned, counted, apart from what is scored, and nothing wrong goes unseen."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from pipeline import datasets
from pipeline.article import Rejection
from pipeline.datasets import LabelledRecord
from pipeline.errors import ConfigError, DataError
from pipeline.records import read_jsonl
from tests.labelled import Record, collect, source, write
from tests.trained import files
from tests.web import Web, closed_port

CLAIMS = ("checkworthy", "factual", "none")
RECORDS: list[Record] = [
    {"text": "It cost $4 million.", "label": "checkworthy"},
    {"text": "The port opened in 1998.", "label": "factual"},
    {"text": "What a shame!", "label": "none"},
]


@pytest.fixture(autouse=True)
def no_cache_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWSFACTS_CACHE", raising=False)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def used(output: Path) -> list[LabelledRecord]:
    return list(read_jsonl(output / "examples.jsonl", LabelledRecord))


def quarantined(output: Path) -> list[tuple[str, int, str]]:
    found = read_jsonl(output / "quarantine.jsonl", Rejection)
    return [(one.input, one.line, one.reason) for one in found]


def test_without_data_sets_the_stage_leaves_no_examples(output: Path) -> None:
    assert collect(output) == {"sources": 0, "examples": 0, "rejected": 0}
    assert files(output) == {"examples.jsonl": b"", "quarantine.jsonl": b""}


def test_a_data_set_is_fetched_into_the_cache_once_and_gives_the_same_bytes_again(
    web: Web, tmp_path: Path, output: Path
) -> None:
    path = write(tmp_path / "own.jsonl", RECORDS)
    web.files["/v1/own.jsonl"] = path.read_bytes()
    own = source(path, "claims", CLAIMS, url=f"{web.address}/v1/own.jsonl", file="deep/own.jsonl")
    figures = collect(output, own, cache=str(tmp_path / "cache"))
    assert figures == {"sources": 1, "examples": 3, "rejected": 0, "own.examples": 3, "own.rejected": 0}
    assert (tmp_path / "cache" / "deep" / "own.jsonl").read_bytes() == path.read_bytes()
    assert collect(tmp_path / "again", own, cache=str(tmp_path / "cache")) == figures
    assert files(tmp_path / "again") == files(output)
    assert web.asked == ["/v1/own.jsonl"]


def test_the_folder_of_the_environment_serves_without_a_network(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "carried" / "own.jsonl", RECORDS)
    own = source(path, "claims", CLAIMS, url=f"http://127.0.0.1:{closed_port()}/own.jsonl", file="own.jsonl")
    with pytest.raises(DataError) as raised:
        collect(output, own, cache=str(tmp_path / "configured"))
    for named in (str(tmp_path / "configured" / "own.jsonl"), own["url"], "NEWSFACTS_CACHE"):
        assert named in str(raised.value)
    assert not output.exists()
    monkeypatch.setenv("NEWSFACTS_CACHE", str(path.parent))
    assert collect(output, own, cache=str(tmp_path / "configured"))["examples"] == 3


def test_a_file_of_ones_own_is_read_where_it_lies_relative_to_the_project(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = source(write(Path("mine/own.jsonl"), RECORDS), "claims", CLAIMS)
    assert own["file"] == "mine/own.jsonl"
    assert collect(output, own, cache="nowhere")["examples"] == 3


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path, output: Path) -> None:
    path = write(tmp_path / "own.jsonl", RECORDS)
    own = source(path, "claims", CLAIMS)
    write(path, RECORDS[:2])
    with pytest.raises(DataError, match=rf"own\.jsonl has sha256 .*, the configuration says {own['sha256']}"):
        collect(output, own)
    path.unlink()
    with pytest.raises(DataError, match=r"no file .*own\.jsonl"):
        collect(output, own)
    assert not output.exists()


def test_what_cannot_be_used_is_quarantined_by_source_and_line_and_the_rest_is_used(
    tmp_path: Path, output: Path
) -> None:
    port = {"text": "The port closed.", "target": "port", "start": 4, "end": 8, "label": "favor"}
    fields = {name: name for name in port}
    one = write(tmp_path / "one.jsonl", ['{"text": ', *RECORDS, {"text": " ", "label": "none"}, {"label": "none"}])
    two = write(tmp_path / "two.jsonl", [port | {"start": 5}, port, port | {"end": 99}, port | {"label": "for"}])
    three = write(tmp_path / "three.csv", [{"text": "Rain fell.", "label": "weather"}, {"text": "x", "label": "magic"}])
    figures = collect(
        output,
        source(one, "claims", CLAIMS),
        source(two, "stance", ["favor"], fields=fields),
        source(three, "topic", ["weather"]),
    )
    assert quarantined(output) == [
        ("one", 1, "malformed-json"),
        ("one", 5, "empty"),
        ("one", 6, "missing-field"),
        ("two", 1, "bad-offset"),
        ("two", 3, "bad-offset"),
        ("two", 4, "unknown-label"),
        ("three", 2, "unknown-label"),
    ]
    assert [(own.source, own.line) for own in used(output)] == [
        ("one", 2), ("one", 3), ("one", 4), ("two", 2), ("three", 1),
    ]  # fmt: skip
    assert figures == {
        "sources": 3, "examples": 5, "rejected": 7,
        "one.examples": 3, "one.rejected": 3,
        "two.examples": 1, "two.rejected": 3,
        "three.examples": 1, "three.rejected": 1,
    }  # fmt: skip


def test_a_stance_that_cannot_be_laid_on_one_sentence_is_quarantined(tmp_path: Path, output: Path) -> None:
    text = "The port closed. Blame the port."
    records = [
        {"text": "The port closed.", "target": "the port", "label": "favor"},
        {"text": text, "target": "the port", "label": "against"},
        {"text": text, "target": "the harbour", "label": "against"},
        {"text": "Ruiz came. Nobody else did.", "target": "Ana Ruiz", "label": "favor"},
        {"text": "Blame the port, the port and the port.", "target": "the port", "label": "against"},
    ]
    path = write(tmp_path / "own.jsonl", records)
    figures = collect(output, source(path, "stance", ["favor", "against"]))
    assert [(one.line, one.reason, one.detail) for one in read_jsonl(output / "quarantine.jsonl", Rejection)] == [
        (2, "several-mentions", "2 sentences name 'the port'; give start and end, or one sentence a record"),
        (3, "target-not-named", "the text does not name 'the harbour'"),
    ]
    assert (figures["own.examples"], figures["own.rejected"]) == (3, 2)
    found = datasets.examples(output, "stance", "train")
    assert [(one.text, one.text[slice(*(one.focus or (0, 0)))]) for one in found] == [
        ("The port closed.", "The port"),
        ("Ruiz came.", "Ruiz"),
        ("Blame the port, the port and the port.", "the port"),
    ]


def test_with_offsets_the_target_may_stand_in_several_sentences_or_under_another_name(
    tmp_path: Path, output: Path
) -> None:
    text = "The port closed. Blame the port."
    records = [
        {"text": text, "target": "the port", "start": 0, "end": 8, "label": "favor"},
        {"text": text, "target": "the port", "start": 23, "end": 31, "label": "against"},
    ]
    fields = {name: name for name in records[0]}
    collect(output, source(write(tmp_path / "own.jsonl", records), "stance", ["favor", "against"], fields=fields))
    assert quarantined(output) == []
    found = datasets.examples(output, "stance", "train")
    assert [(one.text, one.focus, one.label) for one in found] == [
        ("The port closed.", (0, 8), "favor"),
        ("Blame the port.", (6, 14), "against"),
    ]


@pytest.mark.parametrize(
    ("records", "labels", "said"),
    [
        ([], CLAIMS, "own.jsonl has no usable record: it is empty"),
        (
            [{"text": " ", "label": "none"}, {"label": "none"}, {"label": "factual"}],
            CLAIMS,
            "own.jsonl has no usable record: missing-field 2 times, first in line 2: no 'text'",
        ),
        (
            [{"text": "Why?", "label": "No"}, {"text": "It cost $4.", "label": "Yes"}],
            {True: "checkworthy", False: "none"},
            (
                "unknown-label 2 times, first in line 1: 'No' is none of true, false; in YAML, labels such as Yes "
                "and No stand in quotes"
            ),
        ),
    ],
    ids=["empty", "fields", "labels"],
)
def test_a_data_set_without_any_usable_record_stops_the_stage_with_the_main_reason(
    tmp_path: Path, output: Path, records: list[Record], labels: Any, said: str
) -> None:
    good = source(write(tmp_path / "good.jsonl", RECORDS), "claims", CLAIMS)
    with pytest.raises(ConfigError) as raised:
        collect(output, good, source(write(tmp_path / "own.jsonl", records), "claims", labels))
    assert str(raised.value).startswith("own: ")
    assert str(raised.value).endswith(said)
    assert not output.exists()


def test_a_stance_data_set_of_long_texts_without_offsets_says_what_it_needs(tmp_path: Path, output: Path) -> None:
    record = {"text": "The port closed. Blame the port.", "target": "the port", "label": "favor"}
    with pytest.raises(ConfigError, match=r"several-mentions in line 1: .*give start and end"):
        collect(output, source(write(tmp_path / "own.jsonl", [record]), "stance", ["favor"]))


def test_a_topic_that_the_project_does_not_have_is_refused_naming_those_it_has(tmp_path: Path, output: Path) -> None:
    own = source(write(tmp_path / "own.jsonl", [{"text": "Rain fell.", "label": "w"}]), "topic", {"w": "wether"})
    with pytest.raises(ConfigError, match=r"own: 'wether' is no topic of .*topics\.yaml; known: .*weather"):
        collect(output, own)
    assert not output.exists()


@pytest.mark.parametrize("split", ["dev", "test"])
def test_what_is_scored_is_not_trained_on(tmp_path: Path, output: Path, split: str) -> None:
    shouted = RECORDS[1] | {"text": f"  {RECORDS[1]['text'].upper()}\n"}
    training = write(tmp_path / "training.jsonl", [RECORDS[0], shouted, RECORDS[2]])
    held_out = write(tmp_path / "held.jsonl", [RECORDS[1], RECORDS[1]])
    figures = collect(
        output, source(training, "claims", CLAIMS), source(held_out, "claims", CLAIMS, name="held", split=split)
    )
    assert quarantined(output) == [("training", 2, "held-out")]
    assert [(one.source, one.line, one.split) for one in used(output)] == [
        ("training", 1, "train"), ("training", 3, "train"), ("held", 1, split), ("held", 2, split),
    ]  # fmt: skip
    assert figures == {
        "sources": 2, "examples": 4, "rejected": 1,
        "training.examples": 2, "training.rejected": 1, "held.examples": 2, "held.rejected": 0,
    }  # fmt: skip


def test_each_text_stays_in_the_last_split_of_its_task_alone(tmp_path: Path, output: Path) -> None:
    texts = [record["text"] for record in RECORDS]

    def own(name: str, split: str, *texts: str) -> Record:
        path = write(tmp_path / f"{name}.jsonl", [{"text": text, "label": "none"} for text in texts])
        return source(path, "claims", CLAIMS, split=split)

    topics = [{"text": text, "label": "weather"} for text in texts]
    collect(
        output,
        own("train", "train", *texts, "Why?"),
        own("dev", "dev", *texts[:2], "Who?"),
        own("test", "test", *texts[1:], texts[1]),
        source(write(tmp_path / "topics.jsonl", topics), "topic", ["weather"]),
        source(write(tmp_path / "topics-dev.jsonl", topics[:1]), "topic", ["weather"], split="dev"),
    )
    found = [(one.input, one.line, one.detail) for one in read_jsonl(output / "quarantine.jsonl", Rejection)]
    assert {reason for _, _, reason in quarantined(output)} == {"held-out"}
    assert found == [
        ("train", 1, "its text also stands in dev"),
        ("train", 2, "its text also stands in dev and test"),
        ("train", 3, "its text also stands in test"),
        ("dev", 2, "its text also stands in test"),
        ("topics", 1, "its text also stands in dev"),
    ]


def test_a_label_of_several_reaches_training_as_such(tmp_path: Path, output: Path) -> None:
    labels = {"Yes": "checkworthy", "No": ["factual", "none"]}
    path = write(tmp_path / "own.tsv", [{"text": "It cost $4.", "label": "Yes"}, {"text": "Why?", "label": "No"}])
    collect(output, source(path, "claims", labels))
    found = datasets.examples(output, "claims", "train")
    assert [(one.label, one.among) for one in found] == [("checkworthy", ()), (None, ("factual", "none"))]


def test_two_data_sets_of_one_name_are_refused(tmp_path: Path, output: Path) -> None:
    own = source(write(tmp_path / "own.jsonl", RECORDS), "claims", CLAIMS)
    with pytest.raises(ConfigError, match="the name 'own' is given twice"):
        collect(output, own, own)


def test_a_file_of_unknown_ending_is_refused_naming_the_known_ones(tmp_path: Path, output: Path) -> None:
    path = tmp_path / "own.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"own: .*own\.xlsx ends in none of \.jsonl, .*\.parquet"):
        collect(output, source(path, "claims", CLAIMS))


def test_a_mistake_in_the_section_is_named_by_its_place(tmp_path: Path, output: Path) -> None:
    own = source(write(tmp_path / "own.jsonl", RECORDS), "claims", CLAIMS)
    with pytest.raises(ConfigError) as raised:
        collect(output, own, own | {"field": {}, "labels": {"Yes": "rumour"}}, source=[])
    assert "collect_datasets.source: unknown key; did you mean 'sources'?" in str(raised.value)
    assert "collect_datasets.sources.1.field: unknown key; did you mean 'fields'?" in str(raised.value)
    with pytest.raises(ConfigError, match=r"collect_datasets\.sources\.0: .*label 'Yes' becomes rumour"):
        collect(output, own | {"labels": {"Yes": "rumour"}})


def test_a_pinned_archive_that_is_broken_is_named(tmp_path: Path, output: Path) -> None:
    path = tmp_path / "own.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "x", "label": "none"}\n' * 50)[:-10])
    with pytest.raises(DataError, match=r"cannot read .*own\.jsonl\.gz"):
        collect(output, source(path, "claims", CLAIMS))
