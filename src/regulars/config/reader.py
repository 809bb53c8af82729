"""YAML files read into their models, and the sentences for when a file says something else."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from regulars.errors import RegularsError


class ConfigError(RegularsError):
    """A configuration file that is missing, is not YAML, or says something that is not known."""


class Section(BaseModel):
    """A part of a configuration file: unknown keys are errors and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Loader(yaml.SafeLoader):
    """The safe loader, which besides refuses a key that stands twice: else the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                problem = f"the key '{key}' stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.value[place][0].start_mark)
        return super().construct_mapping(node, deep)


Model = TypeVar("Model", bound=BaseModel)


def read_config(path: Path, model: type[Model]) -> Model:
    """Read one YAML file into its model.

    Raises:
        ConfigError: naming the file, the key and what would work.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        raise ConfigError(f"{path.name} is missing from {path.parent.name}/.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date such as 2017-02-30
        place = getattr(error, "problem_mark", None)
        line = f" line {place.line + 1}:" if place else ""
        reason = (
            getattr(error, "problem", None)
            or f"it cannot be read as UTF-8 YAML ({' '.join(str(error).split())})"
        )
        raise ConfigError(
            f"{path.name}:{line} {reason}. Write 'key: value', indented with blanks, not tabs."
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name} holds no 'key: value' lines; it needs at least {_needed(model)}.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(path, model, detail) for detail in error.errors())) from error


def _needed(model: type[BaseModel]) -> str:
    return ", ".join(name for name, field in model.model_fields.items() if field.is_required())


def _sentence(path: Path, model: type[BaseModel], detail: ErrorDetails) -> str:
    """One pydantic complaint in words, with the nearest key that exists."""
    location, known = _walk(model, detail["loc"])
    key = ".".join(map(str, location))
    context = detail.get("ctx", {})
    tag = str(context.get("discriminator", "")).strip("'")
    if detail["type"] == "missing" or detail["type"] == "union_tag_not_found":
        return f"{path.name}: the key '{f'{key}.{tag}' if tag else key}' is missing"
    if detail["type"] == "union_tag_invalid":
        expected = context["expected_tags"].replace("', '", "' or '")
        return f"{path.name}: '{key}.{tag}' is '{context['tag']}', but it should be {expected}"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known here are {', '.join(known)}"
        return f"{path.name}: the key '{key}' is not known: {hint}"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if not key or isinstance(detail["input"], dict):  # what is wrong lies between keys, not in one
        return f"{path.name}: {repr(key) + ': ' if key else ''}{message}"
    return f"{path.name}: '{key}' is {detail['input']!r}, but {message}"


def _walk(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[list[Any], list[str]]:
    """A complaint's place as keys of the file, and the keys that are known there.

    Pydantic puts the tag of a union, such as the kind of a source, between the keys; it is no key of the file.
    """
    keys: list[Any] = []
    here = beside = [model]
    for part in location:
        tagged = [one for one in here if part in _tags(one)]
        if tagged and len(here) > 1:
            here = tagged
            continue
        keys.append(part)
        fields = [one.model_fields[str(part)] for one in here if str(part) in one.model_fields]
        beside, inner = here, [found for field in fields for found in _models_in(field.annotation)]
        here = inner or here
    return keys, sorted({name for one in beside for name in one.model_fields})


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is made of, as those of a union, or the values of a dictionary."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
