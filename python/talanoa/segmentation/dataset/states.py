"""The files that tell the state of a dataset, `dataset.json` and a further person's `states.json`: read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from talanoa.core.errors import BadInput
from talanoa.core.files import read_json
from talanoa.image.folder import list_images
from talanoa.segmentation.dataset.names import check_name

VERSION = 1

Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]  # JSON has no others
Status = Literal["todo", "done", "skipped"]


class Entry(BaseModel):
    """One image of a dataset.

    Attributes
    ----------
    name : str
        Of its files, without suffix.
    status : {"todo", "done", "skipped"}
    source, source_sha256 : str
        The file it was copied from, "" for an image that was open and never saved.
    part : str
        Which part of the source it is, such as "Z3" or "T1 Y0-512 X512-1024"; "" for the whole.
    who, when : str
        Who annotated it, and when (ISO 8601, UTC).
    objects : int or None
        Objects of its mask; None before it is annotated.
    uncertainty : float or None
        How unsure a model is of it; the highest is offered first.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)
    status: Status = "todo"
    source: str = ""
    source_sha256: str = ""
    part: str = ""
    who: str = ""
    when: str = ""
    objects: int | None = None
    uncertainty: Number | None = None

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if check_name(name):
            raise ValueError(check_name(name))
        return name


class Header(BaseModel):
    """What `dataset.json` says."""

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int
    name: str = ""
    classes: tuple[str, ...] = ()
    pixel_size: tuple[Size, Size, Size] | None = None
    unit: str = "pixel"
    created: str = ""
    author: str = ""
    images: tuple[Entry, ...] = ()

    @field_validator("pixel_size", mode="before")
    @classmethod
    def _three(cls, size: Any) -> Any:
        return (size, size, size) if isinstance(size, int | float) else size


class States(BaseModel):
    """What `annotators/<person>/states.json` says: the state of each image for this person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    images: tuple[Entry, ...] = ()


def as_text(content: Mapping[str, Any]) -> str:
    """Return the text of such a file."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path, kind: type[Any]) -> Any:
    """Read a file of states; a missing one is empty."""
    if not path.is_file():
        return kind(version=VERSION)
    content = read_json(path, "the states of a dataset", "Restore it from a copy, or change its permissions.")
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise BadInput(
            f"{path} has the version {version!r}; expected {VERSION}. "
            "A later Talanoa made it: install that one (talanoa doctor shows the version of this one)."
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"{path}: {place}: {first['msg']}. Restore the file from a copy, or correct it.") from error


def plain_tree(root: Path) -> Header:
    """Describe a tree without `dataset.json`: an image with a mask, or ROIs, of its name is done."""
    names: dict[str, Path] = {}
    for path in (each.path for each in list_images(root / "images")):
        if reason := check_name(path.stem):
            raise BadInput(f"{root / 'images'}: {reason}; expected plain names. Rename that image.")
        if path.stem in names:
            raise BadInput(
                f"{names[path.stem].name} and {path.name} in {root / 'images'} share one name; expected one image "
                "per name. Rename or remove one of them."
            )
        names[path.stem] = path
    kinds = [root / kind for kind in ("masks", "rois") if (root / kind).is_dir()]
    done = {path.stem for kind in kinds for path in kind.iterdir()}
    entries = tuple(
        Entry(name=name, status="done" if name in done else "todo", source=str(path)) for name, path in names.items()
    )
    return Header(version=VERSION, images=entries)
