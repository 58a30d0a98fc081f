"""The keys `dims` and `series`: axes that files do not name, and files that hold several images, at every door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

import talanoa
from helpers import annotating, labellers, micromanager, restorers, tiny
from talanoa import cli, image, tasks
from talanoa.cli import codes
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import read_dims
from talanoa.image import lazy as image_lazy
from talanoa.image import reading
from talanoa.segmentation.dataset.folder import open_dataset

FRAMES = np.stack([tiny.discs(seed)[0] for seed in range(3)])
MASKS = np.stack([tiny.discs(seed)[1] for seed in range(3)])


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie as tifffile and many scripts write it: its axes have no names."""
    tifffile.imwrite(tmp_path / "movie.tif", FRAMES, photometric="minisblack")
    return tmp_path / "movie.tif"


def ask(task: str, **keys: Any) -> tasks.Reply:
    """Run a task."""
    return tasks.run({"task": task, "device": "cpu", **keys}, QuietHost())


def sizes(path: Path, **keys: Any) -> dict[str, int]:
    """Return the sizes of an image; read in parts they and the pixels are the same."""
    whole = image.read(path, **keys)
    with image_lazy.open_image(path, **keys) as lazy:
        assert lazy.form.sizes == whole.sizes and lazy.form.attrs == whole.attrs
        frames = [lazy.fetch(t, slice(None), (slice(None),) * 3) for t in range(whole.sizes["t"])]
    assert np.array_equal(np.stack(frames), whole.values)
    return {str(dim): size for dim, size in whole.sizes.items() if dim not in "yx"}


@pytest.mark.parametrize(
    ("given", "expected"), [("TYX", "tyx"), ("t, y, x", "tyx"), (["t", "y", "x"], "tyx"), ("yxs", "yxs"), (None, None)]
)
def test_axes_are_read_in_every_spelling(given: object, expected: str | None) -> None:
    assert read_dims(given) == expected


@pytest.mark.parametrize("given", ["tzx", "tyyx", "qyx", "time", "", 3])
def test_other_axes_are_refused_with_what_is_expected(given: object) -> None:
    with pytest.raises(BadInput, match="dims: found .*such as tyx or tczyx"):
        read_dims(given)


def test_a_movie_is_segmented_from_the_command_line(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segment", str(movie), "--model", tiny.MODEL, "--device", "cpu", "--quiet"]
    assert cli.main([*words, "--out", str(movie.parent / "none")]) == codes.BAD
    assert "set dims=tyx" in capsys.readouterr().err
    assert cli.main([*words, "--dims", "tyx", "--out", str(movie.parent / "out")]) == codes.OK
    expected = talanoa.segment(FRAMES, tiny.MODEL, dims="tyx", device="cpu")
    labels = image.read_labels(movie.parent / "out" / "labels.tif")
    assert labels.sizes["t"] == 3 and np.array_equal(labels.values, expected.labels.values)
    record = json.loads((movie.parent / "out" / "result.json").read_text(encoding="utf-8"))
    assert record["request"]["dims"] == "tyx" and record["image"]["sizes"]["t"] == 3
    assert talanoa.rerun(movie.parent / "out").identical


def test_a_folder_of_movies_and_planes(movie: Path) -> None:
    tifffile.imwrite(movie.parent / "plane.tif", FRAMES[0])
    reply = ask("segment", image=str(movie.parent), model=tiny.MODEL, dims="tyx", out=str(movie.parent / "out"))
    assert reply["status"] == "ok" and list(reply["table"]["Status"]) == ["ok", "ok"]
    assert image.read_labels(movie.parent / "out" / "movie" / "labels.tif").sizes["t"] == 3


def test_processes_of_a_folder_read_alike(movie: Path) -> None:
    from talanoa.tasks import folder_input

    keys = {"task": "segment", "model": tiny.MODEL, "dims": "tyx", "device": "cpu"}
    row, _ = folder_input.elsewhere(keys, tiny.MODEL, str(movie), str(movie.parent / "out"))
    assert row["Status"] == "ok"
    assert image.read_labels(movie.parent / "out" / "labels.tif").sizes["t"] == 3


def test_restore_and_predict_take_the_axes(movie: Path, tmp_path: Path) -> None:
    restorer = restorers.save(tmp_path / "restorer")
    assert ask("restore", image=str(movie), model=str(restorer), dims="tyx")["image"].sizes["t"] == 3
    labeller = labellers.save(tmp_path / "labeller")
    assert ask("predict", image=str(movie), model=str(labeller), dims="tyx")["image"].sizes["t"] == 3


def test_the_large_way_takes_the_axes(movie: Path) -> None:
    reply = ask("segment", image=str(movie), model=tiny.MODEL, dims="tyx", block=64, out=str(movie.parent / "out"))
    assert reply["status"] == "ok", reply["message"]
    again = talanoa.rerun(movie.parent / "out", out=str(movie.parent / "again"))
    assert again.identical
    assert image.read_labels(movie.parent / "out" / "labels.ome.zarr").sizes["t"] == 3


def test_trainings_take_the_axes_of_images_and_labels(tmp_path: Path) -> None:
    folders = {key: tmp_path / key for key in ("images", "targets")}
    for (key, folder), values in zip(folders.items(), (FRAMES, MASKS), strict=True):
        folder.mkdir()
        for number in range(2):
            own = np.roll(values, 5 * number, axis=2)  # copies of an image count as one
            stacked = np.stack([own, own[::-1]], axis=-1) if key == "images" else own
            tifffile.imwrite(folder / f"a{number}.tif", stacked, photometric="minisblack")
    keys = {key: str(folder) for key, folder in folders.items()}
    asked = {**keys, "name": "a", "dry_run": True, "ndim": 2, "channel": 1}
    told = ask("train", **asked)
    assert told["status"] == "error" and "dims=" in told["message"]
    reply = ask("train", **asked, dims="zyxc")
    assert reply["status"] == "ok", reply["message"]


def test_evaluations_take_the_axes(tmp_path: Path) -> None:
    for name, values in (("images", FRAMES), ("truth", MASKS)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", values, photometric="minisblack")
    keys = {"images": str(tmp_path / "images"), "truth": str(tmp_path / "truth"), "model": tiny.MODEL, "bootstrap": 0}
    reply = ask("evaluate", **keys, dims="tyx", leaks=False, out=str(tmp_path / "out"))
    assert reply["status"] == "ok", reply["message"]
    assert int(reply["table"]["TP"].sum()) > 15 and not any("dims" in text for text in reply["warnings"])
    assert ask("evaluate", **keys, dims="tcyx")["message"].count("names 4") == 1


def test_a_dataset_is_made_of_frames_and_annotations_are_imported(movie: Path, tmp_path: Path) -> None:
    made = tmp_path / "dataset"
    annotating.done("new", made)
    annotating.done("pick", made, source=str(movie), dims="tyx")
    (entry,) = open_dataset(str(made)).entries
    assert image.read(made / "images" / "movie.tif").sizes["t"] == 3  # the copy names its axes
    tifffile.imwrite(tmp_path / "movie_masks.tif", MASKS, photometric="minisblack")
    keys = {"file": str(tmp_path / "movie_masks.tif"), "image": entry.name}
    read = annotating.done("import", made, **keys, dims="tyx")
    assert read["labels"].sizes["t"] == 3


def test_label_images_to_rois(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "masks.tif", MASKS, photometric="minisblack")
    request = {"task": "rois", "action": "from_labels", "image": str(tmp_path / "masks.tif")}
    assert tasks.run({**request, "dims": "tyx"}, QuietHost())["labels"].sizes["t"] == 3
    assert tasks.run(request, QuietHost())["labels"].sizes["z"] == 3


def test_python_arrays_have_their_axes_named() -> None:
    found = talanoa.segment(FRAMES, tiny.MODEL, dims="tyx", device="cpu")
    assert found.labels.sizes["t"] == 3
    assert talanoa.segment(FRAMES, tiny.MODEL, dims=["t", "y", "x"], frames=2, device="cpu").labels.sizes["t"] == 1
    with pytest.raises(BadInput, match='dims="tyx"'):
        talanoa.segment(FRAMES, tiny.MODEL)


@pytest.mark.parametrize("call", [talanoa.segment, talanoa.restore, talanoa.predict_fluorescence])
def test_a_list_of_paths_is_refused_with_the_way(call: Any, movie: Path) -> None:
    with pytest.raises(BadInput, match=r"list of 2 paths.*for path in paths.*out=<new folder>"):
        call([movie, str(movie)], tiny.MODEL)


def test_an_open_image_keeps_its_axes() -> None:
    opened = image.from_array(FRAMES, "zyx")
    for keys in ({"dims": "tyx"}, {"series": 2}):
        reply = tasks.run({"task": "segment", "model": tiny.MODEL, **keys}, QuietHost(), opened)
        assert reply["status"] == "error" and f"{next(iter(keys))}: found with an open image" in reply["message"]


def test_a_file_of_other_axes_says_which_it_has(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 8, 9), np.uint8), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(BadInput, match=r"has 4 axes \(tzyx\) of the sizes 2 x 3 x 8 x 9, but dims=tyx names 3"):
        image.read(tmp_path / "a.tif", "tyx")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((2, 3, 8, 9), np.uint8), photometric="minisblack")
    with pytest.raises(BadInput, match="Say what they are, for example dims=tzyx"):
        image.read(tmp_path / "b.tif")
    assert sizes(tmp_path / "b.tif", dims="ctyx") == {"t": 3, "c": 2, "z": 1}


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A file with three images: 8-bit planes of different sizes."""
    with tifffile.TiffWriter(tmp_path / "several.tif") as out:
        for number in (1, 2, 3):
            out.write(np.full((8, 10 * number), number, np.uint8), metadata=None)
    return tmp_path / "several.tif"


def test_an_image_of_several_is_chosen(several: Path) -> None:
    assert "3 images; the first was read (series=2" in image.read(several).attrs["notes"][0]
    for number in (1, 2, 3):
        found = image.read(several, series=number)
        assert found.sizes["x"] == 10 * number and "notes" not in found.attrs
        assert sizes(several, series=number) == {"t": 1, "c": 1, "z": 1}
    with pytest.raises(BadInput, match=r"several.tif holds 3 images; found series=4. Give a number from 1 to 3"):
        image.read(several, series=4)


def test_images_of_ome_tiff_bring_their_own_calibration(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as out:
        for number in (1, 2):
            size = {"PhysicalSizeX": 0.1 * number, "PhysicalSizeY": 0.1 * number}
            out.write(np.full((number + 1, 8, 9), number, np.uint8), metadata={"axes": "TYX", **size})
    found = image.read(tmp_path / "a.ome.tif", series=2)
    assert (found.sizes["t"], found.attrs["pixel_size"][2]) == (3, pytest.approx(0.2)) and found.values.min() == 2
    assert sizes(tmp_path / "a.ome.tif", series=2)["t"] == 3


def test_positions_of_micromanager_are_images(tmp_path: Path) -> None:
    planes = {
        (c, 0, t, r): np.full((8, 9), 100 * r + 10 * t + c, np.uint16)
        for t in range(3)
        for r in range(2)
        for c in range(2)
    }
    path = micromanager.write(tmp_path / "a.tif", planes, {"PixelSize_um": 0.5})
    assert "2 images" in image.read(path).attrs["notes"][0]
    for number in (1, 2):
        assert sizes(path, series=number) == {"t": 3, "c": 2, "z": 1}
        expected = [[100 * (number - 1) + 10 * t + c for c in range(2)] for t in range(3)]
        assert image.read(path, series=number).values[:, :, 0, 0, 0].tolist() == expected


def test_pictures_with_frames_and_collections_of_zarr(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((8, 9), 40 * number, np.uint8)) for number in (1, 2, 3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert "series=2" in image.read(tmp_path / "a.gif").attrs["notes"][0]
    assert "notes" not in image.read(tmp_path / "a.gif", series=3).attrs
    with pytest.raises(BadInput, match="a.gif holds 3 images; found series=4"):
        image.read(tmp_path / "a.gif", series=4)
    group = zarr.open_group(tmp_path / "many.zarr", mode="w", zarr_format=2)
    for number in range(2):
        each = group.create_group(str(number))
        each.create_array("0", data=np.full((8, 9), number, np.uint8))
        each.attrs["multiscales"] = [{"version": "0.4", "axes": list("yx"), "datasets": [{"path": "0"}]}]
    with pytest.raises(BadInput, match="series=1 to 2"):
        image.read(tmp_path / "many.zarr")
    assert image.read(tmp_path / "many.zarr", series=2).values.min() == 1
    assert sizes(tmp_path / "many.zarr", series=2) == {"t": 1, "c": 1, "z": 1}


def test_a_label_image_needs_no_series_of_its_own(several: Path) -> None:
    tifffile.imwrite(several.parent / "mask.tif", np.eye(8, dtype=np.uint8) * 3)
    with reading.asked("tcyx", 2):
        assert image.read(several).sizes["x"] == 20
        assert image.read_labels(several.parent / "mask.tif", mask="keep").max() == 3
        with reading.as_stored():
            assert image.read(several).sizes["x"] == 10


def test_segment_takes_the_image_asked_for(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for number in (1, 2):
            out.write(tiny.discs(number, 96 + 8 * number)[0], metadata=None)
    reply = ask("segment", image=str(tmp_path / "a.tif"), model=tiny.MODEL, series="2", out=str(tmp_path / "out"))
    assert reply["labels"].sizes["x"] == 112 and reply["record"]["request"]["series"] == 2
    assert talanoa.rerun(tmp_path / "out").identical


@pytest.fixture
def focal(tmp_path: Path) -> dict[str, Any]:
    """Keys of a training of masks on three focal planes, annotated once for all of them."""
    for name in ("images", "targets"):
        (tmp_path / name).mkdir()
    for number in range(3):
        picture, labels = tiny.discs(number)
        stack = image.from_array(np.stack([picture, picture // 2, picture // 3]), "zyx")
        image.write(tmp_path / "images" / f"a{number}.tif", stack)
        tifffile.imwrite(tmp_path / "targets" / f"a{number}.tif", labels)
    small = {"epochs": 1, "steps": 2, "patch": 32, "depth": 2, "filters": 4}
    return {"images": str(tmp_path / "images"), "targets": str(tmp_path / "targets"), **small}


def test_focal_planes_without_a_word_are_refused_with_what_can_be_done(focal: dict[str, Any]) -> None:
    for method in ("segmentation", "stardist"):
        reply = ask("train", method=method, name="focal", **focal)
        assert reply["status"] == "error" and "is a plane, its image a0.tif has 3 slices" in reply["message"]
        assert "set dims=cyx here, and again when segmenting" in reply["message"]


def test_focal_planes_are_channels_on_the_users_word(focal: dict[str, Any]) -> None:
    reply = ask("train", method="segmentation", name="focal", dims="cyx", **focal)
    assert reply["status"] == "ok", reply["message"]
    file = str(Path(focal["images"]) / "a0.tif")
    assert "z-stack of 3 slices" in ask("segment", image=file, model="focal")["message"]
    found = ask("segment", image=file, model="focal", dims="cyx", prob_thresh=0.5)
    assert found["status"] == "ok" and found["labels"].sizes["z"] == 1


def with_all_axes(path: Path) -> Path:
    """Write an image of 2 frames, 3 channels and 3 slices that says all of them, with names and steps."""
    values = np.arange(2 * 3 * 3 * 8 * 8, dtype=np.uint16).reshape(2, 3, 3, 8, 8)
    names = ("DAPI", "GFP", "Cy5")
    whole = image.from_array(
        values, "tczyx", pixel_size=(2, 0.5, 0.5), unit="µm", frame_interval=5, channel_names=names
    )
    whole.attrs["display"] = ((0.0, 10.0), (0.0, 20.0), (0.0, 30.0))
    image.write(path, whole)
    return path


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.ome.zarr"])
def test_facts_of_an_axis_that_dims_moves_are_not_used(tmp_path: Path, name: str) -> None:
    path = with_all_axes(tmp_path / name)
    stored = stored_axes(path)
    asked = stored.translate(str.maketrans("cz", "zc"))
    found = image.read(path, dims=asked)
    assert not any(found.attrs["channel_names"]) and "display" not in found.attrs
    assert found.attrs["pixel_size"] == (1, 0.5, 0.5) and found.attrs["frame_interval"] == 5
    (note,) = (note for note in found.attrs["notes"] if "dims" in note)
    assert "channel names" in note and "distance of the slices" in note and "frame interval" not in note
    assert sizes(path, dims=asked) == {"t": 2, "c": 3, "z": 3}
    same = image.read(path, dims=stored)
    assert same.attrs["channel_names"] == ("DAPI", "GFP", "Cy5") and same.attrs["pixel_size"] == (2, 0.5, 0.5)


def stored_axes(path: Path) -> str:
    """Return the axes of a file as it stores them, lower case."""
    if path.suffix == ".zarr":
        return "tczyx"
    with tifffile.TiffFile(path) as tif:
        return str(tif.series[0].axes.lower())


def test_the_name_of_one_channel_is_not_that_of_three(tmp_path: Path) -> None:
    stack = image.from_array(np.zeros((3, 8, 8), np.uint8), "zyx", channel_names=("DAPI",))
    image.write(tmp_path / "a.ome.tif", stack)
    found = image.read(tmp_path / "a.ome.tif", dims="cyx")
    assert found.sizes["c"] == 3 and not any(found.attrs["channel_names"])
    assert any("channel names" in note for note in found.attrs["notes"])


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_axes_of_a_plane_that_it_does_not_have_are_reported(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / name, FRAMES[0])
    found = image.read(tmp_path / name, dims="zyx")
    assert "dims=zyx is not used: the file has two axes only (y, x)" in found.attrs["notes"]
    assert "notes" not in image.read(tmp_path / name, dims="yx").attrs
