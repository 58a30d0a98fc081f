"""The task `predict` and its doors: files, plates, movies from disk to disk, records, reruns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import talanoa
from helpers import labellers, tiny
from helpers.labellers import ER, NUCLEUS
from talanoa import cli, tasks
from talanoa import image as images
from talanoa.cli import codes
from talanoa.core.host import QuietHost
from talanoa.core.record import array_sha256
from talanoa.labelling.request import PredictRequest
from talanoa.tasks import folder_input, image_task


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(labellers.save(tmp_path_factory.mktemp("models") / "both", (NUCLEUS, ER)))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(labellers.save(tmp_path_factory.mktemp("models") / "nucleus", seed=8))


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A calibrated movie of 5 frames on disk."""
    return labellers.write_phase(tmp_path / "movie.tif", 5, 50, 62, dims="tyx", frame_interval=3.0)


def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every file for one that is larger than memory."""
    monkeypatch.setattr(image_task, "BUDGET", 0)


def ask(host: Any = None, given: xr.DataArray | None = None, **keys: Any) -> dict[str, Any]:
    return tasks.run({"task": "predict", "device": "cpu", **keys}, host or QuietHost(), given)


def test_all_doors_give_the_same_pixels(movie: Path, model: str, second: str) -> None:
    here, keys = movie.parent, {"dtype": "uint16", "window": 32, "border": 4}
    words = ["predict", str(movie), "--model", model, "--model", second, "--device", "cpu", "--dtype=uint16", "--quiet"]
    assert cli.main([*words, "--window", "32", "--border=4", "--uncertainty", "--out", str(here / "cli")]) == codes.OK
    by_python = talanoa.predict_fluorescence(
        talanoa.read(movie), [model, second], device="cpu", uncertainty=True, **keys
    )
    by_task = ask(given=images.read(movie), model=f"{model};{second}", uncertainty="true", **keys)
    assert by_task["status"] == "ok" and by_python.image is not None and by_python.uncertainty is not None
    for name in ("image", "uncertainty"):
        written = images.read(here / "cli" / {"image": "predicted.tif"}.get(name, "uncertainty.tif"))
        np.testing.assert_array_equal(written, getattr(by_python, name))
        np.testing.assert_array_equal(written, by_task[name])
    assert by_python.image.shape == (5, 2, 1, 50, 62) and by_python.image.dtype == np.uint16
    assert by_task["message"].startswith("Predicted nucleus, ER of 5 frames in ")
    assert isinstance(by_python, talanoa.api.Predicted)


def test_the_result_folder_holds_a_composite_and_a_record(movie: Path, model: str) -> None:
    found = talanoa.predict_fluorescence(movie, model, device="cpu", keep_input=True, out=str(movie.parent / "out"))
    assert found.folder is not None and found.image is not None
    assert sorted(file.name for file in found.folder.iterdir()) == ["model.json", "predicted.tif", "result.json"]
    predicted = images.read(found.folder / "predicted.tif")
    np.testing.assert_array_equal(predicted, found.image)
    attrs = predicted.attrs
    assert attrs["channel_names"] == ("phase", "nucleus", "ER") and attrs["pixel_size"][1:] == (0.65, 0.65)
    assert [tuple(int(v) for v in table[255]) for table in attrs["luts"]] == [(255,) * 3, (0, 0, 255), (255, 0, 0)]
    assert attrs["display"][2] == (50, 850) and attrs["frame_interval"] == 3.0
    record = json.loads((found.folder / "result.json").read_text(encoding="utf-8"))
    assert record["task"] == "predict" and record["request"]["keep_input"] is True
    assert record["image_sha256"] == array_sha256(predicted)
    assert record["image"]["sha256"] == array_sha256(images.read(movie))
    assert [one["name"] for one in record["model"]["models"]] == ["both"]
    assert record["model"]["models"][0]["sha256"] == record["model"]["sha256"]


def test_a_movie_from_disk_to_disk_is_the_same_bit_for_bit(
    movie: Path, model: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"device": "cpu", "uncertainty": True, "keep_input": True, "copy_model": True}
    both = [model, second]
    whole = talanoa.predict_fluorescence(movie, both, out=str(movie.parent / "memory"), **keys)
    stream(monkeypatch)
    with pytest.raises(talanoa.BadInput, match="found no out. Set out="):
        talanoa.predict_fluorescence(movie, model)
    found = talanoa.predict_fluorescence(movie, both, out=str(movie.parent / "disk"), **keys)
    assert found.image is None and found.path is not None and whole.folder is not None and found.folder is not None
    assert sorted(p.name for p in whole.folder.iterdir()) == [
        "model-1", "model-2", "predicted.tif", "result.json", "uncertainty.tif",
    ]  # fmt: skip
    for name in ("predicted.tif", "uncertainty.tif"):
        one, other = (images.read(each / name) for each in (whole.folder, found.folder))
        xr.testing.assert_equal(one, other)
        assert str({**one.attrs, "source": ""}) == str({**other.attrs, "source": ""})
    assert whole.record is not None and found.record is not None
    for key in ("used", "image_sha256", "image", "frames", "model"):
        assert whole.record[key] == found.record[key], key
    again = talanoa.rerun(found.folder, out=str(movie.parent / "again"))
    assert again.identical and again.differences == []
    assert sorted(p.name for p in movie.parent.iterdir()) == ["again", "disk", "memory", "movie.tif"]


def test_an_interrupted_movie_goes_on(movie: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(monkeypatch)
    out, keys = movie.parent / "out", {"image": str(movie), "model": model, "dtype": "uint16"}
    stopped = ask(tiny.StopsAfter(2, "Predicting"), out=str(out), **keys)
    assert stopped["status"] == "cancelled" and "2 frames are predicted, and what is done is kept" in stopped["message"]
    other = ask(out=str(out), **{**keys, "stains": "ER"})
    assert other["status"] == "error" and "request.stains was None, is ER" in other["message"]
    done = ask(out=str(out), **keys)
    assert done["status"] == "ok" and any("2 frames are predicted" in text for text in done["warnings"])
    whole = ask(out=str(movie.parent / "at once"), **keys)
    assert done["record"]["image_sha256"] == whole["record"]["image_sha256"]
    assert done["record"]["used"] == whole["record"]["used"]
    assert done["record"]["image_sha256"] == array_sha256(images.read(out / "predicted.tif"))


@pytest.mark.parametrize("keys", [{"uncertainty": True, "tiles": 3}, {"window": 32, "blend": True, "scale": 0.5}])
def test_a_rerun_repeats_it_and_finds_what_differs(keys: dict[str, Any], movie: Path, model: str, second: str) -> None:
    first = talanoa.predict_fluorescence(
        movie, [model, second], device="cpu", border=4 if "window" in keys else None, out=movie.parent / "out", **keys
    )
    assert first.folder is not None
    again = talanoa.rerun(first.folder, out=str(movie.parent / "again"))
    assert again.identical and again.differences == [] and isinstance(again.result, talanoa.api.Predicted)
    assert "The predicted image is identical bit for bit" in again.result.message
    changed = images.read(movie)
    changed.values[0, 0, 0, :9, :9] += 500
    images.write(movie, changed, overwrite=True)
    other = talanoa.rerun(first.folder)
    assert not other.identical and other.differences[0].startswith("predicted image: recorded")
    assert "image: the pixels are not those of the record" in other.differences


def test_a_plate_has_a_folder_for_each_image_and_goes_on(movie: Path, model: str) -> None:
    source, out = movie.parent / "phase", movie.parent / "out"
    source.mkdir()
    for name in ("a", "b"):
        (source / f"{name}.tif").write_bytes(movie.read_bytes())
    (source / "broken.tif").write_bytes(b"no image")
    images.write(source / "blank.tif", images.from_array(np.zeros((20, 30), np.uint16)))
    stopped = ask(tiny.StopsAfter(2, "of 4"), image=str(source), model=model, out=str(out))
    assert stopped["status"] == "cancelled" and "1 of 4 images" in stopped["message"]
    reply = ask(image=str(source), model=model, out=str(out))
    assert reply["status"] == "ok" and reply["failures"] == ["blank.tif", "broken.tif"]
    assert reply["message"].startswith("2 of 4 images predicted; results in")
    assert "the image is blank" in reply["table"].set_index("Image").loc["blank.tif", "Message"]
    single = talanoa.predict_fluorescence(movie, model, device="cpu")
    np.testing.assert_array_equal(images.read(out / "b" / "predicted.tif"), single.image)


def test_other_processes_do_an_image_as_this_one_does(movie: Path, model: str, second: str) -> None:
    # what the processes of a cluster are asked to do; the clusters themselves are tested in test_plates.py
    names = f"{model}; {second}"
    plain = {**PredictRequest(model=names, device="cpu").model_dump(), "task": "predict"}
    row, warnings = folder_input.elsewhere(plain, names, str(movie), str(movie.parent / "out"))
    assert (row["Image"], row["Status"], row["Folder"], warnings) == ("movie.tif", "ok", "out", [])
    alone = talanoa.predict_fluorescence(movie, names, device="cpu")
    np.testing.assert_array_equal(images.read(movie.parent / "out" / "predicted.tif"), alone.image)


def test_the_command_line_gives_results_a_place_and_json(
    movie: Path, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(movie.parent)
    words = ["predict", "movie.tif", "--model", model, "--stains", "er", "--device", "cpu", "--json", "--quiet"]
    assert cli.main(words) == codes.OK
    reply = json.loads(capsys.readouterr().out)
    assert (movie.parent / "movie-predicted" / "predicted.tif").is_file() and reply["folder"] == "movie-predicted"
    assert reply["image"] == {"dtype": "float32", "sizes": {"t": 5, "c": 1, "z": 1, "y": 50, "x": 62}}


def test_models_tell_their_lights_and_stains(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    reply = tasks.run({"task": "models", "action": "show", "model": model}, QuietHost())
    (shown,) = reply["models"]
    assert shown["kind"] == "stains" and shown["lights"] == ["phase, single planes"]
    assert shown["stains"] == ["nucleus", "ER"]
    assert cli.main(["models", "show", model]) == codes.OK
    text = capsys.readouterr().out
    assert "phase, single planes" in text and "nucleus, ER" in text


def test_the_wrong_command_for_a_model_names_the_right_one(movie: Path, model: str) -> None:
    for function in (talanoa.segment, talanoa.restore):
        with pytest.raises(talanoa.BadInput, match=r"\(labelling\) predicts stains; .* Use predict with this model"):
            function(movie, model)
    assert "model is missing" in ask(image=str(movie))["message"]
    assert "No image is open" in ask(model=model)["message"]
