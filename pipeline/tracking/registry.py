"""Registered models: one name a task, a version for each model that differs, and the alias of the one to use."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mlflow
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import get_model_info

from pipeline.classifiers import dev
from pipeline.classifiers import store as models
from pipeline.classifiers.dev import DevCase
from pipeline.classifiers.store import Manifest
from pipeline.errors import ModelError
from pipeline.records import read_jsonl
from pipeline.tracking.champion import Decision, decide

ALIAS = "champion"
DIGEST = "newsfacts.manifest"
SCORE = "newsfacts.dev_macro_f1"
COMPARED = "newsfacts.against_champion"
_LOG = logging.getLogger("newsfacts")


def name_of(task: str) -> str:
    """Return the name under which a task's models are registered."""
    return f"newsfacts-{task}"


def register(folder: Path, logged_model: str) -> None:
    """Register a model folder that was logged as ``logged_model``, and decide whether it becomes the champion.

    A model that is the newest version already gets no other version; where its decision is missing, it is made now.
    """
    manifest, digest = models.read_manifest(folder)
    name = name_of(manifest.task)
    client = mlflow.MlflowClient()
    version = _newest(client, name)
    if version is None or version.tags.get(DIGEST) != digest:
        with contextlib.redirect_stderr(io.StringIO()):  # MLflow prints what the line below says
            version = mlflow.register_model(logged_model, name, tags={DIGEST: digest})
    elif COMPARED in version.tags:
        _LOG.info("%s: version %s is this very model", name, version.version)
        return
    champion = _champion(client, name)
    decision = _decide(_cases(folder, manifest), champion)
    rival = "" if champion is None else f"against version {champion.version}, "
    # The alias comes first: a version that has the tag is one that is done with.
    if decision.moves:
        client.set_registered_model_alias(name, ALIAS, version.version)
    if (score := manifest.metrics.get("dev_macro_f1")) is not None:
        client.set_model_version_tag(name, version.version, SCORE, f"{score:.4f}")
    client.set_model_version_tag(name, version.version, COMPARED, f"{rival}{decision.reason}")
    taken = f"is the {ALIAS} now" if decision.moves else f"does not become the {ALIAS}"
    _LOG.info("%s: version %s %s: %s%s", name, version.version, taken, rival, decision.reason)


def _newest(client: mlflow.MlflowClient, name: str) -> ModelVersion | None:
    found = client.search_model_versions(f"name = '{name}'", max_results=1, order_by=["version_number DESC"])
    return found[0] if found else None


def _champion(client: mlflow.MlflowClient, name: str) -> ModelVersion | None:
    version = client.get_registered_model(name).aliases.get(ALIAS)
    return None if version is None else client.get_model_version(name, version)


def _decide(new: Sequence[DevCase], champion: ModelVersion | None) -> Decision:
    if champion is None:
        return decide(new, None)
    try:
        return decide(new, _cases_of(champion))
    except ModelError as error:  # what fails its own check cannot be loaded either
        return Decision(True, f"the champion cannot be used: {error}")


def _cases_of(version: ModelVersion) -> list[DevCase]:
    """Return a registered version's dev cases from its artifacts, verified as in a model folder.

    Raises:
        ModelError: its manifest is not the registered one, or its dev cases are altered.
    """
    address = f"models:/{version.name}/{version.version}"
    folder = get_model_info(address).flavors["python_function"]["artifacts"]["model"]["path"]
    with tempfile.TemporaryDirectory() as place:

        def fetched(name: str) -> Path:
            return Path(download_artifacts(f"{address}/{folder}/{name}", dst_path=place))

        fetched(models.SEAL)
        copy = fetched(models.MANIFEST).parent
        manifest, digest = models.read_manifest(copy)
        if digest != version.tags.get(DIGEST):
            raise ModelError(f"{address} is not the model that was registered: its manifest has sha256 {digest}")
        if dev.FILE in manifest.files:
            fetched(dev.FILE)
        return _cases(copy, manifest)


def _cases(folder: Path, manifest: Manifest) -> list[DevCase]:
    """Return a folder's dev cases; none if it was made without them."""
    if dev.FILE not in manifest.files:
        return []
    return list(read_jsonl(models.verified(folder, manifest, dev.FILE), DevCase))
