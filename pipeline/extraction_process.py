"""Extraction in a process of its own: a page that takes too long, or takes its parser down, costs that page alone."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from pipeline import extraction
from pipeline.article import Mark
from pipeline.errors import ConfigError, InputError
from pipeline.extraction import Main

FAILED = "extractor-failed"
_READY = b"ready"
_START_SECONDS = 120  # for the child to import its extractor; it says when it has


@contextmanager
def interruptions_wait() -> Iterator[None]:
    """Hold a Ctrl-C back: processes that are started meanwhile never see it, not even while they import.

    The one who started them says what it means; they would only print where it met them.
    """
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    # The mask is for the processes: it holds for this thread alone, and a library's may take the signal in its place.
    deferred = callable(handler) and threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if deferred:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if deferred:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


class IsolatedExtraction:
    """Extracts pages by a child process, which starts with the first page and again after a page that it lost."""

    def __init__(self, extractor: str, *, max_depth: int, max_seconds: float) -> None:
        extraction.load(extractor)  # a wrong name should stop the run, not every page
        self._arguments = (extractor, str(max_depth))
        self._max_seconds = max_seconds
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def extract(self, html: str, title: str | None = None) -> Main:
        """Return a page's main text; ``title`` is one known from elsewhere.

        Raises:
            InputError: as for ``extraction.extract``, or the page took too long, or the extractor failed at it.
        """
        _, connection = self._child or self._start()
        try:
            connection.send_bytes(json.dumps({"html": html, "title": title}).encode())
            if not connection.poll(self._max_seconds):
                self._stop()
                raise InputError("html-too-slow", f"over max_html_seconds = {self._max_seconds}")
            answer = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            self._stop()
            raise InputError(FAILED, f"{self._arguments[0]} died of this page") from None
        if answer.get("reason") == FAILED:
            self._stop()
        if "reason" in answer:
            raise InputError(answer["reason"], answer["detail"].encode(errors="replace").decode())
        marks = tuple(Mark(**mark) for mark in answer.pop("marks"))
        return Main(**answer, marks=marks)

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = socket.socketpair()
        with theirs, interruptions_wait():
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), *self._arguments],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard error: what an extractor prints is no part of our output
            )
        connection = Connection(ours.detach())
        self._child = child, connection
        ready = False
        with contextlib.suppress(EOFError, OSError):
            ready = connection.poll(_START_SECONDS) and connection.recv_bytes() == _READY
        if not ready:
            self._stop()
            raise ConfigError(f"the extractor {self._arguments[0]!r} does not start in a process of its own; mend it")
        return child, connection

    def _stop(self) -> None:
        if self._child is None:
            return
        child, connection = self._child
        self._child = None
        connection.close()
        child.kill()
        child.wait()


def _serve(connection: Connection, name: str, max_depth: int) -> None:
    def tell(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        # Whatever an extractor trips over is the page's fault: tell it, and let the parent start another child.
        detail = f"{name}: {kind.__name__}: {error}"
        connection.send_bytes(json.dumps({"reason": FAILED, "detail": detail}).encode())

    extractor = extraction.load(name)
    if name == extraction.DEFAULT:
        import trafilatura  # noqa: F401  # before the clock of the first page runs
    pages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, pages), daemon=True).start()
    connection.send_bytes(_READY)
    sys.excepthook = tell
    while True:
        asked = json.loads(pages.get())
        try:
            answer = asdict(extraction.extract(asked["html"], extractor, max_depth, title=asked["title"]))
        except InputError as error:
            answer = {"reason": error.reason, "detail": str(error)}
        connection.send_bytes(json.dumps(answer).encode())


def _receive(connection: Connection, pages: queue.SimpleQueue[bytes]) -> None:
    """Take pages until the parent has ended, however it did; then end this process.

    C code that keeps the interpreter to itself delays that until it is done with the page.
    """
    with contextlib.suppress(EOFError, OSError):
        while True:
            pages.put(connection.recv_bytes())
    os._exit(0)


if __name__ == "__main__":
    import logging

    logging.disable(logging.ERROR)
    _serve(Connection(int(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
