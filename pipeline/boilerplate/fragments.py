"""Fragments: lines that news pages leave in a text, or that only look so, to be spliced into training articles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipeline.article import KEPT_ROLES, ROLES, Role
from pipeline.errors import DataError

Place = Literal["top", "inside", "bottom"]
PLACES: tuple[Place, ...] = get_args(Place)
_OPENING = "--- "


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A line of text and what it is."""

    text: str
    role: Role


@dataclass(frozen=True, slots=True)
class Fragment:
    """Consecutive lines, and where in an article such lines stand."""

    place: Place
    lines: tuple[RoleLine, ...]

    @property
    def digest(self) -> int:
        """A number that depends on the content alone."""
        content = "\n".join(line.text for line in self.lines)
        return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8])


def read_folder(folder: Path) -> list[Fragment]:
    """Read every ``*.txt`` of a folder: fragments opened by ``--- place``, each line ``role: text``.

    Raises:
        DataError: a line breaks the format, a text occurs twice, or the folder holds no fragments.
    """
    found: list[Fragment] = []
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")):
        place: Place | None = None
        lines: list[RoleLine] = []
        for number, written in enumerate(_text(path).split("\n"), start=1):
            where = f"{path}:{number}"
            if not written.strip():
                continue
            if written.startswith(_OPENING):
                if place is not None:
                    found.append(_fragment(place, lines, where))
                place, lines = _place(written.removeprefix(_OPENING).strip(), where), []
                continue
            if place is None:
                raise DataError(f"{where}: a line before any '--- place'; open a fragment first")
            line = _line(written, where)
            if line.text in texts:
                raise DataError(f"{where}: {line.text[:60]!r} stands in {texts[line.text]} too; remove one")
            texts[line.text] = where
            lines.append(line)
        if place is not None:
            found.append(_fragment(place, lines, f"{path}:{number}"))
    if not found:
        raise DataError(f"no fragments in {folder}; it must hold *.txt files")
    return found


def splice(article: Sequence[RoleLine], fragments: Sequence[Fragment]) -> list[RoleLine]:
    """Return an article's lines with fragments put where such lines stand, by their content, not by chance."""
    body = [index for index, line in enumerate(article) if line.role == "body"]
    first, last = (body[0], body[-1] + 1) if body else (len(article), len(article))
    slots: dict[int, list[RoleLine]] = {}
    for fragment in fragments:
        if fragment.place == "top":
            slot = first
        elif fragment.place == "bottom":
            slot = last + fragment.digest % (len(article) - last + 1)
        else:
            inner = body[1:] or [last]
            slot = inner[fragment.digest % len(inner)]
        slots.setdefault(slot, []).extend(fragment.lines)
    spliced: list[RoleLine] = []
    for index in range(len(article) + 1):
        spliced += slots.get(index, [])
        spliced += article[index : index + 1]
    return spliced


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _place(name: str, where: str) -> Place:
    place = next((known for known in PLACES if known == name), None)
    if place is None:
        raise DataError(f"{where}: unknown place {name!r}; known: {', '.join(PLACES)}")
    return place


def _line(written: str, where: str) -> RoleLine:
    name, _, text = written.partition(": ")
    role = next((known for known in ROLES if known == name), None)
    if role is None or role == "headline" or not text.strip():
        known = ", ".join(role for role in ROLES if role != "headline")
        raise DataError(f"{where}: not 'role: text' with one of {known}")
    return RoleLine(" ".join(text.split()), role)


def _fragment(place: Place, lines: Sequence[RoleLine], where: str) -> Fragment:
    if not lines:
        raise DataError(f"{where}: an empty fragment; remove it")
    return Fragment(place, tuple(lines))


def kept(line: RoleLine) -> bool:
    """Tell whether a line belongs to the article."""
    return line.role in KEPT_ROLES
