"""Where runs are kept: an explicit sqlite store in the project folder, or what MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import logging
import os
import urllib.error
import urllib.request
from pathlib import Path

# Set before mlflow is imported: a dead server is to be noticed in seconds.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from filelock import FileLock
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import ConfigError

EXPERIMENT = "newsfacts"
FOLDER = Path("mlruns")
FAULTS = (MlflowException, SQLAlchemyError, OSError)
"""What a store that cannot be used raises."""
_TIMEOUT = 5.0  # seconds for a tracking server to answer

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)


def uri() -> str:
    """Return the tracking URI in force."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(FOLDER / 'mlflow.db').as_posix()}"


def exists() -> bool:
    """Tell whether there is a store to look into; the default one is made by the first stage that runs."""
    return "MLFLOW_TRACKING_URI" in os.environ or (FOLDER / "mlflow.db").is_file()


def check() -> None:
    """Tell in seconds whether runs can be logged.

    Raises:
        ConfigError: the tracking server does not answer, or the store cannot be opened.
    """
    address = uri()
    if address.startswith(("http://", "https://")):
        try:
            urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=_TIMEOUT).close()  # noqa: S310
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise ConfigError(
                f"the tracking server at {address} does not answer ({getattr(error, 'reason', error)}); "
                "start it, or unset MLFLOW_TRACKING_URI to log into this folder"
            ) from None
    try:
        open_experiment()
    except FAULTS as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"the tracking store {address} cannot be opened: {reason}; move it away, or name another in "
            "MLFLOW_TRACKING_URI"
        ) from None


def open_experiment() -> str:
    """Point MLflow at the store, creating it once, and return the experiment's id."""
    address = uri()
    mlflow.set_tracking_uri(address)
    if not address.startswith("sqlite"):
        found = mlflow.set_experiment(EXPERIMENT)
        return str(found.experiment_id)
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Two first uses at once would both create the tables.
    with FileLock(FOLDER / "mlflow.lock"):
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            if experiment.lifecycle_stage == LifecycleStage.DELETED:
                raise MlflowException(
                    f"its experiment {EXPERIMENT!r} was deleted; 'mlflow experiments restore -x "
                    f"{experiment.experiment_id}' brings it back, 'mlflow gc' removes it for good"
                )
            return str(experiment.experiment_id)
        location = (FOLDER / "artifacts").resolve().as_uri()
        return str(client.create_experiment(EXPERIMENT, artifact_location=location))
