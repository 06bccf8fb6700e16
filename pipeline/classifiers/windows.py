"""Texts → token windows → padded batches: nothing is cut, and texts of like length go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pipeline.classifiers.contract import Example

BATCH = 32  # windows of one inference batch

# Typographic and straight quotes say the same; the fold keeps the length, so offsets stay true.
_FOLD = str.maketrans("“”„«»‘’‚–—", '"""""\'\'\'--')


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``max_tokens`` tokens of example number ``example``."""

    example: int
    tokens: Mapping[str, list[int]]

    @property
    def length(self) -> int:
        """Its number of tokens."""
        return len(self.tokens["input_ids"])


def windows(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Window]:
    """Tokenize examples into as many windows as they need.

    A second segment stands in every window; of one that is longer than half a window, its beginning.
    """
    pairs = [_head((example.pair or "").translate(_FOLD), tokenizer, max_tokens // 2) for example in examples]
    encoded = tokenizer(
        [example.text.translate(_FOLD) for example in examples],
        pairs if any(pairs) else None,
        truncation="only_first",
        max_length=max_tokens,
        return_overflowing_tokens=True,
    )
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
    return [
        Window(example, {name: encoded[name][row] for name in names})
        for row, example in enumerate(encoded["overflow_to_sample_mapping"])
    ]


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
        yield [window.example for window in chosen], pad([window.tokens for window in chosen], tokenizer)


def pad(rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase) -> dict[str, Tensor]:
    """Return token rows as tensors of one length, shape (rows, longest)."""
    return dict(tokenizer.pad([dict(row) for row in rows], return_tensors="pt"))


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
