"""Registered models: one name a task, a version for each model that differs, and the alias of the one to use."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mlflow
import yaml
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipeline.classifiers import dev
from pipeline.classifiers import store as models
from pipeline.classifiers.dev import DevCase
from pipeline.classifiers.store import Manifest
from pipeline.errors import ModelError, NewsfactsError
from pipeline.records import read_jsonl
from pipeline.tracking import store
from pipeline.tracking.champion import Decision, decide

ALIAS = "champion"
DIGEST = "newsfacts.manifest"
SCORE = "newsfacts.dev_macro_f1"
COMPARED = "newsfacts.against_champion"
_LOG = logging.getLogger("newsfacts")
_MLMODEL = "MLmodel"  # in which MLflow keeps what a logged model is made of


class _MadeElsewhereError(NewsfactsError):
    """A registered model is none that a stage made: only who set the alias on it can tell what it is worth."""


def name_of(task: str) -> str:
    """Return the name under which a task's models are registered."""
    return f"newsfacts-{task}"


def register(folder: Path, logged_model: str) -> None:
    """Register a model folder that was logged as ``logged_model``, and decide whether it becomes the champion.

    A model that is a version already gets no other one; where its decision is missing, it is made now.
    """
    manifest, digest = models.read_manifest(folder)
    name = name_of(manifest.task)
    client = mlflow.MlflowClient()
    version = _version_of(client, name, digest)
    if version is None:
        with contextlib.redirect_stderr(io.StringIO()):  # MLflow prints what the line below says
            version = mlflow.register_model(logged_model, name, tags={DIGEST: digest})
    elif COMPARED in version.tags:
        _LOG.info("%s: version %s is this very model", name, version.version)
        return
    champion = _champion(client, name)
    decision = _decide(_cases(folder, manifest), champion)
    rival = "" if champion is None else f"against version {champion.version}, "
    reason = f"{rival}{decision.reason}"
    if not decision.moves and decision.interval is None:
        call = f'mlflow.MlflowClient().set_registered_model_alias("{name}", "{ALIAS}", "{version.version}")'
        reason = f"{reason}; the champion stays, and to take this one all the same, call {call}"
    # The alias comes first: a version that has the tag is one that is done with.
    if decision.moves:
        client.set_registered_model_alias(name, ALIAS, version.version)
    if (score := manifest.metrics.get("dev_macro_f1")) is not None:
        client.set_model_version_tag(name, version.version, SCORE, f"{score:.4f}")
    client.set_model_version_tag(name, version.version, COMPARED, reason)
    taken = f"is the {ALIAS} now" if decision.moves else f"does not become the {ALIAS}"
    _LOG.info("%s: version %s %s: %s", name, version.version, taken, reason)


def _version_of(client: mlflow.MlflowClient, name: str, digest: str) -> ModelVersion | None:
    """Return the newest version that is this very model, or None."""
    found = client.search_model_versions(
        f"name = '{name}' and tags.`{DIGEST}` = '{digest}'", max_results=1, order_by=["version_number DESC"]
    )
    return found[0] if found else None


def _champion(client: mlflow.MlflowClient, name: str) -> ModelVersion | None:
    version = client.get_registered_model(name).aliases.get(ALIAS)
    return None if version is None else client.get_model_version(name, version)


def _decide(new: Sequence[DevCase], champion: ModelVersion | None) -> Decision:
    if champion is None:
        return decide(new, None)
    try:
        return decide(new, _cases_of(champion))
    except _MadeElsewhereError as error:
        _LOG.warning("%s cannot be compared with a new model, so it stays the %s: %s", champion.name, ALIAS, error)
        return Decision(False, f"the champion cannot be compared: {error}")
    except ModelError as error:  # what fails its own check cannot be loaded either
        return Decision(True, f"the champion cannot be used: {error}")


def _cases_of(version: ModelVersion) -> list[DevCase]:
    """Return a registered version's dev cases from its artifacts, verified as in a model folder.

    Raises:
        ModelError: its manifest is missing or not the registered one, or its dev cases are missing or altered.
        _MadeElsewhereError: it was not registered by a stage.
    """
    address = f"models:/{version.name}/{version.version}"
    if DIGEST not in version.tags:
        raise _MadeElsewhereError(f"{address} was made elsewhere: it has no tag {DIGEST}")
    with tempfile.TemporaryDirectory() as place:
        folder = _model_folder(address, _fetched(address, _MLMODEL, place))

        def fetched(name: str) -> Path:
            return _fetched(address, f"{folder}/{name}", place)

        fetched(models.SEAL)
        copy = fetched(models.MANIFEST).parent
        manifest, digest = models.read_manifest(copy)
        if digest != version.tags.get(DIGEST):
            raise ModelError(f"{address} is not the model that was registered: its manifest has sha256 {digest}")
        if dev.FILE in manifest.files:
            fetched(dev.FILE)
        return _cases(copy, manifest)


def _model_folder(address: str, description: Path) -> str:
    """Return where a logged model keeps its model folder."""
    try:
        found = yaml.safe_load(description.read_bytes())["flavors"]["python_function"]["artifacts"]["model"]["path"]
    except yaml.YAMLError:
        raise ModelError(f"the {_MLMODEL} of {address} was altered: it is no YAML") from None
    except (KeyError, TypeError):
        raise _MadeElsewhereError(f"{address} was made elsewhere: it has no model folder") from None
    return str(found)


def _fetched(address: str, name: str, place: str) -> Path:
    """Return a copy of an artifact.

    Raises:
        ModelError: the store answers, but lacks it.
    """
    try:
        return Path(download_artifacts(f"{address}/{name}", dst_path=place))
    except store.FAULTS:
        if _is_there(address, name):
            raise
        raise ModelError(f"{address} was altered: its {name} is missing") from None


def _is_there(address: str, name: str) -> bool:
    """Tell whether a store lists an artifact; one that cannot be reached raises what MLflow raises."""
    folder = name.rpartition("/")[0]
    try:
        listed = list_artifacts(f"{address}/{folder}" if folder else address)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return False
        raise
    return any(item.path.rpartition("/")[2] == name.rpartition("/")[2] for item in listed)


def _cases(folder: Path, manifest: Manifest) -> list[DevCase]:
    """Return a folder's dev cases; none if it was made without them."""
    if dev.FILE not in manifest.files:
        return []
    return list(read_jsonl(models.verified(folder, manifest, dev.FILE), DevCase))
