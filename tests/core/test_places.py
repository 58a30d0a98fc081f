"""Records that are passed on hold no absolute path and no user name; this machine still finds what they mean."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tifffile

from helpers import restorers, tiny
from helpers.synthetic import write_pairs
from helpers.trained import request
from talanoa import tasks
from talanoa.core import places
from talanoa.core.host import QuietHost
from talanoa.evaluation import leaks
from talanoa.models import folder as model_folder
from talanoa.tasks.recipes import train


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path / "home"))


def perform(**keys: Any) -> dict[str, Any]:
    return tasks.perform(keys, QuietHost())


def texts_of(folder: Path) -> str:
    """Return all text files of a folder."""
    kinds = (".json", ".md", ".csv", ".txt")
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in kinds)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/home/bob/data/a.tif", "a.tif"),
        ("C:\\Users\\bob\\a.tif", "a.tif"),
        ("\\\\server\\bob\\a.tif", "a.tif"),
        ("/home/bob/monday;/home/bob/tuesday", "monday;tuesday"),
        ("../bob/a.tif", "a.tif"),
        ("~/data/a.tif", "a.tif"),
        ("images/train", "images/train"),
        ("µm/px", "µm/px"),
        ("nuclei", "nuclei"),
    ],
)
def test_a_path_becomes_a_name(text: str, short: str) -> None:
    assert places.portable({"image": [{"source": text}]}) == {"image": [{"source": short}]}


def test_messages_lose_the_folders_that_the_record_names() -> None:
    record = {
        "images": "/home/bob/data", "source": "/home/bob/data/a.tif",
        "warnings": ["/home/bob/data/a.tif: no calibration", "trained on 3 images from /home/bob/data."],
    }  # fmt: skip
    found = places.portable(record)
    assert found["warnings"] == ["a.tif: no calibration", "trained on 3 images from data."]


@pytest.mark.parametrize("task", ["segment", "restore"])
def test_a_result_names_files_only_and_is_run_again(task: str, tmp_path: Path) -> None:
    inputs = tmp_path / "bob" / "images"
    inputs.mkdir(parents=True)
    tifffile.imwrite(inputs / "discs.tif", tiny.discs(1, 48, 3)[0])
    model = tiny.MODEL if task == "segment" else str(restorers.save(tmp_path / "bob" / "care"))
    keys = {"task": task, "image": str(inputs / "discs.tif"), "model": model, "device": "cpu", "copy_model": True}
    perform(**keys, out=str(tmp_path / "bob" / "out"))
    text = texts_of(tmp_path / "bob" / "out")
    assert str(tmp_path) not in text and str(Path.home()) not in text and '"discs.tif"' in text
    assert perform(task="rerun", result=str(tmp_path / "bob" / "out"))["identical"]
    moved = tmp_path / "elsewhere" / "out"
    shutil.copytree(tmp_path / "bob" / "out", moved)
    assert perform(task="rerun", result=str(moved))["identical"]
    places.file().unlink()  # as on another machine, where the image lies beside the result and the model in it
    shutil.move(inputs / "discs.tif", tmp_path / "elsewhere")
    assert perform(task="rerun", result=str(moved))["identical"]
    (tmp_path / "elsewhere" / "discs.tif").unlink()
    reply = tasks.run({"task": "rerun", "result": str(moved)}, QuietHost())
    assert reply["status"] == "error" and "set image=" in reply["message"]


def test_a_model_names_its_training_images_only(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "bob", 3, size=64, count=3)
    start = train(request(images, masks, "start", epochs=1, steps=1, patch=32), QuietHost())
    keys: dict[str, Any] = {"n_rays": None, "depth": None, "filters": None, "grid": None}
    reply = train(
        request(images, masks, "named", epochs=1, steps=1, patch=32, init=str(start.model_folder), **keys), QuietHost()
    )
    text = texts_of(reply.model_folder)
    assert str(tmp_path) not in text and str(Path.home()) not in text
    record = json.loads((reply.model_folder / "model.json").read_text(encoding="utf-8"))
    assert record["training"]["request"]["images"] == "images" and record["training"]["init"] == "start"
    assert record["description"] == "trained on 2 images from images"
    assert leaks.recorded_folders(model_folder.load("named").training) == [images]
    places.file().unlink()
    assert leaks.recorded_folders(model_folder.load("named").training) == []


def test_the_file_of_places_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LARGEST", 2000)
    keys = [places.remember({"source": f"/a/b/{number}"}) for number in range(200)]
    assert places.file().stat().st_size < 4000
    assert places.recall(keys[-1])["source"] == "/a/b/199" and places.recall(keys[0]) == {}
    assert places.recall(None) == {} and places.recall([1]) == {}
