"""Stance targets: who they are, and where an article names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipeline.config import read_yaml
from pipeline.errors import ConfigError

ASSET = "targets.yaml"
TITLE = (
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Lt|Col|Capt|Rev|Hon)\b\.?|President|Vice President|Prime Minister"
    r"|Minister|Chancellor|Senator|Representative|Congressman|Congresswoman|Governor|Mayor|Secretary|Speaker|Justice|Judge"
    r"|General|Ambassador|Commissioner|Chairman|Chairwoman|Chair|Director|Sir|Dame|Lord|Lady|King|Queen|Prince|Princess|Pope"
    r"|Candidate|Republican|Democrat|Conservative|Labour|Coach|Captain|Professor|Doctor|Former|Then)"
)
"""What may stand before a surname without making it the name of somebody else."""
NOT_A_NAME = re.compile(
    r"Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July"
    r"|August|September|October|November|December|The|This|That|These|Those|He|She|It|They|We|You|But|And|In|On"
    r"|At|For|With|From|By|As|If|When|While|After|Before|Since|There|Here|What|Who|Why|How|Its|His|Her|Their"
    r"|Our|My|Not|No|Yes|One|Two|Three|Some|Many|Most|All|Another|Both|Each|Several|According|However|Still|Yet"
    r"|Even|Now|Then|Today|Also|Other|Later|Last|Next|Under|Over|Between|Among|Within|Without|Because|Although"
    r"|Though|Despite"
)
"""Words that are capitalised for other reasons than that they name somebody."""
_OPENER = re.compile(
    r"\w+ing|Neither|Either|Whether|Nor|Or|So|Is|Are|Was|Were|Am|Be|Do|Does|Did|Has|Have|Had|Will|Would|Can|Could|Should"
    r"|Might|Must|Let|Only|Just|Like|Unlike|Until|Unless|Once|Perhaps|Maybe|Meanwhile|Instead|Where|Whose|Which|Against"
    r"|About|Above|Across|Along|Around|Behind|Beside|Besides|Beyond|Inside|Outside|Through|Toward|Towards|Upon|Given|Near"
    r"|Than|Thus|Via|Yesterday|Tonight|Tomorrow|Indeed|Recently|Every|Few|Such|Same|Until|Ever|Never|Often|Again"
)
"""Words that begin sentences, and stand before a name there without belonging to it."""
_GIVEN_NAME = re.compile(r"([A-Z][\w’'-]*\.?) $")
_TITLED = re.compile(rf"{TITLE} $")
_NEXT_NAME = re.compile(r" [A-Z]")
_INITIAL = re.compile(r"(?<= )[A-Z]\. $")
_TITLE_CASE = 0.7  # share of capitalised words from which a sentence is taken for a headline in title case
_FEW = 5  # words that are too few to tell
_NOT_SHORT = frozenset({"House", "State"})  # last words that, alone, name something else than the target


@dataclass(frozen=True)
class Target:
    """Something that texts take a stance toward, and the names it goes by."""

    name: str
    aliases: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match any of the names as whole words, the longest first; the last word of a longer name as well."""
        names = {self.name, *self.aliases, *([self.short] if self.short else [])}
        ordered = sorted(names, key=lambda name: (-len(name), name))
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_name_pattern, ordered))})(?!\w)")

    @cached_property
    def short(self) -> str | None:
        """The last word of a name of several capitalised words: a surname, or “the Bank” of a bank."""
        words = self.name.split()
        alone = len(words) > 1 and all(word[0].isupper() for word in words) and words[-1].isalpha()
        return words[-1] if alone and len(words[-1]) > 2 and words[-1] not in _NOT_SHORT else None

    def refers_back(self, text: str) -> bool:
        """Tell whether a mention says nothing by itself: “the alliance”, or a last word that is no alias."""
        known = text if text in (self.name, *self.aliases) else text[0].lower() + text[1:]
        if known in self.aliases:
            return known.startswith("the ") and known.islower()
        return known != self.name


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
    """Return the first mention of each target in each sentence that names it, the sentences in an article's order.

    What only refers back ("the alliance", a surname that is no alias) counts once the target has been named. A
    surname within another name does not count, nor one alone where the article names somebody else of that name in
    full more often.
    """
    return [mention for target in targets for mention in _mentions(sentences, target)]


def _mentions(sentences: Sequence[str], target: Target) -> Iterator[Mention]:
    matches = [(number, match) for number, text in enumerate(sentences) for match in target.pattern.finditer(text)]
    bearers = [_bearer(sentences[number], match, target) for number, match in matches]
    # A surname alone is that of whom the article names in full more often.
    others = bearers.count("other") > bearers.count("target")
    named = False
    last = -1
    for (number, match), bearer in zip(matches, bearers, strict=True):
        if bearer == "other" or (bearer == "unsaid" and others) or (not named and target.refers_back(match.group())):
            continue
        named = True
        if number != last:
            last = number
            yield Mention(target.name, number, *match.span())


def _bearer(sentence: str, match: re.Match[str], target: Target) -> Literal["target", "other", "unsaid"]:
    """Tell whom a match names: “Ada Weir” the target, “Eric Weir” or “Weir Hall” others, “Weir” does not say."""
    if target.short is None or not match.group().endswith(target.short):
        return "target"
    if _in_title_case(sentence):
        return "unsaid" if match.group() == target.short else "target"
    if _NEXT_NAME.match(sentence, match.end()):
        return "other"
    if match.group() != target.short:
        return "target"
    before = _INITIAL.sub("", sentence[: match.start()])
    given = _GIVEN_NAME.search(before)
    if given is None or _TITLED.search(before) or NOT_A_NAME.fullmatch(given[1]):
        return "unsaid"
    if not any(letter.isalnum() for letter in before[: given.start()]) and _OPENER.fullmatch(given[1]):
        return "unsaid"
    return "target" if given[1] == target.name.split()[0] else "other"


def _in_title_case(sentence: str) -> bool:
    words = sentence.split()
    return len(words) > _FEW and sum(word[0].isupper() for word in words) > _TITLE_CASE * len(words)
