"""Labelled data sets of other shapes: whatever a file calls its fields and labels, the same examples come out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config, datasets, rows
from pipeline.article import Rejection
from pipeline.classifiers.contract import Example
from pipeline.datasets import LabelledRecord, Mapped, Source
from pipeline.errors import ConfigError, DataError
from pipeline.records import read_jsonl, write_jsonl
from tests.labelled import OWN_FIELDS, Record, write

TOPICS = ("weather", "sport")
LABELS: dict[str, dict[str, Any]] = {
    "topic": {"w": "weather", "s": "sport", "x": "astrology"},
    "stance": {"+": "favor", "-": "against", "0": "neutral"},
    "claims": {"Yes": "checkworthy", "No": ["factual", "none"]},
}
PORT = {"text": "The port closed.", "target": "port", "start": 4, "end": 8, "label": "+"}
ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".tsv", ".parquet")


def mapped(task: str, **settings: Any) -> Mapped:
    """Return a mapping as a data set for training has it."""
    given = {"name": "own", "file": "own.jsonl", "sha256": "0" * 64, "task": task}
    own = {"fields": OWN_FIELDS.get(task), "labels": LABELS.get(task)}
    return config.parse(Source, {**given, **own, **settings}, where="own.yaml")


def placed(task: str = "stance", **settings: Any) -> Mapped:
    """Return a mapping whose file says where the target stands."""
    return mapped(task, fields={**OWN_FIELDS["stance"], "start": "start", "end": "end"}, **settings)


def read(path: Path, own: Mapped, name: str = "own") -> list[LabelledRecord | Rejection]:
    return list(datasets.read(own, path, TOPICS, name=name, split="train"))


def usable(path: Path, own: Mapped, name: str = "own") -> list[LabelledRecord]:
    found = read(path, own, name)
    assert [one for one in found if isinstance(one, Rejection)] == []
    return [one for one in found if isinstance(one, LabelledRecord)]


def examples(path: Path, own: Mapped) -> list[Example]:
    return [example for record in usable(path, own) for example in record.examples()]


# --- formats


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_gives_the_same_examples(tmp_path: Path, ending: str) -> None:
    records: list[Record] = [
        {"key": "a", "body": 'The "old" port, they say,\nis fine.', "who": "port", "from": 10, "to": 14, "pole": 1},
        {"key": "b", "body": "Le café ferme – la ville blâme le port.", "who": "Port", "from": 34, "to": 38, "pole": 2},
    ]
    fields = {"id": "key", "text": "body", "target": "who", "start": "from", "end": "to", "label": "pole"}
    own = mapped("stance", fields=fields, labels={"1": "favor", "2": "against"})
    found = usable(write(tmp_path / f"own{ending}", records), own)
    assert [(one.line, one.id, one.start, one.end) for one in found] == [(1, "a", 10, 14), (2, "b", 34, 38)]
    assert [example for one in found for example in one.examples()] == [
        Example('The "old" port, they say,', pair="port", focus=(10, 14), label="favor", group="own:a"),
        Example("Le café ferme – la ville blâme le port.", pair="Port", focus=(34, 38), label="against", group="own:b"),
    ]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: not rows.is_blank(text)
)


@given(records=st.lists(st.fixed_dictionaries({"text": texts, "label": st.sampled_from(["w", "s"])}), min_size=1))
def test_no_format_changes_a_text(records: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for ending in ENDINGS:
            found = usable(write(Path(folder) / f"own{ending}", records), mapped("topic"))
            assert [(one.text, one.labels) for one in found] == [
                (record["text"], (LABELS["topic"][record["label"]],)) for record in records
            ]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_list_in_a_record_gives_an_example_each_and_its_own_fields_win(tmp_path: Path, ending: str) -> None:
    text = "The port and the mayor met."
    other = "The mayor left."
    nested = [
        {"who": "port", "start": 4, "end": 8, "label": "+"},
        {"who": "mayor", "start": 17, "end": 22, "label": "-"},
        {"who": "mayor", "start": 4, "end": 9, "label": "0", "text": other},
    ]
    records = [{"text": text, "label": "+", "targets": nested}, {"text": other, "targets": [nested[2]]}]
    fields = {"text": "text", "label": "label", "target": "who", "start": "start", "end": "end"}
    found = usable(write(tmp_path / f"own{ending}", records), mapped("stance", fields=fields, each="targets"))
    assert [(one.line, one.id, one.text, one.target, one.labels) for one in found] == [
        (1, "1.0", text, "port", ("favor",)),
        (1, "1.1", text, "mayor", ("against",)),
        (1, "1.2", other, "mayor", ("neutral",)),
        (2, "2.0", other, "mayor", ("neutral",)),
    ]


# --- fields and labels


@pytest.mark.parametrize("label", ["4", "4.0", '"4"'])
def test_a_number_and_its_digits_are_the_same_label(tmp_path: Path, label: str) -> None:
    own = mapped("claims", labels={"4": "checkworthy"})
    line = f'{{"text": "It cost $4.", "label": {label}}}'
    assert [one.label for one in examples(write(tmp_path / "own.jsonl", [line]), own)] == ["checkworthy"]


def test_yes_and_no_of_json_are_labels_that_yaml_can_name(tmp_path: Path) -> None:
    own = mapped("claims", labels={True: "checkworthy", False: ["factual", "none"]})
    path = write(tmp_path / "own.jsonl", [{"text": "It cost $4.", "label": True}, {"text": "Why?", "label": False}])
    assert [one.labels for one in usable(path, own)] == [("checkworthy",), ("factual", "none")]


def test_a_label_that_may_be_one_of_several_is_none_until_training(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", [{"text": "It cost $4.", "label": "Yes"}, {"text": "Why?", "label": "No"}])
    assert [(one.label, one.among) for one in examples(path, mapped("claims"))] == [
        ("checkworthy", ()),
        (None, ("factual", "none")),
    ]


def test_a_title_stands_before_its_text_once(tmp_path: Path) -> None:
    own = mapped("topic", fields={**OWN_FIELDS["topic"], "title": "head"})
    records = [
        {"text": "It rained.", "head": "Rain", "label": "w"},
        {"text": "Rain\n\nIt rained.", "head": "Rain", "label": "w"},
        {"text": "It rained.", "head": " ", "label": "w"},
        {"text": "It rained.", "label": "w"},
    ]
    titled, included, blank, untitled = (one.text for one in examples(write(tmp_path / "own.jsonl", records), own))
    assert titled == included
    assert "Rain" in titled
    assert blank == untitled == "It rained."


def test_without_offsets_the_first_mention_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", [{"text": "Ports matter: the port and a port.", "target": "port", "label": 0}])
    assert [one.text for one in examples(path, mapped("stance"))] == ["Ports matter: the port and a port."]


def test_without_offsets_each_sentence_that_names_the_target_is_an_example_of_the_label(tmp_path: Path) -> None:
    text = "The port closed. Nobody came.\nThen the port sank, and the port stank."
    path = write(tmp_path / "own.jsonl", [{"text": text, "target": "the port", "label": "-"}])
    assert examples(path, mapped("stance")) == [
        Example("The port closed.", pair="the port", focus=(0, 8), label="against", group="own:1"),
        Example(
            "Then the port sank, and the port stank.", pair="the port", focus=(5, 13), label="against", group="own:1"
        ),
    ]


def test_a_target_s_last_word_names_it_too(tmp_path: Path) -> None:
    text = "Ruiz came. The mayor spoke. Ruiz left."
    path = write(
        tmp_path / "own.jsonl",
        [
            {"text": text, "target": "Ana Ruiz", "label": "0"},
            {"text": f"Ana {text}", "target": "Ana Ruiz", "label": "0"},
        ],
    )
    assert [one.text for one in examples(path, mapped("stance"))] == [
        "Ruiz came.",
        "Ruiz left.",
        "Ana Ruiz came.",
        "Ruiz left.",
    ]


def test_offsets_choose_the_sentence_that_holds_them_or_the_text_where_none_does(tmp_path: Path) -> None:
    text = "The port closed. A port opened. Ports burn."
    wide = {"target": "closed. A port", "start": 9, "end": 23}
    records = [PORT | {"text": text}, PORT | {"text": text, "start": 19, "end": 23}, PORT | {"text": text} | wide]
    assert [one.text for one in examples(write(tmp_path / "own.jsonl", records), placed())] == [
        "The port closed.",
        "A port opened.",
        "The port closed. A port opened. Ports burn.",
    ]


def test_a_target_may_stand_in_other_letters_and_with_a_blank_at_its_side(tmp_path: Path) -> None:
    records = [PORT | {"target": "PORT"}, PORT | {"start": 3}, PORT | {"target": "port ", "end": 9}]
    found = examples(write(tmp_path / "own.jsonl", records), placed())
    assert {one.text for one in found} == {"The port closed."}
    assert [one.focus for one in found] == [(4, 8), (3, 8), (4, 9)]


@given(before=texts, target=texts, after=texts)
def test_the_span_that_the_file_names_is_the_focus_with_its_text_around_it(
    before: str, target: str, after: str
) -> None:
    record = PORT | {
        "text": before + target + after, "target": target, "start": len(before), "end": len(before) + len(target),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (found,) = examples(write(Path(folder) / "own.jsonl", [record]), placed())
    assert found.pair == target
    assert found.focus is not None
    start, end = found.focus
    assert found.text[start:end] == target
    assert before.endswith(found.text[:start])
    assert after.startswith(found.text[end:])


def test_records_of_one_group_stay_together_and_apart_from_those_of_another_source(tmp_path: Path) -> None:
    own = mapped("topic", fields={**OWN_FIELDS["topic"], "group": "page"})
    pages = (("One", 7), ("Two", 7), ("Three", None), ("Four", " "), ("Five", " "))
    records = [{"text": text, "label": "w", "page": page} for text, page in pages]
    path = write(tmp_path / "own.jsonl", records)
    first, second, *alone = (one.group for one in usable(path, own))
    assert first == second
    assert len({first, *alone}) == 4
    assert {first, *alone}.isdisjoint(one.group for one in usable(path, own, name="other"))


# --- what cannot be used


@pytest.mark.parametrize(
    ("task", "line", "reason"),
    [
        ("topic", '{"text": "cut', "malformed-json"),
        ("topic", '["text"]', "wrong-type"),
        ("topic", {"label": "w"}, "missing-field"),
        ("topic", {"text": "It rained."}, "missing-field"),
        ("topic", {"text": "It rained.", "label": None}, "missing-field"),
        ("topic", {"text": 5, "label": "w"}, "wrong-type"),
        ("topic", {"text": " \n ", "label": "w"}, "empty"),
        ("topic", {"text": "\u200b\ufeff", "label": "w"}, "empty"),
        ("topic", r'{"text": "\ud83d", "label": "w"}', "invalid-unicode"),
        ("topic", r'{"text": "It rained.", "label": "w", "title": "\ud83d"}', "invalid-unicode"),
        ("topic", {"text": "It rained.", "label": "rain"}, "unknown-label"),
        ("topic", {"text": "It rained.", "label": ["w"]}, "unknown-label"),
        ("topic", {"text": "Mars rises.", "label": "x"}, "unknown-label"),
        ("stance", PORT | {"target": None}, "missing-field"),
        ("stance", PORT | {"target": " "}, "empty"),
        ("stance", PORT | {"start": 5}, "bad-offset"),
        ("stance", PORT | {"start": 8}, "bad-offset"),
        ("stance", PORT | {"start": -12}, "bad-offset"),
        ("stance", PORT | {"end": 400}, "bad-offset"),
        ("stance", PORT | {"end": None}, "bad-offset"),
        ("stance", PORT | {"text": "\nport closed", "start": True, "end": 5}, "bad-offset"),
        ("stance", PORT | {"start": "²"}, "bad-offset"),
        ("stance", PORT | {"start": "9" * 5000}, "bad-offset"),
        ("stance", PORT | {"target": "mayor"}, "bad-offset"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_has_a_place_and_a_reason_and_the_rest_is_read(
    tmp_path: Path, task: str, line: Record | str, reason: str
) -> None:
    good = PORT | {"label": "w" if task == "topic" else "+"}
    own = placed() if task == "stance" else mapped("topic", fields={**OWN_FIELDS["topic"], "title": "title"})
    first, bad, last = read(write(tmp_path / "own.jsonl", [good, line, good]), own)
    assert isinstance(bad, Rejection)
    assert (bad.input, bad.line, bad.reason) == ("own", 2, reason)
    assert isinstance(first, LabelledRecord)
    assert isinstance(last, LabelledRecord)
    assert (first.line, last.line) == (1, 3)


def test_of_a_target_that_no_sentence_names_the_whole_text_is_asked(tmp_path: Path) -> None:
    text = "The port closed. Nobody came."
    path = write(tmp_path / "own.jsonl", [PORT | {"text": text, "target": "harbour"}])
    assert examples(path, mapped("stance")) == [Example(text, pair="harbour", label="favor", group="own:1")]


def test_one_bad_example_of_a_list_does_not_cost_the_others(tmp_path: Path) -> None:
    bad: list[Record] = [{"targets": 5}, {"targets": [5]}, {"targets": []}, {}]
    parts = [{"text": "One", "label": "w"}, {"text": "Two", "label": "rain"}, {"text": "Three", "label": "s"}]
    found = read(write(tmp_path / "own.jsonl", [*bad, {"targets": parts}]), mapped("topic", each="targets"))
    assert [(one.line, one.reason) for one in found if isinstance(one, Rejection)] == [
        (1, "wrong-type"), (2, "wrong-type"), (3, "empty"), (4, "wrong-type"), (5, "unknown-label"),
    ]  # fmt: skip
    assert [(one.id, one.text) for one in found if isinstance(one, LabelledRecord)] == [
        ("5.0", "One"),
        ("5.2", "Three"),
    ]


def test_a_broken_row_of_a_table_is_told_from_the_others(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes('text,label\nIt rained.,w\n"It ""snowed" much.,w\nIl plut à,'.encode() + b"\xff\nIt hailed.,w\n")
    found = read(path, mapped("topic"))
    assert [getattr(one, "reason", "used") for one in found] == ["used", "malformed-csv", "unknown-label", "used"]


# Half surrogates as well, which JSON can hold and no file.
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["+", "²", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
strange = st.fixed_dictionaries({}, optional=dict.fromkeys([*PORT, "title", "id", "group"], anything))


@given(records=st.lists(strange.map(lambda own: PORT | own), max_size=5))
def test_whatever_a_record_holds_it_is_used_or_refused_once_and_can_be_written(records: list[Record]) -> None:
    fields = {name: name for name in (*PORT, "title", "id", "group")}
    with tempfile.TemporaryDirectory() as folder:
        found = read(write(Path(folder) / "own.jsonl", records), mapped("stance", fields=fields))
        write_jsonl(Path(folder) / "all.jsonl", found)
        used = [one for one in found if isinstance(one, LabelledRecord)]
        write_jsonl(Path(folder) / datasets.EXAMPLES, used)
        again = list(read_jsonl(Path(folder) / datasets.EXAMPLES, LabelledRecord))
    assert [one.line for one in found] == list(range(1, len(records) + 1))
    assert again == used


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl.gz", [PORT] * 50)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"cannot read .*own\.jsonl\.gz: .*; fetch the file again"):
        read(path, mapped("stance"))


# --- the configuration


@pytest.mark.parametrize(
    ("task", "settings", "said"),
    [
        ("claims", {"fields": {"label": "label"}}, "fields for claims must name text"),
        ("topic", {"fields": {"text": "text"}}, "fields for topic must name label"),
        ("stance", {"fields": {}}, "fields for stance must name label and target and text"),
        (
            "claims",
            {"fields": {"text": "t", "label": "l", "txt": "t"}},
            "own.yaml.fields.txt: unknown key; known: 'text', ",
        ),
        ("claims", {"labels": {"Yes": "checkworthy", "No": "rumour"}}, "label 'No' becomes rumour; claims has"),
        ("claims", {"labels": {"No": ["factual", "rumour"]}}, "label 'No' becomes rumour; claims has"),
        ("claims", {"labels": {"No": []}}, "label 'No' becomes nothing"),
        ("stance", {"labels": {"1": "for"}}, "label '1' becomes for; stance has favor, against, neutral"),
        ("claims", {"split": "dev"}, "labels that are one of several cannot guide training; give this file split"),
        (
            "claims",
            {"split": "test", "labels": {"No": ["factual", "none"], "UFS": "factual"}},
            "can be scored only if all have one list, and none of it alone",
        ),
        ("claims", {"split": "validation"}, "own.yaml.split: "),
        ("sentiment", {"fields": {}, "labels": {}}, "own.yaml.task: "),
        ("claims", {"sha": "0"}, "own.yaml.sha: unknown key; did you mean 'sha256'?"),
        ("claims", {"sha256": "fb80ff05"}, "own.yaml.sha256: "),
        ("claims", {"name": "My set"}, "own.yaml.name: "),
        ("claims", {"file": ""}, "own.yaml.file: "),
        ("claims", {"url": "s3://bucket/own.jsonl"}, "own.yaml.url: "),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_naming_what_is_wrong(
    task: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        mapped(task, **settings)
    assert said in str(raised.value)


def test_labels_that_nobody_tells_apart_can_be_scored_together() -> None:
    found = config.parse(
        Mapped, {"task": "claims", "fields": OWN_FIELDS["claims"], "labels": LABELS["claims"]}, where="own.yaml"
    )
    assert found.known_labels == {"checkworthy", "factual", "none"}


def test_examples_are_those_of_their_task_and_split(tmp_path: Path) -> None:
    records = [
        LabelledRecord("one", 1, "topic", "train", "1", "It rained.", ("weather",)),
        LabelledRecord("one", 2, "topic", "test", "2", "It snowed.", ("weather",)),
        LabelledRecord("two", 1, "claims", "train", "1", "It cost $4.", ("checkworthy",)),
        LabelledRecord("three", 1, "topic", "train", "1", "They won.", ("sport",)),
    ]
    write_jsonl(tmp_path / datasets.EXAMPLES, records)
    assert [one.text for one in datasets.examples(tmp_path, "topic", "train")] == ["It rained.", "They won."]
    assert [one.text for one in datasets.examples(tmp_path, "claims", "train")] == ["It cost $4."]
    assert datasets.examples(tmp_path, "stance", "train") == []


def test_the_examples_of_a_folder_are_all_those_of_each_record(tmp_path: Path) -> None:
    text = "The port closed. Blame the port."
    write_jsonl(
        tmp_path / datasets.EXAMPLES,
        [LabelledRecord("one", 1, "stance", "train", "1", text, ("against",), target="the port")],
    )
    assert [(one.text, one.label) for one in datasets.examples(tmp_path, "stance", "train")] == [
        ("The port closed.", "against"),
        ("Blame the port.", "against"),
    ]
