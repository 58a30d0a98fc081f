"""The request of the task `predict`."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import Count, Folders, read_decimal, read_numbers, read_whole, read_word
from talanoa.models.request import ImageRequest, Sample


def read_names(value: Any) -> Any:
    """Read names given as a list, or separated by commas or semicolons, as "a, b"."""
    parts = value if isinstance(value, list | tuple) else re.split(r"[,;]", value) if isinstance(value, str) else None
    return value if parts is None else ", ".join(str(part).strip() for part in parts if str(part).strip())


def read_channels(value: Any) -> str | None:
    """Read the channels of several kinds of light, or of one."""
    return read_numbers("channel", value, "channels from 1, such as 2 or 1,3")


def read_planes(value: Any) -> str | None:
    """Read planes, of several kinds of light in groups."""
    return read_numbers("planes", value, "planes from 1, such as 3,5,7 or 1-13; of several lights 3,5;1", groups=True)


def read_scale(value: Any) -> Any:
    """Read a factor, or "auto"."""
    if isinstance(value, str) and read_word(value) == "auto":
        return "auto"
    factor = read_decimal(value)
    try:
        return None if factor is None else float(factor)
    except (TypeError, ValueError):
        raise BadInput(f"scale: found {value!r}; expected a factor such as 0.5, or auto.") from None


class PredictRequest(ImageRequest):
    """Predict fluorescence from transmitted light with a trained labelling model, or several."""

    several: ClassVar[tuple[str, ...]] = ("model",)

    model: Folders = Field(
        description='Labelling model: a name or folder; several separated by ";" give one composite, those of the same '
        "stain their mean"
    )
    stains: Annotated[str | None, BeforeValidator(read_names)] = Field(
        None, description="Stains to predict, separated by commas; omitted: all that the models know"
    )
    channel: Annotated[str | None, BeforeValidator(read_channels)] = Field(
        None,
        description="Channel of the transmitted light, counted from 1; of a model of several lights one for each: 1,3",
    )
    planes: Annotated[str | None, BeforeValidator(read_planes)] = Field(
        None,
        description="Planes of the stack that are the input, in the order of the training: 3,5,7 or 1-13 (for several "
        "lights 3,5;1); omitted: those of the training, where the stack has as many planes",
    )
    window: Count = Field(
        None,
        description="Side of windows whose border is discarded, in pixels; omitted: tiles with the network's full "
        "receptive field around them, which give what the whole image gives",
    )
    border: Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Pixels that are discarded at each side of a window (30)"
    )
    blend: bool = Field(False, description="Windows are faded into each other instead of discarding their borders")
    sample: Sample = None
    tta: bool = Field(
        False,
        description="Predict from the image turned and mirrored in eight ways, and average: eight times slower",
    )
    uncertainty: bool = Field(
        False,
        description="Also an image of how uncertain each pixel is: the spread over the models of a stain, or over the "
        "eight ways of tta, which is then done",
    )
    scale: Annotated[float | Literal["auto"] | None, BeforeValidator(read_scale)] = Field(
        None,
        description="Predict from the image made larger (2) or smaller (0.5), back in its own size afterwards; auto: "
        "to the pixel size of the training; omitted: 1",
    )
    keep_input: bool = Field(False, description="The transmitted light as first channel of the result")
    dtype: Annotated[Literal["float32", "uint16"], BeforeValidator(read_word)] = Field(
        "float32", description="Type of the predicted image"
    )

    @model_validator(mode="after")
    def _fit_together(self) -> PredictRequest:
        if self.window is not None and self.tiles is not None:
            raise BadInput("window and tiles: found both; expected one. Windows are tiles of a fixed size.")
        if isinstance(self.scale, float) and not 0.1 <= self.scale <= 10:
            raise BadInput(f"scale: found {self.scale:g}; expected 0.1 to 10, or auto.")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Stains that are asked for; none: all."""
        return tuple(name.strip() for name in (self.stains or "").split(",") if name.strip())
