"""Fine-tuning: the loss where labels are known and where they are not, and the same weights from the same data."""

from __future__ import annotations

import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from torch import Tensor, nn

from pipeline.classifiers import encoders, fine_tuning, transformer
from pipeline.classifiers.contract import TaskExamples
from pipeline.classifiers.transformer import Config, TransformerClassifier
from pipeline.errors import ConfigError
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


def test_what_a_teacher_says_to_texts_without_a_label_is_learned_and_nothing_of_it_is_kept(
    tiny_encoders: dict[str, Path],
) -> None:
    teacher = config(tiny_encoders["roberta"]).model_dump() | {"weight": 0.9}
    given = config(tiny_encoders["bert"], teacher=teacher, epochs=2)
    alone = config(tiny_encoders["bert"], epochs=2)
    known = TaskExamples(sentences(40, 1), sentences(10, 2), LABELS)
    more = replace(known, unlabelled=[replace(one, label=None) for one in sentences(80, 4)])
    test = sentences(20, 3)
    logits = {
        (name, count): fine_tuning.fit(examples, settings, seed=5).logits(test)
        for name, settings in (("taught", given), ("alone", alone))
        for count, examples in ((0, known), (80, more))
    }
    np.testing.assert_array_equal(logits["alone", 0], logits["alone", 80])
    assert np.abs(logits["taught", 0] - logits["taught", 80]).max() > 1e-3
    assert np.abs(logits["taught", 0] - logits["alone", 0]).max() > 1e-3
    found = fine_tuning.fit(more, given, seed=5)
    assert found.network().module.encoder.config.model_type == "bert"


@pytest.mark.parametrize("wrong", [{"layers": 9}, {"max_tokens": 72}])
def test_a_mistake_in_the_taught_encoder_s_settings_is_told_before_the_teacher_is_trained(
    tiny_encoders: dict[str, Path], caplog: pytest.LogCaptureFixture, wrong: dict[str, int]
) -> None:
    teacher = config(tiny_encoders["roberta"]).model_dump()
    with caplog.at_level(logging.INFO, logger="newsfacts"), pytest.raises(ConfigError, match=next(iter(wrong))):
        fine_tuning.fit(TaskExamples([], [], LABELS), config(tiny_encoders["bert"], teacher=teacher, **wrong), seed=5)
    assert not caplog.messages
