"""Tasks: what comes back for good and for bad input, and that nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import xarray as xr

from helpers import tiny
from talanoa import image as images
from talanoa import rois, tasks
from talanoa.core.host import QuietHost
from talanoa.core.record import jsonable
from talanoa.models import folder as model_folder

REPLY = {"status", "task", "message", "warnings", "request", "labels", "rois", "table", "record", "folder"}


def run(task: str, opened: xr.DataArray | None = None, /, **keys: object) -> tasks.Reply:
    """Run a task quietly; segmenting uses the tiny model unless told otherwise."""
    given = {"model": tiny.MODEL, "device": "cpu", **keys} if task == "segment" else keys
    return tasks.run({"task": task, **given}, QuietHost(), opened)


def disc_image(seed: int = 1, **about: object) -> xr.DataArray:
    """Return one frame of discs in the image form."""
    return images.from_array(tiny.discs(seed)[0], **about)


def stack(dims: str, count: int = 4, **about: object) -> xr.DataArray:
    """Return `count` different images of discs along the first of `dims`."""
    return images.from_array(np.stack([tiny.discs(seed)[0] for seed in range(count)]), dims, **about)


def refusal(reply: tasks.Reply) -> str:
    """Return the message of a reply that is an error."""
    assert reply["status"] == "error", reply["message"]
    assert reply["labels"] is None and reply["folder"] is None
    return reply["message"]


def test_segment_finds_the_discs_that_were_drawn() -> None:
    pixels, truth = tiny.discs(99)
    reply = run("segment", images.from_array(pixels))
    assert reply["status"] == "ok" and set(reply) >= REPLY
    labels = reply["labels"].values[0, 0, 0]
    assert labels.max() == truth.max() == len(reply["rois"]) == len(reply["table"])
    for number in range(1, truth.max() + 1):
        found = np.bincount(labels[truth == number]).argmax()
        overlap = ((labels == found) & (truth == number)).sum() / ((labels == found) | (truth == number)).sum()
        assert found > 0 and overlap > 0.7
    assert reply["message"].startswith("8 objects in ") and "on cpu (model discs, probability 0.43" in reply["message"]


def test_the_reply_holds_the_complete_request_and_what_was_filled_in() -> None:
    reply = run("segment", disc_image(), probThresh="0,6")
    request, used = reply["request"], reply["record"]["used"]
    assert request["task"] == "segment" and request["prob_thresh"] == 0.6 and request["nms_thresh"] is None
    thresholds = model_folder.load(tiny.MODEL).thresholds
    assert (used["prob_thresh"], used["nms_thresh"], used["device"]) == (0.6, thresholds["nms"], "cpu")
    json.dumps(jsonable(reply["record"]), allow_nan=False)


def test_traced_outlines_are_the_labels_and_carry_the_probabilities() -> None:
    reply = run("segment", disc_image())
    filled = rois.to_labels(reply["rois"], like=reply["labels"])
    np.testing.assert_array_equal(filled.labels, reply["labels"])
    assert list(reply["table"]["Name"]) == list(reply["rois"].names)
    assert reply["table"]["Probability"].between(0.4, 1).all()


def test_star_outlines_are_the_polygons_of_the_network() -> None:
    star = run("segment", disc_image(), outline="star")["rois"]
    assert not star.traced and star.names == run("segment", disc_image())["rois"].names
    assert np.diff(star.path_start).tolist() == [16] * len(star)


def test_chosen_frames_keep_their_numbers() -> None:
    movie = stack("tyx")
    whole, part = run("segment", movie), run("segment", movie, frames="2,4")
    np.testing.assert_array_equal(part["labels"], whole["labels"].isel(t=[1, 3]))
    assert set(part["table"]["Frame"]) == set(part["rois"].position[:, 2]) == {2, 4}
    assert set(part["rois"].names) == {name for name in whole["rois"].names if name[:5] in ("T0002", "T0004")}
    assert part["table"].attrs["units"] == whole["table"].attrs["units"]
    assert "expected frames from 1 to 4" in refusal(run("segment", movie, frames="3-5"))


def test_a_stack_needs_a_plane_and_the_rois_stay_in_it() -> None:
    pile = stack("zyx")
    message = refusal(run("segment", pile))
    assert "z-stack of 4 slices" in message and "plane=1 to 4" in message
    reply = run("segment", pile, plane=3)
    np.testing.assert_array_equal(
        reply["labels"].values[0, 0, 0], run("segment", disc_image(2))["labels"].values[0, 0, 0]
    )
    assert set(reply["rois"].position[:, 1]) == {3}
    assert "expected 1 to 4" in refusal(run("segment", pile, plane=5))


def test_several_channels_need_a_channel_and_all_are_measured() -> None:
    pair = images.from_array(
        np.stack([tiny.discs(1)[0], 7 + 0 * tiny.discs(1)[0]]), "cyx", channel_names=("DAPI", "GFP")
    )
    message = refusal(run("segment", pair))
    assert "2 channels (DAPI, GFP)" in message and "channel=1 to 2" in message
    reply = run("segment", pair, channel=1)
    np.testing.assert_array_equal(reply["labels"], run("segment", disc_image())["labels"])
    assert (reply["table"]["Mean_C2"] == 7).all()
    assert "channel=3: the image has 2 channels; expected 1 to 2" in refusal(run("segment", pair, channel=3))


def test_rgb_is_never_made_grey_silently() -> None:
    grey = (tiny.discs(1)[0] // 16).astype(np.uint8)
    colour = images.from_array(np.stack([grey] * 3), "cyx", rgb=True)
    message = refusal(run("segment", colour))
    assert "RGB" in message and "channel=1 (red)" in message
    assert len(run("segment", colour, channel=2)["table"]) == 8


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(value: float) -> None:
    pixels = tiny.discs(1)[0].astype(np.float32)
    pixels[3, 4] = value
    assert "1 pixel that are NaN or infinite" in refusal(run("segment", images.from_array(pixels)))


def test_an_empty_image() -> None:
    with_no_rows = xr.DataArray(np.zeros((1, 1, 1, 0, 5), np.uint8), dims=images.DIMS, attrs=disc_image().attrs)
    assert "empty" in refusal(run("segment", with_no_rows))


@pytest.mark.parametrize("shape", [(96, 96), (1, 1), (5, 300)])
def test_a_constant_image_has_no_objects_and_a_warning(shape: tuple[int, int], tmp_path: Path) -> None:
    reply = run("segment", images.from_array(np.full(shape, 7, np.uint16)), out=str(tmp_path / "out"))
    assert reply["status"] == "ok" and len(reply["table"]) == len(reply["rois"]) == reply["labels"].max() == 0
    assert any("same intensity" in text for text in reply["warnings"])
    assert (tmp_path / "out" / "rois.zip").is_file()


def test_no_image_and_no_model() -> None:
    assert "No image is open" in refusal(run("segment"))
    assert "Unknown model 'nucleii'" in refusal(run("segment", disc_image(), model="nucleii"))
    assert "expected an image" in refusal(run("segment", image="nowhere.tif"))


def test_the_size_of_pixels_is_compared_with_the_model(tmp_path: Path) -> None:
    model = tmp_path / "half"
    shutil.copytree(tiny.MODEL, model)
    record = json.loads((model / "model.json").read_text(encoding="utf-8"))
    (model / "model.json").write_text(json.dumps({**record, "pixel_size": 0.5, "unit": "µm"}), encoding="utf-8")

    def warnings(side: float, unit: str, scale: float = 1) -> list[str]:
        image = disc_image(pixel_size=(1, side, side), unit=unit)
        return [text for text in run("segment", image, model=str(model), scale=scale)["warnings"] if "pixels" in text]

    assert warnings(0.6, "um") == warnings(500, "nm") == warnings(3, "pixel") == warnings(1, "um", scale=2) == []
    (larger,) = warnings(1, "um")
    assert "2 times larger" in larger and "Try scale=2." in larger
    (smaller,) = warnings(125, "nm")
    assert "4 times smaller" in smaller and "Try scale=0.25." in smaller


def test_a_bright_background_is_said_to_a_model_of_dark_ones() -> None:
    inverted = images.from_array(4000 - tiny.discs(1)[0])
    assert any("background is bright" in text for text in run("segment", inverted)["warnings"])
    assert run("segment", disc_image())["warnings"] == []


def test_existing_results_are_never_touched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("segment", disc_image(), out=str(out))["folder"] == str(out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert "out-2" in refusal(run("segment", disc_image(2), out=str(out)))
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert str(tmp_path / "file") in refusal(run("segment", disc_image(), out=str(tmp_path / "file" / "out")))


def test_a_copy_of_the_model_on_request(tmp_path: Path) -> None:
    run("segment", disc_image(), out=str(tmp_path / "a"), copy_model="true")
    run("segment", disc_image(), out=str(tmp_path / "b"))
    assert model_folder.load(str(tmp_path / "a" / "model")).sha256 == model_folder.load(tiny.MODEL).sha256
    assert (tmp_path / "b" / "model.json").is_file() and not (tmp_path / "b" / "model").exists()


def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    request = {"task": "segment", "model": tiny.MODEL, "out": str(tmp_path / "out")}
    reply = tasks.run(request, tiny.RecordingHost(stop=True), disc_image())
    assert reply["status"] == "cancelled" and "nothing was written" in reply["message"]
    assert list(tmp_path.iterdir()) == []


def test_cancelling_a_folder_keeps_what_is_done(tmp_path: Path) -> None:
    class StopsAtSecond(tiny.RecordingHost):
        def progress(self, done: float, total: float, text: str) -> None:
            self.stop = self.stop or text.startswith("b.tif")

    (tmp_path / "in").mkdir()
    for name in "abc":
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", tiny.discs(1)[0])
    request = {"task": "segment", "model": tiny.MODEL, "image": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    reply = tasks.run(request, StopsAtSecond())
    assert reply["status"] == "cancelled" and "after 1 of 3 images" in reply["message"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "folder.json", "summary.csv"}
    stopped = tasks.run({**request, "out": str(tmp_path / "none")}, tiny.RecordingHost(stop=True))
    assert stopped["status"] == "cancelled" and not (tmp_path / "none").exists()


def test_unknown_tasks_and_keys_are_answered_not_raised() -> None:
    assert 'Did you mean "segment"?' in refusal(run("segmnt"))
    assert 'Did you mean "prob_thresh"?' in refusal(run("segment", prob_tresh=1))
    assert refusal(tasks.run({}, QuietHost())).startswith('Unknown task ""')


def test_what_nobody_foresaw_becomes_a_message() -> None:
    class Broken(QuietHost):
        def cancelled(self) -> bool:
            raise ZeroDivisionError("the host is broken")

    reply = tasks.run({"task": "segment", "model": tiny.MODEL}, Broken(), disc_image())
    assert "ZeroDivisionError: the host is broken" in refusal(reply) and "log" in reply["message"]


def test_warnings_are_collected_once_and_shown() -> None:
    host = tiny.RecordingHost()
    request = {"task": "segment", "model": tiny.MODEL, "roiPosition": "Stack"}
    reply = tasks.run(request, host, images.from_array(np.zeros((64, 64), np.uint8)))
    assert reply["warnings"] == host.warnings and len(set(host.warnings)) == len(host.warnings) == 2


def test_a_folder_of_images(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in (1, 2):
        tifffile.imwrite(folder / f"discs {seed}.tif", tiny.discs(seed)[0])
    tifffile.imwrite(folder / "discs 2.tiff", tiny.discs(3)[0])
    (folder / "broken.tif").write_bytes(b"II*\0nothing")
    (folder / "notes.txt").write_text("no image")
    (folder / "stack.czi").write_bytes(b"ZISRAWFILE")
    reply = run("segment", input=str(folder), out=str(tmp_path / "out"))
    assert reply["status"] == "ok" and reply["failures"] == ["broken.tif"]
    assert "24 objects in 3 of 4 images" in reply["message"]
    assert any("stack.czi" in text and "notes" not in text for text in reply["warnings"])
    summary = pd.read_csv(tmp_path / "out" / "summary.csv", keep_default_na=False)
    assert dict(zip(summary["Image"], summary["Status"], strict=True)) == {
        "broken.tif": "error", "discs 1.tif": "ok", "discs 2.tif": "ok", "discs 2.tiff": "ok",
    }  # fmt: skip
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"folder.json", "summary.csv", "discs 1", "discs 2.tif", "discs 2.tiff"}
    alone = run("segment", images.read(folder / "discs 1.tif"))
    kept = images.read_labels(tmp_path / "out" / "discs 1" / "labels.tif")
    np.testing.assert_array_equal(kept, alone["labels"])


def test_a_zarr_image_is_no_folder_of_images(tmp_path: Path) -> None:
    images.write(tmp_path / "discs.ome.zarr", disc_image())
    (tmp_path / "discs.ome.zarr").rename(tmp_path / "renamed")
    reply = run("segment", image=str(tmp_path / "renamed"))
    np.testing.assert_array_equal(reply["labels"], run("segment", disc_image())["labels"])


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (17, 20), (95, 1)])
def test_images_smaller_than_a_tile(shape: tuple[int, int]) -> None:
    pixels = tiny.discs(1)[0][: shape[0], : shape[1]]
    assert run("segment", images.from_array(pixels))["labels"].shape == (1, 1, 1, *shape)


def test_folders_that_cannot_be_done(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "out")
    assert "holds no image" in refusal(run("segment", input=str(tmp_path / "empty"), out=out))
    assert not (tmp_path / "out").exists()
    (tmp_path / "plate" / "phase").mkdir(parents=True)
    (tmp_path / "plate" / "phase" / "a.tif").touch()
    told = refusal(run("segment", input=str(tmp_path / "plate"), out=out))
    assert f"give one of them, such as {tmp_path / 'plate' / 'phase'}." in told
    (tmp_path / "empty" / "a.tif").write_bytes(b"II*\0")
    assert "out is missing" in refusal(run("segment", input=str(tmp_path / "empty")))
    assert "None of the 1 images" in refusal(run("segment", input=str(tmp_path / "empty"), out=out))


def test_rois_to_labels_and_back(tmp_path: Path) -> None:
    found = run("segment", disc_image())
    labels, zipped = tmp_path / "labels.tif", tmp_path / "rois.zip"
    images.write_labels(labels, found["labels"])
    traced = run("rois", action="from_labels", image=str(labels), out=str(zipped))
    assert traced["message"].startswith("8 ROIs") and traced["folder"] == str(zipped)
    again = tmp_path / "again.tif"
    back = run("rois", action="to_labels", rois=str(zipped), shape="96x96", out=str(again))
    np.testing.assert_array_equal(back["labels"], found["labels"])
    np.testing.assert_array_equal(images.read_labels(again), found["labels"])
    saved = run("rois", action="save", rois=str(zipped), out=str(tmp_path / "copy.zip"))
    assert saved["status"] == "ok" and len(rois.read_zip(tmp_path / "copy.zip").rois) == 8
    assert "exists already" in refusal(run("rois", action="save", rois=str(zipped), out=str(zipped)))


def test_rois_that_are_missing(tmp_path: Path) -> None:
    assert "No ROIs are given" in refusal(run("rois", action="to_labels", shape="9x9"))
    assert "size of the label image is not known" in refusal(run("rois", action="to_labels"))
    assert "No label image is open" in refusal(run("rois", action="from_labels"))
    assert "out is missing" in refusal(run("rois", action="save"))
    assert "expected HEIGHTxWIDTH" in refusal(run("rois", action="to_labels", shape="3x9x9", rois="a.zip"))


def test_rois_of_the_door_overlap_and_the_later_one_wins() -> None:
    squares = np.array([[[0, 0], [0, 9], [9, 9], [9, 0]], [[5, 5], [5, 14], [14, 14], [14, 5]]], float)
    reply = tasks.run(
        {"task": "rois", "action": "to_labels", "shape": "20x20"}, QuietHost(), rois=rois.from_polygons(squares)
    )
    assert reply["labels"].values[0, 0, 0, 7, 7] == 2
    assert any("overlap" in text.lower() for text in reply["warnings"])


def test_models_are_listed_shown_and_imported(tmp_path: Path) -> None:
    source = tmp_path / "imported discs"
    shutil.copytree(tiny.MODEL, source)
    reply = run("models", action="import", folder=str(source))
    assert reply["status"] == "ok" and Path(reply["folder"]).parent == model_folder.user_models()
    try:
        assert "imported discs" in {one["name"] for one in run("models")["models"]}
        assert run("models", action="where", model="imported discs")["folder"] == reply["folder"]
        (shown,) = run("models", action="show", model="imported discs")["models"]
        assert shown["channels"] == 1 and shown["thresholds"]["nms"] == 0.5
        assert "imported discs-2" in refusal(run("models", action="import", folder=str(source)))
        by_name, by_folder = (run("segment", disc_image(), model=name) for name in ("imported discs", tiny.MODEL))
        np.testing.assert_array_equal(by_name["labels"], by_folder["labels"])
    finally:
        shutil.rmtree(reply["folder"])


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", ".hidden."])
def test_models_cannot_be_imported_elsewhere(name: str) -> None:
    before = sorted(model_folder.user_models().glob("**/*"))
    assert "cannot be a model name" in refusal(run("models", action="import", folder=tiny.MODEL, name=name))
    assert sorted(model_folder.user_models().glob("**/*")) == before


def test_damaged_models_are_not_imported(tmp_path: Path) -> None:
    source = tmp_path / "damaged"
    shutil.copytree(tiny.MODEL, source)
    (source / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    assert "damaged" in refusal(run("models", action="import", folder=str(source)))
    assert "no folder" in refusal(run("models", action="import", folder=str(tmp_path / "nowhere")))
    assert not (model_folder.user_models() / "damaged").exists()
