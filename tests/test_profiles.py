"""Drift of articles: a batch does not drift from its own kind, few articles do not cry wolf, and real changes show."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import profiles, writing
from pipeline.article import Annotation, Claim, Facts
from pipeline.errors import ConfigError, DataError
from pipeline.profiles import Answer, Profile, Reference, Span
from pipeline.records import write_jsonl
from tests.calls import newsfacts
from tests.report.samples import annotation
from tests.trained import Trained

WORDS = (
    "port", "mayor", "bridge", "council", "ferry", "budget", "vote", "strike",
    "match", "rain", "judge", "school", "paper", "engine", "river", "union",
)  # fmt: skip
TOPICS = ("politics and government", "sport", "labour", "weather")


def article(source: random.Random, *, words: int = 250, topics: Sequence[str] = TOPICS, score: float = 0.8) -> Profile:
    """Return an article of one kind: its words, labels and scores are drawn from the same pools."""
    length = max(20, int(source.gauss(words, 40)))
    text = " ".join(source.choice(WORDS) for _ in range(length))
    start = source.randrange(100)
    scored = [Answer(source.choice(("favor", "against")), min(1.0, source.gauss(score, 0.05))) for _ in range(3)]
    claims = tuple(
        Answer(source.choice(("checkworthy", "factual")), score) for _ in range(length // source.randint(20, 30))
    )
    topic = Answer(source.choice(topics), min(1.0, source.gauss(score, 0.05)))
    return Profile(text, (Span(start, start + source.randrange(50, 400)),), topic, tuple(scored), claims)


def batch(seed: int, size: int, **kind: object) -> list[Profile]:
    source = random.Random(seed)
    return [article(source, **kind) for _ in range(size)]  # type: ignore[arg-type]


def reference(size: int = 200) -> Reference:
    found = batch(1, size)
    return Reference(found, found)


def verdicts(new: Sequence[Profile], known: Reference | None = None) -> dict[str, str]:
    return {one.what: one.verdict for one in profiles.compare(known or reference(), new)}


@given(st.integers(0, 10_000), st.integers(2, 12))
@settings(max_examples=10, deadline=None)
def test_a_sample_does_not_drift_from_itself(seed: int, size: int) -> None:
    same = batch(seed, size)
    assert set(verdicts(same, Reference(same, same)).values()) == {"none"}


def test_few_articles_of_the_same_kind_do_not_cry_wolf() -> None:
    known = reference()
    found = [verdict for seed in range(10) for verdict in verdicts(batch(100 + seed, 20), known).values()]
    assert len(found) == 100
    assert found.count("none") >= 98


def test_what_changed_is_named_and_nothing_else() -> None:
    shorter = verdicts(batch(2, 60, words=120))
    assert shorter["length"] == "strong"
    assert shorter["topic labels"] == shorter["stance labels"] == "none"
    other = verdicts(batch(2, 60, topics=("religion", "health")))
    assert [what for what, verdict in other.items() if verdict != "none"] == ["topic labels"]
    unsure = verdicts(batch(2, 60, score=0.5))
    assert {what for what, verdict in unsure.items() if verdict != "none"} == {
        "topic confidence", "stance confidence", "claims confidence",
    }  # fmt: skip


def test_other_words_and_more_boilerplate_are_drift() -> None:
    usual = batch(3, 60)
    foreign = [replace(one, text=one.text.replace("port", "puerto").replace("ferry", "barco")) for one in usual]
    assert verdicts(foreign)["vocabulary"] != "none"
    littered = [replace(one, removed=(Span(0, 3000),)) for one in usual]
    assert verdicts(littered)["boilerplate"] == "strong"


def test_articles_without_stances_or_claims_are_compared_by_what_they_have() -> None:
    bare = [replace(one, topic=None, stances=(), claims=()) for one in batch(4, 30)]
    found = {one.what: one for one in profiles.compare(reference(), bare)}
    assert found["stance labels"].verdict == "none"
    assert found["stance labels"].new == "–"
    assert found["claims listed"].verdict == "strong"


@given(st.integers(0, 60), st.integers(1, 20))
def test_a_sample_has_at_most_so_many_items_in_their_order_and_always_the_same(size: int, most: int) -> None:
    found = profiles.sampled(range(size), most)
    assert len(found) == min(size, most)
    assert found == sorted(set(found))
    assert found == profiles.sampled(iter(range(size)), most)


@pytest.fixture
def annotations() -> list[Annotation]:
    claim = Claim("It cost $4 million.", "checkworthy", 0.9, 0, 19, 0, 19, Facts())
    return [replace(annotation(identity=f"a{number}"), claims=(claim,) * number) for number in range(3)]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet", "shards"])
def test_annotations_are_read_from_every_form_of_output(
    annotations: list[Annotation], tmp_path: Path, name: str
) -> None:
    output = tmp_path / name
    with writing.open_output(output) as writer:
        writer.write(writing.encode(annotations, writing.form(output)))
    assert profiles.holds_annotations(output)
    assert list(profiles.read_annotations(output)) == [profiles.of_annotation(one) for one in annotations]
    assert [len(one.claims) for one in profiles.read_annotations(output)] == [0, 1, 2]


def test_articles_and_other_files_are_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").write_text('{"text": "It rained."}\n', encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 or so")
    (tmp_path / "article.txt").write_text("It rained.", encoding="utf-8")
    assert not [
        path.name for path in (tmp_path, tmp_path / "absent", *tmp_path.iterdir()) if profiles.holds_annotations(path)
    ]


def test_a_line_that_is_no_annotation_is_named(annotations: list[Annotation], tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    broken = {**asdict(annotations[1]), "topic": None, "text": 3}
    write_jsonl(path, annotations[:1])
    path.write_text(path.read_text(encoding="utf-8") + json.dumps(broken) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.jsonl:2: text"):
        list(profiles.read_annotations(path))


def test_training_articles_show_texts_and_test_articles_show_answers(trained: Trained) -> None:
    found = profiles.read_reference(trained.data)
    splits = json.loads((trained.data / "split" / "assignment.json").read_text(encoding="utf-8"))
    assert len(found.texts) == list(splits.values()).count("train")
    assert len(found.answers) == list(splits.values()).count("test")
    assert {one.topic for one in found.texts} == {None}
    assert all(one.topic for one in found.answers)


def test_a_reference_that_is_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither annotations nor the data folder"):
        profiles.read_reference(tmp_path)


def test_articles_are_annotated_and_compared_as_their_annotations_are(
    trained: Trained, light_models: Path, tmp_path: Path
) -> None:
    articles, output = trained.data / "collect" / "articles.jsonl", tmp_path / "out.jsonl"
    few = tmp_path / "few.jsonl"
    lines = articles.read_text(encoding="utf-8").splitlines()[:3]
    records = [{"id": one["id"], "text": one["raw"]} for one in map(json.loads, lines)]
    few.write_text("".join(json.dumps(one) + "\n" for one in [*records, {"id": "no text"}]), encoding="utf-8")
    assert newsfacts("annotate", few, "--output", output, "--models", light_models, "--runtime", "torch").code == 1
    places = ("--reference", trained.data, "--models", light_models)
    of_articles, of_annotations = (newsfacts("drift", path, *places) for path in (few, output))
    assert of_articles.code == of_annotations.code == 0, of_articles.err
    assert of_articles.out == of_annotations.out
    assert "missing-field 1" in of_articles.err
    for what in ("length", "vocabulary", "boilerplate", "claims listed", "topic labels", "stance confidence"):
        assert f"| {what} |" in of_articles.out


def test_drift_fails_a_run_only_when_that_is_asked_for(trained: Trained, tmp_path: Path) -> None:
    known = list(profiles.read_annotations(trained.data / "annotate" / "annotations.jsonl"))
    usual = trained.data / "annotate" / "annotations.jsonl"
    changed = tmp_path / "changed.jsonl"
    records = [json.loads(line) for line in usual.read_text(encoding="utf-8").splitlines()]
    changed.write_text("".join(json.dumps({**one, "text": "rain " * 2000}) + "\n" for one in records), encoding="utf-8")
    assert len(known) == len(records)
    call = ("drift", changed, "--reference", usual)
    assert newsfacts(*call).code == 0
    failed = newsfacts(*call, "--fail-on", "strong")
    assert failed.code == 1
    assert "Drift: strong" in failed.out
    assert newsfacts("drift", usual, "--reference", usual, "--fail-on", "some").code == 0


def test_a_wrong_call_of_drift_is_told(trained: Trained, tmp_path: Path) -> None:
    usual = trained.data / "annotate" / "annotations.jsonl"
    (tmp_path / "article.txt").write_text("Rain\n\nIt rained.", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    reference = ("--reference", usual)
    for arguments, message in (
        ((usual, *reference, "--fail-on", "weak"), "unknown verdict 'weak'; known: some, strong"),
        ((usual, tmp_path / "article.txt", *reference), "name one kind alone"),
        ((tmp_path / "empty.txt", *reference), "no article in"),
        ((usual, "--reference", tmp_path), "neither annotations"),
    ):
        outcome = newsfacts("drift", *arguments)
        assert outcome.code == 2
        assert message in outcome.err
