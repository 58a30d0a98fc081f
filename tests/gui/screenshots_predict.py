"""Takes the pictures of docs/predict.md from a real ImageJ: python -m gui.screenshots_predict IMAGE MODEL [FOLDER]

As `gui.screenshots`: run it in tests/, on a display. IMAGE is a field in phase contrast, MODEL the name of a model of
the user (`TALANOA_HOME`) that was trained on such fields, such as those of `talanoa sample plate`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from gui import driver as d
from gui.predicting import LIGHT, PREDICT, fill
from gui.scenarios import open_image
from gui.screenshots import ROOT, form_closed


def take(image: Path, model: str, folder: Path) -> None:
    """The dialog, and the image beside the composite of what is predicted."""
    hand = d.Hand()
    imp = open_image(image)
    imp.getWindow().setLocation(20, 130)
    hand.choose(PREDICT)
    form = d.dialog(PREDICT)
    d.shot(folder / "predict-dialog.png", form)
    hand.click_on(d.button(form, "Cancel"))
    d.wait_until(form_closed(form), "the dialog is closed")
    fill(hand, model, {}, **{LIGHT: False})
    made = d.wait_until(lambda: d.image(f"{image.stem}-predicted"), "the composite is open")
    made.getWindow().setLocation(455, 130)
    d.wait_until(lambda: made.getWindow().getLocationOnScreen().x >= 455, "the windows are beside each other")
    imp.getWindow().repaint()
    made.getWindow().repaint()
    d.shot(folder / "predict-fluorescence.png", imp.getWindow(), (870, 510))


def main(image: str, model: str, folder: str = str(ROOT / "docs" / "images")) -> None:
    """Take the pictures and end ImageJ."""
    code = 1
    try:
        d.start(Path(tempfile.mkdtemp()))
        take(Path(image), model, Path(folder))
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())
            d.shot(Path(folder) / "failed.png")
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
