"""Small plates of discs with stains that are known to the pixel, for the tests of `evaluate` on stains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

SIZE, RADIUS = 96, 6
PHENOTYPES = ("spread", "compact")
CELLS = (3, 5, 7, 9, 0, 4, 6, 8, 10, 0)  # of each well; two are empty
NUCLEI = "nucleus: nuclei min_area=20 block=61"


def stained(well: int, field: int, background: float = 100.0, noise: float = 2.0) -> np.ndarray:
    """Return a field, float32 (y, x): discs that do not touch, brighter from cell to cell, on a noisy background."""
    rng = np.random.default_rng((well, field))
    plane = background + rng.normal(0, noise, (SIZE, SIZE))
    places = rng.permutation(16)[: CELLS[well]]
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for k, place in enumerate(sorted(places)):
        y, x = (12 + 24 * at for at in divmod(int(place), 4))
        plane[(rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2] += 200 + 20 * k + 10 * field
    return plane.astype(np.float32)


def name_of(well: int, field: int) -> str:
    return f"A{well + 1:02d}_f{field + 1}"


def write(folder: Path, name: str, plane: np.ndarray, pixel: float = 0.5) -> None:
    """Write a calibrated image as ImageJ does."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"imagej": True, "resolution": (1 / pixel, 1 / pixel), "metadata": {"unit": "um"}}
    tifffile.imwrite(folder / f"{name}.tif", np.asarray(plane, np.float32), **keys)


def make_plate(folder: Path, fields: int = 2, stains: tuple[str, ...] = ("nucleus",)) -> Path:
    """Write a plate: phase/, a folder of each stain, wells.csv."""
    for well in range(len(CELLS)):
        for field in range(fields):
            plane = stained(well, field)
            write(folder / "phase", name_of(well, field), (1000 - plane).astype(np.float32))
            for stain in stains:
                write(folder / stain, name_of(well, field), plane)
    rows = [f"A{well + 1:02d},{PHENOTYPES[well % 2]}" for well in range(len(CELLS))]
    (folder / "wells.csv").write_text("\n".join(["well,phenotype", *rows]) + "\n", encoding="utf-8")
    return folder


def predict_plate(plate: Path, folder: Path, change: object, stains: tuple[str, ...] = ("nucleus",)) -> Path:
    """Write predictions of a plate: what the function `change` makes of each true plane."""
    for stain in stains:
        for path in sorted((plate / stain).iterdir()):
            made = change(tifffile.imread(path))  # type: ignore[operator]
            write(folder / stain, path.stem, made)
    return folder
