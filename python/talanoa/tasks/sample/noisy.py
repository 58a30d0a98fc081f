"""Drawn images with little light, and the same with much: for CARE, Noise2Noise and Noise2Void.

What is in them: the nuclei of `scenes`, thin curved filaments, and small bright vesicles; then a camera with shot
noise, read noise and, where it is asked for, noise that hangs together along the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.files import check_target, write_aside
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.core.request import parse
from talanoa.tasks.sample import scenes
from talanoa.tasks.sample.request import SampleRequest

if TYPE_CHECKING:
    import xarray as xr


PIXEL = 0.2  # µm
GAIN, OFFSET = 6.0, 100.0  # counts of a photon, counts without light
PHOTONS, READ_NOISE = 10.0, 12.0
AVERAGED = 64  # exposures of a high-SNR image
REPEATS = 4
FRAMES, STEP = 10, (0.7, 1.3)  # of the movie, and how far (y, x) the field moves from frame to frame
_ROW = 2.0  # pixels along a row over which noise of the rows hangs together
_MOVIE = 1_000_000  # the field of the movie, none of the pairs


class Camera(NamedTuple):
    """What makes an image noisy.

    photons : float
        Photons that a pixel of an ordinary nucleus sends in one exposure.
    read_noise : float
        Standard deviation of the camera's own noise, in counts.
    stripes : float
        Standard deviation of noise that is alike in neighbouring pixels of a row, in counts.
    """

    photons: float = PHOTONS
    read_noise: float = READ_NOISE
    stripes: float = 0.0


class Pair(NamedTuple):
    """A field seen twice, uint16 (y, x) or (z, y, x) on one scale of counts, and its light (float64, 1 = nucleus)."""

    low: NDArray[np.uint16]
    high: NDArray[np.uint16]
    light: NDArray[np.float64]


def write(request: SampleRequest, host: Host | None = None) -> Path:
    """Write the images of a request.

    Parameters
    ----------
    request : SampleRequest
        Folder, number and size of the images, noise, seed.
    host : Host, optional
        Progress, cancelling.

    Returns
    -------
    Path
        The folder, which appears whole or not at all. In it: ``low/`` and ``high/`` (same names), ``repeats/`` (of the
        first fields, several exposures each as frames; the first one is the image in ``low/``), and ``movie.tif``
        (t, y, x) or, of stacks, ``stack.tif`` (z, y, x).

    Raises
    ------
    BadInput
        The folder exists.
    """
    target, host = Path(request.out).expanduser().absolute(), host or QuietHost()
    check_target(target, overwrite=False)
    camera = Camera(request.photons, request.read_noise, request.stripes)
    with write_aside(target) as aside:
        for folder in ("low", "high", "repeats"):
            (aside / folder).mkdir(parents=True)
        for number in range(request.count):
            stop_if_cancelled(host)
            _write_field(aside, number, request, camera)
            host.progress(number + 1, request.count + 1, "Drawing")
        name = "stack" if request.volume else "movie"
        dims, made = ("zyx", _stack) if request.volume else ("tyx", movie)
        images.write(aside / f"{name}.tif", _form(made(request.shape, request.seed, camera), dims, name))
        host.progress(request.count + 1, request.count + 1, "Drawing")
    return target


def write_noisy(
    path: str | Path,
    count: int = 12,
    size: int = 256,
    seed: int = 0,
    volume: bool = False,
    camera: Camera | None = None,
) -> Path:
    """Write drawn images with little and with much light; see `write`.

    Parameters
    ----------
    path : path
        The new folder.
    count, size : int
        Pairs, and the side of an image in pixels.
    seed : int
        The same seed gives the same bytes; pair k does not depend on how many there are.
    volume : bool
        Stacks of 24 slices, two pixels apart, instead of planes.
    camera : Camera, optional
        The noise.
    """
    keys = {"kind": "noisy", "out": path, "images": count, "size": size, "seed": seed, "volume": volume}
    return write(parse(SampleRequest, {**keys, **(camera or Camera())._asdict()}).request)


def draw(shape: tuple[int, ...], seed: int = 0, number: int = 0, camera: Camera | None = None) -> Pair:
    """Return field `number` of a seed with little and with much light.

    Parameters
    ----------
    shape : (y, x) or (z, y, x)
    seed, number : int
        From 0 on.
    camera : Camera, optional
        The noise of `low`; `high` is the mean of 64 such exposures, without `stripes`.
    """
    light, rng = _field(shape, seed, number)
    low = next(exposures(light, rng, camera or Camera()))
    return Pair(low, _mean(light, rng, camera or Camera()), light)


def movie(
    shape: tuple[int, ...], seed: int = 0, camera: Camera | None = None, frames: int = FRAMES
) -> NDArray[np.uint16]:
    """Return a noisy movie (t, y, x) of one field that moves by 0.7 and 1.3 pixels from frame to frame."""
    from scipy.ndimage import shift

    height, width = shape[-2:]
    way = [int(np.ceil(abs(step) * frames)) for step in STEP]
    light, rng = _field((height + way[0], width + way[1]), seed, _MOVIE)
    shown = (
        shift(light, [-step * k for step in STEP], order=3, mode="nearest")[:height, :width] for k in range(frames)
    )
    return np.stack([next(exposures(each, rng, camera or Camera())) for each in shown])


def exposures(light: NDArray[np.float64], rng: np.random.Generator, camera: Camera) -> Iterator[NDArray[np.uint16]]:
    """Yield, without end, exposures of the same light (any shape, 1 = an ordinary nucleus) as a camera counts them."""
    from scipy.ndimage import gaussian_filter1d

    expected = np.round(np.clip(light, 0, None) * camera.photons, 4)
    while True:
        counts = OFFSET + GAIN * rng.poisson(expected) + rng.normal(0, camera.read_noise, light.shape)
        if camera.stripes:
            rows = gaussian_filter1d(rng.normal(size=light.shape), _ROW, axis=-1)
            counts += camera.stripes * rows / rows.std()
        yield _as_counts(counts)


def fine_light(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw filaments and vesicles alone, without background, 1 = as bright as an ordinary nucleus.

    Parameters
    ----------
    shape : (y, x) or (z, y, x)
    rng : numpy.random.Generator
    """
    from scipy.ndimage import gaussian_filter

    area = float(np.prod(shape[-2:])) / 256**2 * (shape[0] / 3 if len(shape) == 3 else 1)
    threads, spots = np.zeros(shape), np.zeros(shape)
    for _ in range(max(2, round(22 * area))):
        places = _thread(shape, rng)
        inside = np.all((places >= 0) & (places < shape), axis=1)
        np.add.at(threads, tuple(places[inside].T), rng.uniform(0.5, 1.2))
    centres = (rng.uniform(size=(max(2, round(40 * area)), len(shape))) * shape).astype(int)
    np.add.at(spots, tuple(centres.T), rng.uniform(0.6, 1.6, len(centres)))
    deep = 2.2 if len(shape) == 3 else 1.0  # the third dimension thins what the blur spreads
    blur = scenes.steps(shape, 1.0)
    return deep * (0.9 * gaussian_filter(threads, blur) + 9.0 * gaussian_filter(spots, blur))


def _thread(shape: tuple[int, ...], rng: np.random.Generator, step: float = 0.5) -> NDArray[np.int64]:
    """Return the pixels, one row each, of a curved line that begins anywhere."""
    length = int(rng.uniform(0.4, 1.2) * max(shape) / step)
    bend = np.cumsum(rng.normal(0, 0.006, length))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(bend * step * 0.2)
    ways = [np.sin(heading), np.cos(heading)]
    if len(shape) == 3:
        ways.insert(0, np.full(length, rng.normal(0, 0.08)))
    start = rng.uniform(size=len(shape)) * shape
    return np.rint(start + step * np.cumsum(np.stack(ways, axis=1), axis=0)).astype(np.int64)


def _field(shape: tuple[int, ...], seed: int, number: int) -> tuple[NDArray[np.float64], np.random.Generator]:
    """Return the light of field `number` and the generator that draws its noise."""
    if seed < 0 or number < 0:
        raise BadInput(f"Found seed {seed} and number {number}; expected numbers from 0 on.")
    rng = np.random.default_rng([seed, number])
    return scenes.light(shape, rng) + fine_light(shape, rng), rng


def _mean(light: NDArray[np.float64], rng: np.random.Generator, camera: Camera) -> NDArray[np.uint16]:
    """Return the mean of 64 exposures: many photons at once are as random as their sum."""
    photons = rng.poisson(np.round(np.clip(light, 0, None) * camera.photons * AVERAGED, 4)) / AVERAGED
    return _as_counts(OFFSET + GAIN * photons + rng.normal(0, camera.read_noise / AVERAGED**0.5, light.shape))


def _as_counts(counts: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.clip(np.rint(counts), 0, 65_535).astype(np.uint16)


def _stack(shape: tuple[int, ...], seed: int, camera: Camera) -> NDArray[np.uint16]:
    """Return a noisy stack (z, y, x) of a field that is none of the pairs."""
    light, rng = _field(shape, seed, _MOVIE)
    return next(exposures(light, rng, camera))


def _write_field(root: Path, number: int, request: SampleRequest, camera: Camera) -> None:
    """Write a pair and, of the first fields, repeated exposures."""
    name, dims = f"cells_{number + 1:03d}", "zyx" if request.volume else "yx"
    light, rng = _field(request.shape, request.seed, number)
    taken = exposures(light, rng, camera)
    low = next(taken)
    images.write(root / "low" / f"{name}.tif", _form(low, dims, name))
    images.write(root / "high" / f"{name}.tif", _form(_mean(light, rng, camera), dims, name))
    if number < REPEATS:
        repeated = np.stack([low, *(next(taken) for _ in range(REPEATS - 1))])
        images.write(root / "repeats" / f"{name}.tif", _form(repeated, "t" + dims, name))


def _form(values: NDArray[np.uint16], dims: str, name: str) -> xr.DataArray:
    size = (2 * PIXEL if "z" in dims else 1.0, PIXEL, PIXEL)
    return images.from_array(
        values, dims, pixel_size=size, unit="µm", name=name, frame_interval=1.0 if "t" in dims else 0
    )
