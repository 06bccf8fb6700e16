"""A network's ONNX graph, in the user's cache: exported once, verified whenever it is used, removed when it is not."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline import cache
from pipeline.classifiers.contract import FOCUS
from pipeline.errors import ModelError, OutputError
from pipeline.records import file_digest

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

Form = Literal["fp32", "dynamic-int8", "weight-int8"]
"""Of a graph: as exported; with linear layers in 8 bits for ONNX Runtime; with their weights in 8 bits for OpenVINO."""
OUTPUT = "output"
VERSION = 6  # to be raised whenever this module makes other graphs of the same networks
_LIBRARIES = ("torch", "transformers", "onnx", "onnxscript")
_QUANTIZED_BY: dict[Form, tuple[str, ...]] = {"fp32": (), "dynamic-int8": ("onnxruntime",), "weight-int8": ()}
_UNUSED_SECONDS = 30 * 24 * 3600  # of a graph until another that is written removes it
_SCRATCH_SECONDS = 24 * 3600  # of a folder in which a graph is made; that takes minutes
_LOG = logging.getLogger("newsfacts")


def graph(network: Callable[[], Network], model: str, form: Form = "fp32") -> Path:
    """Return the file of a network's graph.

    ``model`` is the digest of the model that the network belongs to; ``network`` is called where no graph lies there.

    Raises:
        ModelError: the network cannot be exported.
        OutputError: the cache cannot be written.
    """
    folder = cache.folder(None) / "graphs"
    stem = f"{model[:16]}-{_key(model, form)}"
    damaged: list[Path] = []
    for known in sorted(folder.glob(f"{stem}-*.onnx")):
        try:
            whole = known.stem.rpartition("-")[2] == file_digest(known)
        except FileNotFoundError:  # another process has removed it meanwhile
            continue
        if whole:
            with suppress(OSError):  # a cache that others have filled may be read all the same
                os.utime(known)
            return known
        _LOG.warning("%s is damaged; it is made again", known)
        damaged.append(known)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch, _quiet():
            made = Path(scratch) / "graph.onnx"
            if form == "dynamic-int8":
                _quantize(graph(network, model), made)
            elif form == "weight-int8":
                _quantize_weights(graph(network, model), made)
            else:
                _export(network(), made)
            # The name carries the digest: two processes at once write two whole files, or the same one twice.
            place = folder / f"{stem}-{file_digest(made)}.onnx"
            made.replace(place)
        for known in damaged:  # not before: another process may have made one of the same name again, and use it
            if known != place:
                known.unlink(missing_ok=True)
        _prune(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write a graph to {folder}: {error.strerror}; free the place, or name another in {cache.VARIABLE}"
        ) from None
    return place


def _prune(folder: Path) -> None:
    """Remove graphs that nobody has used for long, and what exports that were killed have left."""
    now = time.time()
    for path in folder.iterdir():
        with suppress(OSError):  # another process was faster, or the place is somebody else's
            unused = now - path.stat().st_mtime
            if path.is_dir():
                if unused > _SCRATCH_SECONDS:
                    shutil.rmtree(path)
            elif unused > _UNUSED_SECONDS:
                path.unlink()


def _key(model: str, form: Form) -> str:
    versions = {name: importlib.metadata.version(name) for name in (*_LIBRARIES, *_QUANTIZED_BY[form])}
    told = json.dumps([VERSION, model, form, versions], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _export(network: Network, place: Path) -> None:
    import torch

    shapes = {name: (2, 3, 8) if name == FOCUS else (2, 8) for name in network.inputs}
    example = {name: torch.ones(shape, dtype=torch.int64) for name, shape in shapes.items()}
    sizes = {name: dict.fromkeys(range(len(shape)), torch.export.Dim.DYNAMIC) for name, shape in shapes.items()}
    encoder: Any = network.module.encoder
    usual = encoder.config._attn_implementation  # noqa: SLF001  # transformers has no other way to ask
    # The fused kernel is exported with guards against rows that are masked whole, which take a tenth of the time.
    encoder.set_attn_implementation("eager")
    try:
        program = torch.onnx.export(
            network.module,
            kwargs=example,
            input_names=list(example),
            output_names=[OUTPUT],
            dynamic_shapes=sizes,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        kind = type(network.module.encoder).__name__
        cause = str(error.__cause__ or error).partition("\n")[0]  # the rest is for those who work on the exporter
        raise ModelError(f"{kind} cannot be exported to ONNX ({cause}); choose the runtime torch") from error
    finally:
        encoder.set_attn_implementation(usual)
    assert program is not None
    program.save(place, external_data=False)


def _quantize(source: Path, place: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = place.with_name("prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared), str(place), op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8
    )


def _quantize_weights(source: Path, place: Path) -> None:
    """Write a graph whose linear layers have 8-bit weights, one scale a column; OpenVINO quantizes what they are given.

    The head is left alone: it is small.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(source)
    weights = {one.name: one for one in model.graph.initializer}
    linear = [
        node
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights and _is_wide(weights[node.input[1]].dims)
    ]
    widened = []
    for node in linear:
        name = node.input[1]
        values = numpy_helper.to_array(weights[name])
        scale = (np.abs(values).max(axis=0) / 127).clip(min=1e-12).astype(np.float32)
        whole = np.round(values / scale).astype(np.int8)
        parts = {f"{name}.int8": whole, f"{name}.scale": scale}
        model.graph.initializer.remove(weights[name])
        model.graph.initializer.extend(numpy_helper.from_array(value, part) for part, value in parts.items())
        widened.append(helper.make_node("DequantizeLinear", list(parts), [f"{name}.wide"], axis=1))
        node.input[1] = f"{name}.wide"
    for number, node in enumerate(widened):  # before whatever uses them
        model.graph.node.insert(number, node)
    onnx.save(model, place)


def _is_wide(shape: Sequence[int]) -> bool:
    """Tell whether weights are a layer's of the encoder: the head gives a few labels."""
    return len(shape) == 2 and 8 * shape[1] >= shape[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what the exporter and the quantizer tell those who work on them."""
    known = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(known)
