"""The transformer engine on tiny encoders of three architectures: nothing is cut, and a saved one answers the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pipeline.classifiers import encoders, transformer
from pipeline.classifiers.contract import Example
from pipeline.classifiers.transformer import Config, TransformerClassifier
from pipeline.classifiers.windows import batches, pad, windows
from tests.encoders import MAKERS, WORDS
from tests.encoders import settings as encoder_settings

LABELS = ("praise", "blame", "unseen")
ARCHITECTURES = sorted(MAKERS)
MAX_TOKENS = 24


def config(folder: Path, **others: object) -> Config:
    given = {"max_tokens": MAX_TOKENS, "epochs": 8, "learning_rate": 0.003, "batch_size": 8, "patience": 9, **others}
    return Config.model_validate({"encoder": encoder_settings(folder), **given})


def sentences(count: int, seed: int) -> list[Example]:
    """Return sentences of random words in which one word tells the label."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        words = draw.choices(WORDS.split()[:20], k=draw.randint(3, 9))
        words.insert(draw.randrange(len(words)), "praised" if number % 2 == 0 else "blamed")
        found.append(Example(" ".join(words), pair="the mayor", label=LABELS[number % 2], group=str(number)))
    return found


@pytest.fixture(scope="module", params=ARCHITECTURES)
def fitted(request: pytest.FixtureRequest, tiny_encoders: dict[str, Path]) -> TransformerClassifier:
    folder = tiny_encoders[request.param]
    return transformer.fit(sentences(160, 1), sentences(40, 2), LABELS, config(folder), seed=5)


def best(classifier: TransformerClassifier, examples: Sequence[Example]) -> list[str]:
    return [classifier.labels[index] for index in classifier.logits(examples).argmax(axis=1)]


def test_it_learns_the_word_that_tells_the_label(fitted: TransformerClassifier) -> None:
    test = sentences(40, 3)
    hits = sum(found == example.label for found, example in zip(best(fitted, test), test, strict=True))
    assert hits >= 36


def test_a_saved_classifier_answers_the_same_from_another_folder(
    fitted: TransformerClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    shutil.copytree(tmp_path / "saved", tmp_path / "carried")
    shutil.rmtree(tmp_path / "saved")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    loaded = transformer.load(tmp_path / "carried", LABELS)
    test = sentences(40, 4)
    assert best(loaded, test) == best(fitted, test)
    np.testing.assert_allclose(loaded.logits(test), fitted.logits(test), atol=0.02)
    assert not [path.name for path in (tmp_path / "carried").iterdir() if path.suffix in (".bin", ".pt", ".pkl")]


def test_the_batch_changes_no_logit(fitted: TransformerClassifier) -> None:
    examples = [*sentences(70, 6), Example("the " * 200, pair="the mayor"), Example("", pair="the mayor")]
    together = fitted.logits(examples)
    order = random.Random(1).sample(range(len(examples)), len(examples))
    np.testing.assert_allclose(fitted.logits([examples[index] for index in order]), together[order], atol=1e-4)
    alone = np.concatenate([fitted.logits([example]) for example in examples[-5:]])
    np.testing.assert_allclose(alone, together[-5:], atol=1e-4)
    assert fitted.logits([]).shape == (0, len(LABELS))


def test_the_end_of_a_long_text_counts_as_its_beginning(fitted: TransformerClassifier) -> None:
    filler = "the council met on monday " * 40
    one, other, early = fitted.logits(
        [Example(f"{filler} praised"), Example(f"{filler} blamed"), Example(f"praised {filler}")]
    )
    assert np.abs(one - other).max() > 1e-4
    assert np.abs(early - other).max() > 1e-4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(words=st.lists(st.sampled_from(WORDS.split()), max_size=90), pair=st.sampled_from(["", "the mayor"]))
@settings(max_examples=25)
def test_windows_hold_every_token_and_the_pair(
    tiny_encoders: dict[str, Path], architecture: str, words: list[str], pair: str
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoders[architecture])
    text = " ".join(words)
    found = windows([Example("a"), Example(text, pair=pair)], tokenizer, MAX_TOKENS)
    own = [window for window in found if window.example == 1]
    assert [window.example for window in found] == [0] + [1] * len(own)
    assert all(0 < window.length <= MAX_TOKENS for window in found)
    whole = tokenizer(text, add_special_tokens=False)["input_ids"]
    second = tokenizer(pair, add_special_tokens=False)["input_ids"]
    specials = set(tokenizer.all_special_ids)
    tokens = [[token for token in window.tokens["input_ids"] if token not in specials] for window in own]
    assert all(window[len(window) - len(second) :] == second for window in tokens)
    assert [token for window in tokens for token in window[: len(window) - len(second)]] == whole


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(words=st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=60), data=st.data())
@settings(max_examples=25)
def test_the_focus_is_its_own_tokens_and_windows_without_them_are_left_out(
    tiny_encoders: dict[str, Path], architecture: str, words: list[str], data: st.DataObject
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoders[architecture])
    chosen = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join([*words[:chosen], ""]))
    focus = (start, start + len(words[chosen]))
    found = windows([Example(" ".join(words), pair="the mayor", focus=focus), Example("a")], tokenizer, MAX_TOKENS)
    own = [window for window in found if window.example == 0]
    tokens = [
        token
        for window in own
        for token, inside in zip(window.tokens["input_ids"], window.focus or (), strict=True)
        if inside
    ]
    assert tokenizer.decode(tokens).strip() == words[chosen]
    assert [window.focus for window in found if window.example == 1] == [None]
    batch = pad(found, tokenizer)
    assert batch["focus_mask"].sum(dim=1).tolist() == [sum(window.focus or ()) for window in own] + [found[-1].length]


def test_the_focus_decides_between_two_names(tiny_encoders: dict[str, Path]) -> None:
    def pairs(count: int, seed: int) -> list[Example]:
        draw = random.Random(seed)
        found = []
        for number in range(count):
            words = draw.choices(WORDS.split()[:20], k=4)
            text = " ".join([*words[:2], "mayor", "praised", *words[2:], "council", "blamed"])
            name, label = ("mayor", "praise") if number % 2 == 0 else ("council", "blame")
            start = text.index(f" {name} ") + 1
            found.append(Example(text, focus=(start, start + len(name)), label=label, group=str(number)))
        return found

    fitted = transformer.fit(pairs(160, 1), pairs(40, 2), LABELS, config(tiny_encoders["bert"]), seed=5)
    test = pairs(40, 3)
    assert sum(found == example.label for found, example in zip(best(fitted, test), test, strict=True)) >= 38


def test_nothing_is_unread_but_what_lies_far_from_a_focus(fitted: TransformerClassifier) -> None:
    long = "the council met on monday " * 30
    assert fitted.unread([Example(long, pair="the mayor"), Example("a storm"), Example("")]) == 0
    assert 0.5 < fitted.unread([Example(f"mayor {long}", pair="the mayor", focus=(0, 5))]) < 1


def test_batches_hold_every_window_once_padded_to_the_longest(tiny_encoders: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoders["bert"])
    examples = [Example("the council " * (number % 13 + 1)) for number in range(75)]
    found = windows(examples, tokenizer, MAX_TOKENS)
    numbers: list[int] = []
    for own, batch in batches(found, tokenizer):
        numbers += own
        assert batch["input_ids"].shape == batch["attention_mask"].shape
        assert batch["attention_mask"].sum(dim=1).max() == batch["input_ids"].shape[1]
    assert sorted(numbers) == sorted(window.example for window in found)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_second_segment_longer_than_a_window_is_answered(tiny_encoders: dict[str, Path], architecture: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoders[architecture])
    found = windows([Example("the mayor won", pair="the council " * 60)], tokenizer, MAX_TOKENS)
    assert found
    assert all(window.length <= MAX_TOKENS for window in found)


def test_training_twice_gives_the_same_weights(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        found = transformer.fit(
            sentences(40, 1), sentences(10, 2), LABELS, config(tiny_encoders["bert"], epochs=1), seed=5
        )
        found.save(tmp_path / name)
        contents.append((tmp_path / name / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


def test_the_weights_of_the_last_epochs_are_averaged(
    tiny_encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[torch.Tensor] = []

    def keep(*given: object, model: torch.nn.Module, **others: object) -> None:
        heads.append(model.get_parameter("head.weight").detach().clone())

    monkeypatch.setattr("pipeline.classifiers.transformer._LogEpochs.on_evaluate", keep)
    given = config(tiny_encoders["bert"], epochs=3, averaged_epochs=2)
    found = transformer.fit(sentences(40, 1), sentences(10, 2), LABELS, given, seed=5)
    assert len(heads) == 3
    torch.testing.assert_close(found._network.head.weight.data, (heads[1] + heads[2]) / 2)
    with pytest.raises(ValueError, match="averaged_epochs is 9, of 8 epochs"):
        config(tiny_encoders["bert"], averaged_epochs=9)


def test_an_altered_encoder_is_refused_before_training(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    from pipeline.errors import ModelError

    shutil.copytree(tiny_encoders["bert"], tmp_path / "bert")
    given = config(tmp_path / "bert")
    with (tmp_path / "bert" / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    assert isinstance(given.encoder, encoders.Config)
    with pytest.raises(ModelError, match=r"model\.safetensors has sha256 .* the configuration says"):
        transformer.fit(sentences(4, 1), sentences(4, 2), LABELS, given, seed=5)


def test_a_label_weighs_by_the_root_of_its_examples_and_its_shares_of_partial_ones() -> None:
    known = [Example(label, label=label) for label in ("praise", "praise", "praise", "blame", "unseen", "unseen")]
    partial = [Example("either", among=("blame", "unseen"))] * 4
    # 3 of praise, 1 + 4/2 of blame, 2 + 4/2 of unseen; without the shares blame would be the rarest by far.
    counts = np.array([3, 3, 4])
    found = transformer._label_weights(known + partial, LABELS)
    np.testing.assert_allclose(found, np.sqrt(counts.mean() / counts), rtol=1e-6)
    alone = transformer._label_weights(known, LABELS)
    np.testing.assert_allclose(alone, np.sqrt(2 / np.array([3, 1, 2])), rtol=1e-6)


def test_a_label_of_which_there_is_less_than_one_example_weighs_as_if_there_were_one() -> None:
    examples = [Example("x", label="praise")] * 4 + [Example("x", among=("blame", "praise"))]
    counts = np.array([4.5, 1, 1])
    np.testing.assert_allclose(transformer._label_weights(examples, LABELS), np.sqrt(counts.mean() / counts), rtol=1e-6)


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
    network = transformer._Network(encoder, labels, focused=False, dropout=0.0, smoothing=smoothing)
    with torch.no_grad():
        network.head.weight.copy_(torch.eye(labels))
        network.head.bias.zero_()
    found = network(
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
