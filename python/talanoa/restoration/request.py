"""The request of the task `restore`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import Count, PathText, check_ordered, read_decimal, read_whole, read_word
from talanoa.models.request import ImageRequest, Sample

Percentile = Annotated[Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None, BeforeValidator(read_decimal)]


def read_channel(value: Any) -> Any:
    """Read a channel, counted from 1, or "all"."""
    if isinstance(value, str) and read_word(value) == "all":
        return "all"
    number = read_whole(value)
    if number is None or (str(number).isdigit() and int(number) >= 1):
        return number if number is None else int(number)
    raise BadInput(f"channel: found {value!r}; expected a number from 1, or all.")


class RestoreRequest(ImageRequest):
    """Restore an image with a trained model: take its noise away."""

    model: PathText = Field(description="Name of a model that restores images, or path of its folder")
    channel: Annotated[int | str | None, BeforeValidator(read_channel)] = Field(
        None, description="Channel to restore, counted from 1; all: each by itself, with a model of one channel"
    )
    plane: Count = Field(None, description="Slice of a z-stack to restore, counted from 1; omitted: all")
    sample: Sample = None
    tta: bool = Field(
        False,
        description="Restore the image turned and mirrored in eight ways, and average: better, eight times slower",
    )
    uncertainty: bool = Field(
        False,
        description="Also an image of how uncertain each pixel is: the width that a probabilistic model predicts, else "
        "the spread over the eight ways of tta, which is then done",
    )
    dtype: Annotated[Literal["float32", "uint16", "same"], BeforeValidator(read_word)] = Field(
        "float32", description="Type of the restored image: float32, uint16, or the same as the image's"
    )
    norm_low: Percentile = Field(None, description="Percentile of the image that becomes 0; omitted: the model's own")
    norm_high: Percentile = Field(None, description="Percentile of the image that becomes 1; omitted: the model's own")

    @model_validator(mode="after")
    def _ranges(self) -> RestoreRequest:
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        return self
