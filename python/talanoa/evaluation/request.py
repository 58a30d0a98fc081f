"""The request of `evaluate`: what is judged, against what, and how."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import (
    Device,
    Dims,
    Folders,
    Fraction,
    MaybeNumber,
    MissingPlanes,
    Number,
    PathText,
    Request,
    Series,
    Whole,
    check_ordered,
    read_word,
)
from talanoa.labelling.request import read_channels, read_names
from talanoa.restoration.request import read_channel


def read_channel_or_several(value: Any) -> Any:
    """Read a channel, counted from 1, "all", or several, such as "1,3"."""
    several = isinstance(value, list | tuple) or (isinstance(value, str) and "," in value)
    return read_channels(value) if several else read_channel(value)


def read_factors(key: str, text: str) -> tuple[float, ...]:
    """Read factors of enlargement, such as "0.7, 1.3"; others than numbers from 0.1 to 10 are a `BadInput`."""
    try:
        found = tuple(float(word) for word in re.split(r"[,;\s]+", text) if word)
    except ValueError:
        found = (0.0,)
    if not all(0.1 <= each <= 10 for each in found):
        raise BadInput(f'{key}: found "{text}"; expected factors from 0.1 to 10, such as 0.7,1.3.')
    return found


class EvaluateRequest(Request):
    """Judge a model, or what was made elsewhere (objects, restored images, stains), against ground truth."""

    several: ClassVar[tuple[str, ...]] = ("compare", "train", "images", "truth", "prediction")

    kind: Annotated[Literal["auto", "objects", "image", "stains"], BeforeValidator(read_word)] = Field(
        "auto",
        description="What is judged: objects, restored images (image), predicted stains; auto: as the model or the "
        "files say",
    )

    model: PathText | None = Field(None, description="Model to judge: a name, or the path of a model folder")
    prediction: Folders | None = Field(
        None,
        description="Instead of a model: folder (or file) of label images, ROI zips, restored images or predicted "
        "stains to judge; of several plates one for each",
    )
    annotator: PathText | None = Field(
        None, description="Another person's annotations of the same images: how well do two people agree"
    )
    compare: Folders | None = Field(
        None, description='More models or folders of label images to compare with, such as "nuclei; other masks"'
    )
    truth: Folders | None = Field(
        None,
        description="Ground truth: folder of label images or ROI zips, or a dataset folder; for restored images the "
        "folder of high-SNR images, or nothing; for stains a plate, a folder of stains, or nothing: those in images",
    )
    images: Folders | None = Field(
        None,
        description="Folder of the images, for restored images the noisy ones, for stains transmitted light or plates; "
        "omitted: the dataset's own; label images can be judged without",
    )
    train: Folders | None = Field(
        None, description="Folders of training images, searched for the test images; omitted: what the model recorded"
    )
    dims: Dims = None
    series: Series = None
    missing_planes: MissingPlanes = "refuse"
    leaks: bool = Field(True, description="Look for test images, or parts of them, among the training images")
    iou: Number = Field(0.5, gt=0, le=1, description="Object IoU from which an object counts as found")
    bootstrap: Whole = Field(2000, ge=0, le=100_000, description="Resamplings for the confidence intervals; 0: none")
    seed: Whole = Field(42, ge=0, le=2**32 - 1, description="Seed of the resampling")
    mask: Annotated[Literal["refuse", "split", "keep"], BeforeValidator(read_word)] = Field(
        "refuse",
        description="A mask of one value with several parts: refuse it, split them, keep it as one object",
    )
    unpaired: Annotated[Literal["refuse", "skip"], BeforeValidator(read_word)] = Field(
        "refuse", description="Ground truth without an image or prediction: refuse, or skip it and say so"
    )
    pictures: Whole = Field(12, ge=0, le=500, description="Number of images shown in the report, the worst first")
    disagreement: Annotated[Literal["auto", "none", "turns", "models"], BeforeValidator(read_word)] = Field(
        "auto",
        description="Restored images: map of what may be made up, from the image turned and flipped (turns) or from "
        "all models; auto: models where there are several, turns where there is no truth",
    )
    stains: Annotated[str | None, BeforeValidator(read_names)] = Field(
        None, description="Stains to judge, separated by commas; omitted: all that the model or the folders have"
    )
    transmitted: str | None = Field(
        None,
        description="Stains: folder of transmitted light in a plate, several separated by commas; omitted: as the "
        "model's, or the one with a usual name",
    )
    segment: str = Field(
        "",
        description='Stains: how each is segmented, "nucleus: nuclei min_area=40; er: none; other: <model>"; omitted: '
        "the classical recipe that the stain's name suggests",
    )
    cycle: str = Field(
        "",
        description="Stains: G1 against S/G2 of each object, from a stain of DNA (nucleus), or from two reporters and "
        "the stain of the objects (cy3, gfp, nucleus)",
    )
    scales: str = Field(
        "", description="Stains: judge the model also on images enlarged by these factors, such as 0.7,1.3"
    )
    channel: Annotated[int | str | None, BeforeValidator(read_channel_or_several)] = Field(
        None,
        description="Channel of the images to segment, restore or predict from, counted from 1; all: each is restored "
        "by itself, with a model of one channel; stains from several kinds of light: 1,3",
    )
    prob_thresh: Fraction = Field(None, description="Lowest object probability, 0 to 1; omitted: each model's own")
    nms_thresh: Fraction = Field(None, description="Largest overlap of two objects, 0 to 1; omitted: each model's own")
    norm_low: MaybeNumber = Field(
        None,
        ge=0,
        le=100,
        description="Percentile of the image that becomes 0; omitted: 1, and for restoring the model's",
    )
    norm_high: MaybeNumber = Field(
        None, ge=0, le=100, description="Percentile that becomes 1; omitted: 99.8, and for restoring the model's"
    )
    scale: Number = Field(1.0, gt=0, le=64, description="Enlarge the images by this factor for the network")
    scale_z: Number = Field(1.0, gt=0, le=64, description="The same along z, for 3D models")
    min_size: Whole = Field(0, ge=0, description="Smallest object that a model may find, in pixels")
    device: Annotated[Device, BeforeValidator(read_word)] = Field("auto", description="Where the network runs")
    backend: Annotated[Literal["auto", "onnx", "torch"], BeforeValidator(read_word)] = Field(
        "auto", description="What runs the network: onnx (CPU), torch; auto: onnx for planes on the CPU, else torch"
    )
    out: PathText | None = Field(None, description="New folder for report, tables and pictures")

    @model_validator(mode="after")
    def _one_judged(self) -> EvaluateRequest:
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        if self.model and self.prediction:
            raise BadInput("model and prediction: found both; expected one. Give the other one as compare.")
        if not (self.model or self.prediction or self.annotator):
            raise BadInput(
                "Found neither model, prediction nor annotator; expected one of them: a model, a folder of label "
                "or restored images, or a folder with another person's annotations."
            )
        for key in ("images", "truth", "prediction"):
            if self.kind in ("objects", "image") and ";" in (getattr(self, key) or ""):
                raise BadInput(f"{key}: found several folders; expected one. Only stains are judged on several plates.")
        return self

    @property
    def factors(self) -> tuple[float, ...]:
        """Factors by which images are enlarged for the study of scales, in the order given."""
        return read_factors("scales", self.scales)
