"""``newsfacts seeds …``: commands for those who work on the seed corpus; they run in the project folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from pipeline.agreement import Agreement, Decision
    from pipeline.corpus_check import Finding
    from pipeline.seeds import GoldArticle

SHORT = 1  # exit code: the corpus falls short of what is required
app = typer.Typer(name="seeds", help="Work on the seed corpus: check it, annotate it twice, see what more would bring.")

ArticlesOption = Annotated[Path, typer.Option("--articles", help="The seed articles.")]
TopicsOption = Annotated[Path, typer.Option("--topics", help="The topic labels.")]
SecondOption = Annotated[Path, typer.Option("--agreement", help="Folder of decisions of two annotators.")]
ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration.")]

ARTICLES, TOPICS, AGREEMENT = Path("seeds/articles"), Path("configs/topics.yaml"), Path("seeds/agreement")
CONFIG, LEXICON = Path("configs/pipeline.yaml"), Path("configs/boilerplate")


@app.command()
def check(
    compare: Annotated[
        list[str] | None, typer.Option("--compare", help="Real articles (files, folders, globs) to compare with.")
    ] = None,
    articles: ArticlesOption = ARTICLES,
    topics: TopicsOption = TOPICS,
    second: SecondOption = AGREEMENT,
    lexicon: Annotated[Path, typer.Option("--lexicon", help="The boilerplate rules, by language.")] = LEXICON,
    config: ConfigOption = CONFIG,
) -> None:
    """Hold the corpus against its requirements, and print what is met and what falls short."""
    from pipeline import agreement, corpus_check
    from pipeline import topic as topic_task

    corpus = _corpus(articles, topics)
    decisions = agreement.read(second)
    by_id = {gold.id: gold for gold in corpus}
    findings = [
        *corpus_check.composition(corpus, tuple(topic_task.load_topics(topics))),
        *corpus_check.labels(corpus),
        *_languages(corpus, lexicon),
        *corpus_check.variety(corpus, _texts(compare or [])),
        *_splits(corpus, config),
        *corpus_check.annotation(
            agreement.agreements(decisions, by_id),
            len({item.article for item in decisions}),
            len(corpus),
            agreement.faults(decisions, by_id),
        ),
    ]
    for finding in findings:
        mark = {True: "ok   ", False: "SHORT", None: "?    "}[finding.met]
        typer.echo(f"{mark} {finding.what}: {finding.found} (wanted: {finding.wanted})")
    short, open_ = (sum(finding.met is answer for finding in findings) for answer in (False, None))
    typer.echo(
        f"{len(findings) - short - open_} of {len(findings)} requirements are met"
        + (f", {open_} not checked" if open_ else "")
    )
    if short:
        raise typer.Exit(SHORT)


@app.command()
def sheets(
    output: Annotated[Path, typer.Option("--output", help="Folder for the sheets.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Articles to annotate a second time.")],
    articles: ArticlesOption = ARTICLES,
    topics: TopicsOption = TOPICS,
) -> None:
    """Write articles without their labels, for a second annotator who must not see the first labels."""
    from pipeline import agreement

    corpus = {gold.id: gold for gold in _corpus(articles, topics)}
    if unknown := [name for name in ids if name not in corpus]:
        raise ConfigError(f"no article {unknown[0]!r} under {articles}; an id is a file's name without .txt")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {output}: {error.strerror}; name another") from None
    for name in ids:
        (output / f"{name}.txt").write_text(agreement.sheet(corpus[name]), encoding="utf-8")
    typer.echo(f"{len(ids)} sheets in {output}", err=True)


@app.command()
def join(
    answers: Annotated[Path, typer.Argument(metavar="FOLDER", help="Answers to sheets, ID.tsv each.")],
    articles: ArticlesOption = ARTICLES,
    topics: TopicsOption = TOPICS,
    second: SecondOption = AGREEMENT,
) -> None:
    """Set a second annotator's answers beside the first labels; where they differ, the final label stays open."""
    from pipeline import agreement

    corpus = {gold.id: gold for gold in _corpus(articles, topics)}
    files = sorted(answers.glob("*.tsv"))
    if not files:
        raise ConfigError(f"no answers (*.tsv) in {answers}; name the folder that holds them")
    if unknown := [file for file in files if file.stem not in corpus]:
        raise ConfigError(f"{unknown[0]} is named after no article under {articles}; rename it")
    if settled := [file for file in files if (second / file.name).exists()]:
        raise ConfigError(f"{second / settled[0].name} is there already; remove it to join again")
    joined = [agreement.join(corpus[file.stem], file) for file in files]
    for decisions in joined:
        agreement.write(second, decisions)
    differ = sum(not item.final for decisions in joined for item in decisions)
    typer.echo(f"{len(joined)} articles in {second}; {differ} labels differ and wait for a final one", err=True)


@app.command()
def kappa(articles: ArticlesOption = ARTICLES, topics: TopicsOption = TOPICS, second: SecondOption = AGREEMENT) -> None:
    """Print Cohen's kappa between the first and the second annotator, before any correction, for each label set."""
    from pipeline import agreement

    corpus = {gold.id: gold for gold in _corpus(articles, topics)}
    decisions = agreement.read(second)
    if not decisions:
        raise ConfigError(f"no decisions (*.tsv) in {second}; 'newsfacts seeds join' writes them")
    for one in agreement.agreements(decisions, corpus):
        typer.echo(describe(one))
    faults = agreement.faults(decisions, corpus)
    typer.echo(f"{_disagreements(decisions)} disagreements; {len(faults)} decisions are open or not carried out")
    for fault in faults:
        typer.echo(fault)


@app.command()
def curve(
    sizes: Annotated[list[int] | None, typer.Option("--size", min=1, help="Numbers of training articles.")] = None,
    stripped: Annotated[Path, typer.Option(help="Folder of the strip_boilerplate stage.")] = Path(
        "data/strip_boilerplate"
    ),
    split: Annotated[Path, typer.Option(help="Folder of the split stage.")] = Path("data/split"),
    topics: TopicsOption = TOPICS,
    config: ConfigOption = CONFIG,
    output: Annotated[Path, typer.Option("--output", help="Where to write the points.")] = Path(
        "seeds/learning_curve.json"
    ),
) -> None:
    """Print dev macro-F1 of topic, stance and claims for growing numbers of training articles."""
    from pipeline import learning_curve, task_groups
    from pipeline import topic as topic_task
    from pipeline.corpus import read_labelled, read_split
    from pipeline.records import write_jsonl

    groups = task_groups.read(config)
    splits = read_split(split)
    train, dev = (read_labelled(stripped, splits, name) for name in ("train", "dev"))
    found = []
    for point in learning_curve.points(
        train, dev, topic_task.load_topics(topics), groups, sizes or [68, 136, 272, len(train)]
    ):
        typer.echo(
            f"{point.task:7} {point.engine:12} {point.articles:4} articles  dev macro-F1 {point.dev_macro_f1:.4f}"
        )
        found.append(point)
    whole = learning_curve.Curve(learning_curve.digest([stripped, split, topics], groups), tuple(found))
    write_jsonl(output, [whole])
    typer.echo(f"curve {whole.digest[:12]} in {output}", err=True)


@app.command()
def cross_validate(
    tasks: Annotated[list[str] | None, typer.Option("--task", help="Tasks; all three if none is named.")] = None,
    folds: Annotated[int, typer.Option(min=3, help="Parts of the corpus; an outlet is in one of them.")] = 5,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="Seeds of training; 13 if none is named.")] = None,
    stripped: Annotated[Path, typer.Option(help="Folder of the strip_boilerplate stage.")] = Path(
        "data/strip_boilerplate"
    ),
    topics: TopicsOption = TOPICS,
    config: ConfigOption = CONFIG,
) -> None:
    """Print out-of-fold scores of topic, stance and claims over all seed articles, grouped by outlet."""
    from pipeline import cross_validation, task_groups
    from pipeline import topic as topic_task
    from pipeline.corpus import ARTICLES as LABELLED
    from pipeline.corpus import LabelledArticle
    from pipeline.datasets import TASKS
    from pipeline.records import read_jsonl

    if unknown := [task for task in tasks or () if task not in TASKS]:
        raise ConfigError(f"no task {unknown[0]!r}; known: {', '.join(TASKS)}")
    corpus = list(read_jsonl(stripped / LABELLED, LabelledArticle))
    asked = [task for task in TASKS if not tasks or task in tasks]
    typer.echo(cross_validation.HEADER)
    results = []
    for result in cross_validation.out_of_fold(
        corpus, topic_task.load_topics(topics), task_groups.read(config), folds=folds, seeds=seeds or [13], tasks=asked
    ):
        typer.echo(cross_validation.rows(result))
        results.append(result)
    if summary := cross_validation.spread(results):
        typer.echo(f"\n{summary}")


def describe(one: Agreement) -> str:
    """Return an agreement as one line."""
    values = "" if one.values_f1 is None else f", F1 of the values {one.values_f1:.3f}"
    return f"{one.name}: kappa {one.kappa:.3f} over {one.compared} {one.unit}{values}"


def _disagreements(decisions: list[Decision]) -> int:
    return sum(item.first != item.second for item in decisions)


def _corpus(articles: Path, topics: Path) -> list[GoldArticle]:
    from pipeline import seeds
    from pipeline import topic as topic_task

    return seeds.read_folder(articles, tuple(topic_task.load_topics(topics)))


def _languages(corpus: list[GoldArticle], lexicon: Path) -> list[Finding]:
    from pipeline import corpus_check
    from pipeline.boilerplate import rules

    matches: dict[str, Callable[[str], bool]] = {}
    for language, own in rules.by_language(lexicon).items():
        if language == "en" or language in corpus_check.OTHER_LANGUAGES:
            matches[language] = own.matches
    english = matches.pop("en", lambda _: False)
    return corpus_check.languages(corpus, matches, english)


def _texts(inputs: list[str]) -> list[str]:
    from pipeline import reading
    from pipeline.article import Article

    found = (item.raw for item in reading.read(inputs, reading.Config()) if isinstance(item, Article))
    return list(dict.fromkeys(found))


def _splits(corpus: list[GoldArticle], config: Path) -> list[Finding]:
    from pipeline import config as configuration
    from pipeline import stage_runner
    from pipeline.cleaning import clean
    from pipeline.corpus_check import Finding
    from pipeline.stages import split

    settings = configuration.section(
        configuration.load(config, stage_runner.names()), "split", split.Config, source=config
    )
    gold = {article.id: article for article in corpus}
    assignment = split.assign(gold, {article.id: clean(article.raw).text for article in corpus}, settings)
    digest = split.test_digest([gold[identity] for identity, name in assignment.items() if name == "test"])
    return [
        Finding(
            "test split",
            digest[:12],
            f"frozen as {(settings.frozen_test or 'nothing')[:12]}",
            digest == settings.frozen_test,
        ),
    ]
