"""Requests of the tasks that no room has of its own: `rois`, `models`, `doctor`, `rerun`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from talanoa.core.request import Device, Dims, MissingPlanes, PathText, Request, Series, read_word
from talanoa.segmentation.request import TARGETS, Target


class RoisRequest(Request):
    """Turn ROIs into a label image, a label image into ROIs, or save ROIs."""

    action: Annotated[Literal["to_labels", "from_labels", "save"], BeforeValidator(read_word)] = Field(
        description="to_labels, from_labels or save"
    )
    rois: PathText | None = Field(None, description="ROI zip or .roi file; omitted: the ROIs given or in the manager")
    image: PathText | None = Field(None, description="Image the ROIs belong to (gives the size), or the label image")
    dims: Dims = None
    series: Series = None
    missing_planes: MissingPlanes = "refuse"
    shape: Annotated[str | None, BeforeValidator(read_word)] = Field(
        None,
        pattern=r"^\d+(x\d+){1,3}$",
        description="Size of the label image without an image: HEIGHTxWIDTH, or FRAMESxSLICESxHEIGHTxWIDTH",
    )
    mask: Annotated[Literal["refuse", "split", "keep"], BeforeValidator(read_word)] = Field(
        "refuse",
        description="A mask of one value with several parts: refuse it, split the parts, keep it as one object",
    )
    show: Target = Field("update", description=f"Where the ROIs go in ImageJ: {TARGETS}")
    out: PathText | None = Field(None, description="New file: label image, or ROI zip")


class ModelsRequest(Request):
    """List, show and import models."""

    action: Annotated[Literal["list", "show", "where", "import"], BeforeValidator(read_word)] = Field(
        "list", description="list, show, where or import"
    )
    model: PathText | None = Field(None, description="Model to show: a name or a folder")
    folder: PathText | None = Field(None, description="Model folder, or zip of one, to import")
    name: str | None = Field(None, min_length=1, description="Name of the imported model; omitted: the folder's name")


class DoctorRequest(Request):
    """Check what Talanoa runs on."""

    device: Annotated[Device, BeforeValidator(read_word)] = Field("auto", description="Device to try")
    fiji: PathText | None = Field(None, description="Fiji folder to check; omitted: TALANOA_FIJI")
    java: str = Field("", description="What the ImageJ that asks says of its Java; omitted: the Java that is found")
    imagej: str = Field("", description="What the ImageJ that asks says of itself; omitted: the ImageJ that is found")


class RerunRequest(Request):
    """Run a recorded result again and compare."""

    result: PathText = Field(description="result.json, or the result folder")
    image: PathText | None = Field(None, description="The image, where it is no longer at the recorded place")
    out: PathText | None = Field(None, description="New folder for the new results")
