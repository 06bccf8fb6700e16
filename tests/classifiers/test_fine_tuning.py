"""Fine-tuning: the loss where labels are known and where they are not, and the same weights from the same data."""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from torch import Tensor, nn

from pipeline.classifiers import encoders, fine_tuning, transformer
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.classifiers.networks import LabelLogits
from pipeline.classifiers.transformer import Config, TransformerClassifier
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


def test_a_label_weighs_by_the_root_of_its_examples_and_its_shares_of_partial_ones() -> None:
    known = [Example(label, label=label) for label in ("praise", "praise", "praise", "blame", "unseen", "unseen")]
    partial = [Example("either", among=("blame", "unseen"))] * 4
    # 3 of praise, 1 + 4/2 of blame, 2 + 4/2 of unseen; without the shares blame would be the rarest by far.
    counts = np.array([3, 3, 4])
    found = fine_tuning._label_weights(known + partial, LABELS)
    np.testing.assert_allclose(found, np.sqrt(counts.mean() / counts), rtol=1e-6)
    alone = fine_tuning._label_weights(known, LABELS)
    np.testing.assert_allclose(alone, np.sqrt(2 / np.array([3, 1, 2])), rtol=1e-6)


def test_a_label_of_which_there_is_less_than_one_example_weighs_as_if_there_were_one() -> None:
    examples = [Example("x", label="praise")] * 4 + [Example("x", among=("blame", "praise"))]
    counts = np.array([4.5, 1, 1])
    np.testing.assert_allclose(fine_tuning._label_weights(examples, LABELS), np.sqrt(counts.mean() / counts), rtol=1e-6)


# --- the loss


class Given(nn.Module):
    """Stands for an encoder: the hidden state of token number ``n`` is row ``n``."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = nn.Parameter(states)
        self.config = SimpleNamespace(hidden_size=states.shape[1])

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.states[input_ids])


def learned(
    logits: Tensor, possible: Tensor, weight: Tensor | None = None, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the network's loss where its logits are these, and the loss's gradient by each of them."""
    count, labels = logits.shape
    encoder = Given(logits)
    network = LabelLogits(encoder, labels, focused=False)
    with torch.no_grad():
        network.head.weight.copy_(torch.eye(labels))
        network.head.bias.zero_()
    found = fine_tuning._WithLoss({"task": network}, smoothing)(
        input_ids=torch.arange(count)[:, None],
        attention_mask=torch.ones(count, 1),
        labels=possible,
        weight=torch.ones(count) if weight is None else weight,
    )
    found["loss"].backward()
    assert encoder.states.grad is not None
    return found["loss"].detach(), encoder.states.grad


Case = tuple[Tensor, Tensor, Tensor]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw logits of some texts, what each may be, and how much it weighs."""
    labels = draw(st.integers(2, 5))
    logits = st.lists(st.floats(-8, 8, width=32), min_size=labels, max_size=labels)
    possible = st.lists(st.sampled_from([0.0, 1.0]), min_size=labels, max_size=labels).filter(any)
    rows = draw(st.lists(st.tuples(logits, possible, st.floats(0.25, 4, width=32)), min_size=1, max_size=4))
    numbers, candidates, weights = zip(*rows, strict=True)
    return torch.tensor(numbers), torch.tensor(candidates), torch.tensor(weights)


@given(cases(), st.sampled_from([0.0, 0.1, 0.5]))
def test_the_loss_of_known_labels_is_cross_entropy_with_label_smoothing(case: Case, smoothing: float) -> None:
    logits, possible, weight = case
    gold = possible.argmax(dim=1)
    found, _ = learned(logits, nn.functional.one_hot(gold, logits.shape[1]).float(), weight, smoothing)
    each = nn.CrossEntropyLoss(reduction="none", label_smoothing=smoothing)(logits, gold)
    torch.testing.assert_close(found, (each * weight).sum() / weight.sum(), atol=1e-5, rtol=1e-4)


@given(cases())
def test_the_loss_of_several_labels_is_minus_the_log_of_their_probability_together(case: Case) -> None:
    logits, possible, weight = case
    found, gradient = learned(logits, possible, weight)
    together = (logits.double().softmax(dim=1) * possible).sum(dim=1)
    expected = (-together.log() * weight).sum() / weight.sum()
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
    assert torch.isfinite(gradient).all()


@given(cases())
def test_a_text_that_may_be_anything_teaches_nothing(case: Case) -> None:
    logits, possible, weight = case
    found, gradient = learned(logits, torch.ones_like(possible), weight)
    assert float(found) == pytest.approx(0, abs=1e-5)
    assert gradient.abs().max() < 1e-5


def test_of_what_a_text_may_be_nothing_is_preferred() -> None:
    _, gradient = learned(torch.tensor([[0.5, 0.5, 2.0]]), torch.tensor([[1.0, 1.0, 0.0]]))
    first, second, excluded = gradient[0].tolist()
    assert first == pytest.approx(second)
    assert first < 0 < excluded


@given(cases(), st.floats(0.125, 4, width=32), st.integers(0, 2**31))
def test_r_drop_adds_the_divergence_of_two_readings(case: Case, r_drop: float, seed: int) -> None:
    logits, possible, weight = case
    network = LabelLogits(Given(logits), logits.shape[1], focused=False, dropout=0.5)
    batch = {
        "input_ids": torch.arange(len(logits))[:, None],
        "attention_mask": torch.ones(len(logits), 1),
        "labels": possible,
        "weight": weight,
    }
    model = fine_tuning._WithLoss({"task": network}, 0.1, r_drop).train()
    torch.manual_seed(seed)
    found = model(**batch)
    readings = found["logits"].log_softmax(dim=1).chunk(2)
    answered = nn.functional.kl_div(*readings, reduction="none", log_target=True).sum(dim=1)
    answered = (answered + nn.functional.kl_div(*reversed(readings), reduction="none", log_target=True).sum(dim=1)) / 2
    model.r_drop = 1e-12  # next to nothing, and the dropout is the same
    torch.manual_seed(seed)
    expected = model(**batch)["loss"] + r_drop * (answered * weight).sum() / weight.sum()
    torch.testing.assert_close(found["loss"], expected, atol=1e-4, rtol=1e-4)


def test_r_drop_pairs_the_readings_of_each_task_and_focus() -> None:
    """Without dropout the two readings are equal, whatever stands in the batch: nothing is added."""
    encoder = Given(torch.randn(6, 4))
    networks = {
        "focused": LabelLogits(encoder, 3, focused=True, dropout=0.0),
        "plain": LabelLogits(encoder, 2, focused=False, dropout=0.0),
    }
    batch = {
        "input_ids": torch.tensor([[0, 1], [2, 3], [4, 5]]),
        "attention_mask": torch.ones(3, 2),
        "labels": torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]]),
        "weight": torch.tensor([1.0, 2.0, 0.5]),
        "focus_mask": torch.tensor([[[1.0, 0]], [[0, 0]], [[0, 1]]]),
    }
    once, twice = (fine_tuning._WithLoss(networks, 0.1, r_drop).train()(**batch) for r_drop in (0.0, 3.0))
    torch.testing.assert_close(twice["loss"], once["loss"])
    torch.testing.assert_close(twice["logits"], once["logits"].repeat(2, 1))


def test_r_drop_reads_once_where_nothing_is_learned() -> None:
    network = LabelLogits(Given(torch.eye(2)), 2, focused=False, dropout=0.5)
    model = fine_tuning._WithLoss({"task": network}, 0.0, 3.0).eval()
    found = model(torch.tensor([[0], [1]]), torch.ones(2, 1), torch.eye(2), torch.ones(2))
    assert found["logits"].shape == (2, 2)


def test_r_drop_needs_readings_that_can_differ() -> None:
    with pytest.raises(ValueError, match="r_drop compares readings that differ in their dropout"):
        Config(r_drop=1.0, dropout=0.0, encoder_dropout=0.0)


@given(cases(), st.floats(0.125, 1, width=32))
def test_a_teacher_s_answers_have_their_share_in_the_loss(case: Case, share: float) -> None:
    logits, possible, weight = case
    taught = (logits.flip(0) / 2).softmax(dim=1)
    network = LabelLogits(Given(logits), logits.shape[1], focused=False)
    batch = {
        "input_ids": torch.arange(len(logits))[:, None],
        "attention_mask": torch.ones(len(logits), 1),
        "labels": possible,
        "weight": weight,
    }
    model = fine_tuning._WithLoss({"task": network}, 0.1, teacher_weight=share)
    found, of_labels = model(**batch, taught=taught), model(**batch)["loss"]
    answered = nn.CrossEntropyLoss(reduction="none")(found["logits"], taught)
    expected = (1 - share) * of_labels + share * (answered * weight).sum() / weight.sum()
    torch.testing.assert_close(found["loss"], expected, atol=1e-4, rtol=1e-4)


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


@given(cases(), cases(), st.randoms(use_true_random=False))
def test_a_text_counts_in_its_own_task_alone(one: Case, other: Case, order: random.Random) -> None:
    """Whatever else stands in its batch: the loss of a mixed one is the mean of all texts' own losses."""
    sizes = [own[0].shape[1] for own in (one, other)]
    states = torch.block_diag(one[0], other[0])
    possible, weight = torch.block_diag(one[1], other[1]), torch.cat((one[2], other[2]))
    encoder = Given(states)
    networks = {task: LabelLogits(encoder, size, focused=False) for task, size in zip("ab", sizes, strict=True)}
    with torch.no_grad():
        for columns, network in zip((slice(0, sizes[0]), slice(sizes[0], sum(sizes))), networks.values(), strict=True):
            network.head.weight.copy_(torch.eye(sum(sizes))[columns])
            network.head.bias.zero_()
    rows = order.sample(range(len(states)), len(states))
    found = fine_tuning._WithLoss(networks, 0.1)(
        input_ids=torch.tensor(rows)[:, None],
        attention_mask=torch.ones(len(rows), 1),
        labels=possible[rows],
        weight=weight[rows],
    )
    apart = [(learned(*own, smoothing=0.1)[0], own[2].sum()) for own in (one, other)]
    expected = sum(loss * share for loss, share in apart) / weight.sum()
    torch.testing.assert_close(found["loss"].detach(), expected, atol=1e-5, rtol=1e-4)
    own_logits = torch.where(
        torch.block_diag(torch.ones_like(one[1]), torch.ones_like(other[1])) > 0, states, -torch.inf
    )
    torch.testing.assert_close(found["logits"], own_logits[rows])
