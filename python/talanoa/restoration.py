"""Restore an image with a trained model: levels of the whole, network, the way back to intensities."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import anisotropy, backends, calibration, image_lazy, methods, restoration_isotropic
from talanoa import image as images
from talanoa.errors import BadInput
from talanoa.host import Host, Share, stop_if_cancelled
from talanoa.image_lazy import LazyImage
from talanoa.model_folder import Model, check_kind
from talanoa.normalize import Levels, is_fixed
from talanoa.requests_restore import RestoreRequest
from talanoa.restoration_choice import choose
from talanoa.restoration_numbers import Numbers, type_for
from talanoa.restoration_source import Hash, Measured, measure
from talanoa.restoration_units import Prediction, planned_parts, predict
from talanoa.restoration_warnings import check_levels, far_from_trained, warnings_of

_SUFFIX = re.compile(r"(\.ome)?\.(tiff?|png|jpe?g|zarr)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        In the intensities of the image that was restored, with its calibration.
    uncertainty : DataArray of float32, (t, c, z, y, x), or None
        In intensities: the width that a probabilistic model predicts, or the standard deviation over the eight ways.
    record : dict
        Everything that was filled in: device, backend, tiles, levels, type, hashes, times.
    warnings : list of str
        What the user should know.
    """

    image: xr.DataArray
    uncertainty: xr.DataArray | None
    record: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class Frame:
    """One restored frame, (c, z, y, x): the image in its type, and the uncertainty where it was asked for."""

    values: NDArray[Any]
    uncertainty: NDArray[np.float32] | None


def restore(image: xr.DataArray, model: Model, request: RestoreRequest, host: Host) -> Restored:
    """Restore an image in memory.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The complete image; the request says which channel, slice and frames are restored.
    model : Model
        Of a method whose answers are images.
    request : RestoreRequest
        The complete request; ``image``, ``model`` and ``out`` are not looked at.
    host : Host
        Progress and cancelling.

    Raises
    ------
    BadInput
        A model that finds objects; channels, slices or numbers that the model cannot take; a device that is not there.
    Cancelled
        Stopped by the user.
    """
    work = Restoration(image_lazy.in_memory(image), model, request, host)
    shape = work.shape
    made = np.empty(shape, work.kind)
    unsure = np.empty(shape, np.float32) if request.uncertainty else None
    for number, frame in enumerate(work.frames()):
        made[number] = frame.values
        if unsure is not None:
            unsure[number] = frame.uncertainty
    seen = xr.DataArray(made, dims=images.DIMS, attrs=work.attrs("restored"))
    spread = None if unsure is None else xr.DataArray(unsure, dims=images.DIMS, attrs=work.attrs("uncertainty"))
    return Restored(seen, spread, work.record(), work.warnings())


class Restoration:
    """A restoration that is worked through frame by frame.

    Parameters
    ----------
    image : LazyImage
        All of the image, in memory or on disk.
    model, request, host
        See `restore`.
    """

    def __init__(self, image: LazyImage, model: Model, request: RestoreRequest, host: Host) -> None:
        started = time.perf_counter()
        self.model, self.request, self.host, self.form = model, request, host, image.form
        check_kind(model, "image")
        self.config: Any = methods.get(model.method).config(**model.config)
        self.source, notes = choose(image, model, request)
        self.kind = type_for(request.dtype, image.form.dtype)
        self.normalization = normalization_of(model, request)
        self.measured: Measured = measure(self.source, self._of_channels(), request.sample, host)
        check_levels(self.measured, self.source, self.normalization)
        self.chosen = backends.for_model(model, request.device, request.backend)
        self.tta = request.tta or (request.uncertainty and not getattr(self.config, "probabilistic", False))
        self.numbers = Numbers(self.kind)
        t, c, z, y, x = self.source.shape
        self.factor = self._factor()
        self.parts = self._parts((z, y, x))
        self.each = request.channel == "all"
        depth = 1 if self.config.projects else z if self.factor is None else anisotropy.count_of(z, self.factor)
        self.shape = (t, c if self.each else int(self.config.n_channel_out), depth, y, x)
        # another number of channels out than in: which intensities they should have, nobody knows
        self.foreign = model.channels not in (1, int(self.config.n_channel_out))
        self._hashes = Hash(image.form.dtype, self.source.shape), Hash(self.kind, self.shape)
        self._before = [*notes, *([self.chosen.warning] if self.chosen.warning else [])]
        self._before += warnings_of(self.measured, self.source, self.normalization, model)
        if self.factor is not None:
            self._before += far_from_trained(self.factor, float(self.config.anisotropy))
        if self.foreign:
            self._before.append(
                f"The model makes {self.config.n_channel_out} channel(s) of {model.channels}: what comes out is in the "
                "units of the training, 0 to 1 for most pixels, not in intensities of the image."
            )
        self._more = False
        self._times = {"load": round(time.perf_counter() - started, 4), "restore": 0.0}

    def _factor(self) -> float | None:
        """Return how many pixels wide the distance of two slices is, of a stack that is made isotropic."""
        if not self.config.isotropic:
            return None
        return anisotropy.of_calibration(self.form.attrs, str(self.form.attrs.get("name") or "The image"))

    def _parts(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the number of tiles along each axis that is cut."""
        if self.factor is not None:
            return restoration_isotropic.parts_of(shape, self.factor, self.config, self.request.tiles)
        return planned_parts(shape[-self.config.ndim :], self.config, self.request.tiles, shape[0])

    def _of_channels(self) -> Mapping[str, Any]:
        """Return the normalisation for all channels that are read: a model of one serves each of several."""
        count = len(self.source.channels)
        if self.request.channel != "all" or not is_fixed(self.normalization):
            return self.normalization
        return {**self.normalization, **{key: list(self.normalization[key]) * count for key in ("mean", "std")}}

    def skip(self, restored: Iterable[NDArray], numbers: Mapping[str, float]) -> None:
        """Take over the first frames from an interrupted restoration: what came out, and the counts of values."""
        for number, values in enumerate(restored):
            stop_if_cancelled(self.host)
            self._hashes[0].add(self.source.frame(number))
            self._hashes[1].add(values)
        self.numbers.go_on(numbers)

    def frames(self, first: int = 0) -> Iterator[Frame]:
        """Yield the restored frames in order.

        Parameters
        ----------
        first : int
            Frames before it are left out, see `skip`.

        Raises
        ------
        Cancelled
            Stopped by the user.
        """
        began = time.perf_counter()
        count = len(self.source.frames)
        for number in range(first, count):
            stop_if_cancelled(self.host)
            pixels = self.source.frame(number)
            self._hashes[0].add(pixels)
            self._more = number + 1 < count
            found, spread = self._frame(pixels, Share(self.host, number, count))
            values = self.numbers.convert(found)
            self._hashes[1].add(values)
            self.host.progress(number + 1, count, "Restoring")
            self._times["restore"] = round(time.perf_counter() - began, 4)
            yield Frame(values, spread)

    def _frame(self, pixels: NDArray, host: Host) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Restore a frame (c, z, y, x): all channels together, or each by itself."""
        levels = self.measured.levels
        if not self.each:
            return self._channels(pixels, levels, host)
        found = [
            self._channels(pixels[k : k + 1], Levels((pair,)), Share(host, k, len(pixels)))
            for k, pair in enumerate(levels.pairs)
        ]
        spread = [one for _, one in found if one is not None]
        return np.concatenate([values for values, _ in found]), np.concatenate(spread) if spread else None

    def _channels(
        self, pixels: NDArray, levels: Levels, host: Host
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Restore the channels that the network takes at once: a volume, or plane by plane."""
        if self.config.ndim == 3 or self.factor is not None:
            return self._unit(pixels, levels, host)
        depth = pixels.shape[1]
        if self.config.projects:
            mean, unsure = self._unit(pixels, levels, host)
            return mean[:, None], None if unsure is None else unsure[:, None]
        found = [self._unit(pixels[:, k], levels, Share(host, k, depth)) for k in range(depth)]
        spread = [one for _, one in found if one is not None]
        return np.stack([values for values, _ in found], axis=1), np.stack(spread, axis=1) if spread else None

    def _unit(
        self, pixels: NDArray, levels: Levels, host: Host
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Restore a plane or a volume (c, space…)."""
        found = self._predicted(pixels, levels, host)
        self.parts = found.parts  # smaller tiles from now on, where memory has ended
        unsure = None
        if self.request.uncertainty:
            unsure = found.scale if found.scale is not None else found.spread
        if self.foreign:
            return found.mean, unsure
        mean = levels.undo(calibration.applied(found.mean, self.normalization))
        if unsure is None:
            return mean, None
        return mean, levels.undo_spread(calibration.applied_to_spread(unsure, self.normalization))

    def _predicted(self, pixels: NDArray, levels: Levels, host: Host) -> Prediction:
        """Return what the network makes of a plane or a volume (c, space…)."""
        rest = (self.config, self.parts, host)
        if self.factor is not None:
            return restoration_isotropic.predict(
                self.chosen.runner, pixels, levels, *rest, self.factor, self.tta, self._more
            )
        if self.config.projects:
            levels = Levels(tuple(pair for pair in levels.pairs for _ in range(pixels.shape[1])))
            pixels = pixels.reshape(-1, *pixels.shape[2:])
        return predict(self.chosen.runner, pixels, levels, *rest, self.tta, self._more)

    def warnings(self) -> list[str]:
        """Return what the user should know, once all frames are there."""
        return [*self._before, *self.numbers.warnings()]

    def attrs(self, what: str) -> dict[str, Any]:
        """Return the attributes of the result: those of the channels that were restored, under a new name."""
        attrs = {key: value for key, value in self.form.attrs.items() if key not in ("notes", "source")}
        kept = self.source.channels if self.shape[1] == len(self.source.channels) else ()
        for key in ("channel_names", "luts", "display"):
            values = attrs.pop(key, ())
            if len(values) == self.form.sizes["c"] and kept and (key, what) != ("display", "uncertainty"):
                attrs[key] = tuple(values[channel] for channel in kept)
        names = attrs.get("channel_names", ("",) * self.shape[1])
        if self.factor is not None:
            _, height, width = attrs["pixel_size"]
            attrs["pixel_size"] = (width, height, width)
        stem = _SUFFIX.sub("", str(attrs.get("name") or "image"))
        return {**attrs, "channel_names": names, "rgb": False, "name": f"{stem}-{what}"}

    def record(self) -> dict[str, Any]:
        """Return everything that was filled in, once all frames are there."""
        axes = "zx" if self.factor is not None else "zyx"[-self.config.ndim :]
        sizes: dict[str, Any] = {f"tiles_{axes}": list(self.parts), "tiles": int(np.prod(self.parts))}
        if self.factor is not None:
            sizes["anisotropy"] = self.factor
        used = {
            **self.chosen.record,
            **sizes,
            "tta": self.tta,
            "uncertainty": self.uncertainty,
            "normalization": dict(self.normalization),
            "norm_values": [list(pair) for pair in self.measured.levels.pairs],
            "norm_sample": self.measured.record(),
            **self.numbers.record(),
        }
        return {
            "used": used,
            "frames": [frame + 1 for frame in self.source.frames],
            "channels": [channel + 1 for channel in self.source.channels],
            "planes": [plane + 1 for plane in self.source.planes],
            "slices": self.shape[2],
            "input_sha256": self._hashes[0].text(),
            "image_sha256": self._hashes[1].text(),
            "times": self._times,
        }

    @property
    def uncertainty(self) -> str | None:
        """What the uncertainty is: "scale" (Laplace), "spread" over the eight ways, or None."""
        if not self.request.uncertainty:
            return None
        return "scale" if getattr(self.config, "probabilistic", False) else "spread"


def normalization_of(model: Model, request: RestoreRequest) -> dict[str, Any]:
    """Return the normalisation: the model's, with the percentiles of the request.

    With other percentiles the model's calibration, which was fitted with its own, does not hold and is left out.

    Raises
    ------
    BadInput
        Percentiles for a model that uses mean and standard deviation of its training images.
    """
    own = {"kind": "percentile", **model.normalization}
    asked = {key: value for key, value in (("low", request.norm_low), ("high", request.norm_high)) if value is not None}
    if asked and is_fixed(own):
        keys = ", ".join(f"norm_{key}={value:g}" for key, value in asked.items())
        raise BadInput(
            f"{keys}: model {model.name} normalises with the mean and standard deviation of its training images; "
            "expected no percentiles. Leave them out."
        )
    merged = {**own, **asked}
    if any(own.get(key) != value for key, value in asked.items()):
        merged = {key: value for key, value in merged.items() if key not in ("gain", "offset")}
    if not is_fixed(merged) and not merged["low"] < merged["high"]:
        raise BadInput(f"norm_low={merged['low']:g} and norm_high={merged['high']:g}; expected norm_low below it.")
    return merged
