"""What each task is trained on: its own examples and, where a teacher can be asked, more without a label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline import stance, task_examples
from pipeline.classifiers.contract import Example
from pipeline.corpus import LabelledArticle, LabelledSentence
from tests.labelled import collect, source, write
from tests.test_cross_validation import article


def told(*sentences: str) -> LabelledArticle:
    own = tuple(LabelledSentence(text, 0, len(text), True, "none", ()) for text in sentences)
    return replace(article(1, "A"), sentences=own)


def names(examples: list[Example]) -> list[str]:
    return [one.text[slice(*one.focus)] for one in examples if one.focus]


def test_a_teacher_of_stance_is_asked_about_names_in_the_sentences_of_training_and_in_no_others() -> None:
    train, dev = [told("we met Ann Cole.", "it rains.")], [told("we met Sam Reed.")]
    found = task_examples.for_training("stance", train, dev, topics={})
    assert names(list(found.unlabelled)) == ["Ann Cole"]
    assert all(one.label is None for one in found.unlabelled)
    assert not task_examples.for_training("claims", train, dev, topics={}).unlabelled


def test_a_name_that_has_a_label_is_not_asked_about_again() -> None:
    text = "the port hired Ann Cole and Sam Reed."
    labelled = stance.example(text, text.index("Ann"), text.index(" and"), "Ann Cole", label="neutral")
    assert names(stance.other_names([labelled])) == ["Sam Reed"]
    assert names(stance.other_names([labelled, replace(labelled, focus=(28, 36))])) == []


def test_sentences_of_claims_that_stance_is_scored_on_are_not_read_by_its_teacher(tmp_path: Path) -> None:
    def stances(name: str, split: str, target: str) -> dict[str, object]:
        path = write(tmp_path / f"{name}.jsonl", [{"text": f"we met {target}.", "target": target, "label": "favor"}])
        return source(path, "stance", ["favor"], split=split)

    texts = ["we met Ann Cole.", "we  met Sam Reed.", "WE met Sam Reed.", "we met Max Bell."]
    claimed = [{"text": text, "label": "none"} for text in texts]
    collect(
        tmp_path / "datasets",
        stances("dev", "dev", "Ann Cole"),
        stances("test", "test", "Sam Reed"),
        source(write(tmp_path / "claims.jsonl", claimed), "claims", ["none"]),
    )
    found = task_examples.for_training("stance", [], [], topics={}, added=tmp_path / "datasets")
    assert names(list(found.unlabelled)) == ["Max Bell"]
