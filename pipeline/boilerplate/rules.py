"""The promo lexicon: rules from data files, each with examples that must match and that must not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import re2
from pydantic import Field, field_validator

from pipeline.article import REMOVED_ROLES, Role
from pipeline.config import Section, parse, read_yaml
from pipeline.errors import ConfigError

_SCRIPT = re.compile("[A-Za-z_]{3,}")  # what is shorter is a category
_GROUP_SIZE = 6  # rules behind one automaton
_MEMORY = 16 * 2**20  # bytes of a program and its states: they grow with the lines seen, and begin anew beyond
# The same for a pattern that compiles with it: there are hundreds. Where its states outgrow that, in lines of thousands
# of characters, RE2 takes a slower way, to the same matches.
_LITTLE = 2**19


class Rule(Section):
    """One lexicon entry; patterns are RE2, so matching takes linear time whatever the input."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    role: Role
    scope: Literal["line", "span"]
    """line: the whole line goes when the pattern is found in it. span: only what its group, or all of it, matches."""
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

    @field_validator("scripts")
    @classmethod
    def _scripts_are_known(cls, scripts: tuple[str, ...]) -> tuple[str, ...]:
        for script in scripts:
            try:
                if not _SCRIPT.fullmatch(script):
                    raise re2.error("no name")
                _script([script])
            except re2.error:
                raise ValueError(f"no script {script!r}; write its Unicode name, such as Greek") from None
        return scripts


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
        candidates = (candidate for part in self._tried(line) for candidate in part.candidates(line))
        for _, rule, pattern in sorted(candidates, key=itemgetter(0)):
            if rule.scope == "line":
                if len(line) <= rule.max_chars:
                    yield Hit(rule, 0, len(line))
            else:
                for found in pattern.finditer(line):
                    start, end = found.span(found.lastindex or 0)
                    if start < end:
                        yield Hit(rule, start, end)

    def compile(self) -> None:
        """Compile every pattern, which takes seconds, as the first lines would.

        Raises:
            ConfigError: a pattern is not RE2 or too large, or a few are too large together.
        """
        for part in self._parts:
            part.compile()

    def _tried(self, line: str) -> list[_Part]:
        """Return the parts whose scripts a line has."""
        # Most lines have only characters known to be of no script; a search takes ten times longer.
        if all(map(self._is_of_no_script, set(line) - self._of_no_script)):
            return self._always_tried
        return [part for part in self._parts if not part.scripts or part.script.search(line)]

    def _is_of_no_script(self, character: str) -> bool:
        if self._any_script.search(character):
            return False
        self._of_no_script.add(character)
        return True

    @cached_property
    def _of_no_script(self) -> set[str]:
        return set()

    @cached_property
    def _always_tried(self) -> list[_Part]:
        return [part for part in self._parts if not part.scripts]

    @cached_property
    def _any_script(self) -> Any:
        return _script(tuple(script for part in self._parts for script in part.scripts))

    @cached_property
    def _parts(self) -> list[_Part]:
        by_scripts: dict[tuple[str, ...], list[tuple[int, Rule]]] = {}
        files: dict[str, str] = {}
        every = ((language.scripts, rule) for language in self.languages for rule in language.rules)
        for number, (scripts, rule) in enumerate(every):
            by_scripts.setdefault(scripts, []).append((number, rule))
        for name, language in zip(self.files, self.languages, strict=False):  # one made by hand has no files
            files |= dict.fromkeys((rule.id for rule in language.rules), name)
        return [_Part(scripts, tuple(rules), files) for scripts, rules in by_scripts.items()]


@dataclass(frozen=True)
class _Part:
    """The rules, with their numbers in the lexicon, that are tried on lines with letters of some scripts.

    One automaton over the literals that patterns cannot do without tells which of them are worth running (RE2's
    FilteredRE2). Patterns without any run together, a few at a time: an automaton over all would outgrow its memory.
    """

    scripts: tuple[str, ...]
    rules: tuple[tuple[int, Rule], ...]
    files: dict[str, str]
    """Of rules, by their ids."""

    def candidates(self, line: str) -> Iterator[tuple[int, Rule, Any]]:
        """Yield the rules whose pattern a line holds: number, rule and compiled pattern."""
        encoded = line.encode()
        patterns = self._filtered
        found = [
            place
            for place in self._filter.Match(encoded, True) or ()
            if place in patterns and patterns[place].search(encoded)
        ]
        found += (places[place] for automaton, places in self._automata for place in automaton.Match(encoded) or ())
        for place in found:
            yield *self.rules[place], self._filter.re(place)

    def compile(self) -> None:
        """Compile the filter, which compiles each pattern, and the automata.

        Raises:
            ConfigError: a pattern is not RE2 or too large, or a few are too large together.
        """
        _ = self._filter, self._automata

    @cached_property
    def _filter(self) -> Any:
        try:
            return _filter(tuple(rule.pattern for _, rule in self.rules))
        except re2.error:
            for _, rule in self.rules:  # which one it is, the filter does not say
                self._check(rule)
            raise

    def _check(self, rule: Rule) -> None:
        try:
            re2.compile(rule.pattern, _options())
        except re2.error as error:
            cause = error.args[0].decode()
            where = f"{self.files.get(rule.id, 'the lexicon')}: pattern of {rule.id!r}"
            if cause.startswith("pattern too large"):
                limit = f"{_MEMORY // 2**20} MiB when compiled"
                raise ConfigError(f"{where} takes over {limit}; shorten it, or divide it") from None
            raise ConfigError(f"{where} is not RE2: {cause}; mend it, or remove it") from None

    @cached_property
    def _unfiltered(self) -> list[int]:
        """Places of the rules that need no literal: they are worth running on an empty line."""
        return list(self._filter.Match(b"", True) or ())

    @cached_property
    def _filtered(self) -> dict[int, Any]:
        """The compiled patterns of the other rules, by place."""
        return {place: self._filter.re(place) for place in set(range(len(self.rules))) - set(self._unfiltered)}

    @cached_property
    def _automata(self) -> list[tuple[Any, list[int]]]:
        """An automaton and the places of its rules, for each few of those that need no literal."""
        alike = self._unfiltered
        groups = [alike[start : start + _GROUP_SIZE] for start in range(0, len(alike), _GROUP_SIZE)]
        return [(self._automaton(group), group) for group in groups]

    def _automaton(self, places: Sequence[int]) -> Any:
        rules = [self.rules[place][1] for place in places]
        try:
            return _together(tuple(rule.pattern for rule in rules))
        except re2.error:
            names = ", ".join(rule.id for rule in rules)
            files = ", ".join(dict.fromkeys(self.files.get(rule.id, "the lexicon") for rule in rules))
            raise ConfigError(
                f"{files}: the patterns of {names} are too large together; shorten one, or divide it"
            ) from None

    @cached_property
    def script(self) -> Any:
        return _script(self.scripts)


def _script(scripts: Sequence[str]) -> Any:
    """Match a letter of any of some scripts."""
    return re2.compile("|".join(rf"\p{{{script}}}" for script in scripts) or r"\z.", _options())


@cache  # models carry the lexicon that they were trained with, which is the same for most that a process loads
def _filter(patterns: tuple[str, ...]) -> Any:
    combined = re2.Filter()
    for pattern in patterns:
        try:
            combined.Add(pattern, _options(_LITTLE))
        except re2.error:
            combined.Add(pattern, _options())
    combined.Compile()
    return combined


@cache
def _together(patterns: tuple[str, ...]) -> Any:
    combined = re2.Set.SearchSet(_options())
    for pattern in patterns:
        combined.Add(pattern)
    combined.Compile()
    return combined


def load(folder: Path) -> Lexicon:
    """Read every ``*.yaml`` of a folder; to compile the lexicon tells whether its patterns are sound.

    Raises:
        ConfigError: a file breaks the format, an id occurs twice, a role is not removable, or a script is unknown.
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


def _options(memory: int = _MEMORY) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory  # some patterns outgrow the default
    return options
