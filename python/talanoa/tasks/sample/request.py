"""Keys of the task `sample`: drawn data sets for trying things out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import Count, Number, PathText, Request, Whole, read_whole, read_word


class SampleRequest(Request):
    """Make an annotated dataset, pairs of noisy and clean images, or a plate of stained cells, drawn from a seed."""

    kind: Annotated[Literal["nuclei", "noisy", "plate"], BeforeValidator(read_word)] = Field(
        "nuclei",
        description="What is drawn: nuclei with outlines, noisy images with clean partners, or a plate with stains",
    )
    out: PathText = Field(description="New folder")
    images: Count = Field(
        None, description="Number of images (or pairs, or fields of a well); omitted: 12, 4 stacks, 2 fields of a well"
    )
    annotated: Whole | None = Field(None, ge=0, description="How many are annotated, the first ones; omitted: all")
    size: Annotated[Annotated[int, Field(ge=64, le=2048)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Side of an image in pixels; omitted: 256, or 96 of a stack"
    )
    slices: Annotated[int, BeforeValidator(read_whole)] = Field(24, ge=8, le=256, description="Slices of a stack")
    volume: bool = Field(False, description="Draw stacks instead of planes")
    photons: Number = Field(
        10.0, gt=0, le=1000, description="Noisy: photons of a nucleus's pixel in one exposure; fewer are noisier"
    )
    read_noise: Number = Field(12.0, ge=0, le=1000, description="Noisy: the camera's own noise, in counts")
    stripes: Number = Field(0.0, ge=0, le=1000, description="Noisy: noise that is alike along the rows, in counts")
    wells: Annotated[int, Field(ge=1, le=384), BeforeValidator(read_whole)] = Field(12, description="Plate: wells")
    planes: Annotated[int, Field(ge=1, le=15), BeforeValidator(read_whole)] = Field(
        1, description="Plate: focal planes of the phase contrast images"
    )
    seed: Whole = Field(0, ge=0, le=2**32 - 1, description="Seed: the same one gives the same images")

    @model_validator(mode="after")
    def _kind_has(self) -> SampleRequest:
        own = {"nuclei": {"annotated"}, "noisy": {"photons", "read_noise", "stripes"}, "plate": {"wells", "planes"}}
        foreign = set().union(*(keys for kind, keys in own.items() if kind != self.kind))
        foreign |= {"volume", "slices"} if self.kind == "plate" else set()
        changed = sorted(key for key in foreign if getattr(self, key) != type(self).model_fields[key].default)
        if changed:
            raise BadInput(f"Found {', '.join(changed)} for kind={self.kind}, which has no such key. Leave it out.")
        return self

    @model_validator(mode="after")
    def _enough(self) -> SampleRequest:
        if self.annotated is not None and self.annotated > self.count:
            raise BadInput(f"annotated={self.annotated}: there are {self.count} images; expected at most as many.")
        return self

    @property
    def count(self) -> int:
        """Number of images."""
        return self.images or (4 if self.volume else 2 if self.kind == "plate" else 12)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of an image, (y, x) or (z, y, x)."""
        side = self.size or (96 if self.volume else 256)
        return (self.slices, side, side) if self.volume else (side, side)
