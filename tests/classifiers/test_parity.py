"""The parity gate takes the fastest runtime that answers as torch does, and looks only once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.classifiers import parity, runtime, store
from pipeline.classifiers.contract import Batch, Session
from pipeline.classifiers.parity import ParityExample, Verdict
from pipeline.classifiers.runtime import Runtime
from pipeline.errors import ModelError
from pipeline.records import read_jsonl
from tests import tiny_models
from tests.trained import Trained, manifest

NAMES = ("torch", "onnx", "openvino")


@pytest.fixture(scope="module")
def folder(tiny_encoders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with parity examples."""
    return tiny_models.save(tmp_path_factory.mktemp("parity") / "claims", tiny_encoders["bert"], focused=True)


@pytest.fixture
def other_folder(tiny_encoders: dict[str, Path], tmp_path: Path) -> Path:
    """A model folder without parity examples."""
    return tiny_models.save(tmp_path / "claims", tiny_encoders["bert"], seeds=False)


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    """Where verdicts lie; the runtimes that there are stand for all, whatever is installed here."""
    caplog.set_level(logging.INFO, logger="newsfacts")
    monkeypatch.setenv("NEWSFACTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "available", lambda: NAMES)
    return tmp_path / "cache" / "parity"


class Changed:
    """A session whose answers are changed, one of so many."""

    def __init__(self, session: Session, one_of: int) -> None:
        self.inputs = session.inputs
        self.finer = None
        self.margin = 0.0
        self._session = session
        self._one_of = one_of
        self._seen = 0

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        for output in self._session.run(batches):
            numbers = np.arange(self._seen, self._seen + len(output))
            self._seen += len(output)
            changed = (numbers % self._one_of == 0).reshape(-1, *[1] * (output.ndim - 1))
            yield np.where(changed, -output, output)


Answers = Callable[[str, Session], Session]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, int]]:
    """What is opened, torch standing in for all runtimes; and for a runtime, of how many answers one is changed."""
    names: list[str] = []
    wrong: dict[str, int] = {}
    real = Runtime.session

    def session(self: Runtime, network: object) -> Session:
        names.append(self.name)
        found = real(replace(self, name="torch"), network)  # type: ignore[arg-type]
        return Changed(found, wrong[self.name]) if self.name in wrong else found

    monkeypatch.setattr(Runtime, "session", session)
    return names, wrong


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """How long a pass takes by each runtime."""
    given = dict.fromkeys(NAMES, 1.0)
    real = parity._measured

    def measured(folder: Path, name: str, *others: object) -> Verdict:
        monkeypatch.setattr(parity, "_passes", lambda model, examples: [given[name]] * 3)
        return real(folder, name, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(parity, "_measured", measured)
    return given


Opened = tuple[list[str], dict[str, int]]


def test_the_fastest_of_those_that_agree_is_taken(folder: Path, opened: Opened, seconds: dict[str, float]) -> None:
    seconds |= {"torch": 3.0, "onnx": 2.0, "openvino": 1.0}
    assert parity.fastest([folder]) == "openvino"


def test_one_that_disagrees_is_refused_however_fast_and_told_why(
    folder: Path, opened: Opened, seconds: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    opened[1]["openvino"] = 3
    seconds |= {"torch": 3.0, "onnx": 2.0, "openvino": 0.1}
    assert parity.fastest([folder]) == "onnx"
    [told] = [line for line in caplog.messages if line.startswith("runtime openvino for claims: ")]
    assert "agreement below 0.995" in told
    assert "macro-F1 lower by 0." in told
    [found] = [one for one in parity.kept(folder) if one.runtime == "openvino"]
    assert found.agreement < 0.8
    assert found.fault is not None
    assert "runtime onnx for claims: agreement 1.0000, 60 examples/s, passed" in [
        line.replace("30 examples/s", "60 examples/s") for line in caplog.messages
    ]


def test_a_runtime_that_cannot_run_the_model_is_refused(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.load

    def load(
        folder: Path, task: str | None = None, *, runtime: str = "torch", threads: int | None = None
    ) -> store.Model:
        if runtime == "onnx":
            raise ModelError("the encoder cannot be exported")
        return real(folder, task, runtime=runtime, threads=threads)

    monkeypatch.setattr(store, "load", load)
    assert parity.fastest([folder]) in ("torch", "openvino")
    assert [one.fault for one in parity.kept(folder)] == [None, "the encoder cannot be exported", None]


def test_the_verdict_is_kept_and_no_runtime_opened_again(
    folder: Path, opened: Opened, seconds: dict[str, float]
) -> None:
    seconds["onnx"] = 0.5
    assert parity.fastest([folder]) == "onnx"
    before = list(opened[0])
    assert sorted(set(before)) == sorted(NAMES)
    assert parity.fastest([folder]) == "onnx"
    assert opened[0] == before


def test_another_number_of_threads_version_or_processor_is_measured_anew(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    parity.fastest([folder], threads=1)
    for change in (
        lambda: None,
        lambda: monkeypatch.setattr(runtime, "versions", lambda name: {"torch": "99"}),
        lambda: monkeypatch.setattr(parity.processor, "digest", lambda: "another"),
    ):
        change()
        before = len(opened[0])
        parity.fastest([folder], threads=2)
        assert len(opened[0]) > before


def test_a_damaged_verdict_is_measured_again(
    folder: Path, opened: Opened, cached: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parity.fastest([folder])
    [place] = cached.glob("claims-onnx-*.json")
    place.write_text(place.read_text(encoding="utf-8")[:40], encoding="utf-8")
    assert [one.runtime for one in parity.kept(folder)] == ["torch", "openvino"]
    parity.fastest([folder])
    assert "is damaged; it is measured again" in caplog.text
    assert len(list(cached.iterdir())) == len(NAMES)
    assert json.loads(place.read_bytes())["agreement"] == 1


def test_the_least_time_over_all_models_counts_and_all_must_agree(
    folder: Path, opened: Opened, seconds: dict[str, float], tiny_encoders: dict[str, Path], tmp_path: Path
) -> None:
    other = tiny_models.save(tmp_path / "topic", tiny_encoders["distilbert"])
    real = parity._measured
    times = {(folder, "torch"): 2, (other, "torch"): 2, (folder, "onnx"): 1, (other, "onnx"): 4, (other, "openvino"): 1}

    def measured(given: Path, name: str, *others: object) -> Verdict:
        seconds[name] = times.get((given, name), 1)
        opened[1].pop("openvino", None)
        if (given, name) == (other, "openvino"):
            opened[1]["openvino"] = 2
        return real(given, name, *others)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "_measured", measured)
        assert parity.fastest([folder, other]) == "torch"
        assert parity.fastest([folder]) in ("onnx", "openvino")


def test_without_parity_examples_it_is_torch_and_told(
    folder: Path, other_folder: Path, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    assert parity.fastest([folder, other_folder]) == "torch"
    assert f"runtime torch: {other_folder} has no parity examples" in caplog.text
    assert opened[0] == []


def test_without_a_place_for_verdicts_it_is_torch_and_told(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NEWSFACTS_CACHE", str(tmp_path / "file"))
    assert parity.fastest([folder]) == "torch"
    assert "runtime torch: cannot write a verdict" in caplog.text
    assert "NEWSFACTS_CACHE" in caplog.text


def test_the_gate_looks_at_a_bounded_number_of_examples(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "MAX_EXAMPLES", 7)
    parity.fastest([folder])
    assert {one.examples for one in parity.kept(folder)} == {7}
    monkeypatch.setattr(parity, "MAX_CHARACTERS", 10)
    parity.fastest([folder])
    assert {one.examples for one in parity.kept(folder)} == {1}


def test_altered_parity_examples_are_refused(folder: Path, opened: Opened, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "altered")
    with (tmp_path / "altered" / parity.FILE).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(ModelError, match=r"parity\.jsonl was altered"):
        parity.fastest([tmp_path / "altered"])


def test_what_is_written_comes_back(folder: Path) -> None:
    dev = tiny_models.sentences(60, 2, focused=True)
    found = list(read_jsonl(folder / parity.FILE, ParityExample))
    assert [(one.text, one.pair, one.focus, one.label) for one in found] == [
        (one.text, one.pair, one.focus, one.label) for one in dev
    ]


def test_real_runtimes_pass_on_a_model_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for verdict in parity.verdicts(folder):
        assert verdict.examples == 60
        assert verdict.seconds > 0
        if verdict.runtime in ("onnx", "openvino", "torch"):
            assert verdict.agreement == 1
            assert verdict.fault is None


def test_trained_models_with_an_encoder_keep_the_seeds_dev_examples_and_no_text_of_other_data(
    trained: Trained,
) -> None:
    own = manifest(trained.models / "claims")
    assert parity.FILE in own["files"]
    found = list(read_jsonl(trained.models / "claims" / parity.FILE, ParityExample))
    texts = {sentence for article in _dev(trained) for sentence in article}
    assert found
    assert {one.text for one in found} <= texts
    assert not (trained.models / "topic" / parity.FILE).exists(), "a linear model runs nothing"


def _dev(trained: Trained) -> Iterator[list[str]]:
    from pipeline.corpus import read_labelled, read_split

    for article in read_labelled(trained.data / "strip_boilerplate", read_split(trained.data / "split"), "dev"):
        yield [sentence.text for sentence in article.sentences]
