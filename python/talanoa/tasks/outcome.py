"""From a segmentation to what the user gets: outlines and table in the whole image's frames, and the record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from talanoa import rois
from talanoa.core.record import array_sha256
from talanoa.image.io import image_facts
from talanoa.models.folder import model_facts
from talanoa.rois.roi_set import rename
from talanoa.tasks.common import encode_mask

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from talanoa.models.folder import Model
    from talanoa.models.select import Chosen
    from talanoa.rois.roi_set import RoiSet
    from talanoa.segmentation.predict import Segmentation
    from talanoa.segmentation.request import SegmentRequest

FRAME = re.compile(r"^T(\d+)")


def outlines(found: Segmentation, chosen: Chosen, outline: str) -> RoiSet:
    """Return one ROI per object and frame (in stacks one per slice, of one name), bound to those of the whole image."""
    if outline == "star":
        objects = found.objects
        made = rois.from_polygons(
            found.polygons, objects["Label"].to_numpy(), objects["Frame"].to_numpy(), None, found.labels.sizes["t"]
        )
    else:
        made = rois.from_labels(found.labels)
    placed = in_whole_image(with_classes(made, found.objects), chosen)
    slices = 2 if chosen.plane else int(chosen.image.sizes["z"])
    return rois.bound_in(placed, int(chosen.every_channel.sizes["c"]), slices, chosen.of_frames)


def with_classes(made: RoiSet, objects: pd.DataFrame) -> RoiSet:
    """Return ROIs whose group is the class of their object (0: none), where the model predicts classes.

    Parameters
    ----------
    made : RoiSet
        One ROI per object and frame, or several in a stack.
    objects : DataFrame
        Columns Label, Frame and maybe Class.
    """
    import dataclasses

    import numpy as np

    if "Class" not in objects or not len(made):
        return made
    frame = np.array([int(FRAME.match(name)[1]) for name in made.names])  # type: ignore[index]
    kinds = {(f, label): kind for f, label, kind in objects[["Frame", "Label", "Class"]].itertuples(index=False)}
    group = [kinds.get((f, label), 0) for f, label in zip(frame.tolist(), made.label.tolist(), strict=True)]
    return dataclasses.replace(made, group=np.array(group, np.uint8))


def in_whole_image(made: RoiSet, chosen: Chosen) -> RoiSet:
    """Rename and bind ROIs of the chosen part to the frames and the slice of the complete image."""
    import numpy as np

    if chosen.plane == 0 and chosen.of_frames == len(chosen.frames):
        return made
    frames = np.asarray(chosen.frames)[[int(FRAME.match(name)[1]) - 1 for name in made.names]]  # type: ignore[index]
    position = np.zeros((len(made), 3), np.int32)
    position[:, 1] = max(chosen.plane, 1) if chosen.image.sizes["z"] == 1 else made.position[:, 1]
    position[:, 2] = frames
    return rename(made, in_frames(made.names, frames), position)


def in_frames(names: Sequence[str], frames: np.ndarray) -> list[str]:
    """Give names such as T0001_L00012 other frames."""
    return [FRAME.sub(f"T{frame:04d}", name) for name, frame in zip(names, frames, strict=True)]


def measure(found: Segmentation, chosen: Chosen) -> pd.DataFrame:
    """Return the measurements of every channel with the probabilities; frames are those of the whole image."""
    import numpy as np

    from talanoa.measure import tables

    wanted = ("Label", "Frame", "Probability", "Class", "Class Probability")
    extra = found.objects[[column for column in wanted if column in found.objects]]
    table = tables.measure(found.labels, chosen.every_channel, extra)
    if chosen.of_frames != len(chosen.frames) and len(table):
        frames = np.asarray(chosen.frames)[table["Frame"].to_numpy(dtype=int) - 1]
        names = in_frames(list(table["Name"]), frames)
        units = dict(table.attrs)
        table = table.assign(Frame=frames, Name=names)
        table.attrs.update(units)
    return table


def make_record(
    request: SegmentRequest,
    model: Model,
    image: xr.DataArray,
    chosen: Chosen,
    found: Segmentation,
    selection: np.ndarray | None,
) -> dict[str, Any]:
    """Return everything that is needed to do the same again, as plain JSON.

    ``request`` is the complete request as given, ``used`` what was filled in (thresholds, tiles, device).
    """
    used = dict(found.record)
    return {
        "task": "segment",
        "request": request.model_dump(),
        "times": dict(used.pop("times", {})),
        "used": used,
        "image": image_facts(image, request.image, array_sha256(image)),
        "frames": list(chosen.frames),
        "plane": chosen.plane,
        "selection": None if selection is None else encode_mask(selection),
        "model": model_facts(model),
        "objects": len(found.objects),
        "labels_sha256": array_sha256(found.labels),
    }
