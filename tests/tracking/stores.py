"""A tracking store, made once for the session by two processes that want it at the same moment."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dvc_deps import ROOT

OPEN = "from pipeline.tracking import store; store.check(); print('experiment', store.open_experiment())"


@dataclass(frozen=True)
class Store:
    """Where a store lies, and what the two processes that made it printed."""

    folder: Path
    printed: list[str]
    errors: list[str]

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}"


@pytest.fixture(scope="session")
def made_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with nothing in it but the experiment."""
    folder = tmp_path_factory.mktemp("store")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN],
            cwd=folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [one.communicate(timeout=300) for one in both]
    return Store(folder, [out for out, _ in ended], [err for _, err in ended])


def _environment() -> dict[str, str]:
    import os

    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")},
        "PYTHONPATH": str(ROOT),
    }
