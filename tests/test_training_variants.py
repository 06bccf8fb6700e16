"""What variants of training are worth, from trials of one or several seeds."""

from __future__ import annotations

import pytest

from pipeline.training_variants import AS_CONFIGURED, Trial, worth


def trial(settings: str, seed: int, score: float, *, task: str = "stance") -> Trial:
    return Trial(task, settings, seed, 60.0 + seed, {"seeds dev, macro-F1": score})


def test_trials_of_one_variant_are_taken_together_and_other_tasks_left_aside() -> None:
    trials = [
        trial(AS_CONFIGURED, 13, 0.60),
        trial(AS_CONFIGURED, 14, 0.66),
        trial("layers=6", 13, 0.7),
        trial("layers=6", 13, 0.9, task="claims"),
    ]
    configured, varied = worth(trials, "stance")
    assert (configured.settings, configured.seeds, configured.seconds) == (AS_CONFIGURED, 2, 73.5)
    assert configured.means == {"seeds dev, macro-F1": pytest.approx(0.63)}
    assert configured.ranges == {"seeds dev, macro-F1": (0.60, 0.66)}
    assert (varied.settings, varied.seeds, varied.means) == ("layers=6", 1, {"seeds dev, macro-F1": 0.7})
    assert [one.means["seeds dev, macro-F1"] for one in worth(trials, "claims")] == [0.9]
    assert worth(trials, "topic") == []
