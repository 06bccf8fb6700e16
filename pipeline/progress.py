"""How far work is, how fast and how long it will take: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_LOG = logging.getLogger("newsfacts")
_LOG_EVERY = 10.0  # seconds between log lines where no bar can be drawn


def interactive() -> bool:
    """Tell whether progress bars can be drawn."""
    return sys.stderr.isatty()


class Progress:
    """Shows a count, its rate and, where it is known how much there is to do, share done and time left.

    What is counted and what is to be done may differ: articles, in so many bytes. Nothing is shown for work of under
    two seconds.
    """

    def __init__(
        self,
        label: str,
        *,
        unit: str,
        total: int | None = None,
        limit: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``total`` is the work to be done, ``limit`` a count at which it ends sooner."""
        self._label = label
        self._unit = unit
        self._total = total
        self._limit = limit
        self._clock = clock
        self._count = self._work = 0
        self._found = 0  # counted already when this run began
        self._found_shares: tuple[float, ...] = ()
        self._started = self._told = clock()
        self._bar: tqdm[Any] | None = None
        if interactive():
            share = "" if total is None and limit is None else "{percentage:3.0f}% |{bar:20}| "
            self._bar = tqdm(total=1.0, bar_format=f"{share}{{desc}}", delay=2, leave=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def skip(self, count: int, work: int = 0) -> None:
        """Count what an earlier run has done: it belongs to the share, not to the rate."""
        self._count += count
        self._work += work
        self._found = self._count
        self._found_shares = self._shares()

    def advance(self, count: int, work: int = 0) -> None:
        """Count what is done, and show it if it is time."""
        self._count += count
        self._work += work
        now = self._clock()
        if self._bar is not None:
            self._bar.set_description_str(self._said(now), refresh=False)
            self._bar.update((self._share() or 0.0) - self._bar.n)
        elif now - self._told >= _LOG_EVERY:
            self._told = now
            share = self._share()
            _LOG.info("%s%s", self._said(now), "" if share is None else f", {100 * share:.0f} % done")

    def _shares(self) -> tuple[float, ...]:
        """Return what share is done of each thing that may end the work, the total and the limit."""
        goals = ((self._work, self._total), (self._count, self._limit))
        return tuple(min(1.0, done / goal) for done, goal in goals if goal)

    def _share(self) -> float | None:
        return max(self._shares(), default=None)

    def _said(self, now: float) -> str:
        seconds = max(now - self._started, 1e-9)
        said = f"{self._label}: {self._count} {self._unit}, {(self._count - self._found) / seconds:.1f}/s"
        shares = self._shares()
        found = self._found_shares or (0.0,) * len(shares)
        left = [seconds * (1 - share) / (share - at) for share, at in zip(shares, found, strict=True) if share > at]
        return f"{said}, {_duration(min(left))} left" if left else said


def progress(
    items: Iterable[Item],
    *,
    label: str,
    total: int | None = None,
    unit: str = "it",
    work: Callable[[], int] | None = None,
) -> Iterator[Item]:
    """Yield ``items`` while showing how far they are; ``work`` says what of ``total`` each took, one if left out."""
    with Progress(label, unit=unit, total=total) as shown:
        for item in items:
            yield item
            shown.advance(1, 1 if work is None else work())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
