"""What the requests of tasks share in which a network looks at an image."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import (
    CURRENCY,
    FRAMES,
    PRICE,
    Count,
    Device,
    Dims,
    MissingPlanes,
    PathText,
    Price,
    Request,
    Series,
    read_frames,
    read_word,
)

Sample = Annotated[
    Count,
    Field(
        description="Percentiles come from so many frames of a movie, spread evenly; omitted: 64, or all where each "
        "value counts (minimum and maximum, mean and deviation)"
    ),
]


class ImageRequest(Request):
    """An image, or a folder of images, that a network looks at."""

    image: PathText | None = Field(
        None, description="Image file, or folder of images; omitted: the image given or open"
    )
    dims: Dims = None
    series: Series = None
    missing_planes: MissingPlanes = "refuse"
    frames: Annotated[str | None, BeforeValidator(read_frames)] = Field(
        None,
        pattern=f"^{FRAMES}$",
        description='Frames, counted from 1, such as "1-10" or "1,5,9"; omitted: all',
    )
    tiles: Count = Field(None, description="Number of tiles; omitted or auto: a fixed plan from the image's shape")
    device: Annotated[Device, BeforeValidator(read_word)] = Field("auto", description="Where the network runs")
    backend: Annotated[Literal["auto", "onnx", "torch"], BeforeValidator(read_word)] = Field(
        "auto", description="What runs the network: onnx (CPU), torch; auto: onnx for planes on the CPU, else torch"
    )
    workers: Count = Field(None, description="Folder of images: processes on this machine")
    scheduler: PathText | None = Field(
        None, description="Folder of images: address of a Dask scheduler, such as tcp://node7:8786"
    )
    out: PathText | None = Field(None, description="New folder for the results")
    price: Price = Field(None, description=PRICE)
    currency: str = Field("EUR", min_length=1, description=CURRENCY)
    copy_model: bool = Field(False, description="Put a copy of the model into the result folder")

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if self.workers is not None and self.scheduler is not None:
            raise BadInput("workers and scheduler: found both; expected one. A scheduler has workers of its own.")
        return self
