"""What a request for a segmentation and a model mean together: thresholds, normalisation, keys without a use."""

from __future__ import annotations

from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image.ops.normalize import fit, percentile_limits
from talanoa.models import methods
from talanoa.models.folder import Model, own_normalization
from talanoa.segmentation.request import SegmentRequest


def check_settings(settings: SegmentRequest, model: Model) -> None:
    """Raise `BadInput` for keys that a model has no use for."""
    if methods.get(model.method).decode == "mask":
        if settings.nms_thresh is not None:
            raise BadInput(
                f"nms_thresh: found {settings.nms_thresh:g}, but the objects of {model.name} are parts of a mask, "
                "which cannot overlap. Leave it out."
            )
        if settings.outline == "star":
            raise BadInput(f"outline=star: model {model.name} draws no star-convex outlines. Set outline=traced.")
    default = {key: SegmentRequest.model_fields[key].default for key in ("norm_low", "norm_high")}
    changed = [f"{key}={getattr(settings, key):g}" for key, value in default.items() if getattr(settings, key) != value]
    if own_normalization(model) is not None and changed:
        raise BadInput(
            f"{', '.join(changed)}: model {model.name} has a normalisation of its own ({model.normalization}). "
            "Leave them out."
        )


def limits_of(settings: SegmentRequest, model: Model) -> dict[str, float]:
    """Return the thresholds of a model, those of the request over its own."""
    given = {"prob": settings.prob_thresh, "nms": settings.nms_thresh}
    return {**model.thresholds, **{key: given[key] or 0.0 for key in model.thresholds if given[key] is not None}}


def levels_of(pixels: NDArray, settings: SegmentRequest, model: Model) -> list[tuple[float, float]]:
    """Return the intensities of each channel that become 0 and 1: percentiles, or as the model's normalisation says."""
    own = own_normalization(model)
    if own is None:
        return [percentile_limits(channel, settings.norm_low, settings.norm_high) for channel in pixels]
    return list(fit(pixels, own).pairs)
