"""Pixels cross between ImageJ and numpy unchanged, in every type and with every combination of C, Z and T."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.fiji.bridge import calibration
from talanoa.fiji.bridge.convert import labels_to_imageplus, selection_mask, to_dataarray, to_imageplus
from talanoa.image.form import from_array
from talanoa.image.io import read, write
from talanoa.image.lut import glasbey

CZT = list(itertools.product((1, 2), (1, 3), (1, 4)))
RANGES = {
    "uint8": (0, 256),
    "uint16": (0, 65536),
    "int16": (-32768, 32768),
    "float32": (-1000, 1000),
}
pytestmark = pytest.mark.usefixtures("imagej")


def made(dtype: str, czt: tuple[int, int, int], **attrs: Any) -> xr.DataArray:
    """Return a random image, 5 rows by 7 columns, with a calibration."""
    channels, slices, frames = czt
    low, high = RANGES[dtype]
    random = np.random.default_rng(sum(czt))
    values = random.integers(low, high, (frames, channels, slices, 5, 7)).astype(dtype)
    names = [f"stain {index}" for index in range(channels)] if channels > 1 else ()
    given = {
        "pixel_size": (2.0, 0.5, 0.25),
        "unit": "µm",
        "frame_interval": 3.5,
        "name": "made",
        "channel_names": names,
    }
    return from_array(values, "tczyx", **{**given, **attrs})


def colour(slices: int = 1, frames: int = 1) -> xr.DataArray:
    values = np.random.default_rng(5).integers(0, 256, (frames, 3, slices, 5, 7)).astype(np.uint8)
    return from_array(values, "tczyx", rgb=True, pixel_size=(2.0, 0.5, 0.25), unit="µm", name="colour")


def assert_same(found: xr.DataArray, expected: xr.DataArray, but: tuple[str, ...] = ()) -> None:
    """Compare values, type and the attributes that the image form promises."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.values, expected.values)
    keys = {"pixel_size", "unit", "frame_interval", "name", "rgb", "channel_names", "display", "luts", "notes"}
    for key in keys - set(but):
        np.testing.assert_equal(found.attrs.get(key), expected.attrs.get(key), err_msg=key)


def java_class(name: str) -> Any:
    import jpype

    return jpype.JClass(name)


@pytest.mark.parametrize("czt", CZT, ids=str)
@pytest.mark.parametrize("dtype", RANGES)
def test_there_and_back(dtype: str, czt: tuple[int, int, int]) -> None:
    image = made(dtype, czt)
    assert_same(to_dataarray(to_imageplus(image)), image, but=("display",))


@pytest.mark.parametrize("czt", CZT, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_imagej_finds_each_pixel_at_its_place(dtype: str, czt: tuple[int, int, int]) -> None:
    image = made(dtype, czt)
    imp = to_imageplus(image)
    assert (imp.getNChannels(), imp.getNSlices(), imp.getNFrames()) == czt
    stack = imp.getStack()
    random = np.random.default_rng(1)
    for _ in range(20):
        place = tuple(int(random.integers(size)) for size in image.shape)
        t, c, z, y, x = place
        index = imp.getStackIndex(c + 1, z + 1, t + 1)
        assert stack.getVoxel(x, y, index - 1) == float(image.values[place])


def test_signed_values_are_those_that_imagej_shows() -> None:
    image = made("int16", (1, 1, 1))
    processor = to_imageplus(image).getProcessor()
    shown = [[processor.getPixelValue(x, y) for x in range(7)] for y in range(5)]
    np.testing.assert_array_equal(np.array(shown), image.values[0, 0, 0])


@pytest.mark.parametrize(("slices", "frames"), [(1, 1), (3, 1), (1, 4), (3, 4)])
def test_rgb_there_and_back(slices: int, frames: int) -> None:
    image = colour(slices, frames)
    imp = to_imageplus(image)
    assert imp.getBitDepth() == 24
    assert_same(to_dataarray(imp), image)
    red, green, blue = (int(value) for value in image.values[0, :, 0, 2, 3])
    assert imp.getProcessor().getPixel(3, 2) & 0xFFFFFF == red << 16 | green << 8 | blue


def test_three_channels_are_no_rgb() -> None:
    values = np.zeros((3, 5, 7), np.uint8)
    imp = to_imageplus(from_array(values, "cyx"))
    assert imp.isComposite() and imp.getNChannels() == 3
    assert not to_dataarray(imp).attrs["rgb"]


def test_many_channels_are_shown_one_by_one() -> None:
    imp = to_imageplus(from_array(np.zeros((9, 5, 7), np.uint8), "cyx"))
    assert imp.getNChannels() == 9 and imp.getMode() == java_class("ij.IJ").GRAYSCALE


def test_the_indices_of_8_bit_colour_are_the_values() -> None:
    imp = to_imageplus(colour())
    java_class("ij.process.ImageConverter")(imp).convertRGBtoIndexedColor(16)
    assert imp.getType() == java_class("ij.ImagePlus").COLOR_256
    found = to_dataarray(imp)
    assert found.dtype == np.uint8 and found.sizes["c"] == 1 and found.values.max() < 16
    red, green, blue = (int(value) for value in found.attrs["luts"][0][found.values[0, 0, 0, 2, 3]])
    shown = imp.getProcessor().convertToRGB().getPixel(3, 2)
    assert shown & 0xFFFFFF == red << 16 | green << 8 | blue


def test_the_colour_table_of_a_file(ij: Any, tmp_path: Path) -> None:
    image = made("uint8", (1, 1, 1))
    image.attrs["luts"] = (glasbey(),)
    path = tmp_path / "colours.tif"
    assert ij.saveAsTiff(to_imageplus(image), str(path))
    imp = ij.openImage(str(path))
    assert_same(to_dataarray(imp), image, but=("name", "pixel_size"))  # ImageJ saves no depth of a single plane
    assert_same(read(path), to_dataarray(imp))


@pytest.mark.parametrize(
    ("dtype", "value", "bits"),
    [("bool", True, 8), ("int32", 65535, 16), ("uint32", 70000, 32), ("int64", -3, 16), ("float64", 0.1, 32)],
)
def test_types_that_imagej_lacks(dtype: str, value: float, bits: int) -> None:
    imp = to_imageplus(from_array(np.full((4, 4), value, dtype)))
    assert imp.getBitDepth() == bits
    expected = 255 if dtype == "bool" else np.float32(value)
    assert to_dataarray(imp).values.ravel()[0] == expected


@pytest.mark.parametrize("value", [2**40 + 1, -(2**31) - 1])
def test_whole_numbers_are_never_rounded(value: int) -> None:
    with pytest.raises(BadInput, match="exactly"):
        to_imageplus(from_array(np.array([[value, 0]])))


def test_floats_beyond_32_bit_are_refused() -> None:
    with pytest.raises(BadInput, match="1e\\+60"):
        to_imageplus(from_array(np.array([[1e60, np.inf]])))
    kept = to_dataarray(to_imageplus(from_array(np.array([[np.nan, np.inf, -np.inf, 1e30]])))).values.ravel()
    np.testing.assert_array_equal(kept, np.array([np.nan, np.inf, -np.inf, 1e30], np.float32))


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<u2"])
def test_byte_order_and_strides_do_not_matter(dtype: str) -> None:
    values = np.arange(6 * 8 * 10).reshape(6, 8, 10).astype(dtype)[::2, :, ::-1].transpose(0, 2, 1)
    values.flags.writeable = False
    image = from_array(values, "zyx")
    np.testing.assert_array_equal(to_dataarray(to_imageplus(image)).values[0, 0], values)


def test_both_sides_own_their_pixels() -> None:
    image = made("uint16", (1, 3, 1))
    before = image.values.copy()
    imp = to_imageplus(image)
    copy = to_dataarray(imp)
    imp.getStack().setVoxel(0, 0, 2, 7.0)
    image.values[0, 0, 0] = 0
    np.testing.assert_array_equal(copy.values, before)
    assert imp.getStack().getVoxel(1, 1, 0) == before[0, 0, 0, 1, 1]


def test_an_edit_of_any_plane_stays() -> None:
    imp = to_imageplus(made("uint8", (2, 3, 1)))
    assert not imp.getStack().isVirtual()
    imp.setPositionWithoutUpdate(2, 3, 1)
    imp.getProcessor().set(0, 0, 99)
    imp.setPositionWithoutUpdate(1, 1, 1)
    assert to_dataarray(imp).values[0, 1, 2, 0, 0] == 99


def test_the_source_is_the_file_while_the_image_is_as_it_was_opened(ij: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "opened.tif", made("uint8", (1, 1, 1)))
    imp = ij.openImage(str(path))
    assert Path(to_dataarray(imp).attrs["source"]) == path
    imp.changes = True
    assert "source" not in to_dataarray(imp).attrs


def test_reading_changes_nothing_in_imagej() -> None:
    imp = to_imageplus(made("uint16", (2, 3, 4)))
    imp.setPositionWithoutUpdate(2, 3, 4)
    imp.setRoi(java_class("ij.gui.Roi")(1, 1, 3, 2))
    imp.changes = False
    to_dataarray(imp)
    to_dataarray(imp, crop=True)
    assert (imp.getC(), imp.getZ(), imp.getT()) == (2, 3, 4)
    assert str(imp.getRoi().getBounds()) == str(java_class("java.awt.Rectangle")(1, 1, 3, 2))
    assert not imp.changes


@pytest.mark.parametrize("unit", ["um", "micron", "µm", "microns"])
def test_every_spelling_of_micrometre(unit: str) -> None:
    imp = to_imageplus(made("uint8", (1, 1, 1)))
    imp.getCalibration().setUnit(unit)
    assert to_dataarray(imp).attrs["unit"] == "µm"


@pytest.mark.parametrize(
    ("unit", "seconds"), [("sec", 2.0), ("s", 2.0), ("msec", 0.002), ("min", 120.0), ("hours", 7200.0)]
)
def test_frame_interval_in_seconds(unit: str, seconds: float) -> None:
    imp = to_imageplus(made("uint8", (1, 1, 4)))
    imp.getCalibration().frameInterval = 2.0
    imp.getCalibration().setTimeUnit(unit)
    assert to_dataarray(imp).attrs["frame_interval"] == pytest.approx(seconds)


def test_what_cannot_be_kept_is_said() -> None:
    imp = to_imageplus(made("uint8", (1, 3, 4)))
    cal = imp.getCalibration()
    cal.setTimeUnit("generation")
    cal.setYUnit("furlong")
    cal.pixelDepth = float("nan")
    attrs = to_dataarray(imp).attrs
    assert attrs["pixel_size"] == (1.0, 0.25, 0.25) and attrs["depth_unknown"]
    notes = " ".join(attrs["notes"])
    assert "generation" in notes and "nan, which is not a size; 1 µm was taken" in notes and "0.5 furlong" in notes


@pytest.mark.parametrize(
    ("depth", "unit", "expected"), [(500.0, "nm", 0.5), (-0.5, "", 0.5), (0.002, "mm", 2.0), (0.001, "inch", 25.4)]
)
def test_units_of_axes_are_converted_as_in_files(tmp_path: Path, depth: float, unit: str, expected: float) -> None:
    imp = to_imageplus(made("uint8", (1, 3, 1)))
    cal = imp.getCalibration()
    cal.pixelDepth = depth
    if unit:
        cal.setZUnit(unit)
    found = to_dataarray(imp).attrs
    assert found["pixel_size"] == pytest.approx((expected, 0.5, 0.25)) and not found.get("notes")
    path = tmp_path / "saved.tif"
    java_class("ij.io.FileSaver")(imp).saveAsTiff(str(path))
    saved = read(path).attrs
    assert saved["pixel_size"] == pytest.approx(found["pixel_size"]) and saved["unit"] == found["unit"]
    assert "notes" not in saved


@pytest.mark.parametrize("unit", ["inch", "cm"])
def test_a_pixel_of_one_inch_is_no_calibration(unit: str) -> None:
    imp = to_imageplus(made("uint8", (1, 1, 1)))
    cal = imp.getCalibration()
    cal.setUnit(unit)
    cal.pixelWidth = cal.pixelHeight = 1.0
    attrs = to_dataarray(imp).attrs
    assert (attrs["unit"], attrs["pixel_size"]) == ("pixel", (1.0, 1.0, 1.0)) and unit in attrs["notes"][0]


def test_an_uncalibrated_image_has_the_unit_pixel(ij: Any) -> None:
    attrs = to_dataarray(ij.createImage("plain", "8-bit", 7, 5, 1)).attrs
    assert (attrs["unit"], attrs["pixel_size"], attrs["frame_interval"]) == ("pixel", (1.0, 1.0, 1.0), 0.0)


def test_an_origin_is_said_because_measure_counts_from_it(ij: Any) -> None:
    imp = to_imageplus(made("uint8", (1, 1, 1)))
    imp.getCalibration().yOrigin = 2.0
    (note,) = to_dataarray(imp).attrs["notes"]
    assert "origin at pixel (0, 2)" in note and "Measure" in note and "upper left corner" in note
    imp.setRoi(1, 1, 3, 2)
    found = imp.getStatistics(java_class("ij.measure.Measurements").CENTROID)
    assert found.yCentroid == pytest.approx((2 - 2) * imp.getCalibration().pixelHeight)  # what the note says of Measure


def test_a_density_calibration_is_reported_and_changes_no_pixel(ij: Any) -> None:
    imp = to_imageplus(made("uint8", (1, 1, 1)))
    cal = imp.getCalibration()
    line = java_class("ij.measure.Calibration").STRAIGHT_LINE
    import jpype

    cal.setFunction(line, jpype.JArray(jpype.JDouble)([10.0, 2.0]), "OD")
    found = to_dataarray(imp)
    np.testing.assert_array_equal(found.values, made("uint8", (1, 1, 1)).values)
    assert "OD" in found.attrs["notes"][0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_inverting_lut_changes_no_value(dtype: str) -> None:
    image = made(dtype, (1, 3, 1))
    imp = to_imageplus(image)
    imp.setLut(imp.getProcessor().getLut().createInvertedLut())
    assert imp.isInvertedLut()
    found = to_dataarray(imp)
    np.testing.assert_array_equal(found.values, image.values)
    assert calibration.is_inverting(found.attrs["luts"][0])
    assert to_imageplus(found).isInvertedLut()


def test_colours_and_ranges_of_channels_there_and_back() -> None:
    image = made("uint16", (2, 1, 1))
    image.attrs["luts"] = (glasbey(), calibration.grey())
    image.attrs["display"] = ((10.0, 500.0), (3.0, 40000.0))
    assert_same(to_dataarray(to_imageplus(image)), image)


def test_a_selection_crops_to_its_bounding_box() -> None:
    image = made("uint16", (2, 3, 4))
    imp = to_imageplus(image)
    imp.setRoi(java_class("ij.gui.OvalRoi")(2, 1, 4, 3))
    cropped = to_dataarray(imp, crop=True)
    np.testing.assert_array_equal(cropped.values, image.values[..., 1:4, 2:6])
    assert cropped.attrs["crop_origin"] == (1, 2)
    assert to_dataarray(imp).shape == image.shape


def test_a_crop_of_a_colour_picture() -> None:
    image = colour(slices=2)
    imp = to_imageplus(image)
    imp.setRoi(java_class("ij.gui.Roi")(-3, 2, 6, 30))
    np.testing.assert_array_equal(to_dataarray(imp, crop=True).values, image.values[..., 2:5, 0:3])


def test_without_an_area_nothing_is_cropped() -> None:
    imp = to_imageplus(made("uint8", (1, 1, 1)))
    imp.setRoi(java_class("ij.gui.Line")(0, 0, 3, 3))
    found = to_dataarray(imp, crop=True)
    assert found.shape[-2:] == (5, 7) and "crop_origin" not in found.attrs


def rois() -> dict[str, Any]:
    """Return selections of every kind that has an inside, on 40 x 30 pixels, some partly outside."""
    import jpype

    roi, oval, shape = java_class("ij.gui.Roi"), java_class("ij.gui.OvalRoi"), java_class("ij.gui.ShapeRoi")
    floats = jpype.JArray(jpype.JFloat)
    polygon = java_class("ij.gui.PolygonRoi")(floats([3.5, 30.2, 12.8]), floats([2.1, 8.4, 25.0]), roi.POLYGON)
    ring = shape(oval(4, 4, 20, 20)).xor(shape(oval(9, 9, 8, 8)))
    parts = shape(roi(1, 1, 5, 5)).or_(shape(roi(20, 20, 6, 4)))
    return {
        "rectangle": roi(3, 4, 10, 7),
        "round": oval(5, 6, 17, 12),
        "polygon": polygon,
        "ring": ring,
        "two parts": parts,
        "top left": oval(-6, -5, 20, 20),
        "bottom right": oval(30, 20, 25, 25),
    }


@pytest.mark.parametrize("kind", ["rectangle", "round", "polygon", "ring", "two parts", "top left", "bottom right"])
def test_the_selection_mask_is_imagejs(kind: str, ij: Any) -> None:
    roi = rois()[kind]
    imp = ij.createImage("selected", "8-bit black", 40, 30, 1)
    imp.setRoi(roi)
    filled = ij.createImage("filled", "8-bit black", 40, 30, 1)
    filled.getProcessor().setValue(255)
    filled.getProcessor().fill(roi)
    expected = to_dataarray(filled).values[0, 0, 0] == 255
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(selection_mask(imp), expected)


def test_no_selection_is_no_mask(ij: Any) -> None:
    assert selection_mask(ij.createImage("all", "8-bit", 7, 5, 1)) is None


def test_selections_that_are_none(ij: Any) -> None:
    imp = ij.createImage("lines", "8-bit", 40, 30, 1)
    imp.setRoi(java_class("ij.gui.Line")(0, 0, 10, 10))
    with pytest.raises(BadInput, match="line; expected an area"):
        selection_mask(imp)
    imp.setRoi(java_class("ij.gui.TextRoi")(3, 3, "nuclei"))
    with pytest.raises(BadInput, match="text; expected an area"):
        selection_mask(imp)
    outside = java_class("ij.gui.Roi")(100, 100, 5, 5)
    imp.setRoi(outside)
    if imp.getRoi() is not None:  # ImageJ drops some selections outside by itself
        with pytest.raises(BadInput, match="outside"):
            selection_mask(imp)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_virtual_stack_is_read_and_left_alone(dtype: str, ij: Any, tmp_path: Path) -> None:
    image = made(dtype, (2, 3, 4))
    path = tmp_path / "virtual.tif"
    assert ij.saveAsTiff(to_imageplus(image), str(path))
    before = path.read_bytes()
    imp = ij.openVirtual(str(path))
    assert imp.getStack().isVirtual()
    np.testing.assert_array_equal(to_dataarray(imp).values, image.values)
    assert imp.getStack().isVirtual() and path.read_bytes() == before


def test_labels_are_16_bit_in_glasbey_colours() -> None:
    labels = from_array(np.arange(12, dtype=np.int32).reshape(3, 4), unit="µm", pixel_size=(1, 0.2, 0.2))
    imp = labels_to_imageplus(labels, "labels of nuclei")
    assert imp.getBitDepth() == 16 and imp.getTitle() == "labels of nuclei"
    assert (imp.getDisplayRangeMin(), imp.getDisplayRangeMax()) == (0.0, 11.0)
    found = to_dataarray(imp)
    np.testing.assert_array_equal(found.values, labels.values)
    np.testing.assert_array_equal(found.attrs["luts"][0], glasbey())
    assert found.attrs["pixel_size"] == (1.0, 0.2, 0.2)


@pytest.mark.parametrize(("most", "bits"), [(65535, 16), (65536, 32)])
def test_many_labels_become_32_bit(most: int, bits: int) -> None:
    values = np.zeros((2, 3), np.int32)
    values[1, 2] = most
    imp = labels_to_imageplus(from_array(values))
    assert imp.getBitDepth() == bits and imp.getDisplayRangeMax() == most
    assert to_dataarray(imp).values.max() == most


def test_a_closed_image_is_a_clear_error(ij: Any) -> None:
    imp = java_class("ij.ImagePlus")()
    with pytest.raises(BadInput, match="Open an image first"):
        to_dataarray(imp)


@pytest.mark.parametrize("czt", CZT, ids=str)
@pytest.mark.parametrize("dtype", RANGES)
def test_files_that_imagej_wrote_are_read_alike(dtype: str, czt: tuple[int, int, int], ij: Any, tmp_path: Path) -> None:
    path = tmp_path / "written.tif"
    assert ij.saveAsTiff(to_imageplus(made(dtype, czt)), str(path))
    assert_same(read(path), to_dataarray(ij.openImage(str(path))))


@pytest.mark.parametrize("czt", CZT, ids=str)
@pytest.mark.parametrize("dtype", RANGES)
def test_imagej_reads_our_files_alike(dtype: str, czt: tuple[int, int, int], ij: Any, tmp_path: Path) -> None:
    image = made(dtype, czt)
    image.attrs["display"] = tuple((5.0 + index, 200.0) for index in range(czt[0]))
    path = write(tmp_path / "made.tif", image)
    assert_same(to_dataarray(ij.openImage(str(path))), image, but=("name",))


def test_rgb_files_both_ways(ij: Any, tmp_path: Path) -> None:
    image = colour(slices=2)
    ours, theirs = write(tmp_path / "ours.tif", image), tmp_path / "theirs.tif"
    assert_same(to_dataarray(ij.openImage(str(ours))), image, but=("name",))
    assert ij.saveAsTiff(to_imageplus(image), str(theirs))
    assert_same(read(theirs), image, but=("name",))
