"""Images through files: every format keeps values, axes and calibration, and nothing damaged gets through."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image

from talanoa import image
from talanoa.core.errors import BadInput

KEPT = ("unit", "frame_interval", "rgb", "channel_names")


def sample(shape: tuple[int, ...], dtype: str = "uint16", **attrs: object) -> xr.DataArray:
    """Return a seeded image of shape (t, c, z, y, x)."""
    values = np.random.default_rng(42).uniform(0, 250, shape).astype(dtype)
    return image.from_array(values, "tczyx", **attrs)


def assert_same(found: xr.DataArray, expected: xr.DataArray) -> None:
    """Compare values, dtype and the attributes that a file must keep."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert found.attrs["pixel_size"] == pytest.approx(expected.attrs["pixel_size"], rel=1e-6)
    assert {key: found.attrs[key] for key in KEPT} == {key: expected.attrs[key] for key in KEPT}


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr"])
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("planes", [1, 4])
def test_hyperstacks_keep_their_axes(tmp_path: Path, suffix: str, frames: int, channels: int, planes: int) -> None:
    names = ("DAPI", "GFP", "Cy5") if channels == 3 else ()
    interval = 30.0 if frames > 1 else 0.0
    attrs = {"pixel_size": (0.5, 0.125, 0.25), "unit": "um", "frame_interval": interval, "channel_names": names}
    expected = sample((frames, channels, planes, 6, 7), **attrs)
    assert_same(image.read(image.write(tmp_path / f"stack{suffix}", expected)), expected)


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_dtypes_of_imagej_are_kept_everywhere(tmp_path: Path, suffix: str, dtype: str) -> None:
    expected = sample((1, 1, 3, 6, 7), dtype)
    assert_same(image.read(image.write(tmp_path / f"stack{suffix}", expected)), expected)


def test_ome_zarr_keeps_every_dtype_and_has_smaller_levels(tmp_path: Path) -> None:
    expected = sample((1, 1, 1, 700, 600), "int64")
    path = image.write(tmp_path / "large.ome.zarr", expected)
    assert_same(image.read(path), expected)
    scales = json.loads((path / ".zattrs").read_text())["multiscales"][0]["datasets"]
    assert [scale["coordinateTransformations"][0]["scale"][-2:] for scale in scales] == [[1.0, 1.0], [2.0, 2.0]]


def test_ome_zarr_of_version_05_is_read(tmp_path: Path) -> None:
    import zarr

    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    group = zarr.open_group(tmp_path / "new.zarr", mode="w", zarr_format=3)
    group.create_array("full", data=values)
    axes = [{"name": "c", "type": "channel"}] + [{"name": n, "type": "space", "unit": "nanometer"} for n in "yx"]
    level = {"path": "full", "coordinateTransformations": [{"type": "scale", "scale": [1, 300, 200]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    found = image.read(tmp_path / "new.zarr")
    np.testing.assert_array_equal(np.asarray(found)[0, :, 0], values)
    assert found.attrs["unit"] == "nm"
    assert found.attrs["pixel_size"] == (1.0, 300.0, 200.0)


def test_a_zarr_folder_without_an_image_lists_what_lies_in_it(tmp_path: Path) -> None:
    import zarr

    zarr.open_group(tmp_path / "plate.zarr", mode="w").create_group("A1")
    with pytest.raises(BadInput, match="A1"):
        image.read(tmp_path / "plate.zarr")


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png"])
def test_colour_pictures_stay_colour(tmp_path: Path, suffix: str) -> None:
    expected = sample((1, 3, 1, 6, 7), "uint8", rgb=True)
    assert_same(image.read(image.write(tmp_path / f"colour{suffix}", expected)), expected)


def test_display_range_and_colours_are_kept_in_imagej_tiff(tmp_path: Path) -> None:
    expected = sample((1, 2, 1, 6, 7))
    tables = tuple(np.linspace(0, top, 256).astype(np.uint8)[:, None].repeat(3, axis=1) for top in (255, 100))
    expected.attrs |= {"display": ((1.0, 20.0), (3.0, 40.0)), "luts": tables}
    found = image.read(image.write(tmp_path / "composite.tif", expected))
    assert found.attrs["display"] == expected.attrs["display"]
    np.testing.assert_array_equal(np.stack(found.attrs["luts"]), np.stack(tables))


def test_display_range_of_signed_words_is_kept(tmp_path: Path) -> None:
    expected = sample((1, 1, 1, 6, 7), "int16")
    expected.attrs["display"] = ((-20.0, 200.0),)
    assert image.read(image.write(tmp_path / "signed.tif", expected)).attrs["display"] == ((-20.0, 200.0),)


def test_imagej_signed_words_are_read_as_signed(tmp_path: Path) -> None:
    stored = np.array([[32768 - 5, 32768 + 7]], np.uint16)
    metadata = {"cf": 0, "c0": -32768.0, "c1": 1.0}
    tifffile.imwrite(tmp_path / "signed.tif", stored, imagej=True, metadata=metadata)
    found = image.read(tmp_path / "signed.tif")
    np.testing.assert_array_equal(np.asarray(found)[0, 0, 0], np.array([[-5, 7]], np.int16))


@pytest.mark.parametrize(
    ("kind", "size", "unit"), [("CENTIMETER", 1e-4, "cm"), ("INCH", 1e-3, "inch"), ("NONE", 0.5, "pixel")]
)
def test_resolution_tags_are_read_as_imagej_does(tmp_path: Path, kind: str, size: float, unit: str) -> None:
    values = np.zeros((4, 5), np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", values, resolution=(1 / size, 1 / size), resolutionunit=kind)
    found = image.read(tmp_path / "plain.tif")
    assert (found.attrs["unit"], found.attrs["pixel_size"][2]) == (unit, pytest.approx(size))


def test_72_dots_per_inch_are_no_calibration(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((4, 5), np.uint8), resolution=(72, 72), resolutionunit="INCH")
    assert image.read(tmp_path / "plain.tif").attrs["unit"] == "pixel"


def test_planes_without_a_name_are_z_and_said_to_be(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    tifffile.imwrite(tmp_path / "pages.tif", values, metadata=None, photometric="minisblack")
    found = image.read(tmp_path / "pages.tif")
    assert found.shape == (1, 1, 3, 4, 5)
    assert "3 planes" in found.attrs["notes"][0]
    as_time = image.read(tmp_path / "pages.tif", dims="tyx")
    assert as_time.shape == (3, 1, 1, 4, 5)
    assert "notes" not in as_time.attrs


def test_z_saved_as_time_can_be_renamed(tmp_path: Path) -> None:
    path = image.write(tmp_path / "movie.tif", sample((5, 1, 1, 4, 6)))
    assert image.read(path, dims="zyx").shape == (1, 1, 5, 4, 6)
    with pytest.raises(BadInput, match="axes"):
        image.read(path, dims="tzyx")


def test_big_endian_files_become_native(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint16).reshape(4, 5)
    tifffile.imwrite(tmp_path / "big.tif", values, byteorder=">")
    found = image.read(tmp_path / "big.tif")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(np.asarray(found)[0, 0, 0], values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 65535]], np.int64), "uint16"),
        (np.array([[-3, 300]], np.int32), "int16"),
        (np.array([[0, 1 << 24]], np.uint32), "float32"),
        (np.array([[0.5, np.nan]], np.float64), "float32"),
    ],
)
def test_imagej_tiff_converts_only_what_stays_exact(tmp_path: Path, values: np.ndarray, expected: str) -> None:
    found = image.read(image.write(tmp_path / "exact.tif", image.from_array(values)))
    assert found.dtype == expected
    np.testing.assert_array_equal(np.asarray(found)[0, 0, 0].astype(values.dtype), values)


@pytest.mark.parametrize("values", [np.array([[(1 << 24) + 1]]), np.array([[0.1]]), np.array([[2**63 - 1]])])
def test_imagej_tiff_refuses_what_it_cannot_hold(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(BadInput, match="cannot hold exactly"):
        image.write(tmp_path / "lossy.tif", image.from_array(values))
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_never_replaced_silently(tmp_path: Path) -> None:
    path = image.write(tmp_path / "once.ome.tif", sample((1, 1, 1, 4, 5)))
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"Free is: once-2\.ome\.tif"):
        image.write(path, sample((1, 1, 1, 6, 5)))
    assert path.read_bytes() == before
    image.write(path, sample((1, 1, 1, 6, 5)), overwrite=True)
    assert image.read(path).sizes["y"] == 6
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("mode", "values", "shape"),
    [
        ("L", np.arange(20, dtype=np.uint8).reshape(4, 5), (1, 1, 1, 4, 5)),
        ("1", np.eye(4, dtype=bool), (1, 1, 1, 4, 4)),
        ("I;16", np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000, (1, 1, 1, 4, 5)),
        ("RGB", np.arange(60, dtype=np.uint8).reshape(4, 5, 3), (1, 3, 1, 4, 5)),
        ("RGBA", np.arange(80, dtype=np.uint8).reshape(4, 5, 4), (1, 3, 1, 4, 5)),
    ],
)
def test_png_is_read(tmp_path: Path, mode: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    Image.fromarray(values).save(tmp_path / "picture.png")
    found = image.read(tmp_path / "picture.png")
    assert found.shape == shape
    assert found.attrs["rgb"] is mode.startswith("RGB")
    expected = values[..., :3] if mode == "RGBA" else values * np.uint8(255) if mode == "1" else values
    flat = np.asarray(found)[0, :, 0]
    np.testing.assert_array_equal(flat.transpose(1, 2, 0) if found.attrs["rgb"] else flat[0], expected)


def test_palette_png_gives_its_indices(tmp_path: Path) -> None:
    indices = np.arange(20, dtype=np.uint8).reshape(4, 5)
    picture = Image.fromarray(indices).convert("P")
    picture.save(tmp_path / "labels.png")
    np.testing.assert_array_equal(np.asarray(image.read(tmp_path / "labels.png"))[0, 0, 0], indices)


def test_jpeg_is_read_as_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16, 3), 100, np.uint8)).save(tmp_path / "photo.JPG")
    found = image.read(tmp_path / "photo.JPG")
    assert found.attrs["rgb"] is True
    assert abs(int(found.max()) - 100) < 5


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """Return a PNG of a few bytes that declares any size."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(bytes(10))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def test_deep_colour_png_is_refused_instead_of_cut_to_8_bit(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(png(1, 1, 16, 2))
    with pytest.raises(BadInput, match="16 bit per colour"):
        image.read(tmp_path / "deep.png")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_that_declares_100000_by_100000_is_refused(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), compression=compression, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages.first.tags[name].overwrite(100_000)
    with pytest.raises(BadInput, match="100,000 x 100,000"):
        image.read(path)


def test_a_png_that_declares_100000_by_100000_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(100_000, 100_000, 8, 0))
    with pytest.raises(BadInput, match=r"bomb\.png"):
        image.read(tmp_path / "bomb.png")


def test_a_zarr_that_declares_a_terabyte_is_refused(tmp_path: Path) -> None:
    path = image.write(tmp_path / "bomb.zarr", sample((1, 1, 1, 4, 5), "uint8"))
    [file] = path.rglob(".zarray")
    header = json.loads(file.read_text())
    header["shape"] = [1, 1, 1, 1_000_000, 1_000_000]
    file.write_text(json.dumps(header))
    with pytest.raises(BadInput, match="1,000,000 x 1,000,000"):
        image.read(path)


@pytest.mark.parametrize("size", [0, 4, 100, 4000])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png"])
def test_cut_off_files_are_refused_with_their_name(tmp_path: Path, suffix: str, size: int) -> None:
    whole = image.write(tmp_path / f"whole{suffix}", sample((1, 1, 1, 80, 90), "uint8")).read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[:size])
    with pytest.raises(BadInput, match="cut"):
        image.read(tmp_path / f"cut{suffix}")


@pytest.mark.parametrize("name", ["notes.txt", "notes.tif", "notes.png", "notes.czi"])
def test_what_is_no_image_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("These are notes, no pixels.")
    with pytest.raises(BadInput, match="notes"):
        image.read(tmp_path / name)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no file.*nowhere\.tif"):
        image.read(tmp_path / "nowhere.tif")
    with pytest.raises(BadInput, match="is a folder"):
        image.read(tmp_path)


def test_a_damaged_zarr_is_refused(tmp_path: Path) -> None:
    path = image.write(tmp_path / "hurt.zarr", sample((1, 1, 1, 4, 5)))
    [file] = path.rglob(".zarray")
    file.write_text("{")
    with pytest.raises(BadInput, match=r"hurt\.zarr"):
        image.read(path)


def test_names_with_spaces_and_letters_of_any_language_work(tmp_path: Path) -> None:
    folder = tmp_path / "Mäuse – 細胞"
    folder.mkdir()
    expected = sample((1, 1, 1, 4, 5))
    assert_same(image.read(image.write(folder / "Zellen µ 1.tif", expected)), expected)


def test_unknown_endings_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.tif"):
        image.write(tmp_path / "picture.bmp2", sample((1, 1, 1, 4, 5)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png", ".zip.tif"])
def test_random_damage_is_refused_or_read_but_never_crashes(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(7)
    if suffix == ".zip.tif":
        tifffile.imwrite(tmp_path / "whole.zip.tif", np.arange(72, dtype=np.uint8).reshape(8, 9), compression="zlib")
    else:
        image.write(tmp_path / f"whole{suffix}", sample((1, 1, 1, 8, 9), "uint8", channel_names=("DAPI",)))
    whole = (tmp_path / f"whole{suffix}").read_bytes()
    refused = 0
    for _ in range(60):
        hurt = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 1500), rng.integers(1, 6)):
            hurt[place] = rng.integers(0, 256)
        (tmp_path / f"hurt{suffix}").write_bytes(hurt)
        try:
            image.read(tmp_path / f"hurt{suffix}")
        except BadInput:
            refused += 1
    assert refused > 5


def test_damaged_ome_metadata_cost_the_calibration_and_are_said(tmp_path: Path) -> None:
    expected = sample((1, 1, 1, 8, 9), "uint8", pixel_size=(1.0, 0.5, 0.5), unit="um")
    path = image.write(tmp_path / "picture.ome.tif", expected)
    path.write_bytes(path.read_bytes().replace(b"<Image ", b"<Image<"))
    found = image.read(path)
    assert found.attrs["unit"] == "pixel"
    assert any("OME metadata" in note for note in found.attrs["notes"])
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
