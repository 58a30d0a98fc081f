"""Takes the pictures in docs/images from a real ImageJ window: python -m helpers.gui.screenshots [FOLDER] [MODEL]

Run it in tests/, on a display and with PYTHONPATH=../python where the package is not installed.
On a machine without a display: xvfb-run -s "-screen 0 1400x1050x24", with a window manager such as openbox.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tifffile

from helpers.gui import driver as d
from helpers.gui import thresholds
from helpers.gui.scenarios import dismiss, labels_of, message, refused
from helpers.gui.training import texts
from talanoa.tasks.sample import shipped

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
SEGMENT = "Segment Objects"
DIALOGS = (SEGMENT, "Train Model", "Evaluate Model", "ROIs to Label Image", "Label Image to ROIs", "Save ROIs")


def file_name(title: str) -> str:
    """Return "segment-objects.png" for "Segment Objects"."""
    return title.lower().replace(" ", "-") + ".png"


def take(folder: Path, model: str = "nuclei") -> None:
    """Take all pictures."""
    hand = d.Hand()
    hand.choose(SEGMENT)
    hand.click_on(d.button(d.dialog(SEGMENT), "OK"))
    d.wait_until(message, "the message is shown")
    d.shot(folder / "error.png", message())
    refused(hand)
    imp = d.java("ij.IJ").openImage(str(shipped.path("nuclei")))
    imp.show()
    imp.getWindow().setLocation(20, 130)
    hand.open_menu()
    d.shot(folder / "menu.png", d.java("ij.IJ").getInstance(), (700, 345))
    hand.press("VK_ESCAPE", "VK_ESCAPE")
    for title in DIALOGS:
        hand.choose(title)
        only_shown(hand, d.dialog(title), folder / file_name(title))
    segmented(folder, imp, model)
    hand.choose("Talanoa Doctor")
    window = d.dialog("Talanoa Doctor")
    d.shot(folder / "doctor.png", window)
    hand.click_on(d.button(window, "Close"))
    adjusting(folder, hand, imp, model)
    progress(folder, hand, model)
    training(folder, hand)


def only_shown(hand: d.Hand, form: Any, path: Path) -> None:
    """Take a dialog or window, and cancel it."""
    d.shot(path, form)
    hand.click_on(d.button(form, "Cancel"))
    d.wait_until(form_closed(form), "it is closed")


def moved(window: Any, x: int, y: int) -> Any:
    """Put a window at a place of the screen; return it once it is there."""
    window.setLocation(x, y)
    d.wait_until(lambda: window.getLocationOnScreen().x >= x and window.getLocationOnScreen().y >= y, "it is moved")
    return window


def beside(imp: Any, title: str) -> Any:
    """Wait for an image, and put it beside the one at (20, 130) that it was made of; return it."""
    made = d.wait_until(lambda: d.image(title), "the image is open")
    d.wait_until(lambda: made.getWindow() and made.getWindow().isShowing(), "it is shown")
    made.getWindow().getCanvas().zoomIn(0, 0)
    moved(made.getWindow(), 425, 130)
    for each in (imp, made):
        each.getWindow().repaint()
    return made


def form_closed(form: Any) -> Callable[[], bool]:
    """Return a function that says whether a dialog is closed."""
    return lambda: not form.isShowing()


def segmented(folder: Path, imp: Any, model: str) -> None:
    """The window after Segment Objects: image with outlines, label image, ROI Manager, Results."""
    d.java("ij.IJ").run(SEGMENT, f"model=[{model}]")
    labels = labels_of("nuclei.tif labels")
    labels.getWindow().setLocation(545, 130)
    d.manager().setLocation(1090, 130)
    results = d.titled("Results")
    results.setLocation(20, 720)
    results.setSize(1060, 300)
    d.java("ij.IJ").selectWindow(imp.getID())
    imp.getWindow().repaint()
    d.shot(folder / "window.png")
    for window in (results, d.manager()):
        window.setVisible(False)
    labels.close()


def adjusting(folder: Path, hand: d.Hand, imp: Any, model: str) -> None:
    """The window for thresholds beside the image with its outlines, which is then cancelled."""
    d.java("ij.IJ").selectWindow(imp.getID())
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select(model)
    d.field(form, "Adjust thresholds before the results are shown").setState(True)
    hand.click_on(d.button(form, "OK"))
    window = d.wait_until(lambda: d.titled(thresholds.WINDOW), "the window is open")
    d.wait_until(lambda: thresholds.found(window), "outlines are shown")
    moved(window, 560, 200)
    imp.getWindow().repaint()
    d.shot(folder / "thresholds.png", imp.getWindow(), (1080, 620))
    hand.click_on(d.button(window, "Cancel"))
    d.wait_until(form_closed(window), "the window is closed")


def progress(folder: Path, hand: d.Hand, model: str) -> None:
    """The progress window of a long job, which is then cancelled."""
    ij = d.java("ij.IJ")
    ij.run("Scale...", "x=8 y=8 width=4096 height=4096 interpolation=Bilinear create title=large")
    ij.runMacro('rename("large");')
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select(model)
    hand.click_on(d.button(form, "OK"))
    window = d.wait_until(progress_window, "the progress window is open")
    only_shown(hand, window, folder / "progress.png")


def training(folder: Path, hand: d.Hand) -> None:
    """The window of a training on parts of the sample image, which is then cancelled."""
    data = Path(tempfile.mkdtemp())
    hand.choose("Train Model")
    form = d.dialog("Train Model")
    for label, text in {**annotated(data), **TRAINING}.items():
        d.field(form, label).setText(text)
    hand.click_on(d.button(form, "OK"))
    before = d.dialog("Before the training")
    d.shot(folder / "before-training.png", before)
    hand.click_on(d.button(before, "Start the training"))
    window = d.wait_until(lambda: d.titled("Training of my cells"), "the training's window is open")
    for epoch in range(1, 16):
        d.wait_until(lambda k=epoch: any(text.startswith(f"{k} of 40") for text in texts(window)), "an epoch is done")
    d.shot(folder / "training.png", moved(window, 20, 200))
    hand.click_on(d.button(window, "Cancel"))
    dismiss(hand)


MASKS = "Folder of label images, or of clean images"
TRAINING = {
    "Name of the new model": "my cells",
    "Epochs (empty: as the length says)": "40",
    "Steps of an epoch": "4",
    "Patch side (pixels)": "64",
    "Patches in a step": "2",
    "Start from model (empty: from scratch)": "nuclei",
}


def annotated(folder: Path) -> dict[str, str]:
    """Cut the sample image and its label image into four parts each; return the fields that name them."""
    fields = {}
    for label, name in (("Dataset, or folder of images", "nuclei"), (MASKS, "nuclei_mask")):
        pixels = tifffile.imread(shipped.path(name))
        rows, columns = (side // 2 for side in pixels.shape)
        (folder / name).mkdir()
        for number in range(4):
            y, x = rows * (number // 2), columns * (number % 2)
            tifffile.imwrite(folder / name / f"part{number + 1}.tif", pixels[y : y + rows, x : x + columns])
        fields[label] = (folder / name).as_posix()
    return fields


def progress_window() -> Any | None:
    """Return the progress window once it shows what is being done."""
    window = d.titled(SEGMENT)
    if window is None or not isinstance(window, d.java("javax.swing.JFrame")):
        return None
    bars = d.parts(window, "javax.swing.JProgressBar")
    return window if bars and bars[0].getValue() > 0 else None


def session(take: Callable[..., None], folder: str = str(IMAGES), *given: Any) -> None:
    """Open ImageJ, let `take(folder, *given)` take its pictures, and end ImageJ; what failed is on failed.png."""
    code, place = 1, Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        d.start(Path(tempfile.mkdtemp()))
        take(place, *given)
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())
            d.shot(place / "failed.png")
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    session(take, *sys.argv[1:])
