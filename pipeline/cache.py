"""The user's cache folder, and public files in it, each pinned by its address and its digest."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import DataError
from pipeline.records import file_digest

VARIABLE = "NEWSFACTS_CACHE"


def folder(configured: str | None) -> Path:
    """Return the cache folder: the environment's, the configured one, or that of the user's system."""
    import pooch

    return Path(os.environ.get(VARIABLE) or configured or pooch.os_cache("newsfacts")).expanduser()


def fetch(url: str, sha256: str, place: Path) -> Path:
    """Return ``place``, after downloading ``url`` to it if nothing is there yet.

    Raises:
        DataError: the file is not there and cannot be fetched, or what is there or was fetched has another digest.
    """
    import pooch
    import requests

    if not place.is_file():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            pooch.retrieve(url, f"sha256:{sha256}", fname=place.name, path=place.parent)
        except (requests.RequestException, OSError) as error:
            raise DataError(
                f"no file {place}, and {url} cannot be fetched ({type(error).__name__}); put the file there yourself, "
                f"or name the folder that holds it in {VARIABLE}"
            ) from None
        except ValueError:  # pooch throws away what has another digest
            raise DataError(
                f"{url} has not the sha256 {sha256} any more; find the pinned version of the file"
            ) from None
    verify(place, sha256, mend="delete it, so that it is fetched again")
    return place


def verify(
    place: Path, sha256: str, *, mend: str = "if the file is right, write its digest into the configuration"
) -> None:
    """Check a file's digest; ``mend`` tells what to do where it is another.

    Raises:
        DataError: the file is missing or has another digest.
    """
    if not place.is_file():
        raise DataError(f"no file {place}; check the path")
    if (found := file_digest(place)) != sha256:
        raise DataError(f"{place} has sha256 {found}, the configuration says {sha256}; {mend}")
