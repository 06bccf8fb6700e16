"""Word n-grams of texts: near-duplicates, and how much a corpus repeats itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

SIZE = 5  # words of a shingle
Shingle = tuple[str, ...]


def shingles(text: str) -> list[Shingle]:
    """Return the word 5-grams of a text, in lower case, in order."""
    words = re.findall(r"\w+", text.lower())
    return [tuple(words[index : index + SIZE]) for index in range(len(words) - SIZE + 1)]


def similar(texts: Mapping[str, str], threshold: float) -> dict[tuple[str, str], float]:
    """Return the Jaccard similarity of each pair of texts that reaches ``threshold``, by their names (Broder 1997)."""
    sets: dict[str, set[Shingle]] = {}
    holders: dict[Shingle, list[str]] = {}
    for name, text in texts.items():
        sets[name] = set(shingles(text))
        for shingle in sets[name]:
            holders.setdefault(shingle, []).append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        shared.update((one, other) for index, one in enumerate(names) for other in names[index + 1 :])
    found = {(one, other): count / len(sets[one] | sets[other]) for (one, other), count in shared.items()}
    return {pair: similarity for pair, similarity in found.items() if similarity >= threshold}


def repeated_share(texts: Iterable[str]) -> float:
    """Return the share of all 5-grams, each counted once a text, that occur in more than one text."""
    counts: Counter[Shingle] = Counter()
    for text in texts:
        counts.update(set(shingles(text)))
    return sum(count for count in counts.values() if count > 1) / max(counts.total(), 1)
