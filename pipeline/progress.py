"""Progress on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_LOG = logging.getLogger("newsfacts")
_LOG_EVERY = 10.0  # seconds between log lines where no bar can be drawn


def interactive() -> bool:
    """Tell whether progress bars can be drawn."""
    return sys.stderr.isatty()


def progress(items: Iterable[Item], *, label: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield ``items`` while showing how far they are; nothing is shown for work of under two seconds."""
    if interactive():
        yield from tqdm(items, desc=label, total=total, unit=f" {unit}", delay=2, leave=False)
        return
    started = last = time.monotonic()
    for number, item in enumerate(items):
        now = time.monotonic()
        if now - last >= _LOG_EVERY:
            last = now
            of = f" of {total}" if total else ""
            _LOG.info("%s: %d%s %s, %.1f/s", label, number, of, unit, number / (now - started))
        yield item
