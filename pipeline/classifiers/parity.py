"""The parity gate: which runtimes answer a model's parity examples as torch in fp32 does, and how fast.

Its verdicts lie in the user's cache, one file for each model, runtime and number of threads, on processors of one kind
and under the same library versions.
"""

from __future__ import annotations

import hashlib
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import cache, metrics
from pipeline.classifiers import export, processor, runtime, store, windows
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.store import Manifest
from pipeline.errors import ModelError, OutputError
from pipeline.records import read_jsonl, to_json

FILE = "parity.jsonl"
"""Of a model folder: the dev examples of the seed corpus, whose texts may be passed on."""
MIN_AGREEMENT = 0.995  # share of examples with the same label
MAX_LOST = 0.003  # of accuracy or macro-F1
MAX_EXAMPLES = 1000  # compared, the first ones
MAX_CHARACTERS = 500_000
TIMED_CHARACTERS = 50_000  # in each timed pass, again of the first ones
PASSES = 3
_LOG = logging.getLogger("newsfacts")


@dataclass(frozen=True, slots=True)
class ParityExample:
    """A labelled dev example, as it lies in a model folder."""

    text: str
    pair: str | None
    focus: tuple[int, int] | None
    label: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found of a runtime on one model; ``fault`` tells why it does not pass."""

    task: str
    model: str
    """Digest of the model."""
    runtime: str
    threads: int
    examples: int
    agreement: float
    """Share of the examples with the label that torch in fp32 gives."""
    accuracy: float
    macro_f1: float
    seconds: float
    """Of a timed pass, the median."""
    per_second: float
    """Examples in a second of a timed pass."""
    fault: str | None = None


def to_jsonl(examples: Sequence[Example]) -> bytes:
    """Return labelled examples as the content of a parity file."""
    stored = (ParityExample(one.text, one.pair, one.focus, one.label or "") for one in examples)
    return b"".join(to_json(example) + b"\n" for example in stored)


def fastest(folders: Sequence[Path], threads: int | None = None) -> str:
    """Return the runtime that takes the least time over the models of these folders, among those that pass for all.

    Without a transformer, without parity examples of one, or where nothing can be kept in the cache, that is torch.

    Raises:
        ModelError: a model cannot be used.
    """
    transformers = [folder for folder in folders if store.read_manifest(folder)[0].engine == "transformer"]
    lacking = [folder for folder in transformers if FILE not in store.read_manifest(folder)[0].files]
    if lacking:
        _LOG.info("runtime torch: %s has no parity examples to compare others on", lacking[0])
    if lacking or not transformers:
        return runtime.REFERENCE
    try:
        measured = [verdict for folder in transformers for verdict in verdicts(folder, threads)]
    except OutputError as error:
        _LOG.warning("runtime torch: %s", error)
        return runtime.REFERENCE
    found = {name: [one for one in measured if one.runtime == name] for name in runtime.available()}
    passed = {name: own for name, own in found.items() if not any(one.fault for one in own)}
    best = min(passed, key=lambda name: sum(one.seconds for one in passed[name]), default=runtime.REFERENCE)
    _LOG.info("runtime %s: the fastest here that answers as torch does", best)
    return best


def verdicts(folder: Path, threads: int | None = None) -> list[Verdict]:
    """Return the verdict on each runtime that can run here for a model with parity examples: kept, or measured now.

    Raises:
        ModelError: the model cannot be used.
        OutputError: the cache cannot be written.
    """
    manifest, digest = store.read_manifest(folder)
    number = threads or processor.cores()
    found = _kept(manifest, digest, number)
    missing = [name for name in runtime.available() if name not in found]
    if missing:
        examples = _first(_read(folder, manifest), MAX_EXAMPLES, MAX_CHARACTERS)
        _LOG.info(
            "parity gate, once for this model: %s on %d examples of %s", ", ".join(missing), len(examples), folder
        )
        expected = store.load(folder).predict(examples)
        for name in missing:
            found[name] = _measured(folder, name, threads, examples, expected)
            _keep(found[name])
            _LOG.info("runtime %s", told(found[name]))
    return [found[name] for name in runtime.available()]


def kept(folder: Path, threads: int | None = None) -> list[Verdict]:
    """Return the verdicts that the cache holds on a model, for this machine and these versions; nothing is measured.

    Raises:
        ModelError: the model has no manifest that can be read.
    """
    manifest, digest = store.read_manifest(folder)
    return list(_kept(manifest, digest, threads or processor.cores()).values())


def told(verdict: Verdict) -> str:
    """Return a verdict as one line."""
    return (
        f"{verdict.runtime} for {verdict.task}: agreement {verdict.agreement:.4f}, "
        f"{verdict.per_second:.4g} examples/s, {verdict.fault or 'passed'}"
    )


def _read(folder: Path, manifest: Manifest) -> list[Example]:
    stored = read_jsonl(store.verified(folder, manifest, FILE), ParityExample)
    return [Example(one.text, one.pair, one.focus, label=one.label) for one in stored]


def _first(examples: Sequence[Example], count: int, characters: int) -> list[Example]:
    """Return the first examples: so many, or as many as have so many characters together, and at least one."""
    lengths = accumulate(len(example.text) for example in examples[:count])
    return list(examples[: max(1, sum(length <= characters for length in lengths))])


def _measured(
    folder: Path, name: str, threads: int | None, examples: Sequence[Example], expected: Sequence[Prediction]
) -> Verdict:
    manifest, digest = store.read_manifest(folder)
    verdict = Verdict(manifest.task, digest, name, threads or processor.cores(), len(examples), 0, 0, 0, 0, 0)
    try:
        model = store.load(folder, runtime=name, threads=threads)
        labels = [prediction.label for prediction in model.predict(examples)]
    except ModelError as error:
        return replace(verdict, fault=str(error))
    reference = [prediction.label for prediction in expected]
    gold = [example.label or "" for example in examples]
    own, other = (metrics.classification(gold, given, manifest.labels) for given in (labels, reference))
    agreement = sum(map(str.__eq__, labels, reference)) / len(examples)
    faults = [f"agreement below {MIN_AGREEMENT}"] if agreement < MIN_AGREEMENT else []
    for what, lost in (("accuracy", other.accuracy - own.accuracy), ("macro-F1", other.macro_f1 - own.macro_f1)):
        if lost > MAX_LOST:
            faults.append(f"{what} lower by {lost:.4f}")
    timed = _first(examples, len(examples), TIMED_CHARACTERS)
    seconds = statistics.median(_passes(model, timed))
    return replace(
        verdict,
        agreement=agreement,
        accuracy=own.accuracy,
        macro_f1=own.macro_f1,
        seconds=seconds,
        per_second=len(timed) / seconds,
        fault=", ".join(faults) or None,
    )


def _passes(model: store.Model, examples: Sequence[Example]) -> Iterator[float]:
    for _ in range(PASSES):
        started = time.perf_counter()
        model.predict(examples)
        yield time.perf_counter() - started


def _kept(manifest: Manifest, digest: str, threads: int) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for name in runtime.available():
        place = _place(manifest.task, digest, name, threads)
        if place.is_file():
            try:
                found[name] = TypeAdapter(Verdict).validate_json(place.read_bytes())
            except ValidationError:
                _LOG.warning("%s is damaged; it is measured again", place)
    return found


def _keep(verdict: Verdict) -> None:
    place = _place(verdict.task, verdict.model, verdict.runtime, verdict.threads)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            written = Path(scratch) / place.name
            written.write_text(json.dumps(asdict(verdict), indent=1) + "\n", encoding="utf-8")
            written.replace(place)
    except OSError as error:
        raise OutputError(
            f"cannot write a verdict to {place.parent}: {error.strerror}; free the place, or name another in "
            f"{cache.VARIABLE}"
        ) from None


def _place(task: str, digest: str, name: str, threads: int) -> Path:
    limits = (MIN_AGREEMENT, MAX_LOST, MAX_EXAMPLES, MAX_CHARACTERS)
    shapes = (windows.BATCH, windows.BATCH_TOKENS, windows.FEW_TOKENS, windows.LENGTHS, windows.FOCUSES)
    # How we make, quantize and ask graphs.
    ours = (export.VERSION, runtime.GROUP, tuple(runtime.MARGINS.values()), shapes)
    versions: Mapping[str, str] = runtime.versions(name)
    key = hashlib.sha256(json.dumps([limits, ours, digest, threads, processor.digest(), versions]).encode()).hexdigest()
    return cache.folder(None) / "parity" / f"{task}-{name}-{key[:16]}.json"
