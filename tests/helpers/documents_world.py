"""A folder with the files that the documents' commands name, and small models under the names they use."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from helpers import drawn_plates, labellers, restorers, tiny
from talanoa import image as images
from talanoa import rois
from talanoa.models import folder as model_folder

SIZE = 64
FIELDS = ("field_01", "field_02", "field_03")
DATASETS = ("my_data", "monday", "tuesday", "others", "test_set", "test")
PLATES = ("my_plate", "another_plate", "plate1", "plate2", "plate 1", "plate 2", "plates/test", "plates/a")
RESTORING = ("my cells denoised", "my noise")
PHASE_DIC = (labellers.PHASE, labellers.Light(name="DIC"))
ER = labellers.Stain(name="er", low=50, high=850)
STAINS: dict[str, dict[str, Any]] = {
    "my stains": {"stains": (labellers.NUCLEUS, ER)},
    "nuclei from phase": {},
    "er from phase": {"stains": (ER,)},
    "stains from phase": {"stains": (labellers.NUCLEUS, ER)},
    "my-labelling": {},
    "nuclei from stacks": {"lights": (labellers.Light(name="phase", planes=(1, 2, 3), stack=3),)},
    "of both lights": {"lights": PHASE_DIC},
}


def write(folder: Path) -> None:
    """Write all files into a folder."""
    for name in ("cells", "noisy", "plane"):
        image("discs", 1, folder / f"{name}.tif")
    images.write(folder / "slide.ome.zarr", images.from_array(tiny.discs(1, SIZE, 4)[0]))
    labellers.write_phase(folder / "phase.tif", SIZE, SIZE)
    labellers.write_phase(folder / "field.tif", SIZE, SIZE)
    labellers.write_phase(folder / "stack.tif", 7, SIZE, SIZE, dims="zyx")
    for movie in ("movie.tif", "movie.ome.tif"):
        several("movie", "tyx", folder / movie)
    labels = images.from_array(tiny.discs(1, SIZE, 4)[1].astype(np.int32))
    images.write_labels(folder / "labels.tif", labels)
    images.write_labels(folder / "cells_cp_masks.tif", labels)
    rois.write_zip(folder / "drawn.zip", rois.from_labels(labels))
    for number, field in enumerate(FIELDS, start=1):
        _field(folder, field, number)
    for plate in PLATES:
        shutil.copytree(drawn_plates.drawn(3, 1, 64), folder / plate)
    for stain in ("nucleus", "er"):
        shutil.copytree(folder / "plates/test" / stain, folder / "predicted" / stain)


def _field(folder: Path, field: str, number: int) -> None:
    """Write what has one file for each field."""
    for place in ("folder_of_images", "images", "phase", "noisy", "test/low", "restored_elsewhere"):
        image("discs", number, folder / place / f"{field}.tif")
    for place in ("dapi", "low", "high", "test/high"):
        image("discs", number, folder / place / f"{field}.tif")
    for place in ("both", "movies", "repeats"):
        several(place, "cyx" if place == "both" else "tyx", folder / place / f"{field}.tif")
    for dataset in DATASETS:
        image("discs", number, folder / dataset / "images" / f"{field}.tif")
    masks = [*(f"{each}/masks" for each in DATASETS), "test/masks_by_ben", "test/masks_by_anna"]
    for place in (*masks, "cellpose_masks", "other_program/masks"):
        image("labels", number, folder / place / f"{field}.tif")
    outlines = rois.from_labels(images.from_array(tiny.discs(number, SIZE, 4)[1].astype(np.int32)))
    for place in ("rois", "test/rois", "my_data/rois"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        rois.write_zip(folder / place / f"{field}.zip", outlines)


def image(kind: str, seed: int, path: Path) -> None:
    """Write an image of discs, or their labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels, labels = tiny.discs(seed, SIZE, 4)
    if kind == "labels":
        images.write_labels(path, images.from_array(labels.astype(np.int32)))
    else:
        noise = np.random.default_rng(_seed(path)).normal(0, 20, pixels.shape)
        images.write(path, images.from_array(np.rint(pixels + noise).clip(0).astype(np.uint16)))


def _seed(path: Path) -> int:
    """Return a number for a file: no two of them are copies of each other."""
    return zlib.crc32("/".join(path.parts[-3:]).encode())


def negative(source: Path, target: Path) -> None:
    """Write the images of a folder with bright and dark exchanged into another one."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        found = images.read(path)
        images.write(target / path.name, found.copy(data=found.values.max() - found.values))


def several(kind: str, dims: str, path: Path) -> None:
    """Write frames, channels, or a stack with channels (czyx), of discs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.stack([tiny.discs(1, SIZE, 4)[0]] * 3)
    if "z" in dims:
        pixels = np.stack([pixels[0]] * 16)
        pixels = np.stack([pixels] * 3) if "c" in dims else pixels
    noise = np.random.default_rng(_seed(path)).normal(0, 30, pixels.shape)
    values = np.rint(pixels + noise).clip(0).astype(np.uint16)
    form = {"pixel_size": (2.0 if "z" in dims else 1.0, 0.5, 0.5), "unit": "µm"}
    images.write(path, images.from_array(values, dims, **form))


def write_models(home: Path, restoring: tuple[str, ...] = RESTORING) -> None:
    """Write the models that the documents name; those of `restoring` restore images."""
    models = home / "models"
    for name in ("my cells", "old model"):
        if name not in restoring:
            shutil.copytree(tiny.MODEL, models / name)
    for name in restoring:
        restorers.save(models / name)
    for name, keys in STAINS.items():
        labellers.save(models / name, **keys)
    assert model_folder.user_models() == models
