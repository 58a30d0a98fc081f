"""What the tasks share that make an image from an image (`restore`, `predict`): files, movies, records, folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image as images
from talanoa.core import cost, devices
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.files import check_new
from talanoa.core.host import Collecting, stop_if_cancelled
from talanoa.core.record import write_record
from talanoa.image import folder as image_folder
from talanoa.image.io import image_facts, read_image, report_notes
from talanoa.models.folder import attachments, model_facts
from talanoa.rois.given import Given
from talanoa.tasks import folder_input

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.image.lazy import LazyImage
    from talanoa.models.runtime.frames import ImageWork

BUDGET = 1 << 28  # pixels, all frames and channels together; larger files go from disk to disk


@dataclass(frozen=True)
class ImageTask:
    """One of these tasks.

    Parameters
    ----------
    name, noun : str
        Of the task, and what it does: "restore", "restoration".
    load : function (text) -> model
        Reads the model, or the models, that a request names.
    work : function (image, model, request, host) -> ImageWork
        The work on an image in memory or on disk.
    facts : function (model) -> dict
        What a record says of the model.
    attached : function (model, copy) -> dict of name to Path
        What goes into the result folder from the model's.
    """

    name: str
    noun: str
    load: Callable[[str], Any]
    work: Callable[[LazyImage, Any, Any, Host], ImageWork]
    facts: Callable[[Any], dict[str, Any]] = model_facts
    attached: Callable[[Any, bool], dict[str, Path]] = attachments

    def run(self, request: Any, given: Given, host: Host) -> dict[str, Any]:
        """Work on the image file that is named, or on each image of a folder; else on the image given."""
        if request.image is None and given.image is None:
            raise BadInput("No image is open and none is named; open one, or set image=<file or folder>.")
        folder_input.check_place(request)
        model = self.load(request.model)
        path = Path(str(request.image))
        if request.image is not None and image_folder.is_folder_of_images(path):
            return folder_input.run(request, model, host)
        if request.workers or request.scheduler:
            raise BadInput("workers and scheduler are for a folder of images; found one image. Leave them out.")
        if request.image is None and given.image is not None:
            return self.on_image(request, model, given.image, host)
        return self.on_file(request, model, path, host)

    def on_file(self, request: Any, model: Any, path: Path, host: Host) -> dict[str, Any]:
        """Work on an image file: in memory, or from disk to disk where it is large."""
        from talanoa.image import lazy

        if not self.is_large(path):
            return self.on_image(request, model, read_image(path, host), host)
        with lazy.open_image(path) as image:
            return self.from_disk(request, model, image, host)

    def is_large(self, path: Path) -> bool:
        """Return True for a file that is worked on from disk to disk."""
        from talanoa.image import lazy

        return lazy.size_of(path) > BUDGET

    def on_image(self, request: Any, model: Any, image: xr.DataArray, host: Host) -> dict[str, Any]:
        """Work on one image and build the reply; write the result folder when the request names one.

        Parameters
        ----------
        request : Request
            The complete request.
        model : Model
            What `load` gave.
        image : DataArray (t, c, z, y, x)
            The complete image.
        host : Host
            Progress, warnings, cancelling.

        Returns
        -------
        dict
            ``image``, ``uncertainty`` (None where it was not asked for), ``record``, ``message``, ``folder``.
        """
        from talanoa.image import lazy
        from talanoa.models.runtime import frames

        meter = cost.Meter(devices.resolve(request.device))
        host = Collecting(host)
        image = images.check(image)
        work = self.work(lazy.in_memory(image), model, request, host)
        found = frames.whole(work)
        for text in found.warnings:
            host.warn(text)
        seconds = meter.seconds
        record = self._record(request, model, image, found.record, meter, host)
        reply: dict[str, Any] = {"image": found.image, "uncertainty": found.uncertainty, "record": record}
        reply["message"] = _message(work, record, seconds)
        stop_if_cancelled(host)
        if request.out:
            attached = self.attached(model, request.copy_model)
            reply["folder"] = _write(Path(request.out), work.made, reply, attached)
        return reply

    def from_disk(self, request: Any, model: Any, image: LazyImage, host: Host) -> dict[str, Any]:
        """Work on an image that is larger than memory, into the result folder that the request names.

        Returns
        -------
        dict
            ``record``, ``folder``, ``message`` and ``path``, the file of what was made; ``image`` is None.

        Raises
        ------
        BadInput
            No ``out``; unfinished work of another request in the place; the disk is too small.
        Cancelled
            The message says what is kept and how to go on.
        """
        from talanoa.models.runtime import store as blocks_store
        from talanoa.models.runtime import stream
        from talanoa.tasks import result

        meter = cost.Meter(devices.resolve(request.device))
        if not request.out:
            raise BadInput(
                "The image is large, and what comes out goes to the disk; found no out. Set out=<new folder>."
            )
        out = Path(request.out).absolute()
        check_new(out)
        host = Collecting(host)
        report_notes(image.form, host)
        work = self.work(image, model, request, host)
        folder = blocks_store.folder_for(out)
        try:
            with blocks_store.opened(out, _plan(work, model), host, self.noun, stream.README) as store:
                if done := stream.done_in(store):
                    host.warn(f"Resuming the unfinished work in {store.folder}: {done} frames are {work.made}.")
                made = stream.write(work, store)
                for text in work.warnings():
                    host.warn(text)
                seconds = meter.seconds
                record = self._record(request, model, image.form, work.record(), meter, host)
                for name, source in self.attached(model, request.copy_model).items():
                    if not (made / name).exists():
                        result.attach(made, name, source)
                write_record(made, record)
                blocks_store.finish(store, out)
        except Cancelled as stopped:
            raise Cancelled(_what_is_kept(folder, work.made)) from stopped
        blocks_store.remove(folder)
        message = f"{_message(work, record, seconds)}; results in {out}"
        return {"record": record, "folder": str(out), "path": str(out / f"{work.made}.tif"), "message": message}

    def _record(
        self, request: Any, model: Any, form: xr.DataArray, found: dict[str, Any], meter: cost.Meter, host: Collecting
    ) -> dict[str, Any]:
        """Return everything that is needed to do the same again, as plain JSON.

        ``request`` is the complete request as given, ``used`` what was filled in (device, tiles, levels, type). The
        hashes of the image are those of the part that was worked on, and of what came out.
        """
        rest = dict(found)
        pixels = form.sizes["t"] * form.sizes["z"] * form.sizes["y"] * form.sizes["x"]
        return {
            "task": self.name,
            "request": request.model_dump(),
            "times": {**rest.pop("times"), "total": round(meter.seconds, 3)},
            "cost": cost.of_images(meter, form.sizes["t"], pixels, request.price, request.currency),
            "used": rest.pop("used"),
            "image": image_facts(form, request.image, rest.pop("input_sha256")),
            "model": self.facts(model),
            **rest,
            "warnings": host.warnings,
        }


def _plan(work: ImageWork, model: Any) -> dict[str, Any]:
    """Return what defines the work: unfinished work goes on only where all of it is the same."""
    return {
        "request": work.request.model_dump(exclude={"out", "image", "model", "price", "currency"}),
        "model": {"name": model.name, "sha256": model.sha256},
        "image": image_facts(work.form, work.request.image, ""),
        **work.plan(),
    }


def _message(work: ImageWork, record: dict[str, Any], seconds: float) -> str:
    """Say in one line what was done and how."""
    used = record["used"]
    eight = ", eight ways averaged" if used["tta"] else ""
    how = f"on {used['device']} (model {record['model']['name']}, {used['dtype']}{eight})"
    return f"{work.made.capitalize()} {work.message()} in {seconds:.1f} s {how}"


def _write(folder: Path, name: str, reply: dict[str, Any], attached: dict[str, Path]) -> str:
    """Write the result folder and return its path."""
    from talanoa.tasks import result

    made = {name: reply["image"], "uncertainty": reply["uncertainty"]}
    maps = {name: image for name, image in made.items() if image is not None}
    return str(result.write_result(folder, result.Outputs(maps=maps, attachments=attached), reply["record"]))


def _what_is_kept(folder: Path, made: str) -> str:
    """Return what a user who stopped should know; a folder in which nothing is done is removed."""
    from talanoa.models.runtime import store as blocks_store
    from talanoa.models.runtime import stream

    done = stream.done_in(blocks_store.Store(folder))
    if not done:
        blocks_store.remove(folder)
        return "Stopped on request before the first frame was done; nothing was written."
    return (
        f"Stopped on request; {done} frames are {made}, and what is done is kept. Give the same command again (same "
        f"result folder) to go on. To forget it, delete the folder {folder}."
    )
