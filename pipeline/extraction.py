"""An HTML page → its main text, by trafilatura, within limits of our own."""

from __future__ import annotations

import hashlib
import re

from pipeline.errors import InputError

# Possessive: an unclosed tag of megabytes is given up at once.
_TAG = re.compile(rb"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
# Elements without an end tag, and those whose end tag may be left out: they do not nest in themselves.
_UNCOUNTED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr "
    b"html head body p li dt dd option optgroup caption colgroup thead tbody tfoot tr th td rp rt".split()
)
_RAW_TEXT = frozenset(b"script style textarea title".split())  # what looks like a tag in these is none


def extract(html: str, max_depth: int) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return a page's main text, how it was extracted, and its title, source, date and address where found.

    Raises:
        InputError: the page has more than ``max_depth`` open elements at once, or no main text.
    """
    import trafilatura

    depth = _depth(html.encode("utf-8", "replace"))
    if depth > max_depth:
        raise InputError("html-too-deep", f"{depth} open elements, over max_html_depth = {max_depth}")
    document = trafilatura.bare_extraction(html, include_comments=False, include_tables=False, with_metadata=True)
    text = (document.text or "") if document is not None else ""
    if document is None or not text.strip():
        raise InputError("no-main-text", "trafilatura found no main text")
    found = {"title": document.title, "source": document.sitename, "published": document.date, "url": document.url}
    extraction = {
        "extractor": "trafilatura",
        "version": trafilatura.__version__,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return text, extraction, {name: str(value) for name, value in found.items() if value}


def _depth(html: bytes) -> int:
    deepest = depth = 0
    inside = b""  # the comment or raw-text element that is open
    for found in _TAG.finditer(html):
        closing, name, attributes = found.group(1), (found.group(2) or b"").lower(), found.group(3)
        if inside:
            if (inside == b"!" and found.group() == b"-->") or (closing and name == inside):
                inside = b""
        elif found.group() == b"<!--":
            inside = b"!"
        elif name in _RAW_TEXT:
            inside = b"" if closing else name
        elif name and name not in _UNCOUNTED and not attributes.endswith(b"/"):
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest
