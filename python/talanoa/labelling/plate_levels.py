"""What a model keeps of the plates it was trained on, for images that are predicted: illumination and levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.image.ops.normalize import Levels
from talanoa.labelling.data.levels import illumination_of
from talanoa.labelling.models import knows
from talanoa.models.folder import Model
from talanoa.models.runtime.source import Measured


def recorded_illumination(model: Model, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return the illumination (planes, y, x) of the training images in the size of an image; None: not evened."""
    grids = model.normalization.get("illumination")
    return None if grids is None else illumination_of(grids, shape, knows(model).lights)


def of_its_plate(measured: Measured, model: Model, form: xr.DataArray) -> tuple[Measured, list[str]]:
    """Return an image's levels with those of its plate, where the model was trained with levels of plates.

    Parameters
    ----------
    measured : Measured
        Levels of the image itself.
    model : Model
        ``by="plate"`` and ``levels`` of its normalisation.
    form : DataArray
        ``attrs["source"]`` is the file of the image, which lies in ``<plate>/<transmitted>/``.

    Returns
    -------
    Measured
        With the levels of the plate, if the model knows them; else as given.
    list of str
        What the user should know.
    """
    if model.normalization.get("by") != "plate":
        return measured, []
    known = dict(model.normalization.get("levels") or {})
    plate = Path(str(form.attrs.get("source") or "")).parent.parent.name
    if plate in known and len(known[plate]) == len(measured.levels.pairs):
        pairs = tuple((float(low), float(high)) for low, high in known[plate])
        return replace(measured, levels=Levels(pairs)), []
    listed = ", ".join(map(str, known)) or "none"
    text = (
        f"Model {model.name} was trained with levels of whole plates ({listed}); the image is of none of them; its own "
        "levels are taken. Intensities of different images are then not to be compared."
    )
    return measured, [text]
