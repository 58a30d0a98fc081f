"""ONNX Runtime and torch run the same network: same results, exported once, said when it is not possible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import tiny
from talanoa.core import devices
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.models import folder, methods
from talanoa.models.folder import Model
from talanoa.models.runtime import backends, onnx_export
from talanoa.models.runtime import onnx as onnx_run
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest

ALL = (slice(None), slice(None))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a user folder of its own."""
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(model: Model, image: np.ndarray, **keys: Any) -> Any:
    return segment(from_array(image), model, SegmentRequest(device="cpu", **keys), QuietHost())


@pytest.mark.parametrize("name", [tiny.MODEL, "nuclei"])
def test_both_backends_give_the_same_maps_for_images_of_any_size(name: str) -> None:
    model = folder.load(name)
    onnx, slow = (backends.for_model(model, "cpu", backend).runner for backend in ("onnx", "torch"))
    for size in ((64, 96), (160, 48)):
        image = np.random.default_rng(1).random((1, *size), np.float32)
        fast, expected = onnx(image, ALL), slow(image, ALL)
        assert np.abs(fast.prob - expected.prob).max() < 1e-5
        assert np.abs(fast.dist - expected.dist).max() < 1e-4 * max(1, np.abs(expected.dist).max())
        window = (slice(3, 9), slice(2, 7))
        assert np.array_equal(onnx(image, window, last=True).dist, fast.dist[:, 3:9, 2:7])


@pytest.mark.parametrize("method", ["care", "care3d", "n2v", "n2v3d"])
def test_both_backends_give_the_same_images(method: str, home: Path) -> None:
    torch.manual_seed(5)
    more = {"probabilistic": True} if method.startswith("care") else {"no_first_skip": True, "blur_pool": True}
    config = methods.get(method).config(unet_n_filter_base=4, **more)
    model = Model("fresh", method, config.model_dump(mode="json"), {})
    folder.save(home / "models" / "fresh", model, model.network().state_dict())
    model = folder.load("fresh")
    onnx, slow = (backends.for_model(model, "cpu", backend).runner for backend in ("onnx", "torch"))
    for size in ((16, 24, 32), (8, 36, 20)):
        image = np.random.default_rng(1).normal(0, 1, (1, *size[-config.ndim :])).astype(np.float32)
        window = (slice(None),) * config.ndim
        fast, expected = onnx(image, window), slow(image, window)
        assert len(fast) == len(expected) == (2 if "probabilistic" in more else 1)
        for one, other in zip(fast, expected, strict=True):
            assert one.shape == other.shape == image.shape
            assert np.abs(one - other).max() < onnx_export.TOLERANCE * max(1, np.abs(other).max())
        inside = (slice(1, 7),) * config.ndim
        assert np.array_equal(onnx(image, inside)[0], fast[0][(slice(None), *inside)])


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"network": "projection", "n_channel_in": 6, "planes": 3},
        {"network": "pix2pix", "depth": 3},
        {"network": "encoder", "encoder": "tu-mobilenetv3_small_050", "depth": 3},
    ],
)
def test_both_backends_give_the_same_stains(keys: dict[str, Any], home: Path) -> None:
    torch.manual_seed(5)
    config = methods.get("labelling").config(**{"filters": 4, "depth": 2, "n_channel_out": 2, **keys})
    model = Model("fresh", "labelling", config.model_dump(mode="json"), {})
    folder.save(home / "models" / "fresh", model, model.network().state_dict())
    model = folder.load("fresh")
    onnx, slow = (backends.for_model(model, "cpu", backend).runner for backend in ("onnx", "torch"))
    image = np.random.default_rng(1).random((config.n_channel_in, 32, 48), np.float32)
    (fast,), (expected,) = onnx(image, ALL), slow(image, ALL)
    assert fast.shape == expected.shape == (2, 32, 48)
    assert np.abs(fast - expected).max() < onnx_export.TOLERANCE


def test_labels_of_both_backends_are_the_same_but_for_single_pixels() -> None:
    from talanoa import image
    from talanoa.tasks.sample import shipped

    model = folder.load("nuclei")
    nuclei = image.read(shipped.path("nuclei")).values[0, 0, 0]
    fast, slow = (run(model, nuclei, backend=backend) for backend in ("onnx", "torch"))
    assert len(fast.objects) == len(slow.objects) > 10
    assert np.count_nonzero(fast.labels.values != slow.labels.values) <= 1e-4 * nuclei.size


def test_the_record_names_the_backend() -> None:
    model = folder.load(tiny.MODEL)
    image = tiny.discs(3)[0]
    used = run(model, image).record
    assert used["backend"].startswith("onnxruntime ") and used["backend_difference"] < onnx_export.TOLERANCE
    assert run(model, image, backend="torch").record["backend"] == f"torch {torch.__version__}"
    assert [backends.name_of(text) for text in (used["backend"], "torch 2.11")] == ["onnx", "torch"]


def test_a_network_is_exported_once_and_again_when_its_weights_change(home: Path, tmp_path: Path) -> None:
    model = folder.load(tiny.MODEL)
    backends.for_model(model, "cpu", "onnx")
    (first,) = onnx_export.folder().glob("*.onnx")
    written = first.stat().st_ino
    backends.for_model(model, "cpu", "onnx")
    assert [file.stat().st_ino for file in onnx_export.folder().glob("*.onnx")] == [written]
    weights = model.network().state_dict()
    weights["prob.bias"] = weights["prob.bias"] + 1
    folder.save(tmp_path / "changed", model, weights)
    changed = backends.for_model(folder.load(tmp_path / "changed"), "cpu", "onnx").runner
    assert len(list(onnx_export.folder().glob("*.onnx"))) == 2
    image = np.random.default_rng(0).random((1, 32, 32), np.float32)
    assert changed(image, ALL).prob.mean() > backends.for_model(model, "cpu", "onnx").runner(image, ALL).prob.mean()


def test_a_damaged_file_is_made_anew(home: Path) -> None:
    model = folder.load(tiny.MODEL)
    backends.for_model(model, "cpu", "onnx")
    (file,) = onnx_export.folder().glob("*.onnx")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    backends.for_model(model, "cpu", "onnx")
    assert file.read_bytes() == whole


def test_nothing_is_written_into_the_model_folder_and_no_cache_is_needed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file where the folder should be: nothing can be kept")
    before = sorted(Path(tiny.MODEL).iterdir())
    chosen = backends.for_model(folder.load(tiny.MODEL), "cpu", "auto")
    assert chosen.record["backend"].startswith("onnxruntime") and not chosen.warning
    assert sorted(Path(tiny.MODEL).iterdir()) == before and home.is_file()


def test_the_least_recently_used_exports_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "KEPT", 2)
    for number in range(3):
        file = onnx_export.folder() / f"{number}.onnx"
        onnx_export._write(file, bytes([number]), 0.0)
        os.utime(file, (number + 1, number + 1))
    onnx_export._write(onnx_export.folder() / "new.onnx", b"new", 0.0)
    assert {file.name for file in onnx_export.folder().iterdir()} == {"2.onnx", "2.json", "new.onnx", "new.json"}


def test_two_processes_export_at_once(home: Path) -> None:
    code = (
        "from talanoa.models.runtime import backends, onnx_export; from talanoa.models import folder as model_folder\n"
        f"backends.for_model(model_folder.load({tiny.MODEL!r}), 'cpu', 'onnx')\n"
        "print(len(list(onnx_export.folder().glob('*.onnx'))))"
    )
    environment = {**os.environ, "TALANOA_HOME": str(home)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [b"1", b"1"]
    assert not [file for file in onnx_export.folder().iterdir() if "partial" in file.name]


def test_a_network_that_differs_is_run_by_torch_and_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    model = folder.load(tiny.MODEL)
    found = run(model, tiny.discs(3)[0])
    assert found.record["backend"].startswith("torch") and "differ by" in found.record["backend_note"]
    assert any("The slower torch runs the network instead" in text for text in found.warnings)
    with pytest.raises(BadInput, match="Set backend=torch"):
        run(model, tiny.discs(3)[0], backend="onnx")


def test_a_network_that_cannot_be_exported_is_run_by_torch(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **keys: Any) -> None:
        raise torch.onnx.errors.UnsupportedOperatorError("aten::magic", 17, None)

    monkeypatch.setattr(torch.onnx, "export", refuse)
    chosen = backends.for_model(folder.load(tiny.MODEL), "cpu", "auto")
    assert chosen.runner.backend.startswith("torch") and "could not be exported" in chosen.warning


def test_volumes_are_left_to_torch_unless_onnx_is_asked_for(home: Path) -> None:
    config = methods.get("care3d").config(unet_n_filter_base=4)
    model = Model("fresh", "care3d", config.model_dump(mode="json"), {})
    folder.save(home / "models" / "fresh", model, model.network().state_dict())
    model = folder.load("fresh")
    assert backends.for_model(model, "cpu", "auto").runner.backend.startswith("torch")
    assert not onnx_export.folder().exists()  # nothing was exported for it
    assert backends.for_model(model, "cpu", "onnx").runner.backend.startswith("onnxruntime")
    assert backends.for_model(folder.load(tiny.MODEL), "cpu", "auto").runner.backend.startswith("onnxruntime")


def test_onnx_is_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "resolve", lambda name: "cuda")
    with pytest.raises(BadInput, match="CPU only; found device=cuda"):
        backends.for_model(folder.load(tiny.MODEL), "auto", "onnx")


def test_threads_follow_the_cores_and_what_other_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= onnx_run.cores() <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert onnx_run.cores() == 1


def test_memory_that_ends_is_told_apart_from_other_errors() -> None:
    model = folder.load(tiny.MODEL)
    runner = backends.for_model(model, "cpu", "onnx").runner
    with pytest.raises(Exception, match="(?i)dimension|rank|invalid") as caught:
        runner(np.zeros((3, 32, 32), np.float32), ALL)
    assert not isinstance(caught.value, MemoryError)


def test_a_kept_network_is_run_without_loading_torch(home: Path) -> None:
    backends.for_model(folder.load(tiny.MODEL), "cpu", "onnx")
    code = (
        "import json, sys, numpy as np\n"
        "from talanoa.segmentation import predict; from talanoa.models import folder as model_folder\n"
        "from talanoa.core.host import QuietHost\n"
        "from talanoa.image.form import from_array\n"
        "from talanoa.segmentation.request import SegmentRequest\n"
        f"model = model_folder.load({tiny.MODEL!r})\n"
        "image = from_array(np.random.default_rng(0).random((80, 90), np.float32))\n"
        "found = predict.segment(image, model, SegmentRequest(device='cpu'), QuietHost())\n"
        "print(json.dumps([found.record['backend'], 'torch' in sys.modules]))"
    )
    environment = {**os.environ, "TALANOA_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    backend, loaded = json.loads(done.stdout.splitlines()[-1])
    assert backend.startswith("onnxruntime") and not loaded
