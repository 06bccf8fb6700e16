"""The promo lexicon: rules from data files, each with examples that must match and that must not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import re2
from pydantic import Field

from pipeline.article import REMOVED_ROLES, Role
from pipeline.config import Section, parse, read_yaml
from pipeline.errors import ConfigError

_GROUP_SIZE = 6  # rules behind one automaton
_GROUP_MEMORY = 32 * 2**20  # bytes of its states: it grows with the lines that it sees, and begins anew beyond


class Rule(Section):
    """One lexicon entry; patterns are RE2, so matching takes linear time whatever the input."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    role: Role
    scope: Literal["line", "span"]
    """line: the whole line goes when the pattern is found in it. span: only what its group, or all of it, matches."""
    contains: tuple[str, ...] = ()
    """Literals of which one must occur, whatever its case, for the pattern to be tried: spares a costly pattern."""
    pattern: str
    max_chars: int = 400
    """A longer line is left alone by a line rule: it is a paragraph that mentions the thing."""
    match: tuple[str, ...] = Field(min_length=1)
    keep: tuple[str, ...] = Field(min_length=1)


class Language(Section):
    """One file of the lexicon."""

    language: str
    scripts: tuple[str, ...] = ()
    """Unicode scripts, such as Greek, of which a line must hold a letter for these rules to be tried."""
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Hit:
    """A rule that applies to ``line[start:end]``."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True)
class Lexicon:
    """The rules of one or more languages; patterns are compiled when a line first needs them."""

    languages: tuple[Language, ...]
    files: dict[str, bytes]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in lexicon order."""
        return tuple(rule for language in self.languages for rule in language.rules)

    def matches(self, line: str) -> bool:
        """Tell whether any rule applies to a line."""
        return next(self.hits(line), None) is not None

    def hits(self, line: str) -> Iterator[Hit]:
        """Yield every rule that applies to a line, in lexicon order."""
        for number in sorted(number for part in self._parts for number in part.candidates(line)):
            rule = self.rules[number]
            if rule.scope == "line":
                if len(line) <= rule.max_chars and (not rule.contains or _compiled(rule.pattern).search(line)):
                    yield Hit(rule, 0, len(line))
            else:
                for found in _compiled(rule.pattern).finditer(line):
                    start, end = found.span(found.lastindex or 0)
                    if start < end:
                        yield Hit(rule, start, end)

    def compile(self) -> None:
        """Compile what tells the rules that are worth running, as the first lines would.

        Raises:
            ConfigError: the patterns of a few rules are too large together.
        """
        for part in self._parts:
            part.compile()

    @cached_property
    def _parts(self) -> list[_Part]:
        by_scripts: dict[tuple[str, ...], list[tuple[int, Rule]]] = {}
        every = ((language.scripts, rule) for language in self.languages for rule in language.rules)
        for number, (scripts, rule) in enumerate(every):
            by_scripts.setdefault(scripts, []).append((number, rule))
        return [_Part(scripts, tuple(rules)) for scripts, rules in by_scripts.items()]


@dataclass(frozen=True)
class _Part:
    """The rules, with their numbers in the lexicon, that are tried on lines with letters of some scripts.

    An automaton over a few of them tells those that match; a joint one over all outgrows its memory. Those go together
    that look at a line's beginning alone, and those that leave lines of like length alone, so that few automata run
    over a whole paragraph.
    """

    scripts: tuple[str, ...]
    rules: tuple[tuple[int, Rule], ...]

    def candidates(self, line: str) -> list[int]:
        """Return the numbers of the rules that are worth running on a line."""
        if self.scripts and (line.isascii() or not self._script.search(line)):
            return []
        encoded = line.encode()
        size = len(line)
        found = [
            numbers[place]
            for longest, automaton, numbers in self._automata
            if size <= longest
            for place in automaton.Match(encoded) or ()
        ]
        if self._literal:
            folded = line.casefold()
            found += [number for number, literals in self._literal if any(map(folded.__contains__, literals))]
        return found

    def compile(self) -> None:
        """Compile the automata.

        Raises:
            ConfigError: one of them is too large.
        """
        _ = self._automata

    @cached_property
    def _automata(self) -> list[tuple[float, Any, list[int]]]:
        """The longest line that each leaves a chance, the automaton, and the numbers of its rules."""
        groups: list[list[tuple[int, Rule]]] = []
        for anchored in (True, False):
            alike = [one for one in self.rules if not one[1].contains and _anchored(one[1].pattern) is anchored]
            alike.sort(key=lambda one: _longest(one[1]))
            groups += (alike[start : start + _GROUP_SIZE] for start in range(0, len(alike), _GROUP_SIZE))
        return [(_longest(group[-1][1]), _automaton(group), [number for number, _ in group]) for group in groups]

    @cached_property
    def _literal(self) -> list[tuple[int, tuple[str, ...]]]:
        return [(number, tuple(map(str.casefold, rule.contains))) for number, rule in self.rules if rule.contains]

    @cached_property
    def _script(self) -> Any:
        return re2.compile("|".join(rf"\p{{{script}}}" for script in self.scripts), _options())


def _longest(rule: Rule) -> float:
    """Return the number of characters beyond which a rule leaves a line alone."""
    return rule.max_chars if rule.scope == "line" else math.inf


def _anchored(pattern: str) -> bool:
    """Tell whether each alternative of a pattern begins with ^, as far as that shows outside of its groups."""
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "", pattern)
    while (outside := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = outside
    return all(alternative.startswith("^") for alternative in bare.split("|"))


def _automaton(rules: Sequence[tuple[int, Rule]]) -> Any:
    try:
        return _together(tuple(rule.pattern for _, rule in rules))
    except re2.error:
        names = ", ".join(rule.id for _, rule in rules)
        raise ConfigError(f"the patterns of {names} are too large together; shorten one, or divide it") from None


@cache  # models carry the lexicon that they were trained with, which is the same for most that a process loads
def _together(patterns: tuple[str, ...]) -> Any:
    combined = re2.Set.SearchSet(_options(_GROUP_MEMORY))
    for pattern in patterns:
        combined.Add(pattern)
    combined.Compile()
    return combined


def load(folder: Path) -> Lexicon:
    """Read every ``*.yaml`` of a folder; ``check`` tells whether its patterns are sound.

    Raises:
        ConfigError: a file breaks the format, an id occurs twice, or a role is not removable.
    """
    languages: list[Language] = []
    files: dict[str, bytes] = {}
    known: set[str] = set()
    for path in sorted(folder.glob("*.yaml")):
        language = parse(Language, read_yaml(path), where=str(path))
        for rule in language.rules:
            if rule.id in known:
                raise ConfigError(f"{path}: rule id {rule.id!r} occurs twice; rename one")
            if rule.role not in REMOVED_ROLES:
                raise ConfigError(f"{path}: rule {rule.id!r} removes {rule.role!r}, a kept role")
            known.add(rule.id)
        languages.append(language)
        files[path.name] = path.read_bytes()
    if not known:
        raise ConfigError(f"no rules in {folder}; it must hold *.yaml lexicon files")
    return Lexicon(tuple(languages), files)


def check(lexicon: Lexicon) -> None:
    """Compile every pattern, which takes seconds; whoever edits a lexicon should.

    Raises:
        ConfigError: RE2 refuses a pattern or a script.
    """
    for name, language in zip(lexicon.files, lexicon.languages, strict=True):
        patterns = {rule.id: rule.pattern for rule in language.rules}
        patterns |= {f"script {script}": rf"\p{{{script}}}" for script in language.scripts}
        for identity, pattern in patterns.items():
            try:
                _compiled(pattern)
            except re2.error as error:
                raise ConfigError(f"{name}: pattern of {identity!r} is not RE2: {error}") from None
    lexicon.compile()


def by_language(folder: Path) -> dict[str, Lexicon]:
    """Return the rules of each language apart.

    Raises:
        ConfigError: as for ``load``.
    """
    whole = load(folder)
    found: dict[str, Lexicon] = {}
    for language, (name, content) in zip(whole.languages, whole.files.items(), strict=True):
        known = found.get(language.language, Lexicon((), {}))
        found[language.language] = Lexicon((*known.languages, language), {**known.files, name: content})
    return found


@cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, _options())


def _options(memory: int = 256 * 2**20) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory  # bytes; some patterns outgrow the default
    return options
