"""Texts → token windows → padded batches: nothing is cut, and texts of like length go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.contract import FOCUS, Batch, Example, Session
from pipeline.classifiers.tokens import Frame, TextTokenizer

BATCH = 32  # passes of one inference batch, at most
BATCH_TOKENS = 1024  # of one inference batch, at most, unless one window has more: what a runtime takes goes by them
FEW_TOKENS = 512  # the same, where little is asked: so that no core waits long for the last batch
# A runtime prepares itself for every shape that differs from the last one's, which takes a tenth of a batch's time. So
# the lengths of texts and the numbers of focuses are padded to multiples of these; more would be lost than won.
LENGTHS = 2
FOCUSES = 4
UNWANTED: ContextVar[Callable[[], bool]] = ContextVar("unwanted", default=lambda: False)
"""Tells, before each batch, whether nobody waits for the answers any more."""

# Typographic and straight quotes say the same; the fold keeps the length, so offsets stay true.
_FOLD = str.maketrans("“”„«»‘’‚–—", '"""""\'\'\'--')


class UnwantedError(Exception):
    """Nobody waits for the answers any more."""


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
    """Tokenize examples into as many windows as they need; those without focus are left out.

    A second segment stands in every window; of one that is longer than half a window, its beginning. An example with a
    focus needs none: the focus tells what is asked, and so all that is asked of one text has the same tokens.
    """
    texts = [_folded(example.text) for example in examples]
    seconds = [example.pair if example.pair and not example.focus else "" for example in examples]
    pairs = [tokenizer.head(_folded(second), max_tokens // 2) for second in seconds]
    distinct = list(dict.fromkeys(texts))
    ids = dict(zip(distinct, tokenizer.ids(distinct), strict=True))
    found: list[Window] = []
    for number, (text, pair) in enumerate(zip(map(ids.__getitem__, texts), tokenizer.ids(pairs), strict=True)):
        span = examples[number].focus
        focus = tokenizer.within(texts[number], *span) if span else None
        found += _windows(number, text, pair, focus, tokenizer.frame(paired=bool(pair)), max_tokens)
    return found


def _folded(text: str) -> str:
    return text if text.isascii() else text.translate(_FOLD)


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
        pair = None if example.focus else example.pair
        alone = windows([Example("", pair=pair)], tokenizer, max_tokens)[0].length
        read += sum(window.length - alone for window in windows([example], tokenizer, max_tokens))
        total += len(tokenizer.ids([_folded(example.text)])[0])
    return 1 - read / total if total else 0.0


def answers(
    found: Sequence[Window], session: Session, tokens: int = BATCH_TOKENS
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Yield what a session says to each batch of windows, of so many tokens, with the number of each window's example.

    Raises:
        UnwantedError: see ``UNWANTED``.
    """
    chosen = batches(found, tokens)
    outputs = session.run(_padded(chosen, session.inputs))
    for own, output in zip(chosen, outputs, strict=True):
        places = [(row, place) for row, alike in enumerate(own) for place in range(len(alike))]
        rows, focuses = np.array(places).T
        numbers = [window.example for alike in own for window in alike]
        yield numbers, output[rows, focuses] if FOCUS in session.inputs else output[rows]


def _padded(chosen: Sequence[Sequence[Sequence[Window]]], inputs: Sequence[str]) -> Iterator[Batch]:
    for own in chosen:
        if UNWANTED.get()():
            raise UnwantedError
        yield pad(own, inputs, lengths=LENGTHS, focuses=FOCUSES)


def batches(found: Sequence[Window], tokens: int = BATCH_TOKENS) -> list[list[list[Window]]]:
    """Return the windows in batches, the longest first, those of the same tokens together: they need one pass."""
    alike: dict[tuple[tuple[int, ...], tuple[int, ...]], list[Window]] = {}
    for window in found:
        alike.setdefault((tuple(window.ids), tuple(window.types)), []).append(window)
    made: list[list[list[Window]]] = []
    room = 0
    for own in sorted(alike.values(), key=lambda own: -own[0].length):
        if not room:
            made.append([])
            room = min(BATCH, max(tokens // _multiple(own[0].length, LENGTHS), 1))
        made[-1].append(own)
        room -= 1
    return made


def pad(found: Sequence[Sequence[Window]], inputs: Sequence[str], *, lengths: int = 1, focuses: int = 1) -> Batch:
    """Return windows as the named arrays, a row for those of the same tokens, all of one length.

    That of focuses has a mask for each window, 1 for the tokens of its focus, or for all where it has none. Their
    length is padded to a multiple of ``lengths``, the number of masks to one of ``focuses``.
    """
    # What stands behind a window's end is masked, so any token does: 0, which every vocabulary has.
    shape = len(found), _multiple(max(own[0].length for own in found), lengths)
    batch = {name: np.zeros(shape, dtype=np.int64) for name in inputs if name != FOCUS}
    for row, own in enumerate(found):
        first = own[0]
        columns: dict[str, Sequence[int] | int] = {
            "input_ids": first.ids,
            "attention_mask": 1,
            "token_type_ids": first.types,
        }
        for name, array in batch.items():
            array[row, : first.length] = columns[name]
    if FOCUS in inputs:
        masks = _multiple(max(map(len, found)), focuses)
        batch[FOCUS] = np.zeros((shape[0], masks, shape[1]), dtype=np.int64)
        for row, own in enumerate(found):
            for place, window in enumerate(own):
                batch[FOCUS][row, place, : window.length] = window.focus or 1
    return batch


def _multiple(number: int, of: int) -> int:
    return -(-number // of) * of
