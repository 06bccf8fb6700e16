"""The transformer engine: a pretrained encoder, mean pooling and a linear head, fine-tuned as one.

Where examples have a focus, the head also sees the mean over its tokens (as in TD-BERT, Gao et al. 2019).
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from datasets import Dataset
from pydantic import Field, model_validator
from safetensors.torch import load_file, save_file
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from pipeline.classifiers import encoders
from pipeline.classifiers.contract import Example, Logits, candidates
from pipeline.classifiers.windows import Window, batches, mean_pool, pad, to_half, unread_share, windows
from pipeline.config import Section
from pipeline.progress import interactive

WEIGHTS = "model.safetensors"
_LOG = logging.getLogger("newsfacts")


class Config(Section):
    """Settings of the transformer engine."""

    encoder: encoders.Config = encoders.Config()
    freeze_embeddings: bool = True
    """Leave the token vectors, half of the weights, as pretrained: words that training lacks keep their meaning."""
    max_tokens: int = 128
    """Tokens of one window; a longer text is read in several windows, never cut."""
    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 2e-4
    """For the encoder; the head learns ten times as fast."""
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    """Before the head."""
    encoder_dropout: float = 0.1
    """Within the encoder while it trains; without any, an epoch takes a fifth less time."""
    label_smoothing: float = 0.0
    class_weight: bool = True
    """Weigh labels inversely to the square root of their frequency."""
    patience: int = 2
    """Epochs without a better dev macro-F1 before training stops."""
    averaged_epochs: int = Field(default=1, ge=1)
    """Last epochs whose weights are averaged (Izmailov et al. 2018); 1 takes the epoch that is best on dev instead,
    and only then does training stop early."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of training; auto takes bf16 autocast where the CPU has it."""

    @model_validator(mode="after")
    def _can_be_averaged(self) -> Self:
        if self.averaged_epochs > self.epochs:
            raise ValueError(f"averaged_epochs is {self.averaged_epochs}, of {self.epochs} epochs")
        return self


class _LogEpochs(TrainerCallback):
    """A plain line for each epoch."""

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer gives it
        **given: Any,
    ) -> None:
        score = given["metrics"]["eval_macro_f1"]
        _LOG.info("epoch %d of %d: dev macro-F1 %.4f", round(state.epoch or 0), args.num_train_epochs, score)


class _AverageEpochs(TrainerCallback):
    """Keeps the mean of the weights that the last epochs end with."""

    def __init__(self, network: nn.Module, epochs: int) -> None:
        self.mean = AveragedModel(network)
        self._epochs = epochs

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer gives it
        **given: Any,
    ) -> None:
        if round(state.epoch or 0) > args.num_train_epochs - self._epochs:
            self.mean.update_parameters(given["model"])


class _Network(nn.Module):
    """Encoder → means over tokens → dropout → linear head; returns the weighted loss where labels are given.

    ``labels`` is 1 for each label that a text has or may have, shape (batch, labels); ``weight`` has shape (batch,).
    """

    def __init__(self, encoder: nn.Module, labels: int, *, focused: bool, dropout: float, smoothing: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.focused = focused
        self.dropout = nn.Dropout(dropout)
        width: Any = encoder.config.hidden_size  # type: ignore[union-attr]
        self.head = nn.Linear(2 * width if focused else width, labels)
        self.smoothing = smoothing

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        focus_mask: Tensor | None = None,
        labels: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> dict[str, Tensor]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        hidden = self.encoder(**inputs).last_hidden_state
        pooled = mean_pool(hidden, attention_mask)
        if self.focused:
            focus = mean_pool(hidden, attention_mask if focus_mask is None else focus_mask)
            pooled = torch.cat((pooled, focus), dim=1)
        logits = self.head(self.dropout(pooled)).float()
        if labels is None or weight is None:
            return {"logits": logits}
        scores = nn.functional.log_softmax(logits, dim=1)
        # Where several labels are possible, their total probability counts (Cour et al. 2011, partial labels).
        loss = -torch.logsumexp(scores.masked_fill(labels == 0, -torch.inf), dim=1)
        loss = (1 - self.smoothing) * loss - self.smoothing * scores.mean(dim=1)
        return {"loss": (loss * weight).sum() / weight.sum(), "logits": logits}


class TransformerClassifier:
    """A fine-tuned encoder behind the classifier contract, run by torch."""

    def __init__(
        self,
        labels: tuple[str, ...],
        network: _Network,
        tokenizer: PreTrainedTokenizerBase,
        max_tokens: int,
    ) -> None:
        self.labels = labels
        self._network = network.eval()
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def logits(self, examples: Sequence[Example]) -> Logits:
        """Return logits, shape (n, labels), averaged over a text's windows."""
        found = np.zeros((len(examples), len(self.labels)), dtype=np.float32)
        if not examples:
            return found
        counts = np.zeros(len(examples), dtype=np.float32)
        with torch.inference_mode():
            for numbers, batch in batches(windows(examples, self._tokenizer, self._max_tokens), self._tokenizer):
                np.add.at(found, numbers, self._network(**batch)["logits"].numpy())
                np.add.at(counts, numbers, 1)
        return found / counts[:, None]

    def unread(self, examples: Sequence[Example]) -> float:
        """Return the share of the examples' tokens that no window holds."""
        return unread_share(examples, self._tokenizer, self._max_tokens)

    def save(self, folder: Path) -> None:
        """Write half-precision weights, the encoder's configuration and the tokenizer into ``folder``."""
        save_file(to_half(self._network.state_dict()), folder / WEIGHTS)
        encoder: Any = self._network.encoder
        encoder.config.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)
        settings = {"max_tokens": self._max_tokens, "focused": self._network.focused}
        (folder / "engine.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def fit(
    train: Sequence[Example], dev: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int
) -> TransformerClassifier:
    """Fine-tune the configured encoder and return the epoch that is best on ``dev`` by macro-F1, or the last averaged.

    Raises:
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    folder = encoders.resolve(config.encoder)
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # On a CPU, short texts train faster with plain attention than with the fused kernel.
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.encoder_dropout
    focused = any(example.focus for example in train)
    network = _Network(encoder, len(labels), focused=focused, dropout=config.dropout, smoothing=config.label_smoothing)
    weights = _label_weights(train, labels) if config.class_weight else np.ones(len(labels))
    datasets = [_dataset(part, labels, weights, tokenizer, config.max_tokens) for part in (train, dev)]
    average = _AverageEpochs(network, config.averaged_epochs) if config.averaged_epochs > 1 else None
    choosing: TrainerCallback = average or EarlyStoppingCallback(early_stopping_patience=config.patience)
    with tempfile.TemporaryDirectory() as checkpoints:
        steps = config.epochs * -(-len(datasets[0]) // config.batch_size)
        arguments = TrainingArguments(
            output_dir=checkpoints,
            num_train_epochs=config.epochs,
            per_device_train_batch_size=config.batch_size,
            per_device_eval_batch_size=2 * config.batch_size,
            learning_rate=config.learning_rate,
            warmup_steps=int(config.warmup_share * steps),
            lr_scheduler_type="linear",
            weight_decay=config.weight_decay,
            train_sampling_strategy="group_by_length",
            length_column_name="length",
            bf16=encoders.has_bf16() if config.precision == "auto" else config.precision == "bf16",
            use_cpu=True,
            eval_strategy="epoch",
            save_strategy="no" if average else "epoch",
            save_only_model=True,
            save_total_limit=1,
            load_best_model_at_end=average is None,
            metric_for_best_model="macro_f1",
            greater_is_better=True,
            logging_strategy="epoch",
            report_to=[],
            disable_tqdm=not interactive(),
            remove_unused_columns=False,
            label_names=["labels"],
            seed=seed,
        )
        trainer = Trainer(
            model=network,
            args=arguments,
            train_dataset=datasets[0],
            eval_dataset=datasets[1],
            data_collator=lambda rows: _collate(rows, tokenizer),
            compute_metrics=_macro_f1,
            callbacks=[choosing, _LogEpochs()],
            optimizers=(_optimizer(network, config), None),
        )
        trainer.remove_callback(PrinterCallback)  # it prints raw dictionaries
        trainer.train()
        # Takes training's autocast off again: calibration sees the precision that inference will have.
        trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
    if average:
        network.load_state_dict(average.mean.module.state_dict())
    encoder.set_attn_implementation("sdpa")  # as a loaded classifier will have it
    return TransformerClassifier(tuple(labels), network, tokenizer, config.max_tokens)


def load(folder: Path, labels: tuple[str, ...]) -> TransformerClassifier:
    """Read a saved classifier; its weights are widened to fp32."""
    settings = json.loads((folder / "engine.json").read_text(encoding="utf-8"))
    encoder = AutoModel.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    network = _Network(encoder, len(labels), focused=settings["focused"], dropout=0.0, smoothing=0.0)
    network.load_state_dict(load_file(folder / WEIGHTS))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return TransformerClassifier(labels, network.float(), tokenizer, settings["max_tokens"])


def _optimizer(network: _Network, config: Config) -> torch.optim.Optimizer:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if config.freeze_embeddings and name.startswith("encoder.embeddings."):
            parameter.requires_grad_(False)
            continue
        rate = config.learning_rate * (10 if name.startswith("head.") else 1)
        decay = 0.0 if parameter.ndim == 1 else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()], fused=True
    )


def _label_weights(examples: Sequence[Example], labels: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    shares = candidates(examples, labels)
    counts = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0).clip(min=1)
    weights: np.ndarray[Any, np.dtype[np.float64]] = np.sqrt(counts.mean() / counts)
    return weights


def _dataset(
    examples: Sequence[Example],
    labels: Sequence[str],
    weights: np.ndarray[Any, np.dtype[np.float64]],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
) -> Dataset:
    gold = candidates(examples, labels)
    weights = gold @ weights / gold.sum(axis=1)
    found = windows(examples, tokenizer, max_tokens)
    share = 1 / np.bincount([window.example for window in found], minlength=len(examples)).clip(min=1)
    return Dataset.from_list(
        [
            {
                "tokens": window.tokens,
                "focus": window.focus,
                "labels": gold[window.example].tolist(),
                "weight": float(weights[window.example] * share[window.example]),
                "length": window.length,
            }
            for window in found
        ]
    )


def _collate(rows: list[dict[str, Any]], tokenizer: PreTrainedTokenizerBase) -> dict[str, Tensor]:
    batch = pad([Window(0, row["tokens"], row["focus"]) for row in rows], tokenizer)
    batch["labels"] = torch.tensor([row["labels"] for row in rows])
    batch["weight"] = torch.tensor([row["weight"] for row in rows])
    return batch


def _macro_f1(prediction: EvalPrediction) -> dict[str, float]:
    guessed = np.asarray(prediction.predictions).argmax(-1)
    gold = np.asarray(prediction.label_ids).argmax(-1)
    return {"macro_f1": float(f1_score(gold, guessed, average="macro", zero_division=0))}
