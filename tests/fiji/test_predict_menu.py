"""Predict Fluorescence without a window: the pixels of Python as a composite with names and colours, macros."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers import labellers
from helpers.fiji.active import active, opened
from helpers.fiji.scripts import commands as scripts
from helpers.fiji.scripts import declared
from helpers.labellers import ER, NUCLEUS
from talanoa import image as images
from talanoa.core import resources
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.labelling.record import Light
from talanoa.labelling.request import PredictRequest
from talanoa.models import folder as model_folder

PREDICT = "Predict Fluorescence"
BOTH, FURTHER, LIGHTS = "stains of the menu", "nuclei of the menu", "lights of the menu"


@pytest.fixture(scope="module")
def commands(imagej: Runtime) -> Iterator[list[str]]:
    """Our commands in this ImageJ, and models to run them with."""
    folders = [labellers.save(model_folder.user_models() / BOTH, (NUCLEUS, ER))]
    folders.append(labellers.save(model_folder.user_models() / FURTHER, seed=9))
    lights = (labellers.PHASE, Light(name="DIC"))
    folders.append(labellers.save(model_folder.user_models() / LIGHTS, lights=lights))
    yield menu.install(imagej)
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A calibrated movie of two frames."""
    return labellers.write_phase(tmp_path / "field.tif", 2, 64, 80, dims="tyx", frame_interval=5.0)


def test_inputs_are_keys_of_the_request_with_the_same_defaults() -> None:
    for name, default in declared(scripts()[PREDICT]).items():
        if name == "further":  # joined to the model
            continue
        expected = PredictRequest.model_fields[name].default
        assert default in (None, "") or str(expected).lower() == default, name


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keep_input": True, "dtype": "uint16"},
        {"frames": 2, "stains": "ER"},
        {"window": 32, "border": 6, "tta": True},
    ],
)
def test_a_macro_gives_the_composite_of_python(keys: dict[str, Any], movie: Path, ij: Any, commands: list[str]) -> None:
    imp = opened(ij, movie)
    before = convert.to_dataarray(imp).values.copy()
    words = " ".join(key if value is True else f"{key}={value}" for key, value in keys.items())
    ij.run(PREDICT, f"model=[{BOTH}] device=cpu {words}")
    expected = talanoa.predict_fluorescence(movie, BOTH, device="cpu", **keys).image
    shown = convert.to_dataarray(active())
    np.testing.assert_array_equal(shown.values, expected.values)
    assert shown.dtype == expected.dtype
    assert shown.attrs["pixel_size"][1:] == pytest.approx((0.65, 0.65)) and shown.attrs["frame_interval"] == 5.0
    assert str(active().getTitle()).startswith("field-predicted")
    np.testing.assert_array_equal(convert.to_dataarray(imp).values, before)


def test_channels_have_names_colours_and_ranges(movie: Path, ij: Any, commands: list[str]) -> None:
    opened(ij, movie)
    ij.run(PREDICT, f"model=[{BOTH}] keep_input device=cpu")
    made = active()
    assert bool(made.isComposite()) and bool(made.isHyperStack()) and made.getNFrames() == 2
    assert [str(made.getStack().getSliceLabel(k)) for k in (1, 2, 3)] == ["phase", "nucleus", "ER"]
    tops = [tuple(int(byte) & 255 for byte in list(lut.getBytes())[255::256]) for lut in made.getLuts()]
    assert tops == [(255, 255, 255), (0, 0, 255), (255, 0, 0)]
    assert [(lut.min, lut.max) for lut in made.getLuts()][1:] == [(0.0, 2500.0), (50.0, 850.0)]


@pytest.mark.parametrize("words", [f"model=[{BOTH}; {FURTHER}]", f"model=[{BOTH}] further=[{FURTHER}]"])
def test_several_models_in_a_macro(words: str, movie: Path, ij: Any, commands: list[str]) -> None:
    opened(ij, movie)
    ij.run(PREDICT, f"{words} device=cpu")
    expected = talanoa.predict_fluorescence(movie, [BOTH, FURTHER], device="cpu").image
    np.testing.assert_array_equal(convert.to_dataarray(active()).values, expected.values)


@pytest.mark.parametrize(
    "options, said",
    [
        ("model=[stains of the menu] stains=dapi device=cpu", "predicts nucleus, ER"),
        ("model=[stains of the menu] planes=2 device=cpu", "the image has 1 plane; found 2"),
        ("model=nuclei device=cpu", "finds objects; predict needs one that predicts stains"),
        ("model=[stains of the menu] stain=ER device=cpu", "Unknown key"),
    ],
)
def test_mistakes_are_told(options: str, said: str, movie: Path, ij: Any, commands: list[str]) -> None:
    import jpype

    opened(ij, movie)
    with pytest.raises(jpype.JException, match=said):
        ij.run(PREDICT, options)
    assert str(active().getTitle()) == "field.tif"


def test_macro_for_a_plate(ij: Any, commands: list[str], tmp_path: Path) -> None:
    source = tmp_path / "phase"
    source.mkdir()
    for number in (1, 2):
        labellers.write_phase(source / f"A01 {number}.tif", 40, 44, seed=number)
    lines = "\n".join([source.as_posix(), (tmp_path / "out").as_posix(), BOTH, "device=cpu"])
    for _ in range(2):  # the second run leaves out what is there
        ij.runMacroFile(str(resources.macros() / "Predict_Folder.ijm"), lines)
    for number in (1, 2):
        expected = talanoa.predict_fluorescence(source / f"A01 {number}.tif", BOTH, device="cpu").image
        found = images.read(tmp_path / "out" / f"A01 {number}.tif")
        np.testing.assert_array_equal(found.values, expected.values)
        assert found.attrs["channel_names"] == ("nucleus", "ER")


def test_macro_for_a_plate_in_two_lights(ij: Any, commands: list[str], tmp_path: Path) -> None:
    for number, light in enumerate(("phase", "DIC")):
        (tmp_path / light).mkdir()
        labellers.write_phase(tmp_path / light / "A01.tif", 40, 44, seed=number)
    lines = "\n".join([(tmp_path / "phase").as_posix(), (tmp_path / "out").as_posix(), LIGHTS, "device=cpu"])
    ij.runMacroFile(str(resources.macros() / "Predict_Folder.ijm"), lines)
    both = np.stack([labellers.phase(40, 44, seed=number) for number in (0, 1)])
    expected = talanoa.predict_fluorescence(images.from_array(both, "cyx"), LIGHTS, device="cpu").image
    np.testing.assert_array_equal(images.read(tmp_path / "out" / "A01.tif").values, expected.values)
