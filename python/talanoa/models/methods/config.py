"""What the configurations of several methods check, and their errors in words."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from talanoa.core.errors import BadInput
from talanoa.models.losses import names

Config = TypeVar("Config", bound=BaseModel)


def _known_losses(weights: dict[str, float]) -> dict[str, float]:
    try:
        return names.checked(weights)
    except BadInput as problem:
        raise ValueError(str(problem)) from problem


Losses = Annotated[dict[str, float], AfterValidator(_known_losses)]  # weights of `talanoa.models.losses` by their names


def validated(kind: type[Config], keys: dict[str, Any], title: str) -> Config:
    """Return a configuration of the method `title`; a bad key or value is a `BadInput` that lists the valid keys."""
    try:
        return kind(**keys)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        text = f"{key}: {first['msg']}" if key else first["msg"]
        raise BadInput(f"{title} configuration: {text}. Valid keys: {', '.join(kind.model_fields)}.") from error
