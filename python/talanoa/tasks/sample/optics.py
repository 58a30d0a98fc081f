"""What microscopes show of a drawn culture: phase contrast at several focal planes, and fluorescence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.tasks.sample.cells import Culture, Map


class Microscope(NamedTuple):
    """An objective, its phase ring and a camera.

    Parameters
    ----------
    pixel : float
        Width of a pixel in the sample, µm.
    wavelength, aperture : float
        Of the light, µm; numerical aperture.
    halo : float
        Width over which the phase ring takes the light for undiffracted, µm: that of the bright halo around cells.
    absorption : float
        Amplitude that the ring lets through.
    photons : float
        Of a pixel of the empty phase contrast image.
    light : float
        Photons of a pixel of a stain's ordinary structure.
    read_noise : float
        Standard deviation, counts.
    """

    pixel: float = 0.65
    wavelength: float = 0.55
    aperture: float = 0.45
    halo: float = 7.0
    absorption: float = 0.5
    photons: float = 900.0
    light: float = 60.0
    read_noise: float = 6.0


INDEX = {"height": 0.028, "chromatin": 0.006, "er": 0.012, "golgi": 0.02, "dirt": 0.06}  # over that of the medium
OFFSET, GAIN = 100.0, 2.0  # counts without light, counts of a photon


def path_difference(culture: Culture) -> Map:
    """Return by how much light is delayed, µm: thickness times refractive index over that of the medium."""
    parts = culture._asdict()
    made: Map = sum(index * parts[name] for name, index in INDEX.items())
    return made


def phase_contrast(
    culture: Culture, microscope: Microscope, depths: Sequence[float], rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return phase contrast images (z, y, x) of a culture.

    The light behind the cells, exp(i phase), is brought to each focal plane (angular spectrum); the phase ring weakens
    what it takes for undiffracted light, the lowest frequencies, and turns it by a quarter of a wave; the aperture
    ends the rest. So thick cells are dark with a bright halo, and wide ones fade to grey inside.

    Parameters
    ----------
    culture : Culture
    microscope : Microscope
    depths : sequence of float
        Focal planes, µm above the sharpest one.
    rng : numpy.random.Generator
        Noise and the unevenness of the lamp.

    Notes
    -----
    Zernike 1942, doi:10.1016/S0031-8914(42)80035-X; Goodman, Introduction to Fourier Optics, chapters 3 and 8.
    """
    phase = 2 * np.pi / microscope.wavelength * path_difference(culture)
    shape = phase.shape
    wide = [(size // 4, size // 4) for size in shape]  # the transform is periodic, the sample is not
    spectrum = np.fft.fft2(np.exp(1j * np.pad(phase, wide, mode="reflect")))
    y, x = np.meshgrid(*(np.fft.fftfreq(size, microscope.pixel) for size in spectrum.shape), indexing="ij")
    square = y**2 + x**2
    aperture = np.exp(-((square / (microscope.aperture / microscope.wavelength) ** 2) ** 2))
    ring = np.exp(-square * (np.pi * microscope.halo) ** 2 / 2)
    filtered = spectrum * aperture * (1 - ring - 1j * microscope.absorption * ring)
    inner = tuple(slice(a, a + n) for (a, _), n in zip(wide, shape, strict=True))
    lamp = _lamp(shape, rng)
    planes = []
    for depth in depths:
        wave = np.fft.ifft2(filtered * np.exp(-1j * np.pi * microscope.wavelength * depth * square))[inner]
        expected = microscope.photons * lamp * np.abs(wave) ** 2 / microscope.absorption**2
        planes.append(_camera(expected, microscope, rng))
    return np.stack(planes)


def fluorescence(part: Map, microscope: Microscope, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the image (y, x) of a stain.

    Parameters
    ----------
    part : ndarray, (y, x)
        Thickness of what is stained, µm.
    microscope : Microscope
    rng : numpy.random.Generator
        Noise, bleaching across the field.
    """
    from scipy.ndimage import gaussian_filter

    sharp = 0.21 * microscope.wavelength / microscope.aperture / microscope.pixel
    light = gaussian_filter(part, sharp)
    light = light + 0.12 * gaussian_filter(part, 4.0 / microscope.pixel)  # from out of focus
    return _camera(microscope.light * (0.08 + light) * _lamp(part.shape, rng), microscope, rng)


def _lamp(shape: tuple[int, ...], rng: np.random.Generator) -> Map:
    """Return the uneven light of a lamp, 1 in the mean."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    middle = rng.uniform(-0.3, 0.3, 2)
    made: Map = 1 - 0.12 * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2)
    return made / made.mean()


def _camera(expected: Map, microscope: Microscope, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return counts: shot noise, gain, offset, read noise."""
    photons = rng.poisson(np.round(np.clip(expected, 0, None), 4))
    counts = OFFSET + GAIN * photons + rng.normal(0, microscope.read_noise, expected.shape)
    return np.clip(np.rint(counts), 0, 65_535).astype(np.uint16)
