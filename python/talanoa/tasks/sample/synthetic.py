"""Annotated sample datasets, drawn from a seed: for the tutorial, for tests, and for trying out a training.

The nuclei are not easy on purpose. With 12 images of seed 0, F1 at IoU 0.5 of proposals is (defaults otherwise):

| threshold | F1 |
|---|---|
| huang | 0.59 |
| otsu | 0.66 |
| li | 0.64 |
| triangle | 0.70 |
| adaptive | 0.77 |
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from talanoa import image as images
from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.core.files import check_target, write_aside
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.core.request import parse
from talanoa.segmentation.dataset import folder, form, states
from talanoa.tasks.sample.request import SampleRequest
from talanoa.tasks.sample.scenes import Scene, nuclei

PIXEL = 0.5  # µm
AUTHOR = "talanoa sample"
MADE = "2000-01-01T00:00:00Z"  # no clock: the same seed gives the same bytes


def write(request: SampleRequest, host: Host | None = None) -> Path:
    """Write a sample dataset.

    Parameters
    ----------
    request : SampleRequest
        Kind, folder, number and size of the images, seed.
    host : Host, optional
        Progress, cancelling.

    Returns
    -------
    Path
        The dataset folder, which appears whole or not at all.

    Raises
    ------
    BadInput
        The folder exists.
    """
    target, host = Path(request.out).expanduser().absolute(), host or QuietHost()
    check_target(target, overwrite=False)
    annotated = request.count if request.annotated is None else request.annotated
    with write_aside(target) as aside:
        pixel_size = (2 * PIXEL if request.volume else 1.0, PIXEL, PIXEL)
        dataset = folder.create(aside, (), pixel_size, "µm", AUTHOR)
        entries = []
        for number in range(request.count):
            stop_if_cancelled(host)
            name = f"nuclei_{number + 1:03d}"
            scene = draw(request.shape, request.seed, number)
            objects = _write_image(aside, name, scene, pixel_size, number < annotated)
            state: dict[str, Any] = (
                {"status": "done", "who": AUTHOR, "when": MADE, "objects": objects} if number < annotated else {}
            )
            entries.append(states.Entry(name=name, **state))
            host.progress(number + 1, request.count, "Drawing")
        made: dict[str, Any] = {"name": target.name, "created": MADE, "author": AUTHOR, "entries": tuple(entries)}
        form.write(dataclasses.replace(dataset, **made))
    return target


def write_nuclei(
    path: str | Path,
    count: int = 12,
    size: int = 256,
    seed: int = 0,
    volume: bool = False,
    annotated: int | None = None,
) -> Path:
    """Write a dataset of drawn nuclei; see `write`.

    Parameters
    ----------
    path : path
        The new folder.
    count, size : int
        Images, and their side in pixels.
    seed : int
        The same seed gives the same bytes; image k does not depend on how many there are.
    volume : bool
        Stacks of 24 slices, two pixels apart, instead of planes.
    annotated : int, optional
        How many images, the first ones, have masks and ROIs; omitted: all.
    """
    keys = {"out": path, "images": count, "size": size, "seed": seed, "volume": volume, "annotated": annotated}
    return write(parse(SampleRequest, keys).request)


def draw(shape: tuple[int, ...], seed: int, number: int) -> Scene:
    """Return field `number` of a seed, (y, x) or (z, y, x)."""
    if seed < 0 or number < 0:
        raise BadInput(f"Found seed {seed} and number {number}; expected numbers from 0 on.")
    return nuclei(shape, np.random.default_rng([seed, number]))


def _write_image(root: Path, name: str, scene: Scene, pixel_size: tuple[float, float, float], annotated: bool) -> int:
    """Write an image and, where it is annotated, its mask and ROIs; return the number of objects."""
    dims = "yx" if scene.image.ndim == 2 else "zyx"
    keys: dict[str, Any] = {"pixel_size": pixel_size, "unit": "µm", "name": name}
    images.write(root / "images" / f"{name}.tif", images.from_array(scene.image, dims, **keys))
    if annotated:
        labels = images.from_array(scene.labels, dims, **keys)
        images.write_labels(root / "masks" / f"{name}.tif", labels)
        rois.write_zip(root / "rois" / f"{name}.zip", rois.from_labels(labels))
    return int(scene.labels.max())
