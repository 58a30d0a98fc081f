"""The request of a training: the keys of all methods, and which of them belong to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import (
    CURRENCY,
    PRICE,
    Count,
    Device,
    Dims,
    Folders,
    Fraction,
    MissingPlanes,
    Number,
    PathText,
    Price,
    Request,
    Series,
    Whole,
    check_ordered,
    closest,
    read_decimal,
    read_numbers,
    read_whole,
    read_word,
)

_STAR, _N2V, _PAIRED = ("stardist",), ("n2v",), ("care", "n2n")
_OBJECTS = ("stardist", "segmentation")
_IMAGE, _LABEL = ("care", "n2v", "n2n"), ("labelling",)
# Keys that only some methods have a use for.
KEYS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("n_rays", "grid", "head", "backbone", "classes"), _STAR),
    **dict.fromkeys(("rois", "mask", "augment_scale", "transfer", "label_model"), _OBJECTS),
    **dict.fromkeys(("kernel", "background", "apply"), _IMAGE),
    "loss": ("segmentation", *_IMAGE, *_LABEL),
    "augment": (*_IMAGE, *_LABEL),
    **dict.fromkeys(("norm_low", "norm_high", "registration"), (*_PAIRED, *_LABEL)),
    **dict.fromkeys(("targets", "target_channel"), (*_OBJECTS, *_PAIRED)),
    **dict.fromkeys(("masked_percent", "radius", "manipulator", "n2v2", "struct_axis", "struct_radius"), _N2V),
    **dict.fromkeys(("projection", "isotropic", "axial_sigma"), ("care",)),
    "anisotropy": ("stardist", "care"),
    "separate_channels": _N2V,
    "probabilistic": ("care",),
    **dict.fromkeys(("transmitted", "stains", "target_channels", "planes", "project", "prepare"), _LABEL),
    **dict.fromkeys(("stain_levels", "stain_low", "stain_high", "one_per_stain"), _LABEL),
    **dict.fromkeys(("normalization", "normalize_by", "controls", "flat_field"), _LABEL),
    **dict.fromkeys(("split_by", "test_share", "balance"), _LABEL),
    **dict.fromkeys(("filter_crops", "most_background", "corruptions"), _LABEL),
    **dict.fromkeys(("network", "encoder", "encoder_weights", "loss_backbone", "backbone_weights"), _LABEL),
    **dict.fromkeys(("optimizer", "weight_decay", "dropout", "regularisation"), _LABEL),
}


def read_loss(value: Any) -> Any:
    """Keep losses and their weights as text, "mse=1 sobel=0.1"; a mapping of them is read, too."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={weight:g}" for name, weight in value.items())
    return " ".join(value.lower().split()) if isinstance(value, str) else value


def read_listed(value: Any) -> Any:
    """Keep several names or numbers as text, separated by commas; lists and numbers are read, too."""
    if isinstance(value, list | tuple | range):
        return ",".join(str(each).strip() for each in value)
    return ",".join(part.strip() for part in str(value).split(",")) if isinstance(value, str | int) else value


def names_of(text: str | None) -> list[str]:
    """Return the names of a key that takes several, see `read_listed`."""
    return [part for part in (text or "").split(",") if part]


def read_text(value: Any) -> Any:
    """Keep text without blanks around it; a number is text, too."""
    return str(value).strip() if isinstance(value, str | int) else value


def read_project(value: Any) -> Any:
    """Read "Max" as max, and 3 as "3"."""
    return read_word(str(value)) if isinstance(value, str | int) else value


def read_planes(value: Any) -> str | None:
    """Read "2, 3; all" as "2,3;all"."""
    expected = '"all", or numbers from 1, such as 3,5 or 1-13; of several lights 3,5;all'
    return read_numbers("planes", value, expected, groups=True, word="all")


def read_channels(value: Any) -> int | str | None:
    """Read a channel, counted from 1, as a number, and several, such as "1,2", as text."""
    text = read_numbers("channel", value, "channels from 1, such as 2 or 1,3")
    return int(text) if text is not None and text.isdigit() else text


PROJECT = r"^(max|mean|[1-9]\d*)$"
Listed = Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_listed)]
Share = Annotated[Annotated[float, Field(ge=0, lt=1)] | None, BeforeValidator(read_decimal)]


class TrainRequest(Request):
    """Train a model on a dataset folder, or on images with label images or ROI files of the same names."""

    several: ClassVar[tuple[str, ...]] = ("images", "targets", "rois")

    method: Annotated[
        Literal["stardist", "segmentation", "care", "n2v", "n2n", "labelling"], BeforeValidator(read_word)
    ] = Field(
        "stardist",
        description="Method to train: objects (stardist; segmentation: parts of a mask), restoration from pairs (care) "
        "or noise (n2v, n2n), stains from transmitted light (labelling)",
    )
    images: Folders | None = Field(
        None,
        description="Dataset folder, or folder of training images (care: low SNR; n2v, n2n: noisy; labelling: a plate, "
        'or files with all channels); several: separated by ";"; omitted (n2v, labelling): the image given or open',
    )
    targets: Folders | None = Field(
        None,
        description="Folder with the images' names: label images (label_model: what they are made from); care: high "
        "SNR; n2n: a second exposure",
    )
    rois: Folders | None = Field(None, description="Folder of ROI zips with the images' names")
    dims: Dims = None
    series: Series = None
    missing_planes: MissingPlanes = "refuse"
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
        None,
        description="How many pixels wide the distance of two slices is (3D, isotropic); omitted: measured from the "
        "objects; isotropic: from the calibration",
    )
    channel: Annotated[int | str | None, BeforeValidator(read_channels)] = Field(
        None, description="Channel to train on, counted from 1; labelling with several kinds of light: 1,2"
    )
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
    norm_low: Number = Field(
        3.0, ge=0, le=100, description="Percentile of each image that becomes 0 (care, n2n, labelling)"
    )
    norm_high: Number = Field(
        99.8, ge=0, le=100, description="Percentile of each image that becomes 1 (care, n2n, labelling)"
    )
    loss: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_loss)] = Field(
        None,
        description="Loss of care, n2v, n2n (mae, mse; omitted: mae for care, mse for the others), or losses of "
        'labelling and segmentation with weights, such as "mse=1 sobel=0.1" (omitted: mse; jaccard)',
    )
    probabilistic: bool = Field(False, description="Learn how uncertain each restored pixel is, too (care)")
    kernel: Annotated[Annotated[int, Field(ge=1, le=15)] | None, BeforeValidator(read_whole)] = Field(
        None, description="Side of the convolutions of care, n2v, n2n, odd; omitted: the method's default"
    )
    registration: Annotated[Literal["report", "correct"], BeforeValidator(read_word)] = Field(
        "report", description="A shift between the images of a pair (care, n2n, labelling): report it, or correct it"
    )
    background: Fraction = Field(
        None, description="Share of the patches that may lie anywhere, not only on signal; omitted: 0 (n2v: 1)"
    )
    augment: bool = Field(
        True, description="Show patches mirrored and turned (care, n2v, n2n), and scaled and disturbed (labelling)"
    )
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
    separate_channels: bool = Field(
        False, description="A network for each channel, for noise that channels share (n2v)"
    )
    projection: bool = Field(False, description="Learn a plane from a stack: targets are planes (care)")
    isotropic: bool = Field(
        False, description="Learn from stacks alone what is lost along z, to make stacks isotropic (care)"
    )
    axial_sigma: Annotated[Annotated[float, Field(ge=0, le=100)] | None, BeforeValidator(read_decimal)] = Field(
        None,
        description="Blur along z, standard deviation in pixels (isotropic); omitted: half the distance of two slices",
    )
    apply: bool = Field(False, description="Restore the image trained on as well (n2v), or the open image")

    transmitted: Listed = Field(
        None,
        description="Folder of transmitted light in each plate, or several separated by commas, that are looked at "
        "together; omitted: the one with a usual name (phase, DIC, …). Of files with all channels: what their "
        "transmitted light is called",
    )
    stains: Listed = Field(
        None,
        description="Stains to learn, separated by commas: folders of each plate (omitted: all), or names for the "
        "channels of target_channels",
    )
    target_channels: Listed = Field(
        None, description="Channels of the stains, counted from 1, in files with all channels; omitted: all but channel"
    )
    planes: Annotated[str, BeforeValidator(read_planes)] = Field(
        "all", description='Focal planes that are looked at, from 1: "all", "3", "2-4"; of several lights "2,3;all"'
    )
    project: Annotated[Annotated[str, Field(pattern=PROJECT)], BeforeValidator(read_project)] = Field(
        "max", description="What is learned of a stain's stack: its brightest values (max), mean, or a plane, such as 3"
    )
    prepare: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_text)] = Field(
        None,
        description='What is made of the stains before, such as "nucleus: rolling_ball=50 clip=90; er: clip=90"; '
        "without a name: of all",
    )
    stain_levels: Annotated[Literal["training", "image"], BeforeValidator(read_word)] = Field(
        "training",
        description="What becomes 0 and 1 of a stain: percentiles of all training images, or each image's own extremes",
    )
    stain_low: Number = Field(1.0, ge=0, le=100, description="Percentile of a stain that becomes 0")
    stain_high: Number = Field(99.9, ge=0, le=100, description="Percentile of a stain that becomes 1")
    one_per_stain: bool = Field(False, description="Train a model for each stain, called by it, not one for all")
    normalization: Annotated[Literal["minmax", "zscore", "percentile"], BeforeValidator(read_word)] = Field(
        "minmax", description="How intensities of transmitted light are normalised; percentile: norm_low, norm_high"
    )
    normalize_by: Annotated[Literal["image", "plate"], BeforeValidator(read_word)] = Field(
        "image", description="What is normalised by itself: each image, or all images of a plate together"
    )
    controls: Listed = Field(
        None, description="Wells by whose images a plate is normalised, such as A01,A02; omitted: all of it"
    )
    flat_field: bool = Field(False, description="Divide transmitted light by the illumination that all images share")
    split_by: Annotated[Literal["image", "well", "plate"], BeforeValidator(read_word)] = Field(
        "image", description="What is put aside as a whole for validation and test"
    )
    test_share: Share = Field(
        None,
        description="Part of the images that are kept for a test and not looked at; omitted: 0.2 from 10 images on",
    )
    balance: Annotated[Literal["none", "plate", "phenotype"], BeforeValidator(read_word)] = Field(
        "none", description="What is shown equally often, however many images there are of it"
    )
    filter_crops: bool = Field(True, description="Leave out patches that are blank, badly exposed or background")
    most_background: Fraction = Field(
        None, description="Largest part of a patch that may be background in all stains; omitted: 0.98"
    )
    corruptions: bool = Field(False, description="Show some patches with wrong exposure and with light from elsewhere")
    network: Annotated[Literal["unet", "encoder", "projection", "pix2pix"] | None, BeforeValidator(read_word)] = Field(
        None, description="Network: unet, U-Net with an encoder of photographs, planes to plane, or pix2pix"
    )
    encoder: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_word)] = Field(
        None, description="Encoder of network=encoder, such as densenet121 or resnet101"
    )
    encoder_weights: PathText | None = Field(None, description="File of the weights from which an encoder starts")
    loss_backbone: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_word)] = Field(
        None, description="Network that the loss perceptual looks through, such as vgg16; omitted: one of its own"
    )
    backbone_weights: PathText | None = Field(None, description="File of the weights of loss_backbone")
    optimizer: Annotated[Literal["adam", "adamw", "adadelta", "sgd"] | None, BeforeValidator(read_word)] = Field(
        None, description="Optimiser; omitted: the preset's"
    )
    weight_decay: Share = Field(None, description="How much large weights cost; omitted: 0")
    dropout: Share = Field(None, description="Part of the features that are left out at each step; omitted: 0")
    regularisation: Annotated[Literal["none", "strong"], BeforeValidator(read_word)] = Field(
        "none", description="strong: weight_decay 1e-4 and dropout 0.1"
    )

    @model_validator(mode="after")
    def _transfer_has_a_source(self) -> TrainRequest:
        if self.transfer != "trained" and not self.starts_from_a_model():
            raise BadInput(f"transfer={self.transfer}, but no init; expected init=<model to start from>.")
        if self.method in _OBJECTS:
            if self.target_channel is not None and self.label_model is None:
                raise BadInput("target_channel: found without label_model; expected both, or neither.")
            if self.label_model is not None and self.rois is not None:
                raise BadInput("label_model and rois: found both; expected one. The model's objects are the labels.")
        return self

    @property
    def one_channel(self) -> int | None:
        """The channel of methods that look at one."""
        assert not isinstance(self.channel, str)
        return self.channel

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
        if self.images is None and self.method not in ("n2v", "labelling") and not self.isotropic:
            raise BadInput(f"images is missing; expected {TrainRequest.model_fields['images'].description}.")
        check_ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        check_ordered("stain_low", self.stain_low, "stain_high", self.stain_high, strict=True)
        if self.method in _IMAGE and self.loss not in (None, "mae", "mse"):
            raise BadInput(f"loss: found {self.loss!r}; expected 'mae' or 'mse'.{closest(self.loss, ('mae', 'mse'))}")
        self._check_keys_of_the_method()
        self._check_stacks()
        return self

    def _check_stacks(self) -> None:
        """Refuse keys that do not go with what is made of a stack."""
        if self.projection and self.isotropic:
            raise BadInput("projection and isotropic: found both; expected one. A model makes a plane, or a stack.")
        if self.ndim == 2 and (self.projection or self.isotropic):
            raise BadInput("ndim=2: projection and isotropic learn from stacks. Leave ndim out.")
        if self.isotropic and (self.targets is not None or self.target_channel is not None):
            raise BadInput("targets: isotropic learns from the stacks alone. Leave targets and target_channel out.")
        if self.method == "care" and not self.isotropic and (self.anisotropy or self.axial_sigma) is not None:
            raise BadInput("anisotropy and axial_sigma need isotropic=true with method=care. Leave them out.")

    def _check_keys_of_the_method(self) -> None:
        """Refuse a key that the method has no use for, and that says something else than its default."""
        if isinstance(self.channel, str) and self.method not in _LABEL:
            raise BadInput(
                f"channel={self.channel}: found several channels; method={self.method} looks at one. Give its number."
            )
        for key, methods in KEYS_OF.items():
            if self.method not in methods and getattr(self, key) != TrainRequest.model_fields[key].default:
                raise BadInput(
                    f"{key}: found {getattr(self, key)!r} with method={self.method}; expected it only with "
                    f"{' or '.join(methods)}. Leave it out."
                )
