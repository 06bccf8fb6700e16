"""The transformer engine on tiny encoders of three architectures: nothing is cut, and a saved one answers the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoConfig, AutoModel

from pipeline.classifiers import fine_tuning, transformer
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.classifiers.transformer import Config, TransformerClassifier
from pipeline.errors import ConfigError, ModelError
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


def pairs(count: int, seed: int) -> list[Example]:
    """Return sentences with two names, one of which the label is about: which one, the focus alone tells."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        words = draw.choices(WORDS.split()[:20], k=4)
        text = " ".join([*words[:2], "mayor", "praised", *words[2:], "council", "blamed"])
        name, label = ("mayor", "praise") if number % 2 == 0 else ("council", "blame")
        start = text.index(f" {name} ") + 1
        found.append(Example(text, focus=(start, start + len(name)), label=label, group=str(number)))
    return found


@pytest.fixture(scope="module", params=ARCHITECTURES)
def fitted(request: pytest.FixtureRequest, tiny_encoders: dict[str, Path]) -> TransformerClassifier:
    folder = tiny_encoders[request.param]
    return fine_tuning.fit(TaskExamples(sentences(160, 1), sentences(40, 2), LABELS), config(folder), seed=5)


def best(classifier: TransformerClassifier, examples: Sequence[Example]) -> list[str]:
    return [classifier.labels[index] for index in classifier.logits(examples).argmax(axis=1)]


def test_it_learns_the_word_that_tells_the_label(fitted: TransformerClassifier) -> None:
    test = sentences(40, 3)
    hits = sum(found == example.label for found, example in zip(best(fitted, test), test, strict=True))
    assert hits >= 36


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_first_layers_alone_can_be_kept_and_saved(
    tiny_encoders: dict[str, Path], architecture: str, tmp_path: Path
) -> None:
    folder, saved = tmp_path / "encoder", tmp_path / "saved"
    shutil.copytree(tiny_encoders[architecture], folder)
    deeper = AutoConfig.from_pretrained(folder, num_hidden_layers=3)
    AutoModel.from_config(deeper).save_pretrained(folder)
    train = sentences(16, 1)
    fitted = fine_tuning.fit(TaskExamples(train, train, LABELS), config(folder, layers=2, epochs=1), seed=5)
    saved.mkdir()
    fitted.save(saved)
    loaded = transformer.load(saved, LABELS)
    np.testing.assert_allclose(loaded.logits(train), fitted.logits(train), atol=0.02)
    assert AutoConfig.from_pretrained(saved).num_hidden_layers == 2
    with pytest.raises(ConfigError, match=r"layers is 9, and the encoder in .* has 3; lower it"):
        fine_tuning.fit(TaskExamples(train, train, LABELS), config(folder, layers=9), seed=5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_windows_longer_than_an_encoder_reads_are_refused_before_training(
    tiny_encoders: dict[str, Path], architecture: str
) -> None:
    with pytest.raises(ConfigError, match=r"max_tokens is 72, and the encoder in .* cannot read so many"):
        fine_tuning.fit(TaskExamples([], [], LABELS), config(tiny_encoders[architecture], max_tokens=72), seed=5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_encoder_without_a_tokenizer_is_refused(
    tiny_encoders: dict[str, Path], architecture: str, tmp_path: Path
) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_encoders[architecture] / name, tmp_path)
    with pytest.raises(ModelError, match="holds no tokenizer"):
        fine_tuning.fit(TaskExamples([], [], LABELS), config(tmp_path), seed=5)


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


def test_the_focus_decides_between_two_names(tiny_encoders: dict[str, Path]) -> None:
    fitted = fine_tuning.fit(TaskExamples(pairs(160, 1), pairs(40, 2), LABELS), config(tiny_encoders["bert"]), seed=5)
    test = pairs(40, 3)
    assert sum(found == example.label for found, example in zip(best(fitted, test), test, strict=True)) >= 38


def test_nothing_is_unread_but_what_lies_far_from_a_focus(fitted: TransformerClassifier) -> None:
    long = "the council met on monday " * 30
    assert fitted.unread([Example(long, pair="the mayor"), Example("a storm"), Example("")]) == 0
    assert 0.5 < fitted.unread([Example(f"mayor {long}", pair="the mayor", focus=(0, 5))]) < 1
