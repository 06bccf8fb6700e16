"""Measurements that take longer than a test may, or need data that the project does not contain."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from pipeline.errors import NewsfactsError


def run(command: Callable[..., None]) -> None:
    """Run a benchmark's command line; what its user has to mend is told in a sentence."""
    try:
        typer.run(command)
    except NewsfactsError as error:
        typer.echo(f"benchmarks: {error}", err=True)
        sys.exit(2)


def numbers(given: str, option: str) -> list[int]:
    """Return the numbers of an option, which commas separate.

    Raises:
        BadParameter: they are none.
    """
    try:
        return [int(number) for number in given.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{given!r} is not numbers separated by commas", param_hint=option) from None
