"""Floors: what is pinned holds, noise does not raise it, and nothing is lowered without a reason in the file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline import acceptance, floors
from pipeline.errors import ConfigError
from pipeline.evaluation import Evaluation, StripEvaluation
from pipeline.floors import KEPT, Floor
from pipeline.stage_runner import active_config
from tests.dvc_deps import ROOT
from tests.trained import Trained

FILE = ROOT / "configs" / "floors.yaml"
METRICS = ROOT / "data" / "evaluate" / "metrics.json"
BECAUSE = "Half of the spread over five training seeds."
REASON = "The labels of forty sentences were corrected."
EVALUATION = Evaluation({}, StripEvaluation(100, 0.9, 0.8, 0.85, None, 0.01, 0), ())


def floor(value: float, epsilon: float = 0.01, **others: Any) -> Floor:
    return Floor(value=value, epsilon=epsilon, because=BECAUSE, **others)


def flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def test_the_committed_figures_are_above_the_floors() -> None:
    """Of whichever configuration is active: metrics.json is in git, so that this needs no trained models."""
    if not METRICS.is_file():
        pytest.skip("data/evaluate/metrics.json is missing: 'make repro' writes it")
    found = floors.figures(dict(flat(json.loads(METRICS.read_text(encoding="utf-8")))))
    own = floors.read(FILE).get(active_config().stem, {})
    fallen = {name: (found.get(name), one.floor) for name, one in own.items() if not found.get(name, 0) >= one.floor}
    assert not fallen, "mend what made the scores fall, or run 'newsfacts floors --lower … --reason …'"


def test_a_small_run_of_every_stage_is_above_the_floors_of_the_smoke_configuration(trained: Trained) -> None:
    own = floors.read(FILE)["smoke"]
    found = floors.figures(trained.figures["evaluate"])
    assert {name for name, one in own.items() if found[name] < one.floor} == set()


def test_no_floor_lies_unseen_below_what_is_accepted() -> None:
    """Pinning a lower value by hand is told from lowering it with a reason: the accepted figures are the witness."""
    kept = acceptance.read(ROOT / "seeds" / "accepted")
    assert kept is not None
    accepted, _ = kept
    pinned = floors.read(FILE)
    for name, one in pinned[accepted.origin.configuration].items():
        unseen = accepted.figures[name] > one.value + one.epsilon + 1e-4 and one.lowered_from is None
        assert not unseen, f"{name}: run 'newsfacts floors --lower {name}={one.value} --reason …' instead"
    # A greater epsilon lowers a floor as well, and so does taking the floor out.
    assert accepted.floors.keys() >= {"pipeline", "smoke"}
    for configuration, lowest in accepted.floors.items():
        own = pinned.get(configuration, {})
        assert not lowest.keys() - own.keys(), "a floor was taken out of the file"
        fallen = {name for name, least in lowest.items() if own[name].floor < least and own[name].lowered_from is None}
        assert not fallen, "run 'newsfacts floors --lower … --reason …' instead"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lowered_from": 0.7}, "go together"),
        ({"reason": REASON}, "go together"),
        ({"lowered_from": 0.5, "reason": REASON}, "is not above value"),
        ({"lowered_from": 0.7, "reason": "because"}, "length 20 or more"),
        ({"epsilon": 0.0}, "greater than 0"),
        ({"because": "noise"}, "length 20 or more"),
        ({"valeu": 0.6}, "did you mean 'value'"),
    ],
)
def test_a_floor_that_breaks_the_form_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    entry = {"value": 0.6, "epsilon": 0.02, "because": BECAUSE, **changes}
    path = tmp_path / "floors.yaml"
    path.write_text(yaml.safe_dump({"pipeline": {"stance.macro_f1": entry}}), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"pipeline\.stance\.macro_f1.*{message}"):
        floors.read(path)


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "floors.yaml"
    path.write_text("- 0.6\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no floors"):
        floors.read(path)


values = st.floats(0, 1).map(lambda value: round(value, 4))
pinned = st.builds(floor, values, st.floats(0.0001, 0.2).map(lambda value: round(value, 4) or 0.0001))


@given(st.dictionaries(st.sampled_from(["strip.f1", "strip.precision", KEPT]), pinned))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, own: dict[str, Floor]) -> None:
    path = tmp_path_factory.mktemp("floors") / "floors.yaml"
    floors.write(path, {"pipeline": own, "smoke": {}})
    assert floors.read(path) == {"pipeline": own, "smoke": {}}


def test_an_evaluation_is_held_against_each_floor() -> None:
    own = {"strip.f1": floor(0.85), "strip.precision": floor(0.92), KEPT: floor(0.99), "topic.macro_f1": floor(0.5)}
    found = floors.checks(own, EVALUATION)
    assert [(one.task, one.metric, one.holds) for one in found] == [
        ("strip", "f1", True),
        ("strip", "precision", False),
        ("strip", "body_kept", True),
        ("topic", "macro_f1", False),  # a figure that is no longer measured does not pass unseen
    ]


@given(st.floats(0, 1), pinned)
def test_a_value_rises_only_beyond_noise_and_the_run_is_above_its_own_floor(score: float, one: Floor) -> None:
    [risen] = floors.raised({"strip.f1": one}, {"strip.f1": score}).values()
    if score > one.value + one.epsilon:
        assert one.value < risen.value <= score
        assert math.isclose(risen.value, score, abs_tol=1e-4)
        assert score >= risen.floor
    else:
        assert risen == one


def test_a_lowered_floor_keeps_the_reason_and_how_high_it_was_until_it_rises_again() -> None:
    own = {"strip.f1": floor(0.9)}
    once = floors.lowered(own, "strip.f1", 0.8, REASON, where="floors.yaml")
    twice = floors.lowered(once, "strip.f1", 0.7, f"{REASON} Again.", where="floors.yaml")["strip.f1"]
    assert (twice.value, twice.lowered_from, twice.reason) == (0.7, 0.9, f"{REASON} Again.")
    [risen] = floors.raised({"strip.f1": twice}, {"strip.f1": 0.95}).values()
    assert (risen.value, risen.lowered_from, risen.reason) == (0.95, None, None)


@pytest.mark.parametrize(
    ("figure", "value", "reason", "message"),
    [
        ("stance.macro_f1", 0.5, REASON, "no floor for 'stance.macro_f1'; known: strip.f1"),
        ("strip.f1", 0.9, REASON, "'newsfacts accept' raises a floor"),
        ("strip.f1", 0.8, "so", "length 20 or more"),
        ("strip.f1", -0.1, REASON, "at least 0"),
    ],
)
def test_a_floor_is_lowered_only_with_a_reason(figure: str, value: float, reason: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        floors.lowered({"strip.f1": floor(0.9)}, figure, value, reason, where="floors.yaml")
