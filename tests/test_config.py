"""Configuration: a mistake in it is named, with what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import pytest
from pydantic import Field, ValidationError, model_validator

from pipeline import config
from pipeline.config import Section
from pipeline.errors import ConfigError


class Engine(Section):
    learning_rate: float = 0.1
    ngrams: tuple[int, int] = (1, 2)


class Pair(Section):
    one: str = Field(min_length=1)
    two: str

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.one == self.two:
            raise ValueError("one and two must differ")
        return self


class Train(Section):
    share: float = Field(default=0.5, le=1)
    mode: Literal["a", "b"] = "a"
    modes: Mapping[Literal["a", "b"], str] = {}
    names: Mapping[str, str | tuple[str, ...]] = {}
    pair: Pair | None = None
    seed: int = 13
    labels: tuple[str, ...] = ()
    engine: Engine = Engine()
    fallback: Engine | None = None


SOURCE = Path("configs/x.yaml")


def train(content: object) -> Train:
    return config.section({"train": content}, "train", Train, source=SOURCE)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_section_holds_what_its_file_says_and_defaults_for_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, "train:\n  labels: [a, b]\n  engine: {learning_rate: 1, ngrams: [2, 5]}\n")
    section = config.section(config.load(path, ["train"]), "train", Train, source=path)
    assert section == Train(labels=("a", "b"), engine=Engine(learning_rate=1.0, ngrams=(2, 5)))
    assert section.seed == 13


@pytest.mark.parametrize("content", [{}, {"train": None}, {"train": {}}])
def test_a_missing_or_empty_section_has_its_defaults(content: dict[str, object]) -> None:
    assert config.section(content, "train", Train, source=SOURCE) == Train()


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Train().seed = 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sed": 1}, r"^configs/x\.yaml: train\.sed: unknown key; did you mean 'seed'\?$"),
        (
            {"zzz": 1},
            r"^configs/x\.yaml: train\.zzz: unknown key; known: engine, fallback, labels, mode, modes, names, pair, s",
        ),
        ({"engine": {"learningrate": 1}}, r"train\.engine\.learningrate: unknown key; did you mean 'learning_rate'\?$"),
        ({"fallback": {"ngram": 1}}, r"train\.fallback\.ngram: unknown key; did you mean 'ngrams'\?$"),
        ({"seed": "13"}, r"^configs/x\.yaml: train\.seed: must be an integer, not '13'$"),
        ({"seed": 1.5}, r"train\.seed: must be an integer, not 1\.5$"),
        ({"seed": None}, r"train\.seed: must be an integer, not null$"),
        ({"seed": True}, r"train\.seed: must be an integer, not true$"),
        ({"labels": "a"}, r"train\.labels: must be a list, not 'a'$"),
        ({"labels": ["a", 2]}, r"train\.labels\.1: must be a string, not 2$"),
        ({"engine": {"ngrams": [1]}}, r"train\.engine\.ngrams: item 2 is missing; add it$"),
        ({"engine": {"learning_rate": "fast"}}, r"train\.engine\.learning_rate: must be a number, not 'fast'$"),
        (["seed"], r'^configs/x\.yaml: train: must be a mapping of keys, not \["seed"\]$'),
        ({"seed": {"deep": {"secret": 1}}}, r"train\.seed: must be an integer, not a mapping$"),
        ({"seed": "x" * 1000}, r"train\.seed: must be an integer, not 'x{59}…$"),
        ({"share": 2}, r"train\.share: must be at most 1.*, not 2$"),
        ({"mode": "c"}, r"train\.mode: must be 'a' or 'b', not 'c'$"),
        ({"names": {"a": 5}}, r"train\.names\.a: must be a string or a list, not 5$"),
        ({"modes": {"c": "x"}}, r"train\.modes\.c: unknown key; known: 'a' or 'b'$"),
        ({"fallback": {"ngrams": [1, 2], "of": {}}}, r"train\.fallback\.of\: unknown key; "),
        ({"pair": {"one": "x"}}, r"^configs/x\.yaml: train\.pair: key 'two' is missing; add it$"),
        ({"pair": {"one": "", "two": "x"}}, r"train\.pair\.one: must be a string of length 1 or more, not ''$"),
        ({"pair": {"one": "same", "two": "same"}}, r"train\.pair: one and two must differ$"),
    ],
)
def test_a_fault_is_named_by_its_place_with_the_value_or_the_nearest_key(content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(content)


def test_every_fault_of_a_section_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        train({"sed": 1, "seed": "x", "engine": {"rate": 1}})
    assert len(str(raised.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian: {}", r"x\.yaml: unknown section 'trian'; did you mean 'train'\?$"),
        ("zzz: {}", r"x\.yaml: unknown section 'zzz'; known: split, train$"),
        ("1: {}", r"unknown section 1; known: split, train$"),
        ("", "holds no sections"),
        ("- train", "holds no sections"),
        ("train: {", "is no valid YAML"),
        ("train: !!python/object:os.system {}", "is no valid YAML"),
    ],
)
def test_a_broken_file_or_an_unknown_section_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(written(tmp_path, text), ["train", "split"])


def test_a_missing_file_or_one_that_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*x\.yaml"):
        config.read_yaml(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"cannot read .*x\.yaml"):
        config.read_yaml(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        config.read_yaml(tmp_path)


def test_a_key_given_twice_is_refused_and_merged_keys_may_be_overridden(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("clean: {}\nsplit:\n  salt: a\n  salt: b\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"twice\.yaml.*'salt' is given twice"):
        config.load(path, ["clean", "split"])
    path.write_text("clean: &base {salt: a}\nsplit: {<<: *base, salt: b}\n", encoding="utf-8")
    assert config.load(path, ["clean", "split"]) == {"clean": {"salt": "a"}, "split": {"salt": "b"}}


def test_a_mapping_that_others_were_merged_into_may_be_merged_again(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    text = "first: &a {one: 1}\ndeep: {er: {est: &b {<<: *a, one: 2}}}\nlast: {<<: *b, one: 3}\n"
    path.write_text(text, encoding="utf-8")
    assert config.read_yaml(path) == {"first": {"one": 1}, "deep": {"er": {"est": {"one": 2}}}, "last": {"one": 3}}


def test_a_key_that_yaml_takes_for_a_truth_value_is_refused_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text("labels: {check: checkworthy, no: none}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the key 'no' is a truth value in YAML; put it in quotes"):
        config.read_yaml(path)
    path.write_text("labels: {True: none}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the key 'True' is a truth value"):
        config.read_yaml(path)
    path.write_text("labels: {2020-01-01: none}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the key '2020-01-01' is a date in YAML; put it in quotes"):
        config.read_yaml(path)
    for changed in ("010", "12:30", "1_000"):
        path.write_text(f"labels: {{{changed}: none}}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=f"the key '{changed}' is a number in YAML; put it in quotes"):
            config.read_yaml(path)
    for twice in ("1.0: none, 1: factual", "1: none, '1': factual", "null: none, 'null': factual"):
        path.write_text(f"labels: {{{twice}}}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"the key '(1|null)' is given twice"):
            config.read_yaml(path)
    path.write_text("labels: {'no': none, true: factual}\n", encoding="utf-8")
    assert config.read_yaml(path) == {"labels": {"no": "none", True: "factual"}}


def test_faults_at_keys_that_hold_dots_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("train: {names: {a.b: 1, a: 2, a.b.c: 3}, mode: c}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        config.section(config.load(path, ["train"]), "train", Train, source=path)
    places = [line.removeprefix(f"{path}: train.").partition(":")[0] for line in str(refused.value).splitlines()]
    assert sorted(places) == ["mode", "names.a", "names.a.b", "names.a.b.c"]


def test_a_word_that_yaml_takes_for_a_truth_value_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(
        "train: {names: {one: no, two: [off]}, mode: no, labels: [yes, 'no'], share: off}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as refused:
        config.section(config.load(path, ["train"]), "train", Train, source=path)
    hint = "put a word that YAML takes for a truth value, such as no, in quotes"
    assert str(refused.value).splitlines() == [
        f"{path}: train.share: must be a number, not false",
        f"{path}: train.mode: must be 'a' or 'b', not false; {hint}",
        f"{path}: train.names.one: must be a string or a list, not false; {hint}",
        f"{path}: train.names.two.0: must be a string, not false; {hint}",
        f"{path}: train.labels.0: must be a string, not true; {hint}",
    ]
