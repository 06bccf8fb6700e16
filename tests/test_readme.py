"""The documents say what the project does; ``python -m tests.test_readme`` rewrites their generated blocks.

A generated block stands between ``<!-- name -->`` and ``<!-- /name -->``. Where its source is absent (no trained models
yet, or those of another configuration) it is left as it is.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import shlex
import statistics
import subprocess
import sys
import typing
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline import __main__ as command_line
from pipeline import agreement, datasets, evaluation, learning_curve, seeds, stance, topic
from pipeline import config as configuration
from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.boilerplate import rules
from pipeline.classifiers import linear, store
from pipeline.classifiers.contract import Example
from pipeline.evaluation import Evaluation
from pipeline.records import file_digest, read_jsonl
from pipeline.stage_runner import active_config
from pipeline.stages import annotate, collect_datasets
from tests.dvc_deps import ROOT, is_code

README, CARD, CONTRIBUTING = ROOT / "README.md", ROOT / "seeds" / "README.md", ROOT / "CONTRIBUTING.md"
METRICS = ROOT / "data" / "evaluate" / "metrics.json"
EVALUATION = METRICS.with_name("evaluation.json")
SPLIT = ROOT / "data" / "metrics" / "split.json"
CURVE = ROOT / "seeds" / "learning_curve.json"
ANNOTATIONS = ROOT / "data" / "annotate" / "annotations.jsonl"
DEFAULT = Path("configs/pipeline.yaml")
EXAMPLE = "mw-nato-chief-kyiv"
MEND = "run '.venv/bin/python -m tests.test_readme' and look at the diff"

_MAX_QUOTE = 96  # characters of an article's text quoted in the example
_MANY = 4  # paths of one folder; so many or more are written as folder/*
_SCORES = {
    "boilerplate": ("Role of a line", ("train_boilerplate",)),
    "topic": ("Topic of an article", ("train_topic",)),
    "stance": ("Stance of a sentence", ("train_sentences", "stance")),
    "article_stance": ("Stance of an article", ("train_sentences", "stance")),
    "claims": ("Claim label of a sentence", ("train_sentences", "claims")),
    "listed_claims": ("Claims listed for a raw article", ("train_sentences", "claims")),
}


@cache
def graph() -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def stage_table() -> str:
    """Return what each stage of dvc.yaml does, reads and writes."""
    rows = [
        (f"`{name}`", purpose(name), paths(filter(is_data, stage["deps"])), paths(outputs(stage)))
        for name, stage in graph().items()
    ]
    return table(("Stage", "What it does", "Reads", "Writes"), rows)


def is_data(dep: str) -> bool:
    """Tell a dep on data from one on code or on the configuration, of which the text below the table speaks."""
    return not is_code(dep) and dep != "${config}"


def purpose(stage: str) -> str:
    if stage == "report":  # the one stage without a module: it only renders
        return about(ROOT / "pipeline" / "report" / "files.py")
    return about(ROOT / "pipeline" / "stages" / f"{stage}.py")


def outputs(stage: Mapping[str, Any]) -> list[str]:
    found = [item for key in ("outs", "metrics", "plots") for item in stage.get(key, [])]
    return [item if isinstance(item, str) else next(iter(item)) for item in found]


def paths(found: Iterable[str]) -> str:
    """Return paths as one table cell; many of one folder are written as one."""
    names = list(found)
    folders = Counter(str(Path(name).parent) for name in names)
    many = {folder for folder, count in folders.items() if count >= _MANY and folder != "data"}
    shown = [f"{Path(name).parent}/*" if str(Path(name).parent) in many else name for name in names]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(shown))


def module_table() -> str:
    """Return what each module of the package holds; the stages are one row, they have their own table."""
    files = [path for path in sorted((ROOT / "pipeline").rglob("*.py")) if path.parent.name != "stages"]
    files = [path for path in files if path != ROOT / "pipeline" / "__init__.py"]
    rows = [(f"`{module_name(path)}`", about(path)) for path in [*files, ROOT / "pipeline" / "stages" / "__init__.py"]]
    return table(("In `pipeline/`", "What it holds"), sorted(rows))


def module_name(path: Path) -> str:
    name = path.relative_to(ROOT / "pipeline").as_posix()
    return name.replace("__init__.py", "")


def about(path: Path) -> str:
    return first_line(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))


def first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0].replace("``", "`").replace("|", "\\|")


def of_default(path: Path) -> bool:
    """Tell whether a stage has written a file, and under the default configuration."""
    return path.is_file() and active_config() == DEFAULT


def score_table() -> str | None:
    """Return the figures of the default configuration's evaluation, or None where there is none.

    They are those of the report: from metrics.json, which has 4 decimals, they would be rounded twice.
    """
    if not of_default(EVALUATION):
        return None
    figures: dict[str, Any] = {}
    for name, value in evaluation.headline(next(read_jsonl(EVALUATION, Evaluation))).items():
        *groups, last = name.split(".")
        place = figures
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    config = yaml.safe_load((ROOT / DEFAULT).read_text(encoding="utf-8"))
    strip = figures["strip"]
    found = [f"{strip[name]:.3f}" for name in ("precision", "recall", "f1")]
    lines = table(
        ("Boilerplate removal", "Precision", "Recall", "F1", "Body text lost"),
        [("Lines, rules and model together", *found, f"{strip['body_lost']:.2%}")],
    )
    rows = []
    for name, (title, section) in _SCORES.items():
        own = figures[name]
        others = {other: value["macro_f1"] for other, value in own.items() if isinstance(value, dict)}
        compared = "; ".join(f"{other} {value:.3f}" for other, value in sorted(others.items())) or "–"
        engine = reduce(getitem, section, config).get("engine", "linear")
        rows.append(
            (
                title,
                engine,
                *(f"{own[key]:.3f}" if key in own else "–" for key in ("accuracy", "macro_f1", "ece")),
                compared,
            )
        )
    return f"{lines}\n\n" + table(("Task", "Engine", "Accuracy", "Macro-F1", "ECE", "Macro-F1 of others"), rows)


def settings_table() -> str:
    """Return the keys of the section ``annotate`` with their defaults and what they mean."""
    return table(("Key", "Default", "Meaning"), list(settings(annotate.Config)))


def settings(model: type[configuration.Section], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    meanings: dict[str, str] = {}
    for own in reversed(model.__mro__):  # a docstring below a field says what it means
        if issubclass(own, configuration.Section):
            [body] = [node.body for node in ast.parse(inspect.getsource(own)).body if isinstance(node, ast.ClassDef)]
            for field, said in itertools.pairwise(body):
                if isinstance(field, ast.AnnAssign) and isinstance(said, ast.Expr):
                    meanings[ast.unparse(field.target)] = ast.literal_eval(said.value)
    for name, field in model.model_fields.items():
        candidates = (field.annotation, *typing.get_args(field.annotation))
        nested = next(
            (one for one in candidates if isinstance(one, type) and issubclass(one, configuration.Section)), None
        )
        if name in meanings:
            default = json.dumps(field.default)
            yield f"`{prefix}{name}`", f"`{default}`", meanings[name].replace("``", "`").replace("\n   ", "")
        if nested is not None:
            yield from settings(nested, f"{prefix}{name}.")


def example() -> str | None:
    """Return a shortened annotation of the worked example, or None where the default models have made none."""
    if not of_default(ANNOTATIONS):
        return None
    lines = ANNOTATIONS.read_text(encoding="utf-8").split("\n")
    return next((excerpt(found) for line in lines if line and (found := json.loads(line))["id"] == EXAMPLE), None)


def excerpt(annotation: Mapping[str, Any]) -> str:
    """Return topic, stances, the first, one attributed and the last claim, and what was removed, as JSON."""
    claims = annotation["claims"]
    attributed = [claim for claim in claims[1:-1] if claim["facts"]["attribution"]]
    chosen = [*claims[:1], *attributed[:1], *claims[1:][-1:]]
    groups = {
        "stances": annotation["stances"],
        "claims": [
            pick(claim, "text", "label", "score", "raw_start", "raw_end")
            | {"facts": {name: value for name, value in claim["facts"].items() if value}}
            for claim in chosen
        ],
        "removed": [pick(item, "role", "reason", "text", "raw_start", "raw_end") for item in annotation["removed"]],
    }
    parts = [f'"topic": {line_of(pick(annotation["topic"], "label", "medtop", "score", "abstained"))}']
    for name, items in groups.items():
        parts.append(f'"{name}": [\n    ' + ",\n    ".join(map(line_of, items)) + "\n  ]")
    return "```json\n{\n  " + ",\n  ".join(parts) + "\n}\n```"


def pick(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: shortened(record[name]) if name == "text" else record[name] for name in names}


def shortened(text: str) -> str:
    if unicodedata.category(text[0]) == "So":
        text = f"…{text[1:].lstrip()}"
    return text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE].rsplit(' ', 1)[0]} …"


def line_of(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def composition_table() -> str:
    """Return the corpus in numbers."""
    articles = corpus()
    segments = [segment for article in articles for segment in article.segments]
    targets = [target for article in articles for target in article.targets]
    attributions = [found for segment in segments for found in segment.attributions]
    words = [len(article.raw.split()) for article in articles]
    usual = sum(200 <= count <= 400 for count in words)
    lengths = f"median {statistics.median(words):.0f} an article, from {min(words)} to {max(words)}"
    years = sorted(article.published[:4] for article in articles)
    with_facts = [
        sum(any(getattr(segment, kind) for segment in article.segments) for article in articles)
        for kind in ("attributions", "dates", "quantities")
    ]
    outlets, topics, genres, languages = (
        [getattr(article, name) for article in articles] for name in ("outlet", "topic", "genre", "language")
    )
    rows = [
        ("Articles", number(len(articles)), f"published {years[0]} to {years[-1]}"),
        ("Outlets", number(len(set(outlets))), each(outlets)),
        ("Topics", number(len(set(topics))), each(topics)),
        ("Genres", number(len(set(genres))), by_count(genres)),
        ("Languages", number(len(set(languages))), by_count(languages)),
        ("Words of raw text", number(sum(words)), f"{lengths}; 200 to 400 in {usual} articles"),
        ("Segments", number(len(segments)), by_count(segment.role for segment in segments)),
        ("Body sentences with a claim label", *counted(segment.claim for segment in segments if segment.claim)),
        ("Stances of sentences", *counted(found.label for segment in segments for found in segment.stances)),
        ("Targets, each with the article's stance", *counted(target.stance for target in targets)),
        ("Different target names", number(len({target.name for target in targets})), "–"),
        ("Attributions (`says`)", *counted(found.kind for found in attributions)),
        ("Dates", number(sum(len(segment.dates) for segment in segments)), "–"),
        ("Quantities", number(sum(len(segment.quantities) for segment in segments)), "–"),
        ("Articles with attributions, dates, quantities", ", ".join(map(str, with_facts)), "–"),
    ]
    return table(("What", "Count", "Of which"), rows)


@cache
def corpus() -> list[seeds.GoldArticle]:
    return seeds.read_folder(ROOT / "seeds" / "articles", tuple(topic.load_topics(ROOT / "configs/topics.yaml")))


def agreement_table() -> str:
    """Return Cohen's kappa between the first and the second annotator."""
    decisions = agreement.read(ROOT / "seeds" / "agreement")
    rows = [
        (
            one.name,
            f"{one.kappa:.3f}",
            f"{number(one.compared)} {one.unit}",
            "–" if one.values_f1 is None else f"{one.values_f1:.3f}",
        )
        for one in agreement.agreements(decisions, {article.id: article for article in corpus()})
    ]
    return table(("Labels", "Kappa", "Compared", "F1 of the values"), rows)


def curve_table() -> str | None:
    """Return dev macro-F1 by the number of training articles, or None where nothing has measured it."""
    if not CURVE.is_file():
        return None
    [curve] = read_jsonl(CURVE, learning_curve.Curve)
    sizes = sorted({point.articles for point in curve.points})
    scores = {(point.task, point.articles): f"{point.dev_macro_f1:.3f}" for point in curve.points}
    rows = [(task, *(scores[task, size] for size in sizes)) for task in datasets.TASKS]
    return (
        table(("Training articles", *map(str, sizes)), rows)
        + f"\n\nDigest of data and settings: `{curve.digest[:16]}`."
    )


def counted(labels: Iterable[str]) -> tuple[str, str]:
    found = list(labels)
    return number(len(found)), by_count(found)


def by_count(labels: Iterable[str]) -> str:
    found = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{label} {number(count)}" for label, count in found)


def each(labels: Iterable[str]) -> str:
    counts = sorted(set(Counter(labels).values()))
    return f"{' to '.join(map(str, (counts[0], counts[-1]) if len(counts) > 1 else counts))} articles each"


def number(count: int) -> str:
    return f"{count:,}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(header)
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *rows))


BLOCKS: dict[str, tuple[Path, Callable[[], str | None]]] = {
    "example": (README, example),
    "stages": (README, stage_table),
    "settings": (README, settings_table),
    "scores": (README, score_table),
    "modules": (README, module_table),
    "composition": (CARD, composition_table),
    "agreement": (CARD, agreement_table),
    "curve": (CARD, curve_table),
}


def block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- /{name} -->)", re.DOTALL)


def written(name: str) -> str:
    file, _ = BLOCKS[name]
    [found] = block(name).findall(file.read_text(encoding="utf-8"))
    return str(found)


def main() -> None:
    for name, (file, generate) in BLOCKS.items():
        content = generate()
        if content is None:
            result = "left as it is: 'make repro' with the default configuration makes its source"
        else:
            result = "unchanged" if content == written(name) else "rewritten"
            text = file.read_text(encoding="utf-8")
            file.write_text(block(name).sub(lambda _, new=content: new, text), encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)}: {name} {result}\n")


@pytest.mark.parametrize("name", ["stages", "settings", "modules", "composition", "agreement", "curve"])
def test_a_generated_block_is_up_to_date(name: str) -> None:
    assert written(name) == BLOCKS[name][1](), f"the block '{name}' is out of date: {MEND}"


def test_the_scores_are_those_of_the_evaluation() -> None:
    if not METRICS.is_file():
        pytest.skip("data/evaluate/metrics.json is missing: 'make repro' writes it")
    if active_config() != DEFAULT:
        pytest.skip(f"data/ was made with {active_config()}, and the README reports {DEFAULT}")
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", str(METRICS)], cwd=ROOT, check=False)
    if changed.returncode:
        pytest.skip("data/evaluate/metrics.json is not the committed one: models trained here may score otherwise")
    if EVALUATION.is_file():
        assert written("scores") == score_table(), f"the block 'scores' is out of date: {MEND}"
    figures = json.loads(METRICS.read_text(encoding="utf-8"))
    rows = {
        line.split(" | ")[0].strip("| "): re.findall(r"[01]\.\d{3}", line) for line in written("scores").split("\n")
    }
    for name, (title, _) in _SCORES.items():
        own = figures[name]
        values = [own[key] for key in ("accuracy", "macro_f1", "ece") if key in own]
        values += [value["macro_f1"] for _, value in sorted(own.items()) if isinstance(value, dict)]
        assert [float(found) for found in rows[title]] == pytest.approx(values, abs=0.00056), title  # 3 and 4 decimals


def test_the_documented_split_is_that_of_the_split_stage() -> None:
    if not of_default(SPLIT):
        pytest.skip("data/metrics/split.json of the default configuration is missing: 'make repro' writes it")
    counts = json.loads(SPLIT.read_text(encoding="utf-8"))
    readme, card = README.read_text(encoding="utf-8"), CARD.read_text(encoding="utf-8")
    for name in ("train", "dev", "test"):
        assert f"| {name} | {counts[name]} | {counts[f'{name}_outlets']}: " in card
    assert f"{counts['train']} articles to train, {counts['dev']} to tune" in readme
    assert f"{counts['test']} to test" in readme


def test_the_example_quotes_the_article() -> None:
    [path] = (ROOT / "seeds" / "articles").rglob(f"{EXAMPLE}.txt")
    topics = tuple(topic.load_topics(ROOT / "configs/topics.yaml"))
    raw = seeds.parse(path.read_text(encoding="utf-8"), file=path.name, topics=topics).raw
    shown = json.loads(written("example").removeprefix("```json\n").removesuffix("```"))
    assert set(shown) == {"topic", "stances", "claims", "removed"}
    for item in (*shown["claims"], *shown["removed"]):
        assert shortened(raw[item["raw_start"] : item["raw_end"]]) == item["text"]


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines() -> list[str]:
    """Return every command of the README's and CONTRIBUTING's shell blocks, without comments."""
    text = README.read_text(encoding="utf-8") + CONTRIBUTING.read_text(encoding="utf-8")
    joined = [found.replace("\\\n", " ") for found in fenced(text, "sh")]
    return [line for found in joined for line in found.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("line", [line for line in shell_lines() if "newsfacts " in line.partition("#")[0]])
def test_a_command_of_the_documents_is_one_that_the_program_takes(line: str) -> None:
    _, name, *arguments = shlex.split(line.rpartition("| ")[2], comments=True)
    command = typer.main.get_command(command_line.app).commands[name]  # type: ignore[attr-defined]
    if name == "seeds":
        command = command.commands[arguments.pop(0)]
    command.make_context(f"newsfacts {name}", arguments).close()


def test_every_make_target_of_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = [shlex.split(line, comments=True) for line in shell_lines()]
    named = {words[words.index("make") + 1] for words in lines if "make" in words}
    assert named
    assert named <= targets


def test_every_setting_that_the_documents_change_stands_in_its_file() -> None:
    overrides = re.findall(r"-S (\S+?):([\w.]+)=", README.read_text(encoding="utf-8"))
    assert overrides
    for file, key in overrides:
        found = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        for part in key.split("."):
            assert part in found, f"{file} has no {key}"
            found = found[part]


@pytest.mark.parametrize("file", [README, CARD, CONTRIBUTING], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_file_that_a_document_names_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    names = re.findall(r"`((?:configs|pipeline|seeds|tests)/[\w./-]+)`", text)
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    placeholder = re.compile(r"NAME|OUTLET")
    missing = [name for name in names if not (ROOT / name).exists() and not placeholder.search(name)]
    missing += [name for name in links if not (file.parent / name).exists()]
    assert not missing


def test_the_documented_reasons_are_those_that_the_readers_give() -> None:
    names = (
        "reading", "listing", "parsing", "shards", "rows", "warc", "decoding", "extraction", "extraction_process",
        "predicting", "stance",
        "labelling", "datasets", "stages/collect_datasets",
    )  # fmt: skip
    code = "".join((ROOT / "pipeline" / f"{name}.py").read_text(encoding="utf-8") for name in names)
    raised = set(re.findall(r"InputError\(\s*\"([a-z0-9-]+)\"", code))
    raised |= set(re.findall(r"Rejection\([\w., +]+, (?:None|item\.id), \"([a-z0-9-]+)\"", code))
    raised |= set(re.findall(r"^FAILED = \"([a-z0-9-]+)\"$", code, re.MULTILINE))
    section = README.read_text(encoding="utf-8").partition("### What is rejected")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    assert {reason for cell in cells for reason in re.findall(r"`([a-z0-9-]+)`", cell)} == raised


@pytest.mark.parametrize("task", ["topic", "stance", "claims"])
def test_the_lines_for_predict_and_evaluate_are_usable(task: str, topics: tuple[str, ...], tmp_path: Path) -> None:
    blocks = fenced(README.read_text(encoding="utf-8"), "json")
    [lines] = [found for found in blocks if found.startswith(f'{{"id": "{task}-')]
    records = [json.loads(line) for line in lines.splitlines()]
    labels = {"topic": topics, "stance": STANCE_LABELS, "claims": CLAIM_LABELS}[task]
    tiny = linear.Config(hash_bits=6, char_ngrams=(2, 2))
    known = [Example(record["text"], pair=record.get("target"), label=record["label"]) for record in records]
    store.save(
        tmp_path / task,
        linear.fit(known, labels, tiny, seed=13),
        task=task,
        engine="linear",
        temperature=1.0,
        min_score=0.0,
        config={},
        data={},
        metrics={},
        assets={stance.ASSET: stance.fit_aggregation([]).to_json()} if task == "stance" else None,
    )
    source, output = tmp_path / f"{task}.jsonl", tmp_path / "out.jsonl"
    source.write_text(lines, encoding="utf-8")
    models = ["--models", str(tmp_path)]
    run = CliRunner().invoke
    predicted = run(command_line.app, ["predict", task, str(source), "--output", str(output), *models])
    assert predicted.exit_code == 0, predicted.output
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in found] == [record["id"] for record in records]
    assert set(found[0]) == {"id", "label", "score", "scores", "abstained"}
    scored = run(command_line.app, ["evaluate", task, str(source), *models])
    scores = json.loads(scored.stdout)
    assert scores["rejected"] == {}
    assert scores["classification"]["cases"] == len(records)


def test_the_example_of_own_data_is_read_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = README.read_text(encoding="utf-8")
    [rows] = fenced(text, "csv")
    [settings] = [found for found in fenced(text, "yaml") if "collect_datasets:" in found]
    section = yaml.safe_load(settings)["collect_datasets"]
    (tmp_path / "labels.csv").write_text(rows, encoding="utf-8")
    assert section["sources"][0]["sha256"] == file_digest(tmp_path / "labels.csv"), "write this digest into the README"
    config = configuration.parse(collect_datasets.Config, section, where="README")
    monkeypatch.chdir(tmp_path)
    figures = collect_datasets.run(config, topics=ROOT / "configs/topics.yaml", output=tmp_path / "out")
    assert (figures["examples"], figures["rejected"]) == (3, 0)
    examples = datasets.examples(tmp_path / "out", "stance", "train")
    assert [(example.label, example.pair) for example in examples] == [
        ("favor", "council"),
        ("against", "port office"),
        ("neutral", "port office"),
    ]


def test_the_function_for_spark_gives_a_row_for_each_row(light_models: Path) -> None:
    [code] = [found for found in fenced(README.read_text(encoding="utf-8"), "python") if "mapInPandas" in found]
    names: dict[str, Any] = {}
    exec(compile(code, "README", "exec"), names)
    names["MODELS"] = light_models
    news = "It snowed all night on the hills of Port Larkfield. " * 9
    page = f"<html><body><article><p>{news}</p></article></body></html>"
    frames = [
        pd.DataFrame({"id": ["a", "b", None], "text": ["The port closed on\u2028Monday.", None, "It rained."]}),
        pd.DataFrame({"id": [1, 2], "html": [page, 3.5]}),
    ]
    found = pd.concat(names["annotate"](iter(frames)), ignore_index=True)
    assert names["SCHEMA"] == ", ".join(f"{column} string" for column in found.columns)
    annotations = [json.loads(line) for line in found["annotation"].dropna()]
    rejections = [json.loads(line) for line in found["rejection"].dropna()]
    assert len(found) == len(annotations) + len(rejections) == 5
    assert [one["text"].split()[-1] for one in annotations] == ["Monday.", "rained.", "Larkfield."]
    assert [(one["id"], one["reason"]) for one in rejections] == [("b", "missing-field"), ("2", "wrong-type")]


def test_the_lines_for_python_annotate_an_article(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [code] = [
        found for found in fenced(README.read_text(encoding="utf-8"), "python") if "annotator = Annotator(" in found
    ]
    (tmp_path / "models").symlink_to(light_models)
    body = "Port closes\n\nThe port closed on Monday, two weeks before the council was to vote on it."
    (tmp_path / "article.txt").write_text(f"{body}\n\nJoin our Telegram channel: t.me/example", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README", "exec"), names)
    assert names["found"].text == body
    assert [one.role for one in names["found"].removed] == ["promo"]


def test_the_example_rule_of_contributing_matches_its_examples(tmp_path: Path) -> None:
    [rule] = [found for found in fenced(CONTRIBUTING.read_text(encoding="utf-8"), "yaml") if "pattern:" in found]
    (tmp_path / "xx.yaml").write_text(f"language: xx\nrules:\n{rule}", encoding="utf-8")
    lexicon = rules.load(tmp_path)
    [found] = lexicon.rules
    assert all(list(lexicon.hits(text)) for text in found.match)
    assert not any(list(lexicon.hits(text)) for text in found.keep)
    known = rules.load(ROOT / "configs" / "boilerplate").rules
    assert found.id not in {other.id for other in known}, "the example is a real rule by now; take another"


if __name__ == "__main__":
    main()
