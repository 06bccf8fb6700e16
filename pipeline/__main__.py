"""The command line: ``newsfacts …`` for users, ``python -m pipeline STAGE …`` for dvc.yaml."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TextIO, TypeVar

import typer

import pipeline
from pipeline import quality_commands, seed_commands
from pipeline.errors import ConfigError, ModelError, NewsfactsError, OutputError, WorkerError

if TYPE_CHECKING:
    from pipeline.boilerplate.recurring import Config as RecurringConfig
    from pipeline.datasets import Task
    from pipeline.shards import Recipe
    from pipeline.stages.annotate import Config as AnnotateConfig

DONE, BEYOND_CEILING, WRONG_CALL, UNUSABLE = 0, 1, 2, 3
INTERRUPTED = 130  # as a shell counts: 128 and the number of SIGINT
_LOG = logging.getLogger("newsfacts")
EXAMPLE = "mw-nato-chief-kyiv"
SECOND, CURVE = Path("seeds/agreement"), Path("seeds/learning_curve.json")
VARIANTS = Path("seeds/training_variants.json")
Arguments = ParamSpec("Arguments")
Name = TypeVar("Name", bound=str)

app = typer.Typer(
    name="newsfacts",
    help="Turn news articles into facts: what is boilerplate, what it is about, whom it favours, what it claims.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(seed_commands.app)

ModelsOption = Annotated[Path, typer.Option("--models", help="Folder of trained models.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration; it only overrides what the models carry.")
]
TaskArgument = Annotated[str, typer.Argument(metavar="topic|stance|claims", help="The task.")]


def _interruptible(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Let a command that the user stops say what has become of its output; every output is written whole or not."""

    @functools.wraps(command)
    def told(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            output = kwargs.get("output")
            streamed = str(output) == "-"  # which has had whatever was answered
            untouched = f"; nothing was written to {output}" if output and not streamed else ""
            kept = "".join(f"; {note}" for note in getattr(stop, "__notes__", ()))
            typer.echo(f"newsfacts: interrupted{untouched}{kept}", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return told


for _command in (quality_commands.accept, quality_commands.floors, quality_commands.drift):
    app.command()(_interruptible(_command))


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"newsfacts {pipeline.__version__}")
        raise typer.Exit


@app.command()
@_interruptible
def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT…", help="Files, folders, globs, addresses, or - for JSON lines on standard input."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", help=".jsonl, .jsonl.gz, .parquet, a folder for Parquet shards, or - for standard output."
        ),
    ],
    models: ModelsOption = Path("models"),
    config: ConfigOption = None,
    runtime: Annotated[
        str,
        typer.Option(
            metavar="auto|torch|torch-bf16|onnx|onnx-int8|openvino|openvino-bf16|openvino-int8",
            help="What runs the transformers; auto measures, once, and takes the fastest that answers as torch does.",
        ),
    ] = "auto",
    engine: Annotated[str, typer.Option(help="local, or ray: here, or the cluster that RAY_ADDRESS names.")] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, or Ray actors, that annotate; by default what suits the cores."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Read at most so many articles.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard what a stopped run has finished.")] = False,
    keep_raw: Annotated[bool, typer.Option("--keep-raw", help="Add each article's raw text.")] = False,
    recurring: Annotated[
        Path | None, typer.Option("--recurring", help="Blocks that outlets repeat, as 'newsfacts mine' wrote them.")
    ] = None,
) -> None:
    """Annotate articles; what is no article goes to OUTPUT.rejected.jsonl with a reason.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from pipeline import batch, journal, writing
    from pipeline.classifiers import runtime as runtimes

    if runtime != runtimes.AUTO:
        runtimes.check(runtime)
    kind = _one_of(engine, batch.ENGINES, "engine")
    settings = _annotate_config(config)
    streamed = str(output) == "-"
    if streamed and (kind != "local" or workers is not None or fresh):
        raise ConfigError("--output - takes no --engine ray, --workers or --fresh; name a file to use them")
    if not streamed:
        writing.check(output)
        outputs = output, batch.rejected_path(output), batch.summary_path(output)
        _refuse_to_overwrite([str(recurring)] if recurring else [], *outputs)
        _check_inputs(inputs, *outputs, without=journal.named_results(output))
    recipe = _recipe(models, settings, recurring=recurring, keep_raw=keep_raw, form=writing.form(output))
    kept = None if streamed or fresh else journal.kept_runtime(output, models)
    recipe = dataclasses.replace(
        recipe, runtime=_resolved(runtime, kept, models, None if streamed else batch.threads(workers))
    )
    if streamed:
        _annotate_stream(inputs, recipe, limit)
        return
    summary = batch.annotate_files(inputs, output, recipe, engine=kind, workers=workers, limit=limit, fresh=fresh)
    rejected = sum(summary.rejected.values())
    typer.echo(
        f"{summary.annotated} articles annotated in {output} ({summary.articles_per_second}/s), {rejected} rejected"
        + (f" in {batch.rejected_path(output)}" if rejected else ""),
        err=True,
    )
    if summary.repeated_ids:
        typer.echo(
            f"warning: {summary.repeated_ids} ids occur more than once; (input, line) tells them apart", err=True
        )
    _exit_beyond_ceiling(summary.rejected, summary.read, settings.max_rejected_share)


def _annotate_stream(inputs: list[str], recipe: Recipe, limit: int | None) -> None:
    from pipeline import batch

    try:
        found = batch.annotate_stream(inputs, recipe, sys.stdout.buffer, sys.stderr.buffer, limit=limit)
    except OutputError:
        _silence(sys.stdout)
        raise
    rejected = sum(found.rejected.values())
    typer.echo(f"{found.annotated} articles annotated ({found.articles_per_second}/s), {rejected} rejected", err=True)
    _exit_beyond_ceiling(found.rejected, found.annotated + rejected, recipe.config.max_rejected_share)


@app.command()
@_interruptible
def mine(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT…", help="Articles of the outlets to learn, as for annotate.")
    ],
    output: Annotated[Path, typer.Option("--output", help="The file to write, such as recurring.json.")],
    models: ModelsOption = Path("models"),
    config: ConfigOption = None,
) -> None:
    """Learn which blocks outlets repeat, without labels; 'annotate --recurring' removes them."""
    from pipeline import mining

    _check_inputs(inputs, output)
    settings = _annotate_config(config)
    mined = mining.mine_files(inputs, output, models / "boilerplate", settings.reading, _recurring_config(config))
    rejected = mined.rejected.counts.total()
    typer.echo(
        f"{mined.blocks} blocks of {mined.outlets} outlets in {output}, from {mined.articles} articles"
        + (f", {mined.without_outlet} of them without source or url" if mined.without_outlet else "")
        + (f"; inputs left out: {rejected}" if rejected else ""),
        err=True,
    )
    for reason in mined.rejected.told(of_several=True):
        typer.echo(f"left out: {reason}", err=True)
    _exit_beyond_ceiling(mined.rejected.counts, mined.articles + rejected, settings.max_rejected_share)


@app.command()
@_interruptible
def predict(
    task: TaskArgument,
    source: Annotated[str, typer.Argument(metavar="INPUT.jsonl", help="JSON lines, or - for standard input.")],
    output: Annotated[Path, typer.Option("--output", help="Where to write predictions, as JSON lines.")],
    models: ModelsOption = Path("models"),
    config: ConfigOption = None,
) -> None:
    """Predict one task for JSON lines; unusable lines go to the output's .rejected.jsonl."""
    from pipeline import labelling, writing

    writing.require_replaceable(output)
    if not output.name.endswith(".jsonl"):
        raise ConfigError(f"output {output} does not end in .jsonl, the only form that predictions have")
    _refuse_to_overwrite([source], output, labelling.rejected_path(output))
    settings = _annotate_config(config)
    count, reasons = labelling.predict_file(_task(task), source, output, models / task)
    rejected = reasons.total()
    typer.echo(
        f"{count} predictions in {output}, {rejected} lines rejected"
        + (f" in {labelling.rejected_path(output)}" if rejected else ""),
        err=True,
    )
    _exit_beyond_ceiling(reasons, count + rejected, settings.max_rejected_share)


@app.command()
@_interruptible
def evaluate(
    task: TaskArgument,
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="JSON lines as for predict, with a 'label' on each.")],
    models: ModelsOption = Path("models"),
    mapping: Annotated[
        Path | None, typer.Option(help="YAML with 'fields' and 'labels', for a file that has other names for them.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Score a model on anyone's labels, with 95 % intervals; prints JSON."""
    from pipeline import labelling

    settings = _annotate_config(config)
    if mapping is None:
        scored = labelling.evaluate_file(_task(task), gold, models / task)
    else:
        scored = labelling.evaluate_mapped(_task(task), gold, models / task, mapping)
    typer.echo(scored.json.decode())
    for reason in scored.rejected.told():
        typer.echo(f"left out: {reason}", err=True)
    _exit_beyond_ceiling(scored.rejected.counts, scored.read, settings.max_rejected_share)


@app.command()
@_interruptible
def show(
    article: Annotated[str, typer.Argument(metavar="ARTICLE", help="One .txt or .html file.")],
    output: Annotated[Path, typer.Option("--output", help="The page to write.")],
    models: ModelsOption = Path("models"),
    config: ConfigOption = None,
) -> None:
    """Annotate one article and write it as a page to look at."""
    from pipeline import listing, reading, rows, writing
    from pipeline.article import Rejection
    from pipeline.report.page import article_page

    writing.require_replaceable(output)
    if not Path(article).is_file() or rows.ending(article, listing.ENDINGS) not in listing.DOCUMENTS:
        raise ConfigError(f"{article} is no single article; name one existing {', '.join(listing.DOCUMENTS)} file")
    settings = _annotate_config(config)
    _refuse_to_overwrite([article], output)
    found = next(iter(reading.read([article], settings.reading)), None)
    if found is None or isinstance(found, Rejection):
        reason = f"{found.reason}: {found.detail}" if found else "it holds no article"
        raise ConfigError(f"{article} cannot be shown ({reason}); name a readable article")
    annotation = _recipe(models, settings).annotator().annotate([found])[0]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(article_page(annotation, found.raw), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}; choose another place") from None
    typer.echo(f"page in {output}", err=True)


@app.command()
@_interruptible
def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN…]", help="Folders of the evaluate stage, or MLflow runs of it, to compare."),
    ] = None,
    evaluated: Annotated[Path, typer.Option(help="Folder of the evaluate stage.")] = Path("data/evaluate"),
    annotated: Annotated[Path, typer.Option(help="Folder of the annotate stage.")] = Path("data/annotate"),
    output: Annotated[
        Path | None, typer.Option("--output", help="The report to write; by default report.md in the folder.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(help=f"Article shown as the worked example; by default {EXAMPLE}, or else the first.")
    ] = None,
    models: ModelsOption = Path("models"),
    cards: Annotated[Path | None, typer.Option(help="Folder for a model card of each task, besides.")] = None,
    page: Annotated[Path | None, typer.Option(help="The report as an HTML page, besides.")] = None,
    collected: Annotated[Path, typer.Option(help="Folder of the collect stage.")] = Path("data/collect"),
    split: Annotated[Path, typer.Option(help="Folder of the split stage.")] = Path("data/split"),
    second: Annotated[Path, typer.Option("--agreement", help="Folder of second annotations.")] = SECOND,
    curve: Annotated[Path, typer.Option(help="The learning curve.")] = CURVE,
    variants: Annotated[Path, typer.Option(help="Variants of training and their scores.")] = VARIANTS,
    config: ConfigOption = None,
) -> None:
    """Write the evaluation report from what the evaluate and annotate stages left, or compare RUNs with the first."""
    from pipeline import stage_runner, writing
    from pipeline.report import files

    if runs:
        if page is not None or cards is not None or example is not None:
            raise ConfigError(
                "--page, --cards and --example go without RUN; --output names a comparison's .html or .md"
            )
        quality_commands.compare(runs, output)
        return
    output = output or evaluated / "report.md"
    writing.require_replaceable(output)
    files.write_report(evaluated, annotated, output, example_id=example, preferred=EXAMPLE)
    if page is not None:
        writing.require_replaceable(page)
        sources = files.Sources(
            collected, split, models, second, curve, variants, configuration=config or stage_runner.active_config()
        )
        files.write_page(evaluated, annotated, page, sources, example_id=example, preferred=EXAMPLE)
    if cards is not None:
        files.write_cards(evaluated, models, cards)
    _log_report(evaluated, [output] if page is None else [output, page])
    written = f"report in {output}" if page is None else f"report in {page} and {output}"
    typer.echo(written + (f", model cards in {cards}" if cards else ""), err=True)


def _log_report(evaluated: Path, reports: Sequence[Path]) -> None:
    """Lay reports of the project's own evaluation beside its run, where one is in the store."""
    from pipeline import stage_runner

    outputs = stage_runner.outputs_of("evaluate") if stage_runner.GRAPH.is_file() else {}
    if not outputs or not all(path.exists() and path.is_relative_to(evaluated) for path in outputs.values()):
        return
    from pipeline.tracking import runs, store

    if store.exists():
        runs.attach("evaluate", outputs, reports)


@app.command()
def runs() -> None:
    """List each stage of the last repro with its MLflow run, and where the results are."""
    from pipeline import stage_runner
    from pipeline.tracking import runs as tracked
    from pipeline.tracking import store

    stages = [name for name in stage_runner.graph() if name in stage_runner.names()]
    known = store.exists()
    if known:
        store.check()
    for name in stages:
        outputs = stage_runner.outputs_of(name)
        if not outputs or not all(path.exists() for path in outputs.values()):
            continue
        found = tracked.find(name, outputs) if known else None
        typer.echo(f"{name:20} {found or 'cached, no run in this store'}")
    typer.echo(f"runs         mlflow ui --backend-store-uri {store.uri()}")
    reports = ("data/evaluate/report.html", "data/evaluate/report.md")
    report = next((path for path in reports if Path(path).is_file()), reports[0])
    for what, path in (("report", report), ("annotations", "data/annotate/annotations.jsonl")):
        typer.echo(f"{what:12} {path if Path(path).is_file() else 'not written yet'}")


@app.command()
def check(config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration of the stages.")]) -> None:
    """Check a configuration before anything runs: every section, every key."""
    from pipeline import stage_runner

    stage_runner.check(config)
    typer.echo(f"{config}: no fault", err=True)


@app.command()
def doctor(models: ModelsOption = Path("models")) -> None:
    """Check environment, models and tracking; say what is wrong and what to do."""
    from pipeline import doctor as checks

    healthy = True
    for finding in checks.findings(models):
        healthy &= finding.fine
        typer.echo(f"{'ok   ' if finding.fine else 'WRONG'} {finding.what}: {finding.detail}")
    raise typer.Exit(DONE if healthy else UNUSABLE)


def _task(name: str) -> Task:
    from pipeline.datasets import TASKS

    return _one_of(name, TASKS, "task")


def _one_of(name: str, known: tuple[Name, ...], what: str) -> Name:
    found = next((one for one in known if one == name), None)
    if found is None:
        raise ConfigError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return found


def _check_inputs(inputs: list[str], *outputs: Path, without: Sequence[Path] = ()) -> None:
    from pipeline import listing, storage

    listing.expand(inputs)  # an input that matches nothing is told before models are loaded
    if any(path.exists() for path in outputs):  # otherwise no folder need be listed
        local = listing.expand((one for one in inputs if not storage.is_address(one)), without)
        _refuse_to_overwrite((found for found in local if isinstance(found, str)), *outputs)


def _refuse_to_overwrite(inputs: Iterable[str], *outputs: Path) -> None:
    from pipeline import listing

    is_replaced = listing.within(outputs)
    for given in inputs:
        if is_replaced(given):
            raise ConfigError(f"{given} is an input and would be overwritten; name another output")


def _exit_beyond_ceiling(rejected: Mapping[str, int], read: int, ceiling: float) -> None:
    from pipeline.rows import counted

    share = sum(rejected.values()) / max(read, 1)
    if share > ceiling:
        typer.echo(
            f"{share:.0%} of the inputs were rejected, over max_rejected_share = {ceiling:.0%}: {counted(rejected)}; "
            "mend them, or raise annotate.max_rejected_share in a configuration and name it with --config",
            err=True,
        )
        raise typer.Exit(BEYOND_CEILING)


def _annotate_config(path: Path | None) -> AnnotateConfig:
    from pipeline import config, stage_runner
    from pipeline.stages.annotate import Config

    sections = config.load(path, stage_runner.names()) if path else {}
    return config.section(sections, "annotate", Config, source=path or Path("defaults"))


def _recurring_config(path: Path | None) -> RecurringConfig | None:
    from pipeline import config, stage_runner
    from pipeline.stages.train_boilerplate import Config

    sections = config.load(path, stage_runner.names()) if path else {}
    if path is None or "train_boilerplate" not in sections:
        return None
    return config.section(sections, "train_boilerplate", Config, source=path).recurring


def _recipe(
    models: Path, settings: AnnotateConfig, *, form: str = "", recurring: Path | None = None, keep_raw: bool = False
) -> Recipe:
    from pipeline.boilerplate.recurring import read
    from pipeline.shards import Recipe

    if not models.is_dir():
        raise ModelError(f"no models folder {models}; train with 'make repro' or name another with --models")
    return Recipe(models, settings, form, recurring=read(recurring) if recurring else None, keep_raw=keep_raw)


def _resolved(runtime: str, kept: str | None, models: Path, threads: int | None) -> str:
    """Return the runtime that ``auto`` stands for: that of the run which goes on, or the fastest."""
    from pipeline.annotator import TASKS
    from pipeline.classifiers import parity
    from pipeline.classifiers import runtime as runtimes

    if runtime != runtimes.AUTO:
        return runtime
    return kept or parity.fastest([models / task for task in TASKS], threads)


def _run_stage(name: str, arguments: list[str]) -> None:
    from pipeline import stage_runner

    config = Path(arguments.pop(1)) if arguments[:1] == ["--config"] and len(arguments) > 1 else None
    stage_runner.run(name, config, arguments[1:] if config else arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run a command or a stage, and turn this package's errors into messages and exit codes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "filelock", "datasets", "transformers", "trafilatura", "urllib3", "ray"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given and _is_stage(given):
            _run_stage(given[0], given[1:])
        else:
            app(given)
    except (ModelError, OutputError, WorkerError) as error:
        _fail(error, UNUSABLE)
    except NewsfactsError as error:
        _fail(error, WRONG_CALL)
    except KeyboardInterrupt:
        typer.echo("newsfacts: interrupted", err=True)
        sys.exit(INTERRUPTED)


def _is_stage(arguments: list[str]) -> bool:
    """Tell a stage call; ``annotate`` and ``evaluate`` are also commands, and only stages have these paths."""
    from pipeline import stage_runner

    if arguments[0] not in stage_runner.names():
        return False
    return arguments[0] not in ("annotate", "evaluate") or "--collected" in arguments


def _fail(error: NewsfactsError, code: int) -> None:
    try:
        typer.echo("; ".join([f"newsfacts: {error}", *getattr(error, "__notes__", ())]), err=True)
    except OSError:  # standard error may be what cannot be written
        _silence(sys.stderr)
    sys.exit(code)


def _silence(stream: TextIO) -> None:
    """Drop what Python still holds for a stream that cannot be written: it would complain of that at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
