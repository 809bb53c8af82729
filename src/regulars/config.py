"""What a shop's configuration may say, and the sentences for when it says something else."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from regulars.errors import RegularsError

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


class ConfigError(RegularsError):
    """A configuration file that is missing, is not YAML, or says something that is not known."""


class Section(BaseModel):
    """A part of a configuration file: unknown keys are errors and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Section):
    """Where a shop's raw data come from."""

    kind: Literal["completejourney"]


class Privacy(Section):
    """What may be shown of small groups, and whether customers must have opted in."""

    min_cell: int = Field(default=10, ge=1, strict=True)
    consent_required: bool = True


class Segments(Section):
    """The segmentation that the review and the experiments use, and the smallest share a cluster may have."""

    chosen: Literal["four-core", "rxf-grid"] = "four-core"
    minimum_share: float = Field(default=0.03, ge=0, le=0.5, strict=True)


class ShopConfig(Section):
    """`config/<shop>.yml`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    about: str = ""
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: str
    engine: Literal["duckdb"] = "duckdb"
    source: Source
    margin_rate: float = Field(gt=0, le=1, strict=True)  # strict: 'yes' is no number
    complete_until: date | None = None
    privacy: Privacy = Privacy()
    segments: Segments = Segments()

    @property
    def sign(self) -> str:
        """What stands before an amount in a sentence: the currency's sign, or its code and a blank."""
        return SIGNS.get(self.currency, f"{self.currency} ")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            near = difflib.get_close_matches(zone, available_timezones(), n=1)
            hint = near[0] if near else "Europe/London"
            raise ValueError(f"'{zone}' is not a time zone, write one such as {hint}")
        return zone


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
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{path.name}: the key '{key}' is missing"
    if detail["type"] == "extra_forbidden":
        known = _keys_beside(model, detail["loc"])
        near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known here are {', '.join(known)}"
        return f"{path.name}: the key '{key}' is not known: {hint}"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if not key:  # what is wrong lies between keys, not in one
        return f"{path.name}: {message}"
    return f"{path.name}: '{key}' is {detail['input']!r}, but {message}"


def _keys_beside(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that are known where `location` points."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
