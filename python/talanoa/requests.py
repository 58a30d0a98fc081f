"""Requests: one frozen, complete, validated model per task, the same for menu, macro, command line and Python.

A request arrives as a mapping of keys to values. Values may be text, as macros and dialogs give it: numbers take a decimal
comma, an empty text means "not given". Unknown keys are an error that lists the valid ones. Keys that the StarDist plugin
for ImageJ records (``probThresh``, ``nTiles``, ...) are understood as aliases.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from talanoa.errors import BadInput

Device = Literal["auto", "cpu", "cuda", "mps"]


def _decimal(value: Any) -> Any:
    """Read "0,5" as 0.5 (a locale with decimal commas) and "auto" as not given; leave the rest to pydantic."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() == "auto":
        return None
    return text.replace(",", ".") if re.fullmatch(r"[+-]?\d*,\d+", text) else text


def _whole(value: Any) -> Any:
    """Read "3.0" and "3,0" as 3: number fields of dialogs write whole numbers with decimals."""
    value = _decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+\.0*", value):
        return value.split(".")[0]
    return value


def _word(value: Any) -> Any:
    """Read choices without regard to case, blanks and hyphens: "Rolling ball" is "rolling_ball"."""
    return re.sub(r"[\s-]+", "_", value.strip().lower()) if isinstance(value, str) else value


def _path_text(value: Any) -> Any:
    """Keep paths as text in requests, so that a request is plain JSON."""
    return str(value) if isinstance(value, Path) else value


Number = Annotated[float, BeforeValidator(_decimal), Field(allow_inf_nan=False)]
MaybeNumber = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_decimal)]
Fraction = Annotated[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None, BeforeValidator(_decimal)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_whole)]
PathText = Annotated[str, BeforeValidator(_path_text), Field(min_length=1)]
FRAMES = r"\d+(-\d+)?(,\d+(-\d+)?)*"


class Request(BaseModel):
    """What every request shares: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    # Other names of keys, lower case, and what they mean here: a key, or a function (value) -> keys and a note.
    aliases: ClassVar[Mapping[str, str | Callable[[Any], Translated]]] = {}


class Translated(NamedTuple):
    """The meaning of a foreign key: our keys with values, and a note for the user when it is not the same."""

    keys: dict[str, Any]
    note: str = ""


def _output_type(value: Any) -> Translated:
    """Translate StarDist's ``outputType``: Both, ROI Manager, Label Image."""
    known = {"both": "append", "roi_manager": "append", "label_image": "none"}
    word = _word(value)
    if word not in known:
        raise BadInput(f"outputType: found {value!r}; expected Both, ROI Manager or Label Image.")
    return Translated({"rois": known[word]})


def _exclude_boundary(value: Any) -> Translated:
    """Translate StarDist's ``excludeBoundary``: candidates with a centre up to 2 pixels from the edge are dropped here as there."""
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return Translated({"exclude_border": text == "true"})
    if text in ("0", "1", "2"):
        return Translated({})
    raise BadInput(
        f"excludeBoundary: found {value!r}; expected 0, 1 or 2. To remove objects that touch the image border, "
        "set exclude_border=true."
    )


def _normalize_input(value: Any) -> Translated:
    """Translate StarDist's ``normalizeInput``: the image is always normalised here."""
    if str(value).strip().lower() not in ("true", "1", "yes"):
        raise BadInput(
            f"normalizeInput: found {value!r}; expected true. Images are always normalised by percentiles; "
            "norm_low=0 norm_high=100 stretches from the darkest to the brightest pixel."
        )
    return Translated({})


def _roi_position(value: Any) -> Translated:
    """Translate StarDist's ``roiPosition``: ROIs always carry channel, slice and frame."""
    if _word(value) == "stack":
        return Translated(
            {}, "roiPosition=Stack has no effect: ROIs carry slice and frame, which fits stacks and hyperstacks."
        )
    return Translated({})


class SegmentRequest(Request):
    """Find objects in an image with a trained model."""

    aliases: ClassVar[Mapping[str, str | Callable[[Any], Translated]]] = {
        "input": "image",
        "modelchoice": "model",
        "probthresh": "prob_thresh",
        "nmsthresh": "nms_thresh",
        "percentilebottom": "norm_low",
        "percentiletop": "norm_high",
        "ntiles": "tiles",
        "outputtype": _output_type,
        "excludeboundary": _exclude_boundary,
        "normalizeinput": _normalize_input,
        "roiposition": _roi_position,
    }

    image: PathText | None = Field(
        None, description="Image file, or folder of images; omitted: the image given or open"
    )
    model: PathText = Field("nuclei", description="Name of a model, or path of a model folder")
    channel: Count = Field(None, description="Channel to segment, counted from 1")
    prob_thresh: Fraction = Field(None, description="Lowest object probability, 0 to 1; omitted: the model's own")
    nms_thresh: Fraction = Field(None, description="Largest overlap of two objects, 0 to 1; omitted: the model's own")
    norm_low: Number = Field(1.0, ge=0, le=100, description="Percentile of the image that becomes 0")
    norm_high: Number = Field(99.8, ge=0, le=100, description="Percentile of the image that becomes 1")
    scale: Number = Field(1.0, gt=0, le=64, description="Enlarge the image by this factor before the network sees it")
    tiles: Count = Field(None, description="Number of tiles; omitted or auto: a fixed plan from the image's shape")
    min_size: Whole = Field(0, ge=0, description="Smallest object, in pixels")
    max_size: Count = Field(None, description="Largest object, in pixels")
    min_intensity: MaybeNumber = Field(None, description="Lowest mean intensity of an object")
    max_intensity: MaybeNumber = Field(None, description="Highest mean intensity of an object")
    exclude_border: bool = Field(False, description="Remove objects that touch the image border")
    plane: Count = Field(None, description="Slice of a z-stack to segment, counted from 1")
    frames: Annotated[str | None, BeforeValidator(lambda v: str(v).replace(" ", "") if v is not None else v)] = Field(
        None,
        pattern=f"^{FRAMES}$",
        description='Frames to segment, counted from 1, such as "1-10" or "1,5,9"; omitted: all',
    )
    rois: Annotated[Literal["append", "replace", "overlay", "none"], BeforeValidator(_word)] = Field(
        "append",
        description="Where the ROIs go: appended to the ROI Manager, replacing its content, overlay only, nowhere",
    )
    outline: Annotated[Literal["traced", "star"], BeforeValidator(_word)] = Field(
        "traced", description="Outlines traced from the label image (pixel-exact), or the network's star polygons"
    )
    background: Annotated[Literal["none", "rolling_ball", "clip"], BeforeValidator(_word)] = Field(
        "none", description="Background step before normalisation"
    )
    background_radius: Number = Field(50.0, gt=0, description="Radius of the background step, in pixels")
    device: Annotated[Device, BeforeValidator(_word)] = Field("auto", description="Where the network runs")
    out: PathText | None = Field(None, description="New folder for the results")
    copy_model: bool = Field(False, description="Put a copy of the model into the result folder")

    @model_validator(mode="after")
    def _ranges(self) -> SegmentRequest:
        _ordered("norm_low", self.norm_low, "norm_high", self.norm_high, strict=True)
        _ordered("min_size", self.min_size, "max_size", self.max_size)
        _ordered("min_intensity", self.min_intensity, "max_intensity", self.max_intensity)
        return self


class TrainRequest(Request):
    """Train a model on images with label images or ROI files of the same names."""

    method: Annotated[Literal["stardist"], BeforeValidator(_word)] = Field("stardist", description="Method to train")
    images: PathText = Field(description="Folder of training images")
    targets: PathText | None = Field(None, description="Folder of label images with the images' names")
    rois: PathText | None = Field(None, description="Folder of ROI zips with the images' names")
    name: str = Field(min_length=1, description="Name of the new model")
    preset: Annotated[Literal["quick", "standard", "long"] | None, BeforeValidator(_word)] = Field(
        None, description="Length of the training; epochs and steps override it; omitted: standard"
    )
    epochs: Count = Field(None, description="Number of epochs; omitted: the preset's")
    steps: Count = Field(None, description="Steps of one epoch; omitted: the preset's")
    patch: Count = Field(None, description="Side of a training patch in pixels; omitted: the method's default")
    batch: Count = Field(None, description="Patches in one step; omitted: the method's default")
    lr: Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_decimal)] = Field(
        None, description="Learning rate; omitted: the method's default"
    )
    seed: Whole = Field(42, ge=0, le=2**32 - 1, description="Seed of everything random")
    init: PathText | None = Field(None, description="Model to start from (fine-tuning)")
    resume: bool = Field(False, description="Go on with an interrupted training of this name")
    device: Annotated[Device, BeforeValidator(_word)] = Field("auto", description="Where the network trains")
    validation: Number = Field(0.1, gt=0, lt=1, description="Part of the images kept for validation")
    n_rays: Annotated[Annotated[int, Field(ge=4, le=256)] | None, BeforeValidator(_whole)] = Field(
        None, description="Rays of a star-convex outline; omitted: the method's default"
    )
    grid: Annotated[Annotated[int, Field(ge=1, le=16)] | None, BeforeValidator(_whole)] = Field(
        None, description="Pixels per network output, 1, 2 or 4; omitted: the method's default"
    )
    depth: Annotated[Annotated[int, Field(ge=1, le=8)] | None, BeforeValidator(_whole)] = Field(
        None, description="Levels of the U-Net; omitted: the method's default"
    )
    filters: Annotated[Annotated[int, Field(ge=1, le=1024)] | None, BeforeValidator(_whole)] = Field(
        None, description="Filters of the U-Net's first level; omitted: the method's default"
    )
    channel: Count = Field(None, description="Channel to train on, counted from 1")
    licence: str = Field("", description="Licence of the training data, kept with the model")
    schedule: Annotated[Literal["plateau", "cosine"] | None, BeforeValidator(_word)] = Field(
        None, description="How the learning rate falls; omitted: the preset's"
    )
    augment_scale: Number = Field(1.5, ge=1, le=4, description="Show objects up to this factor larger or smaller")
    mixed_precision: bool = Field(True, description="Half precision on a GPU where it is safe")

    @model_validator(mode="after")
    def _one_source(self) -> TrainRequest:
        if (self.targets is None) == (self.rois is None):
            found = "neither" if self.targets is None else "both"
            raise BadInput(
                f"targets and rois: found {found}; expected one. Give targets=<folder of label images> or "
                "rois=<folder of ROI zips>."
            )
        if self.grid not in (None, 1, 2, 4):
            raise BadInput(f"grid: found {self.grid}; expected 1, 2 or 4.")
        return self


class RoisRequest(Request):
    """Turn ROIs into a label image, a label image into ROIs, or save ROIs."""

    action: Annotated[Literal["to_labels", "from_labels", "save"], BeforeValidator(_word)] = Field(
        description="to_labels, from_labels or save"
    )
    rois: PathText | None = Field(None, description="ROI zip or .roi file; omitted: the ROIs given or in the manager")
    image: PathText | None = Field(None, description="Image the ROIs belong to (gives the size), or the label image")
    shape: Annotated[str | None, BeforeValidator(_word)] = Field(
        None,
        pattern=r"^\d+(x\d+){1,3}$",
        description="Size of the label image without an image: HEIGHTxWIDTH, or FRAMESxSLICESxHEIGHTxWIDTH",
    )
    show: Annotated[Literal["append", "replace", "overlay", "none"], BeforeValidator(_word)] = Field(
        "append", description="Where ROIs go in ImageJ"
    )
    out: PathText | None = Field(None, description="New file: label image, or ROI zip")


class ModelsRequest(Request):
    """List, show and import models."""

    action: Annotated[Literal["list", "show", "where", "import"], BeforeValidator(_word)] = Field(
        "list", description="list, show, where or import"
    )
    model: PathText | None = Field(None, description="Model to show: a name or a folder")
    folder: PathText | None = Field(None, description="Model folder to import")
    name: str | None = Field(None, min_length=1, description="Name of the imported model; omitted: the folder's name")


class DoctorRequest(Request):
    """Check what Talanoa runs on."""

    device: Annotated[Device, BeforeValidator(_word)] = Field("auto", description="Device to try")
    fiji: PathText | None = Field(None, description="Fiji folder to check; omitted: TALANOA_FIJI")


class RerunRequest(Request):
    """Run a recorded result again and compare."""

    result: PathText = Field(description="result.json, or the result folder")
    image: PathText | None = Field(None, description="The image, where it is no longer at the recorded place")
    out: PathText | None = Field(None, description="New folder for the new results")


class Parsed(NamedTuple):
    """A valid request and notes for the user about keys that were translated."""

    request: Request
    notes: list[str]


def parse(kind: type[Request], given: Mapping[str, Any]) -> Parsed:
    """Validate the keys of a request.

    Parameters
    ----------
    kind : type[Request]
        The request model of the task.
    given : Mapping[str, Any]
        Keys and values without ``task``. None and empty text mean "not given".

    Returns
    -------
    Parsed
        The frozen, complete request and notes about translated keys.

    Raises
    ------
    BadInput
        For an unknown key (lists the valid ones and the closest), a value outside its range, or a key given twice.
    """
    keys: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in given.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            _resolve(kind, key)
            continue
        meaning = _resolve(kind, key)
        translated = Translated({meaning: value}) if isinstance(meaning, str) else meaning(value)
        if translated.note:
            notes.append(translated.note)
        for name, new in translated.keys.items():
            if name in keys and keys[name] != new:
                raise BadInput(f"{key}: found {new!r}, but {name} is also given as {keys[name]!r}; expected it once.")
            keys[name] = new
    try:
        return Parsed(kind.model_validate(keys), notes)
    except ValidationError as error:
        raise BadInput(" ".join(_explain(kind, detail) for detail in error.errors())) from error


def closest(word: str, known: Collection[str]) -> str:
    """Return ' Did you mean "x"?' for the most similar known word, else an empty text."""
    if word.lower() == "gpu" and "cuda" in known:
        return ' Did you mean "cuda"?'
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""


def _resolve(kind: type[Request], key: str) -> str | Callable[[Any], Translated]:
    """Return the field that a key means, or the function that translates it."""
    plain = str(key).strip().replace("-", "_")
    if plain in kind.model_fields:
        return plain
    lower = plain.lower()
    if lower in kind.model_fields:
        return lower
    if lower.replace("_", "") in kind.aliases:
        return kind.aliases[lower.replace("_", "")]
    valid = list(kind.model_fields)
    raise BadInput(f'Unknown key "{key}"; valid keys are {", ".join(valid)}.{closest(lower, valid)}')


def _ordered(low_key: str, low: float | None, high_key: str, high: float | None, strict: bool = False) -> None:
    """Refuse a lower bound above the upper one."""
    if low is None or high is None or low < high or (low == high and not strict):
        return
    raise BadInput(f"{low_key}={low:g} and {high_key}={high:g}; expected {low_key} below {high_key}.")


EXPECTED = {
    "float_parsing": "a number such as 0.5",
    "float_type": "a number such as 0.5",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "literal_error": "one of {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
}
PATTERNS = {
    "frames": 'frames such as "1-10" or "1,5,9"',
    "shape": "HEIGHTxWIDTH, such as 512x512, or FRAMESxSLICESxHEIGHTxWIDTH",
}


def _explain(kind: type[Request], detail: Mapping[str, Any]) -> str:
    """Turn one pydantic error into a sentence: key, what was found, what is expected."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "missing":
        return f"{key} is missing; expected {kind.model_fields[key].description}."
    if detail["type"] == "string_pattern_mismatch" and key in PATTERNS:
        expected = PATTERNS[key]
    elif detail["type"] in EXPECTED:
        expected = EXPECTED[detail["type"]].format(**detail.get("ctx", {}))
    else:
        expected = str(detail["msg"])
    hint = closest(str(detail["input"]), re.findall(r"'(\w+)'", expected)) if detail["type"] == "literal_error" else ""
    return f"{key}: found {detail['input']!r}; expected {expected}.{hint}"
