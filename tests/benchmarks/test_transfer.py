"""The transfer table: each public set that is there, by the figure that counts, and a word on each that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from benchmarks import transfer
from pipeline import metrics
from pipeline.evaluation import Scores
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


def run(**options: Path | str) -> Result:
    """Run the benchmark, which must not fail."""
    app = typer.Typer()
    app.command()(transfer.main)
    result = CliRunner().invoke(app, [part for name, value in options.items() for part in (f"--{name}", str(value))])
    assert result.exit_code == 0, result.output
    return result


def test_a_row_for_each_engine_of_each_set_that_is_there(trained: Trained, public: Path) -> None:
    result = run(models=trained.models, compared=trained.data / "compared", public=public)
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in result.stdout.splitlines()[2:]]
    compared = len(list((trained.data / "compared" / "stance").glob("*")))
    assert [row[0] for row in rows if row[0].startswith("NewsMTSC")] == ["NewsMTSC dev_rw"] * (1 + compared)
    claims = next(row for row in rows if row[0] == "CheckThat! dev")
    assert claims[1:4] == ["average precision", "3", "transformer"]
    assert 1 / 3 <= float(claims[4].split()[0]) <= 1
    assert claims[5] == "0.333"
    assert "NewsMTSC dev_mt is left out" in result.stderr
    assert "BBC News is left out" in result.stderr


def test_models_of_further_seeds_are_trained_and_scored_with_the_other(
    trained: Trained, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear = {"engine": "linear", "linear": {"hash_bits": 12, "char_ngrams": [2, 3]}}
    config = tmp_path / "linear.yaml"
    config.write_text(json.dumps({"train_topic": linear, "train_sentences": {"stance": linear, "claims": linear}}))
    monkeypatch.chdir(trained.root)
    paths = {"models": trained.models, "compared": tmp_path, "public": public, "config": config, "data": trained.data}
    result = run(**paths, seeds="14,15")
    assert "| CheckThat! dev | average precision | 9 | linear of 3 seeds |" in result.stdout


def test_answers_of_several_models_are_cases_that_are_drawn_together(trained: Trained, public: Path) -> None:
    item, model = transfer.SETS[2], trained.models / "claims"
    once, twice = (transfer.score(item, public / item.file, [model] * number) for number in (1, 2))
    assert twice.classification.cases == 2 * once.classification.cases
    assert transfer.figure(item, twice) == transfer.figure(item, once)


@pytest.mark.parametrize(("name", "expected"), [("macro-F1", (2 * 0.5 / 1.5 + 0) / 2), ("accuracy", 0.5)])
def test_the_most_frequent_answer_alone_scores_as_a_model_that_always_gives_it(name: str, expected: float) -> None:
    scores = Scores("x", metrics.classification(["a", "a", "b", "b"], ["b", "b", "b", "a"], ["a", "b"]))
    assert transfer.baseline(transfer.PublicSet("x", "topic", "", "", name), scores).value == pytest.approx(expected)
