"""What a person does with the window of the annotation; see `gui.scenarios`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tiny
from gui import driver as d

ANNOTATE, PICK, WINDOW = "Annotate", "Add Images", "Annotate set"
DISCS = 8  # in each image


def texts(window: Any) -> str:
    """Return the texts of a window's labels and messages."""
    labels = d.parts(window, "javax.swing.JLabel") + d.parts(window, "javax.swing.JTextArea")
    return " | ".join(str(label.getText()) for label in labels)


def says(window: Any, text: str) -> None:
    """Wait until a window says something."""
    d.wait_until(lambda: text in texts(window), f"the window says {text!r}")


def count() -> int:
    """Return how many ROIs the manager holds."""
    found = d.java("ij.plugin.frame.RoiManager").getInstance2()
    return int(found.getCount()) if found is not None else 0


def shows(title: str) -> Any:
    """Wait for an image's window and return the image."""
    return d.wait_until(lambda: d.image(title), f"{title} is open")


def proposed(imp: Any) -> int:
    """Return how many proposed outlines lie on an image."""
    overlay = imp.getOverlay()
    return 0 if overlay is None else int(overlay.size())


def begin(hand: d.Hand, work: Path, number: int = 3, classes: str = "") -> Any:
    """Make the dataset WORK/set of some images and return the panel with the first one open."""
    (work / "raw").mkdir()
    for k in range(number):
        shutil.copy(work / "set" / "images" / f"discs{k}.tif", work / "raw")
    shutil.rmtree(work / "set")
    hand.choose(ANNOTATE)
    start = d.dialog(ANNOTATE)
    folder, kinds, who = d.parts(start, "javax.swing.JTextField")
    folder.setText((work / "set").as_posix())
    kinds.setText(classes)
    who.setText("Anna")
    hand.click_on(d.button(start, "Next"))
    pick = d.dialog(PICK)
    d.parts(pick, "javax.swing.JTextField")[0].setText((work / "raw").as_posix())
    hand.click_on(d.button(pick, "Add"))
    panel = d.dialog(WINDOW)
    d.wait_until(opened, "an image is open")
    return panel


def opened() -> str | None:
    """Return the name of the image that is being annotated."""
    names = [str(title) for title in d.java("ij.WindowManager").getImageTitles()]
    return names[0].removesuffix(".tif") if names else None


def keys(imp: Any, hand: d.Hand, *names: str) -> None:
    """Press keys in the window of an image."""
    imp.getWindow().toFront()
    imp.getCanvas().requestFocus()
    d.wait_until(imp.getCanvas().isFocusOwner, "the image has the keyboard")
    hand.press(*names)


def click(imp: Any, hand: d.Hand, x: float, y: float) -> None:
    """Click a pixel of an image."""
    hand.click(*place(imp, x, y))


def place(imp: Any, x: float, y: float) -> tuple[int, int]:
    """Return where a pixel of an image is on the screen."""
    canvas = imp.getCanvas()
    corner = canvas.getLocationOnScreen()
    return corner.x + canvas.screenXD(x), corner.y + canvas.screenYD(y)


def drag(imp: Any, hand: d.Hand, box: tuple[int, int, int, int]) -> None:
    """Draw with the tool of the toolbar from one corner of a box (x, y, width, height) to the other."""
    x, y, width, height = box
    hand.robot.mouseMove(*place(imp, x, y))
    hand.robot.mousePress(hand.button)
    for part in (0.3, 0.7, 1.0):
        hand.robot.mouseMove(*place(imp, x + part * width, y + part * height))
    hand.robot.mouseRelease(hand.button)
    hand.robot.waitForIdle()


def truth(name: str) -> np.ndarray:
    """Return the true labels of an image of the kit."""
    return tiny.discs(int(name.removeprefix("discs")))[1]


def box_of(labels: np.ndarray, label: int) -> tuple[int, int, int, int]:
    """Return the box (x, y, width, height) of an object."""
    rows, columns = np.nonzero(labels == label)
    return int(columns.min()), int(rows.min()), int(np.ptp(columns) + 1), int(np.ptp(rows) + 1)


def take(imp: Any, hand: d.Hand) -> None:
    """Put the proposed outlines into the ROI Manager."""
    d.wait_until(lambda: proposed(imp) == DISCS, "outlines are proposed")
    keys(imp, hand, "VK_P")
    d.wait_until(lambda: count() == DISCS, "they are in the ROI Manager")


def annotate(work: Path) -> dict[str, Any]:
    """Three images: Propose, delete one and draw it again, Save and next, take the last save back."""
    hand, seen = d.Hand(), {}
    d.java("ij.plugin.frame.Recorder")()
    panel = begin(hand, work, classes="disc, dividing disc")
    names = [str(opened())]
    imp = shows(f"{names[0]}.tif")
    take(imp, hand)
    redraw(imp, hand, names[0])
    seen["classes"] = sorted(int(roi.getGroup()) for roi in d.manager().getRoisAsArray())
    keys(imp, hand, "VK_S")
    for done in (1, 2):
        names.append(d.wait_until(lambda: another(names), "the next image is open"))
        imp = shows(f"{names[-1]}.tif")
        take(imp, hand)
        says(panel, f"{done} of 3 done")
        keys(imp, hand, "VK_S")
    says(panel, "All images are done")
    hand.click_on(d.button(panel, "Undo last save"))
    imp = shows(f"{names[-1]}.tif")
    d.wait_until(lambda: count() == DISCS, "its outlines are there")
    says(panel, "2 of 3 done")
    keys(imp, hand, "VK_S")
    says(panel, "3 of 3 done")
    recorder = d.java("ij.plugin.frame.Recorder").getInstance()
    seen["recorded"] = [line for line in str(recorder.getText()).splitlines() if ANNOTATE in line]
    return {**seen, "order": names}


def another(names: list[str]) -> str | None:
    """Return the name of the image that is open, if it is none of these."""
    name = opened()
    return name if name not in names else None


def redraw(imp: Any, hand: d.Hand, name: str) -> None:
    """Delete the outline of object 3, draw it as an oval, add it by `t`, and give it class 2."""
    labels = truth(name)
    x, y, width, height = box = box_of(labels, 3)
    click(imp, hand, x + width / 2, y + height / 2)
    d.wait_until(lambda: d.manager().getSelectedIndex() >= 0, "the outline is selected")
    keys(imp, hand, "VK_DELETE")
    d.wait_until(lambda: count() == DISCS - 1, "it is deleted")
    d.java("ij.IJ").setTool("oval")
    drag(imp, hand, box)
    keys(imp, hand, "VK_T")
    d.wait_until(lambda: count() == DISCS, "it is added")
    d.java("ij.IJ").setTool("rectangle")
    click(imp, hand, x + width / 2, y + height / 2)
    d.wait_until(lambda: d.manager().getSelectedIndex() >= 0, "it is selected")
    keys(imp, hand, "VK_2")


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {one.__name__: one for one in (annotate,)}
