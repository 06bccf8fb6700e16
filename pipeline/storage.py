"""Files to read, on this machine or at an address of any file system that fsspec knows; the one module that uses it."""

from __future__ import annotations

import errno
import io
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import ConfigError, NewsfactsError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CHAIN = re.compile(r"::[a-z0-9+.-]+://")
_WEB = ("http://", "https://")
_BUFFER = 1 << 18  # bytes asked of a remote file, or counted of a local one, at a time


@dataclass(slots=True)
class Meter:
    """Counts what has been read of local inputs, in the unit of ``listing.total``."""

    _read: int = field(default=0, init=False)

    def add(self, amount: int) -> None:
        """Count what a reader has just read."""
        self._read += amount

    def take(self) -> int:
        """Return what has been read since this was last asked."""
        taken, self._read = self._read, 0
        return taken


def is_address(name: str) -> bool:
    """Tell an address such as ``s3://bucket/file.jsonl`` from a local path."""
    return _ADDRESS.match(name) is not None


def file_name(name: str) -> str:
    """Return a name without the query and fragment that a web address may have, so that it ends as its file does."""
    return re.split(r"[?#]", name, maxsplit=1)[0] if name.lower().startswith(_WEB) else name


def is_folder(address: str) -> bool:
    """Tell whether a folder or a file is at an address; of the web, one that ends in a slash is a folder.

    Raises:
        ConfigError: nothing here reads such addresses.
        FileNotFoundError: nothing is there.
        OSError: the file system refuses to answer.
    """
    with _errors_of(address):
        found = _file_system(address).info(address)
    return bool(found["type"] == "directory") or (_is_web(address) and address.endswith("/"))


def matches(pattern: str) -> list[tuple[str, bool]]:
    """Return the addresses that match a glob, in their order, and whether each is a folder.

    Raises:
        OSError: the file system refuses to answer.
    """
    import fsspec

    with _errors_of(pattern):
        system, path = fsspec.url_to_fs(pattern)
        found = system.glob(pattern, detail=True)
    # Names come back as the file system has them: without scheme and, if that is how it works, host.
    before = pattern.removesuffix(path) if pattern.endswith(path) else f"{pattern.partition('://')[0]}://"
    return sorted((f"{before}{name}", info["type"] == "directory") for name, info in found.items())


def entries(folder: str) -> list[tuple[str, bool]]:
    """Return the addresses of what a folder holds, and whether each is a folder.

    Of a web page that is the files that it links: following the pages too, one would read the whole site.

    Raises:
        OSError: the folder cannot be listed.
    """
    with _errors_of(folder):
        walk = _file_system(folder).walk(folder, maxdepth=1, detail=True, on_error="raise")
        _, folders, files = next(iter(walk))
    if _is_web(folder):
        return [(info["name"], False) for info in files.values()]
    parent = folder.rstrip("/")
    return [
        (f"{parent}/{name}", below is folders)
        for below in (folders, files)
        for name in below
        if name  # an object that stands for the folder itself has none
    ]


def opened(name: str, *, meter: Meter | None = None) -> IO[bytes]:
    """Return a local or remote file, open to be read from its beginning; a meter counts what is read of a local one.

    Raises:
        OSError: it cannot be opened; the stream raises the same where it breaks off.
    """
    if is_address(name):
        with _errors_of(name):
            return io.BufferedReader(_Remote(_file_system(name).open(name, "rb"), name), _BUFFER)
    if meter is None:
        return open(name, "rb")
    return io.BufferedReader(_Metered(name, meter), _BUFFER)


def _is_web(address: str) -> bool:
    return address.lower().startswith(_WEB)


def _file_system(address: str) -> Any:
    """Return the file system of an address; fsspec keeps one instance for each set of options."""
    import fsspec

    if _CHAIN.search(address):
        raise ConfigError(f"{address} is an address within another; unpack it, and name what came out of it")
    try:
        return fsspec.url_to_fs(address.partition("::")[0])[0]  # beyond the colons, it is part of a file's name
    except ImportError as error:
        raise ConfigError(f"{address} needs a package that is not installed: {error}") from None
    except (ValueError, TypeError) as error:  # TypeError: one that takes more than an address
        raise ConfigError(
            f"no file system for {address} ({error}); name files, folders or s3://, gs://, https://"
        ) from None


class _errors_of(AbstractContextManager[None]):  # noqa: N801  # used as a function is
    """Lets whatever a file system raises leave as OSError: each has errors of its own, which nobody can list."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FileNotFoundError):
            cause = error.__cause__
            why = f"no such file ({type(cause).__name__}: {cause})" if cause else "no such file"
            raise FileNotFoundError(errno.ENOENT, why, self._address) from error
        if isinstance(error, OSError) and str(error):
            return
        if isinstance(error, Exception) and not isinstance(error, NewsfactsError | MemoryError):
            raise OSError(f"{type(error).__name__}: {error}") from error


class _Remote(io.RawIOBase):
    """A file of fsspec's, whose errors are OSErrors."""

    def __init__(self, stream: Any, address: str) -> None:
        self._stream = stream
        self._address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._stream.seekable())

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        with _errors_of(self._address):
            content = self._stream.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with _errors_of(self._address):
            return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        with _errors_of(self._address):
            return int(self._stream.tell())

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class _Metered(io.FileIO):
    """A local file that tells a meter how much of it has been read."""

    def __init__(self, name: str, meter: Meter) -> None:
        super().__init__(name, "rb")
        self._meter = meter

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = super().readinto(buffer)
        self._meter.add(count or 0)
        return count
