"""Whatever runs an encoder, it answers as torch does, and a batch's answer depends on that batch alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.classifiers import processor, runtime, store
from pipeline.classifiers.contract import Batch, Example, Session
from pipeline.classifiers.tokens import TextTokenizer
from pipeline.classifiers.windows import BATCH, batches, pad, windows
from pipeline.errors import ConfigError, ModelError
from tests import tiny_models
from tests.encoders import MAKERS, WORDS

INSTALLED = runtime.available()
EXACT = [name for name in INSTALLED if "-" not in name]
KINDS = [*((name, True) for name in sorted(MAKERS)), ("bert", False)]
texts = st.lists(st.lists(st.sampled_from(WORDS.split()), max_size=40).map(" ".join), min_size=1, max_size=BATCH + 8)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{'focused' if kind[1] else 'plain'}")
def folder(
    request: pytest.FixtureRequest, tiny_encoders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a model of each network, and of each architecture."""
    encoder, focused = request.param
    return tiny_models.save(tmp_path_factory.mktemp("model") / "claims", tiny_encoders[encoder], focused=focused)


@pytest.mark.parametrize("name", INSTALLED)
def test_the_labels_are_those_of_torch(folder: Path, name: str) -> None:
    reference, model = store.load(folder), store.load(folder, runtime=name, threads=2)
    asked = [example for example in tiny_models.sentences(90, 3, focused=True) if _is_sure(reference, example)]
    assert len(asked) > 60
    assert [one.label for one in model.predict(asked)] == [one.label for one in reference.predict(asked)]


def _is_sure(model: store.Model, example: Example) -> bool:
    """Tell whether a label is so probable that rounding cannot change it."""
    best = sorted(model.predict([example])[0].scores.values())
    return best[-1] - best[-2] > 0.05


@pytest.mark.parametrize("name", EXACT)
@given(given=texts)
@settings(max_examples=15)
def test_in_fp32_an_example_has_in_company_the_logits_that_it_has_alone_by_torch(
    folder: Path, name: str, given: list[str]
) -> None:
    examples = [Example(text, pair="the mayor", focus=(0, 1) if text else None) for text in given]
    reference, model = _loaded(folder, "torch"), _loaded(folder, name)
    together = model.classifier.logits(examples)
    alone = np.concatenate([reference.classifier.logits([example]) for example in examples])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def _loaded(folder: Path, name: str, known: dict[tuple[Path, str], store.Model] = {}) -> store.Model:  # noqa: B006
    if (folder, name) not in known:
        known[folder, name] = store.load(folder, runtime=name, threads=2)
    return known[folder, name]


def _session(model: store.Model) -> Session:
    classifier: Any = model.classifier
    session: Session = classifier.session
    return session


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_rest_of_the_process_keeps_its_number_of_threads(folder: Path, threads: int) -> None:
    """With another one, whatever is trained afterwards rounds otherwise."""
    before = torch.get_num_threads()
    store.load(folder, runtime="torch", threads=threads).predict([Example("the council met", "the mayor")])
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("name", INSTALLED)
def test_the_same_batches_have_the_same_answers_in_their_order(folder: Path, name: str) -> None:
    """However many are in flight at once: nothing depends on what else runs."""
    session = _session(store.load(folder, runtime=name, threads=3))
    found = windows(tiny_models.sentences(150, 4, focused=True), TextTokenizer.load(folder), 24)
    padded = [pad(own, session.inputs) for own in batches(found)]
    expected = [next(session.run([batch])) for batch in padded]
    assert len({len(answer) for answer in expected}) > 1
    for _ in range(3):
        for answer, other in zip(session.run(padded), expected, strict=True):
            np.testing.assert_array_equal(answer, other)


@pytest.mark.parametrize("name", INSTALLED)
def test_whoever_stops_half_way_may_ask_again(folder: Path, name: str) -> None:
    session = _session(store.load(folder, runtime=name, threads=2))
    found = windows(tiny_models.sentences(200, 4, focused=True), TextTokenizer.load(folder), 24)
    padded = [pad(own, session.inputs) for own in batches(found)]
    expected = list(session.run(padded))
    stopped = session.run(padded)
    next(stopped)
    del stopped

    def broken() -> Iterator[Batch]:
        yield from padded[:3]
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        list(session.run(broken()))
    for answer, other in zip(session.run(padded), expected, strict=True):
        np.testing.assert_array_equal(answer, other)


@pytest.mark.parametrize("name", [name for name in EXACT if name != "torch"])
def test_an_error_of_a_runtime_at_its_work_is_told_with_what_to_do(folder: Path, name: str) -> None:
    session = _session(store.load(folder, runtime=name, threads=1))
    batch = pad(batches(windows([Example("the council met")], TextTokenizer.load(folder), 24))[0], session.inputs)
    wrong = {**batch, "attention_mask": batch["attention_mask"][:, :-1]}  # a shape that no layer can add up
    with pytest.raises(ModelError, match=r"(ONNX Runtime|OpenVINO) failed while it ran .*; free .* another runtime"):
        list(session.run([batch, wrong, batch]))
    assert len(list(session.run([batch]))) == 1


@pytest.mark.parametrize("name", [name for name in EXACT if name != "torch"])
def test_from_a_graph_that_is_there_it_runs_without_torch(
    tiny_encoders: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """A worker without torch starts sooner and takes hundreds of megabytes less."""
    folder = tiny_models.save(tmp_path / "claims", tiny_encoders["bert"])
    expected = store.load(folder, runtime=name, threads=1).predict([Example("the council met")])
    code = f"""
import sys
from pathlib import Path
from typing import Any
import pipeline.annotator, pipeline.batch, pipeline.local_engine
import pipeline.classifiers.embedding, pipeline.classifiers.ensemble
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example
model = store.load(Path({str(folder)!r}), runtime={name!r}, threads=1)
heavy = {{"torch", "transformers", "sklearn", "skops"}}
print(model.predict([Example("the council met")])[0].label, *sorted(heavy & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [expected[0].label]


@pytest.mark.parametrize("bf16", [True, False])
def test_what_a_precision_leaves_open_the_next_higher_one_decides(
    tiny_encoders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16: bool
) -> None:
    for library in ("openvino", "onnxruntime"):
        pytest.importorskip(library)
    if bf16 and not processor.has_bf16():
        pytest.skip("this CPU has no bf16")
    monkeypatch.setattr(processor, "has_bf16", lambda: bf16)
    folder = tiny_models.save(tmp_path / "claims", tiny_encoders["bert"])
    in_fp32, in_bf16, in_8_bits = (runtime.MARGINS[precision] for precision in ("", "bf16", "int8"))
    assert in_8_bits > in_bf16 > in_fp32 == 0
    from_8_bits = [in_8_bits, in_bf16, in_fp32] if bf16 else [in_8_bits, in_fp32]
    expected = {"onnx-int8": [in_8_bits, in_fp32], "openvino": [in_fp32], "openvino-int8": from_8_bits}
    if bf16:
        expected["openvino-bf16"] = [in_bf16, in_fp32]
    found: dict[str, list[float]] = {}
    for name in expected:
        session: Session | None = _session(store.load(folder, runtime=name, threads=1))
        while session is not None:
            found.setdefault(name, []).append(session.margin)
            session = session.finer
    assert found == expected


def test_an_unknown_runtime_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"unknown runtime 'cuda'; known: auto, torch, torch-bf16, onnx, "):
        runtime.check("cuda")


@pytest.mark.parametrize(("name", "library"), [("onnx", "onnxruntime"), ("openvino", "openvino"), ("openvino", "onnx")])
def test_a_runtime_whose_extra_is_missing_names_it(monkeypatch: pytest.MonkeyPatch, name: str, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ConfigError, match=rf"'{name}' needs .*{library}.* not installed; pip install 'newsfacts\[{name}\]'"
    ):
        runtime.check(name)
    assert name not in runtime.available()
    assert runtime.REFERENCE in runtime.available()


def test_bf16_is_refused_where_the_processor_lacks_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name\t: Example\nflags\t\t: fpu avx2\n", encoding="utf-8")
    monkeypatch.setattr(processor, "_ABOUT", tmp_path / "cpuinfo")
    with pytest.raises(ConfigError, match=r"no bf16, which runtime 'torch-bf16' needs; choose one of torch"):
        runtime.check("torch-bf16")
    assert not [name for name in runtime.available() if name.endswith("-bf16")]


def test_processors_are_told_apart_by_model_and_instructions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "_ABOUT", tmp_path / "cpuinfo")
    found = []
    for name, flags, speed in (("A", "avx2", 1), ("A", "avx2", 2), ("B", "avx2", 1), ("A", "avx2 avx512_bf16", 1)):
        core = f"model name\t: {name}\nflags\t\t: {flags}\ncpu MHz\t\t: {speed}\n"
        (tmp_path / "cpuinfo").write_text(core * 2, encoding="utf-8")
        found.append(processor.digest())
    assert found[0] == found[1]
    assert len(set(found)) == 3
    (tmp_path / "cpuinfo").unlink()
    assert processor.digest() not in found
    assert not processor.has_bf16()
