"""The Jython library: what a dialog begins with, what a waiting job notices, where a new window goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiji.test_jython_lib import run
from helpers.fiji.scripts import commands
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.image.form import from_array

BEGIN = """
#@ Context context
from java.io import File
from java.util import HashMap
from org.scijava.script import ScriptInfo
from talanoa_fiji import remembered
inputs = [item for item in ScriptInfo(context, File(made["script"])).inputs()]
memory, shown, other = remembered.Remembered(), made.get("shown"), made.get("other")
given = {"model": "mine", "channel": "1", "frames": "2", "image": "file.tif", "out": "folder", "prob_thresh": "0.4"}
made.put("first", HashMap(memory.begin("Segment Objects", inputs, shown)))
memory.note("Segment Objects", given, shown, done=made["done"])
made.put("same", HashMap(memory.begin("Segment Objects", inputs, shown)))
made.put("other", HashMap(memory.begin("Segment Objects", inputs, other)))
memory.fill("Segment Objects", {"image": "filled.tif"})
made.put("filled", HashMap(memory.begin("Segment Objects", inputs, other)))
made.put("after", HashMap(memory.begin("Segment Objects", inputs, other)))
"""


def image(channels: int) -> Any:
    return convert.to_imageplus(from_array(np.zeros((channels, 8, 8), np.uint16), "cyx"), "image")


def begun(imagej: Runtime, done: bool) -> dict[str, dict[str, str]]:
    """Return the values that the dialog of Segment Objects begins with, before and after a run."""
    shown, other = image(3), image(2)
    shown.setC(3)
    other.setC(2)
    script = str(commands()["Segment Objects"])
    found = run(imagej, BEGIN, shown=shown, other=other, script=script, done=done)
    keys = ("first", "same", "other", "filled", "after")
    return {key: {str(name): str(found[key][name]) for name in found[key]} for key in keys}


def test_fields_of_a_run_or_of_another_image_are_not_kept(imagej: Runtime) -> None:
    found = begun(imagej, done=True)
    everywhere = {"model": "mine", "prob_thresh": "0.4"}
    assert found["first"] == {"channel": "3"}
    assert found["same"] == {**everywhere, "channel": "1", "frames": "2"}
    assert found["other"] == {**everywhere, "channel": "2"}
    assert found["filled"] == {**found["other"], "image": "filled.tif"} and found["after"] == found["other"]


def test_a_run_that_failed_keeps_all_its_fields_for_the_same_image(imagej: Runtime) -> None:
    found = begun(imagej, done=False)
    assert found["same"]["image"] == "file.tif" and found["same"]["out"] == "folder"
    assert "image" not in found["other"] and "out" not in found["other"]


PRESET = """
#@ Context context
from java.io import File
from org.scijava.script import ScriptInfo
from talanoa_fiji import remembered
inputs = [item for item in ScriptInfo(context, File(made["script"])).inputs()]
for key, channels in (("one", 1), ("two", 2)):
    values = {"model": "mine", "channel": "2"}
    made.put(key, remembered.without_preset(values, inputs, made["shown"], lambda model: channels)["channel"])
"""


def test_a_preset_channel_is_left_out_for_a_model_of_several_channels(imagej: Runtime) -> None:
    shown = image(2)
    shown.setC(2)
    found = run(imagej, PRESET, shown=shown, script=str(commands()["Segment Objects"]))
    assert (str(found["one"]), str(found["two"])) == ("2", "")


STATE = """
from ij.gui import OvalRoi
from talanoa_fiji import images
imp = made["shown"]
changes = {
    "nothing": lambda: None,
    "display": lambda: imp.setDisplayRange(0, 9),
    "pixels": lambda: imp.getStack().getProcessor(2).set(3, 3, 7),
    "selection": lambda: imp.setRoi(1, 1, 4, 4),
    "shape": lambda: imp.setRoi(OvalRoi(1, 1, 4, 4)),
    "calibration": lambda: setattr(imp.getCalibration(), "pixelWidth", 0.5),
    "unit": lambda: imp.getCalibration().setFunction(0, [0.0, 2.0], "photons"),
    "line": lambda: imp.getCalibration().setFunction(0, [0.0, 3.0], "photons"),
}
before = images.state(imp)
for name in ("nothing", "display", "pixels", "selection", "shape", "calibration", "unit", "line"):
    changes[name]()
    after = images.state(imp)
    made.put(name, after != before)
    before = after
"""


def test_a_waiting_job_notices_what_changed_of_its_image(imagej: Runtime) -> None:
    found = run(imagej, STATE, shown=image(2))
    names = ("nothing", "display", "pixels", "selection", "shape", "calibration", "unit", "line")
    assert {name for name in names if found[name]} == set(names[2:])


PLACE = """
from java.awt import Rectangle
from talanoa_fiji import ui_place
screen, taken = Rectangle(0, 30, 1000, 800), [Rectangle(*box) for box in made["taken"]]
place = ui_place._best(Rectangle(0, 0, 300, 200), taken, screen)
made.put("place", [place.x, place.y])
made.put("covered", ui_place._covered((place.x, place.y), Rectangle(0, 0, 300, 200), taken))
"""


@pytest.mark.parametrize(
    ("taken", "covered"),
    [
        ([[100, 100, 300, 200]], 0),
        ([[690, 100, 300, 200]], 0),  # no room to the right
        ([[0, 30, 1000, 500]], 0),  # below
        ([[100, 100, 300, 200], [408, 100, 300, 200]], 0),
        ([[0, 30, 1000, 800]], 300 * 200),  # no place without covering some of it
    ],
)
def test_a_new_window_covers_as_little_as_can_be(imagej: Runtime, taken: list[list[int]], covered: int) -> None:
    import jpype

    boxes = jpype.JClass("java.util.ArrayList")()
    for box in taken:
        boxes.add(jpype.JClass("java.util.ArrayList")([jpype.JClass("java.lang.Integer")(side) for side in box]))
    found = run(imagej, PLACE, taken=boxes)
    x, y = (int(value) for value in found["place"])
    assert 0 <= x <= 700 and 30 <= y <= 630
    assert int(found["covered"]) == covered
