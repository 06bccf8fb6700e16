"""Divide the articles into train, dev and test: once for all tasks, by outlet and near-duplicate group."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from pipeline import shingles
from pipeline.config import Section
from pipeline.corpus import ARTICLES, ASSIGNMENT, SPLITS, CleanArticle, Split, read_gold
from pipeline.errors import ConfigError
from pipeline.records import read_jsonl, to_json
from pipeline.seeds import GoldArticle


class Config(Section):
    """How to divide."""

    salt: str = "newsfacts"
    """Enters every outlet's hash; another salt gives another division."""
    dev_share: float = 0.15
    test_share: float = 0.2
    """Share of outlets, in expectation: each falls where its hash puts it, whatever other outlets there are."""
    pinned: dict[str, Split] = {}
    """Outlets with a fixed place."""
    max_similarity: float = 0.3
    """Jaccard similarity of 5-word shingles from which two articles, and so their outlets, stay together."""
    frozen_test: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest of the test articles with their labels; null accepts any."""


def run(config: Config, *, cleaned: Path, collected: Path, output: Path) -> dict[str, float]:
    """Write each article's split; return the counts.

    Raises:
        ConfigError: a split stays empty, near-duplicates tie outlets that are pinned apart, or the test split is not
            the frozen one.
    """
    gold = read_gold(collected)
    texts = {item.article.id: item.text for item in read_jsonl(cleaned / ARTICLES, CleanArticle)}
    assignment = assign(gold, texts, config)
    counts = Counter(assignment.values())
    if empty := [name for name in SPLITS if not counts[name]]:
        raise ConfigError(f"split leaves {' and '.join(empty)} empty; change split.salt or pin an outlet")
    digest = test_digest([gold[identity] for identity, name in assignment.items() if name == "test"])
    if config.frozen_test not in (None, digest):
        raise ConfigError(
            f"the test split has the digest {digest}, not split.frozen_test: an article of it, a label or its members "
            "changed. Undo that, or freeze the new one and say in the commit why: its scores do not compare with others"
        )
    output.mkdir(parents=True, exist_ok=True)
    (output / ASSIGNMENT).write_text(json.dumps(assignment, indent=0) + "\n", encoding="utf-8")
    test_topics = {gold[identity].topic for identity, name in assignment.items() if name == "test"}
    return {
        **{name: counts[name] for name in SPLITS},
        **{f"{name}_outlets": len({gold[one].outlet for one in gold if assignment[one] == name}) for name in SPLITS},
        "topics_in_test": len(test_topics),
    }


def assign(gold: Mapping[str, GoldArticle], texts: Mapping[str, str], config: Config) -> dict[str, Split]:
    """Return the split of each article, by id.

    Raises:
        ConfigError: near-duplicates tie outlets that are pinned apart.
    """
    outlets = {identity: article.outlet for identity, article in gold.items()}
    groups = _tie(outlets, list(shingles.similar(texts, config.max_similarity)))
    places = {outlet: _place(members, config) for members in groups for outlet in members}
    return {identity: places[outlet] for identity, outlet in sorted(outlets.items())}


def test_digest(articles: Sequence[GoldArticle]) -> str:
    """Return the sha256 over test articles, their texts and their labels, in order."""
    return hashlib.sha256(b"\n".join(to_json(article) for article in articles)).hexdigest()


def _place(outlets: list[str], config: Config) -> Split:
    pinned = {config.pinned[outlet] for outlet in outlets if outlet in config.pinned}
    if len(pinned) > 1:
        raise ConfigError(f"near-duplicates tie {', '.join(outlets)}, which split.pinned sets apart")
    if pinned:
        return pinned.pop()
    digest = hashlib.sha256(f"{config.salt}\0{outlets[0]}".encode()).digest()
    position = int.from_bytes(digest[:8]) / 2**64
    if position < config.test_share:
        return "test"
    return "dev" if position < config.test_share + config.dev_share else "train"


def _tie(outlets: dict[str, str], pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Return groups of outlets that near-duplicate articles tie together, each sorted."""
    group = {outlet: {outlet} for outlet in outlets.values()}
    for one, other in pairs:
        joined = group[outlets[one]] | group[outlets[other]]
        for outlet in joined:
            group[outlet] = joined
    return [list(members) for members in sorted({tuple(sorted(members)) for members in group.values()})]
