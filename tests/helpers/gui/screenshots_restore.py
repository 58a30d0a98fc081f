"""Take the pictures of restoration-guide.md: python -m helpers.gui.screenshots_restore [FOLDER]

As `helpers.gui.screenshots`, from a real ImageJ: run it in tests/, on a display. The image is a drawn one
(`talanoa sample noisy`); Noise2Void is trained on it for some minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from helpers.gui import driver as d
from helpers.gui.restoring import APPLY, RESTORE, TRAIN
from helpers.gui.scenarios import MORE, dismiss, open_image
from helpers.gui.screenshots import beside, moved, only_shown, session
from helpers.gui.training import opened, texts
from talanoa import image as images
from talanoa.tasks.sample import noisy

EPOCHS, SHOWN = 16, 10
FIELDS = {
    "Epochs (empty: as the length says)": str(EPOCHS),
    "Steps of an epoch": "50",
    "Patch side (pixels)": "64",
    "Patches in a step": "4",
}


def take(folder: Path) -> None:
    """Take all pictures."""
    hand, work = d.Hand(), Path(tempfile.mkdtemp())
    low = noisy.draw((256, 256), 7).low
    images.write(work / "cells.tif", images.from_array(low, pixel_size=(1, 0.2, 0.2), unit="µm"))
    imp = open_image(work / "cells.tif")
    d.java("ij.IJ").run(imp, "Enhance Contrast", "saturated=0.35")
    imp.getWindow().setLocation(20, 130)
    imp.getWindow().getCanvas().zoomIn(0, 0)
    window = begin(folder, hand)
    d.wait_until(lambda: any(text.startswith(f"{SHOWN} of {EPOCHS}") for text in texts(window)), "half of it is done")
    d.shot(folder / "training-n2v.png", moved(window, 600, 60))
    dismiss(hand)
    hand.click_on(d.button(window, "Close"))
    beside(imp, "cells-restored")
    d.shot(folder / "restored.png", imp.getWindow(), (800, 432))
    hand.choose(RESTORE)
    only_shown(hand, d.dialog(RESTORE), folder / "restore-image.png")


def begin(folder: Path, hand: d.Hand) -> Any:
    """Fill the dialogs of Train Model for Noise2Void, take them, and start; return the training's window."""
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    d.field(form, "Method").select("n2v")
    for label, text in FIELDS.items():
        d.field(form, label).setText(text)
    hand.type_into(d.field(form, "Name of the new model"), "mine")
    for label in (APPLY, MORE):
        d.field(form, label).setState(True)
    hand.click_on(d.button(form, "OK"))
    second = d.dialog("Train Model: n2v")
    d.shot(folder / "train-n2v.png", second)
    d.field(second, "Filters of its first level").setText("16")
    hand.click_on(d.button(second, "OK"))
    before = d.dialog("Before the training")
    d.shot(folder / "before-n2v.png", before)
    hand.click_on(d.button(before, "Start the training"))
    return opened()


if __name__ == "__main__":
    session(take, *sys.argv[1:])
