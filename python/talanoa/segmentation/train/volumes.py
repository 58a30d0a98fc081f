"""What a training in 3D adds: presets, the network's shape from the objects, patches that fit stack and network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from talanoa.core.errors import BadInput, counted
from talanoa.models.methods import stardist3d
from talanoa.segmentation.train.annotated import Annotated
from talanoa.training import settings
from talanoa.training.request import TrainRequest

PRESETS: dict[str, dict[str, Any]] = {
    # 2 CPU cores need about 1 s for a step with one patch of 32 x 64 x 64 voxels (U-Net, grid 1, 2, 2)
    "quick": {"epochs": 30, "steps": 50, "patch": 64, "batch": 1, "lr": 6e-4, "schedule": "cosine"},
    "standard": {"epochs": 400, "steps": 100, "patch": 96, "batch": 2, "lr": 3e-4},
    "long": {"epochs": 1000, "steps": 100, "patch": 96, "batch": 2, "lr": 3e-4, "patience": 100},
    "published": {"epochs": 200, "steps": 50, "patch": 256, "batch": 2, "lr": 3e-4},  # Jukkala 2022
}
AUGMENT_SCALE = 1.2  # a stack has few slices to show objects larger
MOST_SLICES = 32  # of a patch, unless the user asks for more
FEWEST_SLICES = 2.0  # that the median object covers


def asked(request: TrainRequest) -> dict[str, Any]:
    """Return the keys of the configuration that a request sets, all but grid and anisotropy."""
    backbone = request.backbone or "unet"
    if backbone == "labelling":
        raise BadInput("backbone=labelling: only for planes, the images are stacks. Take unet or resnet, or ndim=2.")
    given = {
        "n_rays": request.n_rays,
        "backbone": request.backbone,
        "unet_n_depth" if backbone == "unet" else "resnet_n_blocks": request.depth,
        f"{backbone}_n_filter_base": request.filters,
        f"net_conv_after_{backbone}": request.head,
    }
    return {key: value for key, value in given.items() if value is not None}


def config_keys(request: TrainRequest, items: Sequence[Annotated]) -> dict[str, Any]:
    """Return the configuration that a request and the objects of the training volumes ask for.

    The anisotropy is that of the request, else the one of the objects: the median extents of their boxes.

    Raises
    ------
    BadInput
        Objects that do not extend over several slices.
    """
    if request.anisotropy is not None:
        anisotropy = (float(request.anisotropy), 1.0, 1.0)
    else:
        anisotropy = stardist3d.anisotropy_of(median_extent(items))
    return {"grid": stardist3d.grid_for(request.grid or 2, anisotropy), "anisotropy": anisotropy, **asked(request)}


def median_extent(items: Sequence[Annotated]) -> np.ndarray:
    """Return the median over the volumes of the median extents (z, y, x) of their objects, in voxels."""
    found = [stardist3d.extents(item.labels) for item in items if item.labels.any()]
    extent: np.ndarray = np.median(found, axis=0)
    if extent[0] < FEWEST_SLICES:
        raise BadInput(
            f"The objects extend over {counted(extent[0], 'slice')} and {extent[1]:g} x {extent[2]:g} pixels "
            "(medians); expected objects that go through several slices. Give an object the same number, or its ROIs "
            "the same name, in all of its slices; or train on the planes one by one with ndim=2."
        )
    return extent


def patch_keys(request: TrainRequest, items: Sequence[Annotated], config: Any) -> dict[str, Any]:
    """Return the preset's settings with the largest patch, up to the preset's, that fits volumes and network.

    Raises
    ------
    BadInput
        A volume with fewer slices than the patch asked for, or than the network needs.
    """
    chosen = {"augment_scale": AUGMENT_SCALE, **settings.preset_of(request, PRESETS)}
    step_z, *steps = config.multiple
    thinnest = min(items, key=lambda item: len(item.labels))
    slices, step = len(thinnest.labels), max(steps)
    most = request.patch_z or min(MOST_SLICES, slices) // step_z * step_z
    if most == 0 or most > slices:
        fits = slices // step_z * step_z
        good = f"Take patch_z={fits} or less" if fits else "Leave that stack out, or train on planes with ndim=2"
        raise BadInput(
            f"{thinnest.name} has {slices} slices, fewer than the {max(most, step_z)} of a training patch. {good}."
        )
    narrow = min(min(item.labels.shape[1:]) for item in items) // step * step
    return {**chosen, "patch": min(chosen["patch"], max(narrow, 2 * step)), "patch_z": most}
