"""The transfer table: each public set that is there, by the figure that counts, and a word on each that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import transfer
from tests.trained import Trained


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Two of the four sets, laid out as the cache folder is."""
    (tmp_path / "newsmtsc").mkdir()
    targets = [
        {"Input.gid": "a", "mention": "Ruiz", "from": 0, "to": 4, "polarity": 6.0},
        {"Input.gid": "b", "mention": "port", "from": 15, "to": 19, "polarity": 2.0},
    ]
    row = {"sentence_normalized": "Ruiz ended the port's long decay.", "targets": targets}
    (tmp_path / "newsmtsc" / "dev_rw.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "checkthat2024").mkdir()
    (tmp_path / "checkthat2024" / "CT24_checkworthy_english_dev.tsv").write_text(
        "Sentence_id\tText\tclass_label\n1\tThe bridge cost $14 million.\tYes\n2\tThank you all.\tNo\n3\tHello.\tNo\n"
    )
    return tmp_path


def test_a_row_for_each_engine_of_each_set_that_is_there(trained: Trained, public: Path) -> None:
    app = transfer.typer.Typer()
    app.command()(transfer.main)
    arguments = ["--models", str(trained.models), "--compared", str(trained.data / "compared"), "--public", str(public)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in result.stdout.splitlines()[2:]]
    compared = len(list((trained.data / "compared" / "stance").glob("*")))
    assert [row[0] for row in rows if row[0].startswith("NewsMTSC")] == ["NewsMTSC dev_rw"] * (1 + compared)
    claims = next(row for row in rows if row[0] == "CheckThat! dev")
    assert claims[1:4] == ["average precision", "3", "transformer"]
    assert 1 / 3 <= float(claims[4].split()[0]) <= 1
    assert claims[5] == "0.333"
    assert "NewsMTSC dev_mt is left out" in result.stderr
    assert "BBC News is left out" in result.stderr


def test_the_most_frequent_answer_alone_scores_as_a_model_that_always_gives_it() -> None:
    content = {
        "most_frequent_share": 0.5,
        "classification": {"cases": 4, "labels": [{"label": "a", "support": 2}, {"label": "b", "support": 2}]},
    }
    macro_f1 = transfer.PublicSet("x", "stance", "", "", "macro-F1")
    assert transfer.baseline(macro_f1, content).value == pytest.approx((2 * 0.5 / 1.5 + 0) / 2)
    accuracy = transfer.PublicSet("x", "topic", "", "", "accuracy")
    assert transfer.baseline(accuracy, content).value == 0.5
