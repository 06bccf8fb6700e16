"""One MLflow run for each stage that really ran, found again by the digest of what it wrote."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

import pipeline
from pipeline.classifiers.store import MANIFEST
from pipeline.classifiers.store import verify as verify_model
from pipeline.errors import ConfigError, NewsfactsError
from pipeline.records import file_digest, tree_digest
from pipeline.tracking import registry, store

_LOG = logging.getLogger("newsfacts")
COMPARED = ("evaluation.json", "answers.jsonl")
"""The files of a run that make it comparable; they hold no text of an article."""
_MAX_PARAM = 500  # characters that MLflow stores of one parameter

_PREDICTION = Schema([ColSpec("string", "label"), ColSpec("double", "score"), ColSpec("boolean", "abstained")])
_STRIPPED = Schema([ColSpec("string", "text"), ColSpec("string", "removed")])
_TEXT = ColSpec("string", "text")
_SIGNATURES = {
    "boilerplate": (Schema([_TEXT]), _STRIPPED, {"text": "The council met on Monday.\n\nShare this article"}),
    "topic": (Schema([_TEXT, ColSpec("string", "title", required=False)]), _PREDICTION, {"text": "The council met."}),
    "stance": (
        Schema(
            [
                _TEXT,
                ColSpec("string", "target"),
                ColSpec("long", "start", required=False),
                ColSpec("long", "end", required=False),
            ]
        ),
        _PREDICTION,
        {"text": "The council earned its applause.", "target": "The council"},
    ),
    "claims": (Schema([_TEXT]), _PREDICTION, {"text": "The bridge cost $14 million."}),
}
_REQUIREMENTS = (
    "accelerate", "datasets", "ftfy", "google-re2", "mlflow", "numpy", "pandas", "pydantic", "pyyaml",
    "safetensors", "scikit-learn", "scipy", "sentencex", "torch", "tqdm", "transformers",
)  # fmt: skip


@dataclass(frozen=True)
class StageRun:
    """What one stage did, ready to be logged."""

    stage: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    metrics: Mapping[str, float]
    seconds: float
    repro: str
    """Digest of configuration, code and data: groups the runs of one repro."""


def log(run: StageRun) -> None:
    """Log a finished stage; a store that fails now costs the log, never the stage's work."""
    try:
        _log(run)
    except store.FAULTS as error:
        _LOG.warning("%s is done, but its run was not logged: %s", run.stage, error)


def _log(run: StageRun) -> None:
    experiment = store.open_experiment()
    client = mlflow.MlflowClient()
    end = int(time.time() * 1000)
    tags = {
        "newsfacts.stage": run.stage,
        "newsfacts.repro": run.repro,
        "newsfacts.outputs": outputs_digest(run.outputs),
        "newsfacts.version": pipeline.__version__,
        "mlflow.source.git.commit": _commit(),
    }
    created = client.create_run(
        experiment, start_time=end - int(run.seconds * 1000), tags=tags, run_name=f"{run.stage}-{run.repro[:8]}"
    )
    identity = created.info.run_id
    params = _flat(run.config) | {f"input.{name}": tree_digest(path) for name, path in run.inputs.items()}
    client.log_batch(
        identity,
        metrics=[Metric(name, float(value), end, 0) for name, value in {**run.metrics, "seconds": run.seconds}.items()],
        params=[Param(name, value[:_MAX_PARAM]) for name, value in params.items()],
        tags=[RunTag(f"newsfacts.output.{name}", tree_digest(path)) for name, path in run.outputs.items()],
    )
    for path in run.outputs.values():
        if path.name in COMPARED:
            client.log_artifact(identity, str(path))
        if (path / MANIFEST).is_file() and path.parent.name == "models":
            _register(path, _log_model(identity, path))
    client.set_terminated(identity)


def _log_model(identity: str, folder: Path) -> str:
    """Log a model folder as a pyfunc and return its address."""
    task = verify_model(folder)[0].task
    inputs, outputs, example = _SIGNATURES[task]
    package = Path(pipeline.__file__).parent
    with mlflow.start_run(run_id=identity, log_system_metrics=False):
        logged = mlflow.pyfunc.log_model(
            name=task,
            python_model=str(package / "tracking" / "served_model.py"),
            artifacts={"model": str(folder)},
            code_paths=[str(package)],
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            input_example=pd.DataFrame([example]),
            pip_requirements=_requirements(),
        )
    return str(logged.model_uri)


def _register(folder: Path, logged_model: str) -> None:
    """Register a logged model; a registry that fails, or that the server lacks, costs a warning alone."""
    try:
        registry.register(folder, logged_model)
    except (*store.FAULTS, NewsfactsError) as error:
        reason = str(error).partition("\n")[0]
        _LOG.warning("the model in %s is logged as %s, but not fully registered: %s", folder, logged_model, reason)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name).partition('+')[0]}" for name in _REQUIREMENTS]


def outputs_digest(outputs: Mapping[str, Path]) -> str:
    """Return one digest over everything a stage wrote; equal work gives an equal digest."""
    return "-".join(tree_digest(path)[:16] for _, path in sorted(outputs.items()))


def find(stage: str, outputs: Mapping[str, Path]) -> str | None:
    """Return the id of the newest run of a stage that wrote exactly these outputs, or None."""
    experiment = store.open_experiment()
    found = mlflow.MlflowClient().search_runs(
        [experiment],
        filter_string=f"tags.`newsfacts.stage` = '{stage}' and tags.`newsfacts.outputs` = '{outputs_digest(outputs)}'",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    return str(found[0].info.run_id) if found else None


def attach(stage: str, outputs: Mapping[str, Path], files: Sequence[Path]) -> None:
    """Log files as artifacts of the run that wrote these outputs; without such a run, or a store, nothing happens."""
    try:
        found = find(stage, outputs)
        if found is not None:
            client = mlflow.MlflowClient()
            for path in files:
                client.log_artifact(found, str(path), "report")
    except store.FAULTS as error:
        _LOG.warning("the report is written, but was not logged: %s", error)


def download_evaluation(run: str, folder: Path) -> None:
    """Copy what makes an evaluation comparable from a run, given by id or name, into a folder.

    Raises:
        ConfigError: there is no such run, it did not evaluate, or the store cannot be read.
    """
    if not store.exists():
        raise ConfigError(f"{run} is no folder, and there is no tracking store to look for a run of that name")
    store.check()
    try:
        experiment = store.open_experiment()
        client = mlflow.MlflowClient()
        identity = _identity(client, experiment, run)
        if identity is None:
            raise ConfigError(
                f"{run} is neither a folder nor a run in {store.uri()}; 'newsfacts runs' lists the last ones"
            )
        kept = {item.path for item in client.list_artifacts(identity)}
        if not kept.issuperset(COMPARED):
            raise ConfigError(f"run {run} has no evaluation; name a run of the stage evaluate, or its folder")
        for file in COMPARED:
            client.download_artifacts(identity, file, str(folder))
    except store.FAULTS as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"cannot read run {run} from {store.uri()}: {reason}; name a folder instead") from None


def _identity(client: mlflow.MlflowClient, experiment: str, run: str) -> str | None:
    """Return the id of the run that has this id or, the newest one, this name."""
    quoted = run.replace("'", "")  # no id or name of ours has one, and MLflow's filters know no escape
    for key in ("run_id", "run_name"):
        found = client.search_runs(
            [experiment], f"attributes.{key} = '{quoted}'", max_results=1, order_by=["attributes.start_time DESC"]
        )
        if found:
            return str(found[0].info.run_id)
    return None


def repro_digest(config: Path, data: Path) -> str:
    """Return the digest of configuration, code and seed articles together."""
    code = sorted(Path(pipeline.__file__).parent.rglob("*.py"))  # compiled caches aside
    parts = [file_digest(config), *map(file_digest, code), tree_digest(data) if data.exists() else ""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _commit() -> str:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat
