"""Fine-tune an encoder with its heads: what the transformer engine's training needs beside its inference."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from scipy.special import softmax
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

from pipeline.classifiers import encoders, processor, transformer
from pipeline.classifiers.contract import Example, TaskExamples, candidates
from pipeline.classifiers.networks import LabelLogits, Network, TorchSession, encoded, pooled, round_weights
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.transformer import Config, Teacher, TransformerClassifier
from pipeline.classifiers.windows import Window, pad, windows
from pipeline.errors import ConfigError, ModelError
from pipeline.progress import interactive

Shares = NDArray[np.float32]
"""What of each example falls on each label, shape (examples, labels)."""
_LOG = logging.getLogger("newsfacts")


def fit(examples: TaskExamples, config: Config, *, seed: int) -> TransformerClassifier:
    """Fine-tune the configured encoder for one task, see ``fit_together``."""
    return fit_together({"task": examples}, config, seed=seed)["task"]


def fit_together(tasks: Mapping[str, TaskExamples], config: Config, *, seed: int) -> dict[str, TransformerClassifier]:
    """Fine-tune one encoder with a head for each task; an epoch shows the examples of all, in batches of any.

    Of the epochs, that is taken which is best on the tasks' ``dev`` by macro-F1, or the last are averaged. The
    classifiers share the encoder's module; each is saved whole. A teacher is fine-tuned before, in the same way.

    Raises:
        ConfigError: more layers are to be kept than the encoder has, or windows are longer than it can read.
        ModelError: the encoder cannot be found, has the wrong digest or no tokenizer.
    """
    folder = encoders.resolve(config.encoder)
    taught = _taught(tasks, config.teacher, seed) if config.teacher else {}
    set_seed(seed)
    tokenizer = _tokenizer(folder)
    # On a CPU, short texts train faster with plain attention than with the fused kernel.
    encoder = _encoder(folder, config.layers, attn_implementation="eager")
    _require_length(encoder, config.max_tokens, folder)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.encoder_dropout
    networks: dict[str, Network] = {}
    for task, examples in tasks.items():
        focused = any(example.focus for example in examples.train)
        head = LabelLogits(encoder, len(examples.labels), focused=focused, dropout=config.dropout)
        networks[task] = Network.of(head, tokenizer)
    model = _WithLoss(
        {task: network.module for task, network in networks.items()},
        config.label_smoothing,
        config.r_drop,
        config.teacher.weight if config.teacher else 0.0,
    )
    inputs = max((network.inputs for network in networks.values()), key=len)
    texts = TextTokenizer(tokenizer.backend_tokenizer)
    datasets = _datasets(tasks, model.columns, texts, config, taught)
    average = _AverageEpochs(model, config.averaged_epochs) if config.averaged_epochs > 1 else None
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
            bf16=_in_bf16(config),
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
            model=model,
            args=arguments,
            train_dataset=datasets[0],
            eval_dataset=datasets[1],
            data_collator=partial(_collate, inputs=inputs),
            compute_metrics=partial(_macro_f1, columns=model.columns),
            callbacks=[choosing, _LogEpochs()],
            optimizers=(_optimizer(model, config), None),
        )
        trainer.remove_callback(PrinterCallback)  # it prints raw dictionaries
        trainer.train()
    if average:
        model.load_state_dict(average.mean.module.state_dict())
    round_weights(encoder)
    with _quiet():  # an architecture that knows one way alone says so
        encoder.set_attn_implementation("sdpa")  # as a loaded classifier will have it
    model.eval()
    return {
        task: _classifier(network, tasks[task].labels, texts, config.max_tokens) for task, network in networks.items()
    }


def _taught(tasks: Mapping[str, TaskExamples], teacher: Teacher, seed: int) -> dict[str, Shares]:
    """Return the probabilities that a teacher gives to each task's examples for training and to those without a label.

    Each array has shape (train and unlabelled, labels).
    """
    _LOG.info("fine-tuning the teacher, %s", teacher.encoder.name)
    found = fit_together(tasks, teacher, seed=seed)
    _LOG.info("reading its answers")
    answers: dict[str, Shares] = {}
    for task, own in tasks.items():
        classifier = found[task]
        session = TorchSession(classifier.network(), bf16=_in_bf16(teacher))
        examples = [*own.train, *own.unlabelled]
        read = windows(examples, classifier.tokenizer, classifier.max_tokens)
        [logits] = transformer.logits(read, session, [(len(examples), len(own.labels))])
        answers[task] = softmax(logits, axis=1)
    return answers


def _in_bf16(config: Config) -> bool:
    return processor.has_bf16() if config.precision == "auto" else config.precision == "bf16"


def _classifier(
    network: Network, labels: Sequence[str], tokenizer: TextTokenizer, max_tokens: int
) -> TransformerClassifier:
    return TransformerClassifier(tuple(labels), lambda: TorchSession(network), tokenizer, max_tokens, lambda: network)


def _encoder(folder: Path, layers: int | None, **options: Any) -> Any:
    """Return a pretrained encoder, or its first layers.

    Raises:
        ConfigError: it has not so many, and what it lacks would be made up at random.
    """
    known = AutoConfig.from_pretrained(folder).num_hidden_layers
    kept = known if layers is None else layers
    if kept > known:
        raise ConfigError(f"layers is {kept}, and the encoder in {folder} has {known}; lower it, or leave it out")
    with _quiet():  # else the weights of the other layers are listed as unexpected
        return AutoModel.from_pretrained(folder, dtype=torch.float32, num_hidden_layers=kept, **options)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from warning."""
    verbosity = logging_of_transformers.get_verbosity()
    logging_of_transformers.set_verbosity_error()
    try:
        yield
    finally:
        logging_of_transformers.set_verbosity(verbosity)


def _tokenizer(folder: Path) -> Any:
    reason = "it would know no words"  # transformers makes one up for some architectures
    try:
        found = AutoTokenizer.from_pretrained(folder)
        if len(found) > len(found.all_special_ids):
            return found
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
    raise ModelError(f"{folder} holds no tokenizer ({reason}); save it there, as its save_pretrained does")


def _require_length(encoder: Any, tokens: int, folder: Path) -> None:
    """Refuse windows for which an encoder has no positions: it is tried, since architectures count them otherwise."""
    word = 1 if encoder.config.pad_token_id == 0 else 0  # padding takes no position in some
    ids = torch.full((1, tokens), word)
    try:
        with torch.inference_mode():
            encoder(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError):
        raise ConfigError(
            f"max_tokens is {tokens}, and the encoder in {folder} cannot read so many; lower it"
        ) from None


class _WithLoss(nn.Module):
    """Networks of one encoder as the Trainer takes them: each text counts in the loss of its own task.

    The labels of all tasks stand side by side, each task's in its ``columns``. ``labels`` is 1 for each that a text has
    or may have, shape (batch, all labels), and so tells its task; ``weight`` has shape (batch,). With R-Drop (Liang et
    al. 2021), training reads the batch twice, under other dropout, and the divergence of the answers counts as well:
    the logits then are those of both readings, one below the other. ``taught``, shape (batch, all labels), are
    probabilities that a teacher gives, whose cross-entropy has the share ``teacher_weight`` of the loss.
    """

    def __init__(
        self,
        networks: Mapping[str, LabelLogits],
        smoothing: float,
        r_drop: float = 0.0,
        teacher_weight: float = 0.0,
    ) -> None:
        super().__init__()
        first = next(iter(networks.values()))
        self.encoder = first.encoder
        self.dropout = first.dropout
        self.heads = nn.ModuleDict({task: network.head for task, network in networks.items()})
        self.focused = {task: network.focused for task, network in networks.items()}
        self.smoothing = smoothing
        self.r_drop = r_drop
        self.teacher_weight = teacher_weight
        sizes = [network.head.out_features for network in networks.values()]
        ends = list(accumulate(sizes))
        self.columns = {task: slice(end - size, end) for task, size, end in zip(networks, sizes, ends, strict=True)}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        weight: Tensor,
        token_type_ids: Tensor | None = None,
        focus_mask: Tensor | None = None,
        taught: Tensor | None = None,
    ) -> dict[str, Tensor]:
        twice = self.training and self.r_drop > 0
        if twice:
            input_ids, attention_mask = input_ids.repeat(2, 1), attention_mask.repeat(2, 1)
            labels, weight = labels.repeat(2, 1), weight.repeat(2)
            token_type_ids = None if token_type_ids is None else token_type_ids.repeat(2, 1)
            focus_mask = None if focus_mask is None else focus_mask.repeat(2, 1, 1)
            taught = None if taught is None else taught.repeat(2, 1)
        hidden = encoded(self.encoder, input_ids, attention_mask, token_type_ids)
        logits = torch.full(labels.shape, -torch.inf)
        total = torch.zeros(())
        for task, head in self.heads.items():
            columns = self.columns[task]
            rows = labels[:, columns].any(dim=1)
            focus = focus_mask[rows] if focus_mask is not None and self.focused[task] else None
            own = head(self.dropout(pooled(hidden[rows], attention_mask[rows], focus))).float()
            if focus is not None:
                own = own.squeeze(1)  # each text of training has one focus
            scores = nn.functional.log_softmax(own, dim=1)
            # Where several labels are possible, their total probability counts (Cour et al. 2011, partial labels).
            loss = -torch.logsumexp(scores.masked_fill(labels[rows, columns] == 0, -torch.inf), dim=1)
            loss = (1 - self.smoothing) * loss - self.smoothing * scores.mean(dim=1)
            if taught is not None:
                answered = -(taught[rows, columns] * scores).sum(dim=1)
                loss = (1 - self.teacher_weight) * loss + self.teacher_weight * answered
            if twice:
                loss = loss + self.r_drop * _divergence(*scores.chunk(2)).repeat(2)
            total = total + (loss * weight[rows]).sum()
            logits[rows, columns] = own.detach()
        return {"loss": total / weight.sum(), "logits": logits}


def _divergence(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean of both Kullback-Leibler divergences, row by row, between log-probabilities (rows, labels)."""
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=1) / 2


class _LogEpochs(TrainerCallback):
    """A plain line for each epoch."""

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer gives it
        **given: Any,
    ) -> None:
        prefix = "eval_macro_f1_"
        scores = {name.removeprefix(prefix): f for name, f in given["metrics"].items() if name.startswith(prefix)}
        named = [f"{task} {score:.4f}" if len(scores) > 1 else f"{score:.4f}" for task, score in scores.items()]
        _LOG.info("epoch %d of %d: dev macro-F1 %s", round(state.epoch or 0), args.num_train_epochs, ", ".join(named))


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


def _optimizer(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if config.freeze_embeddings and name.startswith("encoder.embeddings."):
            parameter.requires_grad_(False)
            continue
        rate = config.learning_rate * (10 if name.startswith("heads.") else 1)
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


def _datasets(
    tasks: Mapping[str, TaskExamples],
    columns: Mapping[str, slice],
    tokenizer: TextTokenizer,
    config: Config,
    taught: Mapping[str, Shares],
) -> tuple[Dataset, Dataset]:
    """Return the windows of all tasks, those to train on and those of dev; ``taught`` is empty without a teacher."""
    train: list[dict[str, Any]] = []
    dev: list[dict[str, Any]] = []
    width = max(own.stop for own in columns.values())
    for task, own in tasks.items():
        weights = _label_weights(own.train, own.labels) if config.class_weight else np.ones(len(own.labels))
        unlabelled = own.unlabelled if taught else ()
        for examples, unknown, found in ((own.train, unlabelled, train), (own.dev, (), dev)):
            anything = np.ones((len(unknown), len(own.labels)), dtype=np.float32)
            gold: Shares = np.concatenate((candidates(examples, own.labels), anything))
            placed = _placed(gold, columns[task], width)
            answers = _placed(taught[task], columns[task], width) if taught and found is train else None
            weight = gold @ weights / gold.sum(axis=1)
            found += _rows([*examples, *unknown], placed, weight, answers, tokenizer, config.max_tokens)
    return Dataset.from_list(train), Dataset.from_list(dev)


def _placed(shares: Shares, columns: slice, width: int) -> Shares:
    """Return a task's shares of its labels among the labels of all tasks."""
    placed = np.zeros((len(shares), width), dtype=np.float32)
    placed[:, columns] = shares
    return placed


def _rows(
    examples: Sequence[Example],
    labels: Shares,
    weights: np.ndarray[Any, np.dtype[np.float64]],
    taught: Shares | None,
    tokenizer: TextTokenizer,
    max_tokens: int,
) -> list[dict[str, Any]]:
    """Return the windows of examples; those of one share its weight."""
    found = windows(examples, tokenizer, max_tokens)
    share = 1 / np.bincount([window.example for window in found], minlength=len(examples)).clip(min=1)
    return [
        {
            "ids": window.ids,
            "types": window.types,
            "focus": window.focus,
            "labels": labels[window.example].tolist(),
            "weight": float(weights[window.example] * share[window.example]),
            "length": window.length,
            **({} if taught is None else {"taught": taught[window.example].tolist()}),
        }
        for window in found
    ]


def _collate(rows: list[dict[str, Any]], inputs: Sequence[str]) -> dict[str, Tensor]:
    padded = pad([[Window(0, row["ids"], row["types"], row["focus"])] for row in rows], inputs)
    batch = {name: torch.from_numpy(array) for name, array in padded.items()}
    batch["labels"] = torch.tensor([row["labels"] for row in rows])
    batch["weight"] = torch.tensor([row["weight"] for row in rows])
    if "taught" in rows[0]:
        batch["taught"] = torch.tensor([row["taught"] for row in rows])
    return batch


def _macro_f1(prediction: EvalPrediction, columns: Mapping[str, slice]) -> dict[str, float]:
    """Return each task's macro-F1, and their mean."""
    logits, gold = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    scores: dict[str, float] = {}
    for task, own in columns.items():
        rows = gold[:, own].any(axis=1)
        guessed = logits[rows, own].argmax(axis=1)
        scores[task] = float(f1_score(gold[rows, own].argmax(axis=1), guessed, average="macro", zero_division=0))
    named = {f"macro_f1_{task}": score for task, score in scores.items()}
    return {"macro_f1": float(np.mean(list(scores.values()))), **named}
