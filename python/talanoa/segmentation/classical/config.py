"""Parameters of the classical segmentations, under their published names and with their published values.

Lengths are pixels of the image at hand. The published ones belong to images of 2136 x 2136 pixels; `scale` converts
them: lengths are multiplied by it, areas by its square. Give 0.5 for images with pixels twice as wide, or "auto" for an
image of the same field of view in another number of pixels (its longer side / 2136). Where nothing was published the
description says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import Number, Request, parse, read_word

PUBLISHED_SIDE = 2136
Scale = Annotated[Annotated[float, Field(gt=0, le=100)] | Literal["auto"], BeforeValidator(read_word)]


class Config(Request):
    """What the classical segmentations share."""

    normalise: Literal["minmax", "percentile", "none"] = Field(
        "minmax", description="To 0..1 by lowest and highest intensity, or by percentiles 1 and 99.8 (clipped)"
    )
    scale: Scale = Field(1.0, description="Pixels of this image per published pixel; auto: longer side / 2136")

    def factor(self, shape: Sequence[int]) -> float:
        """Return the number that published lengths are multiplied by, for a plane of this shape."""
        return max(shape) / PUBLISHED_SIDE if self.scale == "auto" else float(self.scale)

    def odd(self, length: float, shape: Sequence[int]) -> int:
        """Return a length in pixels of this image, odd and at least 3."""
        return max(3, 2 * round((length * self.factor(shape) - 1) / 2) + 1)


class NucleiConfig(Config):
    """Nuclei: normalise, threshold, fill holes, regions by area and solidity."""

    threshold: Literal["local", "minimum"] = Field("local", description="Gaussian local threshold, or global minimum")
    block: Number = Field(111, ge=3, description="Side of the local threshold's neighbourhood, pixels")
    offset: Number = Field(0.05, description="How far above the local mean, on the scale 0..1 (not published)")
    min_area: Number = Field(150, ge=0, description="Smallest region, pixels (not published)")
    max_area: Number = Field(20_000, gt=0, description="Largest region, pixels (not published)")
    solidity: Number = Field(0.8, ge=0, le=1, description="Least area / convex area (not published)")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_area > self.max_area:
            raise BadInput(f"min_area={self.min_area:g}, max_area={self.max_area:g}; expected the smaller one first.")
        return self


class ErConfig(Config):
    """Endoplasmic reticulum: mean threshold, local threshold, fill, open, smooth, regions of a least area."""

    block: Number = Field(181, ge=3, description="Side of the local threshold's neighbourhood, pixels")
    offset: Number = Field(0.0, description="How far above the local mean, on the scale 0..1")
    opening: Number = Field(3, ge=1, description="Side of the opening's square, pixels (not published)")
    gaussian: Literal[0, 3] = Field(3, description="3: smooth the mask with a 3 x 3 gaussian; 0: do not")
    min_area: Number = Field(150, ge=0, description="Smallest region, pixels (not published)")


class GolgiConfig(Config):
    """Golgi: background by a rolling ball and by clipping, rescaled; regions of what is left."""

    radius: Number = Field(0, ge=0, description="Radius of the rolling ball, pixels; 0: none (to be tuned)")
    clip: Number = Field(90, ge=0, lt=100, description="Everything below this percentile becomes 0; 0: no clipping")
    min_area: Number = Field(5, ge=0, description="Smallest region, pixels (not published)")


class GfpConfig(Config):
    """GFP made binary: local threshold and opening, or a cut through a predicted mask."""

    predicted: bool = Field(False, description="The image is a predicted mask from 0 to 1: only cut it")
    cut: Number = Field(0.8, ge=0, le=1, description="Where a predicted mask is cut")
    block: Number = Field(111, ge=3, description="Side of the local threshold's neighbourhood, pixels (not published)")
    offset: Number = Field(0.05, description="How far above the local mean, on the scale 0..1 (not published)")
    opening: Number = Field(3, ge=1, description="Side of the opening's square, pixels (not published)")
    min_area: Number = Field(0, ge=0, description="Smallest region, pixels (not published)")


class PrimaryConfig(Config):
    """Objects as CellProfiler's IdentifyPrimaryObjects finds them after ImageJ's CLAHE, for automatic labels."""

    clahe: bool = Field(True, description="Local contrast enhancement (CLAHE) first")
    clahe_block: Number = Field(127, ge=3, description="Side of CLAHE's neighbourhood, pixels")
    clahe_bins: Annotated[int, Field(ge=2)] = Field(256, description="Bins of CLAHE's histograms")
    clahe_slope: Number = Field(3.0, ge=1, description="Largest slope of CLAHE's intensity curve")
    window: Number = Field(20, ge=3, description="Side of the adaptive threshold's blocks, pixels")
    threshold_low: Number = Field(0.05, ge=0, le=1, description="Lowest threshold on the scale 0..1")
    threshold_high: Number = Field(1.0, ge=0, le=1, description="Highest threshold on the scale 0..1")
    min_diameter: Number = Field(5, gt=0, description="Smallest diameter of an object, pixels")
    max_diameter: Number = Field(30, gt=0, description="Largest diameter of an object, pixels")
    declump: bool = Field(True, description="Split clumps by intensity")
    discard_border: bool = Field(True, description="Discard objects that touch the border")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_diameter > self.max_diameter or self.threshold_low > self.threshold_high:
            raise BadInput(
                f"diameters {self.min_diameter:g} to {self.max_diameter:g}, thresholds {self.threshold_low:g} to "
                f"{self.threshold_high:g}; expected the smaller one first."
            )
        return self


CONFIGS: Mapping[str, type[Config]] = {
    "nuclei": NucleiConfig,
    "er": ErConfig,
    "golgi": GolgiConfig,
    "gfp": GfpConfig,
    "primary": PrimaryConfig,
}


def config_from(name: str, parameters: Mapping[str, Any] | str = "") -> Config:
    """Return the parameters of a segmentation.

    Parameters
    ----------
    name : str
        One of `CONFIGS`.
    parameters : mapping, or text
        Those that differ from the published ones; as text "block=181 min_area=50".

    Raises
    ------
    BadInput
        Unknown segmentation or parameter, or a value outside its range.
    """
    if name not in CONFIGS:
        raise BadInput(f"Found the segmentation {name!r}; expected one of {', '.join(CONFIGS)}.")
    return parse(CONFIGS[name], read_parameters(parameters) if isinstance(parameters, str) else parameters).request


def read_parameters(text: str) -> dict[str, str]:
    """Read "block=181, min_area=50" as a mapping."""
    words = [word for word in text.replace(",", " ").replace(";", " ").split() if word]
    wrong = [word for word in words if "=" not in word.strip("=")]
    if wrong:
        raise BadInput(f'parameters: found "{wrong[0]}"; expected key=value, such as "block=181 min_area=50".')
    return dict(word.split("=", 1) for word in words)
