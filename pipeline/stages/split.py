"""Divide the articles into train, dev and test: once for all tasks, by outlet and near-duplicate group."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

from pipeline.config import Section
from pipeline.corpus import ARTICLES, ASSIGNMENT, SPLITS, CleanArticle, Split, read_gold
from pipeline.errors import ConfigError
from pipeline.records import read_jsonl


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


def run(config: Config, *, cleaned: Path, collected: Path, output: Path) -> dict[str, float]:
    """Write each article's split; return the counts.

    Raises:
        ConfigError: a split stays empty, or near-duplicates tie outlets that are pinned apart.
    """
    gold = read_gold(collected)
    texts = {item.article.id: item.text for item in read_jsonl(cleaned / ARTICLES, CleanArticle)}
    outlets = {identity: article.outlet for identity, article in gold.items()}
    groups = _tie(outlets, _near_duplicates(texts, config.max_similarity))
    places = {outlet: _place(members, config) for members in groups for outlet in members}
    assignment = {identity: places[outlet] for identity, outlet in sorted(outlets.items())}
    counts = Counter(assignment.values())
    if empty := [name for name in SPLITS if not counts[name]]:
        raise ConfigError(
            f"split leaves {' and '.join(empty)} empty with {len(groups)} groups; change split.salt or pin an outlet"
        )
    output.mkdir(parents=True, exist_ok=True)
    (output / ASSIGNMENT).write_text(json.dumps(assignment, indent=0) + "\n", encoding="utf-8")
    test_topics = {gold[identity].topic for identity, name in assignment.items() if name == "test"}
    return {
        **{name: counts[name] for name in SPLITS},
        **{f"{name}_outlets": sum(place == name for place in places.values()) for name in SPLITS},
        "topics_in_test": len(test_topics),
    }


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


def _near_duplicates(texts: dict[str, str], threshold: float) -> list[tuple[str, str]]:
    shingles: dict[str, set[tuple[str, ...]]] = {}
    holders: dict[tuple[str, ...], list[str]] = {}
    for identity, text in texts.items():
        words = re.findall(r"\w+", text.lower())
        shingles[identity] = {tuple(words[index : index + 5]) for index in range(len(words) - 4)}
        for shingle in shingles[identity]:
            holders.setdefault(shingle, []).append(identity)
    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        shared.update((one, other) for index, one in enumerate(names) for other in names[index + 1 :])
    return [
        (one, other)
        for (one, other), count in shared.items()
        if count / len(shingles[one] | shingles[other]) >= threshold
    ]


def _tie(outlets: dict[str, str], pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Return groups of outlets that near-duplicate articles tie together, each sorted."""
    group = {outlet: {outlet} for outlet in outlets.values()}
    for one, other in pairs:
        joined = group[outlets[one]] | group[outlets[other]]
        for outlet in joined:
            group[outlet] = joined
    return [list(members) for members in sorted({tuple(sorted(members)) for members in group.values()})]
