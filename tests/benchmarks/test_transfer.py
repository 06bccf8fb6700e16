"""The transfer table: each public set that is there, by the figure that counts, and a word on each that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from benchmarks import numbers, transfer
from pipeline.classifiers import training
from pipeline.classifiers.contract import Example, Prediction, TaskExamples
from pipeline.datasets import Task
from pipeline.labelling import Answers
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


def test_models_of_further_seeds_are_trained_and_their_mean_is_told(
    trained: Trained, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear = {"engine": "linear", "linear": {"hash_bits": 12, "char_ngrams": [2, 3]}}
    config = tmp_path / "linear.yaml"
    config.write_text(json.dumps({"train_topic": linear, "train_sentences": {"stance": linear, "claims": linear}}))
    monkeypatch.chdir(trained.root)
    paths = {"models": trained.models, "compared": tmp_path, "public": public, "config": config, "data": trained.data}
    asked: list[tuple[str, int]] = []
    train_group = training.train_group

    def spy(configs: dict[Task, training.Config], examples: dict[Task, TaskExamples]) -> dict[Task, training.Trained]:
        asked.extend((task, own.seed) for task, own in configs.items())
        return train_group(configs, examples)

    monkeypatch.setattr(training, "train_group", spy)
    result = run(**paths, seeds="14,15")
    assert sorted(asked) == [("claims", 14), ("claims", 15), ("stance", 14), ("stance", 15)]
    assert "| NewsMTSC dev_rw | macro-F1 | 2 | linear, mean of 3 |" in result.stdout
    assert "| CheckThat! dev | average precision | 3 | transformer and linear, mean of 3 |" in result.stdout


@pytest.mark.parametrize("seeds", ["14,14", "14,13"])
def test_a_seed_that_would_count_twice_is_refused(trained: Trained, seeds: str) -> None:
    with pytest.raises(typer.BadParameter, match="one comes twice"):
        transfer.require_other_seeds(trained.models / "claims", "claims", numbers(seeds, "--seeds"))
    transfer.require_other_seeds(trained.models / "claims", "claims", [14, 15])


def answers(*chances: float) -> Answers:
    """Return answers on whether sentences of three articles are check-worthy: of each article the first is."""
    labels = ("checkworthy", "none")
    examples = [Example("x", label=labels[number % 2], group=str(number // 2)) for number in range(len(chances))]
    found = [
        Prediction(labels[chance < 0.5], max(chance, 1 - chance), {"checkworthy": chance, "none": 1 - chance}, False)
        for chance in chances
    ]
    return Answers(labels, examples, found, {})


@pytest.mark.parametrize("figure", ["average precision", "macro-F1", "accuracy"])
def test_of_several_models_the_figures_are_averaged_not_the_answers(figure: str) -> None:
    """The second ranks as well as the first, by lower chances; the third is wrong throughout."""
    item = transfer.PublicSet("x", "claims", "", "", figure)
    models = [answers(0.9, 0.6, 0.9, 0.6), answers(0.4, 0.1, 0.4, 0.1), answers(0.1, 0.9, 0.1, 0.9)]
    alone = [transfer.figure(item, [one]) for one in models]
    together = transfer.figure(item, models)
    assert together.value == pytest.approx(sum(one.value for one in alone) / 3)
    assert transfer.figure(item, [models[0]] * 3) == alone[0]


def test_a_resample_draws_the_same_articles_for_all_models() -> None:
    """Each model is right about one article alone; whatever is drawn, both together are right about half of it."""
    item = transfer.PublicSet("x", "claims", "", "", "accuracy")
    one, other = answers(0.9, 0.1, 0.1, 0.9), answers(0.1, 0.9, 0.9, 0.1)
    alone, together = transfer.figure(item, [one]), transfer.figure(item, [one, other])
    assert (alone.low, alone.high) == (0, 1)
    assert (together.value, together.low, together.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("figure", "expected"), [("macro-F1", (2 * 0.5 / 1.5 + 0) / 2), ("accuracy", 0.5)])
def test_the_most_frequent_answer_alone_scores_as_a_model_that_always_gives_it(figure: str, expected: float) -> None:
    item = transfer.PublicSet("x", "claims", "", "", figure)
    assert transfer.baseline(item, answers(0.9, 0.9, 0.9, 0.1)).value == pytest.approx(expected)
