"""Accepting models, holding them against floors and comparing runs, from the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline import acceptance, answers, floors
from pipeline.evaluation import Change, Evaluation, Origin
from pipeline.records import read_jsonl, write_jsonl
from tests.calls import Outcome, newsfacts
from tests.trained import Trained

REASON = "The labels of forty sentences were corrected."


@dataclass(frozen=True)
class Project:
    """A copy of an evaluation, with floors and a place for what is accepted."""

    root: Path

    @property
    def evaluated(self) -> Path:
        return self.root / "evaluate"

    @property
    def accepted(self) -> Path:
        return self.root / "accepted"

    @property
    def floors(self) -> Path:
        return self.root / "floors.yaml"

    def accept(self, *arguments: str) -> Outcome:
        folders = ("--evaluated", self.evaluated, "--accepted", self.accepted, "--floors", self.floors)
        return newsfacts("accept", *folders, *arguments)

    def check(self, *arguments: str) -> Outcome:
        return newsfacts("floors", "--evaluated", self.evaluated, "--floors", self.floors, *arguments)

    def evaluation(self) -> Evaluation:
        [found] = read_jsonl(self.evaluated / "evaluation.json", Evaluation)
        return found

    def change(self, **changes: object) -> None:
        write_jsonl(self.evaluated / "evaluation.json", [replace(self.evaluation(), **changes)])  # type: ignore[arg-type]

    def pin(self, **changes: float) -> None:
        """Pin other values than the file's, by metric of the task stance."""
        own = floors.read(self.floors)["smoke"]
        pinned = own["stance.macro_f1"].model_copy(update=changes)
        floors.write(self.floors, {"smoke": {**own, "stance.macro_f1": pinned}})


@pytest.fixture
def project(trained: Trained, tmp_path: Path) -> Project:
    shutil.copytree(trained.data / "evaluate", tmp_path / "evaluate")
    shutil.copy(trained.root / "configs" / "floors.yaml", tmp_path)
    found = Project(tmp_path)
    found.change(accepted=None, changes=())  # as where nothing has been accepted yet
    return found


def test_what_is_accepted_is_what_the_next_evaluation_compares_with(project: Project, trained: Trained) -> None:
    outcome = project.accept()
    assert outcome.code == 0, outcome.err
    assert "commit" in outcome.err
    again = project.root / "again"
    trained.run("evaluate", accepted=project.accepted, output=again, plots=again / "plots")
    [found] = read_jsonl(again / "evaluation.json", Evaluation)
    assert found.accepted == found.origin
    assert {change.verdict for change in found.changes} == {"same"}
    assert {change.task for change in found.changes} == {"strip", *(task.task for task in found.tasks)}
    assert all(change.now == change.accepted for change in found.changes)
    assert {check.holds for check in found.floors} == {True}


def test_what_is_accepted_holds_no_text(project: Project, trained: Trained) -> None:
    assert project.accept().code == 0
    [first, *_] = (trained.data / "evaluate" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    kept = "".join(path.read_text(encoding="utf-8") for path in project.accepted.iterdir())
    assert json.loads(first)["text"] not in kept
    assert sorted(path.name for path in project.accepted.iterdir()) == ["accepted.json", "answers.jsonl"]


def test_a_model_below_a_floor_is_accepted_only_with_a_reason_which_is_kept(project: Project) -> None:
    project.pin(value=0.99)
    refused = project.accept()
    assert refused.code == 1
    assert "stance macro_f1" in refused.err
    assert "below its floor" in refused.err
    assert "--reason" in refused.err
    assert not project.accepted.exists()
    assert project.accept("--reason", REASON).code == 0
    kept = acceptance.read(project.accepted)
    assert kept is not None
    assert kept[0].reason == REASON
    assert project.check().code == 1  # what is accepted does not lower a floor


def test_a_worse_model_is_accepted_only_with_a_reason(project: Project) -> None:
    project.change(changes=(Change("claims", "macro_f1", 0.9, 0.7, -0.25, -0.15, 300, "worse"),))
    refused = project.accept()
    assert refused.code == 1
    assert "claims macro_f1 is worse, 0.7000 after 0.9000 on 300 cases" in refused.err
    assert project.accept("--reason", " ").code == 2
    assert project.accept("--reason", REASON).code == 0


def test_another_configuration_is_accepted_only_with_a_reason(project: Project) -> None:
    assert project.accept().code == 0
    whole = project.evaluation()
    assert whole.origin is not None
    project.change(accepted=whole.origin, origin=replace(whole.origin, configuration="pipeline"))
    refused = project.accept()
    assert refused.code == 1
    assert "of configuration pipeline, and smoke is accepted" in refused.err


def test_an_evaluation_that_compared_with_something_else_is_not_accepted(project: Project) -> None:
    project.change(accepted=Origin("pipeline", "0" * 64, {}))
    refused = project.accept()
    assert refused.code == 2
    assert "make repro" in refused.err


def test_accepting_raises_a_floor_that_the_run_exceeds_by_more_than_noise(project: Project) -> None:
    value = floors.read(project.floors)["smoke"]["stance.macro_f1"].value
    project.pin(value=0.1, epsilon=0.01)
    outcome = project.accept()
    assert outcome.code == 0
    assert "floor of stance.macro_f1 raised" in outcome.err
    risen = floors.read(project.floors)
    assert risen["smoke"]["stance.macro_f1"].value == pytest.approx(value, abs=0.08)
    kept = acceptance.read(project.accepted)
    assert kept is not None
    assert kept[0].floors == {name: {key: one.floor for key, one in own.items()} for name, own in risen.items()}


def test_floors_that_hold_are_listed_and_one_that_does_not_fails(project: Project) -> None:
    holding = project.check()
    assert holding.code == 0
    assert "| stance | macro_f1 |" in holding.out
    assert "NO" not in holding.out
    project.pin(value=0.99)
    fallen = project.check()
    assert fallen.code == 1
    assert fallen.out.count("NO") == 1
    assert "--lower" in fallen.err


def test_a_floor_is_lowered_with_a_flag_and_a_reason(project: Project) -> None:
    project.pin(value=0.99)
    assert project.check("--lower", "stance.macro_f1=0.2").code == 2
    assert project.check("--reason", REASON).code == 2
    assert project.check("--lower", "stance.macro_f1", "--reason", REASON).code == 2
    assert project.check("--lower", "stance.macro_f1=0.2", "--reason", REASON).code == 0
    lowered = floors.read(project.floors)["smoke"]["stance.macro_f1"]
    assert (lowered.value, lowered.lowered_from, lowered.reason) == (0.2, 0.99, REASON)
    assert project.check().code == 0


def test_a_configuration_without_floors_says_so(project: Project) -> None:
    whole = project.evaluation()
    assert whole.origin is not None
    project.change(origin=replace(whole.origin, configuration="mine"))
    outcome = project.check()
    assert outcome.code == 0
    assert "no floors for configuration 'mine'; known: pipeline, smoke" in outcome.err


def test_one_run_alone_is_shown_with_its_own_scores(project: Project) -> None:
    outcome = newsfacts("report", project.evaluated)
    assert outcome.code == 0, outcome.err
    [row] = [line for line in outcome.out.splitlines() if line.startswith("| claims |")]
    scored = next(task for task in project.evaluation().tasks if task.task == "claims").model.classification
    assert f"{scored.macro_f1:.3f}" in row
    assert "Verdict" not in outcome.out


def test_runs_are_compared_with_the_first(project: Project) -> None:
    other = project.root / "other & <b>"
    shutil.copytree(project.evaluated, other)
    found = list(read_jsonl(other / answers.FILE, answers.Answer))
    right = [replace(one, label=one.gold) if one.task == "stance" else one for one in found]
    write_jsonl(other / answers.FILE, [one for one in right if one.task != "topic"])
    outcome = newsfacts("report", project.evaluated, other)
    rows = {line.split(" | ")[0].strip("| "): line for line in outcome.out.splitlines()}
    assert rows["stance"].endswith("| better |")
    assert rows["claims"].endswith("| same |")
    assert rows["topic"].endswith("| nothing to compare |")
    page, text = project.root / "comparison.html", project.root / "comparison.md"
    for output in (page, text):
        assert newsfacts("report", project.evaluated, other, "--output", output).code == 0
    assert text.read_text(encoding="utf-8") == outcome.out
    written = page.read_text(encoding="utf-8")
    assert "other &amp; &lt;b&gt;" in written
    assert "<script" not in written
    assert "better" in written


def test_a_comparison_names_what_is_wrong_with_its_call(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)  # where there is no tracking store
    absent = newsfacts("report", project.evaluated, project.root / "absent")
    assert absent.code == 2
    assert "absent" in absent.err
    assert newsfacts("report", project.evaluated, "--output", project.root / "page.pdf").code == 2
    beside = newsfacts("report", project.evaluated, "--page", project.root / "page.html")
    assert beside.code == 2
    assert "--output names a comparison's .html or .md" in beside.err


def test_a_damaged_evaluation_is_named(project: Project) -> None:
    path = project.evaluated / "evaluation.json"
    whole = path.read_bytes()
    for content, message in ((b"", "holds 0 evaluations"), (whole * 2, "holds 2 evaluations"), (whole[:99], "JSON")):
        path.write_bytes(content)
        for outcome in (project.accept(), project.check(), newsfacts("report", project.evaluated)):
            assert outcome.code == 2
            assert str(path) in outcome.err
            assert message in outcome.err
