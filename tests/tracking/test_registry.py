"""Registered models: one name a task, and the alias that says which version to use and why."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from pipeline.annotator import Stripper
from pipeline.article import Article
from pipeline.classifiers import dev, store
from pipeline.classifiers.dev import DevCase
from pipeline.datasets import TASKS, Task
from pipeline.predicting import Predictor
from pipeline.records import file_digest, read_jsonl, write_jsonl
from pipeline.tracking.served_model import ServedModel
from tests.tracking.serving import environment, served
from tests.tracking.stores import Store
from tests.trained import Trained

RECORDS: Mapping[str, list[dict[str, Any]]] = {
    "topic": [
        {"title": "Ferry crews walk out", "text": "Crews stopped work at noon over night pay."},
        {"text": "Snow will fall above 600 metres tonight, and roads may close."},
    ],
    "stance": [
        {"text": "The mayor praised the port and its crew.", "target": "the port", "start": 18, "end": 26},
        {"text": "The port is a disgrace, she said.", "target": "The port", "start": 0, "end": 8},
    ],
    "stance without mentions": [
        {"text": "The port is a disgrace. The port has failed us all.", "target": "the port"},
        {"text": "The mayor praised the port and its crew.", "target": "crew"},
    ],
    "claims": [{"text": "The bridge cost 14 million dollars."}, {"text": "They should resign."}],
    "boilerplate": [{"text": "The council met on Monday.\n\nShare this article\n\nIt was late."}],
}


def task_of(kind: str) -> str:
    return kind.partition(" ")[0]


def by_folder(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return what the model folder itself answers."""
    known: Task | None = next((one for one in TASKS if one == task_of(kind)), None)
    if known is None:
        stripper = Stripper(store.load(folder))
        articles = [Article(str(row), "", row, record["text"]) for row, record in enumerate(RECORDS[kind])]
        return [
            {"text": body.stripped.body.text, "removed": [item.reason for item in body.stripped.removals]}
            for body in stripper.strip(articles)
        ]
    predictor = Predictor(folder, known)
    found = predictor.predict([predictor.examples(record) for record in RECORDS[kind]])
    return [{"label": one.label, "score": one.score, "abstained": one.abstained} for one in found]


def same(kind: str, answered: list[dict[str, Any]], folder: Path) -> None:
    expected = by_folder(folder, kind)
    if kind == "boilerplate":
        shown = [
            {"text": one["text"], "removed": [item["reason"] for item in json.loads(one["removed"])]}
            for one in answered
        ]
        assert shown == expected
        assert any(one["removed"] for one in shown)
        return
    assert [(one["label"], one["abstained"]) for one in answered] == [
        (one["label"], one["abstained"]) for one in expected
    ]
    assert [one["score"] for one in answered] == pytest.approx([one["score"] for one in expected], abs=1e-5)


@dataclass(frozen=True)
class Registry:
    """A store of its own, in which models are logged and registered as their stages do it."""

    root: Path
    uri: str

    def log(self, *tasks: str) -> None:
        from pipeline.tracking import runs

        stage = f"train_{tasks[0]}" if len(tasks) == 1 else "train_sentences"
        run = runs.StageRun(stage, {}, {}, {task: Path("models") / task for task in tasks}, {}, 1.0, "0" * 64)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root)
            patch.setenv("MLFLOW_TRACKING_URI", self.uri)
            runs.log(run)

    def client(self) -> Any:
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        return mlflow.MlflowClient()

    def versions(self, task: str) -> dict[str, dict[str, str]]:
        """Return the tags of each version."""
        found = self.client().search_model_versions(f"name = 'newsfacts-{task}'")
        return {str(one.version): dict(one.tags) for one in found}

    def champion(self, task: str) -> str:
        return str(self.client().get_model_version_by_alias(f"newsfacts-{task}", "champion").version)


def copied(made_store: Store, root: Path) -> Registry:
    """Return an empty registry: a copy of the store that was made once."""
    shutil.copytree(made_store.folder / "mlruns", root / "mlruns", ignore=shutil.ignore_patterns("artifacts"))
    return Registry(root, f"sqlite:///{root / 'mlruns' / 'mlflow.db'}")


@pytest.fixture
def registry(made_store: Store, light_models: Path, tmp_path: Path) -> Registry:
    """A registry without models, beside a topic model to be logged."""
    shutil.copytree(light_models / "topic", tmp_path / "models" / "topic")
    return copied(made_store, tmp_path)


@pytest.fixture(scope="module")
def registered(
    made_store: Store, trained: Trained, light_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Registry:
    """All four tasks registered by their three stages; claims by the transformer; the folders are gone by then."""
    root = tmp_path_factory.mktemp("registered")
    found = copied(made_store, root)
    sources = folders(trained, light_models)
    for tasks in (("boilerplate",), ("topic",), ("stance", "claims")):
        for task in tasks:
            shutil.copytree(sources[task], root / "models" / task)
        found.log(*tasks)
        shutil.rmtree(root / "models")
    return found


def folders(trained: Trained, light_models: Path) -> dict[str, Path]:
    light = {task: light_models / task for task in ("boilerplate", "topic", "stance")}
    return {**light, "claims": trained.models / "claims"}


LOAD = """
import json, sys
import mlflow, pandas as pd
models, found = {}, {}
for kind, records in json.loads(sys.argv[1]).items():
    name = f"newsfacts-{kind.partition(' ')[0]}"
    models[name] = models.get(name) or mlflow.pyfunc.load_model(f"models:/{name}@champion")
    found[kind] = models[name].predict(pd.DataFrame(records)).to_dict("records")
print("answer", json.dumps(found))
"""


def test_the_champion_of_each_task_answers_as_its_folder_does_without_the_source_tree(
    registered: Registry, trained: Trained, light_models: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    found = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(RECORDS)],
        cwd=tmp_path / "empty",
        env=environment(registered.uri, tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    answer = json.loads(next(line for line in found.stdout.splitlines() if line.startswith("answer"))[len("answer") :])
    models = folders(trained, light_models)
    assert set(answer) == set(RECORDS)
    for kind, answered in answer.items():
        same(kind, answered, models[task_of(kind)])


def test_a_logged_model_holds_no_pickle(registered: Registry, made_store: Store) -> None:
    (version,) = registered.client().search_model_versions("name = 'newsfacts-stance'")
    folder = made_store.folder / "mlruns" / "artifacts" / "models" / version.source.rpartition("/")[2]
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert "linear.safetensors" in names
    assert not [name for name in names if name.endswith((".pkl", ".joblib", ".pickle"))]


def test_mlflow_serves_the_champion_as_its_folder_answers(
    registered: Registry, light_models: Path, tmp_path: Path
) -> None:
    with served("models:/newsfacts-topic@champion", registered.uri, tmp_path) as server:
        same("topic", server.answers(RECORDS["topic"]), light_models / "topic")
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.answers([RECORDS["topic"][0], {"text": ""}])
        assert refused.value.code == 400
        assert "row 1 (the first is 0) cannot be used, empty" in refused.value.read().decode()


@pytest.mark.parametrize("task", ["boilerplate", "claims"])
def test_a_row_without_text_is_named_not_answered(light_models: Path, task: str) -> None:
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={"model": str(light_models / task)}))
    for lacking in (pd.DataFrame({"text": ["It rained.", None]}), pd.DataFrame({"text": ["It rained.", " "]})):
        with pytest.raises(MlflowException, match=r"row 1 \(the first is 0\) cannot be used, (missing-field|empty): "):
            model.predict(None, lacking)


def answering(folder: Path, answer: Callable[[DevCase], str], *, group: str | None = None) -> None:
    """Make a model folder one that answered differently on dev, maybe of one article, in good order otherwise."""
    cases = [
        replace(case, label=answer(case), group=case.group if group is None else group)
        for case in read_jsonl(folder / dev.FILE, DevCase)
    ]
    write_jsonl(folder / dev.FILE, cases)
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][dev.FILE] = file_digest(folder / dev.FILE)
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (folder / store.SEAL).write_text(f"{file_digest(folder / store.MANIFEST)}  {store.MANIFEST}\n", encoding="utf-8")


def test_the_alias_moves_to_what_is_not_worse_and_stays_where_it_is_otherwise(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    folder = registry.root / "models" / "topic"
    first = store.read_manifest(folder)
    with caplog.at_level(logging.INFO, logger="newsfacts"):
        registry.log("topic")
        assert registry.champion("topic") == "1"
        answering(folder, lambda case: case.gold)
        registry.log("topic")
        assert registry.champion("topic") == "2"
        answering(folder, lambda case: "weather")
        registry.log("topic")
        assert registry.champion("topic") == "2"
    tags = registry.versions("topic")
    assert tags["1"]["newsfacts.against_champion"] == "there was no champion"
    assert tags["1"]["newsfacts.manifest"] == first[1]
    assert tags["1"]["newsfacts.dev_macro_f1"] == f"{first[0].metrics['dev_macro_f1']:.4f}"
    assert tags["2"]["newsfacts.against_champion"].startswith("against version 1, dev macro-F1 +")
    assert tags["2"]["newsfacts.against_champion"].endswith("): not worse")
    assert tags["3"]["newsfacts.against_champion"].startswith("against version 2, dev macro-F1 -1.0000 (95 % interval ")
    assert tags["3"]["newsfacts.against_champion"].endswith("): worse")
    told = [line for line in caplog.messages if line.startswith("newsfacts-topic: ")]
    assert told[1:] == [
        f"newsfacts-topic: version 2 is the champion now: {tags['2']['newsfacts.against_champion']}",
        f"newsfacts-topic: version 3 does not become the champion: {tags['3']['newsfacts.against_champion']}",
    ]


def test_the_same_model_again_is_no_new_version_but_a_decision_that_is_missing_is_made(registry: Registry) -> None:
    registry.log("topic")
    client = registry.client()
    client.delete_registered_model_alias("newsfacts-topic", "champion")
    client.delete_model_version_tag("newsfacts-topic", "1", "newsfacts.against_champion")
    registry.log("topic")
    assert list(registry.versions("topic")) == ["1"]
    assert registry.champion("topic") == "1"
    client.delete_registered_model_alias("newsfacts-topic", "champion")  # somebody wants none
    registry.log("topic")
    assert list(registry.versions("topic")) == ["1"]
    assert client.get_registered_model("newsfacts-topic").aliases == {}


def test_a_model_that_comes_back_after_another_is_no_new_version(registry: Registry) -> None:
    folder = registry.root / "models" / "topic"
    shutil.copytree(folder, registry.root / "kept")
    registry.log("topic")
    answering(folder, lambda case: "weather")
    registry.log("topic")
    shutil.rmtree(folder)
    shutil.copytree(registry.root / "kept", folder)
    registry.log("topic")
    assert set(registry.versions("topic")) == {"1", "2"}


def logged_file(registry: Registry, made_store: Store, name: str) -> Path:
    """Return a file of the only version of topic, in the store's artifacts."""
    (source,) = [one.source for one in registry.client().search_model_versions("name = 'newsfacts-topic'")]
    logged = made_store.folder / "mlruns" / "artifacts" / "models" / source.rpartition("/")[2]
    (file,) = logged.rglob(name)
    return file


@pytest.mark.parametrize("missing", [False, True], ids=["altered", "missing"])
@pytest.mark.parametrize("damage", ["dev.jsonl", "manifest.json", "MLmodel"])
def test_a_champion_that_was_altered_since_yields(
    registry: Registry, made_store: Store, damage: str, missing: bool
) -> None:
    folder = registry.root / "models" / "topic"
    registry.log("topic")
    file = logged_file(registry, made_store, damage)
    if missing:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"\n\t}")
    answering(folder, lambda case: "weather")
    registry.log("topic")
    assert registry.champion("topic") == "2"
    said = registry.versions("topic")["2"]["newsfacts.against_champion"]
    assert said.startswith("against version 1, the champion cannot be used: ")
    assert damage in said
    assert ("is missing" if missing else "was altered") in said


def test_a_store_that_cannot_be_reached_leaves_the_champion(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pipeline.tracking import registry as tracked

    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no route to the artifacts")

    registry.log("topic")
    answering(registry.root / "models" / "topic", lambda case: case.gold)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, logger="newsfacts"):
        patch.setattr(tracked, "download_artifacts", unreachable)
        patch.setattr(tracked, "list_artifacts", unreachable)
        registry.log("topic")
    assert "but not fully registered: no route to the artifacts" in caplog.text
    assert registry.champion("topic") == "1"
    assert "newsfacts.against_champion" not in registry.versions("topic")["2"]
    registry.log("topic")  # the decision is made once the store answers
    assert registry.champion("topic") == "2"


@pytest.mark.parametrize("tagged", [False, True])
def test_a_champion_that_was_made_elsewhere_stays(
    registry: Registry, caplog: pytest.LogCaptureFixture, tagged: bool
) -> None:
    import mlflow

    client = registry.client()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(registry.root)
        (registry.root / "model.py").write_text(
            "import mlflow\n"
            "class Other(mlflow.pyfunc.PythonModel):\n"
            "    def predict(self, context, model_input, params=None):\n"
            "        return model_input\n"
            "mlflow.models.set_model(Other())\n",
            encoding="utf-8",
        )
        mlflow.pyfunc.save_model(
            registry.root / "other", python_model=str(registry.root / "model.py"), pip_requirements=[]
        )
    client.create_registered_model("newsfacts-topic")
    tags = {"newsfacts.manifest": "0" * 64} if tagged else {}
    client.create_model_version("newsfacts-topic", (registry.root / "other").as_uri(), tags=tags)
    client.set_registered_model_alias("newsfacts-topic", "champion", "1")
    with caplog.at_level(logging.WARNING, logger="newsfacts"):
        registry.log("topic")
    assert registry.champion("topic") == "1"
    assert "newsfacts-topic cannot be compared with a new model, so it stays the champion" in caplog.text
    said = registry.versions("topic")["2"]["newsfacts.against_champion"]
    assert said.startswith("against version 1, the champion cannot be compared: models:/newsfacts-topic/1 was made ")


def test_without_evidence_the_champion_stays_and_the_reason_tells_how_to_move_it_by_hand(registry: Registry) -> None:
    import mlflow

    registry.log("topic")
    answering(registry.root / "models" / "topic", lambda case: case.gold, group="the only one")
    registry.log("topic")
    assert registry.champion("topic") == "1"
    said = registry.versions("topic")["2"]["newsfacts.against_champion"]
    assert "too few articles to tell; the champion stays" in said
    call = said.rpartition(", call ")[2]
    assert call == 'mlflow.MlflowClient().set_registered_model_alias("newsfacts-topic", "champion", "2")'
    mlflow.set_tracking_uri(registry.uri)
    mlflow.MlflowClient().set_registered_model_alias("newsfacts-topic", "champion", "2")
    assert registry.champion("topic") == "2"


def test_without_a_registry_the_run_and_its_model_are_logged_all_the_same(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pipeline.tracking import runs

    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "nowhere://registry")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.chdir(registry.root)
    with caplog.at_level(logging.WARNING, logger="newsfacts"):
        registry.log("topic")
    assert "but not fully registered" in caplog.text
    identity = runs.find("train_topic", {"model": Path("models/topic")})
    assert identity is not None
    run = registry.client().get_run(identity)
    assert run.info.status == "FINISHED"
    assert len(run.outputs.model_outputs) == 1
