"""Texts → token windows → padded batches: nothing is cut, and texts of like length go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import BatchEncoding, PreTrainedTokenizerBase

from pipeline.classifiers.contract import Example

BATCH = 32  # windows of one inference batch

# Typographic and straight quotes say the same; the fold keeps the length, so offsets stay true.
_FOLD = str.maketrans("“”„«»‘’‚–—", '"""""\'\'\'--')


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``max_tokens`` tokens of example number ``example``."""

    example: int
    tokens: Mapping[str, list[int]]
    focus: tuple[int, ...] | None = None
    """1 for each token of the example's focus, else 0; None where this window holds none of it."""

    @property
    def length(self) -> int:
        """Its number of tokens."""
        return len(self.tokens["input_ids"])


def windows(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Window]:
    """Tokenize examples into as many windows as they need; those without an example's focus are left out.

    A second segment stands in every window; of one that is longer than half a window, its beginning.
    """
    focused = any(example.focus for example in examples)
    pairs = [_head((example.pair or "").translate(_FOLD), tokenizer, max_tokens // 2) for example in examples]
    encoded = tokenizer(
        [example.text.translate(_FOLD) for example in examples],
        pairs if any(pairs) else None,
        truncation="only_first",
        max_length=max_tokens,
        return_overflowing_tokens=True,
        return_offsets_mapping=focused,
    )
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
    found = [
        Window(
            example,
            {name: encoded[name][row] for name in names},
            _focus(encoded, row, examples[example].focus) if focused else None,
        )
        for row, example in enumerate(encoded["overflow_to_sample_mapping"])
    ]
    held = {window.example for window in found if window.focus}
    return [window for window in found if window.focus or window.example not in held]


def unread_share(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> float:
    """Return the share of the texts' tokens that stand in no window: 0 unless windows without the focus were left out.

    Second segments, which windows may shorten, do not count.
    """
    read = total = 0
    for example in examples:
        whole = tokenizer(example.text.translate(_FOLD), add_special_tokens=False, verbose=False)["input_ids"]
        alone = windows([Example("", pair=example.pair)], tokenizer, max_tokens)[0].length
        read += sum(window.length - alone for window in windows([example], tokenizer, max_tokens))
        total += len(whole)
    return 1 - read / total if total else 0.0


def _focus(encoded: BatchEncoding, row: int, span: tuple[int, int] | None) -> tuple[int, ...] | None:
    if span is None:
        return None
    places = zip(encoded["offset_mapping"][row], encoded.sequence_ids(row), strict=True)
    mask = tuple(int(segment == 0 and start < span[1] and end > span[0]) for (start, end), segment in places)
    return mask if any(mask) else None


def _head(text: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> str:
    if len(text.encode()) <= max_tokens:
        return text
    found = tokenizer(
        text, add_special_tokens=False, truncation=True, max_length=max_tokens, return_offsets_mapping=True
    )
    offsets = found["offset_mapping"]
    return text[: offsets[-1][1]] if offsets else ""


def batches(
    found: Sequence[Window], tokenizer: PreTrainedTokenizerBase
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Yield batches of windows in order of length, with the number of each window's example."""
    order = sorted(range(len(found)), key=lambda index: found[index].length)
    for begin in range(0, len(order), BATCH):
        chosen = [found[index] for index in order[begin : begin + BATCH]]
        yield [window.example for window in chosen], pad(chosen, tokenizer)


def pad(found: Sequence[Window], tokenizer: PreTrainedTokenizerBase) -> dict[str, Tensor]:
    """Return windows as tensors of one length, shape (windows, longest).

    ``focus_mask`` is 1 for the tokens of each window's focus, or for all of a window without one.
    """
    padded = tokenizer.pad([dict(window.tokens) for window in found], return_tensors="pt")
    batch: dict[str, Tensor] = dict(padded)
    if any(window.focus for window in found):
        mask = batch["attention_mask"].clone()
        for row, window in enumerate(found):
            if window.focus:
                mask[row] = 0
                mask[row, : window.length] = torch.tensor(window.focus)
        batch["focus_mask"] = mask
    return batch


def mean_pool(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of hidden states (batch, tokens, width) over real tokens, shape (batch, width)."""
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


def to_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in half precision, which halves a model folder and changes no label seen in practice."""
    return {
        name: tensor.detach().to(torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in state.items()
    }
