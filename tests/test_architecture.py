"""The picture of the house, kept true: who may import whom, and what dvc.yaml, configurations and tests agree on."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import dvc_deps
from tests.dvc_deps import PACKAGE, ROOT, code_deps, file_of, imports, is_code

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / PACKAGE).rglob("*.py")
)
STAGES = sorted(module.rpartition(".")[2] for module in MODULES if module.startswith(f"{PACKAGE}.stages."))
GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
CONFIGURATIONS = [
    path
    for path in sorted((ROOT / "configs").glob("*.yaml"))
    if set(STAGES) & set(yaml.safe_load(path.read_text(encoding="utf-8")))
]

# From the top down; a module imports its own layer and those below. A package stands for its modules.
LAYERS = (
    ("__main__",),
    ("seed_commands", "quality_commands"),
    ("task_groups",),
    ("stage_runner", "doctor"),
    ("stages", "tracking", "report"),
    (
        "learning_curve",
        "training_variants",
        "cross_validation",
    ),
    (
        "batch",
        "ray_engine",
        "local_engine",
        "journal",
        "shards",
        "mining",
        "labelling",
        "cases",
        "task_examples",
        "locating",
        "acceptance",
        "comparison",
    ),
    ("annotator", "predicting", "writing", "evaluation", "answers", "floors", "profiles", "datasets", "corpus_check"),
    ("topic", "stance", "claims", "facts", "named_entities", "boilerplate"),
    ("targets",),
    ("classifiers", "cleaning", "sentences", "reading", "corpus", "seeds", "metrics", "agreement", "drift", "curves"),
    ("listing", "parsing"),
    ("cache", "shingles", "config", "records", "alignment", "progress", "rows", "warc", "extraction_process"),
    ("decoding", "storage"),
    ("extraction",),
    ("page",),
    ("article", "errors"),
)
OUTSIDE = {
    "mlflow": "tracking",
    "sqlalchemy": "tracking",
    "torch": "classifiers",
    "transformers": "classifiers",
    "onnxruntime": "classifiers",
    "openvino": "classifiers",
    "safetensors": "classifiers",
    "ray": "ray_engine",
    "fastwarc": "warc",
    "fsspec": "storage",
    "matplotlib": "report.html.pictures",
}
"""Libraries that one package alone may import."""


def layer(module: str) -> int:
    """Return how deep a module lies; the package itself, which holds the version, lies deepest."""
    if module == PACKAGE:
        return len(LAYERS)
    name = module.split(".")[1]
    places = [depth for depth, names in enumerate(LAYERS) if name in names]
    assert places, f"{module} has no layer: give it one in tests/test_architecture.py"
    return places[0]


def tree(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


def libraries(module: str) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    upward = sorted(name for name in imports(module) if layer(name) < layer(module))
    assert not upward, f"{module} imports {', '.join(upward)} from a layer above its own"


@pytest.mark.parametrize("module", ["article", "errors"])
def test_the_bottom_imports_nothing_of_ours(module: str) -> None:
    assert imports(f"{PACKAGE}.{module}") <= {PACKAGE}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_stage_no_tracking_and_no_report(stage: str) -> None:
    own = f"{PACKAGE}.stages.{stage}"
    closed = (f"{PACKAGE}.stages.", f"{PACKAGE}.tracking", f"{PACKAGE}.report", f"{PACKAGE}.stage_runner")
    assert not [module for module in dvc_deps.closure(own) - {own} if module.startswith(closed)]


@pytest.mark.parametrize("module", MODULES)
def test_a_library_with_a_room_of_its_own_is_imported_nowhere_else(module: str) -> None:
    for library in sorted(libraries(module) & OUTSIDE.keys()):
        room = f"{PACKAGE}.{OUTSIDE[library]}"
        assert module.startswith(room), f"{module} imports {library}, which belongs to {room}"


def test_no_module_is_named_for_having_no_name() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
    assert not [module for module in MODULES if nameless & set(module.split("."))]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_printed_and_no_exception_is_caught_unseen(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{file_of(module)}:{node.lineno}: print"
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            broad = node.type is None or {"Exception", "BaseException"} & set(caught.strip("()").split(", "))
            assert not broad, f"{file_of(module)}:{node.lineno}: except {caught}"


def test_every_module_says_what_it_is_for() -> None:
    assert not [module for module in MODULES if not ast.get_docstring(tree(module))]


def test_stages_modules_sections_and_test_files_agree() -> None:
    assert sorted(set(GRAPH) - {"report"}) == STAGES
    sections = yaml.safe_load((ROOT / "configs" / "pipeline.yaml").read_text(encoding="utf-8"))
    assert sorted(sections) == STAGES
    tests = sorted(path.stem.removeprefix("test_") for path in (ROOT / "tests" / "stages").glob("test_*.py"))
    assert sorted({*STAGES, "reproducible"}) == tests


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_every_configuration_is_accepted_by_the_stages(path: Path) -> None:
    from pipeline import stage_runner

    stage_runner.check(path)


def differences(one: str, other: str) -> dict[str, set[str]]:
    """Return what two configurations differ in: of each stage its settings, of train_sentences those of training."""
    from pipeline import config, stage_runner

    def parsed(name: str, stage: str) -> dict[str, Any]:
        path = ROOT / "configs" / f"{name}.yaml"
        sections = config.load(path, stage_runner.names())
        return config.section(sections, stage, stage_runner.load(stage).config, source=path).model_dump()

    def unequal(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> set[str]:
        return {name for name in ours if ours[name] != theirs[name]}

    found: dict[str, set[str]] = {}
    for stage in STAGES:
        ours, theirs = parsed(one, stage), parsed(other, stage)
        if stage == "train_sentences":
            for task in ("stance", "claims"):
                found[task] = unequal(ours[task].pop("transformer"), theirs[task].pop("transformer"))
        found[stage] = unequal(ours, theirs)
    return {place: names for place, names in found.items() if names}


def test_the_public_configuration_differs_from_the_default_in_its_data_sets_and_fine_tuning_alone() -> None:
    assert differences("public", "pipeline") == {
        "collect_datasets": {"sources"},
        "train_sentences": {"one_encoder"},
        "stance": {
            "averaged_epochs", "batch_size", "epochs", "label_smoothing", "layers", "learning_rate", "r_drop",
        },
        "claims": {"epochs", "label_smoothing", "layers"},
    }  # fmt: skip


def test_the_distilled_configuration_differs_from_the_public_one_in_how_stance_is_trained_alone() -> None:
    assert differences("distilled", "public") == {"stance": {"averaged_epochs", "epochs", "r_drop", "teacher"}}


@pytest.mark.parametrize("stage", GRAPH)
def test_code_deps_of_a_stage_are_what_its_module_imports(stage: str) -> None:
    written = [dep for dep in GRAPH[stage]["deps"] if is_code(dep)]
    assert written == code_deps(stage), f"deps of {stage} are stale: run `python -m tests.dvc_deps`"


@pytest.mark.parametrize("stage", sorted(set(GRAPH) - {"report"}))
def test_every_path_of_a_stage_s_call_is_a_dep_or_an_out(stage: str) -> None:
    """DVC runs a stage again only for what it knows: each path that the call names must be written down."""
    from pipeline import stage_runner

    words = GRAPH[stage]["cmd"].split()
    given = {words[place][2:]: words[place + 1] for place in range(len(words)) if words[place].startswith("--")}
    outs = [
        name if isinstance(name, str) else next(iter(name))
        for key in ("outs", "metrics", "plots")
        for name in GRAPH[stage].get(key, [])
    ]
    known = [*GRAPH[stage]["deps"], *outs]
    assert given.keys() == {*stage_runner.load(stage).paths, "metrics"}
    for path in given.values():
        assert [one for one in known if one == path or one.startswith(f"{path}/")], f"{stage}: {path} is no dep or out"


def test_each_stage_depends_on_its_own_section_of_the_configuration() -> None:
    for stage in STAGES:
        sections = [section for entry in GRAPH[stage]["params"] for section in next(iter(entry.values()))]
        assert sections == [stage]
