"""The network that runtimes run, in torch: an encoder with a head over its mean vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from pipeline.classifiers.contract import FOCUS, Batch

WEIGHTS = "model.safetensors"
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class LabelLogits(nn.Module):
    """Encoder → means over tokens → dropout → linear head, shape (batch, labels).

    A focused one also sees the mean over a focus, of which a text may have several: shape (batch, focuses, labels).
    """

    def __init__(self, encoder: nn.Module, labels: int, *, focused: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.focused = focused
        self.dropout = nn.Dropout(dropout)
        width: Any = encoder.config.hidden_size  # type: ignore[union-attr]
        self.head = nn.Linear(2 * width if focused else width, labels)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        focus_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of a padded batch.

        ``focus_mask`` is 1 for the tokens of each focus, shape (batch, focuses, tokens); a focused network needs it.
        """
        hidden = encoded(self.encoder, input_ids, attention_mask, token_type_ids)
        logits: Tensor = self.head(self.dropout(pooled(hidden, attention_mask, focus_mask))).float()
        return logits


def encoded(encoder: nn.Module, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None) -> Tensor:
    """Return an encoder's last hidden states of a padded batch, shape (batch, tokens, width)."""
    types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
    hidden: Tensor = encoder(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
    return hidden


def pooled(hidden: Tensor, attention_mask: Tensor, focus_mask: Tensor | None) -> Tensor:
    """Return what a head sees: means over texts, and where there are focuses, each text's beside that of each focus."""
    texts = mean_pool(hidden, attention_mask)
    if focus_mask is None:
        return texts
    mask = focus_mask.to(hidden.dtype)
    focuses = (mask @ hidden) / mask.sum(2, keepdim=True).clamp(min=1)
    return torch.cat((texts.unsqueeze(1).expand_as(focuses), focuses), dim=2)


def mean_pool(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of hidden states (batch, tokens, width) over real tokens, shape (batch, width)."""
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


@dataclass(frozen=True)
class Network:
    """A module, its encoder's tokenizer, and the names of the arrays that the module takes."""

    module: LabelLogits
    tokenizer: PreTrainedTokenizerBase
    inputs: tuple[str, ...]

    @classmethod
    def of(cls, module: LabelLogits, tokenizer: PreTrainedTokenizerBase) -> Self:
        """Return a module with its tokenizer and what this gives it, ready to answer."""
        names = [name for name in _INPUTS if name in tokenizer.model_input_names]
        if module.focused:
            names.append(FOCUS)
        module.eval()
        return cls(module, tokenizer, tuple(names))

    def save(self, folder: Path) -> None:
        """Write half-precision weights, the encoder's configuration and the tokenizer into ``folder``."""
        encoder: Any = self.module.encoder
        save_file(_to_half(self.module.state_dict()), folder / WEIGHTS)
        encoder.config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def encoder_digest(self) -> str:
        """Return the sha256 of the encoder's weights as ``save`` writes them, the head aside."""
        digest = hashlib.sha256()
        for name, tensor in sorted(_to_half(self.module.state_dict()).items()):
            if not name.startswith("head."):
                digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()


def load(folder: Path, labels: int, *, focused: bool) -> Network:
    """Read an encoder with its head as ``Network.save`` wrote it; the weights are widened to fp32."""
    encoder = AutoModel.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    module = LabelLogits(encoder, labels, focused=focused)
    module.load_state_dict(load_file(folder / WEIGHTS))
    return Network.of(module, AutoTokenizer.from_pretrained(folder))


def joined(networks: Sequence[Network]) -> Network:
    """Return the first one's encoder, which all have, under the heads of all; the labels of each follow the last's."""
    modules = [network.module for network in networks]
    sizes = [module.head.out_features for module in modules]
    whole = LabelLogits(modules[0].encoder, sum(sizes), focused=any(module.focused for module in modules))
    with torch.no_grad():
        whole.head.weight.zero_()  # a head without a focus sees the mean over the text alone, which stands first
        for module, start in zip(modules, accumulate(sizes, initial=0), strict=False):
            rows = slice(start, start + module.head.out_features)
            whole.head.weight[rows, : module.head.in_features] = module.head.weight
            whole.head.bias[rows] = module.head.bias
    return Network.of(whole, networks[0].tokenizer)


def _to_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in half precision, which halves a model folder and changes no label seen in practice."""
    return {
        name: tensor.detach().to(torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in state.items()
    }


class TorchSession:
    """Runs a network by torch: the reference, in fp32 or under bf16 autocast."""

    def __init__(self, network: Network, *, bf16: bool = False, threads: int | None = None) -> None:
        self.inputs = network.inputs
        self.finer = None
        self.margin = 0.0
        self._module = network.module
        self._bf16 = bf16
        self._threads = threads

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        """Yield the network's output for each batch, in order."""
        for batch in batches:
            tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
            with (
                _threads(self._threads),
                torch.inference_mode(),
                torch.autocast("cpu", torch.bfloat16, enabled=self._bf16),
            ):
                output: NDArray[np.float32] = self._module(**tensors).numpy()
            yield output


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    """Let torch run on so many threads; their number belongs to the process, in which others may train or run too."""
    had = torch.get_num_threads()
    if wanted in (None, had):
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(had)


def round_weights(encoder: nn.Module) -> None:
    """Round the weights of linear layers to what 8 bits and a scale for each output hold.

    A trained encoder hardly notices, and a runtime of 8 bits then errs by what its layers are given alone.
    """
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, nn.Linear):
                scale = module.weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
                module.weight.copy_((module.weight / scale).round() * scale)


def keep_in_bf16(network: Network) -> Network:
    """Turn a network's linear layers into bf16, as autocast would do again for every batch; return it."""
    for module in network.module.modules():
        if isinstance(module, nn.Linear):
            module.to(torch.bfloat16)
    return network
