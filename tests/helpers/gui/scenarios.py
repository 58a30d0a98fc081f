"""What a person does in ImageJ's window, each in a process of its own: python -m helpers.gui.scenarios NAME FOLDER.

A scenario returns what it saw; the tests judge it. FOLDER holds the model (in models/) and the images.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers import tiny
from helpers.gui import driver as d
from talanoa.fiji.bridge import convert

SEGMENT = "Segment Objects"


def open_image(path: Path) -> Any:
    """Open an image in a window, with the keyboard."""
    imp = d.java("ij.IJ").openImage(str(path))
    imp.show()
    return imp


def values(imp: Any) -> np.ndarray:
    """Return the pixels of a label image."""
    return convert.to_dataarray(imp).values


def labels_of(title: str) -> Any:
    """Wait for a label image."""
    return d.wait_until(lambda: d.image(title), f"{title} is open")


def painted(imp: Any, skip: int = 0) -> np.ndarray:
    """Return a label image painted from the ROI Manager by ImageJ's own masks."""
    labels = np.zeros((imp.getHeight(), imp.getWidth()), int)
    for number, roi in enumerate(list(d.manager().getRoisAsArray())[skip:], start=1):
        box, mask = roi.getBounds(), roi.getMask()
        inside = np.ones((box.height, box.width), bool)
        if mask is not None:
            inside = np.array(mask.getPixels()).reshape(box.height, box.width) != 0
        labels[box.y : box.y + box.height, box.x : box.x + box.width][inside] = number
    return labels


def segment_from_the_menu(work: Path) -> dict[str, Any]:
    """Menu, dialog, OK; record it and replay the recorded line."""
    hand = d.Hand()
    recorder = d.java("ij.plugin.frame.Recorder")()
    imp = open_image(work / "discs.tif")
    d.manager().addRoi(d.java("ij.gui.Roi")(1, 2, 3, 4))
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    offered = [str(d.field(form, "Model").getItem(k)) for k in range(d.field(form, "Model").getItemCount())]
    d.field(form, "Model").select("tiny")
    hand.type_into(d.field(form, "Probability/Score Threshold (empty: the model's own)"), os.environ["PROBABILITY"])
    hand.click_on(d.button(form, "OK"))
    first = labels_of("discs.tif labels")
    d.wait_until(lambda: d.titled("Results"), "the Results are shown")
    seen = {
        "offered": offered,
        "labels": int(values(first).max()),
        "rois": d.manager().getCount(),
        "names": [str(d.manager().getName(k)) for k in range(d.manager().getCount())],
        "same_as_masks": bool(np.array_equal(painted(first, skip=1), values(first)[0, 0, 0])),
        "rows": d.results().size(),
        "headings": [str(name) for name in d.results().getHeadings()],
        "recorded": [line for line in str(recorder.getText()).splitlines() if SEGMENT in line],
    }
    d.java("ij.IJ").selectWindow(imp.getID())
    d.java("ij.IJ").runMacro(seen["recorded"][0])
    again = labels_of("discs.tif labels-1")
    seen["replayed"] = bool(np.array_equal(values(first), values(again)))
    seen["again"] = [str(d.manager().getName(k)) for k in range(d.manager().getCount())]
    seen["rois_after"] = d.manager().getCount()
    seen["dialogs"] = d.titled(SEGMENT) is not None
    d.java("ij.IJ").selectWindow(imp.getID())
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    seen["remembered"] = str(d.field(form, "Probability/Score Threshold (empty: the model's own)").getText())
    hand.click_on(d.button(form, "Cancel"))
    d.wait_until(lambda: d.titled(SEGMENT) is None, "the dialog is closed")
    seen["rows_after"] = d.results().size()
    return seen


def every_door(work: Path) -> dict[str, Any]:
    """Segment into result folders: from the menu (folder `menu`), and by the recorded line in a macro (`macro`)."""
    hand = d.Hand()
    recorder = d.java("ij.plugin.frame.Recorder")()
    imp = open_image(work / "discs.tif")
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select("tiny")
    d.field(form, "Device").select("cpu")
    d.field(form, "Exclude objects at the border").setState(True)
    d.field(form, "Scale the image by").setText("1.5")
    hand.type_into(d.field(form, "Probability/Score Threshold (empty: the model's own)"), "0.6")
    d.field(form, "Result folder (new; empty: none)").setText((work / "menu").as_posix())
    hand.click_on(d.button(form, "OK"))
    d.wait_until((work / "menu" / "result.json").is_file, "the results are written")
    labels = labels_of("discs.tif labels")
    d.wait_until(lambda: d.java("ij.WindowManager").getCurrentImage() == labels, "the label image is active")
    (line,) = [line for line in str(recorder.getText()).splitlines() if SEGMENT in line]
    assert (work / "menu").as_posix() in line
    d.java("ij.IJ").selectWindow(imp.getID())
    d.java("ij.IJ").runMacro(line.replace((work / "menu").as_posix(), (work / "macro").as_posix()))
    return {"line": line}


def cancel_by_escape(work: Path) -> dict[str, Any]:
    """Start a long job from the menu and press Escape; the next job works."""
    hand = d.Hand()
    imp = open_image(work / "large.tif")
    start_with_defaults(hand)
    hand.press("VK_ESCAPE")
    seen = after_cancel()
    imp.close()
    open_image(work / "discs.tif")
    d.java("ij.IJ").run(SEGMENT, "model=tiny")
    seen["next"] = int(values(labels_of("discs.tif labels")).max())
    return seen


def cancel_by_button(work: Path) -> dict[str, Any]:
    """Start a long job from the menu and press Cancel in the progress window."""
    hand = d.Hand()
    open_image(work / "large.tif")
    start_with_defaults(hand)
    window = d.wait_until(lambda: d.titled(SEGMENT), "the progress window is open")
    hand.click_on(d.button(window, "Cancel"))
    return after_cancel()


def start_with_defaults(hand: d.Hand) -> None:
    """Choose the command, take the dialog as it is, and wait until the job reports progress."""
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select("tiny")
    hand.click_on(d.button(form, "OK"))
    d.wait_until(lambda: status().startswith(f"{SEGMENT}: "), "the job is running")


def after_cancel() -> dict[str, Any]:
    """Wait for the end of a cancelled job."""
    d.wait_until(lambda: "nothing was written" in status(), "the job has stopped")
    d.wait_until(lambda: d.titled(SEGMENT) is None, "the progress window is closed")
    return {
        "labels": d.image("large.tif labels") is not None,
        "rois": d.manager().getCount(),
        "rows": d.results().size(),
    }


def status() -> str:
    """Return the text in ImageJ's status bar."""
    return str(d.java("ij.ImageJ").getStatusBarText() or "")


def errors(work: Path) -> dict[str, Any]:
    """What a user sees: no image, an RGB image, a mistyped key in a macro."""
    hand, seen = d.Hand(), {}
    hand.choose(SEGMENT)
    hand.click_on(d.button(d.dialog(SEGMENT), "OK"))
    seen["no_image"] = refused(hand)
    d.java("ij.IJ").createImage("colour", "RGB noise", 64, 64, 1).show()
    hand.choose(SEGMENT)
    d.field(d.dialog(SEGMENT), "Frames (empty: all)").setText("1")
    hand.click_on(d.button(d.dialog(SEGMENT), "OK"))
    seen["rgb"] = refused(hand)
    hand.choose(SEGMENT)
    seen["kept"] = str(d.field(d.dialog(SEGMENT), "Frames (empty: all)").getText())
    hand.click_on(d.button(d.dialog(SEGMENT), "Cancel"))
    macro = 'print("before"); run("Segment Objects", "model=tiny channel=1 prob_tresh=0.4"); print("after");'
    seen["macro"] = str(d.java("ij.IJ").runMacro(macro))
    seen["log"] = d.log()
    seen["macro_state"] = bool(d.java("ij.IJ").macroRunning())
    d.java("ij.IJ").runMacro('print("again");')
    seen["log_after"] = d.log()
    return seen


def refused(hand: d.Hand) -> str:
    """Read the message of an error and press its OK; the dialog opens again with the message, and is cancelled."""
    text = dismiss(hand)
    form = d.dialog(SEGMENT)
    assert d.text_of(form) == text
    hand.click_on(d.button(form, "Cancel"))
    d.wait_until(lambda: not form.isShowing(), "the dialog is closed")
    return text


def dismiss(hand: d.Hand) -> str:
    """Read a message dialog and press its OK."""
    window = d.wait_until(message, "a message is shown")
    text = d.text_of(window)
    window.toFront()
    hand.click_on(d.button(window, "OK"))
    d.wait_until(lambda: not window.isShowing(), "the message is closed")
    return text


def message() -> Any | None:
    """Return the message dialog that is open."""
    kind = d.java("ij.gui.MessageDialog")
    return next((window for window in d.windows() if isinstance(window, kind)), None)


def others_meanwhile(work: Path) -> dict[str, Any]:
    """While a macro runs our command, commands of the menu go on; the macro waits for its result."""
    open_image(work / "large.tif")
    ij, seen = d.java("ij.IJ"), {}
    macro = 'run("Segment Objects", "model=tiny rois=none"); print("title " + getTitle());'
    running = threading.Thread(target=lambda: ij.runMacro(macro))
    running.start()
    d.wait_until(lambda: status().startswith(f"{SEGMENT}: "), "the macro's job is running")
    ij.doCommand("ROI Manager...")
    d.wait_until(lambda: d.titled("ROI Manager"), "another command has run")
    seen["ran_beside"] = running.is_alive() and d.image("large.tif labels") is None
    running.join()
    seen["log"] = d.log()
    return seen


def batch_mode(work: Path) -> dict[str, Any]:
    """A macro in batch mode reaches its results: active image, title, table, ROIs."""
    path = (work / "discs.tif").as_posix()
    macro = (
        f'setBatchMode(true); open("{path}"); run("Segment Objects", "model=tiny rois=append"); '
        'print("active " + getTitle() + " images " + nImages + " rows " + nResults + " rois " + roiManager("count")); '
        'selectImage("discs.tif"); selectImage("discs.tif labels"); '
        'getStatistics(area, mean, min, max); print("max " + max); '
        'print("area " + getResult("Area", 0) + " " + getResultString("Name", 0));'
    )
    d.java("ij.IJ").runMacro(macro)
    return {"log": d.log(), "windows": [str(title) for title in d.java("ij.WindowManager").getImageTitles()]}


SELECT_EACH = """
setBatchMode({batch}); roiManager("reset"); open("{path}"); image = getImageID(); {command};
selectImage(image);
for (i = 0; i < roiManager("count"); i++) {{
    roiManager("select", i); Stack.getPosition(c, z, t); print(Roi.getName + " " + z + " " + t);
}}
selectImage(image); close();
"""


def rois_on_hyperstacks(work: Path) -> dict[str, Any]:
    """Select each ROI in the manager, in batch mode and in windows: ImageJ goes to the plane of the object."""
    discs, _ = tiny.discs(100)
    movie = np.stack([np.stack([np.stack([discs // 2, discs])] * 3)] * 2)  # t 2, z 3, c 2
    tifffile.imwrite(work / "hyper.tif", movie, imagej=True, metadata={"axes": "TZCYX"})
    labels = np.zeros((4, 3, 20, 30), np.uint16)
    labels[:, :, 5:10, 5:10] = 1
    jobs = {"hyper": 'run("Segment Objects", "model=tiny channel=2 plane=3")'}
    for name, part, axes in (("tz", labels, "TZYX"), ("z", labels[0], "ZYX"), ("t", labels[:, 0], "TYX")):
        tifffile.imwrite(work / f"{name}.tif", part, imagej=True, metadata={"axes": axes})
        jobs[name] = 'run("Label Image to ROIs", "show=replace")'
    seen = {}
    for (name, command), batch in itertools.product(jobs.items(), ("true", "false")):
        before = len(d.log())
        path = (work / f"{name}.tif").as_posix()
        d.java("ij.IJ").runMacro(SELECT_EACH.format(batch=batch, path=path, command=command))
        seen[f"{name} {batch}"] = [line.split() for line in d.log()[before:].split("\n") if line.startswith("T000")]
    return seen


def train_from_the_menu(work: Path) -> dict[str, Any]:
    """Train a model by the dialog; Segment Objects then offers it and uses it."""
    hand, seen = d.Hand(), {}
    hand.choose("Train Model")
    form = d.dialog("Train Model")
    for label, text in TRAINING.items():
        d.field(form, label).setText(text.format(work=work.as_posix()))
    d.field(form, "Length of the training").select("quick")
    hand.type_into(d.field(form, "Name of the new model"), "mine")
    more_settings(hand, form, OF_STARDIST)
    seen["before"] = start_training(hand)
    seen["said"] = dismiss(hand)
    open_image(work / "discs.tif")
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    choice = d.field(form, "Model")
    seen["offered"] = [str(choice.getItem(k)) for k in range(choice.getItemCount())]
    choice.select("mine")
    hand.click_on(d.button(form, "OK"))
    seen["objects"] = int(values(labels_of("discs.tif labels")).max())
    return seen


def more_settings(hand: d.Hand, form: Any, fields: dict[str, Any], method: str = "stardist") -> None:
    """Ask for the second dialog of Train Model, press OK, and fill in that one (text, or True for a box)."""
    d.field(form, MORE).setState(True)
    hand.click_on(d.button(form, "OK"))
    second = d.dialog(f"Train Model: {method}")
    for label, value in fields.items():
        piece = d.field(second, label)
        piece.setState(value) if isinstance(value, bool) else piece.setText(value)
    hand.click_on(d.button(second, "OK"))


def start_training(hand: d.Hand) -> str:
    """Press Start in the window before a training; return what it says."""
    window = d.dialog("Before the training")
    text = str(d.parts(window, "javax.swing.JTextArea")[0].getText())
    hand.click_on(d.button(window, "Start the training"))
    return text


TRAINING = {
    "Dataset, or folder of images": "{work}/set/images",
    "or folder of ROI zips": "{work}/set/rois",
    "Epochs (empty: as the length says)": "2",
    "Steps of an epoch": "10",
    "Patch side (pixels)": "64",
    "Patches in a step": "2",
}
OF_STARDIST = {"Rays": "16", "Grid (1, 2, 4)": "2"}
MORE = "More settings of the method (a second dialog)"


def rois_and_labels(work: Path) -> dict[str, Any]:
    """Save ROIs, turn them into a label image and back, and look at the Doctor."""
    hand, seen, ij = d.Hand(), {}, d.java("ij.IJ")
    imp = open_image(work / "discs.tif")
    ij.run(SEGMENT, "model=tiny")
    labels = values(labels_of("discs.tif labels"))
    ij.selectWindow(imp.getID())
    hand.choose("Save ROIs")
    form = d.dialog("Save ROIs")
    d.field(form, "Save as (new ROI zip)").setText((work / "cells.zip").as_posix())
    hand.click_on(d.button(form, "OK"))
    d.wait_until((work / "cells.zip").is_file, "the zip is written")
    hand.choose("ROIs to Label Image")
    hand.click_on(d.button(d.dialog("ROIs to Label Image"), "OK"))
    again = labels_of("discs.tif labels-1")
    seen["identical"] = bool(np.array_equal(values(again), labels))
    before = d.manager().getCount()
    ij.run("Label Image to ROIs", "show=replace")
    seen["replaced"] = d.manager().getCount() == before
    ij.run("Label Image to ROIs", "show=append")
    seen["appended"] = d.manager().getCount() == 2 * before
    hand.choose("Talanoa Doctor")
    seen["doctor"] = str(d.parts(d.dialog("Talanoa Doctor"), "javax.swing.JTextArea")[0].getText())
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    one.__name__: one
    for one in (
        segment_from_the_menu,
        every_door,
        cancel_by_escape,
        cancel_by_button,
        errors,
        others_meanwhile,
        batch_mode,
        rois_on_hyperstacks,
        train_from_the_menu,
        rois_and_labels,
    )
}


def main(name: str, folder: str) -> None:
    """Play one scenario and write what it saw to FOLDER/seen.json; when it fails, a picture of the screen."""
    from helpers.gui import annotate, evaluating, labelling, predicting, restoring, showing, thresholds, training

    work, code = Path(folder), 1
    try:
        d.start(work)
        others = (training, thresholds, annotate, evaluating, restoring, predicting, labelling, showing)
        seen = {**SCENARIOS, **{key: play for one in others for key, play in one.SCENARIOS.items()}}[name](work)
        (work / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
        code = 0
    finally:
        if code:
            traceback.print_exc()
            d.shot(work / "screen.png")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # windows are open; ImageJ would wait for the user


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
