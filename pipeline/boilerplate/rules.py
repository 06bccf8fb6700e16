"""The promo lexicon: rules from data files, each with examples that must match and that must not."""

from __future__ import annotations

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

_GROUP_SIZE = 20  # rules behind one automaton


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

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in lexicon order."""
        return tuple(rule for language in self.languages for rule in language.rules)

    def matches(self, line: str) -> bool:
        """Tell whether any rule applies to a line."""
        return next(self.hits(line), None) is not None

    def hits(self, line: str) -> Iterator[Hit]:
        """Yield every rule that applies to a line, in lexicon order."""
        for language in self._groups:
            for rule in language.candidates(line):
                if rule.scope == "line":
                    if len(line) <= rule.max_chars and (not rule.contains or _compiled(rule.pattern).search(line)):
                        yield Hit(rule, 0, len(line))
                else:
                    for found in _compiled(rule.pattern).finditer(line):
                        start, end = found.span(found.lastindex or 0)
                        if start < end:
                            yield Hit(rule, start, end)

    @cached_property
    def _groups(self) -> list[_Group]:
        return [
            _Group(language.rules[start : start + _GROUP_SIZE], language.scripts)
            for language in self.languages
            for start in range(0, len(language.rules), _GROUP_SIZE)
        ]


@dataclass(frozen=True)
class _Group:
    """A few rules, of which one automaton tells those that are worth running on a line.

    A joint automaton over all languages outgrows its memory, and RE2 then falls back to a way a hundred times slower.
    """

    rules: Sequence[Rule]
    scripts: tuple[str, ...]

    def candidates(self, line: str) -> list[Rule]:
        if self.scripts and (line.isascii() or not self._script.search(line)):
            return []
        found = set(self._any.Match(line) or ()) if self._searched else set()
        rules = {id(self._searched[index]) for index in found}
        if self._literal:
            folded = line.casefold()
            rules |= {id(rule) for rule, literals in self._literal if any(map(folded.__contains__, literals))}
        return [rule for rule in self.rules if id(rule) in rules]

    @cached_property
    def _searched(self) -> list[Rule]:
        return [rule for rule in self.rules if not rule.contains]

    @cached_property
    def _literal(self) -> list[tuple[Rule, tuple[str, ...]]]:
        return [(rule, tuple(map(str.casefold, rule.contains))) for rule in self.rules if rule.contains]

    @cached_property
    def _any(self) -> Any:
        combined = re2.Set.SearchSet(_options())
        for rule in self._searched:
            combined.Add(rule.pattern)
        combined.Compile()
        return combined

    @cached_property
    def _script(self) -> Any:
        return re2.compile("|".join(rf"\p{{{script}}}" for script in self.scripts), _options())


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


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 256 * 2**20  # bytes; the automaton over one group outgrows the default
    return options
