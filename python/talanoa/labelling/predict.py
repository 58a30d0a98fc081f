"""Fluorescence predicted from transmitted light: planes in, stains out, in the intensities of the training's plate."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host, Share
from talanoa.image import lazy
from talanoa.image.lazy import LazyImage
from talanoa.image.ops import resample
from talanoa.labelling import checks, colours, plate_levels
from talanoa.labelling.data import modalities
from talanoa.labelling.inputs import Input, inputs_of
from talanoa.labelling.models import Member, Models, Output, View, knows, outputs
from talanoa.labelling.record import Stain
from talanoa.labelling.request import PredictRequest
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.runtime import backends, inference
from talanoa.models.runtime import frames as image_work
from talanoa.models.runtime.dense import Average, predict
from talanoa.models.runtime.frames import Found, ImageWork, Made
from talanoa.models.runtime.source import Source, measure
from talanoa.models.runtime.windows import BORDER, WINDOW, Windows
from talanoa.models.select import read_frames

_SHOWN = (0.35, 99.65)  # percentiles of the transmitted light between which it is shown


def predict_stains(image: Any, models: Models, request: PredictRequest, host: Host) -> Made:
    """Predict the stains of an image in memory.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The complete image; the request says which channels, planes and frames are looked at.
    models : Models
        See `talanoa.labelling.models.load`.
    request : PredictRequest
        The complete request; ``image``, ``model`` and ``out`` are not looked at.
    host : Host
        Progress and cancelling.

    Returns
    -------
    Made
        The image has a channel for each stain (t, stains, 1, y, x), with ``keep_input`` the transmitted light before
        them; the uncertainty only the stains.

    Raises
    ------
    BadInput
        A model of another kind; channels, planes or stains that it does not know; an empty image; numbers that are not
        finite; a device that is not there.
    Cancelled
        Stopped by the user.
    """
    return image_work.whole(StainPrediction(lazy.in_memory(image), models, request, host))


class StainPrediction(ImageWork):
    """A prediction that is worked through frame by frame.

    Parameters
    ----------
    image : LazyImage
        All of the image, in memory or on disk.
    models, request, host
        See `predict_stains`.
    """

    made, doing = "predicted", "Predicting"

    def __init__(self, image: LazyImage, models: Models, request: PredictRequest, host: Host) -> None:
        started = time.perf_counter()
        image = modalities.completed(image, modalities.needed(map(knows, models.models)))
        self.outputs: tuple[Output, ...] = outputs(models.models, request.names)
        used = sorted({number for output in self.outputs for number, _, _ in output.sources})
        # without other models that predict a stain, the spread over eight ways tells how uncertain it is
        alone = any(len(output.sources) == 1 for output in self.outputs)
        self.tta = request.tta or (request.uncertainty and alone)
        self.windows = windows_of(request)
        given, notes = zip(*(self._inputs(image, models.models[number], request) for number in used), strict=True)
        source = _source(image, given, request)
        self.kept = _middle_planes(knows(models.models[used[0]]).lights, given[0]) if request.keep_input else ()
        t, _, _, y, x = source.shape
        stains = len(self.outputs)
        shape, spread = (t, len(self.kept) + stains, 1, y, x), (t, stains, 1, y, x)
        super().__init__(image, source, np.dtype(request.dtype), shape, request, host, spread)
        self._before = list(dict.fromkeys(text for some in notes for text in some))
        self.beside = list(image.form.attrs.get("beside", ()))
        if self.beside and request.image is None:
            self._before.append(f"Read from beside the open image: {', '.join(self.beside)}.")
        self.members = {
            number: self._member(models.models[number], inputs) for number, inputs in zip(used, given, strict=True)
        }
        for member in self.members.values():
            self._before += [member.chosen.warning] * bool(member.chosen.warning)
            self._before += checks.warnings_of(image.form, member, source, request)
        self.times["load"] = round(time.perf_counter() - started, 4)

    def _inputs(self, image: LazyImage, model: Model, request: PredictRequest) -> tuple[tuple[Input, ...], list[str]]:
        return inputs_of(image.form, model.name, knows(model), request.channel, request.planes)

    def _member(self, model: Model, inputs: tuple[Input, ...]) -> Member:
        """Measure the image for one model, and make its network ready."""
        config: Any = methods.get(model.method).config(**model.config)
        if self.windows is not None:
            self.windows.step(max(config.multiple))
        scale = checks.scale_of(self.form, model, self.request.scale)
        y, x = self.source.shape[3:]
        height, width = resample.sizes((y, x), (scale, scale))
        view = View(self.source, inputs, (height, width), plate_levels.recorded_illumination(model, (y, x)))
        measured = measure(view, model.normalization, self.request.sample, self.host)
        measured, notes = plate_levels.of_its_plate(measured, model, self.form)
        self._before += notes
        checks.check_not_blank(measured, inputs, model)
        chosen = backends.for_model(model, self.request.device, self.request.backend)
        parts = inference.planned_parts(view.size, config, self.request.tiles)
        return Member(model, config, view, scale, measured, chosen, parts)

    def _frame(self, pixels: NDArray, host: Host) -> Found:
        """Predict all stains of a frame (c, z, y, x)."""
        answers = {}
        for place, (number, member) in enumerate(self.members.items()):
            answers[number] = self._answer(member, pixels, Share(host, place, len(self.members)))
        made = [member_plane.astype(np.float32) for member_plane in self._kept_planes(pixels)]
        unsure = []
        for output in self.outputs:
            mean, spread = _combined([(*answers[number], channel, stain) for number, channel, stain in output.sources])
            made.append(mean)
            unsure.append(spread)
        uncertainty = (
            np.stack([each for each in unsure if each is not None])[:, None] if self.request.uncertainty else None
        )
        return np.stack(made)[:, None], uncertainty

    def _answer(
        self, member: Member, pixels: NDArray, host: Host
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return what a network says of a frame, (stains, y, x) in the size of the image, and its spread."""
        seen = member.view.of(pixels)[:, 0]
        found = predict(
            member.chosen.runner, seen, member.measured.levels, member.config, member.parts, host, self.tta,
            self.more, self.windows,
        )  # fmt: skip
        member.parts = found.parts  # smaller tiles from now on, where memory has ended
        size = pixels.shape[-2:]
        if size == member.view.size:
            return found.mean, found.spread
        back = [None if each is None else resample.resize(each, size) for each in (found.mean, found.spread)]
        return np.asarray(back[0], np.float32), back[1]

    def _kept_planes(self, pixels: NDArray) -> list[NDArray]:
        """Return the planes of transmitted light that come along."""
        view = next(iter(self.members.values())).view
        return [view.plane(pixels, one) for _, one in self.kept]

    def warnings(self) -> list[str]:
        """Return what the user should know, once all frames are there."""
        return [*self._before, *self.numbers.warnings()]

    def channel_attrs(self, what: str) -> dict[str, Any]:
        """Return names, colours and display ranges: a stain is shown between the ends of what its model can say."""
        names = [output.name for output in self.outputs]
        tables = colours.of_stains(names)
        if what == "uncertainty":
            return {"channel_names": tuple(names), "luts": tuple(map(colours.table, tables))}
        lights = [name for name, _ in self.kept]
        return {
            "channel_names": (*lights, *names),
            "luts": tuple(map(colours.table, (*[colours.GREY] * len(lights), *tables))),
            "display": (*self._shown_lights(), *(_shown(output.stain) for output in self.outputs)),
        }

    def _shown_lights(self) -> list[tuple[float, float]]:
        """Return between which intensities transmitted light is shown."""
        first = next(iter(self.members.values()))
        rows = [first.view.inputs.index(one) for _, one in self.kept]
        return [tuple(np.percentile(first.measured.values[row], _SHOWN).tolist()) for row in rows]

    def plan(self) -> dict[str, Any]:
        """Return levels, tiles and backend of each model."""
        return {"members": [member.facts(self.windows) for member in self.members.values()]}

    def message(self) -> str:
        """Say what was predicted."""
        frames, names = len(self.source.frames), ", ".join(output.name for output in self.outputs)
        return f"{names} of {frames} frames" if frames > 1 else names

    def record(self) -> dict[str, Any]:
        """Return everything that was filled in, once all frames are there."""
        members = list(self.members.values())
        counts = {int(np.prod(member.parts)) for member in members}
        windows = self.windows
        used = {
            "backend": members[0].chosen.record["backend"],
            "device": members[0].chosen.record["device"],
            "stains": [output.name for output in self.outputs],
            "tiles": counts.pop() if len(counts) == 1 and not windows else None,
            "windows": {"window": windows.window, "border": windows.border, "blend": windows.blend}
            if windows
            else None,
            "tta": self.tta,
            "beside": self.beside,
            "uncertainty": self._uncertainty(),
            "models": [member.facts(windows) for member in members],
            **self.numbers.record(),
        }
        return {
            "used": used,
            "frames": [frame + 1 for frame in self.source.frames],
            "channels": [channel + 1 for channel in self.source.channels],
            "planes": [plane + 1 for plane in self.source.planes],
            **self.hashes(),
            "times": self.times,
        }

    def _uncertainty(self) -> dict[str, str] | None:
        """Return what the uncertainty of each stain is: the spread over "models", or over the eight "ways"."""
        if not self.request.uncertainty:
            return None
        return {output.name: "models" if len(output.sources) > 1 else "ways" for output in self.outputs}


def windows_of(request: PredictRequest) -> Windows | None:
    """Return the windows of a request; None: tiles with the whole receptive field around them."""
    if request.window is None and request.border is None and not request.blend:
        return None
    window = WINDOW if request.window is None else request.window
    return Windows(window, BORDER if request.border is None else request.border, request.blend)


def _source(image: LazyImage, given: tuple[tuple[Input, ...], ...], request: PredictRequest) -> Source:
    """Return what is read of the image for all models together."""
    frames = read_frames(request.frames, image.form.sizes["t"])
    channels, planes = ({one[k] for inputs in given for one in inputs} for k in range(2))
    return Source(image, tuple(frame - 1 for frame in frames), tuple(sorted(channels)), tuple(sorted(planes)))


def _middle_planes(lights: Any, inputs: tuple[Input, ...]) -> tuple[tuple[str, Input], ...]:
    """Return the name of each light and the middle one of its planes."""
    made, first = [], 0
    for light in lights:
        made.append((light.name, inputs[first + len(light.planes) // 2]))
        first += len(light.planes)
    return tuple(made)


def _combined(
    found: list[tuple[NDArray[np.float32], NDArray[np.float32] | None, int, Stain]],
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return a stain in intensities, the mean over the models that predict it, and its uncertainty."""
    average = Average()
    for mean, _, channel, stain in found:
        average.add(stain.to_intensities(mean[channel]))
    if len(found) > 1:
        return average.value(), average.deviation()
    _, spread, channel, stain = found[0]
    return average.value(), None if spread is None else stain.spread_to_intensities(spread[channel])


def _shown(stain: Stain) -> tuple[float, float]:
    """Return between which intensities a stain is shown."""
    low, high = sorted(float(end) for end in stain.to_intensities(np.array([0, 1], np.float32)))
    return low, high if high > low else low + 1
