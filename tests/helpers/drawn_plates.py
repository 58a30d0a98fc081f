"""Small plates for tests: drawn cells in transmitted light with stains, and files whose pixels can be told by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from talanoa.tasks.sample import plate
from talanoa.tasks.sample.request import SampleRequest


@cache
def drawn(wells: int = 6, images: int = 2, size: int = 128, planes: int = 1) -> Path:
    """Write a drawn plate with phase/, nucleus/, er/, golgi/ and wells.csv, once for all tests; return its folder."""
    folder = Path(mkdtemp(prefix="talanoa-plate-")) / "plate"
    plate.write(SampleRequest(kind="plate", out=str(folder), wells=wells, images=images, size=size, planes=planes))
    return folder


def field(number: int, shape: tuple[int, ...] = (96, 96)) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return transmitted light and a stain that a network learns at once: discs, dark and bright."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[: shape[-2], : shape[-1]]
    discs = np.zeros(shape[-2:], bool)
    for _ in range(5):
        y, x = rng.uniform(10, shape[-2] - 10), rng.uniform(10, shape[-1] - 10)
        discs |= (rows - y) ** 2 + (columns - x) ** 2 < rng.uniform(5, 9) ** 2
    light = 1000 - 600.0 * discs + rng.normal(0, 20, shape)
    stain = 100 + 800.0 * discs + rng.normal(0, 20, shape[-2:])
    return light.astype(np.uint16), stain.astype(np.uint16)


def write(folder: Path, kind: str, name: str, values: NDArray) -> None:
    """Write an image (y, x) of a plate, or a stack (z, y, x)."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    stack: dict[str, Any] = {"imagej": True, "metadata": {"axes": "ZYX"}} if values.ndim == 3 else {}
    tifffile.imwrite(folder / kind / f"{name}.tif", values, **stack)


def two_lights(folder: Path, names: list[str], side: int = 64) -> Path:
    """Write a plate of discs that are all dark in phase/, half of them in DIC/, too, and stained (dapi/) only there."""
    rows, columns = np.mgrid[:side, :side]
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        kinds = np.zeros((2, side, side), bool)
        for disc in range(8):
            y, x = rng.uniform(8, side - 8, 2)
            kinds[disc % 2] |= (rows - y) ** 2 + (columns - x) ** 2 < 6**2
        noise = rng.normal(0, 15, (3, side, side))
        write(folder, "phase", name, (1000 - 600.0 * kinds.any(axis=0) + noise[0]).astype(np.uint16))
        write(folder, "DIC", name, (2000 - 900.0 * kinds[0] + noise[1]).astype(np.uint16))
        write(folder, "dapi", name, (100 + 800.0 * kinds[0] + noise[2]).astype(np.uint16))
    return folder


def discs(folder: Path, names: list[str], shape: tuple[int, ...] = (96, 96), stain: str = "dapi") -> Path:
    """Write a plate of discs, phase/ and a stain, and return its folder."""
    for number, name in enumerate(names):
        light, fluorescence = field(number, shape)
        write(folder, "phase", name, light)
        write(folder, stain, name, fluorescence)
    return folder
