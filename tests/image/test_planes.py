"""Planes that a file declares and does not hold are named, and never are zeros: read whole and block by block alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from helpers import filesets
from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy

FRAMES = np.stack([filesets.frame(number) for number in range(6)])


def in_blocks(path: Path, missing: str = "refuse") -> np.ndarray:
    """Return the values (t, c, z, y, x) as block-wise reading gives them."""
    with image_lazy.open_image(path, missing=missing) as lazy:
        z, y, x = (slice(0, lazy.form.sizes[axis]) for axis in "zyx")
        return np.stack([lazy.fetch(t, slice(None), (z, y, x)) for t in range(lazy.form.sizes["t"])])


def refused(path: Path) -> str:
    """Return the message with which both ways of reading refuse a file; it is the same."""
    messages = []
    for read in (images.read, in_blocks):
        with pytest.raises(BadInput) as error:
            read(path)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert path.name in messages[0]
    return messages[0]


def skipped(path: Path, missing: str = "skip") -> xr.DataArray:
    """Return what is read where missing planes are left out; both ways of reading give the same."""
    whole = images.read(path, missing=missing)
    assert np.array_equal(whole.values, in_blocks(path, missing))
    return whole


def write_stack(path: Path, kind: str) -> None:
    """Write six planes in one of the ways in which programs lay out a stack."""
    if kind == "imagej":  # one directory, then all pixels, as ImageJ writes
        description = "ImageJ=1.54p\nimages=6\nslices=6\nloop=false\nmin=0\nmax=600\n"
        with tifffile.TiffWriter(path) as out:
            out.write(FRAMES[0], description=description, metadata=None)
        path.write_bytes(path.read_bytes() + FRAMES[1:].tobytes())
    elif kind == "imagej hyperstack":
        images.write(path, images.from_array(FRAMES.reshape(3, 2, 20, 24), "tcyx"))
    elif kind == "imagej compressed":
        with tifffile.TiffWriter(path) as out:
            for number, frame in enumerate(FRAMES):
                text = "ImageJ=1.54p\nimages=6\nframes=6\n" if number == 0 else None
                out.write(frame, compression="zlib", description=text, metadata=None, contiguous=False)
    elif kind == "ome":
        images.write(path, images.from_array(FRAMES, "tyx"))
    elif kind == "shaped":
        tifffile.imwrite(path, FRAMES, photometric="minisblack", metadata={"axes": "ZYX"})
    elif kind == "shaped compressed":
        tifffile.imwrite(path, FRAMES, photometric="minisblack", compression="zlib")
    else:  # pages without a word on how many there are
        for number, frame in enumerate(FRAMES):
            tifffile.imwrite(
                path, frame, append=number > 0, metadata=None, compression="lzw" if "lzw" in kind else None
            )


KINDS = ("imagej", "imagej hyperstack", "imagej compressed", "ome", "shaped", "shaped compressed", "pages", "pages lzw")


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_cut_at_any_length_is_refused(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / ("whole.ome.tif" if kind == "ome" else "whole.tif")
    write_stack(whole, kind)
    data = whole.read_bytes()
    before = images.read(whole)
    assert before.size == FRAMES.size and np.array_equal(before.values.reshape(FRAMES.shape), FRAMES)
    assert np.array_equal(in_blocks(whole), before.values)
    cut = whole.with_name(whole.name.replace("whole", "cut"))
    for length in np.linspace(0.02 * len(data), 0.98 * len(data), 60).astype(int):
        cut.write_bytes(data[:length])
        try:
            found = images.read(cut)
        except BadInput:
            refused(cut)
            continue
        # all pixels are there: only what stands behind them was lost
        assert np.array_equal(found.values, before.values) and np.array_equal(in_blocks(cut), before.values)


@pytest.mark.parametrize("kind", ["imagej", "imagej compressed", "shaped", "pages"])
def test_the_planes_of_a_cut_stack_are_used_on_the_users_word(tmp_path: Path, kind: str) -> None:
    write_stack(tmp_path / "stack.tif", kind)
    data = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: int(0.8 * len(data))])
    assert "missing_planes=skip" in refused(tmp_path / "cut.tif")
    found = skipped(tmp_path / "cut.tif")
    planes = found.values.reshape(-1, 20, 24)
    assert 1 <= len(planes) < 6 and np.array_equal(planes, FRAMES[: len(planes)])
    assert any("not in" in note for note in found.attrs["notes"])


def ome(path: Path, held: Sequence[int], compression: str | None, private: bool = False) -> None:
    """Write a movie of six frames of which only some are in the file."""
    blocks = "".join(f'<TiffData FirstT="{t}" IFD="{place}" PlaneCount="1"/>' for place, t in enumerate(held))
    blocks += "".join(f'<TiffData FirstT="{t}" IFD="{t + 10}" PlaneCount="1"/>' for t in range(6) if t not in held)
    body = filesets.image_xml(0, [], (6, 1, 1, 20, 24)).replace("</Pixels>", f"{blocks}</Pixels>")
    body = body.replace("PhysicalSizeX", 'TimeIncrement="2" TimeIncrementUnit="s" PhysicalSizeX')
    note = [(65000, "s", 0, "x" * 24000, True)] if private else []
    keys: dict[str, Any] = {"metadata": None, "contiguous": False, "compression": compression, "extratags": note}
    with tifffile.TiffWriter(path) as out:
        for number, t in enumerate(held):
            text = filesets.OME.format(head="", body=body).encode() if number == 0 else None
            out.write(FRAMES[t], description=text, **keys)


@pytest.mark.parametrize(("compression", "private"), [("zlib", False), (None, True), (None, False)])
def test_a_stopped_acquisition_names_its_frames(tmp_path: Path, compression: str | None, private: bool) -> None:
    path = tmp_path / "stopped.ome.tif"
    ome(path, range(4), compression, private)
    message = refused(path)
    assert "2 of 6 planes are not in the file (frames 5-6)" in message and "missing_planes=skip" in message
    found = skipped(path)
    assert np.array_equal(found.values[:, 0, 0], FRAMES[:4])
    assert found.attrs["frame_interval"] == 2.0
    [note] = found.attrs["notes"]
    assert "Left out: frames 5-6; the others count from 1 to 4" in note


def test_a_gap_in_time_leaves_no_frame_interval(tmp_path: Path) -> None:
    ome(tmp_path / "gap.ome.tif", [0, 1, 3, 5], "zlib")
    assert "frames 3, 5" in refused(tmp_path / "gap.ome.tif")
    found = skipped(tmp_path / "gap.ome.tif")
    assert np.array_equal(found.values[:, 0, 0], FRAMES[[0, 1, 3, 5]])
    assert found.attrs["frame_interval"] == 0.0
    assert any("time between frames" in note for note in found.attrs["notes"])


def test_missing_files_of_a_set_are_named(tmp_path: Path) -> None:
    files = filesets.write_set(tmp_path, 6, missing=[2, 5])
    for path in files:
        message = refused(path)
        assert "frames 3, 6" in message and "t2.ome.tif, t5.ome.tif" in message
        assert np.array_equal(skipped(path).values[:, 0, 0], FRAMES[[0, 1, 3, 4]])


def test_one_file_of_a_set_whose_sisters_are_elsewhere(tmp_path: Path) -> None:
    [path] = filesets.write_set(tmp_path, 6, missing=[0, 1, 3, 4, 5])
    message = refused(path)
    assert "5 of 6 planes" in message and "t0.ome.tif, t1.ome.tif, t3.ome.tif" in message
    assert "damaged" not in message
    assert np.array_equal(skipped(path).values[:, 0, 0], FRAMES[2:3])


def test_a_set_is_read_whole_and_in_blocks(tmp_path: Path) -> None:
    for path in (*filesets.write_set(tmp_path / "own"), *filesets.write_companion(tmp_path / "companion")):
        found = skipped(path, "refuse")
        assert np.array_equal(found.values[:, 0, 0], FRAMES)
        assert found.attrs["pixel_size"][1:] == (0.5, 0.5) and found.attrs["unit"] == "µm"
        assert any("one of 6 files" in note for note in found.attrs["notes"])


def test_a_companion_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = filesets.write_companion(tmp_path)[3]
    (tmp_path / "movie.companion.ome").unlink()
    found = skipped(path, "refuse")
    assert np.array_equal(found.values[0, 0, 0], FRAMES[3]) and found.attrs["unit"] == "pixel"
    [note] = found.attrs["notes"]
    assert "movie.companion.ome" in note and "damaged" not in note


def test_channels_that_micro_manager_did_not_record_in_every_frame(tmp_path: Path) -> None:
    planes = {(0, 0, t, 0): FRAMES[t] for t in range(6)} | {(1, 0, t, 0): FRAMES[t] + 1000 for t in (0, 3)}
    path = tmp_path / "a_MMStack_Pos0.ome.tif"
    filesets.write_stack(path, planes, {"Channels": 2, "Slices": 1, "Frames": 6, "Positions": 1, "Prefix": "a"})
    message = refused(path)
    assert "4 of 12 planes" in message and "frames 2-3, 5-6" in message and "channel 2" in message
    assert "damaged" not in message and "planned" in message
    assert np.array_equal(skipped(path).values[:, 1, 0], FRAMES[[0, 3]] + 1000)
    assert np.array_equal(skipped(path, "skip_channels").values[:, 0, 0], FRAMES)


def test_one_file_of_micro_managers_whose_sister_is_elsewhere(tmp_path: Path) -> None:
    planned = {"Channels": 1, "Slices": 1, "Frames": 6, "Positions": 1, "Prefix": "a"}
    paths = [tmp_path / f"a_MMStack_Pos0{part}.ome.tif" for part in ("", "_1")]
    filesets.write_stack(paths[0], {(0, 0, t, 0): FRAMES[t] for t in range(4)}, planned)
    filesets.write_stack(paths[1], {(0, 0, t, 0): FRAMES[t] for t in range(4, 6)}, planned)
    for path in paths:
        assert np.array_equal(skipped(path, "refuse").values[:, 0, 0], FRAMES)
    paths[0].unlink()
    assert "frames 1-4" in refused(paths[1])
    assert np.array_equal(skipped(paths[1]).values[:, 0, 0], FRAMES[4:])


def test_a_frame_of_which_a_slice_is_missing_is_left_out(tmp_path: Path) -> None:
    planes: dict[Any, np.ndarray] = {(0, z, t, 0): FRAMES[3 * t + z] for t in range(2) for z in range(3)}
    del planes[0, 1, 1, 0]
    path = tmp_path / "a_MMStack_Pos0.ome.tif"
    filesets.write_stack(path, planes, {"Channels": 1, "Slices": 3, "Frames": 2, "Positions": 1})
    assert "frame 2" in refused(path) and "slice 2" in refused(path)
    found = skipped(path)
    assert found.shape[:3] == (1, 1, 3) and np.array_equal(found.values[0, 0], FRAMES[:3])


def test_names_and_colours_stay_with_their_channels(tmp_path: Path) -> None:
    body = filesets.image_xml(0, [("x.ome.tif", 0), ("gone.ome.tif", 1), ("x.ome.tif", 0)], (1, 3, 1, 20, 24))
    for number in range(3):
        body = body.replace(f'"Channel:0:{number}"', f'"Channel:0:{number}" Name="stain {number}"')
    body = body.replace('FirstC="2" FirstT="0" IFD="0"', 'FirstC="2" FirstT="0" IFD="1"')
    text = filesets.OME.format(head=f' UUID="{filesets.identity(0)}"', body=body).encode()
    with tifffile.TiffWriter(tmp_path / "x.ome.tif") as out:
        out.write(FRAMES[0], description=text, metadata=None)
        out.write(FRAMES[2], metadata=None)
    assert "channel 2" in refused(tmp_path / "x.ome.tif")
    found = skipped(tmp_path / "x.ome.tif", "skip_channels")
    assert found.attrs["channel_names"] == ("stain 0", "stain 2")
    assert np.array_equal(found.values[0, :, 0], FRAMES[[0, 2]])
    with pytest.raises(BadInput, match="nothing is left"):
        images.read(tmp_path / "x.ome.tif", missing="skip")


def test_damage_found_while_blocks_are_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "movie.tif"
    write_stack(path, "imagej compressed")
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[2].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[place + 20 : place + 220] = b"U" * 200
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"movie\.tif cannot be read"):
        images.read(path)
    with pytest.raises(BadInput, match=r"movie\.tif, frame 3, cannot be read"):
        in_blocks(path)


def write_zarr(path: Path, values: np.ndarray, axes: str, zarr_format: int = 2) -> None:
    """Write OME-Zarr as most programs do: chunks that are 0 everywhere are left out."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", shape=values.shape, chunks=(1,) * (values.ndim - 2) + (10, 12), dtype=values.dtype)[...] = (
        values
    )
    scale = [{"type": "scale", "scale": [1.0] * values.ndim}]
    named = [{"name": axis, "type": "space"} for axis in axes]
    scales = [{"axes": named, "datasets": [{"path": "0", "coordinateTransformations": scale}], "version": "0.4"}]
    group.attrs.update(
        {"multiscales": scales} if zarr_format == 2 else {"ome": {"version": "0.5", "multiscales": scales}}
    )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_planes_without_a_chunk_are_missing(tmp_path: Path, zarr_format: int) -> None:
    values = FRAMES.reshape(3, 2, 20, 24).copy()
    values[1, 1] = 0
    path = tmp_path / "a.ome.zarr"
    write_zarr(path, values, "tcyx", zarr_format)
    message = refused(path)
    assert "1 of 6 planes have no chunk in the folder (frame 2; channel 2)" in message
    assert np.array_equal(skipped(path).values[:, :, 0], values[[0, 2]])
    assert np.array_equal(skipped(path, "skip_channels").values[:, 0, 0], values[:, 0])
    filled = skipped(path, "fill")
    assert np.array_equal(filled.values[:, :, 0], values) and "read as 0" in filled.attrs["notes"][0]


def test_single_chunks_that_are_not_there_are_said(tmp_path: Path) -> None:
    values = FRAMES[1:3].copy()
    values[0, :10, 12:] = 0
    write_zarr(tmp_path / "corner.ome.zarr", values, "zyx")
    found = skipped(tmp_path / "corner.ome.zarr", "refuse")
    assert np.array_equal(found.values[0, 0], values)
    assert "1 of the 8 chunks" in found.attrs["notes"][0]


def test_label_images_and_our_own_files_may_have_empty_planes(tmp_path: Path) -> None:
    labels = np.zeros((3, 20, 24), np.int32)
    labels[1, 4:8, 4:8] = 1
    write_zarr(tmp_path / "labels.ome.zarr", labels, "tyx")
    assert np.array_equal(images.read_labels(tmp_path / "labels.ome.zarr").values[:, 0, 0], labels)
    black = images.from_array(labels.astype(np.uint16), "tyx")
    images.write(tmp_path / "own.ome.zarr", black)
    found = skipped(tmp_path / "own.ome.zarr", "refuse")
    assert np.array_equal(found.values, black.values) and "notes" not in found.attrs


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_missing_planes_are_zeros_only_on_the_users_word(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    if kind == "ome":
        ome(path, [0, 1, 3, 5], "zlib")
        held = [0, 1, 3, 5]
    else:
        write_stack(path, kind)
        path.write_bytes(path.read_bytes()[: -5 * FRAMES[0].nbytes // 2])
        held = [0, 1, 2]
    found = skipped(path, "fill")
    planes = found.values.reshape(-1, 20, 24)
    assert len(planes) == 6 and np.array_equal(planes[held], FRAMES[held])
    assert not np.delete(planes, held, axis=0).any()
    assert any("read as 0" in note for note in found.attrs["notes"])
