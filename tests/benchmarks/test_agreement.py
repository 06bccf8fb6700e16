"""Annotations of two runtimes are compared by what a user reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import agreement
from benchmarks.agreement import Agreement
from pipeline.article import Annotation, Claim, Facts, Provenance, Stance, Topic
from pipeline.classifiers import runtime
from tests.dvc_deps import ROOT
from tests.trained import Trained

Listed = tuple[int, str, float]
"""Start, label and score."""


def annotation(claims: Sequence[Listed] = (), stances: Sequence[Stance] = ()) -> Annotation:
    listed = tuple(
        Claim("", label, score, start, start + 9, start, start + 9, Facts()) for start, label, score in claims
    )
    topic = Topic("economy", "04000000", 0.8, False, ())
    provenance = Provenance("1", "sha256:0", {}, "torch")
    return Annotation(
        "a", "a.txt", 1, None, None, None, None, topic, tuple(stances), listed, (), (), "", (), provenance
    )


def test_what_is_alike_agrees() -> None:
    told = [annotation([(0, "checkworthy", 0.9)], [Stance("NATO", "favor", 0.6, False, 2)])]
    assert agreement.compared(told, told) == Agreement(1, 0, 1, 0, 0, 0.0)


def test_a_claim_that_one_lists_alone_has_another_label() -> None:
    one = [annotation([(0, "checkworthy", 0.9), (10, "factual", 0.5)]), annotation([(0, "factual", 0.7)])]
    other = [annotation([(0, "factual", 0.8), (20, "factual", 0.6)]), annotation([(0, "factual", 0.75)])]
    found = agreement.compared(one, other)
    assert (found.claims, found.other_claims) == (4, 3)
    assert found.difference == pytest.approx(0.1)


def test_stances_are_counted_by_label_and_by_abstention() -> None:
    one = [annotation(stances=[Stance("NATO", "favor", 0.5, True, 1), Stance("EU", "against", 0.5, True, 1)])]
    other = [annotation(stances=[Stance("NATO", "neutral", 0.5, True, 1), Stance("EU", "against", 0.6, False, 1)])]
    found = agreement.compared(one, other)
    assert (found.stances, found.other_stances, found.other_abstentions) == (2, 1, 1)


def test_it_prints_a_row_for_each_runtime_but_torch(trained: Trained) -> None:
    program = typer.Typer()
    program.command()(agreement.main)
    article = next((ROOT / "seeds" / "articles").rglob("*.txt"))
    printed = (
        CliRunner().invoke(program, [str(article), "--models", str(trained.models)], catch_exceptions=False).stdout
    )
    assert printed.startswith("1 articles, compared with torch")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in printed.splitlines()[4:]]
    assert rows == [name for name in runtime.available() if name != "torch"]
