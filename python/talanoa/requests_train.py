"""The request of a training: the keys of all methods, and which of them belong to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.errors import BadInput
from talanoa.request_base import (
    CURRENCY,
    PRICE,
    Count,
    Device,
    Folders,
    Fraction,
    Number,
    PathText,
    Price,
    Request,
    Whole,
    check_ordered,
    read_decimal,
    read_whole,
    read_word,
)

_STAR, _N2V, _PAIRED = ("stardist",), ("n2v",), ("care", "n2n")
_OBJECTS = ("stardist", "segmentation")
_IMAGE = ("care", "n2v", "n2n")
# Keys that only some methods have a use for.
KEYS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("n_rays", "grid", "head", "backbone", "anisotropy", "classes"), _STAR),
    **dict.fromkeys(("rois", "mask", "augment_scale", "transfer", "label_model"), _OBJECTS),
    **dict.fromkeys(("kernel", "background", "augment", "apply"), _IMAGE),
    **dict.fromkeys(("norm_low", "norm_high", "registration"), _PAIRED),
    **dict.fromkeys(("masked_percent", "radius", "manipulator", "n2v2", "struct_axis", "struct_radius"), _N2V),
    "loss": ("segmentation", *_IMAGE),
    "targets": (*_OBJECTS, *_PAIRED),
    "target_channel": (*_OBJECTS, *_PAIRED),
    "probabilistic": ("care",),
}


class TrainRequest(Request):
    """Train a model on a dataset folder, or on images with label images or ROI files of the same names."""

    several: ClassVar[tuple[str, ...]] = ("images", "targets", "rois")

    method: Annotated[Literal["stardist", "segmentation", "care", "n2v", "n2n"], BeforeValidator(read_word)] = Field(
        "stardist",
        description="Method to train: objects (stardist; segmentation: parts of a mask), restoration from pairs (care) "
        "or noise (n2v, n2n)",
    )
    images: Folders | None = Field(
        None,
        description="Dataset folder, or folder of training images (care: low SNR; n2v, n2n: noisy); several: separated "
        'by ";"; omitted (n2v): the image given or open',
    )
    targets: Folders | None = Field(
        None,
        description="Folder with the images' names: label images (label_model: what they are made from); care: high "
        "SNR; n2n: a second exposure",
    )
    rois: Folders | None = Field(None, description="Folder of ROI zips with the images' names")
    name: str = Field(min_length=1, description="Name of the new model")
    preset: Annotated[Literal["quick", "standard", "long", "published"] | None, BeforeValidator(read_word)] = Field(
        None, description="Length of the training; epochs and steps override it; omitted: standard"
    )
    epochs: Count = Field(None, description="Number of epochs; omitted: the preset's")
    steps: Count = Field(None, description="Steps of one epoch; omitted: the preset's")
    ndim: Annotated[Annotated[int, Field(ge=2, le=3)] | None, BeforeValidator(read_whole)] = Field(
        None,
        description="3: stacks train a 3D model, 2: planes, or the slices one by one; omitted: what the images are",
    )
    patch: Count = Field(None, description="Side of a training patch in pixels; omitted: the method's default")
    patch_z: Count = Field(None, description="Slices of a training patch of stacks; omitted: up to 32")
    batch: Count = Field(None, description="Patches in one step; omitted: the method's default")
    lr: Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(read_decimal)] = Field(
        None, description="Learning rate; omitted: the method's default"
    )
    seed: Whole = Field(42, ge=0, le=2**32 - 1, description="Seed of everything random")
    init: PathText | None = Field(
        None, description="Model to start from (fine-tuning); for objects also a labelling model, whose U-Net is taken"
    )
    transfer: Annotated[Literal["trained", "slow", "frozen"], BeforeValidator(read_word)] = Field(
        "trained", description="How the encoder of that model learns on: like the rest, slow (a tenth), frozen"
    )
    label_model: PathText | None = Field(
        None, description="Model whose objects are the labels: found in the targets, or in target_channel"
    )
    resume: bool = Field(False, description="Go on with an interrupted training of this name")
    device: Annotated[Device, BeforeValidator(read_word)] = Field("auto", description="Where the network trains")
    n_images: Count = Field(None, description="Train on so many of the images only, drawn by the seed; omitted: all")
    validation: Number = Field(0.1, gt=0, lt=1, description="Part of the images kept for validation")
    n_rays: Annotated[Annotated[int, Field(ge=4, le=256)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Rays of a star-convex outline; omitted: the method's default"
    )
    grid: Annotated[Annotated[int, Field(ge=1, le=16)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Pixels per network output, 1, 2 or 4; omitted: the method's default"
    )
    depth: Annotated[Annotated[int, Field(ge=1, le=8)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Levels of the U-Net; omitted: the method's default"
    )
    filters: Annotated[Annotated[int, Field(ge=1, le=1024)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Filters of the U-Net's first level; omitted: the method's default"
    )
    head: Annotated[Annotated[int, Field(ge=1, le=1024)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Filters of the layer before the outputs; omitted: 128"
    )
    backbone: Annotated[Literal["unet", "resnet", "labelling"] | None, BeforeValidator(read_word)] = Field(
        None, description="Network of stardist: unet, resnet (3D), labelling (2D; can start from such a model)"
    )
    anisotropy: Annotated[Annotated[float, Field(gt=0, le=100)] | None, BeforeValidator(read_decimal)] = Field(
        None, description="How many pixels wide the distance of two slices is (3D); omitted: measured from the objects"
    )
    channel: Count = Field(None, description="Channel to train on, counted from 1")
    target_channel: Count = Field(None, description="Channel of the targets; without targets: of the same images")
    mask: Annotated[Literal["refuse", "split", "keep"], BeforeValidator(read_word)] = Field(
        "refuse",
        description="A black-and-white mask among the label images: refuse it, split its parts, keep it as one",
    )
    classes: bool | None = Field(
        None, description="Train classes of objects, too; omitted: where the dataset has classes"
    )
    dry_run: bool = Field(False, description="Train nothing: show examples, and what the training will cost here")
    picture: PathText | None = Field(None, description="New PNG file for the examples of a dry run")
    price: Price = Field(None, description=PRICE)
    currency: str = Field("EUR", min_length=1, description=CURRENCY)
    licence: str = Field("", description="Licence of the training data, kept with the model")
    description: str = Field("", description="What the model is for, in a sentence; omitted: what it was trained on")
    schedule: Annotated[Literal["plateau", "cosine"] | None, BeforeValidator(read_word)] = Field(
        None, description="How the learning rate falls; omitted: the preset's"
    )
    augment_scale: Number = Field(1.5, ge=1, le=4, description="Show objects up to this factor larger or smaller")
    mixed_precision: bool | None = Field(
        None, description="Train in bfloat16 where the device is faster so; omitted: on a GPU only"
    )
    patience: Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Stop after so many epochs without a better validation loss; 0: never; omitted: the preset's"
    )
    norm_low: Number = Field(3.0, ge=0, le=100, description="Percentile of each image that becomes 0 (care, n2n)")
    norm_high: Number = Field(99.8, ge=0, le=100, description="Percentile of each image that becomes 1 (care, n2n)")
    loss: Annotated[Literal["mae", "mse", "jaccard", "focal", "bce"] | None, BeforeValidator(read_word)] = Field(
        None,
        description="Loss of care, n2v, n2n (mae, mse; omitted: mae for care) and segmentation (omitted: jaccard)",
    )
    probabilistic: bool = Field(False, description="Learn how uncertain each restored pixel is, too (care)")
    kernel: Annotated[Annotated[int, Field(ge=1, le=15)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Side of the convolutions of care, n2v, n2n, odd; omitted: the method's default"
    )
    registration: Annotated[Literal["report", "correct"], BeforeValidator(read_word)] = Field(
        "report", description="A shift between the images of a pair (care, n2n): report it, or correct it"
    )
    background: Fraction = Field(
        None, description="Share of the patches that may lie anywhere, not only on signal; omitted: 0 (n2v: 1)"
    )
    augment: bool = Field(True, description="Show patches mirrored and turned by right angles (care, n2v, n2n)")
    masked_percent: Annotated[Annotated[float, Field(gt=0, le=50)] | None, BeforeValidator(read_decimal)] = Field(
        None, description="Share of the pixels that are masked in a patch, in percent (n2v); omitted: 1.5"
    )
    radius: Count = Field(None, description="How far away the values of masked pixels come from (n2v); omitted: 5")
    manipulator: Annotated[Literal["uniform_withcp", "median"] | None, BeforeValidator(read_word)] = Field(
        None, description="Values of masked pixels: drawn nearby, or the median (n2v); omitted: drawn; n2v2: median"
    )
    n2v2: bool = Field(False, description="Network of N2V2, against checkerboard patterns (n2v)")
    struct_axis: Annotated[Literal["none", "horizontal", "vertical"], BeforeValidator(read_word)] = Field(
        "none", description="Direction in which the noise of neighbours is alike: structN2V masks (n2v)"
    )
    struct_radius: Count = Field(None, description="How many neighbours to each side are masked, too; omitted: 5")
    apply: bool = Field(False, description="Restore the image trained on as well (n2v), or the open image")

    @model_validator(mode="after")
    def _transfer_has_a_source(self) -> TrainRequest:
        if self.transfer != "trained" and not self.starts_from_a_model():
            raise BadInput(f"transfer={self.transfer}, but no init; expected init=<model to start from>.")
        if self.method in _OBJECTS:
            if self.target_channel is not None and self.label_model is None:
                raise BadInput("target_channel: found without label_model; expected both, or neither.")
            if self.label_model is not None and self.rois is not None:
                raise BadInput("label_model and rois: found both; expected one. The model's objects are the labels.")
        losses = ("mae", "mse") if self.method in _IMAGE else ("jaccard", "focal", "bce", "mse")
        if self.loss is not None and self.loss not in losses:
            raise BadInput(f"loss: found {self.loss!r} with method={self.method}; expected {' or '.join(losses)}.")
        return self

    def starts_from_a_model(self) -> bool:
        """Tell whether there is a model to start from."""
        return self.init is not None

    @model_validator(mode="after")
    def _one_source(self) -> TrainRequest:
        if self.targets is not None and self.rois is not None:
            raise BadInput(
                "targets and rois: found both; expected one. Give targets=<folder of label images>, or "
                "rois=<folder of ROI zips>, or neither with images=<dataset folder>."
            )
        if self.picture is not None and not self.dry_run:
            raise BadInput("picture: found without dry_run; expected both. Add dry_run=true, or leave it out.")
        if self.grid not in (None, 1, 2, 4):
            raise BadInput(f"grid: found {self.grid}; expected 1, 2 or 4.")
        if self.kernel is not None and self.kernel % 2 == 0:
            raise BadInput(f"kernel: found {self.kernel}; expected an odd number, such as 3 or 5.")
        if self.images is None and self.method != "n2v":
            raise BadInput(f"images is missing; expected {TrainRequest.model_fields['images'].description}.")
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        self._check_keys_of_the_method()
        return self

    def _check_keys_of_the_method(self) -> None:
        """Refuse a key that the method has no use for, and that says something else than its default."""
        for key, methods in KEYS_OF.items():
            if self.method not in methods and getattr(self, key) != TrainRequest.model_fields[key].default:
                raise BadInput(
                    f"{key}: found {getattr(self, key)!r} with method={self.method}; expected it only with "
                    f"{' or '.join(methods)}. Leave it out."
                )
