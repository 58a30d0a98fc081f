"""Restore Image and the training of its models without a window: the pixels of Python, calibration, macros."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import drawn_plates, restorers
from helpers.fiji.active import active, opened
from helpers.fiji.scripts import commands as scripts
from helpers.fiji.scripts import declared
from talanoa import image as images
from talanoa.core import resources
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.labelling.record import record_of
from talanoa.models import folder as model_folder
from talanoa.restoration.request import RestoreRequest
from talanoa.tasks.sample import noisy
from talanoa.training.request import KEYS_OF

RESTORE, TRAIN = "Restore Image", "Train Model"
MODEL = "restorer of the menu"
TINY = "preset=quick epochs=1 steps=2 patch=32 batch=2 depth=1 filters=4 device=cpu"


@pytest.fixture(scope="module")
def commands(imagej: Runtime) -> Iterator[list[str]]:
    """Our commands in this ImageJ, and a model to run them with."""
    folder = restorers.save(model_folder.user_models() / MODEL, probabilistic=True)
    yield menu.install(imagej)
    shutil.rmtree(folder)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A calibrated movie of two noisy frames."""
    path = tmp_path / "cells.tif"
    frames = np.stack([noisy.draw((64, 80), 1, number).low for number in range(2)])
    images.write(path, images.from_array(frames, "tyx", pixel_size=(1, 0.2, 0.2), unit="µm", frame_interval=5.0))
    return path


def test_inputs_are_keys_of_the_request_with_the_same_defaults() -> None:
    for name, default in declared(scripts()[RESTORE]).items():
        expected = RestoreRequest.model_fields[name].default
        assert default in (None, "") or str(expected).lower() == default, name


def test_the_second_dialog_asks_each_method_for_its_own_keys() -> None:
    text = scripts()[TRAIN].read_text(encoding="ascii")
    only = {
        key: set(named.split()) for named, key in re.findall(r'only="([^"]*)".*\) (\w+)$', text, flags=re.MULTILINE)
    }
    assert {key for key, methods in KEYS_OF.items() if methods == ("labelling",)} <= set(only)
    for key, named in only.items():
        assert named == set(KEYS_OF.get(key, named)), key


@pytest.mark.parametrize(
    "keys", [{}, {"tta": True}, {"frames": 2, "norm_low": 1, "norm_high": 99}, {"dtype": "uint16", "tiles": 2}]
)
def test_a_macro_gives_the_pixels_of_python(keys: dict[str, Any], cells: Path, ij: Any, commands: list[str]) -> None:
    imp = opened(ij, cells)
    before = convert.to_dataarray(imp).values.copy()
    words = " ".join(key if value is True else f"{key}={value}" for key, value in keys.items())
    ij.run(RESTORE, f"model=[{MODEL}] device=cpu {words}")
    expected = talanoa.restore(cells, MODEL, device="cpu", **keys).image
    shown = convert.to_dataarray(active())
    np.testing.assert_array_equal(shown.values, expected.values)
    assert shown.dtype == expected.dtype
    assert shown.attrs["pixel_size"] == (1, 0.2, 0.2) and shown.attrs["frame_interval"] == 5.0
    assert str(active().getTitle()).startswith("cells-restored")
    np.testing.assert_array_equal(convert.to_dataarray(imp).values, before)


def test_the_result_is_shown_from_its_own_lowest_to_its_highest_value(
    cells: Path, ij: Any, commands: list[str]
) -> None:
    imp = opened(ij, cells)
    imp.setDisplayRange(-7000.0, 32100.0)
    ij.run(RESTORE, f"model=[{MODEL}] device=cpu")
    first = convert.to_dataarray(active()).values[0]
    assert (active().getDisplayRangeMin(), active().getDisplayRangeMax()) == (first.min(), first.max())


def test_the_uncertainty_is_an_image_of_its_own(cells: Path, imagej: Runtime, commands: list[str]) -> None:
    reply = imagej.run_script(SIDE, {"path": str(cells), "model": MODEL})["found"]
    titles = str(reply).split("|")
    assert titles == ["cells-restored", "cells-uncertainty", "32", "32"]


SIDE = """
#@ ObjectService objects
#@ String path
#@ String model
#@output String found
from java.util import HashMap
from java.util.function import Function
from ij import IJ
side = [one for one in objects.getObjects(Function) if one.toString().startswith("Talanoa")][0]
asked = {"task": "restore", "model": model, "imp": IJ.openImage(path), "uncertainty": True, "device": "cpu"}
reply = side.apply(HashMap(asked))
made = [reply[key] for key in ("image", "uncertainty")]
found = "|".join([one.getTitle() for one in made] + [str(one.getBitDepth()) for one in made])
"""


def test_a_result_folder_is_restored_again_by_rerun(cells: Path, ij: Any, commands: list[str], tmp_path: Path) -> None:
    opened(ij, cells)
    ij.run(RESTORE, f"model=[{MODEL}] device=cpu out=[{(tmp_path / 'out').as_posix()}]")
    written = images.read(tmp_path / "out" / "restored.tif")
    np.testing.assert_array_equal(written.values, convert.to_dataarray(active()).values)


def test_a_movie_too_large_for_memory_is_opened_from_the_result_folder(
    cells: Path, ij: Any, commands: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talanoa.tasks.image_task.BUDGET", 1000)
    ij.run(RESTORE, f"image=[{cells}] model=[{MODEL}] device=cpu out=[{(tmp_path / 'out').as_posix()}]")
    assert bool(active().getStack().isVirtual())
    shown = convert.to_dataarray(active())
    np.testing.assert_array_equal(shown.values, images.read(tmp_path / "out" / "restored.tif").values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("model=nuclei", "nuclei"),
        ("model=nobody", "nobody"),
        (f"model=[{MODEL}] dtpye=same", 'Did you mean "dtype"'),
        (f"model=[{MODEL}] dtype=int7", "dtype"),
    ],
)
def test_errors_are_told(options: str, said: str, cells: Path, ij: Any, commands: list[str]) -> None:
    import jpype

    opened(ij, cells)
    with pytest.raises(jpype.JException, match=said):
        ij.run(RESTORE, options)
    assert str(active().getTitle()) == "cells.tif"


def test_train_and_denoise_the_open_image(cells: Path, ij: Any, commands: list[str]) -> None:
    imp = opened(ij, cells)
    ij.run(TRAIN, f"method=n2v apply name=[noise of the menu] {TINY}")
    shown = convert.to_dataarray(active())
    again = talanoa.restore(convert.to_dataarray(imp), "noise of the menu", device="cpu")
    np.testing.assert_array_equal(shown.values, again.image.values)
    assert model_folder.load("noise of the menu").method == "n2v"


def test_care_is_trained_from_a_macro(ij: Any, commands: list[str], tmp_path: Path) -> None:
    data = noisy.write_noisy(tmp_path / "pairs", 3, 64)
    ij.run(TRAIN, f"method=care images=[{data / 'low'}] targets=[{data / 'high'}] name=[care of the menu] {TINY}")
    assert model_folder.load("care of the menu").method == "care"


def test_labelling_is_trained_from_a_macro_on_a_plate_and_on_the_open_hyperstack(
    ij: Any, commands: list[str], tmp_path: Path
) -> None:
    drawn_plates.discs(tmp_path / "plate", [f"A0{k}_f1" for k in range(1, 5)])
    tiny = TINY.replace("preset=quick ", "")
    ij.run(TRAIN, f"method=labelling images=[{tmp_path / 'plate'}] stains=dapi prepare=[clip=50] name=[plate] {tiny}")
    known = record_of(model_folder.load("plate").labelling or {})
    assert known.lights[0].name == "phase" and known.stains[0].prepare.clip == 50
    light, stain = drawn_plates.field(1, (64, 260))
    images.write(tmp_path / "open.tif", images.from_array(np.stack([light, stain]), "cyx"))
    opened(ij, tmp_path / "open.tif")
    ij.run(TRAIN, f"method=labelling name=[of the open image] {tiny}")
    model = model_folder.load("of the open image")
    assert model.training["split"] == "by region" and model.labelling is not None
    assert len(model.labelling["stains"]) == 1 and list(model.training["training_images"]) == ["open"]


def test_a_model_is_judged_beside_its_input_from_a_macro(ij: Any, commands: list[str], tmp_path: Path) -> None:
    import jpype

    data = noisy.write_noisy(tmp_path / "pairs", 2, 64)
    table = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    table.reset()
    ij.run(
        "Evaluate Model",
        f"model=[{MODEL}] images=[{data / 'low'}] truth=[{data / 'high'}] bootstrap=20 device=cpu",
    )
    expected = talanoa.evaluate(
        model=MODEL, images=data / "low", truth=data / "high", bootstrap=20, device="cpu"
    ).images
    for heading in ("PSNR (dB), input", "PSNR (dB), prediction"):
        assert list(table.getColumn(heading)) == pytest.approx(expected[heading])


def test_macro_for_a_folder(ij: Any, commands: list[str], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        tifffile.imwrite(tmp_path / "in" / f"cells {number}.tif", noisy.draw((64, 64), 2, number).low)
    lines = "\n".join([(tmp_path / "in").as_posix(), (tmp_path / "out").as_posix(), MODEL, "device=cpu"])
    for _ in range(2):  # the second run leaves out what is there
        ij.runMacroFile(str(resources.macros() / "Restore_Folder.ijm"), lines)
    for number in (1, 2):
        expected = talanoa.restore(tmp_path / "in" / f"cells {number}.tif", MODEL, device="cpu").image
        found = tifffile.imread(tmp_path / "out" / f"cells {number}.tif")
        np.testing.assert_array_equal(found, expected.values[0, 0, 0])


def test_macro_that_denoises_the_open_image(cells: Path, ij: Any, commands: list[str]) -> None:
    opened(ij, cells)
    ij.runMacroFile(str(resources.macros() / "Denoise_Open_Image.ijm"), f"noise of a macro\nquick\n{TINY[13:]}")
    assert str(active().getTitle()).startswith("cells-restored")
    assert model_folder.load("noise of a macro").method == "n2v"


@pytest.mark.parametrize("method, slices, depth", [("care_projection", 1, 2.0), ("care_isotropic", 17, 0.5)])
def test_a_stack_becomes_a_plane_or_isotropic_from_a_macro(
    method: str, slices: int, depth: float, tmp_path: Path, ij: Any, commands: list[str]
) -> None:
    path, folder = tmp_path / "stack.tif", restorers.save(tmp_path / method, method)
    values = np.random.default_rng(0).poisson(300, (5, 40, 48)).astype(np.uint16)
    images.write(path, images.from_array(values, "zyx", pixel_size=(2.0, 0.5, 0.5), unit="µm"))
    opened(ij, path)
    ij.run(RESTORE, f"model=[{folder}] device=cpu")
    shown = convert.to_dataarray(active())
    assert shown.sizes["z"] == slices and shown.attrs["pixel_size"] == (depth, 0.5, 0.5)
    np.testing.assert_array_equal(shown.values, talanoa.restore(path, folder, device="cpu").image.values)


def test_a_macro_trains_on_the_open_stack_to_make_it_isotropic(tmp_path: Path, ij: Any, commands: list[str]) -> None:
    values = np.random.default_rng(0).poisson(300, (5, 48, 48)).astype(np.uint16)
    images.write(tmp_path / "s.tif", images.from_array(values, "zyx", pixel_size=(2.0, 0.5, 0.5), unit="µm"))
    opened(ij, tmp_path / "s.tif")
    ij.run(TRAIN, f"method=care isotropic apply name=[isotropic of the menu] axial_sigma=1.5 {TINY}")
    assert model_folder.load("isotropic of the menu").config["axial_sigma"] == 1.5
    assert convert.to_dataarray(active()).sizes["z"] == 17
