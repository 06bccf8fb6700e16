"""What a page says about the lines of its extracted text: links, and whether it states or doubts them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from lxml import etree
from lxml import html as parser

from pipeline.article import Mark, MarkKind

_LETTERS = re.compile(r"\W+")
_ANY_TAG = re.compile(r"<[^<>]*+>")
_UNSEEN = frozenset(("script", "style", "noscript", "template"))
_HEADLINE_LINES = 4  # within which a headline may stand
_MIN_STATED_LINE = 20  # letters: a shorter line may stand in any text by chance
_MIN_STATED = 500  # characters of an article's body in the page's metadata: a shorter one is a teaser
_MIN_STATED_SHARE = 0.75  # of the extracted text that it must contain, to be that text
_LINK_SHARE = 0.8  # of a line's letters inside links
_MAX_LINK_LINES = 0.4  # of all lines; beyond it the links are the article, as in a list of offers
_MAX_BLOCK = 6000  # letters: a longer element is no line


def read(
    html: str, text: str, title: str | None, precise: str | None, *, given_title: str | None = None
) -> tuple[str, tuple[Mark, ...]]:
    """Return an extracted text without its headline, and the marks of its lines.

    The headline is any that the page names, or ``given_title`` alone where the article has its title from elsewhere:
    another headline would then be nowhere, so it stays in the text.

    A line is marked ``stated`` where the page's own metadata (schema.org ``articleBody``) hold it, ``unstated`` where
    they hold nearly all lines but not this, ``link`` where it is one, and ``doubtful`` where a stricter reading of
    the page leaves it out. ``stated`` outweighs the others.
    """
    tree = _tree(html)
    if tree is None:
        return text, ()
    headlines = [_plain(given_title)] if given_title and _plain(given_title) else _headlines(tree, title)
    lines = text.split("\n")
    kept = [line for index, line in enumerate(lines) if index >= _HEADLINE_LINES or not _is_headline(line, headlines)]
    if any(line.strip() for line in kept):
        lines = kept
    body = _stated_body(tree)
    links = _link_shares(tree)
    strict = {_plain(line) for line in precise.split("\n")} if precise else None
    return "\n".join(lines), tuple(_marks(lines, body, links, strict))


def _marks(lines: list[str], body: str, links: dict[str, float], strict: set[str] | None) -> Iterator[Mark]:
    plain = [_plain(line) for line in lines]
    total = sum(map(len, plain))
    stated = sum(len(line) for line in plain if line in body) if body else 0
    speaks = stated > _MIN_STATED_SHARE * total
    linked = [bool(line) and links.get(line, 0.0) > _LINK_SHARE for line in plain]
    link_list = sum(linked) > _MAX_LINK_LINES * sum(map(bool, plain))
    position = 0
    for line, letters, is_link in zip(lines, plain, linked, strict=True):
        kind: MarkKind | None = None
        if letters:
            if speaks and letters in body and len(letters) >= _MIN_STATED_LINE:
                kind = "stated"
            elif is_link and not link_list:
                kind = "link"
            elif speaks and letters not in body:
                kind = "unstated"
            elif strict is not None and letters not in strict:
                kind = "doubtful"
        if kind is not None:
            yield Mark(kind, position, position + len(line))
        position += len(line) + 1


def _tree(html: str) -> Any:
    try:
        # Bytes: of a str, lxml takes neither an encoding declaration nor half a surrogate pair.
        return parser.document_fromstring(html.encode("utf-8", "replace"), parser=parser.HTMLParser(encoding="utf-8"))
    except etree.ParserError:
        return None


def _plain(text: str) -> str:
    return _LETTERS.sub("", text).casefold()


def _headlines(tree: Any, title: str | None) -> list[str]:
    found = [title or ""]
    found += [element.text_content() for element in tree.iter("h1")]
    found += tree.xpath("//meta[@property='og:title']/@content")
    return [plain for candidate in found if (plain := _plain(candidate))]


def _is_headline(line: str, headlines: list[str]) -> bool:
    plain = _plain(line)
    return bool(plain) and any(
        plain == headline or (len(plain) > 20 and headline.startswith(plain)) for headline in headlines
    )


def _stated_body(tree: Any) -> str:
    """Return the longest ``articleBody`` of the page's JSON-LD, its letters only."""
    bodies = [""]
    for script in tree.xpath("//script[@type='application/ld+json']/text()"):
        try:
            bodies += _bodies(json.loads(script, strict=False))
        except (ValueError, RecursionError):
            continue  # pages carry broken metadata, and it is only one more witness
    body = max(bodies, key=len)
    return _plain(_ANY_TAG.sub(" ", unescape(body))) if len(body) > _MIN_STATED else ""


def _bodies(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("articleBody"), str):
            yield node["articleBody"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _bodies(value)


def _link_shares(tree: Any) -> dict[str, float]:
    """Return the share of letters inside links of every element's text; where several have it, the smallest."""
    shares: dict[str, float] = {}
    done: dict[Any, tuple[str | None, int]] = {}  # an element's letters (None where too many), how many are linked
    inside = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        is_link = element.tag == "a"
        if event == "start":
            inside += is_link
            continue
        letters, linked = _letters_of(element, done)
        if letters and inside:
            linked = len(letters)
        inside -= is_link
        done[element] = letters, linked
        if letters:
            shares[letters] = min(shares.get(letters, 1.0), linked / len(letters))
    return shares


def _letters_of(element: Any, done: dict[Any, tuple[str | None, int]]) -> tuple[str | None, int]:
    seen = isinstance(element.tag, str) and element.tag not in _UNSEEN
    letters: str | None = _plain(element.text or "") if seen else ""
    linked = 0
    for child in element:
        own, own_linked = done.pop(child, ("", 0))  # a comment is not walked
        if not seen:
            continue
        linked += own_linked
        letters = None if letters is None or own is None else letters + own + _plain(child.tail or "")
        if letters is not None and len(letters) > _MAX_BLOCK:
            letters = None
    return letters, linked
