"""Typed configuration: frozen, strict sections that refuse unknown keys and name the nearest known one."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ConfigError


class Section(BaseModel):
    """Base of every configuration section; it lives beside the code that obeys it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


SectionType = TypeVar("SectionType", bound=Section)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := [key for number, key in enumerate(keys) if key in keys[:number]]:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        ConfigError: the file is missing, unreadable or no YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # a SafeLoader
    except FileNotFoundError:
        raise ConfigError(f"no file {path}; name an existing one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from None


def load(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Return the sections of a configuration file by name.

    Raises:
        ConfigError: the file is no mapping, or has a section that is not in ``known``.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no sections; write 'section:' and its settings below it")
    for name in content:
        if name not in known:
            raise ConfigError(f"{path}: unknown section {name!r}{_nearest(str(name), known)}")
    return content


def section(content: Mapping[str, Any], name: str, model: type[SectionType], *, source: Path) -> SectionType:
    """Return section ``name`` as a checked ``model``; a missing section has its defaults.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type; every fault is named.
    """
    given = content.get(name)
    return parse(model, {} if given is None else given, where=f"{source}: {name}")


def parse(model: type[SectionType], values: Any, *, where: str) -> SectionType:
    """Return ``values`` checked against ``model``.

    Raises:
        ConfigError: as for ``section``; ``where`` begins each message.
    """
    try:
        # By way of JSON: YAML has no tuples, and strict validation takes a list for a tuple only in JSON.
        return model.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(f"{where}{_fault(model, fault)}" for fault in error.errors())) from None


def _fault(model: type[BaseModel], fault: Any) -> str:
    place = "".join(f".{part}" for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _keys(model, fault["loc"][:-1])
        return f"{place}: unknown key{_nearest(str(fault['loc'][-1]), known)}"
    return f"{place}: {fault['msg']}, not {fault['input']!r}"


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        candidates = (field.annotation, *typing.get_args(field.annotation))
        nested = [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = nested[0] if nested else model
    return list(model.model_fields)


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
