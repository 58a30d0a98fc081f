"""Objects proposed by a trained model: its own predictions, as `segment` gives them, within the proposal's limits.

The network's answers are kept for a while (`talanoa.core.cache`), so that a window which changes the thresholds of a
proposal does not ask it again.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.annotation.propose_parts import Found, Part, describe, everywhere
from talanoa.annotation.propose_threshold import limits_of
from talanoa.core.cache import HANDLES
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.models.checks import check_pixels, warn_pixel_size
from talanoa.segmentation.classical import objects
from talanoa.segmentation.memory import NetworkMemory
from talanoa.segmentation.memory import settings_of as network_settings

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.annotation.request_propose import ProposeRequest
    from talanoa.core.host import Host
    from talanoa.models.folder import Model
    from talanoa.segmentation.request import SegmentRequest

_MOST_KEPT = 64  # answers whose place is known; how much memory they take, the handles limit
_kept: OrderedDict[str, str] = OrderedDict()  # fingerprint of pixels, model and settings -> handle
_SHARED = ("model", "channel", "prob_thresh", "nms_thresh", "norm_low", "norm_high", "scale", "device")


def propose_by_model(image: xr.DataArray, request: ProposeRequest, host: Host) -> tuple[xr.DataArray, list[str]]:
    """Return the labels (t, 1, z, y, x) that a model predicts, and notes.

    A model of planes works slice by slice in stacks; a model of volumes takes stacks as a whole.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image to annotate.
    request : ProposeRequest
        Its keys for ``by=model`` and the limits.
    host : Host
        Progress, cancelling.

    Raises
    ------
    BadInput
        Unknown model, or an image that does not fit it.
    """
    from talanoa.models import folder, methods

    model = folder.load(request.model)
    ndim = methods.get(model.method).ndim
    if request.ndim is not None and request.ndim != ndim:
        raise BadInput(
            f"ndim={request.ndim}, but model {model.name} works in {ndim}D. Leave ndim out, or choose another model."
        )
    settings = settings_of(request)
    check_pixels(image)
    warn_pixel_size(image, model, request.scale, 1.0, host)
    notes: list[str] = []
    labels, found = everywhere(image, ndim, host, lambda part: _predict(image, part, model, settings, request, notes))
    return labels, [*describe(found), *dict.fromkeys(notes)]


def settings_of(request: ProposeRequest) -> SegmentRequest:
    """Return the request for a prediction with the keys that both share."""
    from talanoa.segmentation.request import SegmentRequest

    shared: dict[str, Any] = {key: getattr(request, key) for key in _SHARED}
    return SegmentRequest(**shared)


def _predict(
    image: xr.DataArray, part: Part, model: Model, settings: SegmentRequest, request: ProposeRequest, notes: list[str]
) -> Found:
    """Predict one plane or volume."""
    from talanoa.models.select import choose
    from talanoa.segmentation import predict

    here = image.isel(t=[part.t]) if part.z is None else image.isel(t=[part.t], z=[part.z])
    chosen = choose(here, model.channels, settings, 2 if part.z is not None else 3)
    plain = settings.model_copy(update={"channel": None})
    key = fingerprint(chosen.image, model, plain)
    memory = _remembered(key, chosen.image)
    seen = predict.segment(chosen.image, model, plain, QuietHost(), memory=memory)
    _keep(key, memory)
    notes.extend(seen.warnings)
    labels = np.asarray(seen.labels)[0, 0] if part.z is None else np.asarray(seen.labels)[0, 0, 0]
    kept = objects.keep(labels, limits_of(request))
    return Found(kept.labels, None, kept.removed)


def fingerprint(image: xr.DataArray, model: Model, settings: SegmentRequest) -> str:
    """Return what an answer of the network depends on, in one short text: pixels, model, settings."""
    pixels = np.ascontiguousarray(image)
    said = [pixels.shape, str(pixels.dtype), model.sha256, network_settings(settings)]
    digest = hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=16)
    digest.update(pixels.data)
    return digest.hexdigest()


def _remembered(key: str, image: xr.DataArray) -> NetworkMemory:
    """Return the answers that are kept under a fingerprint, or a place for new ones; it holds no pixels."""
    try:
        return HANDLES.get(_kept[key])
    except (KeyError, BadInput):  # never asked, or pushed out by newer ones
        return NetworkMemory(image.isel(t=slice(0)).copy(deep=True), None, {})


def _keep(key: str, memory: NetworkMemory) -> None:
    """Keep answers for the next time, anew where they have grown."""
    if key in _kept:
        HANDLES.drop(_kept.pop(key))
    handle = HANDLES.put(memory, memory.nbytes)
    if handle is not None:
        _kept[key] = handle
    while len(_kept) > _MOST_KEPT:
        HANDLES.drop(_kept.popitem(last=False)[1])
