"""An HTML page → its main text, by trafilatura or an extractor of the user's, within limits of our own."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline import page
from pipeline.article import Mark
from pipeline.errors import ConfigError, InputError

DEFAULT = "trafilatura"

# Possessive: an unclosed tag of megabytes is given up at once.
_TAG = re.compile(rb"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
# Elements without an end tag, and those whose end tag may be left out: they do not nest in themselves.
_UNCOUNTED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr "
    b"html head body p li dt dd option optgroup caption colgroup thead tbody tfoot tr th td rp rt".split()
)
_RAW_TEXT = frozenset(b"script style textarea title".split())  # what looks like a tag in these is none
_COPYRIGHT = re.compile(r"<meta\b(?=[^<>]*\b(?:itemprop|name|property)=[\"']?copyrightyear\b)[^<>]*+>", re.IGNORECASE)
# Where the precise reading keeps between these shares of the plain one, the rest is a second article or a repetition;
# where it keeps less, it has lost the article itself.
_SECOND_ARTICLE = (0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Extracted:
    """A page's main text, one paragraph a line, and what the page says of itself."""

    text: str
    title: str | None = None
    source: str | None = None
    published: str | None = None
    url: str | None = None
    extractor: str = ""
    version: str = ""
    precise: str | None = None
    """The same by a stricter reading, where there is one: a line that it leaves out is doubtful."""


Extractor = Callable[[str], Extracted]


@dataclass(frozen=True, slots=True)
class Main:
    """What becomes an article: the text without its headline, how it was found, and what the page says of its lines."""

    text: str
    extraction: dict[str, str]
    known: dict[str, str]
    marks: tuple[Mark, ...]


def load(name: str) -> Extractor:
    """Return the extractor called ``trafilatura``, or a function named as ``module:function``.

    Raises:
        ConfigError: there is no such module or function.
    """
    if name == DEFAULT:
        return by_trafilatura
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError, TypeError, SyntaxError, RuntimeError, OSError) as error:
        raise ConfigError(
            f"no extractor {name!r} ({error}); name {DEFAULT}, or module:function of a module on the Python path"
        ) from None
    if not callable(found):
        raise ConfigError(f"the extractor {name!r} is no function; name {DEFAULT}, or module:function")
    extractor: Extractor = found
    return extractor


def extract(html: str, extractor: Extractor, max_depth: int, *, title: str | None = None) -> Main:
    """Return a page's main text with what the page tells about its lines; ``title`` is one known from elsewhere.

    Raises:
        InputError: the page has more than ``max_depth`` open elements at once, or no main text.
    """
    depth = _depth(html.encode("utf-8", "replace"))
    if depth > max_depth:
        raise InputError("html-too-deep", f"{depth} open elements, over max_html_depth = {max_depth}")
    found = extractor(html)
    if not found.text.strip():
        raise InputError("no-main-text", f"{found.extractor or 'the extractor'} found no main text")
    text, marks = page.read(html, found.text, found.title, found.precise, given_title=title)
    return Main(
        text=text,
        extraction={
            "extractor": str(found.extractor),
            "version": str(found.version),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
        known={
            name: value
            for name, value in {
                "title": found.title,
                "source": found.source,
                "published": found.published,
                "url": found.url,
            }.items()
            if value
        },
        marks=marks,
    )


def by_trafilatura(html: str) -> Extracted:
    """Extract with trafilatura, without comments: its plain reading, and its precise one to doubt lines by.

    ``published`` is what metadata, address, byline or date element state, else a day written as 2024-05-02 anywhere: no
    copyright year, and no year or day of which the text tells in words.
    """
    import trafilatura
    from trafilatura.settings import set_date_params

    plain = trafilatura.bare_extraction(
        _COPYRIGHT.sub("", html),
        include_comments=False,
        with_metadata=True,
        date_extraction_params=set_date_params(extensive=False),  # an extensive search guesses from all text
    )
    text = (plain.text or "") if plain is not None else ""
    precise = trafilatura.bare_extraction(html, include_comments=False, favor_precision=True)
    strict = (precise.text or "") if precise is not None else ""
    found = Extracted(text, extractor=DEFAULT, version=trafilatura.__version__, precise=strict)
    low, high = _SECOND_ARTICLE
    if low * len(text) < len(strict) < high * len(text):
        found = replace(found, text=strict, precise=None, extractor=f"{DEFAULT}, favor_precision")
    elif len(strict) <= low * len(text):
        found = replace(found, precise=None)
    if plain is None:
        return found
    return replace(
        found,
        title=plain.title or None,
        source=plain.sitename or None,
        published=str(plain.date) if plain.date else None,
        url=plain.url or None,
    )


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
