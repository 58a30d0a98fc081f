"""The task `rois`: ROIs to a label image, a label image to ROIs, ROIs to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image as images
from talanoa import rois
from talanoa.core.errors import BadInput, naming
from talanoa.core.files import check_new
from talanoa.image import reading
from talanoa.image.io import read_image
from talanoa.rois.given import Given

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.rois.roi_set import RoiSet
    from talanoa.tasks.request import RoisRequest


def run(request: RoisRequest, given: Given, host: Host) -> dict[str, Any]:
    """Do the action that the request names."""
    if request.out:
        check_new(Path(request.out))
    actions = {"to_labels": _to_labels, "from_labels": _from_labels, "save": _save}
    return actions[request.action](request, given, host)


def _to_labels(request: RoisRequest, given: Given, host: Host) -> dict[str, Any]:
    """Fill ROIs into a label image; the later ROI wins and the overlap is said."""
    from talanoa import rois as module

    like = _image(request, given, host)
    shape = (
        (like.sizes["t"], like.sizes["z"], like.sizes["y"], like.sizes["x"]) if like is not None else _shape(request)
    )
    rois = _rois(request, given, host, shape if like is None else like.shape)
    filled = module.to_labels(rois, shape, like)
    for text in filled.warnings:
        host.warn(text)
    if request.out:
        images.write_labels(request.out, filled.labels)
    return {
        "message": f"{_count(len(rois), 'ROI')} in a label image{_saved(request.out)}",
        "labels": filled.labels,
        "rois": rois,
        "folder": request.out,
    }


def _from_labels(request: RoisRequest, given: Given, host: Host) -> dict[str, Any]:
    """Trace the objects of a label image."""
    from talanoa.image import labels as module

    with reading.label_images():
        image = _image(request, given, host)
    if image is None:
        raise BadInput("No label image is open and none is named; open one, or set image=<label image>.")
    with naming(str(image.attrs.get("name") or request.image or "")):
        labels = module.as_labels(image, request.mask)
    traced = rois.from_labels(labels)
    if not len(traced):
        host.warn("The label image has no objects (all pixels are 0).")
    if request.out:
        rois.write_zip(request.out, traced)
    return {
        "message": f"{_count(len(traced), 'ROI')} from the label image{_saved(request.out)}",
        "labels": labels,
        "rois": traced,
        "folder": request.out,
    }


def _save(request: RoisRequest, given: Given, host: Host) -> dict[str, Any]:
    """Write the ROIs given, or those of a file, to a new ROI zip."""
    from talanoa import rois as module

    if not request.out:
        raise BadInput("out is missing; expected a new ROI zip such as cells.zip.")
    rois = _rois(request, given, host, None)
    if not len(rois):
        raise BadInput("There are no ROIs to save; draw some, or set rois=<ROI zip>.")
    module.write_zip(request.out, rois)
    return {"message": f"{_count(len(rois), 'ROI')}{_saved(request.out)}", "rois": rois, "folder": request.out}


def _rois(request: RoisRequest, given: Given, host: Host, shape: Sequence[int] | None) -> RoiSet:
    """Return the ROIs of the door, or read those of the file named."""
    from talanoa import rois as module

    if request.rois is None and given.rois is not None:
        return given.rois
    if request.rois is None:
        raise BadInput("No ROIs are given and no file is named; add some to the ROI Manager, or set rois=<ROI zip>.")
    read = module.read_zip(request.rois, shape, as_drawn=request.action == "save")
    for text in read.warnings:
        host.warn(text)
    return read.rois


def _image(request: RoisRequest, given: Given, host: Host) -> xr.DataArray | None:
    """Return the image of the door or the file named; None when there is neither."""
    if given.image is not None:
        return given.image
    return read_image(Path(request.image), host) if request.image else None


def _shape(request: RoisRequest) -> tuple[int, int, int, int]:
    """Read "512x512" or "10x1x512x512" as (t, z, y, x)."""
    if not request.shape:
        raise BadInput("The size of the label image is not known; set image=<image>, or shape=<height>x<width>.")
    sizes = [int(size) for size in request.shape.split("x")]
    if len(sizes) == 3 or 0 in sizes:
        raise BadInput(f"shape: found {request.shape}; expected HEIGHTxWIDTH, or FRAMESxSLICESxHEIGHTxWIDTH.")
    t, z, y, x = [1] * (4 - len(sizes)) + sizes
    return t, z, y, x


def _count(number: int, what: str) -> str:
    """Write "1 ROI", "2 ROIs"."""
    return f"{number} {what}{'s' * (number != 1)}"


def _saved(out: str | None) -> str:
    """Write " saved as X", or nothing."""
    return f", saved as {out}" if out else ""
