"""Text that remembers where each of its characters stood in the raw text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.article import Edit


@dataclass(frozen=True)
class AlignedText:
    """``text`` is ``raw`` with every edit applied; between edits the two are identical, character by character.

    ``edits`` are ordered, do not overlap, and change something. Two of them may touch.
    """

    raw: str
    text: str
    edits: tuple[Edit, ...] = ()

    @classmethod
    def identity(cls, raw: str) -> AlignedText:
        """Return ``raw`` aligned with itself."""
        return cls(raw, raw)

    @cached_property
    def _starts(self) -> list[int]:
        return [edit.start for edit in self.edits]

    @cached_property
    def _ends(self) -> list[int]:
        return [edit.end for edit in self.edits]

    @cached_property
    def _raw_ends(self) -> list[int]:
        return [edit.raw_end for edit in self.edits]

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the raw span of ``text[start:end]``.

        Deleted characters at either border stay outside; a border inside an edit takes the whole edit.
        """
        before = bisect_right(self._ends, start) - 1
        raw_start = start
        if before >= 0:
            raw_start = self.edits[before].raw_end + start - self.edits[before].end
        if before + 1 < len(self.edits) and self.edits[before + 1].start < start:
            raw_start = self.edits[before + 1].raw_start

        last = bisect_left(self._starts, end) - 1
        raw_end = end
        if last >= 0:
            edit = self.edits[last]
            raw_end = edit.raw_end if edit.end > end else edit.raw_end + end - edit.end
        return raw_start, max(raw_start, raw_end)

    def clean_span(self, raw_start: int, raw_end: int) -> tuple[int, int]:
        """Return the span of ``text`` that comes from ``raw[raw_start:raw_end]``, widened to whole edits."""
        before = bisect_right(self._raw_ends, raw_start)
        shift = self.edits[before - 1].end - self.edits[before - 1].raw_end if before else 0
        start, end = raw_start + shift, raw_end + shift
        for edit in self.edits[before:]:
            if edit.raw_start < raw_start:
                start = edit.start
            if edit.raw_start >= raw_end:
                break
            end = edit.end if edit.raw_end > raw_end else edit.end + raw_end - edit.raw_end
        return start, max(start, end)

    def replace(self, replacements: Sequence[tuple[int, int, str]]) -> AlignedText:
        """Return this text with ``(start, end, new)`` replacements applied, still aligned with ``raw``.

        The spans count characters of ``text``, are ordered and do not overlap. A replacement that cuts an
        earlier edit is merged with it into one edit.
        """
        later: list[Edit] = []
        parts: list[str] = []
        position = length = 0
        for start, end, new in replacements:
            if self.text[start:end] == new:
                continue
            parts += (self.text[position:start], new)
            length += start - position
            later.append(Edit(start, end, length, length + len(new)))
            length += len(new)
            position = end
        if not later:
            return self
        parts.append(self.text[position:])
        text = "".join(parts)
        composed = _compose(self.edits, later)
        # What a later replacement turns back to the raw text is no edit any more.
        changed = (edit for edit in composed if self.raw[edit.raw_start : edit.raw_end] != text[edit.start : edit.end])
        return AlignedText(self.raw, text, tuple(changed))


def _compose(first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """Join edits raw → middle and middle → text into edits raw → text.

    In ``second`` the raw offsets count characters of the middle text.
    """
    edits: list[Edit] = []
    one = two = 0
    to_raw = to_text = 0  # middle offset + to_raw is the raw offset, + to_text the offset in the final text
    while one < len(first) or two < len(second):
        start = min(
            first[one].start if one < len(first) else second[two].raw_start,
            second[two].raw_start if two < len(second) else first[one].start,
        )
        end = start
        raw_start, text_start = start + to_raw, start + to_text
        # A group grows until no edit of either side straddles its end.
        grew = True
        while grew:
            grew = False
            while one < len(first) and (first[one].start < end or first[one].start == start == end):
                end = max(end, first[one].end)
                to_raw = first[one].raw_end - first[one].end
                one += 1
                grew = True
                if end == start:
                    break
            while two < len(second) and (
                second[two].raw_start < end or (second[two].raw_start == start and not (grew and end == start))
            ):
                end = max(end, second[two].raw_end)
                to_text = second[two].end - second[two].raw_end
                two += 1
                grew = True
            if end == start:
                break
        edits.append(Edit(raw_start, end + to_raw, text_start, end + to_text))
    return tuple(edits)
