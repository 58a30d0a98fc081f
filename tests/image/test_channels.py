"""What the samples of a pixel are is what the file says: channels, colours, inks, transparency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image

from talanoa import image as images
from talanoa.image import lazy as image_lazy

VALUES = np.random.default_rng(3).integers(0, 255, (20, 24, 4)).astype(np.uint8)


def read(path: Path) -> xr.DataArray:
    """Return an image; parts read on their own have the same values."""
    whole = images.read(path)
    with image_lazy.open_image(path) as lazy:
        assert lazy.form.attrs == whole.attrs
        part = lazy.fetch(0, slice(None), (slice(0, 1), slice(3, 9), slice(2, 20)))
    assert np.array_equal(part, whole.values[0, :, :, 3:9, 2:20])
    return whole


def channels(image: xr.DataArray) -> np.ndarray:
    return image.values[0, :, 0].transpose(1, 2, 0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_four_stains_are_four_channels(tmp_path: Path, kind: Any, planar: str) -> None:
    values = VALUES.astype(kind)
    stored = values if planar == "contig" else values.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planar, metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found), values)
    assert not found.attrs["rgb"] and "notes" not in found.attrs


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
def test_transparency_is_left_out_and_said(tmp_path: Path, kind: Any, alpha: str) -> None:
    values = VALUES.astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[alpha], metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found), values[..., :3])
    assert found.attrs["rgb"] == (kind == np.uint8)
    assert found.attrs["notes"] == ("the transparency (alpha) channel was left out",)


def test_grey_with_transparency_is_one_channel(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", VALUES[..., :2], extrasamples=["unassalpha"], **keys)
    assert np.array_equal(channels(read(tmp_path / "a.tif")), VALUES[..., :1])
    tifffile.imwrite(tmp_path / "b.tif", VALUES[..., :2], extrasamples=["unspecified"], **keys)
    assert np.array_equal(channels(read(tmp_path / "b.tif")), VALUES[..., :2])


def test_a_fourth_sample_of_unspecified_meaning_is_a_channel(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VALUES, photometric="rgb", extrasamples=["unspecified"], metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found), VALUES) and not found.attrs["rgb"]


def test_inks_are_not_colours(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VALUES, photometric="separated", metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found), VALUES)
    assert found.attrs["channel_names"] == ("cyan", "magenta", "yellow", "black") and not found.attrs["rgb"]
    assert "CMYK" in found.attrs["notes"][0]


def test_lab_is_not_rgb(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VALUES[..., :3], photometric="cielab", metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found), VALUES[..., :3])
    assert found.attrs["channel_names"] == ("L*", "a*", "b*") and not found.attrs["rgb"]


def test_three_stains_in_bytes_are_channels_and_rgb_is_a_picture(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "stains.tif", VALUES[..., :3], photometric="minisblack", **keys)
    tifffile.imwrite(tmp_path / "rgb.tif", VALUES[..., :3], photometric="rgb", **keys)
    tifffile.imwrite(tmp_path / "jpeg.tif", VALUES[..., :3], photometric="ycbcr", compression="jpeg", metadata=None)
    assert [read(tmp_path / f"{name}.tif").attrs["rgb"] for name in ("stains", "rgb", "jpeg")] == [False, True, True]


def test_white_as_zero_is_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VALUES[..., 0], photometric="miniswhite", metadata=None)
    found = read(tmp_path / "a.tif")
    assert np.array_equal(channels(found)[..., 0], VALUES[..., 0])
    assert "0 is white" in found.attrs["notes"][0]


def test_inks_of_a_jpeg_are_converted_and_said(tmp_path: Path) -> None:
    Image.fromarray(VALUES, "CMYK").save(tmp_path / "a.jpg")
    found = images.read(tmp_path / "a.jpg")
    assert found.sizes["c"] == 3 and found.attrs["rgb"]
    assert any("CMYK" in note for note in found.attrs["notes"])
