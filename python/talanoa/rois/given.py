"""What a door hands over besides the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from talanoa.rois.roi_set import RoiSet


class Given(NamedTuple):
    """What a door hands over besides the request: the open image, its ROIs, a selection (bool, y x).

    A window that changes thresholds also gives `handle`: an empty text keeps the network's output for later, and the
    handle that the reply names then uses it; `preview` asks for the outlines alone.
    """

    image: xr.DataArray | None = None
    rois: RoiSet | None = None
    selection: np.ndarray | None = None
    handle: str | None = None
    preview: bool = False
