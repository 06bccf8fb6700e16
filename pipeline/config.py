"""Typed configuration: frozen, strict sections that refuse unknown keys and name the nearest known one."""

from __future__ import annotations

import datetime
import difflib
import json
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ConfigError


class Section(BaseModel):
    """Base of every configuration section; it lives beside the code that obeys it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


_SCALARS = ((bool, "a truth value"), ((int, float), "a number"), (datetime.date, "a date"))
_MAX_SHOWN = 60  # characters of a wrong value
SectionType = TypeVar("SectionType", bound=Section)


class _Checked:
    """Refuses keys that YAML would silently lose or change: those given twice, and such as ``no`` or ``010``."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)  # type: ignore[call-arg]
        self._seen: set[int] = set()  # mappings already checked: merging writes the keys of others into them

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self._seen:
            self._seen.add(id(node))
            self._check([key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"])
        super().flatten_mapping(node)  # type: ignore[misc]

    def _check(self, keys: Sequence[yaml.ScalarNode]) -> None:
        names: list[Any] = []
        texts: list[str] = []
        for key in keys:
            name = self.construct_object(key)  # type: ignore[attr-defined]
            # A number or truth value that is written as JSON writes it is what a file of labels says, too.
            if not isinstance(name, str) and json.dumps(name, default=str) != key.value:
                what = next((words for kind, words in _SCALARS if isinstance(name, kind)), "null")
                self._refuse(f"the key {key.value!r} is {what} in YAML; put it in quotes", key)
            if name in names or key.value in texts:
                self._refuse(f"the key {key.value!r} is given twice", key)
            names.append(name)
            texts.append(key.value)

    def _refuse(self, problem: str, key: yaml.ScalarNode) -> NoReturn:
        raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)


class _Loader(_Checked, yaml.SafeLoader):
    """Says the most of a fault."""


class _FastLoader(_Checked, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Ten times as fast, where PyYAML has libyaml."""


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        ConfigError: the file is missing, unreadable or no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        try:
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506  # a SafeLoader
        except (yaml.YAMLError, ValueError):
            return yaml.load(text, Loader=_Loader)  # noqa: S506  # the same
    except FileNotFoundError:
        raise ConfigError(f"no file {path}; name an existing one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
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
        raise ConfigError("\n".join(f"{where}{fault}" for fault in _faults(model, error))) from None


_KINDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of keys",
}
_BOUNDS = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "a string that matches {pattern}",
    "string_too_short": "a string of length {min_length} or more",
}
_WORDS = ("string_type", "literal_error")
_HINT = "; put a word that YAML takes for a truth value, such as no, in quotes"
_MEMBER = re.compile(r"str|int|float|bool|(?:tuple|list)\[.*\]")  # of a union, which pydantic names in the place


def _faults(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return a message for each fault; what may be one of several kinds, and is none of them, has one message."""
    messages: list[str] = []
    kinds: dict[tuple[int | str, ...], list[str]] = {}
    shown: dict[tuple[int | str, ...], str] = {}
    for fault in error.errors():
        kind, context = fault["type"], fault.get("ctx", {})
        loc = tuple(part for part in fault["loc"] if not (isinstance(part, str) and _MEMBER.fullmatch(part)))
        place, above = _place(loc), _place(loc[:-1])
        if kind == "extra_forbidden":
            messages.append(f"{place}: unknown key{_nearest(str(loc[-1]), _keys(model, loc[:-1]))}")
        elif loc and loc[-1] == "[key]":
            messages.append(f"{above}: unknown key; known: {context['expected']}")
        elif kind == "missing":
            lacking = f"item {loc[-1] + 1}" if isinstance(loc[-1], int) else f"key {loc[-1]!r}"
            messages.append(f"{above}: {lacking} is missing; add it")
        elif kind == "value_error":
            messages.append(f"{place}: {context['error']}")
        elif kind in _KINDS or kind in _BOUNDS:
            kinds.setdefault(loc, []).append(_KINDS.get(kind) or _BOUNDS[kind].format(**context))
            hint = _HINT if isinstance(fault["input"], bool) and kind in _WORDS else ""
            shown[loc] = max(shown.get(loc, ""), f"{_shown(fault['input'])}{hint}", key=len)
        else:
            messages.append(f"{place}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, not {_shown(fault['input'])}")
    for loc, words in kinds.items():
        if any(other[: len(loc)] == loc and len(other) > len(loc) for other in kinds):
            continue  # of the right kind, with a fault in it, which has its own message
        messages.append(f"{_place(loc)}: must be {' or '.join(dict.fromkeys(words))}, not {shown[loc]}")
    return messages


def _place(loc: tuple[int | str, ...]) -> str:
    return "".join(f".{part}" for part in loc)


def _shown(value: Any) -> str:
    """Return a value as one would write it, or what it is where that would be long."""
    if isinstance(value, Mapping):
        return "a mapping"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


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
