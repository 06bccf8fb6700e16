"""Stance targets: who they are, and where an article names them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Literal

from pipeline.config import read_yaml
from pipeline.errors import ConfigError

ASSET = "targets.yaml"
TITLE = (
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Lt|Col|Capt|Rev|Hon)\b\.?|Presidents?|Vice President|Prime Minister"
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
_WORD_BEFORE = re.compile(r"([^\W\d_][\w’'-]*\.?) $")
_TITLED = re.compile(rf"{TITLE} $")
_WORD_AFTER = re.compile(r" (\w+)")
_INITIAL = re.compile(r"(?<= )[^\W\d_]\. $")
_FAR = 80  # characters before a last word within which its given name stands
_TITLE_CASE = 0.7  # share of capitalised words from which a sentence is taken for a headline in title case
_FEW = 5  # words that are too few to tell
# Last words that, alone, are common nouns or name something else: “the House”, “court papers”, “Union workers”.
_NOT_SHORT = re.compile(
    r"Academy|Accord|Act|Agency|Agreement|Airlines?|Airport|Alliance|Army|Assembly|Association|Authority|Bank|Bay|Bill"
    r"|Board|Bridge|Bureau|Cent(?:er|re)|Church|City|Club|College|Commission|Committee|Company|Conference|Congress"
    r"|Convention|Corp|Corporation|Council|Court|Cup|Deal|Department|Embassy|Energy|Exchange|Federation|Festival|Force|Forces"
    r"|Foundation|Front|Fund|Games|Government|Group|Guard|Holdings|Hospital|House|Industries|Initiative|Institute|Islands?"
    r"|Journal|Kingdom|Korea|Law|League|Mission|Motors|Movement|Museum|Nations|Navy|Network|News|Office|Organi[sz]ation|Pact"
    r"|Parliament|Partners|Partnership|Party|Plan|Police|Port|Post|Power|Press|Programme|Program|Project|Protocol|Rail|Railways?"
    r"|Republic|Reserve|River|School|Senate|Series|Services?|Society|State|States|Street|Strip|Summit|Systems|Tariff|Tax"
    r"|Technologies|Times|Treaty|Tribunal|Tribune|Trust|Union|United|University|Valley|Water|Wire|World|Zealand"
)


@dataclass(frozen=True)
class Target:
    """Something that texts take a stance toward, and the names it goes by."""

    name: str
    aliases: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match any of the names as whole words, the longest first; the last word of a longer name as well."""
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_name_pattern, self._names))})(?!\w)")

    def possible_sentences(self, text: str, starts: Sequence[int]) -> list[int]:
        """Return the numbers of the sentences, given by where they start, that hold any of the names.

        Perhaps they hold it within other words: this is a quick look before matching.
        """
        found: set[int] = set()
        for tail in self._tails:
            place = text.find(tail) if starts else -1
            while place >= 0:
                number = bisect_right(starts, place)
                found.add(number - 1)
                place = text.find(tail, starts[number]) if number < len(starts) else -1
        return sorted(found)

    @cached_property
    def _tails(self) -> list[str]:
        return [name[1:] for name in self._names]  # the first letter may be a capital

    @cached_property
    def _names(self) -> list[str]:
        names = {self.name, *self.aliases, *([self.short] if self.short else [])}
        return sorted(names, key=lambda name: (-len(name), name))

    @cached_property
    def short(self) -> str | None:
        """The last word of a name of several capitalised words, where it may be a surname."""
        words = self.name.split()
        alone = len(words) > 1 and all(word[0].isupper() for word in words) and words[-1].isalpha()
        return words[-1] if alone and len(words[-1]) > 2 and not _NOT_SHORT.fullmatch(words[-1]) else None

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
    surname within another name does not count, as far as sentences tell it from a word that is capitalised for its
    place; nor does one alone where the article names somebody else of that name in full more often.
    """
    text = "\n".join(sentences)
    starts = list(accumulate((len(sentence) + 1 for sentence in sentences), initial=0))[:-1]
    return [
        mention
        for target in targets
        for mention in _mentions(sentences, target, target.possible_sentences(text, starts))
    ]


def _mentions(sentences: Sequence[str], target: Target, possible: Iterable[int]) -> Iterator[Mention]:
    matches = [(number, match) for number in possible for match in target.pattern.finditer(sentences[number])]
    bearers = _bearers(sentences, matches, target)
    # A surname alone is that of whom the article names in full more often.
    others = bearers.count("other") > bearers.count("target")
    named = False
    last = -1
    for (number, match), bearer in zip(matches, bearers, strict=True):
        if bearer in ("other", "elsewhere") or (bearer == "unsaid" and others):
            continue
        if not named and target.refers_back(match.group()):
            continue
        named = True
        if number != last:
            last = number
            yield Mention(target.name, number, *match.span())


Bearer = Literal["target", "other", "elsewhere", "unsaid"]


def _bearers(sentences: Sequence[str], matches: Sequence[tuple[int, re.Match[str]]], target: Target) -> list[Bearer]:
    """Tell whom each match names: “Ada Weir” the target, “Eric Weir” another; “Weir Hall” is neither, “Weir” unsaid."""
    if target.short is None:
        return ["target"] * len(matches)
    headlines = {number: _in_title_case(sentences[number]) for number in {number for number, _ in matches}}
    found: list[Bearer] = []
    given_names: list[str | None] = []
    for number, match in matches:
        sentence, text = sentences[number], match.group()
        given_names.append(None)
        if not text.endswith(target.short):
            found.append("target")
        elif not headlines[number] and _is_name(_WORD_AFTER.match(sentence, match.end())):
            found.append("elsewhere")
        elif text != target.short:
            found.append("target")
        else:
            before = _INITIAL.sub("", sentence[max(0, match.start() - _FAR) : match.start()])
            given = None if _TITLED.search(before) else _WORD_BEFORE.search(before)
            if given is None or not _is_name(given):
                found.append("unsaid")
            elif given[1] == target.name.split()[0]:
                found.append("target")
            else:
                # At the beginning of a sentence, or in a headline, any word is capitalised.
                sure = not headlines[number] and any(letter.isalnum() for letter in before[: given.start()])
                found.append("other" if sure else "unsaid")
                given_names[-1] = given[1]
    known = {given for given, bearer in zip(given_names, found, strict=True) if bearer == "other"}
    return [
        "elsewhere" if bearer == "unsaid" and given in known else bearer
        for given, bearer in zip(given_names, found, strict=True)
    ]


def _is_name(match: re.Match[str] | None) -> bool:
    return match is not None and match[1][0].isupper() and match[1] != "I" and not NOT_A_NAME.fullmatch(match[1])


def _in_title_case(sentence: str) -> bool:
    words = sentence.split()
    return len(words) > _FEW and sum(word[0].isupper() for word in words) > _TITLE_CASE * len(words)
