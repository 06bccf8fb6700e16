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
# What opens a sentence before a name and is no part of it; NOT_A_NAME is left out of names already.
_OPENER = re.compile(
    r"(?:Can|Could|Did|Do|Does|Is|Are|Was|Were|Will|Would|Should|Has|Have|Had|Yesterday|Tomorrow|Tonight|Meanwhile"
    r"|Instead|Perhaps|Maybe|Only|Once|Until|During|Like|Unlike|Asked|Read|Sign|Live|Breaking|BREAKING|Earlier|Soon"
    r"|Where|Which|So|Or|Nor|To|Of|About|Against|Into|Through|Such|Every|Any|Few|More|Former|Mayor|Prime|Chancellor) "
)
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

    What only opens sentences counts if its second word is capitalised too, or if it may be the surname of a longer
    name; a surname goes with the full name. This is a heuristic where no configured target is named, no recogniser.
    """
    counts: Counter[str] = Counter()
    inside: set[str] = set()
    opening: set[str] = set()
    for sentence in sentences:
        seen: set[str] = set()
        for match in _ENTITY.finditer(sentence):
            name = _name(match)
            if len(name) < 2:
                continue
            seen.add(name)
            if match.start() > 1:
                inside.add(name)
            elif _TWO.match(name) and not _OPENER.match(name) and not _TITLES.match(name):
                opening.add(name)
        counts.update(seen)
    surnames = {Target(name, ()).short for name in inside | opening}
    full = {name for name in counts if name in inside or name in opening or name in surnames}
    merged: dict[str, set[str]] = {}
    sizes = {len(name.split()) for name in full}
    owners: dict[str, str] = {}  # of each name that a longer one ends with
    totals: Counter[str] = Counter()
    for name in sorted(full, key=lambda name: (-len(name.split()), name not in inside, -counts[name], name)):
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
