"""What a claim states beside its text: the targets it names and, for a direct quotation, who says it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.article import Attribution, Facts

_CUES = (
    "said", "says", "say", "told", "tells", "added", "adds", "wrote", "writes", "tweeted", "posted", "asked", "argued",
    "argues", "explained", "explains", "warned", "warns", "insisted", "insists", "noted", "notes", "stated", "claimed",
    "replied", "recalled", "declared", "announced", "admitted", "testified", "concluded", "remarked", "continued",
)  # fmt: skip
_CUE = rf"(?P<cue>{'|'.join(_CUES)})"
# The stop of a title or an initial ends no source: “…,” said Dr. Lopez.
_DOT = r"(?:(?<=\b[A-Z])|(?<=\b(?:Dr|Mr|Ms|St))|(?<=\b(?:Mrs|Sen|Rep|Gov|Gen|Sgt|Col)))\.(?= )"
_SOURCE = rf"(?P<source>[^\s,.;:“”\"()—–](?:[^,.;:“”\"()—–]|{_DOT}){{0,79}}?)"
# A quotation that began in another sentence is looked for where a run of other characters begins, not at each of them:
# that would read a run of n characters n times.
_QUOTE = re.compile(r"[“\"][^“”\"]+[”\"]?|(?<![^“”\"])[^“”\"]+[”\"]")
_END = rf"[,;:—–]|(?!{_DOT})\.|\s(?:in|on|at|after|during|as|when|of the|by|to)\s"
# Punctuation parts what someone says from the words about it: a “disaster” and said no more.
_CLOSED = re.compile(r"[,.!?…—–-][”\"]?$")
_AFTER = (
    re.compile(rf"^[\s,]*{_CUE} {_SOURCE}(?={_END}|$)"),
    re.compile(rf"^[\s,]*{_SOURCE} {_CUE}\b"),
)
_OPENS = r"(?:^(?:(?:But|And) )?|[,;] (?:and |but |as )?|\b(?:and|but|as) )"
_BEFORE = (re.compile(rf"{_OPENS}{_SOURCE}(?:, [^,]+,)? {_CUE}(?: [^,:“\"]{{0,40}})?[,:]?\s*$"),)


def facts(sentence: str, targets: Sequence[str]) -> Facts:
    """Return the facts of one claim sentence that names ``targets``."""
    return Facts(attribution=direct_attribution(sentence), targets=tuple(targets))


def direct_attribution(sentence: str) -> Attribution | None:
    """Return source and cue of a direct quotation: '…,' said X / '…,' X said / X said: '…'; None without either."""
    quote = _QUOTE.search(sentence)
    if quote is None:
        return None
    before, after = sentence[: quote.start()], sentence[quote.end() :]
    closed = _CLOSED.search(sentence[: quote.end() + 1].rstrip())
    found = next((match for pattern in _AFTER if (match := pattern.search(after))), None) if closed else None
    found = found or next((match for pattern in _BEFORE if (match := pattern.search(before))), None)
    if found is None:
        return None
    return Attribution(source=found.group("source").strip(), cue=found.group("cue"), kind="direct")
