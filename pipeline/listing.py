"""Files, folders, globs, addresses and ``-`` → the files to read, one after the other; nothing is opened."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import rows, storage, warc
from pipeline.article import Rejection
from pipeline.errors import ConfigError

DOCUMENTS = (".txt", ".html", ".htm")  # a file of these is one article
ENDINGS = (*DOCUMENTS, *rows.ENDINGS, *warc.ENDINGS)
DOCUMENT_WEIGHT = 4_000  # what a document counts for in a total: its size would cost a look at each


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str


_Place = str | _Folder | Rejection  # a file, a folder, or what cannot be read


def expand(inputs: Iterable[str], without: Sequence[Path] = ()) -> Iterator[str | Rejection]:
    """Return what is behind files, folders (recursive), globs, addresses and ``-``, in the order given.

    That is files, and what should be one but cannot be read. A folder is listed when its turn comes, ordered by the
    parts of the paths. Files that are or lie in one of ``without`` are left aside.

    Raises:
        ConfigError: an input matches nothing, or nothing here reads it. This is raised at once.
    """
    files = _files([place for given in inputs for place in _places(given)])
    if not without:
        return files
    left_aside = within(without)
    return (file for file in files if isinstance(file, Rejection) or not left_aside(file))


def within(places: Iterable[Path]) -> Callable[[str], bool]:
    """Return what tells whether a file is one of these, whatever path leads to it, or lies in a folder of them."""
    known = list(places)
    same = {_identity(path) for path in known} - {None}
    folders = {path.resolve() for path in known if path.is_dir()}

    def lies_within(file: str) -> bool:
        if file == "-":
            return False
        return _identity(Path(file)) in same or (bool(folders) and not folders.isdisjoint(Path(file).resolve().parents))

    return lies_within


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other; None where nothing is."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def total(inputs: Iterable[str], without: Sequence[Path] = ()) -> int | None:
    """Return how much there is to read, or None where that cannot be known without reading: remote, standard input.

    The unit is a byte of a file of records; a document has a fixed weight.

    Raises:
        ConfigError: as for ``expand``, or there is a web archive and its extra is missing.
    """
    given = list(inputs)
    if any(one == "-" or storage.is_address(_local(one)) for one in given):
        return None
    return sum(_weight(file) for file in expand(given, without) if isinstance(file, str))


def _weight(file: str) -> int:
    ending = rows.ending(file, ENDINGS)
    if ending in DOCUMENTS:
        return DOCUMENT_WEIGHT
    if ending in warc.ENDINGS:
        warc.require()  # before anything else is read
    try:
        return Path(file).stat().st_size
    except OSError:
        return 0


def _local(given: str) -> str:
    return given.removeprefix("file://")


def _places(given: str) -> list[_Place]:
    """Return what an input stands for: one place, or all matches of a glob."""
    given = _local(given)
    if storage.is_address(given):
        return _remote_places(given)
    place = _local_place(given)
    if place is not None:
        return [place]
    if found := sorted(glob.glob(given, recursive=True)):
        return [_local_place(one) or Rejection(one, 0, None, "unreadable", "it is gone") for one in found]
    raise ConfigError(f"no input {given!r}: no such file, folder or match; check the path, or pipe into -")


def _local_place(given: str) -> _Place | None:
    mode = _mode(given)
    if given == "-" or stat.S_ISREG(mode):
        return given
    if stat.S_ISDIR(mode):
        return _Folder(given)
    return Rejection(given, 0, None, "unreadable", _no_file(given)) if os.path.lexists(given) else None


def _remote_places(given: str) -> list[_Place]:
    try:
        return [_Folder(given) if storage.is_folder(given) else given]
    except FileNotFoundError as error:
        missing = error
    except OSError as error:
        return [Rejection(given, 0, None, "unreadable", str(error))]
    try:
        found = storage.matches(given)
    except OSError as error:
        return [Rejection(given, 0, None, "unreadable", str(error))]
    if not found:
        raise ConfigError(f"no input {given!r}: {missing.strerror}, and no match; check the address and your access")
    return [_Folder(name) if folder else name for name, folder in found]


def _files(places: list[_Place]) -> Iterator[str | Rejection]:
    if len(places) == 1:  # nothing in one place comes twice: no need to remember all of it
        yield from _of(places[0])
        return
    seen: set[str | Rejection] = set()
    for place in places:
        for item in _of(place):
            if item not in seen:  # a file named twice is read once
                seen.add(item)
                yield item


def _of(place: _Place) -> Iterator[str | Rejection]:
    if isinstance(place, _Folder):
        yield from _below(place, _remote_entries if storage.is_address(place.path) else _local_entries)
    else:
        yield place


def _below(top: _Folder, listed: Callable[[str], list[_Place]]) -> Iterator[str | Rejection]:
    """Yield the files below a folder that have one of our endings, and what is there but cannot be read.

    Depth first, each folder in the order of its names, which is the order of the paths' parts.
    """
    found = False
    waiting = [iter(listed(top.path))]
    while waiting:
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
        elif isinstance(place, _Folder):
            waiting.append(iter(listed(place.path)))
        else:
            found = True
            yield place
    if not found:
        yield Rejection(top.path, 0, None, "empty", f"holds no file ending in {', '.join(ENDINGS)}")


def _local_entries(folder: str) -> list[_Place]:
    folder = str(Path(folder))
    try:
        with os.scandir(folder) as entries:
            found = [place for entry in entries if (place := _entry(entry, folder)) is not None]
    except OSError as error:
        return [Rejection(str(error.filename or folder), 0, None, "unreadable", error.strerror or str(error))]
    return sorted(found, key=_path)


def _entry(entry: os.DirEntry[str], folder: str) -> _Place | None:
    path = entry.name if folder == "." else entry.path
    if _is(entry.is_dir):
        if not entry.is_symlink():
            return _Folder(path)
        detail = "a link to a folder, which is not followed; name that folder as an input"
        return Rejection(path, 0, None, "unreadable", detail)
    if not rows.ending(entry.name, ENDINGS):
        return None
    return path if _is(entry.is_file) else Rejection(path, 0, None, "unreadable", _no_file(path))


def _is(asked: Callable[[], bool]) -> bool:
    """Ask an entry what it is; one that is no link knows it from the listing, without another look at the file."""
    try:
        return asked()
    except OSError:  # a link that leads nowhere one may go
        return False


def _remote_entries(folder: str) -> list[_Place]:
    try:
        entries = storage.entries(folder)
    except OSError as error:
        return [Rejection(folder, 0, None, "unreadable", str(error))]
    found: list[_Place] = [
        _Folder(name) if below else name for name, below in entries if below or rows.ending(name, ENDINGS)
    ]
    return sorted(found, key=_path)


def _path(place: _Place) -> str:
    if isinstance(place, str):
        return place
    return place.path if isinstance(place, _Folder) else place.input


def _mode(path: str) -> int:
    """Return the mode of what stands at a path, or of what it links to; 0 where that cannot be told."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):  # ValueError: a null character, which no name has
        return 0


def _no_file(path: str) -> str:
    """Return why what stands at a path is no file that can be read."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return "a link to what does not exist"
    except OSError as error:
        return error.strerror or str(error)
    return "a pipe, not a file; read it into -" if stat.S_ISFIFO(mode) else "a device or socket, not a file"
