"""Equal work leaves equal bytes: no clock, no commit, no place, no order that changes from process to process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dvc_deps import ROOT
from tests.encoders import settings
from tests.trained import STAGES, Trained, digests, files

# What the second process runs: it shares neither hash seed nor working folder with this one.
AGAIN = """
import json, sys
from pathlib import Path
import torch
from tests.trained import Trained
torch.set_num_threads(1)
first, root, tiny = Trained(Path(sys.argv[1]), {}), Path(sys.argv[2]), json.loads(sys.argv[3])
for stage in (
    "collect", "collect_datasets", "clean", "split",
    "train_boilerplate", "strip_boilerplate", "annotate",
):
    first.rerun(stage, root)
first.rerun("train_topic", root, {"compared": []})
first.rerun("train_sentences", root, tiny)
"""


@pytest.fixture(scope="module")
def tiny(tiny_encoders: dict[str, Path]) -> dict[str, object]:
    """Settings that fine-tune a tiny encoder for both tasks in a moment."""
    own = {"encoder": settings(tiny_encoders["bert"]), "max_tokens": 48, "epochs": 1}
    return {task: {"engine": "transformer", "transformer": own} for task in ("stance", "claims")}


def test_another_process_leaves_the_same_bytes(trained: Trained, tiny: dict[str, object], tmp_path: Path) -> None:
    trained.rerun("train_sentences", tmp_path / "tiny", tiny)
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    arguments = [str(trained.root), str(tmp_path / "again"), json.dumps(tiny)]
    subprocess.run([sys.executable, "-c", AGAIN, *arguments], cwd=tmp_path, env=environment, check=True, timeout=300)
    again = digests(tmp_path / "again")
    first = digests(trained.root) | digests(tmp_path / "tiny")
    # A manifest names the configuration of its run, and this one compared nothing.
    del again["models/topic/manifest.json"], again["models/topic/manifest.sha256"]
    assert len(again) > 20
    assert {name: first[name] for name in again} == again


def test_outputs_name_no_commit_and_no_place(trained: Trained) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    unwanted = [str(trained.root).encode(), str(ROOT).encode(), head.stdout.strip().encode() or b"\0no commit\0"]
    found = files(trained.root)
    assert {stage for stage in STAGES if not stage.startswith("train_")} <= {name.split("/")[1] for name in found}
    for name, content in found.items():
        assert not [part for part in unwanted if part in content], name
