"""What a person does with the window of the annotation; see `helpers.gui.scenarios`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers import tiny
from helpers.gui import driver as d
from helpers.gui.scenarios import OF_STARDIST, dismiss, more_settings, start_training

ANNOTATE, PICK, WINDOW = "Annotate Images", "Add Images", "Annotate set"
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


def begin(hand: d.Hand, work: Path, number: int = 3, classes: str = "", wait: bool = True) -> Any:
    """Make the dataset WORK/set of some images and return the panel, with the first one open if it is waited for."""
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
    if wait:
        d.wait_until(opened, "an image is open")
    return panel


def opened() -> str | None:
    """Return the name of the image that is being annotated."""
    names = [str(title) for title in d.java("ij.WindowManager").getImageTitles()]
    return names[0].removesuffix(".tif") if names else None


def keys(imp: Any, hand: d.Hand, *names: str) -> None:
    """Press keys in the window of an image."""
    to_front(imp)
    hand.press(*names)


def to_front(imp: Any) -> None:
    """Give an image the keyboard."""
    imp.getWindow().toFront()
    imp.getCanvas().requestFocus()
    d.wait_until(imp.getCanvas().isFocusOwner, "the image has the keyboard")


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
    return name if name not in (None, *names) else None


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


def correct(work: Path) -> dict[str, Any]:
    """Two discs taken for one are found by Check, split from its table, brought back by Undo, and cut by a line."""
    hand, seen = d.Hand(), {}
    shutil.rmtree(work / "set" / "images")
    (work / "set" / "images").mkdir()
    tifffile.imwrite(work / "set" / "images" / "discs0.tif", touching())
    panel = begin(hand, work, 1)
    imp = shows("discs0.tif")
    d.wait_until(lambda: proposed(imp), "outlines are proposed")
    hand.click_on(box(panel, "Split touching (watershed)"))
    d.wait_until(lambda: proposed(imp) == 6, "the preview follows")
    keys(imp, hand, "VK_P")
    d.wait_until(lambda: count() == 6, "they are in the ROI Manager")
    keys(imp, hand, "VK_C")
    table = d.dialog("Findings: discs0")
    rows = d.parts(table, "javax.swing.JTable")[0]
    seen["finding"] = [str(rows.getValueAt(0, k)) for k in range(4)]
    double_click(hand, rows)
    d.wait_until(lambda: d.manager().getSelectedIndex() >= 0, "it is selected")
    seen["close"] = imp.getCanvas().getSrcRect().width
    hand.click_on(d.button(table, "Split"))
    d.wait_until(lambda: count() == 7, "it is split")
    keys(imp, hand, "VK_Z")
    d.wait_until(lambda: count() == 6, "that is taken back")
    imp.setRoi(d.java("ij.gui.Line")(48, 30, 48, 66))
    keys(imp, hand, "VK_X")
    d.wait_until(lambda: count() == 7, "it is cut by the line")
    seen["areas"] = sorted(int(roi.getStatistics().pixelCount) for roi in d.manager().getRoisAsArray())
    hand.click_on(d.button(panel, "Save and next (S)"))
    says(panel, "All images are done")
    return seen


def touching() -> np.ndarray:
    """Return an image of two discs with a bridge in the middle, and five others."""
    rows, columns = np.mgrid[:96, :96]
    image = np.random.default_rng(0).normal(200, 30, rows.shape)
    for y, x in ((48, 37), (48, 59), (12, 12), (12, 82), (82, 12), (82, 82), (12, 48)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 81] += 1500
    image[46:51, 37:59] = image[46:51, 37:38]
    return image.astype(np.uint16)


def box(window: Any, label: str) -> Any:
    """Return a check box by its label."""
    return next(one for one in d.parts(window, "javax.swing.JCheckBox") if str(one.getText()) == label)


def double_click(hand: d.Hand, table: Any) -> None:
    """Double click the first row of a table."""
    corner = table.getLocationOnScreen()
    hand.robot.mouseMove(corner.x + 30, corner.y + table.getRowHeight() // 2)
    for _ in range(2):
        hand.robot.mousePress(hand.button)
        hand.robot.mouseRelease(hand.button)
    hand.robot.waitForIdle()


def mishaps(work: Path) -> dict[str, Any]:
    """ROIs of one's own, the ROI Manager closed, the image closed, the dataset gone: all is said, nothing is lost."""
    hand, seen = d.Hand(), {}
    d.manager().addRoi(d.java("ij.gui.Roi")(1, 2, 3, 4))
    panel = begin(hand, work, 2, wait=False)
    seen["asked"] = answer(hand, "Cancel")
    says(panel, "No image was opened")
    seen["own"] = (count(), opened())
    open_again(hand, panel)
    answer(hand, "Keep aside")
    imp = shows("discs0.tif")
    take(imp, hand)
    says(panel, "autosaved")
    close(d.manager())
    question_of_imagej = d.wait_until(discarding, "ImageJ asks")
    hand.click_on(d.button(question_of_imagej, "Discard"))
    d.wait_until(lambda: not question_of_imagej.isShowing(), "the question is closed")
    says(panel, "The ROI Manager was closed")
    seen["manager"] = count()
    imp.close()
    says(panel, "The window of discs0 was closed")
    open_again(hand, panel)
    imp = shows("discs0.tif")
    seen["image"] = count()
    (work / "set").rename(work / "elsewhere")
    d.manager().addRoi(d.java("ij.gui.OvalRoi")(2, 2, 9, 9))
    says(panel, "Not autosaved")
    keys(imp, hand, "VK_S")
    seen["gone"] = dismiss(hand)
    (work / "elsewhere").rename(work / "set")
    seen["kept"] = count()
    d.manager().addRoi(d.java("ij.gui.OvalRoi")(84, 2, 9, 9))
    d.wait_until(lambda: "not autosaved" not in texts(panel), "it is autosaved again")
    close(panel)
    d.wait_until(lambda: count() == 1, "the own ROI is back")
    seen["back"] = [int(side) for side in (lambda r: (r.x, r.y, r.width, r.height))(d.manager().getRoi(0).getBounds())]
    return seen


def open_again(hand: d.Hand, panel: Any) -> None:
    """Press Open again, once it stands where it stays."""
    again = d.button(panel, "Open again")
    d.wait_until(again.isShowing, "Open again is offered")
    hand.robot.waitForIdle()
    hand.click_on(again)


def answer(hand: d.Hand, label: str) -> str:
    """Wait for a question, press one of its buttons, and return what it says."""
    kind = d.java("ij.gui.YesNoCancelDialog")
    window = d.wait_until(
        lambda: next((one for one in d.windows() if isinstance(one, kind)), None), "a question is asked"
    )
    hand.robot.waitForIdle()
    text = d.text_of(window)
    hand.click_on(d.button(window, label))
    d.wait_until(lambda: not window.isShowing(), "the question is closed")
    return text


def discarding() -> Any | None:
    """Return ImageJ's own question whether the ROIs are to be discarded."""
    kind = d.java("ij.gui.GenericDialog")
    return next((one for one in d.windows() if isinstance(one, kind)), None)


def close(window: Any) -> None:
    """Close a window as its frame does."""
    event = d.java("java.awt.event.WindowEvent")
    queue = d.java("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue()
    queue.postEvent(event(window, event.WINDOW_CLOSING))


def close_while_adding(work: Path) -> dict[str, Any]:
    """Close the panel while the window for adding images is open."""
    hand = d.Hand()
    panel = begin(hand, work)
    hand.click_on(d.button(panel, "Add images ..."))
    adding = d.wait_until(lambda: d.titled("Add Images"), "the window for adding images is open")
    close(panel)
    d.wait_until(lambda: not panel.isShowing(), "the panel is closed")
    d.wait_until(lambda: not adding.isShowing(), "the window for adding images is closed, too")
    return {"open": bool(adding.isShowing())}


def train_and_judge(work: Path) -> dict[str, Any]:
    """Three images are annotated, a model is trained on them and judged; the report is written."""
    hand, seen = d.Hand(), {}
    panel, names = begin(hand, work), []
    for done in (1, 2, 3):
        names.append(d.wait_until(lambda: another(names), "the next image is open"))
        take(shows(f"{names[-1]}.tif"), hand)
        hand.click_on(d.button(panel, "Save and next (S)"))
        says(panel, f"{done} of 3 done")
    says(panel, "All images are done")
    hand.click_on(d.button(panel, "Train ..."))
    form = d.dialog("Train Model")
    seen["trained_on"] = str(d.field(form, "Dataset, or folder of images").getText())
    for label, text in SHORT.items():
        d.field(form, label).setText(text)
    d.field(form, "Device").select("cpu")
    hand.type_into(d.field(form, "Name of the new model"), "mine")
    more_settings(hand, form, OF_STARDIST)
    start_training(hand)
    seen["trained"] = dismiss(hand)
    if (window := d.titled("Training of mine")) is not None:  # a training that is over in no time shows none
        hand.click_on(d.button(window, "Close"))
        d.wait_until(lambda: d.titled("Training of mine") is None, "the window of the training is closed")
    activate(panel, hand)
    hand.click_on(d.button(panel, "Judge ..."))
    form = d.dialog("Evaluate Model")
    seen["judged_on"] = str(
        d.field(form, "Ground truth (dataset, label images, ROI zips, clean images, stains)").getText()
    )
    d.field(form, "Model").select("mine")
    d.field(form, "Folder for the report (new; empty: table only)").setText((work / "report").as_posix())
    hand.click_on(d.button(form, "OK"))
    seen["judged"] = dismiss(hand)
    seen["rows"] = d.table("Talanoa scores").size()
    return seen


def activate(window: Any, hand: d.Hand) -> None:
    """Click the title bar of a window, so that the next click meets it and not one that closes above it."""
    place = window.getLocationOnScreen()
    hand.click(place.x + window.getWidth() // 2, place.y + window.getInsets().top // 2)
    d.wait_until(window.isActive, "the window is active")


SHORT = {
    "Epochs (empty: as the length says)": "1",
    "Steps of an epoch": "4",
    "Patch side (pixels)": "64",
    "Patches in a step": "2",
    "Start from model (empty: from scratch)": "tiny",
}

SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    one.__name__: one for one in (annotate, correct, mishaps, train_and_judge, close_while_adding)
}
