"""Damaged image files are read right or refused with their name, whole and block by block; nothing else happens."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from helpers import filesets, fuzzing
from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy

CASES = 300
MOST_BYTES = 400_000_000  # what a header of a few bytes may claim before it is checked against the file


def volume(kind: Any, *sizes: int) -> np.ndarray:
    """Return smooth values with noise, as images have them; none of their planes is empty."""
    rng = np.random.default_rng(len(sizes))
    return (rng.random(sizes) * 20 + 50 + np.arange(sizes[-1])).astype(kind)


def tiffs(folder: Path) -> None:
    keys: dict[str, Any] = {"metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(folder / "plane.tif", volume(np.uint16, 40, 50), **keys)
    tifffile.imwrite(folder / "tiles.tif", volume(np.uint8, 3, 40, 50), tile=(16, 16), compression="zlib", **keys)
    tifffile.imwrite(folder / "strips.tif", volume(np.uint16, 4, 40, 50), rowsperstrip=9, compression="lzw", **keys)
    tifffile.imwrite(folder / "rgb.tif", volume(np.uint8, 40, 50, 3), photometric="rgb", metadata=None)
    tifffile.imwrite(folder / "planar.tif", volume(np.uint8, 3, 40, 50), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "big.tif", volume(np.float32, 3, 20, 30), bigtiff=True, byteorder=">", **keys)
    tifffile.imwrite(
        folder / "difference.tif", volume(np.uint16, 3, 20, 30), predictor=2, compression="zlib",
        photometric="minisblack",
    )  # fmt: skip
    tifffile.imwrite(folder / "jpeg.tif", volume(np.uint8, 32, 48), compression="jpeg", **keys)


def imagej(folder: Path) -> None:
    stack = volume(np.uint16, 2, 2, 3, 16, 20)
    images.write(folder / "hyperstack.tif", images.from_array(stack, "tczyx", pixel_size=(2, 0.5, 0.5), unit="µm"))
    images.write(folder / "signed.tif", images.from_array(stack[0, 0].astype(np.int16) - 60, "zyx"))
    images.write(folder / "rgb.tif", images.from_array(volume(np.uint8, 3, 24, 30, 3), "tyxs"))
    description = "ImageJ=1.54p\nimages=5\nslices=5\nloop=false\n"
    frames = volume(np.uint8, 5, 24, 30)
    tifffile.imwrite(folder / "block.tif", frames[0], description=description, metadata=None)
    (folder / "block.tif").write_bytes((folder / "block.tif").read_bytes() + frames[1:].tobytes())
    with tifffile.TiffWriter(folder / "compressed.tif") as out:
        for number, frame in enumerate(frames):
            out.write(frame, description=None if number else description, compression="zlib", metadata=None)


def ome_tiffs(folder: Path) -> None:
    stack = volume(np.uint16, 2, 2, 3, 16, 20)
    named = images.from_array(stack, "tczyx", pixel_size=(2, 0.5, 0.5), unit="µm", channel_names=("a", "b"))
    images.write(folder / "stack.ome.tif", named)
    images.write(folder / "rgb.ome.tif", images.from_array(volume(np.uint8, 24, 30, 3), "yxs"))
    keys: dict[str, Any] = {"ome": True, "photometric": "minisblack"}
    tifffile.imwrite(folder / "zlib.ome.tif", volume(np.uint8, 5, 24, 30), compression="zlib", **keys)
    tifffile.imwrite(folder / "tiles.ome.tif", volume(np.uint16, 3, 40, 50), tile=(16, 16), **keys)
    blocks = "".join(f'<TiffData FirstT="{t}" IFD="{t}" PlaneCount="1"/>' for t in range(4))
    body = filesets.image_xml(0, [], (4, 1, 1, 20, 24)).replace("</Pixels>", f"{blocks}</Pixels>")
    with tifffile.TiffWriter(folder / "head.ome.tif") as out:  # the text comes before the pixels
        for t in range(4):
            text = None if t else filesets.OME.format(head="", body=body).encode()
            out.write(filesets.frame(t), description=text, metadata=None, contiguous=False)
    planned = {"Channels": 2, "Slices": 1, "Frames": 2, "Positions": 1, "Prefix": "m"}
    planes: dict[Any, Any] = {(c, 0, t, 0): filesets.frame(2 * t + c) for t in range(2) for c in range(2)}
    filesets.write_stack(folder / "m_MMStack_Pos0.ome.tif", planes, planned)


def pictures(folder: Path) -> None:
    colours = volume(np.uint8, 40, 50, 4)
    Image.fromarray(colours[..., 0]).save(folder / "grey.png")
    Image.fromarray(colours[..., :3]).save(folder / "rgb.png")
    Image.fromarray(colours).save(folder / "rgba.png")
    Image.fromarray(volume(np.uint16, 40, 50)).save(folder / "deep.png")
    Image.fromarray(colours[..., 0]).convert("P").save(folder / "palette.png")
    Image.fromarray(colours[..., :3]).save(folder / "photo.jpg")
    Image.fromarray(colours[..., 0]).save(folder / "grey.jpg", progressive=True)


FORMATS: dict[str, Callable[[Path], None]] = {
    "TIFF": tiffs, "ImageJ TIFF": imagej, "OME-TIFF": ome_tiffs, "PNG and JPEG": pictures,
}  # fmt: skip


def in_blocks(path: Path) -> np.ndarray:
    with image_lazy.open_image(path) as lazy:
        sizes = lazy.form.sizes
        parts = [slice(0, sizes["z"]), slice(0, sizes["y"]), slice(0, sizes["x"])]
        return np.stack([lazy.fetch(t, slice(None), (parts[0], parts[1], parts[2])) for t in range(sizes["t"])])


def read_both_ways(path: Path, case: fuzzing.Case, whole: np.ndarray) -> None:
    """Read a damaged file; what is left of a file that was cut off must be all of it."""
    try:
        image = images.read(path)
    except BadInput as error:
        assert path.name in str(error), f"no file named: {error}"
        try:
            in_blocks(path)
        except BadInput:
            raise error from None
        raise AssertionError(f"read in blocks, refused whole: {error}") from error
    found = image.values
    if case.kind == "gone" and any("chunk" in note for note in image.attrs.get("notes", ())):
        return
    assert np.array_equal(in_blocks(path), found, equal_nan=found.dtype.kind == "f"), "blocks differ"
    if case.kind in ("cut", "gone"):
        assert found.shape == whole.shape and np.array_equal(found, whole), f"{found.shape} of {whole.shape}"


def entries(data: bytes) -> list[int]:
    """Return the places of tags of the first directory of a TIFF file: code, type, count and value of each."""
    if data[:4] != b"II*\0":
        return []
    (at,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[at : at + 2])
    return [at + 2 + 12 * number + part for number in range(count) for part in (0, 2, 4, 8)]


@pytest.mark.parametrize("name", FORMATS)
def test_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "starts").mkdir()
    FORMATS[name](tmp_path / "starts")
    starts = {path.name: path.read_bytes() for path in sorted((tmp_path / "starts").iterdir())}
    assert len(starts) >= 5
    whole = {start: images.read(tmp_path / "starts" / start).values for start in starts}
    places = {start: entries(data) for start, data in starts.items()}
    counts = fuzzing.Counts()
    for case in fuzzing.mutations(starts, CASES, 15, places):
        path = tmp_path / f"hurt-{case.start}"
        counts.add(fuzzing.fuzz([case], path, lambda at, one: read_both_ways(at, one, whole[one.start]), MOST_BYTES))
    print(name, counts)
    assert not counts.wrong, counts
    assert counts.refused > CASES // 10 and counts.right > CASES // 10  # the damage does something, and not everything


def zarrs(folder: Path) -> None:
    """Write OME-Zarr 0.4 and 0.5, of one level and of several, of one chunk and of many."""
    import zarr
    from ome_zarr.format import FormatV05
    from ome_zarr.writer import write_image

    stack = volume(np.uint16, 2, 2, 3, 16, 20)
    images.write(folder / "stack.ome.zarr", images.from_array(stack, "tczyx", pixel_size=(2, 0.5, 0.5), unit="µm"))
    images.write(folder / "plane.ome.zarr", images.from_array(volume(np.float32, 30, 40)))
    images.write(folder / "levels.ome.zarr", images.from_array(volume(np.uint8, 600, 30)))
    for name, chunks in (("new.ome.zarr", (1, 1, 16, 20)), ("chunks.ome.zarr", (1, 2, 8, 8))):
        group = zarr.open_group(folder / name, mode="w", zarr_format=3)
        options = {"chunks": chunks}
        write_image(stack[0], group, fmt=FormatV05(), axes="czyx", scaler=None, storage_options=options)


def test_ome_zarr(tmp_path: Path) -> None:
    (tmp_path / "starts").mkdir()
    zarrs(tmp_path / "starts")
    starts = {path.name: path for path in sorted((tmp_path / "starts").iterdir())}
    whole = {name: images.read(path).values for name, path in starts.items()}
    counts = fuzzing.fuzz_folder(
        fuzzing.folder_mutations(starts, CASES, 15), starts, tmp_path / "hurt",
        lambda path, case: read_both_ways(path, case, whole[case.start.split("/")[0]]),
    )  # fmt: skip
    print("OME-Zarr", counts)
    assert not counts.wrong, counts
    assert counts.refused > CASES // 10 and counts.right > CASES // 10
