"""The plane in which ImageJ shows the outline of an object is the object's own, in images of all sizes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from fiji.test_jython_lib import run
from talanoa import image, rois
from talanoa.fiji.bridge import packing
from talanoa.fiji.setup.runtime import Runtime

SIZES = [size for size in itertools.product((1, 2), (1, 3), (1, 4)) if size[1] * size[2] > 1]  # c, z, t
UNPACK = """
from talanoa_fiji import rois
made.put("rois", rois.unpack(made["packed"], made["imp"]))
"""


def labels_in_each_plane(slices: int, frames: int) -> Any:
    """Return a label image with one object in each plane, each in a place of its own."""
    values = np.zeros((frames, slices, 20, 100), np.int32)
    for t, z in itertools.product(range(frames), range(slices)):
        first = 2 + 8 * (t * slices + z)
        values[t, z, 5:11, first : first + 6] = 1 + t * slices + z
    return image.from_array(values, "tzyx")


def hyperstack(size: tuple[int, int, int]) -> Any:
    """Return a black image that is not shown (as in batch mode and headless), with hyperstack flags as ImageJ sets."""
    import jpype

    channels, slices, frames = size
    imp = jpype.JClass("ij.IJ").createHyperStack("image", 100, 20, channels, slices, frames, 8)
    assert not imp.isDisplayedHyperStack()
    return imp


def shown_in(imp: Any, roi: Any) -> set[tuple[int, int]]:
    """Return the planes (z, t) in which ImageJ draws a ROI of the overlay."""
    import jpype

    roi.setFillColor(jpype.JClass("java.awt.Color").red)
    imp.setOverlay(jpype.JClass("ij.gui.Overlay")(roi))
    box, planes = roi.getBounds(), set()
    for index in range(1, imp.getStackSize() + 1):
        c, z, t = (int(part) for part in imp.convertIndexToPosition(index))
        if imp.isHyperStack():
            imp.setPosition(c, z, t)
        else:
            imp.setSlice(index)
        pixel = imp.flatten().getProcessor().getPixel(box.x + 2, box.y + 2)
        if pixel & 0xFFFFFF == 0xFF0000:
            planes.add((z, t))
    imp.setOverlay(None)
    return planes


def plane_of(number: int, slices: int) -> tuple[int, int]:
    return (number - 1) % slices + 1, (number - 1) // slices + 1


def of_zip(path: Path) -> list[Any]:
    """Return the ROIs of a zip as ImageJ reads them."""
    import zipfile

    import jpype

    decoder, array = jpype.JClass("ij.io.RoiDecoder"), jpype.JArray(jpype.JByte)
    with zipfile.ZipFile(path) as archive:
        return [decoder(array(archive.read(name)), name).getRoi() for name in archive.namelist()]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_each_outline_is_shown_in_the_plane_of_its_object(
    imagej: Runtime, size: tuple[int, int, int], tmp_path: Path
) -> None:
    """By a ROI zip, and by the ROIs that the menu puts into the manager or the overlay."""
    _, slices, frames = size
    made = rois.from_labels(labels_in_each_plane(slices, frames))
    rois.write_zip(tmp_path / "rois.zip", rois.bound_in(made, *size))
    imp = hyperstack(size)
    of_menu = list(run(imagej, UNPACK, packed=packing.pack_rois(made), imp=imp)["rois"])
    for found in (of_zip(tmp_path / "rois.zip"), of_menu):
        assert len(found) == slices * frames
        for number, roi in enumerate(found, 1):
            assert shown_in(imp, roi) == {plane_of(number, slices)}, (number, roi.getPosition(), roi.getZPosition())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_imagej_saved_is_saved_again_as_it_was(
    imagej: Runtime, size: tuple[int, int, int], tmp_path: Path
) -> None:
    """Reading and writing changes neither the position fields nor the plane, and painting finds the plane."""
    import jpype

    imp, encoder = hyperstack(size), jpype.JClass("ij.io.RoiEncoder")
    blobs = []
    for z, t in itertools.product(range(1, size[1] + 1), range(1, size[2] + 1)):
        imp.setPosition(1, z, t) if imp.isHyperStack() else imp.setSlice(imp.getStackIndex(1, z, t))
        roi = jpype.JClass("ij.gui.Roi")(10, 5, 6, 6)
        roi.setPosition(imp)
        blobs.append((bytes(encoder.saveAsByteArray(roi)), (z, t)))
    read = rois.decode([data for data, _ in blobs], image_shape=(size[2], size[0], size[1], 20, 100))
    assert not read.warnings
    buffer, begin = rois.encode(read.rois)
    for k, (data, (z, t)) in enumerate(blobs):
        ours, theirs = (roifile.ImagejRoi.frombytes(each) for each in (buffer[begin[k] : begin[k + 1]].tobytes(), data))
        keys = ("position", "c_position", "z_position", "t_position")
        assert [getattr(ours, key) for key in keys] == [getattr(theirs, key) for key in keys]
        painted = rois.to_labels(read.rois[k], (size[2], size[1], 20, 100)).labels.values[:, 0]
        where = np.argwhere(painted.any(axis=(2, 3))).tolist()
        assert where == [[t - 1, z - 1]]
