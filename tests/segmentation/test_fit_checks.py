"""Warnings that a model does not fit an image: objects in pieces, objects that are not the bright ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from helpers import tiny
from talanoa import image, tasks
from talanoa.core.host import QuietHost
from talanoa.segmentation import fit_checks


def nuclei(radius: float, step: int, pieces: int, side: int = 320) -> NDArray[np.int32]:
    """Return discs on a grid, each in so many sectors."""
    y, x = np.mgrid[:side, :side]
    cell, dy, dx = (y // step) * (side // step) + x // step, y % step - step // 2, x % step - step // 2
    sector = ((np.arctan2(dy, dx) + np.pi) / (2 * np.pi) * pieces).astype(int).clip(0, pieces - 1)
    return np.where(dy**2 + dx**2 < radius**2, 1 + cell * pieces + sector, 0).astype(np.int32)


def tissue(side: int = 320) -> NDArray[np.int32]:
    """Return polygonal cells without background."""
    seeds = np.random.default_rng(0).integers(0, side, (60, 2))
    y, x = np.mgrid[:side, :side]
    return 1 + ((y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2).argmin(-1).astype(np.int32)


def pairs(side: int = 320) -> NDArray[np.int32]:
    """Return nuclei that touch in pairs, as after a division."""
    y, x = np.mgrid[:side, :side]
    found = np.zeros((side, side), np.int32)
    for number in range(16):
        cy, cx = 40 + 80 * (number // 4), 30 + 80 * (number % 4)
        found[(y - cy) ** 2 + (x - cx) ** 2 < 144] = 2 * number + 1
        found[(y - cy) ** 2 + (x - cx - 24) ** 2 < 144] = 2 * number + 2
    return found


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_nuclei_in_pieces_are_reported_with_a_scale(pieces: int) -> None:
    text = fit_checks.pieces_warning(nuclei(70, 160, pieces))
    assert "look like pieces of larger, round ones (4 of them)" in text and "scale=0." in text
    scale = float(text.split("scale=")[1].split()[0].rstrip("."))
    assert 0.2 <= scale < 0.5
    halved = fit_checks.pieces_warning(nuclei(70, 160, pieces), scale=0.5)
    assert float(halved.split("scale=")[1].split()[0].rstrip(".")) == pytest.approx(scale / 2, rel=0.1)


def test_one_large_nucleus_in_pieces_is_reported() -> None:
    assert fit_checks.pieces_warning(nuclei(140, 320, 4))


@pytest.mark.parametrize(
    "plane",
    [nuclei(12, 40, 1), tissue(), pairs(), np.zeros((40, 40), np.int32)],
    ids=["apart", "tissue", "pairs", "none"],
)
def test_objects_of_their_size_are_not_reported(plane: NDArray[np.int32]) -> None:
    assert not fit_checks.pieces_warning(plane)


def fluorescence(plane: NDArray[np.int32]) -> NDArray[np.float64]:
    return ndimage.gaussian_filter(100 + 900.0 * (plane > 0), 1) + np.random.default_rng(0).normal(0, 20, plane.shape)


def phase_contrast(plane: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return cells as grey as the ground, with a dark rim and a bright halo."""
    away = ndimage.distance_transform_edt(plane == 0) - ndimage.distance_transform_edt(plane > 0)
    return 500 + 300 * np.exp(-((away - 3) ** 2) / 4) - 200 * np.exp(-((away + 2) ** 2) / 4)


def test_phase_contrast_given_to_a_fluorescence_model_is_reported() -> None:
    plane = nuclei(12, 40, 1)
    noise = np.random.default_rng(1).normal(0, 20, plane.shape)
    text = fit_checks.brightness_warning(phase_contrast(plane) + noise, plane, "nuclei")
    assert "phase contrast" in text and "model nuclei" in text
    assert not fit_checks.brightness_warning(fluorescence(plane), plane, "nuclei")
    dense = tissue() * (np.random.default_rng(0).random(61) > 0.4)[tissue()]
    assert not fit_checks.brightness_warning(fluorescence(dense), dense, "nuclei")


def test_many_objects_of_a_few_pixels_are_reported() -> None:
    specks = np.arange(1, 64 * 64 + 1, dtype=np.int32).reshape(64, 64) * (np.indices((64, 64)).sum(0) % 2)
    text = fit_checks.specks_warning(specks, "first try")
    assert text.startswith("2048 of 2048 objects") and "Model first try" in text and "min_size" in text
    assert not fit_checks.specks_warning(nuclei(12, 40, 1), "x")
    assert not fit_checks.specks_warning(np.where(specks <= 99, specks, 0), "x")


def test_a_label_image_given_as_the_image_is_reported() -> None:
    plane = nuclei(12, 40, 1)
    assert "looks like a label image" in fit_checks.label_image_warning(plane.astype(np.uint16))
    assert "looks like a label image" in fit_checks.label_image_warning(pairs())
    microscope = fluorescence(plane).clip(0)
    for pixels in (microscope.astype(np.uint16), microscope, (plane > 0).astype(np.uint8) * 255, plane * 0):
        assert not fit_checks.label_image_warning(pixels)
    dark = np.where(microscope > 300, microscope, 0).astype(np.uint16)  # background removed
    assert not fit_checks.label_image_warning(dark)


def test_the_task_warns_and_does_not_cry_wolf() -> None:
    pixels, _ = tiny.discs(3)
    keys = {"task": "segment", "model": tiny.MODEL, "device": "cpu"}
    reply = tasks.run(keys, QuietHost(), image.from_array(pixels))
    assert reply["status"] == "ok" and not reply["warnings"]
    large = ndimage.zoom(pixels.astype(np.float32), 3, order=1).astype(np.uint16)
    reply = tasks.run(keys, QuietHost(), image.from_array(large))
    assert any("pieces of larger" in text and "scale=" in text for text in reply["warnings"]), reply["warnings"]
    reply = tasks.run(keys, QuietHost(), image.from_array(tiny.discs(3)[1].astype(np.uint16)))
    assert any("looks like a label image" in text for text in reply["warnings"]), reply["warnings"]
