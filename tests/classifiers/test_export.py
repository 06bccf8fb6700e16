"""Exported graphs lie in the cache: made once, verified, made again where they are damaged."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.classifiers import export, networks
from pipeline.classifiers.networks import LabelLogits, Network
from pipeline.classifiers.runtime import Runtime
from pipeline.errors import ModelError, OutputError

MODEL = "0123456789abcdef" * 4


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where graphs lie."""
    monkeypatch.setenv("NEWSFACTS_CACHE", str(tmp_path))
    return tmp_path / "graphs"


@pytest.fixture(scope="module")
def network(tiny_encoders: dict[str, Path]) -> Network:
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_encoders["bert"]
    module = networks.LabelLogits(AutoModel.from_pretrained(folder), 3, focused=False)
    return Network.of(module, AutoTokenizer.from_pretrained(folder))


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported") / "graph.onnx"
    export._export(network, place)
    return place


@pytest.fixture
def at_once(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each export of the network give the graph that the first gave: it takes seconds."""
    monkeypatch.setattr(export, "_export", lambda network, place: shutil.copy(exported, place))


def never() -> Network:
    raise AssertionError("exported again")


def test_a_graph_is_exported_once_and_nothing_else_is_left(cached: Path, network: Network) -> None:
    first = export.graph(lambda: network, MODEL)
    assert export.graph(never, MODEL) == first
    assert list(cached.iterdir()) == [first]
    quantized = export.graph(never, MODEL, "dynamic-int8")
    assert export.graph(never, MODEL, "dynamic-int8") == quantized
    assert sorted(cached.iterdir()) == sorted([first, quantized])
    assert quantized.stat().st_size < first.stat().st_size


def test_each_model_and_each_version_of_a_library_has_its_own(
    cached: Path, network: Network, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export.graph(lambda: network, MODEL)
    other = export.graph(lambda: network, MODEL[::-1])
    monkeypatch.setattr(export.importlib.metadata, "version", lambda name: "99")
    later = export.graph(lambda: network, MODEL)
    assert len({first.name, other.name, later.name}) == 3


@pytest.mark.parametrize("damage", [b"", b"\0" * 100], ids=["cut", "zeros"])
def test_a_damaged_graph_is_made_again(
    cached: Path, network: Network, at_once: None, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    first = export.graph(lambda: network, MODEL)
    content = first.read_bytes()
    first.write_bytes(content[: len(content) // 2] + damage)
    again = export.graph(lambda: network, MODEL)
    assert f"{first} is damaged" in caplog.text
    assert list(cached.iterdir()) == [again]
    assert len(again.read_bytes()) == len(content)


def test_a_graph_that_another_process_removes_meanwhile_is_made_again(
    cached: Path, network: Network, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export.graph(lambda: network, MODEL)
    digest = export.file_digest

    def removed(path: Path) -> str:
        if path == first:
            path.unlink(missing_ok=True)
        return digest(path)

    monkeypatch.setattr(export, "file_digest", removed)
    assert export.graph(lambda: network, MODEL) == first
    assert first.exists()


def test_a_damaged_graph_that_another_process_mends_meanwhile_is_not_removed(
    cached: Path, network: Network, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export.graph(lambda: network, MODEL)
    content = first.read_bytes()
    first.write_bytes(content[:9])
    digest, make = export.file_digest, export._export

    def mended(path: Path) -> str:
        found = digest(path)
        first.write_bytes(content)
        return found

    def beside_the_mended(given: Network, place: Path) -> None:
        assert first.exists(), "another process is about to open it"
        make(given, place)

    monkeypatch.setattr(export, "file_digest", mended)
    monkeypatch.setattr(export, "_export", beside_the_mended)
    assert export.graph(lambda: network, MODEL) == first
    assert first.read_bytes() == content


def test_what_nobody_has_used_for_long_is_removed_when_a_graph_is_written(
    cached: Path, network: Network, at_once: None
) -> None:
    used, unused = (export.graph(lambda: network, model) for model in (MODEL, MODEL[::-1]))
    young, left = cached / "tmp-young", cached / "tmp-left"
    for folder in (young, left):
        folder.mkdir()
        (folder / "graph.onnx").touch()
    days = 24 * 3600
    for path, age in ((used, 40), (unused, 40), (left, 2)):
        os.utime(path, (time.time() - age * days,) * 2)
    assert export.graph(never, MODEL) == used
    assert unused.exists()
    other = export.graph(lambda: network, MODEL.upper())
    assert set(cached.iterdir()) == {used, other, young}


@pytest.mark.parametrize("focused", [False, True])
def test_all_layers_of_the_encoder_get_8_bit_weights(cached: Path, network: Network, focused: bool) -> None:
    onnx = pytest.importorskip("onnx")
    module = LabelLogits(network.module.encoder, 3, focused=focused)
    graph = onnx.load(export.graph(lambda: Network.of(module, network.tokenizer), MODEL, "weight-int8"))
    [layer] = network.module.encoder.encoder.layer
    products = sum(isinstance(part, nn.Linear) for part in layer.modules())
    assert sum(node.op_type == "DequantizeLinear" for node in graph.graph.node) == products


@pytest.mark.parametrize("name", ["onnx", "onnx-int8", "openvino", "openvino-int8"])
def test_a_session_from_a_damaged_cache_answers(cached: Path, network: Network, at_once: None, name: str) -> None:
    pytest.importorskip("onnxruntime" if name.startswith("onnx") else name)
    batch = {given: torch.ones(2, 5, dtype=torch.int64).numpy() for given in network.inputs}
    before = next(Runtime(name, MODEL, 1).session(lambda: network).run([batch]))
    for graph in cached.iterdir():
        graph.write_bytes(b"no graph")
    after = next(Runtime(name, MODEL, 1).session(lambda: network).run([batch]))
    assert (before == after).all()


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NEWSFACTS_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot write a graph to .*file.graphs: .*NEWSFACTS_CACHE"):
        export.graph(never, MODEL)


class Unexportable(nn.Module):
    """An encoder that does with its input what no graph can."""

    def __init__(self) -> None:
        super().__init__()
        self.config = type("Config", (), {"hidden_size": 4, "_attn_implementation": "sdpa"})

    def set_attn_implementation(self, name: str) -> None:
        """Do nothing: it has no attention."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> object:
        states = torch.zeros(*input_ids.shape, 4) + float(str(int(input_ids.sum())))
        return type("Output", (), {"last_hidden_state": states})


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_what_cannot_be_exported_is_named_with_the_runtime_that_takes_it(
    cached: Path, network: Network, name: str
) -> None:
    module = LabelLogits(Unexportable(), 3, focused=False)
    given: Callable[[], Network] = lambda: Network(module, network.tokenizer, ("input_ids", "attention_mask"))  # noqa: E731
    with pytest.raises(ModelError, match=r"Unexportable cannot be exported to ONNX .* choose the runtime torch"):
        Runtime(name, MODEL, 1).session(given)
    assert list(cached.iterdir()) == []
