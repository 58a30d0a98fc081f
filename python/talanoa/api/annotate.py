"""`talanoa annotate` from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.core.host import QuietHost

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.rois.roi_set import RoiSet


def run(
    action: str,
    dataset: str | Path | None = None,
    *,
    image: xr.DataArray | str | Path | None = None,
    rois: RoiSet | str | Path | None = None,
    host: Host | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """Do an action of `talanoa annotate` from Python, with the same keys.

    Parameters
    ----------
    action : str
        Such as "pick" or "save"; see `docs/how-to/annotate.md`.
    dataset : path, optional
        The dataset folder.
    image : DataArray, str or path, optional
        An image (t, c, z, y, x), the name of one of the dataset, or a file.
    rois : RoiSet or path, optional
        ROIs, or a ROI zip.
    host : Host, optional
        Progress, warnings, cancelling.
    **keys
        The keys of the action.

    Returns
    -------
    dict
        The reply: ``message``, ``warnings``, ``rois``, ``table``, ``next`` and what else the action gives.

    Raises
    ------
    TalanoaError
        With the message that the menu would show.
    """
    from talanoa import tasks

    request = {"task": "annotate", "action": action, **keys}
    given: dict[str, Any] = {}
    for key, value in (("image", image), ("rois", rois)):
        if isinstance(value, str | Path):
            request[key] = str(value)
        else:
            given[key] = value
    if dataset is not None:
        request["dataset"] = str(dataset)
    return tasks.perform(request, host or QuietHost(), **given)
