"""Look at environment, models and tracking, and say what is wrong and what to do."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline import batch
from pipeline.annotator import TASKS
from pipeline.classifiers import encoders, parity, runtime, store
from pipeline.errors import ModelError, NewsfactsError

_LIBRARIES = ("torch", "transformers", "scikit-learn", "mlflow", "dvc", "trafilatura", "sentencex")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: fine or not, and why."""

    what: str
    fine: bool
    detail: str


def findings(models: Path) -> Iterator[Finding]:
    """Yield a finding for Python, each library, the encoder, each model, and the tracking store."""
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", fine, f"{sys.version.split()[0]}{'' if fine else '; the lock serves 3.11 to 3.13'}")
    for name in _LIBRARIES:
        try:
            yield Finding(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, False, "not installed; run 'make repro' or 'make test', which install the lock")
    yield _try("encoder", lambda: str(encoders.resolve(encoders.Config())))
    for task in TASKS:
        yield _try(f"model {task}", partial(_verified, models / task))
        yield from _verdicts(models / task)
    yield _runtimes()
    yield _try("tracking", _tracking)


def _verified(folder: Path) -> str:
    return f"sha256 {store.verify(folder)[1][:12]}…"


def _verdicts(folder: Path) -> Iterator[Finding]:
    try:
        found = parity.kept(folder, batch.threads(None))
    except ModelError:
        return  # the finding before says what is wrong with it
    for verdict in found:
        yield Finding("parity", True, parity.told(verdict))


def _runtimes() -> Finding:
    missing = {name: runtime.missing(name) for name in runtime.RUNTIMES}
    found = [", ".join(runtime.available())]
    found += [f"{name} needs {', '.join(libraries)}" for name, libraries in missing.items() if libraries]
    return Finding("runtimes", True, "; ".join(found))


def _tracking() -> str:
    from pipeline.tracking import store as tracking

    if not tracking.exists():
        return f"{tracking.uri()}, made by the first stage that runs"
    tracking.check()
    return tracking.uri()


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except NewsfactsError as error:
        return Finding(what, False, str(error))
