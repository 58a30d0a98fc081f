"""Keys of the task `sample`: drawn data sets for trying things out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.errors import BadInput
from talanoa.request_base import Count, PathText, Request, Whole, read_whole, read_word


class SampleRequest(Request):
    """Make a small annotated dataset, drawn from a seed."""

    kind: Annotated[Literal["nuclei"], BeforeValidator(read_word)] = Field(
        "nuclei", description="What is drawn: nuclei"
    )
    out: PathText = Field(description="New dataset folder")
    images: Count = Field(None, description="Number of images; omitted: 12, or 4 stacks")
    annotated: Whole | None = Field(None, ge=0, description="How many are annotated, the first ones; omitted: all")
    size: Annotated[Annotated[int, Field(ge=64, le=2048)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Side of an image in pixels; omitted: 256, or 96 of a stack"
    )
    slices: Annotated[int, BeforeValidator(read_whole)] = Field(24, ge=8, le=256, description="Slices of a stack")
    volume: bool = Field(False, description="Draw stacks instead of planes")
    seed: Whole = Field(0, ge=0, le=2**32 - 1, description="Seed: the same one gives the same images")

    @model_validator(mode="after")
    def _enough(self) -> SampleRequest:
        if self.annotated is not None and self.annotated > self.count:
            raise BadInput(f"annotated={self.annotated}: there are {self.count} images; expected at most as many.")
        return self

    @property
    def count(self) -> int:
        """Number of images."""
        return self.images or (4 if self.volume else 12)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of an image, (y, x) or (z, y, x)."""
        side = self.size or (96 if self.volume else 256)
        return (self.slices, side, side) if self.volume else (side, side)
