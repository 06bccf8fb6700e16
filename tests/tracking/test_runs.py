"""Runs and models in MLflow: what a stage did is found again by what it wrote, and a dead store stops no work."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from tests.calls import newsfacts
from tests.dvc_deps import ROOT
from tests.tracking.stores import Store
from tests.trained import Trained, digests
from tests.web import closed_port


@pytest.fixture
def project(made_store: Store, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder laid out like the project, which logs into the store."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name in ("collect", "clean"):
        shutil.copytree(trained.data / name, tmp_path / "data" / name)
    (tmp_path / "configs").mkdir()
    shutil.copy(trained.settings, tmp_path / "configs" / "smoke.yaml")
    (tmp_path / "seeds" / "articles").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made_store.uri)
    return tmp_path


def stage_run(stage: str, outputs: dict[str, Path], **others: Any) -> Any:
    from pipeline.tracking.runs import StageRun

    given = {"config": {}, "inputs": {}, "metrics": {}, "seconds": 1.0, "repro": "0" * 64, **others}
    return StageRun(stage=stage, outputs=outputs, **given)


def test_two_first_uses_at_once_make_one_store(made_store: Store) -> None:
    experiments = [line for printed in made_store.printed for line in printed.splitlines() if "experiment" in line]
    assert len(experiments) == 2, made_store.errors
    assert experiments[0] == experiments[1]
    with sqlite3.connect(made_store.folder / "mlruns" / "mlflow.db") as database:
        names = [name for (name,) in database.execute("select name from experiments where name = 'newsfacts'")]
    assert names == ["newsfacts"]


def test_a_stage_that_ran_is_logged_and_found_again_by_what_it_wrote(project: Path) -> None:
    import mlflow

    from pipeline.tracking import runs

    call = ["split", "--config", "configs/smoke.yaml", "--cleaned", "data/clean", "--collected", "data/collect"]
    outcome = newsfacts(*call, "--output", "data/split", "--metrics", "data/metrics/split.json")
    assert outcome.code == 0
    outputs = {"output": Path("data/split")}
    found = runs.find("split", outputs)
    assert found is not None
    run = mlflow.MlflowClient().get_run(found)
    written = json.loads(Path("data/metrics/split.json").read_text(encoding="utf-8"))
    assert {name: run.data.metrics[name] for name in written} == written
    assert run.data.params["salt"] == "newsfacts"
    assert run.data.params["pinned.The Meridian Weekly"] == "test"
    assert set(run.data.params) >= {"input.cleaned", "input.collected"}
    assert run.data.params["input.cleaned"] != run.data.params["input.collected"]
    assert run.data.tags["newsfacts.output.data/split"] == runs.tree_digest(Path("data/split"))
    assert len(run.data.tags["newsfacts.repro"]) == 64
    assert run.info.status == "FINISHED"

    assert runs.find("clean", outputs) is None
    shutil.copytree("data/split", "data/other")
    assert runs.find("split", {"output": Path("data/other")}) == found
    Path("data/other/assignment.json").write_text("{}", encoding="utf-8")
    assert runs.find("split", {"output": Path("data/other")}) is None


def test_an_evaluation_is_compared_by_the_id_or_the_name_of_its_run(project: Path, trained: Trained) -> None:
    import mlflow

    from pipeline.tracking import runs

    evaluated = trained.data / "evaluate"
    outputs = {name: evaluated / name for name in ("evaluation.json", "answers.jsonl", "predictions.jsonl")}
    runs.log(stage_run("evaluate", outputs, repro="feedbeef" * 8))
    identity = runs.find("evaluate", outputs)
    assert identity is not None
    for name in (identity, "evaluate-feedbeef"):
        outcome = newsfacts("report", evaluated, name)
        assert outcome.code == 0, outcome.err
        assert f"2. {name} (configuration smoke)" in outcome.out
        assert "| same |" in outcome.out
    logged = {item.path for item in mlflow.MlflowClient().list_artifacts(identity)}
    assert logged == {"evaluation.json", "answers.jsonl"}  # which hold no text of an article

    runs.log(stage_run("clean", {"output": Path("data/clean")}))
    of_another_stage = runs.find("clean", {"output": Path("data/clean")})
    for name, message in ((of_another_stage, "has no evaluation"), ("it's none", "neither a folder nor a run")):
        outcome = newsfacts("report", evaluated, str(name))
        assert outcome.code == 2
        assert message in outcome.err


def test_the_runs_command_tells_a_logged_stage_from_a_skipped_one(project: Path) -> None:
    from pipeline.tracking import runs

    shutil.copytree("data/clean", "data/annotate")  # stands for an output that came from a cache
    runs.log(stage_run("clean", {"output": Path("data/clean")}))
    found = newsfacts("runs")
    lines = {line.split()[0]: line for line in found.out.splitlines()}
    assert str(runs.find("clean", {"output": Path("data/clean")})) in lines["clean"]
    assert "no run" in lines["annotate"]
    assert "split" not in lines
    assert "mlflow ui" in found.out


def test_a_server_that_does_not_answer_is_named_before_any_work(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.tracking import store

    address = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(ConfigError, match=rf"{address} does not answer.*unset MLFLOW_TRACKING_URI"):
        store.check()
    paths = {"collected": trained.data / "collect", "output": tmp_path / "clean"}
    arguments = [part for name, path in paths.items() for part in (f"--{name}", path)]
    outcome = newsfacts("clean", "--config", trained.settings, *arguments)
    assert outcome.code == 2
    assert address in outcome.err
    assert not (tmp_path / "clean").exists()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.tracking import store

    (tmp_path / "notes.db").write_text("no database, but long enough to be looked at " * 100, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'notes.db'}")
    with pytest.raises(ConfigError, match=r"notes\.db cannot be opened"):
        store.check()


def test_a_deleted_experiment_is_named_with_the_way_back(
    made_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    from pipeline.tracking import store

    shutil.copytree(made_store.folder / "mlruns", tmp_path / "mlruns", ignore=shutil.ignore_patterns("artifacts"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlruns' / 'mlflow.db'}")
    identity = store.open_experiment()
    mlflow.MlflowClient().delete_experiment(identity)
    with pytest.raises(ConfigError, match=rf"was deleted; 'mlflow experiments restore -x {identity}' brings it back"):
        store.check()


def test_a_store_that_dies_during_the_run_costs_a_warning_and_no_work(
    made_store: Store,
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from pipeline import cleaning
    from pipeline.stages import clean

    database = tmp_path / "mlruns" / "mlflow.db"
    shutil.copytree(made_store.folder / "mlruns", tmp_path / "mlruns", ignore=shutil.ignore_patterns("artifacts"))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    work = clean.cleaning.clean

    def dying(raw: str) -> Any:
        database.write_bytes(b"the disk has gone " * 1000)
        return work(raw)

    monkeypatch.setattr(cleaning, "clean", dying)
    with caplog.at_level(logging.WARNING, logger="newsfacts"):
        outcome = newsfacts(
            "clean",
            "--config",
            trained.settings,
            "--collected",
            trained.data / "collect",
            "--output",
            tmp_path / "clean",
        )
    assert outcome.code == 0
    assert digests(tmp_path / "clean") == digests(trained.data / "clean")
    assert "clean is done, but its run was not logged" in caplog.text


def test_the_report_lies_beside_the_run_that_it_reports(project: Path, trained: Trained) -> None:
    import mlflow

    from pipeline import stage_runner
    from pipeline.tracking import runs

    for name in ("evaluate", "annotate", "split"):
        shutil.copytree(trained.data / name, project / "data" / name)
    outputs = stage_runner.outputs_of("evaluate")
    call = ["report", "--page", "data/evaluate/report.html", "--models", trained.models, "--config", trained.settings]
    assert newsfacts(*call).code == 0  # no run evaluated this: there is nothing to lay it beside
    runs.log(stage_run("evaluate", outputs))
    assert newsfacts(*call).code == 0
    identity = runs.find("evaluate", outputs)
    assert identity is not None
    kept = {item.path for item in mlflow.MlflowClient().list_artifacts(identity, "report")}
    assert kept == {"report/report.html", "report/report.md"}
    shutil.copytree("data/evaluate", "elsewhere")
    assert newsfacts(*call, "--evaluated", "elsewhere", "--output", "elsewhere/other.md").code == 0
    assert {item.path for item in mlflow.MlflowClient().list_artifacts(identity, "report")} == kept
