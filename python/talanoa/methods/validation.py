"""Errors of a method's configuration, in words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from talanoa.errors import BadInput

Config = TypeVar("Config", bound=BaseModel)


def validated(kind: type[Config], keys: dict[str, Any], title: str) -> Config:
    """Return a configuration of the method `title`; a bad key or value is a `BadInput` that lists the valid keys."""
    try:
        return kind(**keys)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        text = f"{key}: {first['msg']}" if key else first["msg"]
        raise BadInput(f"{title} configuration: {text}. Valid keys: {', '.join(kind.model_fields)}.") from error
