"""The division into train, dev and test: nothing leaks, and what was divided once stays divided so."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import config as configuration
from pipeline.article import Article
from pipeline.corpus import CleanArticle, read_gold, read_split
from pipeline.errors import ConfigError
from pipeline.records import write_jsonl
from pipeline.seeds import GoldArticle
from pipeline.stages import split
from tests.trained import Trained

PINNED = {"Train Gazette": "train", "Dev Gazette": "dev", "Test Gazette": "test"}
WORDS = 40


def text(number: int, copied: int = 0) -> str:
    """Return a text of words that no other number has, but for ``copied`` words of the text before it."""
    return " ".join(f"w{number - 1 if place < copied else number}x{place}" for place in range(WORDS))


def divide(
    folder: Path,
    articles: Mapping[str, tuple[str, str]],
    pinned: Mapping[str, str] = PINNED,
    *,
    topics: Mapping[str, str] | None = None,
    frozen: str | None = None,
) -> dict[str, str]:
    """Return the split of each article; ``articles`` gives outlet and text by id, ``topics`` what is no sport."""
    cleaned, gold = [], []
    for identity, (outlet, content) in articles.items():
        cleaned.append(CleanArticle(Article(identity, identity, 1, content), content, ()))
        topic = (topics or {}).get(identity, "sport")
        gold.append(GoldArticle(identity, identity, outlet, "2024-05-02", topic, "analysis", "en", content, (), ()))
    write_jsonl(folder / "clean" / "articles.jsonl", cleaned)
    write_jsonl(folder / "collect" / "gold.jsonl", gold)
    config = split.Config.model_validate({"pinned": dict(pinned), "frozen_test": frozen})
    split.run(config, cleaned=folder / "clean", collected=folder / "collect", output=folder / "split")
    return dict(read_split(folder / "split"))


def corpus(outlets: Mapping[str, int], copies: Mapping[int, int] | None = None) -> dict[str, tuple[str, str]]:
    """Return articles, so many of each outlet and one of each pinned one; ``copies`` by number of the article."""
    found: dict[str, tuple[str, str]] = {}
    for outlet, count in {**dict.fromkeys(PINNED, 1), **outlets}.items():
        for _ in range(count):
            number = len(found)
            found[f"a{number}"] = (outlet, text(number, (copies or {}).get(number, 0)))
    return found


OUTLETS = st.dictionaries(st.sampled_from([f"Outlet {number}" for number in range(30)]), st.integers(1, 4), max_size=20)


@given(outlets=OUTLETS, copied=st.lists(st.integers(4, 40), max_size=5))
@settings(deadline=None, max_examples=60)
def test_neither_an_outlet_nor_a_near_duplicate_straddles_splits(outlets: dict[str, int], copied: list[int]) -> None:
    articles = corpus(outlets, dict.fromkeys(copied, WORDS - 3))
    with tempfile.TemporaryDirectory() as folder:
        found = divide(Path(folder), articles)
    assert found.keys() == articles.keys()
    for one, (outlet, content) in articles.items():
        assert found[one] == PINNED.get(outlet, found[one])
        for other, (other_outlet, other_content) in articles.items():
            shared = len(set(content.split()) & set(other_content.split()))
            if outlet == other_outlet or shared >= WORDS - 3:
                assert found[one] == found[other], (one, other)


@given(outlets=OUTLETS, newcomer=st.text(min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_an_outlet_that_is_added_moves_no_other(outlets: dict[str, int], newcomer: str) -> None:
    articles = corpus(outlets)
    more = articles | {"new": (f"New {newcomer}", text(9999))}
    with tempfile.TemporaryDirectory() as folder:
        before, after = divide(Path(folder) / "before", articles), divide(Path(folder) / "after", more)
    assert {identity: after[identity] for identity in before} == before


def test_near_duplicates_of_outlets_pinned_apart_are_refused(tmp_path: Path) -> None:
    articles = corpus({}) | {"copy": ("Test Gazette", text(0))}
    with pytest.raises(ConfigError, match=r"Test Gazette.*Train Gazette.*split\.pinned"):
        divide(tmp_path, articles)


def test_a_split_that_stays_empty_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"leaves (?=.*dev)(?=.*test).* empty"):
        divide(tmp_path, {"one": ("Train Gazette", text(1))})


def frozen(folder: Path, articles: Mapping[str, tuple[str, str]]) -> str:
    """Return the digest of the test articles, as the message about another one names it."""
    with pytest.raises(ConfigError) as raised:
        divide(folder, articles, frozen="0" * 64)
    [digest] = re.findall(r"digest ([0-9a-f]{64})", str(raised.value))
    return str(digest)


def test_a_frozen_test_split_that_is_as_it_was_is_accepted(tmp_path: Path) -> None:
    articles = corpus({})
    assert divide(tmp_path, articles, frozen=frozen(tmp_path, articles)) == divide(tmp_path, articles)


CORPUS = corpus({})
TRAINED, DEVELOPED, TESTED = CORPUS  # ids, in the order of PINNED


@pytest.mark.parametrize(
    ("articles", "topics"),
    [
        (CORPUS, {TESTED: "health"}),
        (CORPUS | {TESTED: ("Test Gazette", text(7))}, {}),
        (CORPUS | {"new": ("Test Gazette", text(7))}, {}),
    ],
    ids=["label", "text", "member"],
)
def test_a_changed_label_text_or_member_of_the_frozen_test_split_is_refused_with_what_to_do(
    tmp_path: Path, articles: dict[str, tuple[str, str]], topics: dict[str, str]
) -> None:
    digest = frozen(tmp_path, CORPUS)
    with pytest.raises(ConfigError) as raised:
        divide(tmp_path, articles, topics=topics, frozen=digest)
    message = str(raised.value)
    assert "the test split has the digest" in message
    assert "an article of it, a label or its members changed" in message
    assert "Undo that, or freeze the new one and say in the commit why" in message
    assert digest not in message
    assert not (tmp_path / "split").exists()


@pytest.mark.parametrize("changed", [TRAINED, DEVELOPED])
def test_an_article_outside_the_frozen_test_split_may_change(tmp_path: Path, changed: str) -> None:
    articles = CORPUS | {changed: (CORPUS[changed][0], text(7)), "new": (CORPUS[changed][0], text(8))}
    found = divide(tmp_path, articles, topics={changed: "health"}, frozen=frozen(tmp_path, CORPUS))
    assert [one for one, name in found.items() if name == "test"] == [TESTED]


def test_a_test_split_without_a_frozen_digest_may_change(tmp_path: Path) -> None:
    assert divide(tmp_path, CORPUS, topics={TESTED: "health"}) == divide(tmp_path, CORPUS)


@pytest.mark.parametrize("digest", ["0" * 12, "Z" * 64, ""])
def test_what_is_no_digest_cannot_be_frozen(digest: str) -> None:
    with pytest.raises(ConfigError, match=r"split\.frozen_test"):
        configuration.section({"split": {"frozen_test": digest}}, "split", split.Config, source=Path("x.yaml"))


def test_the_corpus_is_divided_whole_and_the_worked_example_is_never_trained_on(trained: Trained) -> None:
    gold, found = read_gold(trained.data / "collect"), read_split(trained.data / "split")
    assert found.keys() == gold.keys()
    outlets = {name: {gold[one].outlet for one, own in found.items() if own == name} for name in found.values()}
    assert not outlets["train"] & (outlets["dev"] | outlets["test"])
    assert not outlets["dev"] & outlets["test"]
    assert "The Meridian Weekly" in outlets["test"]
    figures = trained.figures["split"]
    assert {name: figures[name] for name in outlets} == {
        name: sum(own == name for own in found.values()) for name in outlets
    }
