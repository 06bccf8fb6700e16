"""What runs an encoder network: torch, the reference, or ONNX Runtime or OpenVINO, from an exported graph."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import pipeline
from pipeline.classifiers import processor
from pipeline.classifiers.contract import Batch, Session
from pipeline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from pipeline.classifiers.networks import Network

REFERENCE = "torch"
RUNTIMES = (REFERENCE, "torch-bf16", "onnx", "onnx-int8", "openvino", "openvino-bf16", "openvino-int8")
AUTO = "auto"
LIBRARIES = {
    "torch": ("torch", "transformers"),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
"""What each kind of runtime needs; all but torch are extras of this package, of the same name."""
# Numbers that OpenVINO quantizes by one scale: fewer are nearer to the truth, and slower. It divides the widths of
# MiniLM's layers and of BERT's; a layer whose width it does not divide is computed in floating point.
GROUP = 384
# What lies nearer than this difference of two logits is asked again in the next higher precision. One claim and one
# stance in a thousand then get another label than in fp32; 0.05 and 0.2 would halve that, and take a twentieth more
# time.
MARGINS = {"": 0.0, "bf16": 0.02, "int8": 0.15}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a model's encoder is run by."""

    name: str
    model: str = ""
    """Digest of the model, by which its exported graphs are known."""
    threads: int | None = None
    """None takes all cores that this process may use; torch then keeps the number that it has."""

    def session(self, network: Callable[[], Network]) -> Session:
        """Return a network ready to run; ``network`` is called where torch or the exporter needs it.

        Raises:
            ModelError: the runtime cannot run this network.
            OutputError: the exported graph cannot be written.
        """
        kind, _, precision = self.name.partition("-")
        if kind == "torch":
            from pipeline.classifiers.networks import TorchSession, keep_in_bf16

            bf16 = precision == "bf16"
            return TorchSession(keep_in_bf16(network()) if bf16 else network(), bf16=bf16, threads=self.threads)

        from pipeline.classifiers import export

        threads = self.threads or processor.cores()
        whole = export.graph(network, self.model)
        if kind == "onnx":
            exact = _OnnxSession(whole, threads)
            if not precision:
                return exact
            return _OnnxSession(export.graph(network, self.model, "dynamic-int8"), threads, exact, MARGINS[precision])
        model = _opened(whole)
        found = _OpenVinoSession(model, threads, "")
        if precision == "bf16" or (precision and processor.has_bf16()):
            found = _OpenVinoSession(model, threads, "bf16", found)
        if precision == "int8":
            model = _opened(export.graph(network, self.model, "weight-int8"))
            found = _OpenVinoSession(model, threads, precision, found)
        return found


TORCH = Runtime(REFERENCE)


def check(name: str) -> None:
    """Refuse a runtime that cannot run here.

    Raises:
        ConfigError: it is unknown, its extra is not installed, or this CPU lacks its precision.
    """
    if name not in RUNTIMES:
        raise ConfigError(f"unknown runtime {name!r}; known: {', '.join((AUTO, *RUNTIMES))}")
    if lacking := missing(name):
        kind = name.partition("-")[0]
        raise ConfigError(
            f"runtime {name!r} needs {', '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} not installed; "
            f"pip install 'newsfacts[{kind}]', or choose another of {', '.join(available())}"
        )
    if not _fast(name):
        raise ConfigError(f"this CPU has no bf16, which runtime {name!r} needs; choose one of {', '.join(available())}")


def available() -> tuple[str, ...]:
    """Return the runtimes that can run here, the reference first."""
    return tuple(name for name in RUNTIMES if not missing(name) and _fast(name))


def versions(name: str) -> dict[str, str]:
    """Return the version of each library whose change may change a runtime's results."""
    kinds = dict.fromkeys((REFERENCE, name.partition("-")[0]))
    used = [library for kind in kinds for library in LIBRARIES[kind]]
    return {"newsfacts": pipeline.__version__, **{library: importlib.metadata.version(library) for library in used}}


def missing(name: str) -> list[str]:
    """Return the libraries that a runtime needs and that are not installed."""
    return [library for library in LIBRARIES[name.partition("-")[0]] if importlib.util.find_spec(library) is None]


def _fast(name: str) -> bool:
    return not name.endswith("-bf16") or processor.has_bf16()


class _OnnxSession:
    """A graph that ONNX Runtime runs, one batch after the other."""

    def __init__(self, graph: Path, threads: int, finer: Session | None = None, margin: float = 0.0) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        self._errors = (errors.Fail, errors.InvalidArgument, errors.NotImplemented, errors.RuntimeException)
        try:
            self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except (*self._errors, errors.InvalidGraph, errors.NoSuchFile) as error:
            raise ModelError(f"ONNX Runtime cannot run {graph} ({error}); choose another runtime") from error
        self.inputs = tuple(given.name for given in self._session.get_inputs())
        self.finer = finer
        self.margin = margin

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        for batch in batches:
            try:
                found = self._session.run(None, dict(batch))
            except (*self._errors, MemoryError) as error:
                raise _failed("ONNX Runtime", error) from error
            yield found[0]


class _OpenVinoSession:
    """A graph that OpenVINO runs, each batch on a thread of its own, while the next ones are drawn."""

    def __init__(self, model: Any, threads: int, precision: str, finer: Session | None = None) -> None:
        import openvino

        in_bf16 = precision == "bf16" or (precision == "int8" and processor.has_bf16())
        quantized = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP} if precision == "int8" else {}
        try:
            # One thread for each batch: nothing waits for another thread, and a batch's result is the same on any
            # number of them. Unpinned, since several processes would be pinned to the same cores.
            compiled = openvino.Core().compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "bf16" if in_bf16 else "f32",
                    "INFERENCE_NUM_THREADS": threads,
                    "NUM_STREAMS": threads,
                    "ENABLE_CPU_PINNING": False,
                    # Kernels kept for every shape of batch that was seen take hundreds of megabytes, and save no time.
                    "CPU_RUNTIME_CACHE_CAPACITY": "0",
                    **quantized,
                },
            )
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run a model's graph ({error}); choose another runtime") from error
        self.inputs = tuple(given.any_name for given in compiled.inputs)
        self.finer = finer
        self.margin = MARGINS[precision]
        # One more request than threads: one that ends finds the next batch waiting.
        self._requests = [compiled.create_infer_request() for _ in range(threads + 1)]

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        idle, busy = deque(self._requests), deque[Any]()
        try:
            for batch in batches:
                if not idle:
                    yield _finished(busy[0])
                    idle.append(busy.popleft())
                busy.append(idle.popleft())
                _start(busy[-1], batch)
            while busy:
                yield _finished(busy[0])
                busy.popleft()
        finally:
            for request in busy:
                with suppress(RuntimeError, MemoryError):  # nobody asks for its answer any more
                    request.wait()


def _opened(graph: Path) -> Any:
    """Return a graph that OpenVINO has read: what is compiled from one in several precisions shares its vectors.

    Raises:
        ModelError: it cannot be read.
    """
    import openvino

    try:
        return openvino.Core().read_model(str(graph))
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {graph} ({error}); choose another runtime") from error


def _start(request: Any, batch: Batch) -> None:
    try:
        request.start_async(dict(batch))
    except (RuntimeError, MemoryError) as error:
        raise _failed("OpenVINO", error) from error


def _finished(request: Any) -> NDArray[np.float32]:
    try:
        request.wait()
    except (RuntimeError, MemoryError) as error:
        raise _failed("OpenVINO", error) from error
    output: NDArray[np.float32] = request.get_output_tensor().data.copy()
    return output


def _failed(runtime: str, error: Exception) -> ModelError:
    cause = " ".join(str(error).split()) or type(error).__name__
    return ModelError(
        f"{runtime} failed while it ran a model ({cause}); free some memory, start fewer workers, "
        "or choose another runtime"
    )
