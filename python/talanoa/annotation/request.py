"""Keys of the task `annotate`: making, filling and checking a dataset."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from talanoa.annotation.request_propose import ProposeRequest
from talanoa.core.errors import BadInput
from talanoa.core.request import (
    Count,
    Dims,
    Fraction,
    MaybeNumber,
    MissingPlanes,
    PathText,
    Series,
    read_decimal,
    read_whole,
    read_word,
)

Action = Literal[
    "new",
    "pick",
    "next",
    "propose",
    "check",
    "fix",
    "interpolate",
    "import",
    "rank",
    "save",
    "skip",
    "undo",
    "autosave",
    "restore",
    "status",
]
Fix = Literal["split", "merge", "fill", "delete", "smooth", "clip", "simplify"]
NEEDS_DATASET = ("new", "pick", "next", "save", "skip", "undo", "autosave", "restore", "status", "rank")


def read_list(value: Any) -> Any:
    """Read a list as text with commas: ["a", "b"] is "a,b"."""
    return ",".join(str(one) for one in value) if isinstance(value, list | tuple | range) else value


def read_sources(value: Any) -> Any:
    """Read a list of paths as text with semicolons."""
    return ";".join(str(one) for one in value) if isinstance(value, list | tuple) else value


def read_count(value: Any) -> Any:
    """Read "all" as a number that no folder reaches."""
    return 2**31 if isinstance(value, str) and value.strip().lower() == "all" else read_whole(value)


def read_numbers(value: Any) -> Any:
    """Read numbers separated by commas, blanks allowed; a list or a single number, too."""
    value = read_list(value)
    return re.sub(r"(?<=\d)\.0+(?=,|$)", "", str(value).replace(" ", "")) if value is not None else None


class AnnotateRequest(ProposeRequest):
    """Make a dataset for training: pick images, propose, check, repair and save objects."""

    action: Annotated[Action, BeforeValidator(read_word)] = Field(description="What to do")
    dataset: PathText | None = Field(None, description="Dataset folder")
    image: PathText | None = Field(
        None, description="Image of the dataset by name, or an image file; omitted: the image given or open"
    )
    dims: Dims = None
    series: Series = None
    missing_planes: MissingPlanes = "refuse"
    rois: PathText | None = Field(None, description="ROI zip; omitted: the ROIs given or in the manager")
    who: str = Field("", description="Who annotates; omitted: the login name")
    annotator: str = Field("", description="A further person, whose masks and ROIs are kept apart")

    out: PathText | None = Field(
        None, description="New file for what the action gives: ROI zip (.zip), label image (.tif) or table (.csv)"
    )

    classes: Annotated[str, BeforeValidator(read_list)] = Field(
        "", description="new: names of the classes of objects, separated by commas; class k is ROI group k"
    )
    pixel_size: MaybeNumber = Field(None, description="new: pixel size; omitted: that of the first image")
    unit: str = Field("", description="new: unit of the pixel size, such as um")

    source: Annotated[PathText | None, BeforeValidator(read_sources)] = Field(
        None, description="pick: image files or folders, separated by semicolons; omitted: the image given or open"
    )
    count: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(read_count)] = Field(
        None, description="pick: how many to choose, or all; omitted: 20 of a folder, everything of named files"
    )
    cut: Annotated[Literal["none", "planes", "frames", "both"], BeforeValidator(read_word)] = Field(
        "none", description="pick: take the planes of stacks, the frames of time-lapses, or both one by one"
    )
    tile: Annotated[Annotated[int, Field(ge=32)] | None, BeforeValidator(read_whole)] = Field(
        None, description="pick: cut larger images into tiles of this side, in pixels"
    )

    after: str | None = Field(None, description="next: the image after this one")
    empty: bool = Field(False, description="save: the image has no objects, and that is right")
    labels: PathText | None = Field(None, description="save: label image to save instead of ROIs")

    tiny: Count = Field(None, description="check: objects below this size are tiny; omitted: a tenth of the median")
    convex: Fraction = Field(0.9, description="check: objects less solid than this look merged (area / convex hull)")

    fix: Annotated[Fix | None, BeforeValidator(read_word)] = Field(None, description="fix: how to repair the ROIs")
    index: Annotated[str | None, BeforeValidator(read_numbers)] = Field(
        None, pattern=r"^\d+(,\d+)*$", description="fix, interpolate: which ROIs, counted from 0, such as 3 or 3,5"
    )
    line: Annotated[str | None, BeforeValidator(read_numbers)] = Field(
        None,
        pattern=r"^-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3}$",
        description="fix=split: cut along the line x1,y1,x2,y2, in pixels",
    )
    pieces: Annotated[Annotated[int, Field(ge=2, le=50)], BeforeValidator(read_whole)] = Field(
        2, description="fix=split: how many pieces"
    )
    smoothing: Annotated[float, BeforeValidator(read_decimal), Field(gt=0, le=50)] = Field(
        2.0, description="fix=smooth: sigma of the smoothing, in pixels"
    )

    @model_validator(mode="after")
    def _complete(self) -> AnnotateRequest:
        if self.action in NEEDS_DATASET and self.dataset is None:
            raise BadInput(f"dataset is missing; expected dataset=<folder> for action={self.action}.")
        if self.action == "fix" and self.fix is None:
            raise BadInput(f"fix is missing; expected one of {', '.join(get_args(Fix))}.")
        return self
