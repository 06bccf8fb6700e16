"""Annotations: every offset counts what it says, order and batch change nothing, whatever the text."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotator import Annotator
from pipeline.article import Annotation, Article
from pipeline.classifiers.panel import Answers, Asked, Doubtful, Examples, Panel
from pipeline.classifiers.store import MANIFEST, SEAL
from pipeline.cleaning import clean
from pipeline.errors import ModelError
from pipeline.records import file_digest
from tests.trained import Trained

COUNCIL = """Larkfield Council closes the ferry after a night of storms

Share this article

Image: The ferry at the quay of Port Maren on Monday | Larkfield News

The ferry between Port Maren and the island carried 41,000 passengers last year, Larkfield Council said on Monday.
“We cannot run it safely,” said the mayor, who praised Larkfield Council for acting early.

Also read | Ferry fares to rise in May

Residents said that Larkfield Council had ignored their letters for three years, and called the closure a disgrace.

📣 The Larkfield News has a Telegram channel: tap to join it
"""
NATO = (
    "Nato agreed on Tuesday to send 300 engineers to the region. The alliance has kept its word, the minister said, "
    "and NATO deserves thanks. Critics called NATO reckless."
)
DAMAGED = (
    "\ufeffThe mayorâ€™s plan\r\n\r\nThe bridge&nbsp;cost â‚¬14 million, â€œtwice the estimateâ€\x9d, the "
    "audit\u200bors wrote on Friday.\r\nFollow us on Twitter\r\n\r\n\r\nThe caf&eacute; beside it lost 40% of its "
    "guests,   the owner said.\x00 Nobody asked her.\r\n\r\n© 2024 Larkfield News. All rights reserved.\r\n"
)
TEXTS = (COUNCIL, NATO, DAMAGED, "Storm", "Sign up for our free newsletter", "¿Qué?\u2028\u2029…\n\n\t“”")


@pytest.fixture(scope="module")
def annotator(trained: Trained) -> Annotator:
    return Annotator(trained.models)


def article(number: int, raw: str, *, headline: bool = False) -> Article:
    return Article(f"a{number}", "articles.jsonl", number, raw, opens_with_headline=headline)


def assert_consistent(found: Annotation, raw: str) -> None:
    """Check everything that an annotation says about characters and scores."""
    for claim in found.claims:
        assert found.text[claim.start : claim.end] == claim.text
        assert clean(raw[claim.raw_start : claim.raw_end]).text == claim.text
    for removal in found.removed:
        assert raw[removal.raw_start : removal.raw_end] == removal.text
    assert_tiled(found, raw)
    scores = [found.topic.score, *(one.score for one in (*found.topic.top, *found.claims, *found.stances))]
    assert all(0 <= score <= 1 and round(score, 4) == score for score in scores)
    assert found.topic.top[0].label == found.topic.label
    assert [one.score for one in found.topic.top] == sorted((one.score for one in found.topic.top), reverse=True)
    assert all(claim.label in ("checkworthy", "factual") for claim in found.claims)


def assert_tiled(found: Annotation, raw: str) -> None:
    """Removals, edits and the characters between them, in order, are the raw text; without removals, ``text``."""
    taken = [(one.raw_start, one.raw_end, "") for one in found.removed]
    changed = [(one.raw_start, one.raw_end, found.text[one.start : one.end]) for one in found.edits]
    position, text = 0, ""
    for start, end, new in sorted(taken + changed):
        assert position <= start <= end
        text += raw[position:start] + new
        position = end
    assert text + raw[position:] == found.text


@pytest.mark.parametrize("headline", [True, False])
@pytest.mark.parametrize("raw", TEXTS)
def test_offsets_count_the_raw_text_and_the_clean_text(annotator: Annotator, raw: str, headline: bool) -> None:
    (found,) = annotator.annotate([article(1, raw, headline=headline)])
    assert_consistent(found, raw)


SENTENCE = st.sampled_from(
    [
        "The council closed the ferry on Monday.",
        "“It cost $14 million,” the mayor said.",
        "Itâ€™s the cafÃ©â€™s third fine.",
        "Nato praised the plan!",
        "Who pays&nbsp;for it?",
        "Dr. A. Marsh told Mr. Obama\u200b so.",
    ]
)
LINE = st.one_of(
    st.lists(SENTENCE, min_size=1, max_size=4).map(" ".join),
    st.sampled_from(
        [
            "Follow us on Twitter",
            "Also read | Ferry fares to rise in May",
            "Read more: (READ: Council delays vote) The vote failed.",
            "Image: The quay | Larkfield News",
            "By Jane Marsh",
            "© 2024 Larkfield News. All rights reserved.",
        ]
    ),
    st.text(max_size=40),
    st.text(alphabet="â€œ\x9d&nbsp;#x41;\u200b\ufeff\r\n\t .A1“”'", max_size=40),
)
RAW = st.lists(
    st.tuples(LINE, st.sampled_from(["\n", "\n\n", "\r\n", " \n\u2028", "\r"])), min_size=1, max_size=10
).map(lambda lines: "".join(part for line in lines for part in line))


@given(raws=st.lists(RAW, min_size=1, max_size=4), headline=st.booleans())
@settings(max_examples=40)
def test_offsets_hold_for_any_text(annotator: Annotator, raws: list[str], headline: bool) -> None:
    found = annotator.annotate([article(number, raw, headline=headline) for number, raw in enumerate(raws)])
    assert [one.line for one in found] == list(range(len(raws)))
    for annotation, raw in zip(found, raws, strict=True):
        assert_consistent(annotation, raw)


def labels(found: Annotation) -> tuple[object, ...]:
    """Return all that an annotation says but its scores."""
    claims = [(one.label, one.start, one.end, one.facts) for one in found.claims]
    stances = [(one.target, one.label, one.mentions, one.abstained) for one in found.stances]
    return (found.id, found.topic.label, stances, claims, found.removed, found.edits, found.text, found.warnings)


def scores(found: Annotation) -> list[float]:
    return [found.topic.score, *(one.score for one in (*found.stances, *found.claims))]


def assert_same(some: Sequence[Annotation], others: Sequence[Annotation]) -> None:
    assert [labels(one) for one in some] == [labels(one) for one in others]
    for one, other in zip(some, others, strict=True):
        assert scores(one) == pytest.approx(scores(other), abs=2e-4)


@given(order=st.permutations(range(len(TEXTS))), cut=st.integers(0, len(TEXTS)))
@settings(max_examples=8)
def test_neither_order_nor_batch_changes_an_annotation(annotator: Annotator, order: list[int], cut: int) -> None:
    articles = [article(number, raw, headline=number % 2 == 0) for number, raw in enumerate(TEXTS)]
    alone = [annotator.annotate([one])[0] for one in articles]
    together = annotator.annotate([articles[number] for number in order[:cut]])
    together += annotator.annotate([articles[number] for number in order[cut:]])
    assert_same(together, [alone[number] for number in order])


def test_a_long_batch_keeps_order_and_count(annotator: Annotator) -> None:
    numbers = list(range(60))
    random.Random(7).shuffle(numbers)
    counted = "The ferry carried {} passengers to the harbour on Tuesday morning, the company said in a report."
    found = annotator.annotate(
        [article(number, f"{TEXTS[number % 2]}\n\n{counted.format(number)}") for number in numbers]
    )
    assert [one.line for one in found] == numbers
    assert [counted.format(one.line) in one.text for one in found] == [True] * len(numbers)


def test_no_article_gives_no_annotation(annotator: Annotator) -> None:
    assert annotator.annotate([]) == []


def test_promo_share_line_and_teaser_go_and_the_news_stays(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, COUNCIL, headline=True)])
    gone = "\n".join(one.text for one in found.removed)
    for part in ("Share this article", "Also read |", "has a Telegram channel"):
        assert part in gone
        assert part not in found.text
    assert "\n\n\n" not in found.text
    assert found.text == found.text.strip()
    for part in ("Larkfield Council closes the ferry", "carried 41,000 passengers", "called the closure a disgrace"):
        assert part in found.text
    assert all(one.role and one.reason.startswith(("rule:", "model:")) for one in found.removed)


def test_damage_is_repaired_in_the_text_and_left_alone_in_the_raw_offsets(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, DAMAGED, headline=True)], keep_raw=True)
    assert "The bridge cost €14 million, “twice the estimate”, the auditors wrote on Friday." in found.text
    assert "The café beside it lost 40% of its guests, the owner said." in found.text
    assert found.raw == DAMAGED
    assert found.edits


def test_a_text_that_needs_no_repair_has_no_edits(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, NATO)])
    assert (found.edits, found.removed, found.text, found.raw) == ((), (), NATO, None)


def test_a_configured_target_is_found_by_its_aliases(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, NATO)])
    assert [(one.target, one.mentions) for one in found.stances] == [("NATO", 3)]
    assert [claim.facts.targets for claim in found.claims] == [("NATO",)] * len(found.claims)


def test_without_a_configured_target_the_most_named_entity_serves(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, COUNCIL, headline=True)])
    assert found.stances[0].target == "Larkfield Council"
    assert found.stances[0].mentions >= 3
    assert "NATO" not in {one.target for one in found.stances}


def test_an_article_that_names_nobody_has_no_stances(annotator: Annotator) -> None:
    (found,) = annotator.annotate([article(1, "It rained all night and the roads were closed until noon.")])
    assert found.stances == ()


@pytest.mark.parametrize("raw", ["😀 " * 50, "💔", "1 2 3", "!?…"])
def test_a_text_without_letters_has_no_topic_whatever_the_threshold(trained: Trained, raw: str) -> None:
    lenient = Annotator(trained.models, min_scores={"topic": 0.0})
    (found,) = lenient.annotate([article(1, raw)])
    assert (found.topic.abstained, found.topic.score) == (True, round(1 / 17, 4))
    assert found.warnings[-1] == "no-letters: no topic"
    (titled,) = lenient.annotate([replace(article(1, raw), title="Storm closes the ferry")])
    assert not titled.topic.abstained
    assert "no-letters: no topic" not in titled.warnings


def test_the_configured_scores_decide_what_abstains(trained: Trained) -> None:
    strict = Annotator(trained.models, min_scores={"topic": 1.0, "stance": 1.0})
    (found,) = strict.annotate([article(1, NATO)])
    assert found.topic.abstained
    assert found.stances
    assert all(one.abstained for one in found.stances)
    lenient = Annotator(trained.models, min_scores={"topic": 0.0, "stance": 0.0})
    (other,) = lenient.annotate([article(1, NATO)])
    assert not other.topic.abstained
    assert not any(one.abstained for one in other.stances)
    assert labels(found)[1] == labels(other)[1]
    assert strict.provenance.config != lenient.provenance.config
    assert strict.provenance.models == lenient.provenance.models


def test_two_threads_may_annotate_at_once(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, both_ask = threading.Lock(), threading.Event()
    asked: list[Asked] = []
    read, answer = Panel.read, Panel.answer

    def reading(panel: Panel, examples: Examples) -> Asked:
        asked.append(read(panel, examples))
        if len(asked) == 2:
            both_ask.set()
        return asked[-1]

    def answering(panel: Panel, own: Asked, doubtful: Mapping[str, Doubtful]) -> Answers:
        assert busy.acquire(blocking=False), "asked while it answers, which some runtimes refuse"
        try:
            assert both_ask.wait(60)
            return answer(panel, own, doubtful)
        finally:
            busy.release()

    articles = [article(number, raw) for number, raw in enumerate((COUNCIL, NATO))]
    alone = annotator.annotate(articles)
    monkeypatch.setattr(Panel, "read", reading)
    monkeypatch.setattr(Panel, "answer", answering)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda one: annotator.annotate([one])[0], articles))
    assert_same(found, alone)


def change(folder: Path, name: str, old: str, new: str) -> None:
    """Put a file of another version into a model folder, which is sealed again."""
    content = (folder / name).read_text(encoding="utf-8")
    assert old in content
    (folder / name).write_text(content.replace(old, new), encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if name != MANIFEST:
        manifest["files"][name] = file_digest(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (folder / SEAL).write_text(f"{file_digest(folder / MANIFEST)}  {MANIFEST}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("task", "name", "old", "new", "message"),
    [
        (
            "boilerplate",
            "lexicon/en.yaml",
            "    pattern: ",
            "    contains: x\n    pattern: ",
            r"en\.yaml\.rules\.0\.contains",
        ),
        (
            "boilerplate",
            "lexicon/en.yaml",
            "    pattern: '",
            "    pattern: '(?=x)",
            r"en\.yaml: pattern of .* is not RE2",
        ),
        ("boilerplate", MANIFEST, '"max_removed_share"', '"max_removed"', r"config\.strip\.max_removed: unknown key"),
        ("boilerplate", "recurring.json", '"blocks"', '"lines"', r"holds no recurring blocks"),
        ("topic", "topics.yaml", "medtop:", "code:", r"key 'medtop' is missing; add it, and 1 more"),
        ("stance", "targets.yaml", "NATO:", "1:", r"target 1 is no name"),
    ],
)
def test_a_model_of_another_version_is_named_and_to_be_trained_again(
    trained: Trained, tmp_path: Path, task: str, name: str, old: str, new: str, message: str
) -> None:
    models = shutil.copytree(trained.models, tmp_path / "models")
    change(models / task, name, old, new)
    said = rf"models/{task} holds a model of another version \(.*{message}.*\); train again with 'make repro'"
    with pytest.raises(ModelError, match=said):
        Annotator(models).compile()
