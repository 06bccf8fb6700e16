"""Fine-tuning: the loss where labels are known and where they are not, and the same weights from the same data."""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from scipy.special import softmax
from sklearn.metrics import f1_score
from torch import Tensor, nn

from pipeline.classifiers import encoders, fine_tuning, transformer
from pipeline.classifiers.contract import TaskExamples
from pipeline.classifiers.training_windows import Shares
from pipeline.classifiers.transformer import Config, Teacher, TransformerClassifier
from pipeline.errors import ConfigError, ModelError
from tests.classifiers.test_transformer import LABELS, best, config, pairs, sentences
from tests.encoders import MAKERS


def test_training_twice_gives_the_same_weights(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        found = fine_tuning.fit(
            TaskExamples(sentences(40, 1), sentences(10, 2), LABELS), config(tiny_encoders["bert"], epochs=1), seed=5
        )
        found.save(tmp_path / name)
        contents.append((tmp_path / name / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


def test_the_weights_of_the_last_epochs_are_averaged(
    tiny_encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[Tensor] = []

    def keep(*given: object, model: nn.Module, **others: object) -> None:
        heads.append(model.get_parameter("heads.task.weight").detach().clone())

    monkeypatch.setattr("pipeline.classifiers.fine_tuning._LogEpochs.on_evaluate", keep)
    given = config(tiny_encoders["bert"], epochs=3, averaged_epochs=2)
    found = fine_tuning.fit(TaskExamples(sentences(40, 1), sentences(10, 2), LABELS), given, seed=5)
    assert len(heads) == 3
    head = found.network().module.get_parameter("head.weight")
    torch.testing.assert_close(head.data, (heads[1] + heads[2]) / 2)
    with pytest.raises(ValueError, match="averaged_epochs is 9, of 8 epochs"):
        config(tiny_encoders["bert"], averaged_epochs=9)


def tasks() -> dict[str, TaskExamples]:
    """Return a task whose sentences have labels of their own, and one of names within them."""
    return {
        "whole": TaskExamples(sentences(160, 1), sentences(40, 2), LABELS),
        "name": TaskExamples(pairs(160, 1), pairs(40, 2), ("praise", "blame")),
    }


@pytest.fixture(scope="module", params=sorted(MAKERS))
def together(
    request: pytest.FixtureRequest, tiny_encoders: dict[str, Path]
) -> tuple[Config, dict[str, TransformerClassifier]]:
    own = config(tiny_encoders[request.param], averaged_epochs=2)
    return own, fine_tuning.fit_together(tasks(), own, seed=5)


def test_one_encoder_learns_two_tasks(together: tuple[Config, dict[str, TransformerClassifier]]) -> None:
    _, found = together
    assert {task: classifier.labels for task, classifier in found.items()} == {
        "whole": LABELS,
        "name": ("praise", "blame"),
    }
    for task, test in (("whole", sentences(40, 3)), ("name", pairs(40, 3))):
        hits = sum(label == example.label for label, example in zip(best(found[task], test), test, strict=True))
        assert hits >= 36, task


def test_eight_bits_hold_the_weights_of_a_trained_encoder(
    together: tuple[Config, dict[str, TransformerClassifier]],
) -> None:
    """A runtime of 8 bits loses nothing of them but what saving them in half precision does."""
    _, found = together
    layers = [
        layer for layer in next(iter(found.values())).network().module.encoder.modules() if isinstance(layer, nn.Linear)
    ]
    assert layers
    for layer in layers:
        steps = layer.weight / (layer.weight.abs().amax(dim=1, keepdim=True) / 127)
        assert torch.allclose(steps, steps.round(), atol=1e-3)


def test_folders_of_one_encoder_tell_it_and_each_answers_alone_as_it_was_trained(
    together: tuple[Config, dict[str, TransformerClassifier]], tmp_path: Path
) -> None:
    own, found = together
    for task, test in (("whole", sentences(40, 3)), ("name", pairs(40, 3))):
        (tmp_path / task).mkdir()
        found[task].save(tmp_path / task)
        loaded = transformer.load(tmp_path / task, found[task].labels)
        np.testing.assert_allclose(loaded.logits(test), found[task].logits(test), atol=0.02)
    digests = {task: encoder_digest(tmp_path / task) for task in found}
    assert digests["whole"] == digests["name"]
    weights = [load_file(tmp_path / task / "model.safetensors") for task in found]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0] if name.startswith("encoder."))
    (tmp_path / "apart").mkdir()
    alone = tasks()["whole"]
    fine_tuning.fit(alone, own, seed=5).save(tmp_path / "apart")
    assert encoder_digest(tmp_path / "apart") != digests["whole"]


def encoder_digest(folder: Path) -> str:
    found: str = json.loads((folder / transformer.SETTINGS).read_text(encoding="utf-8"))["encoder"]
    return found


def test_the_epoch_taken_is_the_best_of_both_tasks_and_the_log_names_each(
    tiny_encoders: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    own = config(tiny_encoders["bert"], epochs=3)
    with caplog.at_level(logging.INFO, logger="newsfacts"):
        found = fine_tuning.fit_together(tasks(), own, seed=5)
        fine_tuning.fit(
            TaskExamples(sentences(8, 1), sentences(8, 2), LABELS), config(tiny_encoders["bert"], epochs=1), seed=5
        )
    *lines, alone = caplog.messages
    told = [re.fullmatch(r"epoch \d of 3: dev macro-F1 whole (0\.\d{4}|1\.0000), name (\S+)", line) for line in lines]
    means = [sum(map(float, one.groups())) / 2 for one in told if one]
    assert len(means) == 3
    assert re.fullmatch(r"epoch 1 of 1: dev macro-F1 \d\.\d{4}", alone)
    scores = []
    for task, examples in tasks().items():
        gold, labels = [one.label for one in examples.dev], sorted({one.label or "" for one in examples.dev})
        scores.append(f1_score(gold, best(found[task], examples.dev), labels=labels, average="macro"))
    assert sum(scores) / 2 == pytest.approx(max(means), abs=0.03)  # training may have bf16


def test_an_altered_encoder_is_refused_before_training(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    from pipeline.errors import ModelError

    shutil.copytree(tiny_encoders["bert"], tmp_path / "bert")
    given = config(tmp_path / "bert")
    with (tmp_path / "bert" / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    assert isinstance(given.encoder, encoders.Config)
    with pytest.raises(ModelError, match=r"model\.safetensors has sha256 .* the configuration says"):
        fine_tuning.fit(TaskExamples(sentences(4, 1), sentences(4, 2), LABELS), given, seed=5)


def test_r_drop_needs_readings_that_can_differ() -> None:
    with pytest.raises(ValueError, match="r_drop compares readings that differ in their dropout"):
        Config(r_drop=1.0, dropout=0.0, encoder_dropout=0.0)


def test_a_teacher_answers_as_it_would_where_it_is_trained_alone(tiny_encoders: dict[str, Path]) -> None:
    teacher = Teacher.model_validate(config(tiny_encoders["roberta"], label_smoothing=0.1).model_dump())
    known = TaskExamples(sentences(40, 1), sentences(10, 2), LABELS)
    more = replace(known, unlabelled=[replace(one, label=None) for one in sentences(20, 4)])
    found = fine_tuning._taught({"task": more, "other": known}, teacher, 5)
    alone = fine_tuning.fit_together({"task": known, "other": known}, teacher, seed=5)
    for task, examples in (("task", [*more.train, *more.unlabelled]), ("other", known.train)):
        expected = softmax(alone[task].logits(examples), axis=1)
        np.testing.assert_allclose(found[task], expected, atol=0.02)  # its answers may be in bf16
        assert expected.std(axis=0).max() > 0.1


def test_the_pupil_says_what_the_teacher_says_of_texts_without_a_label_too(
    tiny_encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At weight 1 nothing is learned from the labels: a teacher that takes praise for blame makes the pupil do so."""
    known = TaskExamples(sentences(160, 1), sentences(10, 2), LABELS)
    more = replace(known, unlabelled=[replace(one, label=None) for one in sentences(40, 4)])

    def contrary(tasks: dict[str, TaskExamples], teacher: Teacher, seed: int) -> dict[str, Shares]:
        assert (teacher.epochs, seed) == (7, 5)
        told = {task: [*own.train, *own.unlabelled] for task, own in tasks.items()}
        return {
            task: np.array([[0.05, 0.9, 0.05] if "praised" in one.text else [0.9, 0.05, 0.05] for one in examples])
            for task, examples in told.items()
        }

    monkeypatch.setattr(fine_tuning, "_taught", contrary)
    teacher = config(tiny_encoders["roberta"], epochs=7).model_dump() | {"weight": 1.0}
    own = config(tiny_encoders["bert"], teacher=teacher, averaged_epochs=2)
    test = sentences(40, 3)
    found = fine_tuning.fit(more, own, seed=5)
    other = {"praise": "blame", "blame": "praise"}
    agreed = [said == other[one.label or ""] for said, one in zip(best(found, test), test, strict=True)]
    assert sum(agreed) > 0.9 * len(test)


def test_texts_without_a_label_are_not_read_where_no_teacher_answers(tiny_encoders: dict[str, Path]) -> None:
    known = TaskExamples(sentences(40, 1), sentences(10, 2), LABELS)
    more = replace(known, unlabelled=[replace(one, label=None) for one in sentences(80, 4)])
    own, test = config(tiny_encoders["bert"], epochs=2), sentences(20, 3)
    one, other = (fine_tuning.fit(examples, own, seed=5).logits(test) for examples in (known, more))
    np.testing.assert_array_equal(one, other)


def test_a_teacher_is_gone_while_the_pupil_trains_and_nothing_of_it_is_kept(
    tiny_encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    alive: list[list[str]] = []
    load, optimizer = fine_tuning._encoder, fine_tuning._optimizer

    def spy(*args: Any, **options: Any) -> Any:
        loaded.append(weakref.ref(found := load(*args, **options)))
        return found

    def look(*args: Any) -> torch.optim.Optimizer:
        alive.append([found.config.model_type for one in loaded if (found := one())])
        return optimizer(*args)

    monkeypatch.setattr(fine_tuning, "_encoder", spy)
    monkeypatch.setattr(fine_tuning, "_optimizer", look)
    own = config(tiny_encoders["bert"], epochs=1, teacher=config(tiny_encoders["roberta"], epochs=1).model_dump())
    found = fine_tuning.fit(TaskExamples(sentences(40, 1), sentences(10, 2), LABELS), own, seed=5)
    assert alive == [["bert", "roberta"], ["bert"]]
    encoder: Any = found.network().module.encoder
    assert encoder.config.model_type == "bert"


def test_what_a_checkpoint_lacks_is_drawn_alike_each_time(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    """Some encoders come without a pooler; nothing reads it, yet it is saved, and the model's digest covers it."""
    shutil.copytree(tiny_encoders["bert"], tmp_path / "bert")
    weights = load_file(tmp_path / "bert" / "model.safetensors")
    lacking = {name: one for name, one in weights.items() if "pooler" not in name}
    assert len(lacking) < len(weights)
    save_file(lacking, tmp_path / "bert" / "model.safetensors", metadata={"format": "pt"})
    contents = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        torch.rand(1)  # what was drawn before must not matter
        known = TaskExamples(sentences(40, 1), sentences(10, 2), LABELS)
        fine_tuning.fit(known, config(tmp_path / "bert", epochs=1), seed=5).save(tmp_path / name)
        contents.append((tmp_path / name / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dropout": 1.5},
        {"encoder_dropout": 1.0},
        {"batch_size": 0},
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"r_drop": math.inf},
    ],
)
def test_settings_that_nobody_can_train_with_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError) as refused:
        Config.model_validate(wrong)
    assert [error["loc"] for error in refused.value.errors()] == [tuple(wrong)]


def test_a_teacher_that_cannot_be_found_is_told_as_such(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    lacking = {"encoder": {"name": str(tmp_path / "nowhere"), "revision": None, "sha256": None}}
    examples = TaskExamples(sentences(6, 1), sentences(6, 2), LABELS)
    with pytest.raises(ModelError, match=r"^teacher: encoder '.*nowhere' is neither a folder"):
        fine_tuning.fit(examples, config(tiny_encoders["bert"], teacher=lacking), seed=5)


@pytest.mark.parametrize("wrong", [{"layers": 9}, {"max_tokens": 72}])
def test_a_mistake_in_the_taught_encoder_s_settings_is_told_before_the_teacher_is_trained(
    tiny_encoders: dict[str, Path], caplog: pytest.LogCaptureFixture, wrong: dict[str, int]
) -> None:
    teacher = config(tiny_encoders["roberta"]).model_dump()
    with caplog.at_level(logging.INFO, logger="newsfacts"), pytest.raises(ConfigError, match=next(iter(wrong))):
        fine_tuning.fit(TaskExamples([], [], LABELS), config(tiny_encoders["bert"], teacher=teacher, **wrong), seed=5)
    assert not caplog.messages
