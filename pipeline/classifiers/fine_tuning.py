"""Fine-tune an encoder with its head: what the transformer engine's training needs beside its inference."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers import logging as logging_of_transformers

from pipeline.classifiers import encoders, processor
from pipeline.classifiers.contract import Example, candidates
from pipeline.classifiers.networks import LabelLogits, Network, TorchSession
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.transformer import Config, TransformerClassifier
from pipeline.classifiers.windows import Window, pad, windows
from pipeline.errors import ConfigError
from pipeline.progress import interactive

_LOG = logging.getLogger("newsfacts")


def fit(
    train: Sequence[Example], dev: Sequence[Example], labels: Sequence[str], config: Config, *, seed: int
) -> TransformerClassifier:
    """Fine-tune the configured encoder and return the epoch that is best on ``dev`` by macro-F1, or the last averaged.

    Raises:
        ConfigError: more layers are to be kept than the encoder has.
        ModelError: the encoder cannot be found or has the wrong digest.
    """
    folder = encoders.resolve(config.encoder)
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # On a CPU, short texts train faster with plain attention than with the fused kernel.
    encoder = _encoder(folder, config.layers, attn_implementation="eager")
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.encoder_dropout
    focused = any(example.focus for example in train)
    module = LabelLogits(encoder, len(labels), focused=focused, dropout=config.dropout)
    network = Network.of(module, tokenizer)
    texts = TextTokenizer(tokenizer.backend_tokenizer)
    weights = _label_weights(train, labels) if config.class_weight else np.ones(len(labels))
    datasets = [_dataset(part, labels, weights, texts, config.max_tokens) for part in (train, dev)]
    average = _AverageEpochs(module, config.averaged_epochs) if config.averaged_epochs > 1 else None
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
            bf16=processor.has_bf16() if config.precision == "auto" else config.precision == "bf16",
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
            model=_WithLoss(module, config.label_smoothing),
            args=arguments,
            train_dataset=datasets[0],
            eval_dataset=datasets[1],
            data_collator=lambda rows: _collate(rows, network.inputs),
            compute_metrics=_macro_f1,
            callbacks=[choosing, _LogEpochs()],
            optimizers=(_optimizer(module, config), None),
        )
        trainer.remove_callback(PrinterCallback)  # it prints raw dictionaries
        trainer.train()
    if average:
        module.load_state_dict(average.mean.module.state_dict())
    encoder.set_attn_implementation("sdpa")  # as a loaded classifier will have it
    module.eval()
    return TransformerClassifier(
        tuple(labels), lambda: TorchSession(network), texts, config.max_tokens, lambda: network
    )


def _encoder(folder: Path, layers: int | None, **options: Any) -> Any:
    """Return a pretrained encoder, or its first layers.

    Raises:
        ConfigError: it has not so many, and what it lacks would be made up at random.
    """
    known = AutoConfig.from_pretrained(folder).num_hidden_layers
    kept = known if layers is None else layers
    if kept > known:
        raise ConfigError(f"layers is {kept}, and the encoder in {folder} has {known}; lower it, or leave it out")
    verbosity = logging_of_transformers.get_verbosity()
    logging_of_transformers.set_verbosity_error()  # else the weights of the other layers are listed as unexpected
    try:
        return AutoModel.from_pretrained(folder, dtype=torch.float32, num_hidden_layers=kept, **options)
    finally:
        logging_of_transformers.set_verbosity(verbosity)


class _WithLoss(nn.Module):
    """A network as the Trainer takes it: with the weighted loss where labels are given.

    ``labels`` is 1 for each label that a text has or may have, shape (batch, labels); ``weight`` has shape (batch,).
    """

    def __init__(self, network: LabelLogits, smoothing: float) -> None:
        super().__init__()
        self.network = network
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
        logits = self.network(input_ids, attention_mask, token_type_ids, focus_mask)
        if focus_mask is not None:
            logits = logits.squeeze(1)  # each text of training has one focus
        if labels is None or weight is None:
            return {"logits": logits}
        scores = nn.functional.log_softmax(logits, dim=1)
        # Where several labels are possible, their total probability counts (Cour et al. 2011, partial labels).
        loss = -torch.logsumexp(scores.masked_fill(labels == 0, -torch.inf), dim=1)
        loss = (1 - self.smoothing) * loss - self.smoothing * scores.mean(dim=1)
        return {"loss": (loss * weight).sum() / weight.sum(), "logits": logits}


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
        self._network = network
        self._epochs = epochs

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer gives it
        **given: Any,  # noqa: ARG002  # the same
    ) -> None:
        if round(state.epoch or 0) > args.num_train_epochs - self._epochs:
            self.mean.update_parameters(self._network)


def _optimizer(network: LabelLogits, config: Config) -> torch.optim.Optimizer:
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
    tokenizer: TextTokenizer,
    max_tokens: int,
) -> Dataset:
    gold = candidates(examples, labels)
    weights = gold @ weights / gold.sum(axis=1)
    found = windows(examples, tokenizer, max_tokens)
    share = 1 / np.bincount([window.example for window in found], minlength=len(examples)).clip(min=1)
    return Dataset.from_list(
        [
            {
                "ids": window.ids,
                "types": window.types,
                "focus": window.focus,
                "labels": gold[window.example].tolist(),
                "weight": float(weights[window.example] * share[window.example]),
                "length": window.length,
            }
            for window in found
        ]
    )


def _collate(rows: list[dict[str, Any]], inputs: Sequence[str]) -> dict[str, Tensor]:
    padded = pad([[Window(0, row["ids"], row["types"], row["focus"])] for row in rows], inputs)
    batch = {name: torch.from_numpy(array) for name, array in padded.items()}
    batch["labels"] = torch.tensor([row["labels"] for row in rows])
    batch["weight"] = torch.tensor([row["weight"] for row in rows])
    return batch


def _macro_f1(prediction: EvalPrediction) -> dict[str, float]:
    guessed = np.asarray(prediction.predictions).argmax(-1)
    gold = np.asarray(prediction.label_ids).argmax(-1)
    return {"macro_f1": float(f1_score(gold, guessed, average="macro", zero_division=0))}
