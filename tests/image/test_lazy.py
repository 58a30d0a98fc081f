"""Parts of images that stay on disk are those of the image read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy

PART = (slice(0, 2), slice(5, 30), slice(17, 40))


def volume(kind: Any, *sizes: int) -> np.ndarray:
    return (np.random.default_rng(1).random(sizes) * 200).astype(kind)


def check(path: Path, channels: slice = slice(None)) -> None:
    """Compare a part of every frame with the image read whole."""
    whole = images.read(path)
    with image_lazy.open_image(path) as lazy:
        assert lazy.form.sizes == whole.sizes and lazy.form.dtype == whole.dtype
        assert {**lazy.form.attrs} == {**whole.attrs}
        for t in range(whole.sizes["t"]):
            expected = whole.values[t, channels, *PART]
            found = lazy.fetch(t, channels, PART)
            assert found.dtype == expected.dtype and np.array_equal(found, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.int16])
def test_hyperstacks(tmp_path: Path, kind: Any) -> None:
    image = images.from_array(volume(kind, 2, 2, 3, 40, 50), "tczyx", pixel_size=(2, 0.5, 0.5), unit="µm")
    for name in ("a.tif", "a.ome.tif", "a.ome.zarr"):
        images.write(tmp_path / name, image)
        check(tmp_path / name)
        check(tmp_path / name, slice(1, 2))


@pytest.mark.parametrize(
    "keys",
    [
        {"bigtiff": True},
        {"byteorder": ">"},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 7, "compression": "zlib"},
        {"tile": (16, 16)},
    ],
)
def test_tiff_of_all_kinds(tmp_path: Path, keys: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "plane.tif", volume(np.uint16, 40, 50), **keys)
    check(tmp_path / "plane.tif")
    tifffile.imwrite(tmp_path / "planes.tif", volume(np.float16, 3, 40, 50), **keys)
    check(tmp_path / "planes.tif")


def test_colours_transparency_and_masks(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", volume(np.uint8, 40, 50, 3), photometric="rgb")
    tifffile.imwrite(tmp_path / "rgba.tif", volume(np.uint8, 40, 50, 4), photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "mask.tif", volume(np.uint8, 40, 50) > 100)
    for name in ("rgb", "rgba", "mask"):
        check(tmp_path / f"{name}.tif")


def test_opening_takes_no_memory_for_pixels(tmp_path: Path) -> None:
    place = tifffile.memmap(tmp_path / "large.tif", shape=(200_000, 200_000), dtype=np.uint16, bigtiff=True)
    del place  # 80 GB that no disk has: the file is sparse
    with image_lazy.open_image(tmp_path / "large.tif") as lazy:
        assert lazy.form.size == 4 * 10**10
        assert not lazy.fetch(0, slice(None), (slice(0, 1), slice(199_990, 200_000), slice(0, 10))).any()
    assert image_lazy.size_of(tmp_path / "large.tif") == 4 * 10**10


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.tif").write_bytes(b"no image")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("no.tif", "empty.zarr", "missing.tif"):
        with pytest.raises(BadInput):
            image_lazy.open_image(tmp_path / name)
    assert image_lazy.size_of(tmp_path / "no.tif") == 0
