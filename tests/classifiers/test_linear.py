"""The linear engine keeps the classifier contract: learns, repeats itself, and loads only what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.classifiers import linear
from pipeline.classifiers.contract import Example, gold_indices
from pipeline.classifiers.linear import Config, LinearClassifier
from pipeline.errors import ModelError

SMALL = Config(hash_bits=8, char_ngrams=(2, 3))


def label(classifier: LinearClassifier, example: Example) -> str:
    return classifier.labels[int(classifier.logits([example])[0].argmax())]


def test_what_it_learned_it_repeats(classifier: LinearClassifier, examples: list[Example]) -> None:
    assert classifier.logits(examples).argmax(axis=1).tolist() == gold_indices(examples, classifier.labels).tolist()


def test_it_generalises_to_a_new_sentence_of_known_words(classifier: LinearClassifier) -> None:
    assert label(classifier, Example("The keeper and the striker won the cup match.")) == "sport"
    assert label(classifier, Example("Strong wind, frost and rain tonight.")) == "weather"


def test_logits_are_log_probabilities_and_a_label_never_seen_gets_almost_none(
    classifier: LinearClassifier, examples: list[Example]
) -> None:
    logits = classifier.logits([*examples, Example(""), Example("слово " * 500)])
    assert logits.shape == (len(examples) + 2, 4)
    assert logits.dtype == np.float32
    assert np.exp(logits).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (logits[:, classifier.labels.index("politics")] == -30).all()


def test_no_examples_give_no_rows(classifier: LinearClassifier) -> None:
    assert classifier.logits([]).shape == (0, 4)


def test_the_order_of_the_labels_is_the_callers(examples: list[Example]) -> None:
    labels = ("weather", "sport", "health")
    turned = linear.fit(examples, labels, SMALL, seed=13)
    assert turned.labels == labels
    assert turned.logits(examples).argmax(axis=1).tolist() == gold_indices(examples, labels).tolist()


def test_two_labels_work_like_three(examples: list[Example]) -> None:
    two = [example for example in examples if example.label != "health"]
    classifier = linear.fit(two, ("weather", "sport"), SMALL, seed=13)
    assert [label(classifier, example) for example in two] == [example.label for example in two]


def test_the_end_of_a_long_text_still_counts(classifier: LinearClassifier) -> None:
    filler = "und so weiter " * 3000
    plain, ending = classifier.logits([Example(filler), Example(f"{filler} striker keeper penalty match cup")])
    assert ending[0] > plain[0]


def test_features_tell_apart_what_text_does_not() -> None:
    train = [Example("same", features={"first": float(even)}, label="ab"[even]) for even in (0, 1) for _ in range(5)]
    classifier = linear.fit(train, ("a", "b"), SMALL, seed=13)
    assert label(classifier, Example("same", features={"first": 0.0})) == "a"
    assert label(classifier, Example("same", features={"first": 1.0, "unknown": 1.0})) == "b"


def test_the_pair_tells_apart_what_text_does_not() -> None:
    stances = (("Aaa", "favor"), ("Bbb", "against"))
    train = [Example("They praised A and blamed B.", pair=pair, label=stance) for pair, stance in stances]
    classifier = linear.fit(train * 3, ("favor", "against"), SMALL, seed=13)
    assert [label(classifier, example) for example in train] == ["favor", "against"]


def test_training_twice_gives_the_same_model(classifier: LinearClassifier, examples: list[Example]) -> None:
    again = linear.fit(examples, classifier.labels, SMALL, seed=13)
    assert (again.logits(examples) == classifier.logits(examples)).all()


def test_a_saved_classifier_loads_with_the_same_logits(
    tmp_path: Path, classifier: LinearClassifier, examples: list[Example]
) -> None:
    classifier.save(tmp_path)
    loaded = linear.load(tmp_path, classifier.labels)
    assert (loaded.logits(examples) == classifier.logits(examples)).all()


def test_saving_a_classifier_twice_gives_the_same_bytes(tmp_path: Path, classifier: LinearClassifier) -> None:
    contents = []
    for place in (tmp_path / "one", tmp_path / "two"):
        place.mkdir()
        classifier.save(place)
        contents.append({path.name: path.read_bytes() for path in place.iterdir()})
    assert contents[0] == contents[1]


def test_a_saved_classifier_with_features_loads(tmp_path: Path) -> None:
    train = [Example("x", features={"first": float(even)}, label="ab"[even]) for even in (0, 1)]
    linear.fit(train, ("a", "b"), SMALL, seed=13).save(tmp_path)
    assert label(linear.load(tmp_path, ("a", "b")), train[1]) == "b"


def test_a_folder_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "linear.skops").write_bytes(b"")
    with pytest.raises(ModelError, match=r"has no linear\.safetensors, so another version wrote it; train again"):
        linear.load(tmp_path, ("a", "b"))


@pytest.mark.parametrize(
    "settings",
    [
        "[]",
        '{"fitted": ["a"], "parts": [], "features": ["first"]}',
        '{"fitted": ["sport", "weather"], "parts": [], "features": []}',
        '{"fitted": ["sport", "weather", "unheard of"], "parts": [], "features": []}',
    ],
)
def test_settings_that_do_not_belong_to_the_weights_are_refused(
    tmp_path: Path, classifier: LinearClassifier, settings: str
) -> None:
    classifier.save(tmp_path)
    (tmp_path / linear.SETTINGS).write_text(settings, encoding="utf-8")
    with pytest.raises(ModelError, match="do not belong together"):
        linear.load(tmp_path, classifier.labels)


def test_a_text_has_the_same_answer_whatever_is_asked_beside_it(
    classifier: LinearClassifier, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = classifier.logits(examples)
    for characters in (0, 60, 100):
        monkeypatch.setattr(linear, "_PORTION", characters)
        assert np.array_equal(classifier.logits(examples), at_once)
    assert classifier.logits([]).shape == (0, 4)


def test_features_have_the_same_answer_whatever_is_asked_beside_them() -> None:
    train = [
        Example("same", features={"a": number / 7, "b": number % 3}, label="ab"[number % 2]) for number in range(9)
    ]
    classifier = linear.fit(train, ("a", "b"), SMALL, seed=13)
    alone = np.concatenate([classifier.logits([example]) for example in train])
    assert np.array_equal(classifier.logits(train), alone)
