"""Clean text with an exact alignment back to the raw characters."""

from __future__ import annotations

import html
import re

import ftfy
from ftfy.badness import is_bad

from pipeline.alignment import AlignedText
from pipeline.article import Line

# A run of non-ASCII characters is repaired on its own: ftfy gives no alignment, so one run is one edit. Invisible
# characters that no encoding fault makes end a run: beside them ftfy would repair nothing.
_ENCODED = re.compile(
    r"&(?:amp;)*(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});"
    r"|[^\x00-\x7f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]+"
)

_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffc"
)
# A single space within a text stays as it is.
_BLANK = re.compile(rf"[\s{_INVISIBLE}]{{2,}}|[^\S ]|[{_INVISIBLE}]|\A | \Z")
_SPACE = re.compile(r"\s")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

_QUOTES = {"‟": "“", "‛": "‘", "＂": '"', "＇": "'", "❝": "“", "❞": "”", "❛": "‘", "❜": "’", "``": '"', "''": '"'}
_TYPOGRAPHY = re.compile("|".join(map(re.escape, _QUOTES)))


def clean(raw: str) -> AlignedText:
    """Repair encoding faults, decode entities, drop control characters, and normalise spaces and exotic quotes.

    Paragraph structure survives: a run of blanks becomes one space, one newline, or one empty line.
    """
    decoded = AlignedText.identity(raw)
    decoded = decoded.replace([(*found.span(), _decode(found.group())) for found in _ENCODED.finditer(raw)])
    quoted = decoded.replace([(*found.span(), _QUOTES[found.group()]) for found in _TYPOGRAPHY.finditer(decoded.text)])
    size = len(quoted.text)
    return quoted.replace([(*found.span(), _blank(found, size)) for found in _BLANK.finditer(quoted.text)])


def lines(text: str) -> list[Line]:
    """Return the non-empty lines of a clean text with their offsets."""
    return [Line(found.group(), *found.span()) for found in re.finditer(r"[^\n]+", text)]


def _decode(segment: str) -> str:
    if segment[0] != "&":
        return ftfy.fix_encoding(segment) if is_bad(segment) else segment
    # Only the innermost entity counts; unescaping ``&amp;amp;…`` layer by layer takes the square of its length.
    decoded = f"&{segment[1:-1].rpartition(';')[2]};"
    while (unescaped := html.unescape(decoded)) != decoded:
        decoded = unescaped
    return decoded


def _blank(found: re.Match[str], size: int) -> str:
    run = found.group()
    if not _SPACE.search(run):
        return ""
    if found.start() == 0 or found.end() == size:
        return ""
    breaks = len(_LINE_BREAK.findall(run))
    return "\n" * min(breaks, 2) if breaks else " "
