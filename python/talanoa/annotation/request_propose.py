"""Keys of a proposal: how objects are found for a person to correct."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import (
    Count,
    Device,
    Fraction,
    MaybeNumber,
    Number,
    PathText,
    Request,
    Whole,
    check_ordered,
    read_whole,
    read_word,
)

By = Literal["threshold", "classical", "model", "file"]
Threshold = Literal["huang", "otsu", "li", "triangle", "yen", "isodata", "minimum", "mean", "adaptive", "value"]
Classical = Literal["nuclei", "er", "golgi", "gfp", "primary"]


class ProposeRequest(Request):
    """Propose objects: by a threshold, a classical segmentation, a trained model, or from a file."""

    by: Annotated[By, BeforeValidator(read_word)] = Field(
        "threshold", description="What proposes objects: threshold, classical, model or file"
    )
    channel: Count = Field(None, description="Channel to look at, counted from 1")
    ndim: Annotated[Annotated[int, Field(ge=2, le=3)] | None, BeforeValidator(read_whole)] = Field(
        None, description="3: objects of stacks in 3D, 2: slice by slice; omitted: 3 for stacks"
    )

    threshold: Annotated[Threshold, BeforeValidator(read_word)] = Field(
        "huang", description="By threshold: ImageJ's method, or adaptive (local mean), or value (see level)"
    )
    level: MaybeNumber = Field(None, description="By threshold=value: lowest intensity of an object")
    block: Annotated[Annotated[int, Field(ge=3)] | None, BeforeValidator(read_whole)] = Field(
        None,
        description="By threshold=adaptive: side of the neighbourhood in pixels; omitted: 101, or a tenth of the image",
    )
    offset: MaybeNumber = Field(
        None,
        description="By threshold=adaptive: how far above the local mean an object is; omitted: 5 % of the range",
    )
    dark_objects: bool = Field(False, description="Objects are darker than the background")
    sigma: Number = Field(1.0, ge=0, le=50, description="Gaussian blur before the threshold, in pixels; 0: none")
    background: Annotated[Literal["none", "rolling_ball", "clip"], BeforeValidator(read_word)] = Field(
        "none", description="Background step before the threshold"
    )
    background_radius: Number = Field(50.0, gt=0, description="Radius of the background step, in pixels")
    fill_holes: bool = Field(True, description="Fill holes of objects")
    watershed: bool = Field(True, description="Split touching objects at their necks")
    watershed_depth: Number = Field(
        0.75, gt=0, description="How much wider, in pixels, both parts are than the neck; smaller values split more"
    )
    min_size: Whole = Field(20, ge=0, description="Smallest object, in pixels")
    max_size: Count = Field(None, description="Largest object, in pixels")
    solidity: Number = Field(0.0, ge=0, le=1, description="Least area / area of the convex hull; 0: any")
    border: Annotated[Literal["keep", "drop"], BeforeValidator(read_word)] = Field(
        "keep", description="Objects cut by the image's border: keep or drop"
    )

    classical: Annotated[Classical, BeforeValidator(read_word)] = Field(
        "nuclei", description="By classical: the published segmentation to use"
    )
    parameters: str = Field("", description='By classical: its parameters, such as "block=181 min_area=50"')
    step: Annotated[str, BeforeValidator(read_word)] = Field(
        "", description="By classical: show the image after this step as well, or all of them as channels"
    )

    model: PathText = Field("nuclei", description="By model: name of a model, or path of a model folder")
    prob_thresh: Fraction = Field(None, description="By model: lowest object probability; omitted: the model's own")
    nms_thresh: Fraction = Field(None, description="By model: largest overlap; omitted: the model's own")
    norm_low: Number = Field(1.0, ge=0, le=100, description="By model: percentile of the image that becomes 0")
    norm_high: Number = Field(99.8, ge=0, le=100, description="By model: percentile of the image that becomes 1")
    scale: Number = Field(1.0, gt=0, le=64, description="By model: enlarge the image by this factor for the network")
    device: Annotated[Device, BeforeValidator(read_word)] = Field(
        "auto", description="By model: where the network runs"
    )

    file: PathText | None = Field(
        None, description="By file: label image, Cellpose masks, ROI zip, CTC folder or QuPath GeoJSON"
    )
    mask: Annotated[Literal["refuse", "split", "keep"], BeforeValidator(read_word)] = Field(
        "refuse", description="By file: a mask of one value: refuse it, split its parts, keep it as one object"
    )
    colours: Annotated[Literal["refuse", "map"], BeforeValidator(read_word)] = Field(
        "refuse", description="By file: a picture in colours: refuse it, or map each colour to an object"
    )

    @model_validator(mode="after")
    def _fits(self) -> ProposeRequest:
        check_ordered("min_size", self.min_size, "max_size", self.max_size)
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        if self.by == "threshold" and self.threshold == "value" and self.level is None:
            raise BadInput("threshold=value, but no level; expected level=<lowest intensity of an object>.")
        return self
