"""Models come in as folders and zips, through the task `models`, and nothing is written outside of their place."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny
from talanoa import cli, tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.models import archive as model_archive
from talanoa.models import folder as model_folder
from talanoa.models.runtime import backends

ORACLES = Path(__file__).resolve().parent.parent / "data" / "keras"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a user folder of its own."""
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def imported(folder: Path, **keys: Any) -> dict[str, Any]:
    return tasks.run({"task": "models", "action": "import", "folder": str(folder), **keys}, QuietHost())


def zipped(path: Path, folder: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{inside}{file.name}")
    return path


@pytest.mark.parametrize("inside", ["", "my model/", "exported/my model/"])
@pytest.mark.parametrize("source", [ORACLES / "grid2", Path(tiny.MODEL)])
def test_a_zip_of_a_folder_or_of_its_files_is_imported(tmp_path: Path, source: Path, inside: str) -> None:
    reply = imported(zipped(tmp_path / "from zip.zip", source, inside))
    assert reply["status"] == "ok", reply["message"]
    name = "my model" if inside else "from zip"
    assert model_folder.load(name).name == name
    assert name in {one.name for one in model_folder.available()}
    assert "exists already" in imported(tmp_path / "from zip.zip")["message"]


def test_an_imported_model_segments_and_says_how(tmp_path: Path) -> None:
    reply = imported(ORACLES / "grid2", name="old one")
    assert "old one is ready" in reply["message"] and reply["notes"] == []
    found = tasks.run(
        {"task": "segment", "model": "old one", "prob_thresh": 0.2}, QuietHost(), image=from_array(tiny.discs(1)[0])
    )
    assert found["status"] == "ok", found["message"]
    assert found["record"]["used"]["nms_border"] == 2 and found["record"]["used"]["nms_thresh"] == 0.3
    assert found["record"]["used"]["backend"].startswith("onnxruntime")
    ours = tasks.run({"task": "segment", "model": tiny.MODEL}, QuietHost(), image=from_array(tiny.discs(1)[0]))
    assert ours["record"]["used"]["nms_border"] == 0


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ORACLES.glob("*/config.json")))
def test_onnx_runtime_runs_every_imported_network(name: str) -> None:
    imported(ORACLES / name)
    chosen = backends.for_model(model_folder.load(name), "cpu", "onnx")
    assert chosen.record["backend_difference"] < 1e-4


def test_the_command_line_imports_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "import", str(ORACLES / "resnet3d"), "--name", "volumes"]) == 0
    assert cli.main(["models", "show", "volumes"]) == 0
    assert "stardist3d" in capsys.readouterr().out


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    assert imported(zipped(tmp_path / "w.zip", ORACLES / "grid2", "from windows\\"))["status"] == "ok"
    assert model_folder.load("from windows").thresholds["prob"] == 0.55


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "..\\outside.txt", "C:\\x"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    bad = zipped(tmp_path / "bad.zip", ORACLES / "grid2")
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr(name, "x")
    before = sorted(tmp_path.rglob("*"))
    assert "Do not use this file" in imported(bad)["message"]
    assert sorted(tmp_path.rglob("*")) == before


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "link.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        link = zipfile.ZipInfo("config.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
    assert "Do not use this file" in imported(bad)["message"]


def test_a_zip_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_archive, "LARGEST", 1000)
    assert "expected a model of less than" in imported(zipped(tmp_path / "m.zip", ORACLES / "grid2"))["message"]


def test_damaged_zips_are_named(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "m.zip", ORACLES / "grid2").read_bytes()
    broken = bytearray(whole)
    broken[200:260] = b"?" * 60
    for content in (b"", b"no zip", whole[: len(whole) // 2], bytes(broken)):
        (tmp_path / "m.zip").write_bytes(content)
        assert "m.zip is no zip file or a damaged one" in imported(tmp_path / "m.zip")["message"]
    assert not model_folder.user_models().exists() or not list(model_folder.user_models().iterdir())


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    assert "no folder and no file" in imported(tmp_path / "nowhere")["message"]
    assert "expected the model folder" in tasks.run({"task": "models", "action": "import"}, QuietHost())["message"]
    (tmp_path / "empty").mkdir()
    assert "holds no model; expected config.json with" in imported(tmp_path / "empty")["message"]
    (tmp_path / "empty" / "saved_model.pb").write_bytes(b"")
    assert "export for the Fiji plugin" in imported(tmp_path / "empty")["message"]
    for name in ("a", "b"):
        shutil.copytree(ORACLES / "grid2", tmp_path / "two" / name)
    with pytest.raises(BadInput, match=r"holds 2 models \(a, b\)"), model_archive.opened(tmp_path / "two"):
        pass


def test_a_failed_import_leaves_nothing_behind(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(ORACLES / "grid2", folder)
    (folder / "weights_best.h5").write_bytes(b"\x89HDF")
    assert "cannot be read as Keras weights" in imported(folder)["message"]
    assert not (home / "models").exists() or not list((home / "models").iterdir())


def test_the_imported_folder_is_one_of_ours() -> None:
    reply = imported(ORACLES / "classes", name="two classes")
    model = model_folder.load(reply["folder"])
    assert model.config["n_classes"] == 2 and model.training["imported"]["package"] == "stardist"
    weights = model.network().state_dict()
    assert weights["prob_class.weight"].shape[0] == 3
    assert all(np.isfinite(value.numpy()).all() for value in weights.values())
