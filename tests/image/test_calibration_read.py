"""Pixel sizes and frame intervals of files and arrays: each format's own, units converted, what is unknown is said."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr

from helpers import micromanager
from talanoa import image
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy
from talanoa.image import spatial, units
from talanoa.image.ops import anisotropy
from talanoa.image.spatial import Axis

STACK = np.arange(6 * 8 * 10, dtype=np.uint16).reshape(6, 8, 10)


def imagej(path: Path, **keys: object) -> Path:
    """Write a stack with a description as ImageJ writes it, 4 pixels a unit."""
    lines = "".join(f"{key}={value}\n" for key, value in keys.items())
    text = f"ImageJ=1.54p\nimages=6\nslices=6\n{lines}loop=false\n"
    tifffile.imwrite(path, STACK, description=text, metadata=None, resolution=(4, 4), resolutionunit="NONE")
    return path


def said(path: Path) -> tuple[tuple[float, ...], str, tuple[str, ...]]:
    """Return pixel size, unit and notes; in parts the file is read the same."""
    found = image.read(path)
    with image_lazy.open_image(path) as lazy:
        kept = ("pixel_size", "unit", "frame_interval", "notes", "depth_unknown")
        assert {key: lazy.form.attrs.get(key) for key in kept} == {key: found.attrs.get(key) for key in kept}
    return (
        tuple(round(side, 9) for side in found.attrs["pixel_size"]),
        found.attrs["unit"],
        found.attrs.get("notes", ()),
    )


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        ({"unit": "\\u00B5m", "zunit": "nm", "spacing": 500.0}, (0.5, 0.25, 0.25)),
        ({"unit": "micron", "yunit": "nm", "spacing": 2}, (2, 0.00025, 0.25)),
        ({"unit": "um", "yunit": "\\u00B5m", "zunit": "mm", "spacing": 0.001}, (1, 0.25, 0.25)),
        ({"unit": "um", "zunit": "\\u212B", "spacing": 5000}, (0.5, 0.25, 0.25)),
        ({"unit": "microns", "spacing": -0.5}, (0.5, 0.25, 0.25)),  # a stack taken from top to bottom
    ],
)
def test_imagejs_units_of_each_axis_are_converted(tmp_path: Path, keys: dict[str, object], size: object) -> None:
    assert said(imagej(tmp_path / "a.tif", **keys)) == (size, "µm", ())


@pytest.mark.parametrize("spacing", [{}, {"spacing": 0}, {"spacing": "nan"}, {"spacing": "1e400"}])
def test_an_unknown_distance_of_slices_is_said_and_used_by_nothing(tmp_path: Path, spacing: dict[str, object]) -> None:
    path = imagej(tmp_path / "a.tif", unit="um", **spacing)
    size, unit, notes = said(path)
    assert (size, unit) == ((1.0, 0.25, 0.25), "µm")
    assert len(notes) == 1 and "the distance of the slices is" in notes[0] and "1 µm was taken" in notes[0]
    with pytest.raises(BadInput, match="not calibrated.*anisotropy="):
        anisotropy.of_calibration(image.read(path).attrs, "a.tif")


def test_of_a_plane_the_distance_of_slices_is_not_missed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], resolution=(1e4, 1e4), resolutionunit="CENTIMETER")
    assert said(tmp_path / "a.tif") == ((1.0, 0.0001, 0.0001), "cm", ())


@pytest.mark.parametrize(("kind", "unit"), [("CENTIMETER", "cm"), ("INCH", "inch")])
def test_a_slice_is_not_a_centimetre_or_an_inch_thick_without_a_word(tmp_path: Path, kind: str, unit: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, resolution=(1e4, 1e4), resolutionunit=kind, metadata={"axes": "ZYX"})
    assert f"the distance of the slices is not known; 1 {unit} was taken" in said(tmp_path / "a.tif")[2]


@pytest.mark.parametrize("kind", ["CENTIMETER", "INCH"])
def test_a_resolution_of_0_or_1_is_none(tmp_path: Path, kind: Any) -> None:
    tifffile.imwrite(tmp_path / "one.tif", STACK[0], resolution=(1, 1), resolutionunit=kind)
    assert said(tmp_path / "one.tif")[:2] == ((1, 1, 1), "pixel") and said(tmp_path / "one.tif")[2]
    raw = bytearray((tmp_path / "one.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "one.tif") as tif:
        places = [tif.pages.first.tags[name].valueoffset for name in ("XResolution", "YResolution")]
    for place in places:
        raw[place : place + 8] = struct.pack("<2I", 0, 1)
    (tmp_path / "zero.tif").write_bytes(raw)
    size, unit, notes = said(tmp_path / "zero.tif")
    assert (size, unit) == ((1, 1, 1), "pixel") and "the size of a pixel is not known" in notes[0]


@pytest.mark.parametrize(
    ("attributes", "size", "unit", "note"),
    [
        ('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25" PhysicalSizeZ="0.5"', (500, 250, 250), "nm",
         ""),
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.25"', (1, 0.25, 0.25), "µm", "distance of the slices is not known"),
        ('PhysicalSizeX="0.25" PhysicalSizeZ="-2"', (2, 0.25, 0.25), "µm", "along y is not known; that along x"),
        ('PhysicalSizeX="0" PhysicalSizeY="0" PhysicalSizeZ="2"', (1, 1, 1), "pixel", "y is 0, which is not a size"),
        ('PhysicalSizeX="2" PhysicalSizeY="2" PhysicalSizeZ="3" PhysicalSizeZUnit="reference frame"', (1, 2, 2), "µm",
         "3 reference frame, which cannot be converted into µm"),
        ("", (1, 1, 1), "pixel", ""),
    ],
)  # fmt: skip
def test_sizes_of_ome_tiff(tmp_path: Path, attributes: str, size: object, unit: str, note: str) -> None:
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="10" SizeY="8" SizeZ="6" SizeC="1" '
        f'SizeT="1" {attributes}><Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData PlaneCount="6"/></Pixels>'
        "</Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, description=text, metadata=None, photometric="minisblack")
    found = said(tmp_path / "a.ome.tif")
    assert found[:2] == (size, unit)
    assert (note in found[2][0]) if note else not found[2]


def omezarr(path: Path, scale: list[float] | None, units: dict[str, str], whole: list[float] | None = None) -> Path:
    """Write an OME-Zarr image (c, z, y, x)."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=STACK[None])
    axes = [{"name": "c", "type": "channel"}] + [{"name": n, "type": "space", "unit": units.get(n, "")} for n in "zyx"]
    step = [{"type": "scale", "scale": scale}]
    levels = [{"path": "0", **({"coordinateTransformations": step} if scale else {})}]
    more = {"coordinateTransformations": [{"type": "scale", "scale": whole}]} if whole else {}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels, **more}]
    return path


MICROMETERS = dict.fromkeys("zyx", "micrometer")


@pytest.mark.parametrize(
    ("scale", "units", "size", "unit", "note"),
    [
        ([1, 2, -0.5, 0.5], MICROMETERS, (2, 0.5, 0.5), "µm", ""),
        ([1, 500, 0.5, 0.5], {**MICROMETERS, "z": "nanometer"}, (0.5, 0.5, 0.5), "µm", ""),
        (
            [1, 0, 0.5, 0.5],
            MICROMETERS,
            (1, 0.5, 0.5),
            "µm",
            "slices is 0, which is not a size; 1 µm was",
        ),
        ([1, 2, 0, 0], MICROMETERS, (1, 1, 1), "pixel", "along y is 0, which is not a size"),
        ([2, 0.5, 0.5], MICROMETERS, (1, 1, 1), "pixel", "has 3 numbers for 4 axes"),
        (None, MICROMETERS, (1, 1, 1), "pixel", ""),
    ],
)
def test_scales_of_ome_zarr(tmp_path: Path, scale: Any, units: Any, size: object, unit: str, note: str) -> None:
    found = said(omezarr(tmp_path / "a.zarr", scale, units))
    assert found[:2] == (size, unit)
    assert (note in found[2][0]) if note else not found[2]


def test_a_scale_of_the_whole_image_counts_and_one_that_is_short_does_not(tmp_path: Path) -> None:
    assert said(omezarr(tmp_path / "a.zarr", [1, 1, 0.5, 0.5], MICROMETERS, [1, 3, 2, 2]))[0] == (3, 1, 1)
    assert said(omezarr(tmp_path / "b.zarr", None, MICROMETERS, [2, 0.5, 0.5]))[:2] == ((1, 1, 1), "pixel")


@pytest.mark.parametrize(
    ("interval", "unit", "seconds"),
    [(2, "min", 120), (250, "ms", 0.25), (3, "sec", 3), (1, "hours", 3600), (-2, "sec", 2), (0, "sec", 0)],
)
def test_frame_intervals_are_in_seconds(tmp_path: Path, interval: float, unit: str, seconds: float) -> None:
    text = f"ImageJ=1.54p\nimages=6\nframes=6\nfinterval={interval}\ntunit={unit}\nloop=false\n"
    tifffile.imwrite(tmp_path / "a.tif", STACK, description=text, metadata=None)
    found = image.read(tmp_path / "a.tif")
    assert found.sizes["t"] == 6 and found.attrs["frame_interval"] == pytest.approx(seconds)


def test_an_unknown_unit_of_time_is_said(tmp_path: Path) -> None:
    text = "ImageJ=1.54p\nimages=6\nframes=6\nfinterval=3\ntunit=ticks\nloop=false\n"
    tifffile.imwrite(tmp_path / "a.tif", STACK, description=text, metadata=None)
    found = image.read(tmp_path / "a.tif")
    assert found.attrs["frame_interval"] == 0 and found.attrs["notes"] == (
        "the frame interval is 3 ticks, a unit that is not known; it was left out",
    )


def test_zeiss_lsm(tmp_path: Path) -> None:
    fields = np.zeros(1, np.dtype(list(tifffile.TIFF.CZ_LSMINFO)).newbyteorder("<"))
    sizes = {"DimensionX": 10, "DimensionY": 8, "DimensionZ": 6, "DimensionChannels": 1, "DimensionTime": 1}
    voxel = {"VoxelSizeX": 2.5e-7, "VoxelSizeY": 2.5e-7, "VoxelSizeZ": 1e-6, "TimeIntervall": 4.0}
    for key, value in {
        "MagicNumber": 67127628,
        "StructureSize": fields.nbytes,
        "DataType": 2,
        **sizes,
        **voxel,
    }.items():
        fields[key] = value
    with tifffile.TiffWriter(tmp_path / "a.lsm") as out:
        for number, plane in enumerate(STACK):
            tag = [(34412, "B", fields.nbytes, fields.tobytes(), True)] if number == 0 else []
            out.write(plane, metadata=None, contiguous=False, extratags=tag)
            out.write(np.zeros((4, 4, 3), np.uint8), metadata=None, contiguous=False, subfiletype=1, photometric="rgb")
    found = image.read(tmp_path / "a.lsm")
    assert np.array_equal(found.values[0, 0], STACK)
    assert found.attrs["pixel_size"] == pytest.approx((1, 0.25, 0.25)) and found.attrs["unit"] == "µm"
    assert found.attrs["frame_interval"] == 4 and "notes" not in found.attrs  # thumbnails are no further images


def test_metamorph_stk(tmp_path: Path) -> None:
    path = tmp_path / "a.stk"
    distances = b"".join(struct.pack("<6I", 3, 2, 0, 1000 * n, 0, 0) for n in range(6))
    tags = [(33629, "2I", 6, tuple(np.frombuffer(distances[: 6 * 8], "<u4").tolist()), True)]
    tags += [(33628, "I", 8, (3, 1, 4, 0, 5, 0, 6, 0), True)]
    with tifffile.TiffWriter(path) as out:
        out.write(STACK, metadata=None, extratags=tags, contiguous=True)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path, _useframes=False) as tif:
        uic1, uic2 = (tif.pages.first.tags[code] for code in (33628, 33629))
        first, second = uic1.valueoffset, uic2.offset
    at = len(raw)
    raw += struct.pack("<2I2I", 1, 4, 1, 4) + struct.pack("<I3s", 3, b"um\0") + b"\0"
    end = len(raw)
    raw[first : first + 32] = struct.pack("<8I", 3, 1, 4, at, 5, at + 8, 6, at + 16)
    raw[uic1.offset + 4 : uic1.offset + 8] = struct.pack("<I", 4)
    raw += distances
    raw[second : second + 12] = struct.pack("<HHII", 33629, 5, 6, end)
    path.write_bytes(raw)
    found = image.read(path)
    assert found.sizes["z"] == 6 and np.array_equal(found.values[0, 0], STACK)
    assert found.attrs["pixel_size"] == pytest.approx((1.5, 0.25, 0.25)) and found.attrs["unit"] == "µm"


@pytest.mark.parametrize(
    ("summary", "size", "unit", "notes"),
    [
        ({"PixelSize_um": 0.25, "z-step_um": -1.5, "Interval_ms": 500}, (1.5, 0.25, 0.25), "µm", 0),
        ({"PixelSize_um": 0.25, "z-step_um": 0}, (1, 0.25, 0.25), "µm", 1),
        ({"PixelSize_um": 0, "z-step_um": 0}, (1, 1, 1), "pixel", 0),
    ],
)
def test_micromanager(tmp_path: Path, summary: dict[str, object], size: object, unit: str, notes: int) -> None:
    planes = {(0, z, 0, 0): plane for z, plane in enumerate(STACK)}
    found = image.read(micromanager.write(tmp_path / "a.tif", planes, summary))
    assert found.sizes["z"] == 6 and np.array_equal(found.values[0, 0], STACK)
    assert (found.attrs["pixel_size"], found.attrs["unit"]) == (size, unit)
    assert found.attrs["frame_interval"] == (0.5 if "Interval_ms" in summary else 0)
    assert len(found.attrs.get("notes", ())) == notes


def fluoview_header() -> bytes:
    """Return FluoView's header of a stack: X, Y, Z with 0.25, 0.25 and 2 µm."""
    fields = np.zeros(1, np.dtype(tifffile.TIFF.MM_HEADER).newbyteorder("<"))
    for number, row in enumerate((("X", 10, 0.25), ("Y", 8, 0.25), ("Z", 6, 2.0))):
        fields["Dimensions"][0][number] = (row[0].encode(), row[1], 0, row[2], "µm".encode("cp1252"))
    return fields.tobytes()


def test_fluoview(tmp_path: Path) -> None:
    header = fluoview_header()
    tags = [(34361, "B", len(header), header, True), (34362, "d", 8, (0.0,) * 8, True)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for plane in STACK:
            out.write(plane, metadata=None, contiguous=False, extratags=tags)
    found = image.read(tmp_path / "a.tif")
    assert found.sizes["z"] == 6
    assert found.attrs["pixel_size"] == pytest.approx((2, 0.25, 0.25)) and found.attrs["unit"] == "µm"


def test_scanimage(tmp_path: Path) -> None:
    software = "\n".join(
        [
            "SI.hChannels.channelSave = 1",
            "SI.hStackManager.framesPerSlice = 1",
            "SI.hStackManager.stackZStepSize = 3",
            "SI.hRoiManager.imagingFovUm = [-20 -10;20 -10;20 10;-20 10]",
        ]
    )
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for plane in STACK:
            out.write(plane, metadata=None, contiguous=False, software=software)
    found = image.read(tmp_path / "a.tif")
    assert found.attrs["pixel_size"] == pytest.approx((3, 2.5, 4)) and found.attrs["unit"] == "µm"


def test_damaged_private_metadata_leave_the_pixels(tmp_path: Path) -> None:
    software = "SI.hRoiManager.imagingFovUm = [1 2 3]"
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], metadata=None, software=software)
    size, unit, notes = said(tmp_path / "a.tif")
    assert (size, unit) == ((1, 1, 1), "pixel") and "ScanImage is damaged" in notes[0]


@pytest.mark.parametrize(
    ("z", "y", "x", "expected"),
    [
        (Axis(2, "um"), Axis(0.5, "µm"), Axis(500, "nm"), ((2000, 500, 500), "nm", 0)),
        (Axis(1, "inch"), Axis(1, "cm"), Axis(1, "mm"), ((25.4, 10, 1), "mm", 0)),
        (Axis(2.5), Axis(1.0), Axis(1.0), ((2.5, 1, 1), "pixel", 0)),
        (Axis(2, "µm"), Axis(), Axis(), ((1, 1, 1), "pixel", 1)),
        (Axis(2, "furlong"), Axis(0.5, "µm"), Axis(0.5, "µm"), ((1, 0.5, 0.5), "µm", 1)),
    ],
)
def test_sizes_come_in_the_unit_of_x(z: Axis, y: Axis, x: Axis, expected: Any) -> None:
    found = spatial.resolve(z, y, x, 3)
    assert (found.pixel_size, found.unit, len(found.notes)) == (pytest.approx(expected[0]), *expected[1:])


def coordinates(dims: str, steps: dict[str, float], names: dict[str, str] | None = None, **attrs: Any) -> xr.DataArray:
    """Return an array with evenly spaced coordinates, of so many of its dims."""
    sizes = {"t": 2, "c": 2, "z": 3, "y": 4, "x": 5}
    called = names or {}
    coords = {called.get(dim, dim): np.arange(sizes[dim]) * step + 1.5 for dim, step in steps.items()}
    shape = [sizes[dim] for dim in dims]
    values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    return xr.DataArray(values, dims=[called.get(dim, dim) for dim in dims], coords=coords, attrs=attrs)


def test_arrays_of_bioio_bring_their_calibration() -> None:
    names = {dim: dim.upper() for dim in "tczyx"}
    array = coordinates("tczyx", {"z": 0.5, "y": 0.25, "x": 0.25}, names, unprocessed={}, processed=None)
    array = array.assign_coords(C=["DNA", "actin"])
    found = image.check(array)
    assert found.attrs["pixel_size"] == pytest.approx((0.5, 0.25, 0.25)) and found.attrs["unit"] == "µm"
    assert found.attrs["channel_names"] == ("DNA", "actin") and "notes" not in found.attrs


def test_arrays_of_pyimagej_keep_their_sizes_and_say_that_they_have_no_unit() -> None:
    names = {"z": "pln", "y": "row", "x": "col", "c": "ch"}
    array = coordinates("tzyxc", {"t": 2.0, "z": 0.5, "y": 0.25, "x": 0.25}, names)
    found = image.check(array)
    assert found.attrs["pixel_size"] == pytest.approx((0.5, 0.25, 0.25)) and found.attrs["unit"] == "unknown"
    assert found.attrs["frame_interval"] == 2 and "have no unit" in found.attrs["notes"][0]
    named = image.check(array.assign_attrs(unit="um"))
    assert named.attrs["pixel_size"] == found.attrs["pixel_size"] and named.attrs["unit"] == "µm"
    assert "notes" not in named.attrs


def test_units_of_coordinates_and_times_are_used() -> None:
    array = coordinates("tyx", {"y": 250, "x": 250})
    array = array.assign_coords(t=np.array([0, 5], "timedelta64[m]"))
    for dim in "yx":
        array[dim].attrs["units"] = "nanometer"
    found = image.check(array).attrs
    assert (found["pixel_size"], found["unit"], found["frame_interval"]) == ((1, 250, 250), "nm", 300)


def test_coordinates_that_only_count_say_nothing() -> None:
    found = image.check(coordinates("zyx", {"z": 1.0, "y": 1.0, "x": 1.0})).attrs
    assert (found["pixel_size"], found["unit"]) == ((1, 1, 1), "pixel") and "notes" not in found


def test_uneven_coordinates_are_said_and_not_used() -> None:
    array = coordinates("zyx", {"y": 0.25, "x": 0.25}, unit="µm").assign_coords(z=[0.0, 0.5, 2.0])
    found = image.check(array).attrs
    assert found["pixel_size"] == (1, 0.25, 0.25) and found["depth_unknown"]
    assert any("along z are not evenly spaced" in note for note in found["notes"])


def test_what_is_said_in_words_wins_over_coordinates() -> None:
    array = coordinates("yx", {"y": 0.25, "x": 0.25}, unit="µm")
    assert image.from_array(array, pixel_size=(0.5, 0.5), unit="nm").attrs["pixel_size"] == (1, 0.5, 0.5)
    assert image.check(array.assign_attrs(pixel_size=(1, 2, 2))).attrs["pixel_size"] == (1, 2, 2)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_masked_values_are_not_used_like_others(kind: type) -> None:
    array = np.ma.masked_greater(np.arange(20, dtype=kind).reshape(4, 5), 17)
    with pytest.raises(BadInput, match=r"2 of whose 20 values are masked.*filled\(0\)"):
        image.from_array(array)
    assert image.check(np.ma.masked_array(array.data)).shape == (1, 1, 1, 4, 5)
    as_array = image.check(xr.DataArray(array, dims=("y", "x")))  # xarray makes masked values NaN
    assert int(np.isnan(as_array.values).sum()) == 2


def test_fractions_of_metadata_are_numbers() -> None:
    assert Axis(Fraction(1, 4), "µm").usable == 0.25


def test_spellings_of_units() -> None:
    assert [units.normal_unit(unit) for unit in ("Mikrometer", "мкм", "um\0", "pixel(s)")] == ["µm"] * 3 + ["pixel"]


def test_a_unit_that_is_not_known_is_said() -> None:
    said = spatial.resolve(spatial.Axis(), spatial.Axis(2.0, "mil"), spatial.Axis(2.0, "mil"))
    assert said.unit == "mil" and said.pixel_size == (1.0, 2.0, 2.0)
    assert len(said.notes) == 1 and "the unit mil is not a length" in said.notes[0]
