"""Take the pictures of labelling-guide.md: python -m helpers.gui.screenshots_labelling PLATE OTHER MODEL [FOLDER]

As `helpers.gui.screenshots`, from a real ImageJ: run it in tests/, on a display. PLATE and OTHER are two drawn plates
(`talanoa sample plate`, another seed), MODEL the name of a model of the user (`TALANOA_HOME`) that was trained on the
first one. A new model is trained for some minutes there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from helpers.gui import driver as d
from helpers.gui.labelling import EVALUATE, PLATE, REPORT
from helpers.gui.predicting import LIGHT, PREDICT, fill
from helpers.gui.scenarios import MORE, dismiss, open_image
from helpers.gui.screenshots import IMAGES, beside, moved, only_shown, session
from helpers.gui.training import STOP, TRAIN, texts

NAME, FIELD = "stains from phase", "A01_*_f01.tif"
EPOCHS, SHOWN = 30, 12
FIELDS = {
    "Epochs (empty: as the length says)": str(EPOCHS),
    "Steps of an epoch": "20",
    "Patch side (pixels)": "128",
    "Patches in a step": "4",
    "Learning rate": "0.002",
}
OF_LABELLING = {
    "Stains (folders, or names of channels; empty: all)": "nucleus,er,golgi",
    "Prepare (er: clip=90; nucleus: binarise)": "golgi: rolling_ball=20 clip=90",
}


def take(folder: Path, plate: str, other: str, model: str) -> None:
    """Take all pictures."""
    hand = d.Hand()
    window = begin(hand, Path(plate), folder)
    d.wait_until(lambda: any(text.startswith(f"{SHOWN} of {EPOCHS}") for text in texts(window)), "half of it is done")
    d.shot(folder / "training-labelling.png", moved(window, 20, 160))
    hand.click_on(d.button(window, STOP))
    dismiss(hand)
    hand.click_on(d.button(window, "Close"))
    predicted(hand, next((Path(other) / "phase").glob(FIELD)), model, folder)
    judged(hand, model, folder)


def begin(hand: d.Hand, plate: Path, folder: Path) -> Any:
    """Fill the dialogs of Train Model, take them, and start; return the training's window."""
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    d.field(form, "Method").select("labelling")
    for label, text in {**FIELDS, "Dataset, or folder of images": plate.as_posix()}.items():
        d.field(form, label).setText(text)
    hand.type_into(d.field(form, "Name of the new model"), NAME)
    d.field(form, MORE).setState(True)
    hand.click_on(d.button(form, "OK"))
    second = d.dialog("Train Model: labelling")
    for label, text in OF_LABELLING.items():
        d.field(second, label).setText(text)
    d.shot(folder / "train-labelling.png", second)
    hand.click_on(d.button(second, "OK"))
    before = d.dialog("Before the training")
    show_targets(before)
    d.shot(folder / "before-labelling.png", before)
    hand.click_on(d.button(before, "Start the training"))
    return d.wait_until(lambda: d.titled(f"Training of {NAME}"), "the training's window is open")


def show_targets(before: Any) -> None:
    """Scroll to what is made of each stain."""
    (caption,) = (one for one in d.parts(before, "javax.swing.JLabel") if str(one.getText()).startswith("What is made"))
    pane = d.parts(before, "javax.swing.JScrollPane")[-1]
    bar = pane.getVerticalScrollBar()
    bar.setValue(caption.getParent().getY())
    d.wait_until(lambda: bar.getValue() > 0, "the targets are shown")


def predicted(hand: d.Hand, image: Path, model: str, folder: Path) -> None:
    """The dialog, the image beside its composite, and the composite with the transmitted light and its channels."""
    imp = open_image(image)
    imp.getWindow().setLocation(20, 130)
    imp.getWindow().getCanvas().zoomIn(0, 0)
    hand.choose(PREDICT)
    only_shown(hand, d.dialog(PREDICT), folder / "predict-dialog.png")
    fill(hand, model, {}, **{LIGHT: False})
    made = beside(imp, f"{image.stem}-predicted")
    d.shot(folder / "predict-fluorescence.png", imp.getWindow(), (802, 455))
    made.close()
    d.java("ij.IJ").selectWindow(imp.getID())
    fill(hand, model, {}, **{LIGHT: True})
    made = beside(imp, f"{image.stem}-predicted")
    d.java("ij.IJ").run("Channels Tool...")
    tool = moved(d.dialog("Channels"), 832, 130)
    d.shot(folder / "predicted-composite.png", made.getWindow(), (604, 455))
    tool.close()


def judged(hand: d.Hand, model: str, folder: Path) -> None:
    """The dialog of Evaluate Model, filled for a plate."""
    hand.choose(EVALUATE)
    form = d.dialog(EVALUATE)
    d.field(form, "Model").select(model)
    d.field(form, "What is judged").select("stains")
    for label, text in ((PLATE, "/data/plate 2"), (REPORT, "/data/report")):
        d.field(form, label).setText(text)
    only_shown(hand, form, folder / "evaluate-stains.png")


if __name__ == "__main__":
    plate, other, model, *folder = sys.argv[1:]
    session(take, *(folder or [str(IMAGES)]), plate, other, model)
