"""Texts → token windows → padded batches: nothing is cut, and texts of like length go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.contract import Batch, Example, Session
from pipeline.classifiers.tokens import Frame, TextTokenizer

BATCH = 32  # windows of one inference batch

# Typographic and straight quotes say the same; the fold keeps the length, so offsets stay true.
_FOLD = str.maketrans("“”„«»‘’‚–—", '"""""\'\'\'--')


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``max_tokens`` tokens of example number ``example``."""

    example: int
    ids: Sequence[int]
    types: Sequence[int]
    """0 for each token of the text, 1 for those of the second segment."""
    focus: Sequence[int] | None = None
    """1 for each token of the example's focus, else 0; None where this window holds none of it."""

    @property
    def length(self) -> int:
        """Its number of tokens."""
        return len(self.ids)


def windows(examples: Sequence[Example], tokenizer: TextTokenizer, max_tokens: int) -> list[Window]:
    """Tokenize examples into as many windows as they need; those without an example's focus are left out.

    A second segment stands in every window; of one that is longer than half a window, its beginning.
    """
    texts = [example.text.translate(_FOLD) for example in examples]
    pairs = [tokenizer.head((example.pair or "").translate(_FOLD), max_tokens // 2) for example in examples]
    frame = tokenizer.frame(paired=any(pairs))
    found: list[Window] = []
    for number, (text, pair) in enumerate(zip(tokenizer.ids(texts), tokenizer.ids(pairs), strict=True)):
        span = examples[number].focus
        focus = tokenizer.within(texts[number], *span) if span else None
        found += _windows(number, text, pair, focus, frame, max_tokens)
    return found


def _windows(
    number: int, text: list[int], pair: list[int], focus: list[int] | None, frame: Frame, max_tokens: int
) -> list[Window]:
    room = max_tokens - frame.length - len(pair)
    own: list[Window] = []
    for start in range(0, max(len(text), 1), room):
        part = text[start : start + room]
        ids = frame.ids(part, pair)
        inside = focus[start : start + room] if focus else []
        mask = frame.mask(inside, len(ids)) if any(inside) else None
        own.append(Window(number, ids, frame.types(len(part), len(pair)), mask))
    return [window for window in own if window.focus] or own


def unread_share(examples: Sequence[Example], tokenizer: TextTokenizer, max_tokens: int) -> float:
    """Return the share of the texts' tokens that stand in no window: 0 unless windows without the focus were left out.

    Second segments, which windows may shorten, do not count.
    """
    read = total = 0
    for example in examples:
        alone = windows([Example("", pair=example.pair)], tokenizer, max_tokens)[0].length
        read += sum(window.length - alone for window in windows([example], tokenizer, max_tokens))
        total += len(tokenizer.ids([example.text.translate(_FOLD)])[0])
    return 1 - read / total if total else 0.0


def answers(found: Sequence[Window], session: Session) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Yield what a session says to each batch of windows, with the number of each window's example."""
    chosen = batches(found)
    outputs = session.run(pad(own, session.inputs) for own in chosen)
    for own, output in zip(chosen, outputs, strict=True):
        yield [window.example for window in own], output


def batches(found: Sequence[Window]) -> list[list[Window]]:
    """Return the windows in order of length, divided into batches."""
    ordered = sorted(found, key=lambda window: window.length)
    return [ordered[begin : begin + BATCH] for begin in range(0, len(ordered), BATCH)]


def pad(found: Sequence[Window], inputs: Sequence[str]) -> Batch:
    """Return windows as the named arrays, all of one length, shape (windows, longest).

    ``focus_mask`` is 1 for the tokens of each window's focus, or for all of a window without one.
    """
    # What stands behind a window's end is masked, so any token does: 0, which every vocabulary has.
    shape = len(found), max(window.length for window in found)
    batch = {name: np.zeros(shape, dtype=np.int64) for name in inputs}
    for row, window in enumerate(found):
        columns: dict[str, Sequence[int] | int] = {
            "input_ids": window.ids,
            "attention_mask": 1,
            "token_type_ids": window.types,
            "focus_mask": window.focus or 1,
        }
        for name, array in batch.items():
            array[row, : window.length] = columns[name]
    return batch
