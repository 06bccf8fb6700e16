"""Commands that decide on trained models: accept them, hold them against floors, compare runs; and report drift."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.acceptance import Evaluated
    from pipeline.evaluation import Evaluation
    from pipeline.floors import Floors
    from pipeline.profiles import Profile

NOT_GOOD_ENOUGH = 1  # exit code: a floor does not hold, an evaluation was not accepted, or there is drift
_TOGETHER = 64  # articles that are annotated at once
FloorsOption = Annotated[Path, typer.Option("--floors", help="The pinned scores.")]
EvaluatedOption = Annotated[Path, typer.Option(help="Folder of the evaluate stage.")]


def accept(
    evaluated: EvaluatedOption = Path("data/evaluate"),
    accepted: Annotated[Path, typer.Option(help="Folder of what is accepted.")] = Path("seeds/accepted"),
    floors: FloorsOption = Path("configs/floors.yaml"),
    reason: Annotated[
        str | None, typer.Option(help="Why to accept what is below a floor or worse than before; it is kept.")
    ] = None,
) -> None:
    """Accept the evaluated models: later evaluations compare with them, and floors rise where these exceed them."""
    from pipeline import acceptance, evaluation
    from pipeline import floors as pinned

    if reason is not None and not reason.strip():
        raise ConfigError("--reason is empty; say why in a sentence, or leave it out")
    found, before, limits = acceptance.read_evaluated(evaluated), acceptance.read(accepted), pinned.read(floors)
    whole = found.whole
    name = _configuration(whole, evaluated)
    own = limits.get(name, {})
    against = acceptance.objections(whole, before[0] if before else None, own)
    if against and reason is None:
        typer.echo(f"not accepted: {'; '.join(against)}; train a better model, or say why with --reason", err=True)
        raise typer.Exit(NOT_GOOD_ENOUGH)
    risen = pinned.raised(own, evaluation.headline(whole))
    limits = {**limits, name: risen} if own else limits
    acceptance.write(accepted, found, reason, limits)
    for figure in (figure for figure in own if risen[figure] != own[figure]):
        typer.echo(f"floor of {figure} raised from {own[figure].floor} to {risen[figure].floor}", err=True)
    if risen != own:
        pinned.write(floors, limits)
    typer.echo(
        f"accepted the models of configuration {name} in {accepted}; run 'make repro', which compares with them, "
        f"and commit {accepted}, {floors} and what it writes",
        err=True,
    )


def floors(
    evaluated: EvaluatedOption = Path("data/evaluate"),
    floors: FloorsOption = Path("configs/floors.yaml"),
    lower: Annotated[
        list[str] | None, typer.Option(metavar="FIGURE=VALUE", help="Pin a lower value instead of checking.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is lowered; it is kept beside the value.")] = None,
    configuration: Annotated[
        str | None, typer.Option(help="Whose floor is lowered; by default that of the evaluation.")
    ] = None,
) -> None:
    """Hold an evaluation against the floors of its configuration; exits with 1 where one does not hold."""
    from pipeline import acceptance
    from pipeline import floors as pinned

    limits = pinned.read(floors)
    if not lower:
        if reason is not None or configuration is not None:
            raise ConfigError("--reason and --configuration go with --lower; name a figure to lower, or leave them out")
        _check_floors(evaluated, limits, floors)
        return
    if reason is None:
        raise ConfigError("--lower needs --reason TEXT, which is kept beside the value; say why the floor falls")
    configuration = configuration or _configuration(acceptance.read_evaluated(evaluated).whole, evaluated)
    own = limits.get(configuration, {})
    where = f"{floors}: {configuration}"
    for given in lower:
        figure, _, value = given.partition("=")
        own = pinned.lowered(own, figure, _number(value, given), reason.strip(), where=where)
    pinned.write(floors, {**limits, configuration: own})
    typer.echo(
        f"lowered {len(lower)} floors of {configuration} in {floors}; commit it with what made it fall", err=True
    )


def _configuration(whole: Evaluation, evaluated: Path) -> str:
    if whole.origin is None:
        raise ConfigError(f"the evaluation in {evaluated} is of an earlier version; run 'make repro', which renews it")
    return whole.origin.configuration


def _number(text: str, given: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--lower {given!r} is no FIGURE=VALUE; write such as stance.macro_f1=0.61") from None


def _check_floors(evaluated: Path, limits: Floors, path: Path) -> None:
    from pipeline import acceptance
    from pipeline import floors as pinned
    from pipeline.report.cells import table

    whole = acceptance.read_evaluated(evaluated).whole
    name = _configuration(whole, evaluated)
    checks = pinned.checks(limits.get(name, {}), whole)
    if not checks:
        typer.echo(f"{path} has no floors for configuration {name!r}; known: {', '.join(limits)}", err=True)
        return
    rows = [
        (one.task, one.metric, f"{one.floor:.4f}", f"{one.value:.4f}", "yes" if one.holds else "NO") for one in checks
    ]
    typer.echo(table(("Task", "Figure", "Floor", "Value", "Holds"), "llrrl", rows))
    if fallen := [one for one in checks if not one.holds]:
        typer.echo(
            f"{len(fallen)} of {len(checks)} floors of configuration {name} do not hold; mend what made the scores "
            "fall, or lower a floor with --lower and --reason",
            err=True,
        )
        raise typer.Exit(NOT_GOOD_ENOUGH)


def drift(
    new: Annotated[
        list[str], typer.Argument(metavar="NEW…", help="Articles, as for annotate, or what annotate wrote.")
    ],
    reference: Annotated[
        Path, typer.Option(help="The data folder of a repro, or what annotate wrote of other articles.")
    ] = Path("data"),
    models: Annotated[Path, typer.Option("--models", help="Folder of trained models.")] = Path("models"),
    fail_on: Annotated[
        str | None, typer.Option(metavar="some|strong", help="Exit with 1 where drift is so strong, or stronger.")
    ] = None,
) -> None:
    """Compare new articles with those of training: length, words, boilerplate, labels and confidence."""
    from pipeline import profiles
    from pipeline.report.drift import markdown

    limits = profiles.VERDICTS[1:]
    if fail_on is not None and fail_on not in limits:
        raise ConfigError(f"unknown verdict {fail_on!r}; known: {', '.join(limits)}")
    known = profiles.read_reference(reference)
    found = _profiles(new, models)
    findings = profiles.compare(known, found)
    typer.echo(markdown(findings), nl=False)
    strongest = profiles.strongest(findings)
    if fail_on is not None and profiles.VERDICTS.index(strongest) >= profiles.VERDICTS.index(fail_on):
        typer.echo(f"drift is {strongest}, and --fail-on {fail_on} was asked for; look at the table", err=True)
        raise typer.Exit(NOT_GOOD_ENOUGH)


def _profiles(new: Sequence[str], models: Path) -> list[Profile]:
    """Return the profiles of annotations, or of articles, which are annotated; at most so many as are looked at."""
    from pipeline import profiles, reading, rows
    from pipeline.article import Article
    from pipeline.shards import Config, Recipe

    if annotated := [Path(given) for given in new if profiles.holds_annotations(Path(given))]:
        if len(annotated) < len(new):
            raise ConfigError(f"{annotated[0]} holds annotations and other inputs do not; name one kind alone")
        found = profiles.sampled(one for path in annotated for one in profiles.read_annotations(path))
    else:
        rejected: Counter[str] = Counter()

        def articles() -> Iterator[Article]:
            for item in reading.read(new, Config().reading):
                if isinstance(item, Article):
                    yield item
                else:
                    rejected[item.reason] += 1

        chosen = profiles.sampled(articles())
        if rejected:
            typer.echo(f"inputs left out: {rows.counted(rejected)}", err=True)
        annotator = Recipe(models, Config(), ".jsonl").annotator() if chosen else None
        found = [
            profiles.of_annotation(annotation)
            for begin in range(0, len(chosen), _TOGETHER)
            for annotation in (annotator.annotate(chosen[begin : begin + _TOGETHER]) if annotator else ())
        ]
    if not found:
        raise ConfigError(f"there is no article in {', '.join(new)}; name some that can be read")
    return found


def compare(runs: Sequence[str], output: Path | None) -> None:
    """Print a comparison of evaluations, each a folder of the evaluate stage or an MLflow run, or write it to a file.

    Raises:
        ConfigError: a run is unknown, or the output has another ending than .html and .md.
        OutputError: the output cannot be written.
    """
    from pipeline import comparison, writing
    from pipeline.errors import OutputError
    from pipeline.report import comparison as shown

    if output is not None:
        if output.suffix not in (".html", ".md"):
            raise ConfigError(f"output {output} ends in neither .html nor .md; name one of these")
        writing.check_file(output)
    found = [_run(run) for run in runs]
    rows = comparison.compare([run for _, run in found])
    names = [name for name, _ in found]
    if output is None:
        typer.echo(shown.markdown(names, rows), nl=False)
        return
    text = shown.page(names, rows) if output.suffix == ".html" else shown.markdown(names, rows)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}; choose another place") from None
    typer.echo(f"comparison in {output}", err=True)


def _run(given: str) -> tuple[str, Evaluated]:
    """Return the evaluation of a folder or an MLflow run, and its name with the configuration."""
    from pipeline import acceptance

    if Path(given).exists():
        found = acceptance.read_evaluated(Path(given))
    else:
        from pipeline.tracking import runs

        with tempfile.TemporaryDirectory() as folder:
            runs.download_evaluation(given, Path(folder))
            found = acceptance.read_evaluated(Path(folder))
    origin = found.whole.origin
    return f"{given} (configuration {origin.configuration})" if origin else given, found
