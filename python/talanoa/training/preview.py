"""What a training shows before it starts: pairs, augmented patches, numbers, time and memory it will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.core.host import Host
from talanoa.training import estimate as pace
from talanoa.training.contact_sheets import as_text, write_sheets
from talanoa.training.prepare import prepare
from talanoa.training.recipe import Ready, Recipe
from talanoa.training.request import TrainRequest

if TYPE_CHECKING:
    from talanoa.rois.given import Given

HOW = "{steps} training steps, {batches} validation and {end} were timed on this device just now"


def look(request: TrainRequest, recipe: Recipe, host: Host, given: Given | None = None) -> dict[str, Any]:
    """Do everything that comes before the first step, and time a few steps; nothing is written but the picture.

    Parameters
    ----------
    request : TrainRequest
        With ``dry_run``; ``picture`` names a new PNG file for the sheets.
    recipe : Recipe
        Of its method.
    host : Host
        Progress, warnings, cancelling.
    given : Given, optional
        The open image, for a method that trains on one.

    Returns
    -------
    dict
        ``message``; ``warnings``; ``estimate`` with ``seconds`` (of the whole training), ``memory`` (bytes at its
        peak), ``parts`` of the seconds, ``facts`` of the data and ``settings``; ``pictures`` of the sheets ``pairs``
        and ``patches``, PNGs as base64 text.
    """
    if request.picture:
        from talanoa.core.files import check_new

        check_new(Path(request.picture))
    ready = prepare(request, recipe, host, given)
    for text in ready.warnings:
        host.warn(text)
    found = pace.measure(ready, host)
    estimate = estimate_of(ready, found)
    if found.memory > estimate["free_memory"]:
        host.warn(
            f"The training takes about {_gigabytes(found.memory)} of memory, {_gigabytes(estimate['free_memory'])} are "
            "free. Close other programs, or take a smaller batch or patch."
        )
    sheets = ready.recipe.feed.sheets(ready)
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
        "how": HOW.format(steps=found.timed, batches=pace.VALIDATED, end=ready.recipe.end),
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
