"""How long a restoration is trained, on which patches, and the shape of its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.restoration.train.pairs import Pair
from talanoa.training import settings
from talanoa.training.request import TrainRequest

# of both: Adam 4e-4, halved after 10 epochs without a better validation loss, as CSBDeep and n2v do
_COMMON: dict[str, Any] = {"lr": 4e-4, "plateau": 10, "augment_scale": 1.0}
_CARE: dict[str, Any] = {**_COMMON, "patch": 128, "batch": 16, "background": 0.0}
_CARE3D: dict[str, Any] = {**_COMMON, "patch": 64, "patch_z": 16, "batch": 8, "background": 0.0}
_PROJECTION: dict[str, Any] = {**_CARE, "patch": 64, "batch": 8}
_N2V: dict[str, Any] = {**_COMMON, "patch": 64, "batch": 128, "background": 1.0}
_N2V3D: dict[str, Any] = {**_COMMON, "patch": 64, "patch_z": 16, "batch": 8, "background": 1.0}
# quick is made shorter where it would take more than ten minutes, see `talanoa.training.estimate`
PRESETS: dict[tuple[str, int], dict[str, dict[str, Any]]] = {
    ("care", 2): {
        "quick": {**_CARE, "epochs": 30, "steps": 50, "patch": 64, "batch": 8, "lr": 1e-3, "schedule": "cosine"},
        "standard": {**_CARE, "epochs": 100, "steps": 100},
        "long": {**_CARE, "epochs": 400, "steps": 100, "patience": 50},
        "published": {**_CARE, "epochs": 100, "steps": 50},  # patches 128, batch 16, 50 steps x 100 epochs
    },
    ("care", 3): {
        "quick": {**_CARE3D, "epochs": 30, "steps": 50, "patch_z": 8, "batch": 2, "lr": 1e-3, "schedule": "cosine"},
        "standard": {**_CARE3D, "epochs": 100, "steps": 100},
        "long": {**_CARE3D, "epochs": 400, "steps": 100, "patience": 50},
        "published": {**_CARE3D, "epochs": 100, "steps": 50, "patch": 128, "patch_z": 8, "batch": 16},
    },
    ("n2v", 2): {
        "quick": {**_N2V, "epochs": 30, "steps": 50, "batch": 16, "lr": 1e-3, "schedule": "cosine"},
        "standard": {**_N2V, "epochs": 100, "steps": 100},
        "long": {**_N2V, "epochs": 400, "steps": 100, "patience": 50},
        "published": {**_N2V, "epochs": 200, "steps": 50, "batch": 64},
    },
    ("n2v", 3): {
        "quick": {**_N2V3D, "epochs": 30, "steps": 50, "patch_z": 8, "batch": 2, "lr": 1e-3, "schedule": "cosine"},
        "standard": {**_N2V3D, "epochs": 100, "steps": 100},
        "long": {**_N2V3D, "epochs": 400, "steps": 100, "patience": 50},
        "published": {**_N2V3D, "epochs": 100, "steps": 25},
    },
}
PRESETS["care_isotropic", 2] = PRESETS["care", 2]
PRESETS["care_projection", 2] = {
    "quick": {**_PROJECTION, "epochs": 30, "steps": 50, "batch": 2, "lr": 1e-3, "schedule": "cosine"},
    "standard": {**_PROJECTION, "epochs": 100, "steps": 100},
    "long": {**_PROJECTION, "epochs": 400, "steps": 100, "patience": 50},
    "published": {**_PROJECTION, "epochs": 100, "steps": 50, "batch": 16},
}
LEAST = 16  # pixels: the smallest patch


def network_of(request: TrainRequest) -> str:
    """Return which network a method trains: repeated exposures train that of pairs."""
    if request.projection or request.isotropic:
        return "care_projection" if request.projection else "care_isotropic"
    return "n2v" if request.method == "n2v" else "care"


def patch_of(request: TrainRequest) -> int:
    """Return the side of a patch that is aimed at."""
    return request.patch or 64


def preset_of(request: TrainRequest, items: Sequence[Pair], config: Any) -> dict[str, Any]:
    """Return the preset's settings, its patch made smaller where an image or stack is smaller.

    Raises
    ------
    BadInput
        A patch asked for does not fit into an image; an image is too small for any.
    """
    chosen = settings.preset_of(request, PRESETS[network_of(request), items[0].ndim])
    *steps_z, step, _ = config.multiple
    narrow = min(items, key=lambda item: min(item.shape[-2:]))
    fits = min(narrow.shape[-2:]) // step * step
    if (request.patch or 0) > min(narrow.shape[-2:]) or fits < LEAST:
        rows, columns = narrow.shape[-2:]
        good = f"Take patch={fits} or less" if fits >= LEAST else "Take larger images"
        raise BadInput(
            f"{narrow.name} is {columns} x {rows} pixels, smaller than a patch of {request.patch or LEAST}. {good}, or "
            "leave that image out."
        )
    chosen["patch"] = min(chosen["patch"], fits)
    return {**chosen, "patch_z": _slices(request, items, steps_z[0], chosen["patch_z"])} if steps_z else chosen


def _slices(request: TrainRequest, items: Sequence[Pair], step: int, most: int) -> int:
    """Return the slices of a patch: at most so many, as far as the thinnest stack has them."""
    thin = min(items, key=lambda item: item.shape[0])
    slices = thin.shape[0]
    fits = slices // step * step
    if fits == 0 or (request.patch_z or 0) > slices:
        good = f"Take patch_z={fits} or less" if fits else "Take a smaller depth, or train on planes with ndim=2"
        raise BadInput(
            f"{thin.name} has {slices} slices, fewer than the {request.patch_z or step} of a training patch. {good}."
        )
    return min(most, fits)


def config_keys(request: TrainRequest) -> dict[str, Any]:
    """Return the keys of a configuration that a request sets."""
    asked: dict[str, Any] = {
        "unet_n_depth": request.depth,
        "unet_n_filter_base": request.filters,
        "unet_kernel_size": request.kernel,
        "loss": request.loss or ("mse" if request.method == "n2n" else None),
        "masked_percent": request.masked_percent,
        "radius": request.radius,
        "manipulator": "uniform_withCP" if request.manipulator == "uniform_withcp" else request.manipulator,
        "struct_axis": None if request.struct_axis == "none" else request.struct_axis,
        "struct_radius": request.struct_radius,
        "probabilistic": request.probabilistic or None,
        "separate_channels": request.separate_channels or None,
    }
    if request.n2v2:
        asked.update(blur_pool=True, no_first_skip=True, manipulator=asked["manipulator"] or "median")
    return {key: value for key, value in asked.items() if value is not None}
