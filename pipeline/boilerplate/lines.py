"""Lines as examples for the line classifier: their text, position, layout and neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from pipeline.boilerplate.outlet_names import PLACEHOLDER, hidden
from pipeline.classifiers.contract import Example

_TERMINAL = re.compile(r"[.!?…।][\"”’')\]]*$")
_WORD = re.compile(r"\w+")
DIVIDERS = (" · ", " | ")
_LINK = re.compile(r"https?://|www\.|(?<![\w-])[\w-]++\.(?:com|org|net|co\.uk)\b")
_NUMBERED = re.compile(r"\(?\d{1,4}[.):]?\s")
_MONEY = re.compile(r"[$£€₹¥]\s?\d|\d\s?[$£€₹¥]")
_EMOJI = re.compile("[\u2190-\u21ff\u2600-\u27bf\u25a0-\u25ff\U0001f000-\U0001faff]")
_PRONOUN = re.compile(r"\b(?:you|your|us|our|we)\b", re.IGNORECASE)
_PROFESSION = re.compile(
    r"\b(?:author|writer|reporter|columnist|correspondent|editor|journalist|contributor|fellow|professor|lecturer|scholar"
    r"|director|president|founder|host|anchor|analyst|commentator|blogger|researcher|member|attorney|strategist|adviser"
    r"|advisor|economist|lawyer|governor|nominee|bestsell\w+|book)s?\b"
)
_NAME = (
    r"(?!(?:The|This|That|These|Those|If|Though|While|When|As|But|And|So|Yet|In|On|At|For|To|Many|Most|Some|All|Both|Our"
    r"|Its|His|Her|Their|Mr|Mrs|Ms|Sen|Rep|Gov|President|Senator)\b)(?:[A-Z][\w.’'-]+ ){1,3}[A-Z][\w.’'-]+"
)
# How a line opens that says who wrote the article.
_OPENS = r"^[*_(•—– ]*"
_WRITER = r"The (?:author|writer)s?"
_NAMED = rf"{_NAME}(?: \(@\w+\))?"
_DESCRIBED = rf"{_NAMED}(?:, .{{3,90}},)?"
# “Jane Roe is a fellow at …”, “The writer covers …”: whom it describes, only its place in the text can tell.
_BIO = re.compile(
    rf"{_OPENS}(?:{_WRITER}|{_DESCRIBED})"
    r" (?:(?:is|are|was|were|has been|have been|recently)\b"
    r"|((?:cover|write|teach|lead|contribute|work|serve|edit|direct|host)(?:s|es|d|ed)?\b"
    r"|report(?:s|ed)? (?:on|for|from)\b))"
)
# Of these, what no reporter says of whom the story is about: “Jane Roe served two terms” may be its last fact.
_WRITES = re.compile(
    rf"{_OPENS}(?:{_WRITER} |{_DESCRIBED} (?:"
    r"(?:is|are|has been) (?:an?|the|(?:co-)?author of|(?:\w+ )?(?:editor|columnist)) "
    r"|covers? \w+ for\b|writes? (?:about|for|on)\b|teach(?:es)? .{2,60} at\b|edits?\b"
    r"|reports? (?:on|from|for (?:the )?[A-Z])|contributes? to\b))"
)
_AUTHOR = re.compile(
    rf"{_OPENS}(?:{_WRITER} (?:is|are|has|have)\b|{_NAMED} (?:is|was) (?:(?:an?|the) |(?:co-)?author of ))"
)
_OPENING_NAME = re.compile(rf"{_OPENS}({_NAME})")
_MAX_BIO = 400  # characters
_ADDRESS = re.compile(r"@\w[\w.-]*[.)]*$")
# What a picture shows: the present tense or a participle, and who stands where.
_ACTION = re.compile(
    r"(?:\S+ ){1,14}?(?:speak|walk|look|stand|hold|arrive|arriv|attend|pose|pos|wave|wav|sit|sitt|wait|gesture|gestur"
    r"|listen|talk|smile|smil|shake|shak|address|deliver|leave|leav|greet|testify|testifie|watch|ride|rid|carry|carrie"
    r"|march|gather|rally|rallie|campaign|play|perform|work|clean|celebrate|celebrat|react|pass|passe)(?:s|ing)\b"
)
_PLACE = re.compile(
    r"\((?:left|right|cent(?:er|re)|L|R|C)\)|, (?:(?:second|third) from )?(?:left|right|cent(?:er|re)),"
    r"|\b(?:seen|pictured|shown) (?:here|in|on|at|with|during|above|below)\b"
)
# Without one of these, which are quickly looked for, the patterns above find nothing.
_IN_LINK = ("http", "www.", ".com", ".org", ".net", ".co.uk")
_IN_MONEY = ("$", "£", "€", "₹", "¥")
_IN_PLACE = ("left", "right", "cent", "(L)", "(R)", "(C)", "seen ", "pictured ", "shown ")
LONG_LINE = 120  # characters: a line this long is almost always a paragraph, so it tells where the body is

EDGE = 3  # lines at the top and at the bottom of an article, where what a line looks like means more
_AT_EDGES = ("bio", "sentence", "second person", "words <= 8", "words > 25", "link", "handle", "capitalised")


def examples(lines: Sequence[str], *, opens_with_headline: bool, outlet: str | None) -> list[Example]:
    """Return one example for each line of an article, in order."""
    lines = [hidden(line, outlet) for line in lines]
    own = [_features(line) for line in lines]
    long = [index for index, line in enumerate(lines) if len(line) >= LONG_LINE]
    ended = sum(own[index]["sentence"] for index in long) / max(len(long), 1)
    first_long, last_long = (long[0], long[-1]) if long else (len(lines), -1)
    seen: set[str] = set()
    found: list[Example] = []
    for index, line in enumerate(lines):
        features = dict(own[index])
        for name, neighbour in (("before", index - 1), ("after", index + 1)):
            if 0 <= neighbour < len(lines):
                features.update(zip(_names(name, tuple(own[neighbour])), own[neighbour].values(), strict=True))
            else:
                features[f"{name}:none"] = 1.0
        end = len(lines) - 1 - index
        if index < EDGE or end < EDGE:
            edge = "top" if index < EDGE else "bottom"
            features |= {f"{edge}:{key}": features[key] for key in _AT_EDGES}
        features |= {
            "first": float(index == 0),
            "headline expected": float(index == 0 and opens_with_headline),
            "second": float(index == 1),
            "last": float(end == 0),
            "from end": min(end, 5) / 5,
            "above body": float(index < first_long),
            "below body": float(index > last_long),
            "repeated": float(line in seen),
            # Where paragraphs end as sentences do, a line as long that does not is a caption or a link.
            "unended": ended * (1 - features["sentence"]) * (1 - features["words <= 8"]),
        }
        seen.add(line)
        found.append(Example(text=line, features=features))
    return found


@cache
def _names(place: str, keys: tuple[str, ...]) -> list[str]:
    return [f"{place}:{key}" for key in keys]


def ends_like_sentence(text: str) -> bool:
    """Tell whether a line ends as a sentence does."""
    return bool(_TERMINAL.search(text))


def names_author(text: str, *, at_end: bool = False) -> bool:
    """Tell whether a line says who its author is: a name and what they are, an address at its end, or dividers.

    At the end of an article, a name and what they write or edit are enough.
    """
    return (
        (at_end and is_author_bio(text))
        or bool(_AUTHOR.match(text) or _ADDRESS.search(text))
        or any(mark in text for mark in DIVIDERS)
    )


def person(text: str) -> str | None:
    """Return the surname with which a line opens, if it opens with a name."""
    found = _OPENING_NAME.match(text)
    return found[1].split()[-1].rstrip(".,’'") if found else None


def is_author_bio(text: str) -> bool:
    """Tell whether a line says of a person what only bylines say of those who write: “Jane Roe is a columnist …”."""
    return len(text) <= _MAX_BIO and _is_bio(text) and bool(_WRITES.match(text))


def _is_bio(text: str) -> bool:
    named = _BIO.match(text)
    return bool(named and (named[1] or _PROFESSION.search(text, named.end(), named.end() + 120)))


def _features(text: str) -> dict[str, float]:
    words = _WORD.findall(text)
    initials = [word[0] for word in words]
    count = max(len(words), 1)
    trimmed = text.rstrip()
    upper = text.isupper()
    return {
        "chars": min(len(text), 600) / 600,
        "words <= 3": float(len(words) <= 3),
        "words <= 8": float(len(words) <= 8),
        "words > 25": float(len(words) > 25),
        "sentence": float(ends_like_sentence(text)),
        "question": float(trimmed.endswith("?")),
        "colon end": float(trimmed.endswith(":")),
        "capitalised": sum(map(str.isupper, initials)) / count,
        "upper case": float(upper),
        "long upper case": float(upper and len(words) > 5),
        "digits": sum(map(str.isdigit, initials)) / count,
        "numbered": float(bool(_NUMBERED.match(text))),
        "money": float(_holds(text, _IN_MONEY, _MONEY)),
        "link": float(_holds(text, _IN_LINK, _LINK)),
        "handle": float("@" in text),
        "hashtag": float("#" in text),
        "bar": float("|" in text or "»" in text or " / " in text),
        "emoji": float(not text.isascii() and bool(_EMOJI.search(text))),
        "quote": float(text[:1] in "\"“‘'"),
        "quoted": float("”" in text or '"' in text),
        "bracketed": float(text[:1] in "([" and trimmed[-1:] in ")]"),
        "second person": float(bool(_PRONOUN.search(text))),
        "lower start": float(text[:1].islower()),
        "bio": float(_is_bio(text)),
        "own outlet": float(PLACEHOLDER in text),
        "picture": float(bool(_ACTION.match(text)) or _holds(text, _IN_PLACE, _PLACE)),
    }


def _holds(text: str, needed: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Tell whether a pattern is found in a text; it cannot be without one of the strings that it needs."""
    return any(map(text.__contains__, needed)) and bool(pattern.search(text))
