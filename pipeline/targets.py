"""Stance targets: who they are, where an article names them, and whom to take when it names none of them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.config import read_yaml
from pipeline.errors import ConfigError

ASSET = "targets.yaml"


@dataclass(frozen=True)
class Target:
    """Something that texts take a stance toward, and the names it goes by."""

    name: str
    aliases: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match any of the names as whole words, the longest first."""
        names = sorted({self.name, *self.aliases}, key=lambda name: (-len(name), name))
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_name_pattern, names))})(?!\w)")


@dataclass(frozen=True, slots=True)
class Mention:
    """A target named in sentence number ``sentence``, at ``start:end`` of that sentence."""

    target: str
    sentence: int
    start: int
    end: int


def _name_pattern(name: str) -> str:
    if name[0].islower():
        return f"[{name[0].upper()}{name[0]}]{re.escape(name[1:])}"
    return re.escape(name)


def load_targets(path: Path) -> tuple[Target, ...]:
    """Read targets with their aliases.

    Raises:
        ConfigError: the file is no mapping of names to lists of names.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no targets; write 'Name: [alias, alias]' lines")
    targets: list[Target] = []
    for name, aliases in content.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{path}: target {name!r} is no name; put it in quotes")
        if not isinstance(aliases, list) or not all(isinstance(alias, str) and alias for alias in aliases):
            raise ConfigError(f"{path}: aliases of {name!r} are {aliases!r}, not a list of names in brackets")
        targets.append(Target(name, tuple(aliases)))
    return tuple(targets)


def mentions(sentences: Sequence[str], targets: Sequence[Target]) -> list[Mention]:
    """Return the first mention of each target in each sentence that names it."""
    found: list[Mention] = []
    for target in targets:
        for number, sentence in enumerate(sentences):
            if match := target.pattern.search(sentence):
                found.append(Mention(target.name, number, *match.span()))
    return found


_PART = r"[A-Z][\w’'-]*[\w]|[A-Z]{2,}"
_ENTITY = re.compile(rf"(?:{_PART})(?:(?: (?:of|for|the|de|van|von|al|bin))? (?:{_PART}))*")
_TITLES = re.compile(r"^(?:Mr|Mrs|Ms|Dr|Prof|President|Sen|Rep|Gov|Sir|Lord|Minister|Judge|Justice)\.? ")
_NOT_ENTITIES = frozenset(
    [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "The",
        "This",
        "That",
        "These",
        "Those",
        "He",
        "She",
        "It",
        "They",
        "We",
        "You",
        "But",
        "And",
        "In",
        "On",
        "At",
        "For",
        "With",
        "From",
        "By",
        "As",
        "If",
        "When",
        "While",
        "After",
        "Before",
        "Since",
        "There",
        "Here",
        "What",
        "Who",
        "Why",
        "How",
        "Its",
        "His",
        "Her",
        "Their",
        "Our",
        "My",
        "Not",
        "No",
        "Yes",
        "One",
        "Two",
        "Three",
        "Some",
        "Many",
        "Most",
        "All",
        "Another",
        "Both",
        "Each",
        "Several",
        "According",
        "However",
        "Still",
        "Yet",
        "Even",
        "Now",
        "Then",
        "Today",
        "Also",
        "Other",
        "Later",
        "Last",
        "Next",
        "Under",
        "Over",
        "Between",
        "Among",
        "Within",
        "Without",
        "Because",
        "Although",
        "Though",
        "Despite",
    ]
)


def named_entities(sentences: Sequence[str], *, limit: int, min_sentences: int = 2) -> tuple[Target, ...]:
    """Return the most named entities of a text as targets, by runs of capitalised words.

    A word counts only where it is capitalised away from a sentence's beginning, and a surname goes with the
    full name that contains it. This is a heuristic for texts that name no configured target, not a recogniser.
    """
    counts: Counter[str] = Counter()
    inner: set[str] = set()
    for sentence in sentences:
        seen: set[str] = set()
        for match in _ENTITY.finditer(sentence):
            words = _TITLES.sub("", match.group()).removesuffix("'s").removesuffix("’s").split(" ")
            name = " ".join(itertools.dropwhile(_NOT_ENTITIES.__contains__, words))
            if len(name) < 2:
                continue
            seen.add(name)
            if match.start() > 1:
                inner.add(name)
        counts.update(seen)
    full = {name for name in counts if name in inner}
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
