"""Processes that know a model only by its name in the registry: no source tree, no network but to themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.web import closed_port

PATIENCE = 240.0  # seconds for a server to come up on a busy machine
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def environment(store: str, folder: Path) -> dict[str, str]:
    """Return an environment in which ``pipeline`` can only be imported from where a model brings it along."""
    decoy = folder / "decoy" / "pipeline"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text("raise ImportError('not the code that was logged')\n", encoding="utf-8")
    nowhere = f"http://127.0.0.1:{closed_port()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "NEWSFACTS"))}
    return kept | {
        "MLFLOW_TRACKING_URI": store,
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(decoy.parent),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere),
        "NO_PROXY": "127.0.0.1",
    }


@dataclass(frozen=True)
class Server:
    """A server of one model."""

    address: str

    def answers(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the server's answer to each record."""
        body = json.dumps({"dataframe_records": records}).encode()
        asked = urllib.request.Request(f"{self.address}/invocations", body, {"Content-Type": "application/json"})
        with _DIRECT.open(asked, timeout=60) as reply:
            found: list[dict[str, Any]] = json.load(reply)["predictions"]
        return found


@contextmanager
def served(model: str, store: str, folder: Path) -> Iterator[Server]:
    """Serve a registered model by MLflow's own command, in a process group that does not outlive the block."""
    (folder / "empty").mkdir(parents=True)
    port = closed_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    printed = folder / "server.log"
    with printed.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder / "empty",
            env=environment(store, folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while not _responds(f"{address}/ping"):
            ended = _ends(process, within=0.1)
            assert not ended, f"the server ended:\n{printed.read_text(encoding='utf-8')}"
            assert time.monotonic() < deadline, f"no answer yet:\n{printed.read_text(encoding='utf-8')}"
        yield Server(address)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # MLflow's command, the shell that it starts, and the server
        process.wait()


def _responds(address: str) -> bool:
    try:
        _DIRECT.open(address, timeout=5).close()
    except OSError:
        return False
    return True


def _ends(process: subprocess.Popen[bytes], within: float) -> bool:
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True
