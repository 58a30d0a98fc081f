"""A drawn plate: cells in phase contrast with their stains, phenotypes, empty wells, and the truth about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.files import check_target, write_aside
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.tasks.sample import cells, optics

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.tasks.sample.request import SampleRequest

TRANSMITTED, STAINS = "phase", ("nucleus", "er", "golgi")
TRUTH = "truth"
FOCUS_STEP = 3.0  # µm between two planes
DENSITY = 18 / 256**2  # cells that are tried for each pixel
EMPTY = 6  # every so many wells one has no cells
ER_SEEN = 0.35  # µm of endoplasmic reticulum from which a place counts as covered by it
_BRIGHT = {"nucleus": 0.35, "er": 1.0, "golgi": 1.0}  # of a stain, for each µm


class Well(NamedTuple):
    """A well: its name such as B03, its phenotype, and whether cells grow in it."""

    name: str
    phenotype: cells.Phenotype
    empty: bool


class Field(NamedTuple):
    """What the microscope shows of a field, and what is there.

    Parameters
    ----------
    phase : ndarray of uint16, (z, y, x)
        Phase contrast, focal planes from below.
    stains : dict of str to ndarray of uint16, (y, x)
    culture : Culture
        What was drawn.
    """

    phase: NDArray[np.uint16]
    stains: dict[str, NDArray[np.uint16]]
    culture: cells.Culture


def wells(count: int) -> list[Well]:
    """Return the wells of a plate: phenotypes in turn, every sixth one empty, in rows as on a plate."""
    columns = int(np.ceil(np.sqrt(1.5 * count)))
    made = []
    for k in range(count):
        row, column = divmod(k, columns)
        kind = cells.PHENOTYPES[k % len(cells.PHENOTYPES)]
        made.append(Well(f"{chr(65 + row)}{column + 1:02d}", kind, k % EMPTY == EMPTY - 1))
    return made


def draw(well: Well, shape: tuple[int, int], planes: int, key: tuple[int, ...]) -> Field:
    """Draw one field of a well.

    Parameters
    ----------
    well : Well
    shape : (y, x)
        In pixels of 0.65 µm.
    planes : int
        Focal planes of phase contrast, 3 µm apart around the sharpest one.
    key : tuple of int
        Seed and number of the field: equal ones give an equal field.
    """
    rng, microscope = np.random.default_rng(key), optics.Microscope()
    wanted = 0 if well.empty else int(rng.poisson(DENSITY * shape[0] * shape[1]))
    culture = cells.culture(shape, microscope.pixel, well.phenotype, wanted, rng)
    depths = [(k - (planes - 1) / 2) * FOCUS_STEP for k in range(planes)]
    phase = optics.phase_contrast(culture, microscope, depths, rng)
    parts = {"nucleus": culture.chromatin, "er": culture.er, "golgi": culture.golgi}
    shown = {stain: optics.fluorescence(_BRIGHT[stain] * parts[stain], microscope, rng) for stain in STAINS}
    return Field(phase, shown, culture)


def write(request: SampleRequest, host: Host | None = None) -> Path:
    """Write the plate of a request.

    Parameters
    ----------
    request : SampleRequest
        Folder, wells, fields of a well, size, planes, seed.
    host : Host, optional
        Progress, cancelling.

    Returns
    -------
    Path
        The folder, which appears whole or not at all: ``phase/``, ``nucleus/``, ``er/``, ``golgi/`` with an image of
        each field under the same name, ``truth/nuclei/`` with the label images of the nuclei, ``truth/fields.csv``
        (what is in each field) and ``wells.csv``.

    Raises
    ------
    BadInput
        The folder exists.
    """
    import pandas as pd

    from talanoa.measure.tables import write_csv

    target, host = Path(request.out).expanduser().absolute(), host or QuietHost()
    check_target(target, overwrite=False)
    rows: list[dict[str, Any]] = []
    plan = wells(request.wells)
    with write_aside(target) as aside:
        for folder in (TRANSMITTED, *STAINS, f"{TRUTH}/nuclei"):
            (aside / folder).mkdir(parents=True)
        total = len(plan) * request.count
        for number, (well, field) in enumerate((well, k) for well in plan for k in range(request.count)):
            stop_if_cancelled(host)
            made = draw(well, (request.shape[-2], request.shape[-1]), request.planes, (request.seed, number))
            name = f"{well.name}_{well.phenotype.name}_f{field + 1:02d}.tif"
            for path, part in _files(made, name):
                images.write(aside / path, part)
            rows.append({"image": name, "well": well.name, "field": field + 1, **facts(well, made)})
            host.progress(number + 1, total, "Drawing")
        listed = [{"well": each.name, "phenotype": each.phenotype.name, "empty": each.empty} for each in plan]
        write_csv(aside / "wells.csv", pd.DataFrame(listed))
        write_csv(aside / TRUTH / "fields.csv", pd.DataFrame(rows))
    return target


def facts(well: Well, field: Field) -> dict[str, Any]:
    """Return what is in a field: cells, those with doubled DNA, and areas in µm²."""
    culture, pixel = field.culture, optics.Microscope().pixel
    number = int(culture.nuclei.max())
    nuclei = float(np.count_nonzero(culture.nuclei)) * pixel**2
    return {
        "phenotype": well.phenotype.name,
        "empty": well.empty,
        "cells": number,
        "doubled": int(np.count_nonzero(culture.dna > 1.5)),
        "nucleus_area": round(nuclei / number, 2) if number else 0.0,
        "er_area": round(float(np.count_nonzero(culture.er > ER_SEEN)) * pixel**2, 1),
        "golgi_total": round(float(culture.golgi.sum()) * pixel**2, 1),
    }


def _files(field: Field, name: str) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield where each image of a field goes, and the image."""
    pixel = optics.Microscope().pixel
    depth = FOCUS_STEP if len(field.phase) > 1 else 1.0

    def form(values: NDArray, dims: str) -> xr.DataArray:
        size = (depth if "z" in dims else 1.0, pixel, pixel)
        return images.from_array(values, dims, pixel_size=size, unit="µm", name=name)

    yield f"{TRANSMITTED}/{name}", form(field.phase, "zyx")
    for stain, values in field.stains.items():
        yield f"{stain}/{name}", form(values, "yx")
    yield f"{TRUTH}/nuclei/{name}", form(field.culture.nuclei.astype(np.uint16), "yx")
