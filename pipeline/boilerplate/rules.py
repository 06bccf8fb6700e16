"""The promo lexicon: rules from data files, each with examples that must match and that must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import re2
from pydantic import Field

from pipeline.article import REMOVED_ROLES, Role
from pipeline.config import Section, parse, read_yaml
from pipeline.errors import ConfigError


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


class _File(Section):
    language: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Hit:
    """A rule that applies to ``line[start:end]``."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True)
class Lexicon:
    """All rules of a folder, compiled once."""

    rules: tuple[Rule, ...]
    files: dict[str, bytes]

    @cached_property
    def _compiled(self) -> list[Any]:
        return [re2.compile(rule.pattern, _options()) for rule in self.rules]

    @cached_property
    def _any(self) -> Any:
        # One automaton over all patterns tells which rules are worth running on a line.
        combined = re2.Set.SearchSet(_options())
        for rule in self.rules:
            combined.Add(rule.pattern)
        combined.Compile()
        return combined

    def matches(self, line: str) -> bool:
        """Tell whether any rule applies to a line."""
        return next(self.hits(line), None) is not None

    def hits(self, line: str) -> Iterator[Hit]:
        """Yield every rule that applies to a line, in lexicon order."""
        for index in sorted(self._any.Match(line) or ()):
            rule = self.rules[index]
            if rule.scope == "line":
                if len(line) <= rule.max_chars:
                    yield Hit(rule, 0, len(line))
            else:
                for found in self._compiled[index].finditer(line):
                    start, end = found.span(found.lastindex or 0)
                    if start < end:
                        yield Hit(rule, start, end)


def load(folder: Path) -> Lexicon:
    """Read every ``*.yaml`` of a folder.

    Raises:
        ConfigError: a file breaks the format, an id occurs twice, a role is not removable, or RE2 refuses a pattern.
    """
    rules: list[Rule] = []
    files: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.yaml")):
        for rule in parse(_File, read_yaml(path), where=str(path)).rules:
            if rule.id in {known.id for known in rules}:
                raise ConfigError(f"{path}: rule id {rule.id!r} occurs twice; rename one")
            if rule.role not in REMOVED_ROLES:
                raise ConfigError(f"{path}: rule {rule.id!r} removes {rule.role!r}, a kept role")
            try:
                re2.compile(rule.pattern, _options())
            except re2.error as error:
                raise ConfigError(f"{path}: pattern of {rule.id!r} is not RE2: {error}") from None
            rules.append(rule)
        files[path.name] = path.read_bytes()
    if not rules:
        raise ConfigError(f"no rules in {folder}; it must hold *.yaml lexicon files")
    return Lexicon(tuple(rules), files)


def by_language(folder: Path) -> dict[str, Lexicon]:
    """Return the rules of each language apart.

    Raises:
        ConfigError: as for ``load``.
    """
    whole = load(folder)
    found: dict[str, Lexicon] = {}
    for name, content in whole.files.items():
        file = parse(_File, read_yaml(folder / name), where=name)
        known = found.get(file.language, Lexicon((), {}))
        found[file.language] = Lexicon(known.rules + file.rules, {**known.files, name: content})
    return found


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 256 * 2**20  # bytes; the automaton over all rules outgrows the default
    return options
