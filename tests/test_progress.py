"""What is told of work in progress, by a clock that the tests wind."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import progress
from pipeline.progress import Progress


class Clock:
    """Stands still until it is wound."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """The log of a run without a terminal."""
    monkeypatch.setattr(progress, "interactive", lambda: False)
    caplog.set_level(logging.INFO, "newsfacts")
    return caplog


def test_a_line_every_ten_seconds_says_count_rate_share_and_time_left(
    clock: Clock, told: pytest.LogCaptureFixture
) -> None:
    shown = Progress("annotate", unit="articles", total=1000, clock=clock)
    for _ in range(40):
        clock.seconds += 1
        shown.advance(2, 5)
    assert told.messages == [
        "annotate: 20 articles, 2.0/s, 3 min 10 s left, 5 % done",
        "annotate: 40 articles, 2.0/s, 3 min 0 s left, 10 % done",
        "annotate: 60 articles, 2.0/s, 2 min 50 s left, 15 % done",
        "annotate: 80 articles, 2.0/s, 2 min 40 s left, 20 % done",
    ]


def test_where_the_total_is_unknown_only_count_and_rate_are_told(clock: Clock, told: pytest.LogCaptureFixture) -> None:
    shown = Progress("annotate", unit="articles", clock=clock)
    clock.seconds += 20
    shown.advance(30, 12_000)
    assert told.messages == ["annotate: 30 articles, 1.5/s"]


def test_a_limit_ends_the_work_sooner_than_its_total(clock: Clock, told: pytest.LogCaptureFixture) -> None:
    shown = Progress("annotate", unit="articles", total=1_000_000, limit=40, clock=clock)
    clock.seconds += 10
    shown.advance(10, 1000)
    clock.seconds += 10
    shown.advance(10, 900_000)
    assert told.messages == [
        "annotate: 10 articles, 1.0/s, 30 s left, 25 % done",
        "annotate: 20 articles, 1.0/s, 2 s left, 90 % done",
    ]


def test_what_an_earlier_run_has_done_counts_for_the_share_and_not_for_the_rate(
    clock: Clock, told: pytest.LogCaptureFixture
) -> None:
    shown = Progress("annotate", unit="articles", total=1000, clock=clock)
    shown.skip(80, 800)
    clock.seconds += 10
    shown.advance(10, 100)
    assert told.messages == ["annotate: 90 articles, 1.0/s, 10 s left, 90 % done"]


def test_after_an_earlier_run_the_time_left_is_that_to_the_nearer_end_and_not_a_mix_of_both(
    clock: Clock, told: pytest.LogCaptureFixture
) -> None:
    shown = Progress("annotate", unit="articles", total=1000, limit=100, clock=clock)
    shown.skip(20, 500)  # half of the bytes, a fifth of the limit
    clock.seconds += 10
    shown.advance(40, 20)
    assert told.messages == ["annotate: 60 articles, 4.0/s, 10 s left, 60 % done"]


def test_an_end_that_has_not_come_nearer_says_nothing_of_the_time_left(
    clock: Clock, told: pytest.LogCaptureFixture
) -> None:
    shown = Progress("annotate", unit="articles", total=1000, limit=100, clock=clock)
    shown.skip(20, 500)
    for count, work in ((20, 0), (0, 250)):
        clock.seconds += 10
        shown.advance(count, work)
    assert told.messages == [
        "annotate: 40 articles, 2.0/s, 30 s left, 50 % done",
        "annotate: 40 articles, 1.0/s, 20 s left, 75 % done",
    ]
    empty = Progress("annotate", unit="articles", total=0, limit=4, clock=clock)
    clock.seconds += 10
    empty.advance(1)
    assert told.messages[-1] == "annotate: 1 articles, 0.1/s, 30 s left, 25 % done"


def test_work_that_turns_out_larger_than_its_total_is_done_at_most_whole(
    clock: Clock, told: pytest.LogCaptureFixture
) -> None:
    shown = Progress("annotate", unit="articles", total=10, clock=clock)
    clock.seconds += 10
    shown.advance(1, 30)
    assert told.messages == ["annotate: 1 articles, 0.1/s, 0 s left, 100 % done"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(13.4, "13 s"), (60, "1 min 0 s"), (3_599.6, "1 h 0 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_durations_are_told_in_two_units(
    clock: Clock, told: pytest.LogCaptureFixture, seconds: float, said: str
) -> None:
    shown = Progress("x", unit="y", total=2, clock=clock)
    clock.seconds += seconds
    shown.advance(1, 1)
    assert f"/s, {said} left" in told.messages[0]


def test_on_a_terminal_a_bar_takes_the_place_of_lines(
    clock: Clock, told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bar:
        made: list[Any] = []

        def __init__(self, total: float, bar_format: str, delay: float, leave: bool) -> None:
            self.n, self.format, self.said, self.open = 0.0, bar_format, "", True
            self.made.append(self)

        def set_description_str(self, said: str, refresh: bool) -> None:
            self.said = said

        def update(self, step: float) -> None:
            self.n += step

        def close(self) -> None:
            self.open = False

    monkeypatch.setattr(progress, "interactive", lambda: True)
    monkeypatch.setattr(progress, "tqdm", Bar)
    with Progress("annotate", unit="articles", total=100, clock=clock) as shown:
        clock.seconds += 20
        shown.advance(5, 20)
    [bar] = Bar.made
    assert (bar.n, bar.said, bar.open) == (0.2, "annotate: 5 articles, 0.2/s, 1 min 20 s left", False)
    assert "percentage" in bar.format
    with Progress("annotate", unit="articles", clock=clock):
        assert "percentage" not in Bar.made[1].format
    assert told.messages == []


@given(items=st.lists(st.integers(), max_size=20), terminal=st.booleans())
def test_items_pass_through_unchanged(items: list[int], terminal: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "interactive", lambda: terminal)
        assert list(progress.progress(iter(items), label="x", total=len(items))) == items
        assert list(progress.progress(iter(items), label="x", work=lambda: 3)) == items
