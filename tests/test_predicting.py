"""One task's folder alone: what it can answer, and what it says where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline import stance
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, TaskExamples
from pipeline.errors import ModelError
from pipeline.predicting import Predictor
from tests.trained import Trained

ONCE = {"text": "The mayor praised the council.", "target": "the council"}
TWICE = {"text": "The council met. The mayor praised the council.", "target": "the council"}


def test_a_stance_text_with_several_mentions_is_answered_by_the_aggregation(trained: Trained) -> None:
    predictor = Predictor(trained.models / "stance", "stance")
    (found,) = predictor.predict([predictor.examples(TWICE)])
    sentences = predictor.model.predict(predictor.examples(TWICE))
    assert found == stance.Aggregation.load(trained.models / "stance" / stance.ASSET).predict(sentences)


def test_a_folder_without_aggregation_answers_for_one_mention_and_says_so_for_more(tmp_path: Path) -> None:
    config = training.Config.model_validate({"engine": "linear", "linear": {"hash_bits": 8}})
    examples = [Example("*The council* won", pair="the council", focus=(1, 12), label="favor")] * 2
    examples += [Example("*The council* lost", pair="the council", focus=(1, 12), label="against")] * 2
    fitted = training.train(config, "linear", TaskExamples(examples, examples, stance.STANCE_LABELS))
    training.save(fitted, tmp_path / "stance", config, task="stance", data={})
    shutil.move(tmp_path / "stance", tmp_path / "moved")
    predictor = Predictor(tmp_path / "moved", "stance")
    assert len(predictor.predict([predictor.examples(ONCE)])) == 1
    with pytest.raises(ModelError, match=r"moved has no aggregation\.json"):
        predictor.predict([predictor.examples(TWICE)])


def test_a_text_without_letters_has_all_topics_alike_and_abstains(trained: Trained) -> None:
    predictor = Predictor(trained.models / "topic", "topic")
    emoji, worded = predictor.predict([predictor.examples({"text": text}) for text in ("🔥 " * 50, "🔥 Nato met.")])
    assert (emoji.abstained, set(emoji.scores.values())) == (True, {1 / 17})
    assert len(set(worded.scores.values())) == 17
