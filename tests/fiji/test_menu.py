"""The menu's commands without a window: from IJ.run, macros, batch mode; what is reachable, and what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from helpers.fiji.active import active
from helpers.fiji.scripts import commands, declared
from talanoa import tasks
from talanoa.core import resources
from talanoa.core.host import QuietHost
from talanoa.evaluation.request import EvaluateRequest
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert, packing
from talanoa.fiji.setup.runtime import Runtime
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks.request import RoisRequest
from talanoa.training.request import TrainRequest

SEGMENT, EVALUATE = "Segment Objects", "Evaluate Model"
OF_THE_WINDOW = ("adjust", "more")  # inputs that ask for a window and no key of a request


@pytest.fixture(scope="module")
def names(imagej: Runtime) -> list[str]:
    """Return the commands, installed."""
    return menu.install(imagej)


@pytest.fixture
def image(names: list[str], ij: Any) -> Iterator[Any]:
    """Return an image of discs that is ImageJ's active image."""
    import jpype

    pixels, _ = tiny.discs(100)
    manager = jpype.JClass("ij.WindowManager")
    imp = convert.to_imageplus(_form(pixels), "discs.tif")
    manager.setTempCurrentImage(imp)
    jpype.JClass("ij.measure.ResultsTable").getResultsTable().reset()
    yield imp
    manager.setTempCurrentImage(None)


def _form(pixels: np.ndarray) -> Any:
    from talanoa.image.form import from_array

    return from_array(pixels, name="discs.tif")


def _values(imp: Any) -> np.ndarray:
    return convert.to_dataarray(imp).values


def _expected(**keys: Any) -> dict[str, Any]:
    reply = tasks.run({"task": "segment", "model": tiny.MODEL, **keys}, QuietHost(), _form(tiny.discs(100)[0]))
    assert reply["status"] == "ok", reply["message"]
    return reply


def test_every_script_is_a_command(names: list[str]) -> None:
    assert names == sorted(commands())
    assert SEGMENT in names and "Train Model" in names


def test_a_second_install_makes_no_second_command(imagej: Runtime, names: list[str], image: Any, ij: Any) -> None:
    import jpype

    assert menu.install(imagej) == names
    listeners = jpype.JClass("ij.Executer").getListenerCount()
    menu.install(imagej)
    assert jpype.JClass("ij.Executer").getListenerCount() == listeners


@pytest.mark.parametrize(
    ("command", "request_of"),
    [
        (SEGMENT, SegmentRequest),
        ("Train Model", TrainRequest),
        ("Label Image to ROIs", RoisRequest),
        (EVALUATE, EvaluateRequest),
    ],
)
def test_inputs_are_keys_of_the_request_with_the_same_defaults(command: str, request_of: Any) -> None:
    for name, default in declared(commands()[command]).items():
        if name in OF_THE_WINDOW:
            continue
        field = request_of.model_fields[name]
        if default is None or field.is_required():
            continue
        if name == "preset":  # shown as what the empty key means
            assert default == "standard"
        elif default == "":
            assert field.default in (None, "", 0), name
        else:
            assert str(field.default).lower() == str(default).lower(), name


def test_a_command_gives_labels_rois_and_table(image: Any, ij: Any) -> None:
    import jpype

    expected = _expected(prob_thresh=0.5)
    ij.run(SEGMENT, f"model=[{tiny.MODEL}] prob_thresh=0.5")
    assert str(active().getTitle()).startswith("discs.tif labels")
    assert np.array_equal(_values(active()), expected["labels"].values)
    assert image.getOverlay().size() == len(expected["rois"])
    table = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    assert table.size() == len(expected["table"])
    assert list(table.getColumn("Area")) == pytest.approx(expected["table"]["Area"])


def test_a_second_run_appends_rows_and_rois_on_request(image: Any, ij: Any) -> None:
    import jpype

    for _ in range(2):
        jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
        ij.run(SEGMENT, f"model=[{tiny.MODEL}] rois=append")
    objects = int(_values(active()).max())
    assert image.getOverlay().size() == 2 * objects
    table = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    area = list(table.getColumn("Area"))
    assert area[:objects] == area[objects:]
    assert str(table.getStringValue("Name", objects)) == "T0001_L00001"


def test_keys_of_the_stardist_plugin_are_understood(image: Any, ij: Any) -> None:
    ij.run(SEGMENT, f"modelChoice=[{tiny.MODEL}] probThresh=0.6 percentileBottom=3 outputType=[Label Image] nTiles=1")
    expected = _expected(prob_thresh=0.6, norm_low=3)
    assert np.array_equal(_values(active()), expected["labels"].values)
    assert image.getOverlay() is None


def test_a_decimal_comma_is_a_decimal_point(image: Any, ij: Any) -> None:
    ij.run(SEGMENT, f"model=[{tiny.MODEL}] prob_thresh=0,6 norm_low=2,5")
    expected = _expected(prob_thresh=0.6, norm_low=2.5)
    assert np.array_equal(_values(active()), expected["labels"].values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("prob_tresh=0.4", 'Unknown key "prob_tresh"; valid keys are .*prob_thresh.*Did you mean "prob_thresh"'),
        ("prob_thresh=much", "prob_thresh: found 'much'; expected a number"),
        ("norm_low=low", "norm_low: found 'low'; expected a number"),
        ("rois=somewhere", "rois: found 'somewhere'; expected one of"),
        ("model=nobody", "nobody"),
    ],
)
def test_a_script_that_calls_a_command_gets_its_error(image: Any, ij: Any, options: str, said: str) -> None:
    import jpype

    with pytest.raises(jpype.JException, match=said):
        ij.run(SEGMENT, options)
    assert active() is not None and str(active().getTitle()) == "discs.tif"
    assert not ij.macroRunning()


def test_an_error_ends_a_macro(image: Any, ij: Any, capfd: pytest.CaptureFixture[str]) -> None:
    ended = ij.runMacro('run("Segment Objects", "prob_tresh=0.4"); File.append("went on", "never.txt");')
    assert str(ended) == "[aborted]"
    assert not Path("never.txt").exists()
    assert str(ij.runMacro('return "works again";')) == "works again"


def test_without_an_image_the_command_says_so(names: list[str], ij: Any) -> None:
    import jpype

    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)
    with pytest.raises(jpype.JException, match="No image is open"):
        ij.run(SEGMENT, f"model=[{tiny.MODEL}]")


def test_channels_and_slices_are_asked_for(names: list[str], ij: Any) -> None:
    import jpype

    from talanoa.image.form import from_array

    pixels, _ = tiny.discs(1)
    for dims, key in (("cyx", "channel=1"), ("zyx", "plane=1")):
        imp = convert.to_imageplus(from_array(np.stack([pixels, pixels]), dims, name="two"))
        jpype.JClass("ij.WindowManager").setTempCurrentImage(imp)
        with pytest.raises(jpype.JException, match=f"Set {key}"):
            ij.run(SEGMENT, f"model=[{tiny.MODEL}]")
        ij.run(SEGMENT, f"model=[{tiny.MODEL}] {key}")
        assert _values(active()).max() > 0
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)


def test_a_selection_limits_the_search_and_says_so(image: Any, ij: Any) -> None:
    import jpype

    image.setRoi(0, 0, 48, 96)
    ij.run(SEGMENT, f"model=[{tiny.MODEL}]")
    columns = np.flatnonzero(_values(active())[0, 0, 0].any(axis=0))
    everywhere = np.flatnonzero(_expected()["labels"].values[0, 0, 0].any(axis=0))
    assert columns.max() < everywhere.max()
    image.setRoi(jpype.JClass("ij.gui.Line")(0, 0, 9, 9))
    jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
    with pytest.raises(jpype.JException, match="expected an area"):
        ij.run(SEGMENT, f"model=[{tiny.MODEL}]")


def test_batch_mode_reaches_its_results(image: Any, ij: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "my cells.tif", tiny.discs(100)[0])
    path, saved = (tmp_path / "my cells.tif").as_posix(), (tmp_path / "labels.tif").as_posix()
    facts = ij.runMacro(
        f'setBatchMode(true); open("{path}"); run("Segment Objects", "model=[{tiny.MODEL}]"); '
        f'saveAs("tiff", "{saved}"); '
        'selectImage("my cells.tif"); n = Overlay.size; close("*"); return "" + n + " " + nResults;'
    )
    expected = _expected()
    assert str(facts) == f"{len(expected['rois'])} {len(expected['rois'])}"
    assert np.array_equal(tifffile.imread(saved), expected["labels"].values[0, 0, 0])


def test_save_rois_and_back_to_labels(image: Any, ij: Any, tmp_path: Path) -> None:
    import jpype

    ij.run(SEGMENT, f"model=[{tiny.MODEL}]")
    labels = _values(active())
    jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
    zipped = (tmp_path / "cells of mine.zip").as_posix()
    ij.run("Save ROIs", f"out=[{zipped}]")
    for options in (" ", f"rois=[{zipped}]"):
        jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
        ij.run("ROIs to Label Image", options)
        assert np.array_equal(_values(active()), labels)
    with pytest.raises(jpype.JException, match="exists already"):
        ij.run("Save ROIs", f"out=[{zipped}]")


def test_training_from_a_macro(names: list[str], ij: Any, tmp_path: Path) -> None:
    from talanoa.models import folder

    folders = tiny.write_training_set(tmp_path / "set")
    ij.run(
        "Train Model",
        f"images=[{folders['images']}] targets=[{folders['targets']}] name=[from a macro] epochs=1 steps=4 patch=64 "
        "batch=2 n_rays=8 grid=2 device=cpu validation=0.2",
    )
    assert "from a macro" in [one.name for one in folder.available()]


def test_a_model_is_judged_from_a_macro(names: list[str], ij: Any, tmp_path: Path) -> None:
    import jpype

    folders = tiny.write_training_set(tmp_path / "set", 3)
    table = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    table.reset()
    options = f"images=[{folders['images']}] truth=[{folders['targets']}] model=[{tiny.MODEL}] bootstrap=20 device=cpu"
    ij.run(EVALUATE, f"{options} out=[{tmp_path / 'report'}]")
    keys = {"model": tiny.MODEL, "images": folders["images"], "truth": folders["targets"], "device": "cpu"}
    expected = tasks.run({"task": "evaluate", **keys}, QuietHost())["table"]
    assert [str(table.getStringValue("Image", row)) for row in range(table.size())] == expected["Image"].tolist()
    assert list(table.getColumn("F1")) == pytest.approx(expected["F1"])
    assert "</html>" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(jpype.JException, match="neither model, prediction nor annotator"):
        ij.run(EVALUATE, f"truth=[{folders['targets']}]")


def test_the_former_name_of_a_command_still_works(names: list[str], ij: Any, tmp_path: Path) -> None:
    import jpype

    with pytest.raises(jpype.JException, match="no dataset"):
        ij.run("Train StarDist", f"images=[{tmp_path}] name=old")


SIDE = """
#@ ObjectService objects
#@output String found
from java.util import HashMap
from java.util.function import Function
from org.scijava.object import ObjectService
sides = [one for one in objects.getObjects(Function) if one.toString().startswith("Talanoa")]
same = Function.identity()
answers = [str(len(sides))]
for side in (sides[0], sides[0].andThen(same), sides[0].compose(same)):
    for task in ("models", "nothing", ""):
        answers.append(side.apply(HashMap({"task": task}))["status"])
answers.append(sides[0].apply(HashMap())["status"])
found = " ".join(answers)
"""


def test_the_python_side_answers_and_never_raises(imagej: Runtime, names: list[str]) -> None:
    found = imagej.run_script(SIDE)["found"]
    assert found == "1" + " ok error error" * 3 + " error"


def test_values_cross_and_come_back(imagej: Runtime) -> None:
    value = {
        "text": "µ",
        "yes": True,
        "no": False,
        "whole": 3,
        "large": 2**40,
        "real": 0.25,
        "none": None,
        "list": [1, "a"],
    }
    assert packing.plain(packing.to_java(value)) == value


def test_macro_for_a_folder(names: list[str], ij: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        tifffile.imwrite(tmp_path / "in" / f"discs {number}.tif", tiny.discs(number)[0])
    (tmp_path / "in" / "notes.txt").write_text("no image", encoding="utf-8")
    macro = resources.macros() / "Batch_Segment_Folder.ijm"
    lines = [(tmp_path / "in").as_posix(), (tmp_path / "out").as_posix(), tiny.MODEL, "min_size=5"]
    for _ in range(2):  # the second run leaves out what is there
        ij.runMacroFile(str(macro), "\n".join(lines))
    summary = (tmp_path / "out" / "summary.csv").read_text(encoding="utf-8").splitlines()
    assert summary[0] == "Image,Objects" and len(summary) == 3
    for number in (1, 2):
        record = json.loads((tmp_path / "out" / f"discs {number}" / "result.json").read_text(encoding="utf-8"))
        assert summary[number] == f'"discs {number}.tif",{record["objects"]}'


@pytest.mark.parametrize(
    "name, macro", [("m] model=[nope.tif", "Batch_Segment_Folder"), ("discs 1.png", "Restore_Folder")]
)
def test_a_macro_refuses_names_that_it_cannot_keep_apart(
    names: list[str], ij: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, macro: str
) -> None:
    (tmp_path / "in").mkdir()
    for file in ("discs 1.tif", name):
        (tmp_path / "in" / file).write_bytes(b"")
    argument = f"{(tmp_path / 'in').as_posix()}\n{(tmp_path / 'out').as_posix()}\n{tiny.MODEL}"
    ij.runMacroFile(str(resources.macros() / f"{macro}.ijm"), argument)
    said = capfd.readouterr().out
    assert name in said and "Rename" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"summary.csv"}


def test_macro_for_a_time_lapse(names: list[str], ij: Any, tmp_path: Path) -> None:
    import jpype

    from talanoa.image.form import from_array

    frames = np.stack([tiny.discs(seed)[0] for seed in (3, 4, 5)])
    imp = convert.to_imageplus(from_array(frames, "tyx", name="movie"))
    jpype.JClass("ij.WindowManager").setTempCurrentImage(imp)
    ij.runMacroFile(
        str(resources.macros() / "Measure_Time_Lapse.ijm"), f"{(tmp_path / 'f.csv').as_posix()}\n{tiny.MODEL}"
    )
    rows = (tmp_path / "f.csv").read_text(encoding="utf-8").splitlines()
    labels = _values(active())
    assert [int(row.split(",")[1]) for row in rows[1:]] == [len(np.unique(frame)) - 1 for frame in labels]
    positions = {(roi.getZPosition(), roi.getTPosition(), roi.getPosition()) for roi in imp.getOverlay().toArray()}
    assert len(positions) == 3
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)


def test_jython_compiles_every_file(imagej: Runtime) -> None:
    """No `#` coding line, no Python 3: each file is compiled by Jython itself."""
    for path in sorted(resources.fiji_scripts().rglob("*.py")):
        text = path.read_text(encoding="ascii")
        assert not re.match(r"#.*coding[:=]", text)
        code = '#@ String path\n#@output String said\nsaid = str(compile(open(path).read(), path, "exec"))'
        said = imagej.run_script(code, {"path": str(path)})["said"]
        assert path.name in said


BROKEN = """
#@ ObjectService objects
raise KeyError("a mistake in a script")
"""

INSTALL_BROKEN = """
#@ Context context
#@ String lib
#@ String folder
#@ java.util.Map made
import sys
sys.path.insert(0, lib)
from talanoa_fiji import bootstrap
made.put("commands", bootstrap.install(context, folder))
"""


def test_a_mistake_in_a_script_is_told_and_leaves_imagej_usable(
    imagej: Runtime, names: list[str], ij: Any, tmp_path: Path
) -> None:
    import jpype

    scripts = tmp_path / "Plugins" / "Talanoa"
    scripts.mkdir(parents=True)
    (scripts / "Broken_Command.py").write_text(BROKEN, encoding="ascii")
    made = jpype.JClass("java.util.HashMap")()
    lib = (resources.fiji_scripts() / "lib").as_posix()
    imagej.run_script(INSTALL_BROKEN, {"lib": lib, "folder": tmp_path.as_posix(), "made": made})
    try:
        assert [str(name) for name in made["commands"]] == ["Broken Command"]
        with pytest.raises(jpype.JException, match="Broken Command: KeyError: .*a mistake in a script"):
            ij.run("Broken Command", "x=1")
        assert not ij.macroRunning()
    finally:
        assert menu.install(imagej) == names
