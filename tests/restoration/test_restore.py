"""The task `restore` and its doors: files, folders, movies from disk to disk, records, reruns."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

import talanoa
from helpers import restorers, tiny
from talanoa import cli, tasks
from talanoa import image as images
from talanoa.cli import codes
from talanoa.core.host import QuietHost
from talanoa.core.record import array_sha256
from talanoa.image.formats.tiff_frames import FrameFile
from talanoa.tasks import image_task as task

ZSCORE = {"kind": "zscore", "mean": [300.0], "std": [40.0]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(restorers.save(tmp_path_factory.mktemp("models") / "clean", probabilistic=True))


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A calibrated movie of 6 frames on disk."""
    frames = np.random.default_rng(0).poisson(300, (6, 50, 62)).astype(np.uint16)
    path = tmp_path / "movie.tif"
    images.write(path, images.from_array(frames, "tyx", pixel_size=(1, 0.2, 0.2), unit="µm", frame_interval=3.0))
    return path


def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every file for one that is larger than memory."""
    monkeypatch.setattr(task, "BUDGET", 0)


def ask(host: Any = None, given: xr.DataArray | None = None, **keys: Any) -> dict[str, Any]:
    return tasks.run({"task": "restore", "device": "cpu", **keys}, host or QuietHost(), given)


def test_all_doors_give_the_same_pixels(movie: Path, model: str) -> None:
    here = movie.parent
    words = ["restore", str(movie), "--model", model, "--device", "cpu", "--dtype=uint16", "--uncertainty", "--quiet"]
    assert cli.main([*words, "--out", str(here / "cli")]) == codes.OK
    by_python = talanoa.restore(talanoa.read(movie), model, device="cpu", dtype="uint16", uncertainty=True)
    by_task = ask(given=images.read(movie), model=model, dtype="uint16", uncertainty="true")
    assert by_task["status"] == "ok" and by_python.image is not None and by_python.uncertainty is not None
    for name in ("image", "uncertainty"):
        written = images.read(here / "cli" / {"image": "restored.tif"}.get(name, "uncertainty.tif"))
        np.testing.assert_array_equal(written, getattr(by_python, name))
        np.testing.assert_array_equal(written, by_task[name])
    assert by_python.image.dtype == np.uint16 and by_python.uncertainty.dtype == np.float32
    assert by_task["message"].startswith("Restored 6 frames in ")


def test_the_result_folder_holds_image_calibration_and_record(movie: Path, model: str) -> None:
    found = talanoa.restore(movie, model, device="cpu", out=str(movie.parent / "out"))
    assert found.folder is not None and found.image is not None and found.record is not None
    assert sorted(file.name for file in found.folder.iterdir()) == ["model.json", "restored.tif", "result.json"]
    restored = images.read(found.folder / "restored.tif")
    np.testing.assert_array_equal(restored, found.image)
    assert restored.attrs["pixel_size"][1:] == (0.2, 0.2) and restored.attrs["frame_interval"] == 3.0
    record = json.loads((found.folder / "result.json").read_text(encoding="utf-8"))
    assert record["task"] == "restore" and record["request"]["tta"] is False
    assert record["image_sha256"] == array_sha256(restored) and record["image"]["source"] == movie.name
    assert record["image"]["sha256"] == array_sha256(images.read(movie))
    assert set(record["used"]) >= {"backend", "device", "tiles", "normalization", "norm_values", "norm_sample", "dtype"}
    with pytest.raises(talanoa.BadInput, match="exists already.*Free is: out-2"):
        talanoa.restore(movie, model, out=str(found.folder))


def test_a_movie_from_disk_to_disk_is_the_same_bit_for_bit(
    movie: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"device": "cpu", "uncertainty": True, "sample": 3, "copy_model": True}
    whole = talanoa.restore(movie, model, out=str(movie.parent / "memory"), **keys)
    stream(monkeypatch)
    with pytest.raises(talanoa.BadInput, match="found no out. Set out="):
        talanoa.restore(movie, model)
    found = talanoa.restore(movie, model, out=str(movie.parent / "disk"), **keys)
    assert found.image is None and found.path is not None and whole.folder is not None and found.folder is not None
    assert sorted(p.name for p in whole.folder.iterdir()) == sorted(p.name for p in found.folder.iterdir())
    for name in ("restored.tif", "uncertainty.tif"):
        one, other = (images.read(each / name) for each in (whole.folder, found.folder))
        xr.testing.assert_equal(one, other)
        assert {**one.attrs, "source": ""} == {**other.attrs, "source": ""}
    assert whole.record is not None and found.record is not None
    for key in ("used", "image_sha256", "image", "frames"):
        assert whole.record[key] == found.record[key], key
    assert whole.warnings == found.warnings and len(found.warnings) == 1
    assert sorted(p.name for p in movie.parent.iterdir()) == ["disk", "memory", "movie.tif"]


def test_zarr_and_colour_tables_go_from_disk_to_disk(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.random.default_rng(5).poisson(300, (2, 2, 3, 30, 40)).astype(np.uint16)
    image = images.from_array(stack, "tczyx", channel_names=("DAPI", "GFP"), pixel_size=(0.5, 0.2, 0.2), unit="µm")
    images.write(tmp_path / "cells.ome.zarr", image)
    stream(monkeypatch)
    found = talanoa.restore(tmp_path / "cells.ome.zarr", model, channel="all", out=str(tmp_path / "out"), dtype="same")
    whole = talanoa.restore(image, model, channel="all", dtype="same")
    assert found.path is not None and whole.image is not None
    written = images.read(found.path)
    np.testing.assert_array_equal(written, whole.image)
    assert written.attrs["channel_names"] == ("DAPI", "GFP") and written.attrs["pixel_size"] == (0.5, 0.2, 0.2)


def test_a_long_movie_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    light = str(restorers.save(tmp_path / "light", "n2v", ZSCORE, unet_n_filter_base=2))
    frames, shape = 90, (256, 256)
    one = np.random.default_rng(1).poisson(300, shape).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "long.tif", (np.roll(one, k, 1) for k in range(frames)), shape=(frames, *shape), dtype=np.uint16,
        imagej=True, metadata={"axes": "TYX"},
    )  # fmt: skip
    stream(monkeypatch)
    talanoa.restore(tmp_path / "long.tif", light, device="cpu", frames="1", out=str(tmp_path / "first"))  # imports
    tracemalloc.start()
    found = talanoa.restore(tmp_path / "long.tif", light, device="cpu", sample=4, out=str(tmp_path / "out"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.path is not None and found.path.stat().st_size > frames * one.size * 4
    assert peak < 0.5 * frames * one.size * 4  # half of what comes out
    with tifffile.TiffFile(found.path) as tif:
        assert tif.series[0].shape == (frames, *shape)


def test_an_interrupted_movie_goes_on(movie: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(monkeypatch)
    out, keys = movie.parent / "out", {"image": str(movie), "model": model, "uncertainty": "true", "dtype": "uint16"}
    stopped = ask(tiny.StopsAfter(2, "Restoring"), out=str(out), **keys)
    assert stopped["status"] == "cancelled" and "2 frames are restored, and what is done is kept" in stopped["message"]
    other = ask(out=str(out), **{**keys, "dtype": "float32"})
    assert other["status"] == "error" and "request.dtype was uint16, is float32" in other["message"]
    done = ask(out=str(out), **keys)
    assert done["status"] == "ok" and any("2 frames are restored" in text for text in done["warnings"])
    whole = ask(out=str(movie.parent / "at once"), **keys)
    assert done["record"]["image_sha256"] == whole["record"]["image_sha256"]
    assert done["record"]["image"]["sha256"] == whole["record"]["image"]["sha256"]
    assert done["record"]["used"] == whole["record"]["used"]
    assert done["record"]["image_sha256"] == array_sha256(images.read(out / "restored.tif"))
    assert sorted(p.name for p in movie.parent.iterdir()) == ["at once", "movie.tif", "out"]


def test_cancelling_leaves_nothing_behind(movie: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for from_disk in (False, True):
        if from_disk:
            stream(monkeypatch)
        reply = ask(tiny.RecordingHost(stop=True), model=model, image=str(movie), out=str(movie.parent / "out"))
        assert reply["status"] == "cancelled" and "nothing was written" in reply["message"]
        assert [p.name for p in movie.parent.iterdir()] == ["movie.tif"]


def test_a_disk_that_is_too_small_is_told_before_the_work(
    movie: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    stream(monkeypatch)
    usage = shutil.disk_usage(movie.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(talanoa.BadInput, match="The result takes .* GB and .* GB are free.*dtype=uint16"):
        talanoa.restore(movie, model, device="cpu", out=str(movie.parent / "out"))


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_rerun_repeats_it_and_finds_what_differs(
    from_disk: bool, movie: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if from_disk:
        stream(monkeypatch)
    first = talanoa.restore(movie, model, device="cpu", out=str(movie.parent / "out"), uncertainty=True, tiles=3)
    assert first.folder is not None
    again = talanoa.rerun(first.folder, out=str(movie.parent / "again"))
    assert again.identical and again.differences == [] and isinstance(again.result, talanoa.api.Restored)
    assert "The restored image is identical bit for bit" in again.result.message
    kept = sorted(path.name for path in movie.parent.iterdir())
    brief = talanoa.rerun(first.folder)
    assert brief.identical and brief.differences == [] and brief.result.folder is None
    assert sorted(path.name for path in movie.parent.iterdir()) == kept
    changed = images.read(movie)
    changed.values[0, 0, 0, 0, 0] += 500
    images.write(movie, changed, overwrite=True)
    other = talanoa.rerun(first.folder, out=str(movie.parent / "other"))
    assert not other.identical and other.differences[0].startswith("restored image: recorded")
    assert "image: the pixels are not those of the record" in other.differences


def test_a_folder_of_images_has_a_folder_for_each_and_goes_on(movie: Path, model: str) -> None:
    source, out = movie.parent / "plate", movie.parent / "out"
    source.mkdir()
    for name in ("a", "b"):
        (source / f"{name}.tif").write_bytes(movie.read_bytes())
    (source / "broken.tif").write_bytes(b"no image")
    stopped = ask(tiny.StopsAfter(2, "of 3"), image=str(source), model=model, out=str(out))
    assert stopped["status"] == "cancelled" and "1 of 3 images" in stopped["message"]
    kept = (out / "a" / "restored.tif").stat().st_mtime_ns
    reply = ask(image=str(source), model=model, out=str(out))
    assert reply["status"] == "ok" and reply["failures"] == ["broken.tif"]
    assert reply["message"].startswith("2 of 3 images restored; results in")
    assert (out / "a" / "restored.tif").stat().st_mtime_ns == kept
    assert list(reply["table"].columns) == ["Image", "Status", "Seconds", "Folder", "Message"]
    single = talanoa.restore(movie, model, device="cpu")
    np.testing.assert_array_equal(images.read(out / "b" / "restored.tif"), single.image)


def test_other_processes_do_an_image_as_this_one_does(movie: Path, model: str) -> None:
    from talanoa.restoration import request as requests_restore
    from talanoa.tasks import folder_input

    request = requests_restore.RestoreRequest(model=model, device="cpu")
    plain = {**request.model_dump(), "task": "restore"}
    row, warnings = folder_input.elsewhere(plain, model, str(movie), str(movie.parent / "out"))
    assert (row["Image"], row["Status"], row["Folder"], warnings) == ("movie.tif", "ok", "out", [])
    np.testing.assert_array_equal(
        images.read(movie.parent / "out" / "restored.tif"), talanoa.restore(movie, model, device="cpu").image
    )


def test_the_wrong_command_for_a_model_names_the_right_one(movie: Path, model: str) -> None:
    with pytest.raises(
        talanoa.BadInput, match=r"\(care\) restores images; segment needs one that finds objects. Use re"
    ):
        talanoa.segment(movie, model)
    with pytest.raises(talanoa.BadInput, match="finds objects; restore needs one that restores images. Use segment"):
        talanoa.restore(movie, tiny.MODEL)
    assert "model is missing" in ask(image=str(movie))["message"]
    assert "No image is open" in ask(model=model)["message"]


def test_the_command_line_gives_results_a_place_and_json(
    movie: Path, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(movie.parent)
    assert cli.main(["restore", "movie.tif", "--model", model, "--device", "cpu", "--json", "--quiet"]) == codes.OK
    reply = json.loads(capsys.readouterr().out)
    assert (movie.parent / "movie-restored" / "restored.tif").is_file() and reply["folder"] == "movie-restored"
    assert reply["image"] == {"dtype": "float32", "sizes": {"t": 6, "c": 1, "z": 1, "y": 50, "x": 62}}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_frames_put_one_by_one_are_read_as_one_image(kind: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(7).normal(0, 90, (3, 2, 4, 10, 12)).astype(kind)
    attrs = images.from_array(values, "tczyx", pixel_size=(2, 0.5, 0.25), unit="µm", channel_names=("a", "b")).attrs
    file = FrameFile(tmp_path / "x.tif", values.shape, np.dtype(kind), attrs)
    for number in (2, 0, 1):
        file.put(number, values[number])
    found = images.read(tmp_path / "x.tif")
    assert found.dtype == kind and np.array_equal(found, values) and found.attrs["pixel_size"] == (2, 0.5, 0.25)
    again = FrameFile(tmp_path / "x.tif", values.shape, np.dtype(kind), {})
    assert np.array_equal(again.get(1), values[1])


def test_the_restored_image_does_not_keep_the_display_range_of_the_noise(movie: Path, model: str) -> None:
    noisy = images.read(movie)
    noisy.attrs["display"] = ((-5000.0, 90000.0),) * noisy.sizes["c"]
    made = tasks.run({"task": "restore", "model": model}, QuietHost(), noisy)["image"]
    assert "display" not in made.attrs
