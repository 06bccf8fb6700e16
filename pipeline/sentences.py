"""Split a line into sentences without losing a character."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import sentencex

_MAX_PART = 20_000  # characters given to sentencex at once: the time that it takes grows with their square
_PAUSES = (", ", "; ", ": ")
_TAIL = 12  # characters, more than an abbreviation and what must stand before it
_QUOTE = re.compile('["“”„«»]')
_WIDE_BLANK = re.compile(r"[^\S\x00-\x7f]")  # sentencex takes the one before a stop for a byte, and panics
# A stop after these, before the next token, ends no sentence; sentencex does not know them all.
_OPEN_ABBREVIATION = re.compile(
    r"(?:\b(?:vs|v|Nos?|Nr|approx|St|Sen|Rep|Gov|Sgt|Lt|Col|Capt|Cmdr|Maj)|(?<![\w.])[A-Z]|^\d{1,3})\.$"
)
# “Stop!” she said. “Who?” asked Maria. – a quotation's mark does not end the sentence that reports it.
_REPORTED = re.compile(
    r"\s*(?:[a-z]|(?:[A-Z][\w’'.-]+ ){1,4}(?:said|says|asked|asks|added|told|wrote|replied|shouted|cried|recalled)\b)"
)
_MARKED = re.compile(r"[?!…][\"”»]$")
# sentencex takes these words for abbreviations, which they are not before a capital.
_CLOSED = re.compile(r"\b(?:me|no|May|ill)\.[\"”»]?\s+(?=[\"“„«]?[A-Z])")


def split(line: str, *, start: int = 0, language: str = "en") -> Iterator[tuple[int, int]]:
    """Yield the spans of the sentences of one line, trimmed of blanks; ``start`` is the line's own offset.

    A quotation of several sentences is split like any other text.
    """
    opened = 0
    ends = _ends(line, language)
    for number, end in enumerate(ends):
        finish = end
        while finish > opened and line[finish - 1].isspace():
            finish -= 1
        tail = line[max(opened, finish - _TAIL) : finish]
        last = number == len(ends) - 1
        if not last and (_OPEN_ABBREVIATION.search(tail) or (_MARKED.search(tail) and _REPORTED.match(line, end))):
            continue
        begin = opened
        while begin < finish and line[begin].isspace():
            begin += 1
        if begin < finish:
            yield start + begin, start + finish
        opened = end


def _ends(line: str, language: str) -> list[int]:
    """Return where sentencex ends sentences when it does not see quotation marks, which it never splits within."""
    bare = _WIDE_BLANK.sub(" ", _QUOTE.sub("", line))
    # How many characters stand in the line before each of its marks, those marks not counted.
    marks = (
        [found.start() - number for number, found in enumerate(_QUOTE.finditer(line))] if len(bare) < len(line) else []
    )
    ends = {found.end() for found in _CLOSED.finditer(line)}
    position = 0
    for piece in _pieces(bare, language):
        position += len(piece.rstrip())
        if position:
            end = position + bisect_right(marks, position - 1)
            while end < len(line) and line[end] in '"”»':
                end += 1
            ends.add(end)
        position += len(piece) - len(piece.rstrip())
    return sorted(ends | {len(line)})


def _pieces(text: str, language: str) -> Iterator[str]:
    """Yield what sentencex makes of a text; one of enormous length part by part, each from the last sentence's end.

    Where a part has no end, no sentence is that long: it ends behind its last comma or the like, so that no name is cut
    in two, or else at its last blank.
    """
    position = 0
    while len(text) - position > _MAX_PART:
        part = text[position : position + _MAX_PART]
        whole = sentencex.segment(language, part)[:-1]
        if not any(piece.strip() for piece in whole):
            pause = max(map(part.rfind, _PAUSES))
            blank = part.rfind(" ") if pause < 0 else pause + 1
            whole = [part[: blank + 1] or part]
        yield from whole
        position += sum(map(len, whole))
    yield from sentencex.segment(language, text[position:])
