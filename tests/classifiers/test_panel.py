"""Models asked together answer as they do alone, and a text passes through an encoder of theirs once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.classifiers import fine_tuning, linear, runtime, store, transformer
from pipeline.classifiers.contract import Batch, Classifier, Example, Prediction, Session, TaskExamples
from pipeline.classifiers.panel import Panel
from pipeline.classifiers.runtime import Runtime
from pipeline.classifiers.store import Model
from pipeline.classifiers.transformer import Config
from tests import tiny_models
from tests.encoders import settings as encoder_settings
from tests.tiny_models import LABELS

INSTALLED = [name for name in ("torch", "onnx", "openvino") if not runtime.missing(name)]


@pytest.fixture(scope="module")
def folder(tiny_encoders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stance and claims on one encoder, other claims on another, and topics without."""
    place = tmp_path_factory.mktemp("panel")
    tuned = {"max_tokens": 24, "epochs": 2, "learning_rate": 0.003, "batch_size": 16, "precision": "fp32"}
    config = Config.model_validate({"encoder": encoder_settings(tiny_encoders["bert"]), **tuned})
    stances, claims = tiny_models.sentences(120, 1, focused=True), tiny_models.sentences(120, 2)
    tasks = {"stance": TaskExamples(stances, stances[:30], LABELS), "claims": TaskExamples(claims, claims[:30], LABELS)}
    for task, found in fine_tuning.fit_together(tasks, config, seed=5).items():
        save(place / task, found, task)
    save(place / "others", fine_tuning.fit(TaskExamples(claims, claims[:30], LABELS), config, seed=6), "claims")
    save(place / "topic", linear.fit(claims, LABELS, linear.Config(), seed=5), "topic")
    return place


def save(place: Path, classifier: Classifier, task: str) -> None:
    engine: store.Engine = "linear" if task == "topic" else "transformer"
    parts: dict[str, Any] = {"config": {}, "data": {}, "metrics": {}}
    store.save(place, classifier, task=task, engine=engine, temperature=1.5, min_score=0.4, **parts)


def load(folder: Path, name: str = "torch", *, claims: str = "claims") -> dict[str, Model]:
    places = {"topic": "topic", "stance": "stance", "claims": claims}
    return {task: store.load(folder / place, runtime=name, threads=1) for task, place in places.items()}


def examples(count: int = 40) -> dict[str, list[Example]]:
    """Mentions in every other sentence of those asked for claims, and some that are asked twice."""
    plain = tiny_models.sentences(count, 7)
    mentions = [Example(one.text, "the mayor", (0, len(one.text.split()[0]))) for one in plain[::2]]
    return {"topic": plain[:3], "stance": [*mentions, *mentions[:4]], "claims": [*plain, plain[0]]}


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("claims", ["claims", "others"])
def test_models_asked_together_answer_as_alone(folder: Path, name: str, claims: str) -> None:
    models = load(folder, name, claims=claims)
    panel = Panel(models, name, 1)
    answers = panel.answer(panel.read(examples()))
    for task, own in examples().items():
        alone = models[task].predict(own)
        assert [one.label for one in answers[task]] == [one.label for one in alone]
        for one, other in zip(answers[task], alone, strict=True):
            np.testing.assert_allclose(list(one.scores.values()), list(other.scores.values()), atol=1e-4)
            assert one.abstained == other.abstained


Passes = Callable[[], int]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    """How many rows have gone through encoders since the last look."""
    rows: list[int] = []
    real = Runtime.session

    def session(self: Runtime, network: Any) -> Session:
        found: Any = real(self, network)
        run = found.run
        found.run = lambda batches: run(rows.append(len(batch["input_ids"])) or batch for batch in batches)
        return found  # type: ignore[no-any-return]

    monkeypatch.setattr(Runtime, "session", session)

    def counted() -> int:
        found = sum(rows)
        rows.clear()
        return found

    return counted


def test_a_sentence_passes_once_through_the_encoder_of_all_that_ask_about_it(folder: Path, passes: Passes) -> None:
    together, apart = (Panel(load(folder, claims=claims), "torch", 1) for claims in ("claims", "others"))
    short = {task: [one for one in own if len(one.text.split()) < 15] for task, own in examples(60).items()}
    sentences = {one.text for one in short["claims"]}
    mentioned = {one.text for one in short["stance"]}
    assert mentioned <= sentences
    together.answer(together.read(short))
    assert passes() == len(sentences)
    apart.answer(apart.read(short))
    assert passes() == len(sentences) + len(mentioned)


def test_what_is_left_after_reading_is_the_encoders_work_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, passes: Passes
) -> None:
    """One thread reads while another has the encoders answer: what Python does should be done by then."""
    panel = Panel(load(folder), "torch", 1)
    asked = panel.read(examples())
    assert passes() == 0
    monkeypatch.setattr(linear.LinearClassifier, "logits", None)
    monkeypatch.setattr("pipeline.classifiers.panel.windows", None)
    assert {task: len(own) for task, own in panel.answer(asked).items()} == {"topic": 3, "stance": 24, "claims": 41}


def test_nothing_asked_is_nothing_answered(folder: Path) -> None:
    panel = Panel(load(folder), "torch", 1)
    assert panel.answer(panel.read({"topic": [], "stance": [], "claims": []})) == {
        "topic": [],
        "stance": [],
        "claims": [],
    }


class Coarse:
    """A session that rounds what another one answers; it counts what it is asked."""

    def __init__(self, session: Session, step: float, finer: Session | None = None) -> None:
        self.inputs = session.inputs
        self.finer = finer
        self.margin = step
        self.rows = 0
        self._session = session
        self._step = step

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        for output in self._session.run(batches):
            self.rows += len(output)
            yield (output / self._step).round() * self._step if self._step else output


@functools.cache
def claims_model(folder: Path) -> Any:
    return store.load(folder / "claims", runtime="torch", threads=1).classifier


@settings(max_examples=20, deadline=None)
@given(step=st.floats(0.01, 0.3), between=st.floats(0.01, 1))
def test_what_coarse_sessions_leave_open_finer_ones_decide(folder: Path, step: float, between: float) -> None:
    """Rounding to a step moves a difference by a step at most, so labels are those of the finest session."""
    own = claims_model(folder)
    asked = tiny_models.sentences(80, 9)
    finest = Coarse(own.session, 0)
    finer = Coarse(own.session, step * between, finest)
    coarse = Coarse(own.session, step, finer)
    rounded = transformer.TransformerClassifier(LABELS, lambda: coarse, own.tokenizer, 24, own.network)
    assert rounded.logits(asked).argmax(axis=1).tolist() == own.logits(asked).argmax(axis=1).tolist()
    assert finest.rows <= finer.rows < coarse.rows


def test_of_a_task_with_a_rule_what_the_rule_names_is_asked_again_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, asked = load(folder), examples()
    exact = Panel(models, "torch", 1)
    expected = exact.answer(exact.read(asked))
    usual = Runtime.session
    monkeypatch.setattr(Runtime, "session", lambda *given: Coarse(usual(*given), 4, Coarse(usual(*given), 0)))
    panel = Panel(load(folder), "torch", 1)
    margins: list[float] = []

    def rule(predictions: Sequence[Prediction], margin: float) -> list[bool]:
        margins.append(margin)
        return [number in (3, 21) for number in range(len(predictions))]  # the last four are the first four once more

    found = panel.answer(panel.read(asked), {"stance": rule, "claims": lambda own, _: [False] * len(own)})
    same = [one.scores == other.scores for one, other in zip(found["stance"], expected["stance"], strict=True)]
    assert [number for number, is_same in enumerate(same) if is_same] == [1, 3, 21, 23]
    assert not any(one.scores == other.scores for one, other in zip(found["claims"], expected["claims"], strict=True))
    assert margins == [pytest.approx(4 / 1.5)]  # in calibrated log-odds: the temperature is 1.5
