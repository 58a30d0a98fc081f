"""Other outlines, rows, windows and fields of another image, next to the results; see `helpers.gui.scenarios`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers import tiny
from helpers.gui import driver as d
from helpers.gui.scenarios import SEGMENT, dismiss, labels_of, open_image, status
from helpers.gui.thresholds import WINDOW, begin, found, outlines
from helpers.gui.training import TRAIN, goes_on, rows
from helpers.gui.training import begin as begin_training
from talanoa.fiji.bridge import convert
from talanoa.image.form import from_array

CHANNEL, IMAGE = "Channel", "Image (empty: the open one)"


def tables_and_windows(work: Path) -> dict[str, Any]:
    """Segment images of different units, with a selection, and with a row of somebody else in Results."""
    ij, seen = d.java("ij.IJ"), {}
    imp = open_image(work / "discs.tif")
    imp.setRoi(0, 0, 92, 91)
    ij.run(SEGMENT, "model=tiny")
    labels = labels_of("discs.tif labels")
    box = labels.getWindow().getBounds().intersection(imp.getWindow().getBounds())
    seen["covered"] = max(int(box.width), 0) * max(int(box.height), 0)
    area = imp.getRoi().getBounds()
    seen["selection"] = [int(area.width), int(area.height)]
    seen["objects"], seen["rows"] = int(convert.to_dataarray(labels).values.max()), d.results().size()
    calibrated = convert.to_imageplus(from_array(tiny.discs(101)[0], pixel_size=(0.5, 0.5), unit="um"), "calibrated")
    calibrated.show()
    ij.run(SEGMENT, "model=tiny")
    other = d.table("Talanoa objects (µm)")
    seen["other"] = [str(text) for text in set(other.getColumnAsStrings("Unit"))]
    seen["rows_after"] = d.results().size()
    d.results().reset()
    d.results().addRow()
    d.results().addValue("Area", 3.0)
    ij.selectWindow(imp.getID())
    ij.run(SEGMENT, "model=tiny")
    seen["theirs"] = [d.results().size(), d.table("Talanoa objects (pixel)").size()]
    d.shot(work / "windows.png")
    return seen


def other_outlines(work: Path) -> dict[str, Any]:
    """Adjust thresholds on an image that shows the outlines of an earlier run, of the overlay and of the manager."""
    imp, hand = open_image(work / "discs.tif"), d.Hand()
    d.java("ij.IJ").run(SEGMENT, "model=tiny")
    drawn = d.java("ij.gui.Overlay")(d.java("ij.gui.Roi")(1, 2, 3, 4))
    imp.setOverlay(drawn)
    d.java("ij.IJ").selectWindow(imp.getID())
    shown = imp.getCanvas().getShowAllList()
    window = begin(hand)
    seen = {"before": 0 if shown is None else int(shown.size()), "found": found(window), "outlines": outlines(imp)}
    seen["others"] = imp.getCanvas().getShowAllList() is not None
    d.shot(work / "thresholds.png")
    hand.click_on(d.button(window, "Cancel"))
    d.wait_until(lambda: d.titled(WINDOW) is None, "the window is closed")
    seen["after"] = int(imp.getCanvas().getShowAllList().size())
    seen["overlay"] = outlines(imp)
    return seen


def fields_of_another_image(work: Path) -> dict[str, Any]:
    """Segment the channel that is shown, then a file, then open the dialog on another image."""
    hand, seen = d.Hand(), {}
    two = np.stack([np.full((96, 96), 9, np.uint16), tiny.discs(102)[0]])
    imp = convert.to_imageplus(from_array(two, "cyx"), "two channels")
    imp.show()
    imp.setC(2)
    form = chosen(hand)
    seen["channel"] = str(d.field(form, CHANNEL).getText())
    hand.click_on(d.button(form, "OK"))
    seen["objects"] = int(convert.to_dataarray(labels_of("two channels labels")).values.max())
    other = open_image(work / "discs.tif")
    form = chosen(hand)
    seen["channel_of_other"] = str(d.field(form, CHANNEL).getText())
    tifffile.imwrite(work / "file.tif", tiny.discs(103)[0])
    d.field(form, IMAGE).setText((work / "file.tif").as_posix())
    hand.click_on(d.button(form, "OK"))
    labels_of("file.tif labels")
    d.wait_until(lambda: "was taken" in d.log(), "the log names the image that was not taken")
    seen["log"] = d.log()
    d.java("ij.IJ").selectWindow(other.getID())
    form = chosen(hand)
    seen["image"] = str(d.field(form, IMAGE).getText())
    hand.click_on(d.button(form, "Cancel"))
    return seen


def second_run(work: Path) -> dict[str, Any]:
    """Segment an image three times from the dialog; the user renames the label image of the second run."""
    hand, seen = d.Hand(), {}
    imp = open_image(work / "discs.tif")

    def run(number: int) -> None:
        d.java("ij.IJ").selectWindow(imp.getID())
        hand.click_on(d.button(chosen(hand), "OK"))
        d.wait_until(lambda: len(imp.getProperty("talanoa.runs") or []) == number, f"run {number} has begun to show")
        d.wait_until(lambda: labels_marked(number), f"the labels of run {number}")

    def labels_marked(number: int) -> bool:
        kept = labels_of("discs.tif labels")
        window = kept.getWindow()
        return (
            window is not None
            and window.isActive()
            and str(kept.getProperty("talanoa.run")) == str(imp.getProperty("talanoa.runs")[number - 1])
        )

    run(1)
    run(2)
    seen["after_two"] = titles()
    labels_of("discs.tif labels").setTitle("mine")
    run(3)
    seen["after_three"] = titles()
    return seen


def titles() -> list[str]:
    """Return the titles of all open images."""
    return sorted(str(title) for title in d.java("ij.WindowManager").getImageTitles())


def chosen(hand: d.Hand) -> Any:
    """Open the dialog of Segment Objects with the tiny model and return it."""
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select("tiny")
    d.field(form, "Device").select("cpu")
    return form


def quit_and_escape(work: Path) -> dict[str, Any]:
    """Quitting during a training asks; Escape on an image does not end one that a macro started."""
    hand, seen = d.Hand(), {}
    window = begin_training(hand, work)
    d.java("ij.IJ").doCommand("Quit")
    question = d.dialog("Quit")
    d.shot(work / "quit.png")
    seen["question"] = d.text_of(question)
    hand.click_on(d.button(question, "Do not quit"))
    d.wait_until(lambda: not question.isShowing(), "the question is closed")
    goes_on(work)
    hand.click_on(d.button(window, "Cancel"))
    dismiss(hand)
    keys = f"images=[{work.as_posix()}/set/images] rois=[{work.as_posix()}/set/rois] name=other init=tiny device=cpu"
    macro = f'run("{TRAIN}", "{keys} epochs=20000 steps=2 patch=64 batch=2"); print("went on");'
    running = threading.Thread(target=lambda: d.java("ij.IJ").runMacro(macro))
    running.start()
    window = d.wait_until(lambda: d.titled("Training of other"), "the macro's training has a window")
    d.wait_until(lambda: rows(work, "other.training"), "an epoch is complete")
    hand.click_on(open_image(work / "discs.tif").getWindow().getCanvas())
    hand.press("VK_ESCAPE")
    before = rows(work, "other.training")
    d.wait_until(lambda: rows(work, "other.training") >= before + 3, "the training goes on")
    hand.click_on(d.button(window, "Cancel"))
    running.join(d.PATIENCE)
    seen["window"], seen["log"] = d.titled("Training of other") is not None, d.log()
    return seen


def status_under_a_field(work: Path) -> dict[str, Any]:
    """Segment while something stands over the end of the status bar, as Fiji's search field does."""
    bar = d.java("ij.IJ").getInstance().getStatusBar()
    cover = d.java("javax.swing.JTextField")("search")
    label = d.parts(bar, "javax.swing.JLabel")[0]
    box = label.getBounds()
    bar.setLayout(None)
    bar.add(cover)
    bar.setComponentZOrder(cover, 0)
    cover.setBounds(box.x + 150, box.y, 120, box.height)
    open_image(work / "discs.tif")
    d.java("ij.IJ").run(SEGMENT, "model=tiny")
    d.wait_until(lambda: " objects in " in str(label.getToolTipText() or ""), "the whole text is a tooltip")
    wide = label.getFontMetrics(label.getFont()).stringWidth(label.getText())
    d.shot(work / "status.png", d.java("ij.IJ").getInstance())
    return {"text": status(), "whole": str(label.getToolTipText()), "fits": bool(wide <= 150)}


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    one.__name__: one
    for one in (
        tables_and_windows,
        second_run,
        other_outlines,
        fields_of_another_image,
        quit_and_escape,
        status_under_a_field,
    )
}
