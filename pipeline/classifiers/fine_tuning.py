"""Fine-tune an encoder with its heads: what the transformer engine's training needs beside its inference."""

from __future__ import annotations

import gc
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import f1_score
from torch import nn
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

from pipeline.classifiers import encoders, processor, training_windows, transformer
from pipeline.classifiers.contract import TaskExamples
from pipeline.classifiers.networks import LabelLogits, Network, TorchSession, round_weights
from pipeline.classifiers.objective import Objective
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.training_windows import Shares
from pipeline.classifiers.transformer import Config, Teacher, TransformerClassifier
from pipeline.classifiers.windows import windows
from pipeline.errors import ConfigError, ModelError
from pipeline.progress import interactive

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
    tokenizer = _tokenizer(folder)
    set_seed(seed)  # what a checkpoint lacks, often the pooler, is drawn
    # On a CPU, short texts train faster with plain attention than with the fused kernel.
    encoder = _encoder(folder, config.layers, attn_implementation="eager")
    _require_length(encoder, config.max_tokens, folder)
    taught: dict[str, Shares] = {}
    if config.teacher:
        taught = _taught(tasks, config.teacher, seed)
        gc.collect()  # the Trainer and the teacher's weights refer to each other
        set_seed(seed)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.encoder_dropout
    networks: dict[str, Network] = {}
    for task, examples in tasks.items():
        focused = any(example.focus for example in examples.train)
        head = LabelLogits(encoder, len(examples.labels), focused=focused, dropout=config.dropout)
        networks[task] = Network.of(head, tokenizer)
    model = Objective(
        {task: network.module for task, network in networks.items()},
        config.label_smoothing,
        config.r_drop,
        config.teacher.weight if config.teacher else 0.0,
    )
    inputs = max((network.inputs for network in networks.values()), key=len)
    texts = TextTokenizer(tokenizer.backend_tokenizer)
    train, dev = training_windows.datasets(tasks, model.columns, texts, config, taught)
    average = _AverageEpochs(model, config.averaged_epochs) if config.averaged_epochs > 1 else None
    choosing: TrainerCallback = average or EarlyStoppingCallback(early_stopping_patience=config.patience)
    with tempfile.TemporaryDirectory() as checkpoints:
        steps = config.epochs * -(-len(train) // config.batch_size)
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
            train_dataset=train,
            eval_dataset=dev,
            data_collator=partial(training_windows.collate, inputs=inputs),
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
    try:
        found = fit_together(tasks, teacher, seed=seed)
    except (ConfigError, ModelError) as error:
        raise type(error)(f"teacher: {error}") from None
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
