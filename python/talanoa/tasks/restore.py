"""The task `restore`: an image without its noise, by a model that learnt it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import cost, devices
from talanoa.errors import BadInput, Cancelled
from talanoa.host import stop_if_cancelled
from talanoa.tasks import folder_input
from talanoa.tasks.common import Collecting, Given, check_new, image_facts, model_facts, read_image

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.host import Host
    from talanoa.image_lazy import LazyImage
    from talanoa.model_folder import Model
    from talanoa.requests_restore import RestoreRequest

BUDGET = 1 << 28  # pixels, all frames and channels together; larger files go from disk to disk


def run(request: RestoreRequest, given: Given, host: Host) -> dict[str, Any]:
    """Restore the image file that is named, or each image of a folder; else the image given."""
    from talanoa import model_folder, unfinished

    if request.image is None and given.image is None:
        raise BadInput("No image is open and none is named; open one, or set image=<file or folder>.")
    if request.out and not unfinished.is_begun(Path(request.out)):
        check_new(Path(request.out))
    model = model_folder.load(request.model)
    model_folder.check_kind(model, "image")
    path = Path(str(request.image))
    if request.image is not None and folder_input.is_folder_of_images(path):
        return folder_input.run(request, model, host)
    if request.workers or request.scheduler:
        raise BadInput("workers and scheduler are for a folder of images; found one image. Leave them out.")
    if request.image is None and given.image is not None:
        return restore_image(request, model, given.image, host)
    return restore_file(request, model, path, host)


def restore_file(request: RestoreRequest, model: Model, path: Path, host: Host) -> dict[str, Any]:
    """Restore an image file: in memory, or from disk to disk where it is large."""
    from talanoa import image_lazy

    if image_lazy.size_of(path) <= BUDGET:
        return restore_image(request, model, read_image(path, host), host)
    with image_lazy.open_image(path) as image:
        return restore_stream(request, model, image, host)


def restore_image(request: RestoreRequest, model: Model, image: xr.DataArray, host: Host) -> dict[str, Any]:
    """Restore one image and build the reply; write the result folder when the request names one.

    Parameters
    ----------
    request : RestoreRequest
        The complete request.
    model : Model
        The loaded model.
    image : DataArray (t, c, z, y, x)
        The complete image.
    host : Host
        Progress, warnings, cancelling.

    Returns
    -------
    dict
        ``image``, ``uncertainty`` (None where it was not asked for), ``record``, ``message``, ``folder``.
    """
    from talanoa import image as images
    from talanoa.restoration import restore

    meter = _meter(request)
    host = Collecting(host)
    image = images.check(image)
    found = restore(image, model, request, host)
    for text in found.warnings:
        host.warn(text)
    seconds = meter.seconds
    record = make_record(request, model, image, found.record, meter, host)
    reply: dict[str, Any] = {
        "image": found.image,
        "uncertainty": found.uncertainty,
        "record": record,
        "message": _message(record, seconds, model),
    }
    stop_if_cancelled(host)
    if request.out:
        reply["folder"] = _write(Path(request.out), model, reply, request.copy_model)
    return reply


def restore_stream(request: RestoreRequest, model: Model, image: LazyImage, host: Host) -> dict[str, Any]:
    """Restore an image that is larger than memory into the result folder that the request names.

    Returns
    -------
    dict
        ``record``, ``folder``, ``message`` and ``path``, the file of the restored image; ``image`` is None.

    Raises
    ------
    BadInput
        No ``out``; unfinished work of another request in the place; the disk is too small.
    Cancelled
        The message says what is kept and how to go on.
    """
    from talanoa import blocks_store, restoration_stream, result
    from talanoa.restoration import Restoration
    from talanoa.tasks.segment import attachments

    meter = _meter(request)
    if not request.out:
        raise BadInput("The image is large, and what comes out goes to the disk; found no out. Set out=<new folder>.")
    out = Path(request.out).absolute()
    check_new(out)
    host = Collecting(host)
    for note in image.form.attrs.get("notes", ()):
        host.warn(str(note))
    work = Restoration(image, model, request, host)
    folder = blocks_store.folder_for(out)
    try:
        with blocks_store.opened(out, _plan(work), "restoration", restoration_stream.README) as store:
            if done := restoration_stream.done_in(store):
                host.warn(f"Going on with the unfinished work in {store.folder}: {done} frames are restored.")
            made = restoration_stream.write(work, store)
            for text in work.warnings():
                host.warn(text)
            seconds = meter.seconds
            record = make_record(request, model, image.form, work.record(), meter, host)
            for name, source in attachments(model, request.copy_model).items():
                if not (made / name).exists():
                    result.attach(made, name, source)
            result.write_record(made, record)
            blocks_store.finish(store, out)
    except Cancelled as stopped:
        raise Cancelled(_what_is_kept(folder)) from stopped
    blocks_store.remove(folder)
    message = f"{_message(record, seconds, model)}; results in {out}"
    return {"record": record, "folder": str(out), "path": str(out / restoration_stream.IMAGE), "message": message}


def _meter(request: RestoreRequest) -> cost.Meter:
    """Begin to measure what the restoration costs."""
    return cost.Meter(devices.resolve(request.device))


def make_record(
    request: RestoreRequest,
    model: Model,
    form: xr.DataArray,
    found: dict[str, Any],
    meter: cost.Meter,
    host: Collecting,
) -> dict[str, Any]:
    """Return everything that is needed to do the same again, as plain JSON.

    ``request`` is the complete request as given, ``used`` what was filled in (device, tiles, levels, type). The hashes
    of the image are those of the part that was restored, and of what came out.
    """
    rest = dict(found)
    pixels = form.sizes["t"] * form.sizes["z"] * form.sizes["y"] * form.sizes["x"]
    return {
        "task": "restore",
        "request": request.model_dump(),
        "times": {**rest.pop("times"), "total": round(meter.seconds, 3)},
        "cost": cost.of_images(meter, form.sizes["t"], pixels, request.price, request.currency),
        "used": rest.pop("used"),
        "image": image_facts(form, request.image, rest.pop("input_sha256")),
        "model": model_facts(model),
        **rest,
        "warnings": host.warnings,
    }


def _plan(work: Any) -> dict[str, Any]:
    """Return what defines the work: unfinished work goes on only where all of it is the same."""
    form = work.form
    return {
        "request": work.request.model_dump(exclude={"out", "image", "model", "price", "currency"}),
        "model": {"name": work.model.name, "sha256": work.model.sha256},
        "image": image_facts(form, work.request.image, ""),
        "levels": [list(pair) for pair in work.measured.levels.pairs],
        "tiles": list(work.parts),
        "backend": work.chosen.record,
    }


def _message(record: dict[str, Any], seconds: float, model: Model) -> str:
    """Say in one line what was done and how."""
    frames, planes = len(record["frames"]), len(record["planes"])
    what = f"{frames} frames" if frames > 1 else f"{planes} slices" if planes > 1 else "the image"
    made = record["slices"]
    if made != planes:
        what += f" to {made} slices" if made > 1 else " to a plane" if frames == 1 else " to planes"
    used = record["used"]
    eight = ", eight ways averaged" if used["tta"] else ""
    return f"Restored {what} in {seconds:.1f} s on {used['device']} (model {model.name}, {used['dtype']}{eight})"


def _write(folder: Path, model: Model, reply: dict[str, Any], copy_model: bool) -> str:
    """Write the result folder and return its path."""
    from talanoa import result
    from talanoa.tasks.segment import attachments

    images = {"restored": reply["image"], "uncertainty": reply["uncertainty"]}
    outputs = result.Outputs(
        maps={name: image for name, image in images.items() if image is not None},
        attachments=attachments(model, copy_model),
    )
    return str(result.write_result(folder, outputs, reply["record"]))


def _what_is_kept(folder: Path) -> str:
    """Return what a user who stopped should know; a folder in which nothing is done is removed."""
    from talanoa import blocks_store, restoration_stream

    done = restoration_stream.done_in(blocks_store.Store(folder))
    if not done:
        blocks_store.remove(folder)
        return "Stopped on request before the first frame was done; nothing was written."
    return (
        f"Stopped on request; {done} frames are restored, and what is done is kept. Give the same command again (same "
        f"result folder) to go on. To forget it, delete the folder {folder}."
    )
