"""Where a line names the outlet that published it: promos, notices and credits do, whichever outlet it is."""

from __future__ import annotations

import re
from functools import lru_cache

PLACEHOLDER = "thisoutlet"
_EDITION = re.compile(r"(?: +[(\[|–—-]| *\|).*", re.DOTALL)  # “Example News (Online)”, “Example Times - Opinion”
_ARTICLE = re.compile(r"the +", re.IGNORECASE)
_MIN_JOINED = 5  # letters of a name in an address or a handle
_MIN_LAST = 4  # letters of the last word, by which an outlet calls itself


def hidden(text: str, outlet: str | None) -> str:
    """Return a line in which each name of its outlet is ``PLACEHOLDER``, so that all outlets' lines look alike.

    Known are the whole name in any case, also joined as in an address or a handle, and its last word after “the”: of
    the Example Post also “the Post” and “examplepost.com”. A name of one word may be a common word, so it counts only
    after its article where it has one, else with its capital within a sentence, and in addresses and handles.
    """
    pattern = _names(outlet) if outlet else None
    return pattern.sub(PLACEHOLDER, text) if pattern else text


@lru_cache(maxsize=1024)
def _names(outlet: str) -> re.Pattern[str] | None:
    name = _EDITION.sub("", outlet).strip()
    bare = _ARTICLE.sub("", name, count=1)
    words = re.findall(r"\w+", bare)
    if not words:
        return None
    found: list[str] = []
    if len(words) > 1:
        spaced = r"\W{1,3}".join(map(re.escape, words))
        found.append(rf"(?i:\b(?:the )?{spaced}\b)")
        if len(words[-1]) >= _MIN_LAST:
            found.append(rf"\b[Tt]he {re.escape(words[-1])}\b")
    elif bare != name:
        found.append(rf"\b[Tt]he {re.escape(bare)}\b")
    else:
        found.append(rf"(?<=[a-z,;] ){re.escape(bare)}\b")
    joined = re.escape("".join(words).casefold())
    if len(joined) >= _MIN_JOINED:
        found.append(rf"(?i:(?:(?<=@)|(?<=www\.))(?:the)?{joined}\b|\b(?:the)?{joined}(?=\.[a-z]))")
    return re.compile("|".join(found))
