"""Forms of lines that tell what they are: corrections, quotations, turns of speech, items of lists, headings, links."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.article import Line

# A correction changes what is true, so neither a line rule nor the line classifier may take it; it looks like the
# legal lines beside it, and it may follow a credit on the same line.
CORRECTION = re.compile(
    r"(?:correction|corrections|clarification|editor.s note|an earlier version)\b"
    r"|.{0,200}?[.!?”] ?(?:correction|clarification)[,:]",
    re.IGNORECASE,
)
# The same, beginning with the word: an editor's note may also be a promo that a rule knows.
CORRECTS = re.compile(r"(?:correction|clarification|an earlier version)", re.IGNORECASE)
SENTENCE = re.compile(r"[.!?…:;][\"”’)\]]*$")
# Items of a list and introductions to what follows, as long as a sentence: to the line classifier they look like links
# and captions, and taking a programme's points out of a report is worse than leaving a link.
LIST_ITEM = re.compile(r"[*•‣▪◦–-] *\S+(?: +\S+){9}")
_MARK = r"[*•‣▪◦·●■–—-]"
_PERSON = r"(?:[A-Z][\w.’'-]+ ){1,3}[A-Z][\w.’'-]+"
# People of the story in a list: no byline has an age, or a mark before a name and what its bearer is.
PERSON = re.compile(
    rf"(?:{_MARK} *)?{_PERSON}, (?:aged )?\d{{1,3}}(?:,|$)|{_MARK} *{_PERSON}(?:, [a-z]| (?:is|was|are) )"
)
MARKED = re.compile(rf"{_MARK}|\d{{1,3}}[.)] ")
INTRODUCTION = re.compile(r"(?:\S+ +){7,}\S+:$")
# A line that opens with direct speech: a quotation is what somebody said, whatever it looks like and however often.
QUOTATION = re.compile(
    r"[\"“„«»‘'](?:(?:[^\"“”„«»‘’']|(?<=\w)[’'](?=\w)){2,}(?:[,.!?…–—-][\"”“»«’']|[\"”“»«’'],))|[\"“„«»][^\"”»«]{100}"
)
# Who speaks in a transcript: a turn is as short as a byline, and its opening recurs like one.
TURN = re.compile(r"(?:[A-Z][A-Z.’'-]+ ){1,3}[A-Z0-9][A-Z0-9.’'-]*: (?:\S.*[a-z]|\S+(?: \S+){0,3}$)")
# The same in a report: “Roe: “Half of the people …””.
ATTRIBUTED = re.compile(r"(?:[\w.’'-]+ ){0,3}[\w.’'-]+ ?: ?[\"“‘«„]")
# Who said what the line above quotes, and where: “Jane Roe, Example Post”.
_SIGNATURE = re.compile(
    r"[—–-]{0,2} ?[A-Z][\w.’'-]+(?: (?:and |& )?[A-Z][\w.’'-]+){1,5}"
    r", (?:The |the )?[A-Z][\w.’'&-]+(?: [\w.’'&-]+){0,4}$"
)
_QUOTES = re.compile(r"[\"“„«]|.*[\"”»]\.?$", re.DOTALL)
# A heading that names no story itself announces those below it, as far as they are no sentences: those end with a mark,
# before closing quotes and brackets, a footnote or a source.
_CLOSES = r"[\"”’»›)\]」』）】》〉]*(?: ?(?:\[\w{1,4}\]|\(\w[\w .-]{0,20}\))|[*†‡\u00b9\u00b2\u00b3\u2070-\u2079])*$"
_STATES = re.compile(r".*[.!?…:;。！？：；｡।॥؟؛۔።։။។]" + _CLOSES)
ASKS = re.compile(r"[^.!?…。！？؟۔।]*[?？؟][\"”’»)\]」』）]*$")
_BULLET = re.compile(rf"{_MARK} *\w")
_SPEAKS = re.compile(r"([^:：]{1,40})[:：] *(.*)")
_MAX_HEADING = 3  # words
_DENSE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")  # Chinese characters: two make a word, about
_UNSPACED = re.compile(r"[\u0e01-\u0e2e\u0e80-\u0eae\u1000-\u102a\u1780-\u17b3\u3041-\u30ff]")  # four, about
_MAX_LINK = 200  # characters
DECLARES = re.compile(r"[.!…][\"”’»)\]]*$")


def announces(text: str) -> bool:
    """Tell whether a heading announces links, as far as it is one of them: by a colon, or by few words."""
    return text.endswith((":", "：")) or words(text) <= _MAX_HEADING


def is_link_like(text: str) -> bool:
    """Tell whether a line may be the headline of another article: neither short nor long, no statement, no speech."""
    if len(text) > _MAX_LINK or words(text) <= 2:
        return False
    states = _STATES.match(text) and not ASKS.match(text)
    return not (states or _speaks(text) or any(known.match(text) for known in (CORRECTION, QUOTATION, _BULLET)))


def _speaks(text: str) -> bool:
    """Tell whether a line is a turn of speech: who speaks in capitals, and no headline after it."""
    found = _SPEAKS.match(text)
    if found is None or not found[1].isupper():
        return False
    long = [word for word in re.findall(r"[^\W\d_]+", found[2]) if len(word) >= 5]
    return len(long) < 2 or any(word[0].islower() for word in long)


def words(text: str) -> float:
    """Return the number of words, estimated by characters where a script sets no blanks between them."""
    dense, unspaced = len(_DENSE.findall(text)), len(_UNSPACED.findall(text))
    spaced = len(_UNSPACED.sub(" ", _DENSE.sub(" ", text)).split()) if dense or unspaced else len(text.split())
    return spaced + dense / 2 + unspaced / 4


def signs(lines: Sequence[Line], index: int) -> bool:
    """Tell whether a line says who said what the line above it quotes."""
    return index > 0 and bool(_SIGNATURE.match(lines[index].text) and _QUOTES.match(lines[index - 1].text))
