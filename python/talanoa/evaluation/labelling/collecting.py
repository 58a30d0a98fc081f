"""The first look at all fields: the truth is read and prepared, stains are predicted or read, both are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import Host, Share, stop_if_cancelled
from talanoa.evaluation import reading
from talanoa.evaluation.labelling.cycle import Reporters
from talanoa.evaluation.labelling.fields import Source, Stains, View
from talanoa.evaluation.labelling.predicting import Contender, predict
from talanoa.evaluation.labelling.segmenting import Segmentation
from talanoa.evaluation.labelling.store import Store
from talanoa.evaluation.segmentation.scores import plane_names
from talanoa.labelling import targets
from talanoa.labelling.data import modalities
from talanoa.labelling.targets import TargetConfig
from talanoa.labelling.train.targets import denoiser_of
from talanoa.rois import damaged

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.evaluation.request import EvaluateRequest

Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Setting:
    """What is judged, on what, and how.

    Parameters
    ----------
    views : list of View
    stains : list of str
    contenders : list of Contender
    segmentations : dict of str to Segmentation or None
    prepare : dict of str to TargetConfig
        What was made of the true stains before a model learnt them.
    reporters : Reporters or None
        Of the cell cycle.
    lights : tuple of str
        Kinds of transmitted light that lie in folders beside each other.
    """

    views: list[View]
    stains: list[str]
    contenders: list[Contender]
    segmentations: Mapping[str, Segmentation | None]
    prepare: Mapping[str, TargetConfig]
    reporters: Reporters | None = None
    lights: tuple[str, ...] = ()


@dataclass(eq=False)
class Sizes:
    """Areas of pixels, field by field."""

    found: list[tuple[float, str]] = field(default_factory=list)

    def unit(self) -> str:
        """Return the unit that all fields share, squared; "pixels" where there is none."""
        units = {unit for _, unit in self.found}
        only = next(iter(units)) if len(units) == 1 else "pixel"
        return "pixels" if only == "pixel" else f"{only}²"

    def area(self, number: int) -> float:
        """Return the area of a pixel of one field in that unit."""
        return 1.0 if self.unit() == "pixels" else self.found[number][0]


def collect(setting: Setting, store: Store, request: EvaluateRequest, host: Host) -> Sizes:
    """Read the truth of all fields, predict or read what is judged, and keep both; return the sizes of pixels."""
    sizes = Sizes()
    opened: dict[Any, xr.DataArray] = {}
    for number, view in enumerate(setting.views):
        stop_if_cancelled(host)
        host.progress(number, 2 * len(setting.views), f"Predicting {view.name} ({number + 1} of {len(setting.views)})")
        opened.clear()
        with damaged.all_named(_paths(view), (path for each in setting.views[number + 1 :] for path in _paths(each))):
            truth, form = _truth(view, setting, opened)
            light = modalities.read(view.light, setting.lights) if view.light is not None else None
        sides, unit = form.attrs["pixel_size"], str(form.attrs["unit"])
        if unit == "pixel" and light is not None:
            sides, unit = light.attrs["pixel_size"], str(light.attrs["unit"])
        sizes.found.append((float(sides[1] * sides[2]), unit))
        share = Share(host, number, 2 * len(setting.views))
        sources = [truth]
        for k, contender in enumerate(setting.contenders):
            rest = (path for each in setting.views[number + 1 :] for path in _paths(each))
            with damaged.all_named(_paths(view), rest):
                made = _predicted(view, k, contender, light, setting, request, share, opened)
            if made.shape != truth.shape:
                found, wanted = (reading.sizes((each.shape[0], 1, *each.shape[2:])) for each in (made, truth))
                raise BadInput(
                    f"{view.name} in {contender.name} is {found}, the truth is {wanted}; they must have the same size."
                )
            sources.append(made)
        for t, name in enumerate(plane_names(view.name, len(truth), 1, by_slice=False)):
            store.add(name, number, [source[t] for source in sources])
    return sizes


def _paths(view: View) -> list[Path | None]:
    """Return the files of a field."""
    return [view.light, *(each.path for known in (view.truths, *view.predictions) for each in known.values())]


def _truth(view: View, setting: Setting, opened: dict[Any, xr.DataArray]) -> tuple[Planes, xr.DataArray]:
    """Return the true stains as a network would learn them, (t, stains, y, x), and one of the images."""
    made = []
    for stain in setting.stains:
        stack = _stack(view.truths[stain], opened)
        denoiser = denoiser_of(setting.prepare[stain])
        made.append([_last(targets.prepare(frame, setting.prepare[stain], denoiser)) for frame in stack])
    if len({frames[0].shape for frames in made} | {len(frames) for frames in made}) != 2:
        raise BadInput(f"{view.name}: the true stains differ in size or number of frames; expected equal ones.")
    return np.array(made, np.float32).swapaxes(0, 1), opened[view.truths[setting.stains[0]].path]


def _last(steps: targets.Steps) -> NDArray[np.float32]:
    return next(reversed(steps.values()))


def _stack(source: Source, opened: dict[Any, xr.DataArray]) -> NDArray:
    """Return the stacks (t, z, y, x) of a stain; several frames without slices stay frames."""
    if source.path not in opened:
        opened[source.path] = images.read(source.path)
    image = opened[source.path]
    if source.channel is None and image.sizes["c"] > 1:
        raise BadInput(f"{source.path} has {image.sizes['c']} channels; expected one in a stain's folder.")
    values = image.values[:, source.channel or 0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadInput(f"{source.path} has pixels that are NaN or infinite; expected numbers. Replace them first.")
    return values


def _predicted(
    view: View,
    number: int,
    contender: Contender,
    light: xr.DataArray | None,
    setting: Setting,
    request: EvaluateRequest,
    host: Host,
    opened: dict[Any, xr.DataArray],
) -> Planes:
    """Return what a contender predicts, (t, stains, y, x), in intensities before any calibration."""
    record = contender.record
    if record is None:
        given: Stains = view.predictions[number]
        planes = [
            [targets.project(frame, _projection(setting.prepare[stain])) for frame in _stack(given[stain], opened)]
            for stain in setting.stains
        ]
        return np.array(planes, np.float32).swapaxes(0, 1)
    assert light is not None and contender.candidate.model is not None
    return predict(contender.candidate.model, light, setting.stains, contender.factor, request, host)


def _projection(config: TargetConfig) -> str | int:
    return config.project if isinstance(config.project, str) else "max"
