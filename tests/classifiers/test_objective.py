"""The loss of fine-tuning: labels that are known and that are not, two readings, a teacher, several tasks."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pipeline.classifiers.networks import LabelLogits
from pipeline.classifiers.objective import Objective


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
    found = Objective({"task": network}, smoothing)(
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
    model = Objective({"task": network}, 0.1, r_drop).train()
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
    once, twice = (Objective(networks, 0.1, r_drop).train()(**batch) for r_drop in (0.0, 3.0))
    torch.testing.assert_close(twice["loss"], once["loss"])
    torch.testing.assert_close(twice["logits"], once["logits"].repeat(2, 1))


def test_r_drop_reads_once_where_nothing_is_learned() -> None:
    network = LabelLogits(Given(torch.eye(2)), 2, focused=False, dropout=0.5)
    model = Objective({"task": network}, 0.0, 3.0).eval()
    found = model(torch.tensor([[0], [1]]), torch.ones(2, 1), torch.eye(2), torch.ones(2))
    assert found["logits"].shape == (2, 2)


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
    model = Objective({"task": network}, 0.1, teacher_weight=share)
    found, of_labels = model(**batch, taught=taught), model(**batch)["loss"]
    answered = nn.CrossEntropyLoss(reduction="none")(found["logits"], taught)
    expected = (1 - share) * of_labels + share * (answered * weight).sum() / weight.sum()
    torch.testing.assert_close(found["loss"], expected, atol=1e-4, rtol=1e-4)


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
    found = Objective(networks, 0.1)(
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
