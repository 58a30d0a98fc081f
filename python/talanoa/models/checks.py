"""Is this an image that a model can work on? Errors for what cannot be segmented, warnings for what looks wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.models.folder import Model

MICRONS = {"nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
FAR = 1.5  # a pixel size this much larger or smaller than the model's is worth a warning
BRIGHT = 0.6  # a background above this part of the intensity range is bright


def check_pixels(image: xr.DataArray) -> None:
    """Raise `BadInput` when an image has no pixels, or some that are not finite."""
    import numpy as np

    if image.size == 0:
        sizes = " x ".join(f"{dim} {image.sizes[dim]}" for dim in image.dims)
        raise BadInput(f"The image is empty ({sizes}); expected at least one pixel.")
    if image.dtype.kind != "f":
        return
    bad = sum(int(np.count_nonzero(~np.isfinite(frame))) for frame in image.values)
    if bad:
        raise BadInput(
            f"The image has {bad} pixel{'s' * (bad > 1)} that are NaN or infinite; expected finite values. Replace "
            "them first (in ImageJ: Process > Noise > Remove NaNs, or Process > Math > Macro)."
        )


def warn_pixel_size(image: xr.DataArray, model: Model, scale: float | None, scale_z: float | None, host: Host) -> None:
    """Warn when the image's pixels or slices are far from those the model was trained on, and offer a scale.

    Parameters
    ----------
    image : DataArray
        ``attrs`` hold ``pixel_size`` (z, y, x) and ``unit``.
    model : Model
        Its ``pixel_size``, ``pixel_depth`` (None when unknown) and ``unit``.
    scale, scale_z : float or None
        The factors already asked for; None where the task has no such key.
    host : Host
        Gets the warnings.
    """
    unit = str(image.attrs.get("unit", "pixel"))
    if unit not in MICRONS or model.unit not in MICRONS:
        return
    depth, _, width = (float(side) for side in image.attrs["pixel_size"])
    _warn_far("pixels", (width, unit), (model.pixel_size, model.unit), ("scale", scale), host)
    if image.sizes["z"] > 1 and not image.attrs.get("depth_unknown"):
        _warn_far("slices", (depth, unit), (model.pixel_depth, model.unit), ("scale_z", scale_z), host)


def _warn_far(
    what: str, found: tuple[float, str], trained: tuple[float | None, str], asked: tuple[str, float | None], host: Host
) -> None:
    """Warn when a size (number, unit) times the scale asked for is far from the one of the training images."""
    if not trained[0]:
        return
    factor = found[0] * MICRONS[found[1]] / (trained[0] * MICRONS[trained[1]])
    off = factor / (asked[1] or 1.0)
    if 1 / FAR < off < FAR:
        return
    size = "larger" if off > 1 else "smaller"
    size = size if what == "pixels" else "further apart" if off > 1 else "closer"
    seen = (
        f"The {what} ({found[0]:.3g} {found[1]}) are {max(off, 1 / off):.2g} times {size} than those of the model's "
        f"training images ({trained[0]:.3g} {trained[1]})"
    )
    if asked[1] is None:
        host.warn(f"{seen}. What comes out is not to be trusted; train a model on such images.")
    else:
        host.warn(f"{seen} at {asked[0]}={asked[1]:g}. Try {asked[0]}={factor:.2g}.")


def warn_bright_background(image: xr.DataArray, of_training: float, host: Host) -> None:
    """Warn when most of the image is bright, and the model's training images were not.

    Parameters
    ----------
    image : DataArray
        Its `background_level` is measured.
    of_training : float
        The `background_level` of the training images, 0 to 1.
    host : Host
        Gets the warning.
    """
    level = background_level(image)
    if level is not None and level > BRIGHT and level - of_training > BRIGHT / 2:
        host.warn(
            "The background is bright; the model was trained on bright objects on dark ground (fluorescence). If this "
            "is a transmitted-light image, use a model trained on such images, or invert it first."
        )


def background_level(image: xr.DataArray) -> float | None:
    """Return where the median lies between the 1st and the 99.8th percentile of the first frame; None if constant."""
    import numpy as np

    from talanoa.image.ops.normalize import sample_step

    values = image.values[0].ravel()
    low, middle, high = np.percentile(values[:: sample_step(values.size)], [1, 50, 99.8])
    return float((middle - low) / (high - low)) if high > low else None


def trained_level(model: Model) -> float | None:
    """Return the background level of a model's training images; 0 for fluorescence, None when unknown."""
    known = model.training.get("background_level")
    if known is not None:
        return float(known)
    return 0.0 if "fluo" in model.description.lower() else None
