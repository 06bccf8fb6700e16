"""A model card tells of its own model: what it is and how it did, in a form that machines read as well."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from pipeline.classifiers import store
from pipeline.classifiers.store import Manifest
from pipeline.evaluation import Evaluation, Scores, StripEvaluation, TaskEvaluation
from pipeline.metrics import Interval, classification
from pipeline.records import read_jsonl
from pipeline.report.card import TASKS, model_card
from tests.calls import newsfacts
from tests.trained import Trained, digests

DIGEST = "5ea1" * 16
LABELS = ("favor", "against", "neutral")
ENCODER = {"name": "sentence-transformers/all-MiniLM-L6-v2", "revision": "1110a243", "sha256": "c0de" * 16}
MANIFEST = Manifest(
    task="stance",
    engine="transformer",
    labels=LABELS,
    temperature=2.2809,
    min_score=0.5123,
    config={
        "engine": "transformer",
        "compared": ["linear"],
        "seed": 13,
        "linear": {"hash_bits": 15},
        "transformer": {"encoder": ENCODER, "epochs": 3},
    },
    data={"split": "adc3" * 16},
    metrics={"dev_macro_f1": 0.6477},
    versions={"torch": "2.13.0"},
    files={},
)


def task(name: str, right: int) -> TaskEvaluation:
    gold = [LABELS[number % 2] for number in range(40)]
    guess = [*gold[:right], *[LABELS[(number + 1) % 2] for number in range(right, 40)]]
    found = classification(gold, guess, LABELS, groups=[str(number) for number in range(40)], resamples=20)
    model = Scores("transformer", found, 0.0451, Interval(0.01, 0.08), 0.75, 0.875, 0.2222)
    return TaskEvaluation(name, "sentences", model, (Scores("linear", found), Scores("majority", found)), {})


EVALUATION = Evaluation(
    {"train": 323, "dev": 68, "test": 51},
    StripEvaluation(648, 0.997, 0.912, 0.953, Interval(0.93, 0.97), 0.0006, 0),
    (task("topic", 39), task("stance", 30), task("article stance", 20), task("stance of newsmtsc-rw", 36)),
)


def results(card: str) -> dict[str, dict[str, Any]]:
    """Return the evaluation results of a card's header, by task and kind of score."""
    found: dict[str, dict[str, Any]] = {}
    for one in ModelCard(card).data.eval_results:
        found.setdefault(one.task_name, {})[one.metric_type] = one.metric_value
    return found


def test_the_header_has_the_scores_of_the_models_own_task_alone() -> None:
    found = results(model_card(MANIFEST, DIGEST, EVALUATION))
    assert set(found) == {"stance", "article stance", "stance of newsmtsc-rw"}
    assert found["stance"] == {"f1": 0.75, "accuracy": 0.75, "expected_calibration_error": 0.0451}
    assert found["stance of newsmtsc-rw"]["accuracy"] == 0.9


def test_the_header_says_what_the_model_started_from() -> None:
    data = ModelCard(model_card(MANIFEST, DIGEST, EVALUATION)).data
    assert (data.base_model, data.license, data.pipeline_tag) == (ENCODER["name"], "apache-2.0", "text-classification")
    assert data.model_name == "newsfacts-stance"
    linear = model_card(replace(MANIFEST, engine="linear"), DIGEST, EVALUATION)
    assert ModelCard(linear).data.base_model is None
    assert "MiniLM" not in linear


def test_a_local_encoders_place_stays_private() -> None:
    private = {"encoder": {**ENCODER, "name": "/home/someone/encoder"}, "epochs": 3}
    card = model_card(replace(MANIFEST, config=dict(MANIFEST.config, transformer=private)), DIGEST, EVALUATION)
    assert "someone" not in card
    assert "| Base encoder | a local folder (licence: see its own card) |" in card


def test_the_card_names_a_teacher_and_its_settings_but_not_its_place() -> None:
    teacher = {"encoder": {**ENCODER, "name": "/home/someone/large"}, "epochs": 7, "weight": 0.8}
    taught = dict(MANIFEST.config, transformer={"encoder": ENCODER, "epochs": 3, "teacher": teacher})
    card = model_card(replace(MANIFEST, config=taught), DIGEST, EVALUATION)
    assert "| Teacher | a local folder (licence: see its own card) |" in card
    assert "    epochs: 7" in card
    assert "someone" not in card
    assert "Teacher" not in model_card(MANIFEST, DIGEST, EVALUATION)


def test_the_card_tells_what_the_manifest_holds() -> None:
    card = model_card(MANIFEST, DIGEST, EVALUATION)
    for told in (
        "| Labels | `favor`, `against`, `neutral` |",
        "| Base encoder | sentence-transformers/all-MiniLM-L6-v2 (licence: Apache-2.0) |",
        "| Abstains below | 0.5123 |",
        f"| `manifest.json` | sha256 `{DIGEST}` |",
        f"| split | `{'adc3' * 16}` |",
        "  epochs: 3",
        "Made with torch 2.13.0.",
    ):
        assert told in card
    assert "hash_bits" not in card


def test_scores_stand_beside_their_rivals_with_intervals() -> None:
    card = model_card(MANIFEST, DIGEST, EVALUATION)
    scores = EVALUATION.tasks[1].model.classification
    assert scores.macro_f1_interval is not None
    shown = f"0.750 ({scores.macro_f1_interval.low:.3f}–{scores.macro_f1_interval.high:.3f})"
    [row] = [line for line in card.splitlines() if line.startswith("| stance, sentences |")]
    assert row.split(" | ")[1:3] == ["40", shown]
    assert row.endswith(f"| linear {shown}; majority {shown} |")
    assert "| stance | 0.222 | 0.045 (0.010–0.080) | 0.750 | 0.875 |" in card
    assert "### Labels: article stance" in card
    said = card.partition("## Calibration")[2].partition("\n## ")[0]
    assert "its scores are not calibrated, and its threshold is another, `min_score` in `aggregation.json`" in said
    assert "| neutral |" not in card  # of which there is no case


def test_boilerplate_tells_of_removal_too() -> None:
    card = model_card(replace(MANIFEST, task="boilerplate", engine="linear", min_score=0.0), DIGEST, EVALUATION)
    assert "on 648 lines: precision 0.997, recall 0.912, F1 0.953 (0.930–0.970); 0.06 % of" in card
    assert "It never abstains." in card
    assert "| Abstains below | never |" in card
    assert "Removal" not in model_card(MANIFEST, DIGEST, EVALUATION)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_is_not_for(name: str) -> None:
    card = " ".join(model_card(replace(MANIFEST, task=name), DIGEST, EVALUATION).split())
    assert "not meant for decisions about people" in card
    assert "`seeds/README.md`" in card
    assert f"models:/newsfacts-{name}@champion" in card
    assert ("sentiment" in card) == (name == "stance")


def test_the_report_writes_a_card_that_may_lie_in_its_model_folder(trained: Trained, tmp_path: Path) -> None:
    data = ("--evaluated", trained.data / "evaluate", "--annotated", trained.data / "annotate")
    call = ("report", *data, "--output", tmp_path / "report.md", "--models", trained.models, "--cards")
    outcome = newsfacts(*call, tmp_path / "cards")
    assert outcome.code == 0
    assert newsfacts(*call, tmp_path / "again").code == 0
    assert digests(tmp_path / "cards") == digests(tmp_path / "again")
    evaluation = next(read_jsonl(trained.data / "evaluate" / "evaluation.json", Evaluation))
    for name in TASKS:
        card = (tmp_path / "cards" / f"{name}.md").read_text(encoding="utf-8")
        own = next(one for one in evaluation.tasks if one.task == name)
        assert results(card)[name]["f1"] == pytest.approx(own.model.classification.macro_f1, abs=1e-4)
    shutil.copytree(trained.models / "topic", tmp_path / "topic")
    shutil.copy(tmp_path / "cards" / "topic.md", tmp_path / "topic" / "README.md")
    assert store.verify(tmp_path / "topic")[1] in (tmp_path / "topic" / "README.md").read_text(encoding="utf-8")


def test_a_card_needs_models_and_a_place(trained: Trained, tmp_path: Path) -> None:
    data = ("--evaluated", trained.data / "evaluate", "--annotated", trained.data / "annotate")
    call = ("report", *data, "--output", tmp_path / "report.md", "--cards", tmp_path / "cards", "--models")
    outcome = newsfacts(*call, tmp_path / "nowhere")
    assert outcome.code == 3
    assert f"no model in {tmp_path / 'nowhere'}" in outcome.err
    assert not (tmp_path / "cards").exists()
    (tmp_path / "cards").write_text("taken", encoding="utf-8")
    outcome = newsfacts(*call, trained.models)
    assert outcome.code == 3
    assert f"cannot write model cards to {tmp_path / 'cards'}" in outcome.err
