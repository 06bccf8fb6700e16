"""What variants of training are worth, from trials of one or several seeds."""

from __future__ import annotations

import pytest

from pipeline.training_variants import AS_CONFIGURED, Trial, worth

SEEDS = "seeds dev, macro-F1"


def trial(settings: str, seed: int, score: float, *, task: str = "stance") -> Trial:
    return Trial(task, settings, seed, 60.0, {SEEDS: score})


def test_a_variant_is_compared_seed_by_seed_and_other_tasks_are_left_aside() -> None:
    trials = [
        trial(AS_CONFIGURED, 13, 0.60),
        trial(AS_CONFIGURED, 14, 0.66),
        trial("layers=6", 13, 0.62),
        trial("layers=6", 13, 0.9, task="claims"),
    ]
    configured, varied = worth(trials, "stance")
    assert (configured.settings, configured.seeds, configured.gains) == (AS_CONFIGURED, 2, None)
    assert configured.means == {SEEDS: pytest.approx(0.63)}
    assert configured.ranges == {SEEDS: (0.60, 0.66)}
    assert (varied.settings, varied.seeds) == ("layers=6", 1)
    assert varied.gains == {SEEDS: pytest.approx(0.02)}  # to seed 13, whatever the mean of both seeds is
    assert worth(trials, "topic") == []


def test_without_a_training_as_configured_nothing_can_be_told() -> None:
    assert worth([trial("layers=6", 13, 0.7)], "stance") == []


def test_a_variant_is_the_first_to_be_tried_and_still_the_second_row() -> None:
    rows = worth([trial("layers=6", 13, 0.7), trial(AS_CONFIGURED, 13, 0.6)], "stance")
    assert [row.settings for row in rows] == [AS_CONFIGURED, "layers=6"]


def test_only_sets_that_every_trial_has_are_compared() -> None:
    configured = Trial("stance", AS_CONFIGURED, 13, 60.0, {SEEDS: 0.6, "NewsMTSC dev_rw, macro-F1": 0.5})
    trials = [configured, trial("layers=6", 13, 0.7)]
    assert [set(row.means) for row in worth(trials, "stance")] == [{SEEDS}, {SEEDS}]
    assert [row.means for row in worth([Trial("stance", AS_CONFIGURED, 13, 1.0, {})], "stance")] == [{}]


def test_the_same_training_again_counts_once() -> None:
    [row] = worth([trial(AS_CONFIGURED, 13, 0.6), trial(AS_CONFIGURED, 13, 0.7)], "stance")
    assert (row.seeds, row.means) == (1, {SEEDS: 0.7})


def test_seeds_that_only_a_variant_has_give_no_gain() -> None:
    rows = worth([trial(AS_CONFIGURED, 13, 0.6), trial("layers=6", 14, 0.7)], "stance")
    assert [row.gains for row in rows] == [None, None]
