"""ROIs against ImageJ itself: its masks of every type of area, its decoder, its encoder and its wand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from talanoa import image, rois
from talanoa.fiji.setup.runtime import Runtime

SIZE = (48, 56)  # height, width of the image in which ROIs are compared


@pytest.fixture(scope="module")
def java(imagej: Runtime) -> SimpleNamespace:
    """The classes that the tests need."""
    import jpype

    names = [
        *(
            f"ij.gui.{name}"
            for name in ("Roi", "OvalRoi", "PolygonRoi", "EllipseRoi", "RotatedRectRoi", "ShapeRoi", "Wand")
        ),
        "ij.io.RoiEncoder",
        "ij.io.RoiDecoder",
        "ij.process.ByteProcessor",
        "java.util.zip.ZipFile",
        "java.util.zip.ZipInputStream",
        "java.io.FileInputStream",
    ]
    return SimpleNamespace(**{name.split(".")[-1]: jpype.JClass(name) for name in names}, jpype=jpype)


def imagej_mask(roi: Any, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Return the pixels that ImageJ counts as inside, clipped to an image."""
    bounds, mask = roi.getBounds(), roi.getMask()
    if mask is None:
        inside = np.ones((bounds.height, bounds.width), bool)
    else:
        inside = np.array(mask.getPixels(), np.int8).reshape(mask.getHeight(), mask.getWidth()) != 0
    plane = np.zeros(size, bool)
    y, x = np.nonzero(inside)
    y, x = y + bounds.y, x + bounds.x
    kept = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    plane[y[kept], x[kept]] = True
    return plane


def our_mask(java: SimpleNamespace, roi: Any, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Return the pixels inside after ImageJ encoded and we decoded the ROI."""
    read = rois.decode([bytes(java.RoiEncoder.saveAsByteArray(roi))])
    assert len(read.rois) == 1, read.warnings
    return rois.to_labels(read.rois, (1, 1, *size)).labels.values[0, 0, 0] > 0


def assert_same(java: SimpleNamespace, roi: Any, size: tuple[int, int] = SIZE) -> None:
    ours, theirs = our_mask(java, roi, size), imagej_mask(roi, size)
    assert np.array_equal(ours, theirs), f"{roi}: {(ours != theirs).sum()} of {theirs.sum()} pixels differ"


def floats(java: SimpleNamespace, values: NDArray) -> Any:
    return java.jpype.JArray(java.jpype.JFloat)(np.asarray(values, np.float32).tolist())


def ints(java: SimpleNamespace, values: NDArray) -> Any:
    return java.jpype.JArray(java.jpype.JInt)(np.asarray(values, int).tolist())


def float_polygon(java: SimpleNamespace, xy: NDArray, kind: int = 2) -> Any:
    return java.PolygonRoi(floats(java, xy[:, 0]), floats(java, xy[:, 1]), len(xy), kind)


def int_polygon(java: SimpleNamespace, xy: NDArray, kind: int = 2) -> Any:
    return java.PolygonRoi(ints(java, xy[:, 0]), ints(java, xy[:, 1]), len(xy), kind)


@pytest.mark.parametrize("grid", [0.0, 0.5, 0.25, 1.0])
def test_float_polygons_fill_the_same_pixels(java: SimpleNamespace, grid: float) -> None:
    """Self-crossing, partly outside, corners on pixel centres and edges (`grid`) included."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        xy = rng.uniform(-8, 60, (rng.integers(3, 40), 2))
        if grid:
            xy = np.round(xy / grid) * grid
        assert_same(java, float_polygon(java, xy, kind=int(rng.choice([2, 3]))))


def test_star_polygons_fill_the_same_pixels(java: SimpleNamespace) -> None:
    """The star-convex outlines of StarDist, of 3 to 30 pixels."""
    rng = np.random.default_rng(2)
    angle = np.arange(32) * (2 * np.pi / 32)
    for _ in range(150):
        radius = rng.uniform(1.5, 15) * rng.uniform(0.7, 1.3, 32)
        center = rng.uniform(0, 50, 2)
        xy = center + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        assert_same(java, float_polygon(java, xy))


def test_integer_polygons_fill_the_same_pixels(java: SimpleNamespace) -> None:
    rng = np.random.default_rng(3)
    for _ in range(150):
        xy = rng.integers(0, 56, (rng.integers(3, 30), 2))
        assert_same(java, int_polygon(java, xy, kind=int(rng.choice([2, 3]))))


def test_ovals_of_all_sizes_fill_the_same_pixels(java: SimpleNamespace) -> None:
    for width in range(1, 40):
        for height in (1, 2, 3, 4, 7, 12, 25, 38):
            assert_same(java, java.OvalRoi(5, 4, width, height))


def test_rectangles_fill_the_same_pixels(java: SimpleNamespace) -> None:
    """Plain, sub-pixel and rounded; sub-pixel ovals too."""
    rng = np.random.default_rng(4)
    for _ in range(60):
        x, y, width, height = rng.uniform(0, 30, 4)
        assert_same(java, java.Roi(int(x), int(y), int(width), int(height)))
        assert_same(java, java.Roi(x, y, width, height))
        assert_same(java, java.OvalRoi(x, y, width, height))
        assert_same(java, java.Roi(int(x), int(y), int(width) + 1, int(height) + 1, int(rng.integers(1, 25))))


def test_ellipses_and_rotated_rectangles_fill_the_same_pixels(java: SimpleNamespace) -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        ends = rng.uniform(2, 45, 4)
        assert_same(java, java.EllipseRoi(*ends, rng.uniform(0.1, 1)))
        assert_same(java, java.RotatedRectRoi(*ends, rng.uniform(1, 20)))


def test_composites_fill_the_same_pixels(java: SimpleNamespace) -> None:
    """Holes, several parts, sub-pixel parts, curves."""
    rng = np.random.default_rng(6)
    for _ in range(60):
        x, y = rng.uniform(0, 25, (2, 3))
        whole = java.ShapeRoi(java.OvalRoi(int(x[0]), int(y[0]), 22, 17)).xor(
            java.ShapeRoi(java.Roi(int(x[1]), int(y[1]), 9, 8))
        )
        assert_same(java, whole)
        fine = java.ShapeRoi(float_polygon(java, rng.uniform(0, 50, (7, 2))))
        assert_same(java, fine.xor(java.ShapeRoi(float_polygon(java, rng.uniform(0, 50, (6, 2))))))
        rounded = java.Roi(int(x[2]), int(y[2]), 20, 18, 11)
        assert_same(java, java.ShapeRoi(rounded).or_(java.ShapeRoi(java.Roi(int(x[0]), int(y[0]), 6, 6))))


def test_spline_fits_fill_the_same_pixels(java: SimpleNamespace) -> None:
    """ImageJ keeps the spline in single precision; a border pixel may differ, no more."""
    rng = np.random.default_rng(7)
    angle = np.arange(9) * (2 * np.pi / 9)
    differing = 0
    for _ in range(40):
        radius = rng.uniform(6, 18, 9)
        roi = float_polygon(java, 25 + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
        roi.fitSpline()
        differing += int((our_mask(java, roi) != imagej_mask(roi)).sum())
    assert differing <= 2


def test_what_is_no_area_is_named(java: SimpleNamespace) -> None:
    jclass = java.jpype.JClass
    cases = {
        "a line": jclass("ij.gui.Line")(1.0, 2.0, 8.0, 9.0),
        "an arrow": jclass("ij.gui.Arrow")(1.0, 2.0, 8.0, 9.0),
        "a point": jclass("ij.gui.PointRoi")(3.0, 4.0),
        "an angle": int_polygon(java, np.array([[1, 1], [5, 5], [9, 1]]), 8),
        "a polyline": int_polygon(java, np.array([[1, 1], [5, 5], [9, 1]]), 6),
        "a freehand line": int_polygon(java, np.array([[1, 1], [5, 5], [9, 1]]), 7),
        "a text": jclass("ij.gui.TextRoi")(3, 4, "cell"),
        "an image": jclass("ij.gui.ImageRoi")(1, 1, java.ByteProcessor(4, 4)),
    }
    blobs = [bytes(java.RoiEncoder.saveAsByteArray(roi)) for roi in cases.values()]
    read = rois.decode(blobs, list(cases))
    assert dict(read.skipped) == {name: name for name in cases}
    assert len(read.rois) == 0


def labels_with_everything(seed: int) -> NDArray[np.int32]:
    """Return random labels: 1-pixel objects, holes, several parts, nested, touching at corners, at the border."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 6, SIZE).astype(np.int32)
    plane[10:30, 10:40] = 7
    plane[14:26, 16:30] = 0
    plane[17:21, 20:24] = 8
    return plane


def test_traced_labels_are_exact_in_imagej(java: SimpleNamespace) -> None:
    plane = labels_with_everything(8)
    traced = rois.from_labels(image.from_array(plane, "yx"))
    buffer, begin = rois.encode(traced)
    for i, label in enumerate(traced.label.tolist()):
        data = buffer[begin[i] : begin[i + 1]].tobytes()
        roi = java.RoiDecoder(java.jpype.JArray(java.jpype.JByte)(data), "entry.roi").getRoi()
        assert str(roi.getName()) == traced.names[i]
        assert int(roi.getType()) == (4 if len(traced.paths(i)) == 1 else 9)  # Roi.TRACED_ROI, Roi.COMPOSITE
        assert np.array_equal(imagej_mask(roi), plane == label)


def test_polygons_keep_coordinates_type_and_position_in_imagej(java: SimpleNamespace) -> None:
    rng = np.random.default_rng(9)
    drawn = rois.from_polygons(rng.uniform(0, 40, (6, 32, 2)), frames=np.arange(1, 7), planes=np.full(6, 3))
    buffer, begin = rois.encode(drawn)
    for i in range(6):
        data = buffer[begin[i] : begin[i + 1]].tobytes()
        roi = java.RoiDecoder(java.jpype.JArray(java.jpype.JByte)(data), "entry.roi").getRoi()
        found = roi.getFloatPolygon()
        xy = np.column_stack([np.array(found.xpoints), np.array(found.ypoints)])[: found.npoints]
        assert np.allclose(xy, drawn.paths(i)[0], atol=4e-6)
        assert int(roi.getType()) == 2
        assert (roi.getCPosition(), roi.getZPosition(), roi.getTPosition()) == (0, 3, i + 1)
        assert np.array_equal(imagej_mask(roi), rois.to_labels(drawn[i], (6, 3, *SIZE)).labels.values[i, 0, 2] > 0)


def test_time_lapse_position_is_imagejs_stack_position(java: SimpleNamespace) -> None:
    drawn = rois.from_polygons(np.random.default_rng(0).uniform(0, 40, (3, 8, 2)), frames=np.array([2, 3, 9]))
    buffer, begin = rois.encode(drawn)
    for i, frame in enumerate((2, 3, 9)):
        data = buffer[begin[i] : begin[i + 1]].tobytes()
        roi = java.RoiDecoder(java.jpype.JArray(java.jpype.JByte)(data), "entry.roi").getRoi()
        assert int(roi.getPosition()) == frame and not roi.hasHyperStackPosition()


def test_the_group_is_imagejs(java: SimpleNamespace) -> None:
    drawn = rois.from_polygons(np.random.default_rng(1).uniform(0, 40, (3, 8, 2)))
    drawn = dataclasses.replace(drawn, group=np.array([0, 2, 255], np.uint8))
    buffer, begin = rois.encode(drawn)
    for i, group in enumerate((0, 2, 255)):
        data = buffer[begin[i] : begin[i + 1]].tobytes()
        assert java.RoiDecoder(java.jpype.JArray(java.jpype.JByte)(data), "entry.roi").getRoi().getGroup() == group
    roi = java.OvalRoi(2, 3, 9, 9)
    roi.setGroup(7)
    assert rois.decode([bytes(java.RoiEncoder.saveAsByteArray(roi))]).rois.group.tolist() == [7]


def test_imagej_reads_the_zip_as_its_manager_does(java: SimpleNamespace, tmp_path: Path) -> None:
    """`RoiManager.openZip` streams through a ZipInputStream; more than 65,535 entries are for `ZipFile`."""
    traced = rois.from_labels(image.from_array(labels_with_everything(10), "yx"))
    rois.write_zip(tmp_path / "rois.zip", traced)
    stream = java.ZipInputStream(java.FileInputStream(str(tmp_path / "rois.zip")))
    names = []
    while (entry := stream.getNextEntry()) is not None:
        roi = java.RoiDecoder(stream.readAllBytes(), entry.getName()).getRoi()
        assert str(entry.getName()) == f"{roi.getName()}.roi"
        names.append(str(roi.getName()))
    stream.close()
    assert tuple(names) == traced.names
    many = rois.from_labels(image.from_array(np.arange(1, 70001).reshape(250, 280), "yx"))
    rois.write_zip(tmp_path / "many.zip", many)
    archive = java.ZipFile(str(tmp_path / "many.zip"))
    assert archive.size() == 70000
    assert archive.getEntry("T0001_L70000.roi") is not None
    archive.close()


def test_outlines_are_those_of_imagejs_wand(java: SimpleNamespace) -> None:
    """The corners of an object without holes are the ones that a click with the wand gives (8-connected)."""
    plane = np.zeros(SIZE, np.uint8)
    rng = np.random.default_rng(11)
    plane[5:30, 5:30] = rng.random((25, 25)) > 0.35
    plane[12:20, 12:20] = 1
    traced = rois.from_labels(image.from_array(plane.astype(np.int32), "yx"))
    outer = max(traced.paths(0), key=len)
    wand = java.Wand(
        java.ByteProcessor(
            SIZE[1], SIZE[0], java.jpype.JArray(java.jpype.JByte)(plane.ravel().astype(np.int8).tolist())
        )
    )
    wand.autoOutline(15, 15, 1.0, 1.0, 8)  # Wand.EIGHT_CONNECTED
    theirs = sorted(zip(list(wand.xpoints)[: wand.npoints], list(wand.ypoints)[: wand.npoints], strict=True))
    assert sorted(map(tuple, outer.astype(int).tolist())) == [(int(x), int(y)) for x, y in theirs]
