"""Import closures of the DVC stages; ``python -m tests.dvc_deps`` rewrites the code ``deps`` of dvc.yaml from them.

DVC does not follow Python imports, so dvc.yaml names every file of ours that a stage executes.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pipeline"


@cache
def imports(module: str) -> frozenset[str]:
    """Return our own modules that a module imports, anywhere in it: at its top, in functions, and by package."""
    tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name for name in found if name.split(".")[0] == PACKAGE and exists(name)}
    parents = {".".join(name.split(".")[:depth]) for name in ours | {module} for depth in range(1, name.count(".") + 1)}
    return frozenset((ours | parents) - {module})


def closure(module: str) -> set[str]:
    """Return a module and everything of ours that importing and running it can execute."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imports(current)
    return seen


def exists(module: str) -> bool:
    """Tell whether a dotted name is one of our modules."""
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def file_of(module: str) -> Path:
    """Return a module's file."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def entry(stage: str) -> str:
    """Return the module that a stage runs: its own, or for ``report``, which only renders, the report package's."""
    return "pipeline.report.files" if stage == "report" else f"pipeline.stages.{stage}"


def code_deps(stage: str) -> list[str]:
    """Return the files of ours that a stage depends on, templates included."""
    files = {file_of(module) for module in closure(entry(stage))}
    templates = {found for file in files for ending in ("j2", "css", "js") for found in file.parent.glob(f"*.{ending}")}
    return sorted(path.relative_to(ROOT).as_posix() for path in files | templates)


def is_code(dep: str) -> bool:
    """Tell a dep on our code from a dep on data."""
    return dep.startswith(f"{PACKAGE}/")


def main() -> None:
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    path = ROOT / "dvc.yaml"
    graph = yaml.load(path.read_text(encoding="utf-8"))
    for name, stage in graph["stages"].items():
        data = [dep for dep in stage["deps"] if not is_code(dep)]
        deps = CommentedSeq([*data, *code_deps(name)])
        stage["deps"] = deps
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(graph, stream)
    sys.stdout.write(f"rewrote the code deps of {len(graph['stages'])} stages in {path.name}\n")


if __name__ == "__main__":
    main()
