"""Where a line names the outlet that published it: promos, notices and credits do, whichever outlet it is."""

from __future__ import annotations

import re
from functools import lru_cache

PLACEHOLDER = "thisoutlet"
_EDITION = re.compile(r" [(\[|–—-].*")  # “Example News (Online)”, “Example Times - Opinion”
_LONGEST = 200  # characters of a name
_MIN_JOINED = 5  # letters of a name in an address or a handle
_MIN_LAST = 4  # letters of the last word, by which an outlet calls itself


def hidden(text: str, outlet: str | None) -> str:
    """Return a line in which each name of its outlet is ``PLACEHOLDER``, so that all outlets' lines look alike.

    Known are the whole name as it is written or in capitals, joined as in an address or a handle, and its last word
    after “the”: of the Example Post also “the Post” and “examplepost.com”. A name of one word may be a common word, so
    it counts only after its article where it has one, else with a capital behind a word or a copyright sign, and in
    addresses and handles.
    """
    pattern = _names(outlet) if outlet else None
    return pattern.sub(PLACEHOLDER, text) if pattern else text


@lru_cache(maxsize=1024)
def _names(outlet: str) -> re.Pattern[str] | None:
    name = _EDITION.sub("", " ".join(outlet.split())[:_LONGEST])
    bare = re.sub(r"^[Tt]he ", "", name)
    words = re.findall(r"\w+", bare)
    if not words:
        return None
    found: list[str] = []
    if len(words) > 1:
        own, capitals = (r"\W{1,3}".join(map(re.escape, form)) for form in (words, [word.upper() for word in words]))
        found.append(rf"\b(?:[Tt]he |THE )?(?:{own}|{capitals})\b")
        if len(words[-1]) >= _MIN_LAST:
            found.append(rf"\b[Tt]he {re.escape(words[-1])}\b(?! [A-Z])")
    elif bare != name:
        found.append(rf"\b[Tt]he {re.escape(bare)}\b(?! [A-Z])")
    elif not bare.islower():
        found.append(rf"(?:(?<=[\w,;©] )|(?<=[(“©])){re.escape(bare)}\b(?! [A-Z])")
    joined = re.escape("".join(words).lower())
    if len(joined) >= _MIN_JOINED:
        found.append(rf"(?i:(?:(?<=@)|(?<=www\.))(?:the)?{joined}\b|\b(?:the)?{joined}(?=\.[a-z]))")
    return re.compile("|".join(found))
