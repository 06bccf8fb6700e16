"""Pages that take down the process which reads them: an extractor runs in a child of it, and may end its parent."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

MODULE = "lethal_extractor"
_CODE = f"""
import os
import signal
from pathlib import Path

from pipeline.extraction import Extracted

FLAG = Path(os.environ["{MODULE.upper()}"])


def _extracted(html):
    return Extracted("The council closed the ferry on Monday. " + html.removeprefix("<p>"), extractor="mine")


def once(html):
    if "DEADLY" in html and not FLAG.exists():
        FLAG.touch()
        os.kill(os.getppid(), signal.SIGKILL)
    return _extracted(html)


def always(html):
    if "DEADLY" in html:
        os.kill(os.getppid(), signal.SIGKILL)
    return _extracted(html)


def endless(html):
    parent = os.getppid()
    print("at work", flush=True)
    while os.getppid() == parent:
        os.sched_yield()
    return _extracted(html)
"""


@dataclass(frozen=True)
class Lethal:
    """Where the extractor leaves word that it has struck."""

    flag: Path

    @property
    def has_struck(self) -> bool:
        return self.flag.exists()

    def config(self, function: str, shard_articles: int) -> Path:
        """Write a configuration in which one of the functions extracts pages."""
        path = self.flag.with_name(f"{function}.yaml")
        reading = f"reading: {{extractor: '{MODULE}:{function}'}}"
        path.write_text(f"annotate: {{shard_articles: {shard_articles}, {reading}}}\n", encoding="utf-8")
        return path


@pytest.fixture
def lethal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lethal:
    """An extractor whose functions kill the process that a page marked as deadly is read in."""
    folder = tmp_path / "lethal"
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(_CODE, encoding="utf-8")
    found = Lethal(folder / "flag")
    monkeypatch.setenv(MODULE.upper(), str(found.flag))
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.syspath_prepend(folder)
    return found
