"""The public benchmark refuses what it could not score before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from benchmarks import public, run
from pipeline.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_a_configuration_without_test_sets_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(typer.BadParameter, match="no test set of stance; take configs/public"):
        public.main(config=Path("configs/pipeline.yaml"))


@pytest.mark.parametrize(("option", "value"), [("seeds", "a"), ("models", "x"), ("tasks", "topic")])
def test_what_an_option_cannot_be_is_refused(option: str, value: str) -> None:
    with pytest.raises(typer.BadParameter, match=value):
        public.main(**{option: value})  # type: ignore[arg-type]


def test_an_error_of_the_project_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise ConfigError("no file nope.yaml")

    monkeypatch.setattr("sys.argv", ["benchmark"])
    with pytest.raises(SystemExit) as stopped:
        run(command)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "benchmarks: no file nope.yaml\n"
