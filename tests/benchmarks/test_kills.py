"""The count of killed runs that end in the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks import kills


def test_a_killed_run_that_ends_in_the_same_bytes_is_counted(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"The council met on day {n}."}) + "\n" for n in range(12)))
    app = kills.typer.Typer()
    app.command()(kills.main)
    options = ["--models", str(light_models), "--kills", "1", "--shard-articles", "3"]
    result = CliRunner().invoke(app, [str(source), *options])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 of 1 killed runs ended in the same bytes; ")
