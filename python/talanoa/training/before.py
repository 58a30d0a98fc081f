"""What a training shows before it starts: pairs, augmented patches, numbers, time and memory it will take."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from talanoa import dataset
from talanoa.augment import Augmentation
from talanoa.dataset import Annotated
from talanoa.files import write_aside
from talanoa.host import Host
from talanoa.overlay import ring_of
from talanoa.requests import TrainRequest
from talanoa.training import pace
from talanoa.training.prepare import Ready, prepare

PAIRS, PATCHES = 4, 8
SIDE = 192  # pixels of a picture on a sheet
GAP = 4
OUTLINE = (255, 221, 0)
HOW = "{steps} training steps, {batches} validation and one search for thresholds were timed on this device just now"


def look(request: TrainRequest, host: Host) -> dict[str, Any]:
    """Do everything that comes before the first step, and time a few steps; nothing is written but the picture.

    Parameters
    ----------
    request : TrainRequest
        With ``dry_run``; ``picture`` names a new PNG file for the sheets.
    host : Host
        Progress, warnings, cancelling.

    Returns
    -------
    dict
        ``message``; ``warnings``; ``estimate`` with ``seconds`` (of the whole training), ``memory`` (bytes at its
        peak), ``parts`` of the seconds, ``facts`` of the data and ``settings``; ``pictures`` of the sheets ``pairs``
        and ``patches``, PNGs as base64 text.
    """
    if request.picture:
        from talanoa.tasks.common import check_new

        check_new(Path(request.picture))
    ready = prepare(request, host)
    for text in ready.warnings:
        host.warn(text)
    found = pace.measure(ready, host)
    estimate = estimate_of(ready, found)
    if found.memory > estimate["free_memory"]:
        host.warn(
            f"The training takes about {_gigabytes(found.memory)} of memory, {_gigabytes(estimate['free_memory'])} are "
            "free. Close other programs, or take a smaller batch or patch."
        )
    sheets = {"pairs": pairs_sheet(ready.items, ready.request.seed), "patches": patches_sheet(ready)}
    if request.picture:
        write_sheets(Path(request.picture), list(sheets.values()))
    where = f" Examples are in {request.picture}." if request.picture else ""
    return {
        "message": message(ready, estimate) + where,
        "model": request.name,
        "estimate": {**estimate, "pictures": {name: as_text(sheet) for name, sheet in sheets.items()}},
    }


def estimate_of(ready: Ready, found: pace.Pace) -> dict[str, Any]:
    """Return time, memory and numbers as plain JSON values."""
    settings = ready.settings
    return {
        "seconds": round(found.seconds(settings), 1),
        "at_most": bool(settings.patience),
        "parts": {
            "step": round(found.step, 4),
            "validation": round(found.validation, 3),
            "end": round(found.end, 2),
            "epochs": settings.epochs,
            "steps": settings.steps,
        },
        "memory": found.memory,
        "free_memory": pace.free_memory(ready.device),
        "device": str(ready.device),
        "how": HOW.format(steps=found.timed, batches=pace.VALIDATED),
        "facts": {
            **ready.recipe.facts(ready.items, settings),
            "training_images": len(ready.parts[0]),
            "validation_images": len(ready.parts[1]),
            "classes": list(ready.classes),
        },
        "settings": settings.model_dump(mode="json"),
    }


def message(ready: Ready, estimate: dict[str, Any]) -> str:
    """Say in a few sentences what the training will be."""
    facts, settings = estimate["facts"], ready.settings
    size = " x ".join(str(side) for side in settings.patch_shape)
    most = "at most " if estimate["at_most"] else "about "
    text = (
        f"Training {ready.request.name} ({ready.method}) would take {most}{as_time(estimate['seconds'])} and "
        f"{_gigabytes(estimate['memory'])} of memory on {ready.device}: {settings.epochs} epochs of "
        f"{settings.steps} steps of {settings.batch} patches of {size}."
    )
    text += f" {facts['training_images']} images to train on, {facts['validation_images']} to validate on"
    if "objects" in facts:
        text += (
            f"; {facts['objects']} objects of {facts['median_diameter']:.0f} pixels across (median), about "
            f"{facts['objects_in_patch']:g} in a patch"
        )
    return text + f". {estimate['how']}."


def as_time(seconds: float) -> str:
    """Return a time in words: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def pairs_sheet(items: Sequence[Annotated], seed: int) -> Image.Image:
    """Return images beside themselves with their outlines: some of the training set, drawn by its seed."""
    chosen = np.random.default_rng(seed).permutation(len(items))[:PAIRS]
    shown = [items[k] for k in sorted(chosen.tolist())]
    plain = [picture_of(*middle(item.image, item.labels), outlines=False) for item in shown]
    outlined = [picture_of(*middle(item.image, item.labels)) for item in shown]
    return sheet([plain, outlined])


def patches_sheet(ready: Ready) -> Image.Image:
    """Return patches as the network will see them, with the outlines of the objects to learn."""
    settings, config = ready.settings, ready.config
    augmentation = Augmentation(scale=settings.augment_scale)
    rng = np.random.default_rng((settings.seed, 0))
    share = getattr(config, "train_foreground_only", 0.0)
    drawn = [dataset.draw_patch(ready.parts[0], settings.patch_shape, share, augmentation, rng) for _ in range(PATCHES)]
    pictures = [picture_of(*middle(*pair)) for pair in drawn]
    return sheet([pictures[: PATCHES // 2], pictures[PATCHES // 2 :]])


def middle(image: NDArray, labels: NDArray) -> tuple[NDArray, NDArray]:
    """Return the first channel (y, x) and the labels (y, x); of a volume those of its fullest slice."""
    if labels.ndim == 2:
        return image[0], labels
    z = int(np.argmax((labels > 0).sum(axis=(1, 2))))
    return image[0, z], labels[z]


def picture_of(image: NDArray, labels: NDArray, outlines: bool = True) -> Image.Image:
    """Return a picture of `SIDE` pixels at most: the middle part of a large image, a small one enlarged.

    Parameters
    ----------
    image : ndarray of float, (y, x)
        0 is shown black, 1 white.
    labels : ndarray of int, (y, x)
        Objects whose outlines are drawn.
    outlines : bool
        False leaves them out.
    """
    first = [max(0, (size - 2 * SIDE) // 2) for size in labels.shape]
    part = tuple(slice(start, start + 2 * SIDE) for start in first)
    grey = np.clip(image[part] * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(grey).convert("RGB")
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    if outlines:
        ring = ring_of(
            np.asarray(Image.fromarray(labels[part].astype(np.int32)).resize(size, Image.Resampling.NEAREST))
        )
        pixels = np.array(picture)
        pixels[ring > 0] = OUTLINE
        picture = Image.fromarray(pixels)
    return picture


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Return pictures side by side, row below row, on white."""
    columns = max(len(row) for row in rows)
    made = Image.new("RGB", (columns * (SIDE + GAP) + GAP, len(rows) * (SIDE + GAP) + GAP), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            made.paste(picture, (GAP + x * (SIDE + GAP), GAP + y * (SIDE + GAP)))
    return made


def write_sheets(path: Path, sheets: Sequence[Image.Image]) -> None:
    """Write sheets, one below the other, to a new PNG file."""
    width, height = max(one.width for one in sheets), sum(one.height for one in sheets)
    joined = Image.new("RGB", (width, height), "white")
    top = 0
    for one in sheets:
        joined.paste(one, (0, top))
        top += one.height
    with write_aside(path) as aside:
        joined.save(aside, "PNG")


def as_text(picture: Image.Image) -> str:
    """Return a picture as PNG in base64."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
