"""What may be names in a sentence, and whom an article names most: a heuristic, not a recogniser."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.targets import NOT_A_NAME, Target

_PART = r"[A-Z][\w’'-]*[\w]|[A-Z]{2,}"
_ENTITY = re.compile(rf"(?:{_PART})(?:(?: (?:of|for|the|de|van|von|al|bin))? (?:{_PART}))*")
_TWO = re.compile(r"\S+ [A-Z]")
_TITLES = re.compile(r"^(?:Mr|Mrs|Ms|Dr|Prof|President|Sen|Rep|Gov|Sir|Lord|Minister|Judge|Justice)\.? (?!Department)")


def spans(sentence: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of what may be names in a sentence: runs of capitalised words, without titles."""
    for match in _ENTITY.finditer(sentence):
        name = _name(match)
        if len(name) > 1 and not _TITLES.fullmatch(f"{name} "):
            start = match.start() + match.group().rindex(name)
            yield start, start + len(name)


def _name(match: re.Match[str]) -> str:
    words = _TITLES.sub("", match.group()).removesuffix("'s").removesuffix("’s").split(" ")
    return " ".join(itertools.dropwhile(NOT_A_NAME.fullmatch, words))


def named_entities(sentences: Sequence[str], *, limit: int, min_sentences: int = 2) -> tuple[Target, ...]:
    """Return the most named entities of a text as targets, by runs of capitalised words.

    What opens sentences alone counts if its second word is capitalised too, or if it ends a longer name: a surname goes
    with the full name that contains it. This is a heuristic for texts that name no configured target, no recogniser.
    """
    counts: Counter[str] = Counter()
    names: set[str] = set()
    for sentence in sentences:
        seen: set[str] = set()
        for match in _ENTITY.finditer(sentence):
            name = _name(match)
            if len(name) < 2:
                continue
            seen.add(name)
            if match.start() + match.group().rindex(name) > 1 or _TWO.match(name):
                names.add(name)
        counts.update(seen)
    surnames = {name.rpartition(" ")[2] for name in names}
    full = {name for name in counts if name in names or name in surnames}
    merged: dict[str, set[str]] = {}
    sizes = {len(name.split()) for name in full}
    owners: dict[str, str] = {}  # of each name that a longer one ends with
    totals: Counter[str] = Counter()
    for name in sorted(full, key=lambda name: (-len(name.split()), -counts[name], name)):
        owner = owners.get(name, name)
        if owner == name:
            words = name.split()
            for size in sizes:
                if size < len(words):
                    owners.setdefault(" ".join(words[-size:]), name)
        merged.setdefault(owner, set()).add(name)
        totals[owner] += counts[name]
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    return tuple(
        Target(name, tuple(sorted(merged[name] - {name}))) for name in ranked if totals[name] >= min_sentences
    )[:limit]
