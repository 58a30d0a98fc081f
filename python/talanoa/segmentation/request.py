"""Requests: one frozen, complete, validated model per task, the same for menu, macro, command line and Python.

A request arrives as a mapping of keys to values. Values may be text, as macros and dialogs give it: numbers take a
decimal comma, an empty text means "not given". Unknown keys are an error that lists the valid ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.request import (
    Alias,
    Count,
    Fraction,
    MaybeNumber,
    Number,
    PathText,
    Whole,
    check_ordered,
    read_whole,
    read_word,
)
from talanoa.models.request import ImageRequest
from talanoa.segmentation.aliases import STARDIST

Target = Annotated[Literal["update", "append", "replace", "overlay", "none"], BeforeValidator(read_word)]
TARGETS = (
    "in the ROI Manager in place of those of an earlier run on the same image (update), added to it (append), in place "
    "of all its content (replace), on the image only (overlay), nowhere (none)"
)


class SegmentRequest(ImageRequest):
    """Find objects in an image with a trained model."""

    aliases: ClassVar[Mapping[str, Alias]] = STARDIST

    model: PathText = Field("nuclei", description="Name of a model, or path of a model folder")
    channel: Count = Field(None, description="Channel to segment, counted from 1")
    prob_thresh: Fraction = Field(None, description="Lowest object probability, 0 to 1; omitted: the model's own")
    nms_thresh: Fraction = Field(None, description="Largest overlap of two objects, 0 to 1; omitted: the model's own")
    norm_low: Number = Field(1.0, ge=0, le=100, description="Percentile of the image that becomes 0")
    norm_high: Number = Field(99.8, ge=0, le=100, description="Percentile of the image that becomes 1")
    scale: Number = Field(1.0, gt=0, le=64, description="Enlarge the image by this factor before the network sees it")
    scale_z: Number = Field(1.0, gt=0, le=64, description="The same along z, for 3D models (scale is for y and x)")
    block: Annotated[Annotated[int, Field(ge=32)] | None, BeforeValidator(read_whole)] = Field(
        None,
        description="Work through the image in blocks of this side; omitted or auto: only images too large for memory",
    )
    min_size: Whole = Field(0, ge=0, description="Smallest object, in pixels")
    max_size: Count = Field(None, description="Largest object, in pixels")
    min_intensity: MaybeNumber = Field(None, description="Lowest mean intensity of an object")
    max_intensity: MaybeNumber = Field(None, description="Highest mean intensity of an object")
    exclude_border: bool = Field(False, description="Remove objects that touch the image border")
    plane: Count = Field(None, description="Slice of a z-stack to segment, counted from 1")
    rois: Target = Field("update", description=f"Where the ROIs go in ImageJ: {TARGETS}")
    outline: Annotated[Literal["traced", "star"], BeforeValidator(read_word)] = Field(
        "traced", description="Outlines traced from the label image (pixel-exact), or the network's star polygons"
    )
    background: Annotated[Literal["none", "rolling_ball", "clip"], BeforeValidator(read_word)] = Field(
        "none", description="Background step before normalisation"
    )
    background_radius: Number = Field(50.0, gt=0, description="Radius of the background step, in pixels")
    maps: bool = Field(
        False, description="The network's probability as an image, and with the distances in the result folder"
    )

    @model_validator(mode="after")
    def _ranges(self) -> SegmentRequest:
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        check_ordered("min_size", self.min_size, "max_size", self.max_size)
        check_ordered("min_intensity", self.min_intensity, "max_intensity", self.max_intensity)
        return self
