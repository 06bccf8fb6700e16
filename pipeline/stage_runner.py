"""Run one stage: configuration in, stage's own ``run``, metrics file and MLflow run out."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import pkgutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline import config as configuration
from pipeline.config import Section
from pipeline.errors import ConfigError

ACTIVE = Path("configs/active.yaml")
GRAPH = Path("dvc.yaml")
SEEDS = Path("seeds/articles")
_LOG = logging.getLogger("newsfacts")


class _Run(Protocol):
    def __call__(self, config: Section, **paths: Path) -> dict[str, float]: ...


@dataclass(frozen=True)
class Stage:
    """A stage module: its configuration class, its function, and the paths that the function takes."""

    name: str
    config: type[Section]
    run: _Run
    paths: tuple[str, ...]


def names() -> list[str]:
    """Return the names of all stages, which are the known sections of a configuration."""
    from pipeline import stages

    return sorted(module.name for module in pkgutil.iter_modules(stages.__path__))


def load(name: str) -> Stage:
    """Import one stage."""
    module = importlib.import_module(f"pipeline.stages.{name}")
    return Stage(name, module.Config, module.run, tuple(inspect.signature(module.run).parameters)[1:])


def active_config() -> Path:
    """Return the configuration that dvc.yaml uses.

    Raises:
        ConfigError: ``configs/active.yaml`` is missing or names none.
    """
    content = configuration.read_yaml(ACTIVE)
    if not isinstance(content, dict) or not isinstance(content.get("config"), str):
        raise ConfigError(f"{ACTIVE} names no configuration; write 'config: configs/pipeline.yaml'")
    return Path(content["config"])


def check(path: Path) -> None:
    """Check every section of a configuration, so that no stage begins where a later one refuses its own.

    Raises:
        ConfigError: as for one section; the faults of all are named, an unknown section alone.
    """
    sections = configuration.load(path, names())
    faults: list[str] = []
    for name in names():
        try:
            configuration.section(sections, name, load(name).config, source=path)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))


def parse_paths(stage: Stage, arguments: list[str]) -> tuple[dict[str, Path], Path | None]:
    """Return the stage's paths from ``--name path`` arguments, and the metrics file.

    Raises:
        ConfigError: an argument is unknown, missing or without a value.
    """
    known = (*stage.paths, "metrics")
    found: dict[str, Path] = {}
    for flag, value in zip(arguments[::2], [*arguments[1::2], ""], strict=False):
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in known or not value:
            raise ConfigError(f"{stage.name}: {flag!r} is no path of this stage; it takes --{', --'.join(known)}")
        found[name] = Path(value)
    metrics = found.pop("metrics", None)
    if missing := [name for name in stage.paths if name not in found]:
        raise ConfigError(f"{stage.name}: --{', --'.join(missing)} missing; dvc.yaml shows the whole call")
    return found, metrics


def run(name: str, config_path: Path | None, arguments: list[str]) -> None:
    """Run a stage and log it; the tracking store is tried first, so that a dead one is noticed before the work.

    Raises:
        NewsfactsError: the configuration, the data or the tracking store is at fault.
    """
    from pipeline.tracking import runs, store

    path = config_path or active_config()
    sections = configuration.load(path, names())
    stage = load(name)
    config = configuration.section(sections, name, stage.config, source=path)
    paths, metrics_file = parse_paths(stage, arguments)
    store.check()
    outputs = outputs_of(name)
    written = [out for path in outputs.values() for out in (path, *path.parents)]
    inputs = {key: value for key, value in paths.items() if value not in written and value.exists()}
    started = time.monotonic()
    metrics = stage.run(config, **paths)
    seconds = time.monotonic() - started
    if metrics_file is not None:
        _write_metrics(metrics_file, metrics)
    _LOG.info("%s: %s (%.1f s)", name, _summary(metrics), seconds)
    runs.log(
        runs.StageRun(
            stage=name,
            config=config.model_dump(mode="json"),
            inputs=inputs,
            outputs=outputs,
            metrics=metrics,
            seconds=seconds,
            repro=runs.repro_digest(path, SEEDS),
        )
    )


def graph() -> dict[str, Any]:
    """Return the stages of dvc.yaml by name.

    Raises:
        ConfigError: there is none here.
    """
    if not GRAPH.is_file():
        raise ConfigError(f"no {GRAPH} in {Path.cwd()}; run this in the project's folder")
    content = configuration.read_yaml(GRAPH)
    stages: dict[str, Any] = content["stages"]
    return stages


def outputs_of(name: str) -> dict[str, Path]:
    """Return what dvc.yaml says that a stage leaves, metrics aside, by path."""
    stage = graph().get(name, {})
    paths = [_path(item) for key in ("outs", "plots") for item in stage.get(key, [])]
    return {path: Path(path) for path in paths}


def _path(item: str | Mapping[str, Any]) -> str:
    return item if isinstance(item, str) else next(iter(item))


def _write_metrics(path: Path, metrics: Mapping[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nested: dict[str, Any] = {}
    for name, value in metrics.items():
        *groups, last = name.split(".")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = round(value, 4) if isinstance(value, float) else value
    path.write_text(json.dumps(nested, indent=2) + "\n", encoding="utf-8")


def _summary(metrics: Mapping[str, float]) -> str:
    shown = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value:,}"
        for name, value in metrics.items()
        if not name.count(".") > 1
    ]
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
