"""The task `segment`: objects of an image, as labels, ROIs and a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from talanoa import image as images
from talanoa.core import cost, devices
from talanoa.core.cache import HANDLES
from talanoa.core.errors import BadInput
from talanoa.core.host import Collecting, stop_if_cancelled
from talanoa.image import folder as image_folder
from talanoa.image import overlay
from talanoa.image.io import read_image, report_notes
from talanoa.models import folder as model_folder
from talanoa.models.checks import (
    BRIGHT,
    background_level,
    check_pixels,
    trained_level,
    warn_bright_background,
    warn_pixel_size,
)
from talanoa.models.folder import attachments
from talanoa.models.select import choose
from talanoa.rois.given import Given
from talanoa.segmentation import fit_checks
from talanoa.segmentation.memory import LOWEST, NetworkMemory, settings_of
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks import folder_input, segment_blocks
from talanoa.tasks.outcome import make_record, measure, outlines

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.models.folder import Model

_FRAMES_CHECKED = 3  # of a time-lapse; a model that does not fit shows it in the first ones


def run(request: SegmentRequest, given: Given, host: Host) -> dict[str, Any]:
    """Segment the image file that is named, or each image of a folder; else the image given."""
    if request.image is None and given.image is None and not given.handle:
        raise BadInput("No image is open and none is named; open one, or set image=<file or folder>.")
    folder_input.check_place(request)
    if request.maps and (request.block or not (request.out or request.image is None)):
        found = f"block={request.block}" if request.block else "no out"
        raise BadInput(f"maps=true, but {found}; expected out=<new folder>, which gets the maps, and no blocks.")
    model = model_folder.load(request.model)
    model_folder.check_kind(model, "objects")
    if request.image is None and given.handle is not None:
        return _remembered(request, model, given, host)
    if request.image is None and given.image is not None:
        if request.block is not None:
            raise BadInput(f"block={request.block} is for image files; found an open image. Save it, and set image.")
        return segment_image(request, model, given.image, given.selection, host)
    path = Path(str(request.image))
    if image_folder.is_folder_of_images(path):
        return folder_input.run(request, model, host)
    if request.workers or request.scheduler:
        raise BadInput("workers and scheduler are for a folder of images; found one image. Leave them out.")
    return segment_file(request, model, path, host)


def segment_file(request: SegmentRequest, model: Model, path: Path, host: Host) -> dict[str, Any]:
    """Segment an image file: read whole, or in blocks where that is asked for or the image is large."""
    from talanoa.image import lazy

    if not segment_blocks.wanted(request, path):
        return segment_image(request, model, read_image(path, host), None, host)
    with lazy.open_image(path) as image:
        return segment_blocks.segment_blocks(request, model, image, host)


def _remembered(request: SegmentRequest, model: Model, given: Given, host: Host) -> dict[str, Any]:
    """Segment with the network's answers that a handle keeps; an empty handle keeps new ones.

    Returns
    -------
    dict
        The reply with ``handle`` (None where the answers are too large to be kept) and ``thresholds``: those used
        (None: the model has no such threshold), and ``lowest``, the probability down to which the answers reach. A
        preview has outlines alone.
    """
    from talanoa.models import methods

    settings = {**settings_of(request), "model": model.sha256}
    if given.handle:
        memory = HANDLES.get(given.handle)
        if memory.settings != settings:
            raise BadInput("The kept network output belongs to other settings or another model; run it anew.")
        report_notes(memory.image, host)
    else:
        image = cast("xr.DataArray", given.image)
        memory = NetworkMemory(image.copy(deep=True), given.selection, settings)
    reply = segment_image(request, model, memory.image, memory.selection, host, memory, given.preview)
    handle = given.handle or HANDLES.put(memory, memory.nbytes)
    used = {} if given.preview else reply["record"]["used"]
    lowest = LOWEST if methods.get(model.method).decode == "stars" else 0.0
    thresholds = {"lowest": lowest, **{key: used.get(key) for key in ("prob_thresh", "nms_thresh")}}
    return {**reply, "handle": handle, "thresholds": thresholds}


def segment_image(
    request: SegmentRequest,
    model: Model,
    image: xr.DataArray,
    selection: np.ndarray | None,
    host: Host,
    memory: NetworkMemory | None = None,
    preview: bool = False,
) -> dict[str, Any]:
    """Segment one image and build the reply; write the result folder when the request names one.

    Parameters
    ----------
    request : SegmentRequest
        The complete request.
    model : Model
        The loaded model.
    image : DataArray (t, c, z, y, x)
        The complete image.
    selection : ndarray of bool (y, x), optional
        Where to look.
    host : Host
        Progress, warnings, cancelling.
    memory : NetworkMemory, optional
        Answers of the network to this image.
    preview : bool
        True returns the outlines alone.
    """
    from talanoa.segmentation import predict

    meter = cost.Meter(devices.resolve(request.device))
    host = Collecting(host)
    image = images.check(image)
    chosen = choose(image, model.channels, request, model.ndim)
    check_pixels(chosen.image)
    _warn(chosen.image, model, request, host)
    # The part is cut out here: predict must not cut again.
    settings = request.model_copy(update={"channel": None, "plane": None, "frames": None})
    found = predict.segment(chosen.image, model, settings, host, selection, memory)
    if preview:
        return {"rois": outlines(found, chosen, request.outline), "message": f"{len(found.objects)} objects"}
    for text in [*found.warnings, *_fit(found.labels, chosen.image, model, request)]:
        host.warn(text)
    reply: dict[str, Any] = {
        "labels": found.labels,
        "maps": found.maps,
        "image": found.maps.get("probability"),
        "rois": outlines(found, chosen, request.outline),
        "table": measure(found, chosen),
        "record": make_record(request, model, image, chosen, found, selection),
    }
    seconds = meter.seconds
    reply["record"]["times"]["total"] = round(seconds, 3)
    sizes = chosen.image.sizes
    pixels = sizes["t"] * sizes["z"] * sizes["y"] * sizes["x"]
    reply["record"]["cost"] = cost.of_images(meter, sizes["t"], pixels, request.price, request.currency)
    reply["record"]["warnings"] = host.warnings
    reply["message"] = _message(len(found.objects), seconds, model, found.record)
    stop_if_cancelled(host)
    if request.out:
        reply["folder"] = _write(Path(request.out), model, chosen.image, reply, request.copy_model)
    return reply


def _warn(image: xr.DataArray, model: Model, request: SegmentRequest, host: Host) -> None:
    """Warn about what looks unlike the images the model was trained on."""
    warn_pixel_size(image, model, request.scale, request.scale_z, host)
    if (level := trained_level(model)) is not None:
        warn_bright_background(image, level, host)


def _fit(labels: xr.DataArray, image: xr.DataArray, model: Model, request: SegmentRequest) -> list[str]:
    """Return warnings about objects that do not look as if the model fits the image; see `fit_checks`."""
    level = trained_level(model)
    fluorescence = level is not None and level < fit_checks.DARK
    if image.sizes["z"] > 1:
        return []
    for frame in range(min(labels.sizes["t"], _FRAMES_CHECKED)):
        plane = labels.values[frame, 0, 0]
        bright = fluorescence and image.sizes["c"] == 1 and (background_level(image) or 0.0) <= BRIGHT
        texts = [
            fit_checks.label_image_warning(image.values[frame, 0, 0]) if image.sizes["c"] == 1 else "",
            fit_checks.specks_warning(plane, model.name),
            fit_checks.pieces_warning(plane, request.scale or 1.0),
            fit_checks.brightness_warning(image.values[frame, 0, 0], plane, model.name) if bright else "",
        ]
        if any(texts):
            return [text for text in texts if text]
    return []


def _message(count: int, seconds: float, model: Model, record: dict[str, Any]) -> str:
    """Say in one line what was found and how."""
    overlap = f", overlap {record['nms_thresh']:.2f}" if "nms_thresh" in record else ""
    return (
        f"{count} object{'s' * (count != 1)} in {seconds:.1f} s on {record['device']} (model {model.name}, "
        f"probability {record['prob_thresh']:.2f}{overlap})"
    )


def _write(folder: Path, model: Model, image: xr.DataArray, reply: dict[str, Any], copy_model: bool) -> str:
    """Write the result folder and return its path."""
    from talanoa.tasks import result

    outputs = result.Outputs(
        labels=reply["labels"],
        rois=reply["rois"],
        table=reply["table"],
        maps=reply["maps"],
        overlay=overlay.outlines(image, reply["labels"], plane=image.sizes["z"] // 2 + 1),
        attachments=attachments(model, copy_model),
    )
    return str(result.write_result(folder, outputs, reply["record"]))


folder_input.register("segment", folder_input.Doing(SegmentRequest, model_folder.load, segment_file, "segmented"))
