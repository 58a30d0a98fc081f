"""The task `segment` for images that are larger than memory: block by block, labels as OME-Zarr, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.core import cost, devices
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.files import check_new
from talanoa.core.host import Collecting
from talanoa.core.record import write_record
from talanoa.image import grey_values
from talanoa.image.io import report_notes
from talanoa.models.checks import warn_pixel_size
from talanoa.models.folder import attachments, own_normalization
from talanoa.models.runtime import backends
from talanoa.models.select import choose

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.image.lazy import LazyImage
    from talanoa.models.folder import Model
    from talanoa.models.runtime.store import Store
    from talanoa.segmentation.blocks import segment
    from talanoa.segmentation.blocks.job import Job
    from talanoa.segmentation.blocks.levels import Levels
    from talanoa.segmentation.blocks.source import Ground
    from talanoa.segmentation.request import SegmentRequest

BUDGET = 1 << 28  # pixels, all frames and channels together; larger files go through blocks by themselves
MOST_ROIS = 200_000  # objects; ImageJ's ROI Manager cannot work with more
MOST_ROI_BYTES = 1 << 30
MOST_ROWS = 50_000  # of a table that is handed over besides being written


def wanted(request: SegmentRequest, path: Path) -> bool:
    """Tell whether an image file is to be segmented in blocks: on request, or because it is large."""
    from talanoa.image import lazy

    return request.block is not None or lazy.size_of(path) > BUDGET


def segment_blocks(request: SegmentRequest, model: Model, image: LazyImage, host: Host) -> dict[str, Any]:
    """Segment an image in blocks into the result folder that the request names.

    Parameters
    ----------
    request : SegmentRequest
        The complete request; ``out`` is needed.
    model : Model
        The loaded model.
    image : LazyImage
        Not closed here.
    host : Host
        Progress, warnings, cancelling.

    Returns
    -------
    dict
        ``record``, ``folder``, ``message``; ``table`` where it is short. Labels and outlines are in the folder only.

    Raises
    ------
    BadInput
        A key that needs the whole image at once; unfinished work of another request in the place.
    Cancelled
        The message says what is kept and how to go on.
    """
    from talanoa.models.runtime import store as blocks_store

    meter = cost.Meter(devices.resolve(request.device))
    out = _check(request, model)
    host = Collecting(host)
    report_notes(image.form, host)
    warn_pixel_size(image.form, model, request.scale, request.scale_z, host)
    prepared = _Prepared(request, model, image, host)
    folder = blocks_store.folder_for(out)
    try:
        with blocks_store.opened(out, prepared.plan(), host) as store:
            reply = _segment(prepared, store, out, host, meter)
    except Cancelled as stopped:
        raise Cancelled(_what_is_kept(folder)) from stopped
    blocks_store.remove(folder)
    return reply


def _check(request: SegmentRequest, model: Model) -> Path:
    """Return the result folder; refuse what cannot be done in blocks."""
    from talanoa.models import methods

    if methods.get(model.method).decode == "mask" or own_normalization(model) is not None:
        raise BadInput(
            f"The image is worked through in blocks, and the model {model.name} ({model.method}) needs the whole image "
            "at once; expected a StarDist model with percentiles, or a smaller image. Crop it, or leave block out."
        )
    if not request.out:
        raise BadInput(
            "The image is worked through in blocks, and the labels go to the disk; found no out. Set out=<new folder>."
        )
    if request.maps:
        raise BadInput(
            "maps=true needs the whole image at once, and this one is worked through in blocks; expected maps=false. "
            "Crop the image first."
        )
    out = Path(request.out)
    check_new(out)
    return out.absolute()


class _Prepared:
    """What is known of a segmentation in blocks before it begins."""

    def __init__(self, request: SegmentRequest, model: Model, image: LazyImage, host: Host) -> None:
        from talanoa.models import methods
        from talanoa.segmentation.blocks import grid as blocks_grid
        from talanoa.segmentation.blocks.source import Seeing

        self.request, self.model, self.image, self.host = request, model, image, host
        self.config: Any = methods.get(model.method).config(**model.config)
        self.chosen = choose(image.form, model.channels, request, model.ndim)
        sizes = image.form.sizes
        flat = len(self.config.grid) == 2
        self.plane = max(self.chosen.plane, 1) - 1 if flat else None
        self.channels = slice(request.channel - 1, request.channel) if request.channel else slice(0, sizes["c"])
        self.frames = tuple(frame - 1 for frame in self.chosen.frames)
        shape = (sizes["y"], sizes["x"]) if flat else (sizes["z"], sizes["y"], sizes["x"])
        self.seeing = Seeing.of(request, shape)
        self.grid = blocks_grid.plan(self.seeing.size, self.config, request.block, request.tiles)
        self.places = blocks_grid.placed(self.grid, shape)
        given = {"prob": request.prob_thresh, "nms": request.nms_thresh}
        self.thresholds = {**model.thresholds, **{key: asked for key, asked in given.items() if asked is not None}}
        self.backend = backends.for_model(model, request.device, request.backend)
        if self.backend.warning:
            host.warn(self.backend.warning)
        self.grounds = [self._ground(frame) for frame in self.frames]
        self.levels = [self._levels(*each) for each in zip(self.frames, self.grounds, strict=True)]

    def _ground(self, frame: int) -> Ground | None:
        """Return the lowest intensities of a frame's planes, where the background is clipped."""
        from talanoa.segmentation.blocks import grid as blocks_grid
        from talanoa.segmentation.blocks import source as blocks_seen

        if self.request.background != "clip":
            return None
        numbers = range(self.image.form.sizes["z"]) if self.plane is None else [self.plane]
        planes = [blocks_grid.Pixels(self.image, frame, self.channels, number) for number in numbers]
        flat = blocks_grid.of_plane(self.places)
        return blocks_seen.ground_of(planes, flat, self.host)

    def _levels(self, frame: int, ground: Ground | None) -> Levels:
        """Return the percentiles of a frame without its background."""
        from talanoa.segmentation.blocks import grid as blocks_grid
        from talanoa.segmentation.blocks import levels

        pixels = blocks_grid.Pixels(self.image, frame, self.channels, self.plane)
        seen = self.seeing.cleaned(pixels, ground)
        return levels.measure(seen, self.places, self.request.norm_low, self.request.norm_high, self.host)

    def plan(self) -> dict[str, Any]:
        """Return what defines the work: unfinished work goes on only where all of it is the same."""
        form = self.image.form
        return {
            "request": self.request.model_dump(exclude={"out", "image", "model", "price", "currency"}),
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "image": {
                "source": str(Path(form.attrs["source"]).absolute()) if form.attrs.get("source") else None,
                "sizes": {str(dim): int(size) for dim, size in form.sizes.items()},
                "dtype": str(form.dtype),
                "sampled_sha256": [level.sha256 for level in self.levels],
                **grey_values.facts(form.attrs),
            },
            "block": list(self.grid.core),
            "backend": self.backend.record,
        }

    def job(self, store: Store) -> Job:
        """Return the work to do in a folder."""
        from talanoa.segmentation.blocks.job import Job

        where = (self.image, self.frames, self.channels, self.plane)
        how = (self.grid, self.config, self.request, self.thresholds)
        return Job(*where, *how, store, self.host, self.seeing, self.grounds)

    def used(self, found: segment.Found) -> dict[str, Any]:
        """Return everything that was filled in."""
        request, grid = self.request, self.grid
        return {
            **self.backend.record,
            "tiles": len(grid),
            "tiles_yx": list(grid.counts),
            "block": request.block,
            "block_size": list(grid.core),
            "blocks": len(grid) * len(self.frames),
            "border_decisions": {"disagreeing_blocks": found.disagreements, "sweeps": found.sweeps},
            "prob_thresh": self.thresholds["prob"],
            "nms_thresh": self.thresholds["nms"],
            "norm_low": request.norm_low,
            "norm_high": request.norm_high,
            "norm_values": [[list(pair) for pair in level.limits] for level in found.levels],
            "norm_sample": [level.record() for level in found.levels],
            "scale": request.scale,
            "scale_z": request.scale_z,
            "background": request.background,
            "nms_border": self.config.nms_border,
        }


def _segment(prepared: _Prepared, store: Store, out: Path, host: Collecting, meter: cost.Meter) -> dict[str, Any]:
    """Do the work, gather the result and move it to its place."""
    from talanoa.models.runtime import store as blocks_store
    from talanoa.segmentation.blocks import labels as blocks_labels
    from talanoa.segmentation.blocks import segment

    folder = store.folder / blocks_store.RESULT
    folder.mkdir(exist_ok=True)
    form = prepared.image.form
    shape = (len(prepared.frames), 1, *((1,) * (3 - len(prepared.places.shape))), *prepared.places.shape)
    labels = blocks_labels.LabelImage(folder / blocks_labels.NAME, shape, prepared.places.core, dict(form.attrs))
    done = blocks_store.count(store)
    if done:
        host.warn(f"Resuming the unfinished work in {store.folder}: {done} blocks had been through the network.")
    found = segment.run(prepared.job(store), prepared.levels, prepared.backend.runner, labels)
    for _ in labels.finish():
        host.progress(1, 1, "Smaller levels of the labels")
    for text in [*found.warnings, *_warnings(found)]:
        host.warn(text)
    units = _gather(prepared, store, folder, found, host)
    seconds = meter.seconds
    record = _record(prepared, found, meter, units) | {"warnings": host.warnings}
    write_record(folder, record)
    blocks_store.finish(store, out)
    count = sum(found.counts)
    message = (
        f"{count} object{'s' * (count != 1)} in {seconds:.1f} s on {record['used']['device']} in "
        f"{record['used']['blocks']} blocks (model {prepared.model.name}); results in {out}"
    )
    table = _table(out / "measurements.csv", record["units"]) if count <= MOST_ROWS else None
    return {"record": record, "folder": str(out), "message": message, "table": table}


def _warnings(found: segment.Found) -> list[str]:
    """Return what looks odd."""
    if not sum(found.counts):
        return ["No objects were found, or the filters removed all. Try a lower prob_thresh, or another model."]
    return []


def _gather(prepared: _Prepared, store: Store, folder: Path, found: segment.Found, host: Host) -> dict[str, str]:
    """Put table, outlines and what belongs to the model into the result folder; returns the table's units."""
    import pandas as pd

    from talanoa.measure import tables
    from talanoa.segmentation.blocks import rois
    from talanoa.tasks import result

    numbers = range(len(prepared.frames) * len(prepared.grid))
    _write_table(folder / "measurements.csv", store, numbers)
    few = sum(found.counts) <= MOST_ROIS and rois.bytes_of(store, numbers) <= MOST_ROI_BYTES
    if prepared.request.rois != "none" and few:
        rois.write_zip(folder / "rois.zip", store, numbers)
    elif prepared.request.rois != "none":
        host.warn(
            f"The outlines of {sum(found.counts)} objects are too many for ImageJ's ROI Manager; no rois.zip was "
            "written. The labels and the table have all of them."
        )
    for name, source in attachments(prepared.model, prepared.request.copy_model).items():
        target = folder / name
        if not target.exists():
            result.attach(folder, name, source)
    heading = pd.read_csv(folder / "measurements.csv", nrows=0)
    attrs = prepared.image.form.attrs
    return dict(tables.units_of(heading, attrs["unit"], grey_values.unit_of(attrs)))


def _write_table(path: Path, store: Store, blocks: Iterable[int]) -> None:
    """Write the measurements of all blocks, one after the other."""
    from talanoa.segmentation.blocks.job import WRITTEN

    heading = b""
    with path.open("wb") as stream:
        for block in blocks:
            part = store.path(WRITTEN, block, ".csv")
            if not part.is_file():
                continue
            with part.open("rb") as rows:
                first = rows.readline()
                if not heading:
                    heading = first
                    stream.write(heading)
                shutil.copyfileobj(rows, stream)
        if not heading:
            stream.write(b"Label,Name,Frame\n")


def _table(path: Path, units: dict[str, str]) -> Any:
    """Read the table back, with its units."""
    from talanoa.measure import tables

    table = tables.read_csv(path)
    table.attrs |= {"units": units, "unit": units.get("X")}
    if "Mean" in units or "Mean_C1" in units:
        table.attrs["value_unit"] = units.get("Mean", units.get("Mean_C1"))
    return table


def _record(prepared: _Prepared, found: segment.Found, meter: cost.Meter, units: dict[str, str]) -> dict[str, Any]:
    """Return everything that is needed to do the same again, as `outcome.make_record` does."""
    form, model = prepared.image.form, prepared.model
    plan = prepared.plan()
    return {
        "task": "segment",
        "request": prepared.request.model_dump(),
        "times": {"total": round(meter.seconds, 3)},
        "cost": cost.of_images(
            meter,
            len(prepared.frames),
            len(prepared.frames) * prod(prepared.places.shape),
            prepared.request.price,
            prepared.request.currency,
        ),
        "used": prepared.used(found),
        "image": {
            "source": plan["image"]["source"],
            "name": str(form.attrs["name"]),
            "sizes": plan["image"]["sizes"],
            "dtype": plan["image"]["dtype"],
            "pixel_size": list(form.attrs["pixel_size"]),
            "unit": str(form.attrs["unit"]),
            **grey_values.facts(form.attrs),
            "sha256": found.image_sha256,
        },
        "frames": list(prepared.chosen.frames),
        "plane": prepared.chosen.plane,
        "selection": None,
        "model": {
            "name": model.name,
            "folder": str(Path(model.folder).absolute()) if model.folder else None,
            "sha256": model.sha256,
            "seed": model.training.get("settings", {}).get("seed"),
        },
        "objects": sum(found.counts),
        "objects_of_frames": found.counts,
        "labels_sha256": found.labels_sha256,
        "hashes": "of the hashes of all blocks, in order",
        "units": units,
    }


def _what_is_kept(folder: Path) -> str:
    """Return what a user who stopped should know; a folder in which nothing is done is removed."""
    from talanoa.models.runtime import store as blocks_store

    done = blocks_store.count(blocks_store.Store(folder))
    if not done:
        blocks_store.remove(folder)
        return "Stopped on request before the first block was done; nothing was written."
    return (
        f"Stopped on request; {done} blocks have been through the network, and what is done is kept. Give the same "
        f"command again (same result folder) to go on. To forget it, delete the folder {folder}."
    )
