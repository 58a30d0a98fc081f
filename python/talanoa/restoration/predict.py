"""Restore an image with a trained model: levels of the whole, network, the way back to intensities."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host, Share
from talanoa.image import lazy
from talanoa.image.lazy import LazyImage
from talanoa.image.ops import anisotropy
from talanoa.image.ops.normalize import Levels, is_fixed
from talanoa.models import methods
from talanoa.models.folder import Model, check_kind
from talanoa.models.runtime import backends
from talanoa.models.runtime import frames as image_work
from talanoa.models.runtime.dense import Prediction, planned_parts, predict
from talanoa.models.runtime.dtypes import type_for
from talanoa.models.runtime.frames import Found, ImageWork, Made
from talanoa.models.runtime.source import Measured, measure
from talanoa.restoration import calibration, isotropic
from talanoa.restoration.checks import check_levels, far_from_trained, warnings_of
from talanoa.restoration.request import RestoreRequest
from talanoa.restoration.select import choose


def restore(image: xr.DataArray, model: Model, request: RestoreRequest, host: Host) -> Made:
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
    return image_work.whole(Restoration(lazy.in_memory(image), model, request, host))


class Restoration(ImageWork):
    """A restoration that is worked through frame by frame.

    Parameters
    ----------
    image : LazyImage
        All of the image, in memory or on disk.
    model, request, host
        See `restore`.
    """

    made, doing = "restored", "Restoring"

    def __init__(self, image: LazyImage, model: Model, request: RestoreRequest, host: Host) -> None:
        started = time.perf_counter()
        self.model = model
        check_kind(model, "image")
        self.config: Any = methods.get(model.method).config(**model.config)
        source, notes = choose(image, model, request)
        kind = type_for(request.dtype, image.form.dtype)
        t, c, z, y, x = source.shape
        self.each = request.channel == "all"
        self.form, self.request = image.form, request
        self.factor = self._factor()
        depth = 1 if self.config.projects else z if self.factor is None else anisotropy.count_of(z, self.factor)
        shape = (t, c if self.each else int(self.config.n_channel_out), depth, y, x)
        super().__init__(image, source, kind, shape, request, host)
        self.normalization = normalization_of(model, request)
        self.measured: Measured = measure(source, self._of_channels(), request.sample, host)
        check_levels(self.measured, source, self.normalization)
        self.chosen = backends.for_model(model, request.device, request.backend)
        self.tta = request.tta or (request.uncertainty and not getattr(self.config, "probabilistic", False))
        self.parts = self._parts((z, y, x))
        # another number of channels out than in: which intensities they should have, nobody knows
        self.foreign = model.channels not in (1, int(self.config.n_channel_out))
        self._before = [*notes, *([self.chosen.warning] if self.chosen.warning else [])]
        self._before += warnings_of(self.measured, source, self.normalization, model)
        if self.factor is not None:
            self._before += far_from_trained(self.factor, float(self.config.anisotropy))
        if self.foreign:
            self._before.append(
                f"The model makes {counted(self.config.n_channel_out, 'channel')} of {model.channels}: what comes "
                "out is in the "
                "units of the training, 0 to 1 for most pixels, not in intensities of the image."
            )
        self.times["load"] = round(time.perf_counter() - started, 4)

    def _factor(self) -> float | None:
        """Return how many pixels wide the distance of two slices is, of a stack that is made isotropic."""
        if not self.config.isotropic:
            return None
        return anisotropy.of_calibration(self.form.attrs, str(self.form.attrs.get("name") or "The image"))

    def _parts(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the number of tiles along each axis that is cut."""
        if self.factor is not None:
            return isotropic.parts_of(shape, self.factor, self.config, self.request.tiles)
        return planned_parts(shape[-self.config.ndim :], self.config, self.request.tiles, shape[0])

    def _of_channels(self) -> Mapping[str, Any]:
        """Return the normalisation for all channels that are read: a model of one serves each of several."""
        count = len(self.source.channels)
        if self.request.channel != "all" or not is_fixed(self.normalization):
            return self.normalization
        return {**self.normalization, **{key: list(self.normalization[key]) * count for key in ("mean", "std")}}

    def _frame(self, pixels: NDArray, host: Host) -> Found:
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

    def _channels(self, pixels: NDArray, levels: Levels, host: Host) -> Found:
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

    def _unit(self, pixels: NDArray, levels: Levels, host: Host) -> Found:
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
            return isotropic.predict(self.chosen.runner, pixels, levels, *rest, self.factor, self.tta, self.more)
        if self.config.projects:
            levels = Levels(tuple(pair for pair in levels.pairs for _ in range(pixels.shape[1])))
            pixels = pixels.reshape(-1, *pixels.shape[2:])
        return predict(self.chosen.runner, pixels, levels, *rest, self.tta, self.more)

    def warnings(self) -> list[str]:
        """Return what the user should know, once all frames are there."""
        return [*self._before, *self.numbers.warnings()]

    def channel_attrs(self, what: str) -> dict[str, Any]:
        """Return names and colour tables of the channels that were restored; the noise had another display range."""
        kept = self.source.channels if self.shape[1] == len(self.source.channels) else ()
        attrs: dict[str, Any] = {"channel_names": ("",) * self.shape[1]}
        for key in ("channel_names", "luts"):
            values = self.form.attrs.get(key, ())
            if len(values) == self.form.sizes["c"] and kept:
                attrs[key] = tuple(values[channel] for channel in kept)
        if self.factor is not None:
            _, height, width = self.form.attrs["pixel_size"]
            attrs["pixel_size"] = (width, height, width)
        return attrs

    def plan(self) -> dict[str, Any]:
        """Return levels, tiles and backend."""
        levels = [list(pair) for pair in self.measured.levels.pairs]
        return {"levels": levels, "tiles": list(self.parts), "backend": self.chosen.record}

    def message(self) -> str:
        """Say what was restored."""
        frames, planes, made = len(self.source.frames), len(self.source.planes), self.shape[2]
        what = f"{frames} frames" if frames > 1 else f"{planes} slices" if planes > 1 else "the image"
        if made != planes:
            what += f" to {made} slices" if made > 1 else " to a plane" if frames == 1 else " to planes"
        return what

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
            **self.hashes(),
            "times": self.times,
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
