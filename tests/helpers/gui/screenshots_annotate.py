"""Takes the pictures docs/images/annotate-*.png from a real ImageJ window: python -m helpers.gui.screenshots_annotate
[FOLDER]

As `helpers.gui.screenshots`: run it in tests/, on a display. The images are the drawn nuclei of `talanoa sample
nuclei`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from helpers.gui import annotate as a
from helpers.gui import driver as d
from helpers.gui.screenshots import only_shown, session
from talanoa.tasks.sample import synthetic

HOME = Path.home()
CELLS = HOME / "cells"
SCREEN = (1400, 1050)


def take(folder: Path) -> None:
    """Take all pictures."""
    hand = d.Hand()
    synthetic.write_nuclei(CELLS, count=8, annotated=0)
    panel = started(folder, hand)
    imp = d.wait_until(first_image, "an image is open")
    d.wait_until(lambda: a.proposed(imp), "outlines are proposed")
    method = next(one for one in d.parts(panel, "javax.swing.JComboBox") if str(one.getSelectedItem()) == "huang")
    method.setSelectedItem("adaptive")
    sliders = d.parts(panel, "javax.swing.JSlider")
    sliders[0].setValue(333)  # smoothing: 2 pixels
    sliders[3].setValue(144)  # size from: 60 pixels
    a.keys(imp, hand, "VK_1")
    settled()
    shot(folder / "annotate-propose.png")
    hand.click_on(d.button(panel, "Propose (P)"))
    d.wait_until(a.count, "they are in the ROI Manager")
    correcting(folder, hand, imp)
    checking(folder, hand, imp)
    hand.click_on(d.button(panel, "Save and next (S)"))
    a.says(panel, "1 of 8 done")
    for command, name, label in (("Train ...", "train", "Train Model"), ("Judge ...", "judge", "Evaluate Model")):
        hand.click_on(d.button(panel, command))
        only_shown(hand, d.dialog(label), folder / f"annotate-{name}.png")


def started(folder: Path, hand: d.Hand) -> Any:
    """Open the dataset; on the way, a picture of the first window and of the one for images."""
    hand.choose(a.ANNOTATE)
    start = d.dialog(a.ANNOTATE)
    place, kinds, who = d.parts(start, "javax.swing.JTextField")
    place.setText((HOME / "my cells").as_posix())
    kinds.setText("nucleus, dividing nucleus")
    who.setText("Anna")
    d.parts(start, "javax.swing.JRadioButton")[1].setSelected(True)
    d.shot(folder / "annotate-start.png", start)
    hand.click_on(d.button(start, "Next"))
    pick = d.dialog(a.PICK)
    d.parts(pick, "javax.swing.JTextField")[0].setText((CELLS / "images").as_posix())
    d.shot(folder / "annotate-pick.png", pick)
    hand.click_on(d.button(pick, "Add"))
    return d.dialog("Annotate my cells")


def first_image() -> Any:
    """Return the image that is open."""
    return d.java("ij.WindowManager").getCurrentImage()


def correcting(folder: Path, hand: d.Hand, imp: Any) -> None:
    """An outline is selected, and has a class."""
    roi = max(d.manager().getRoisAsArray(), key=lambda one: one.getStatistics().pixelCount)
    box = roi.getBounds()
    a.click(imp, hand, box.x + box.width / 2, box.y + box.height / 2)
    d.wait_until(lambda: d.manager().getSelectedIndex() >= 0, "an outline is selected")
    a.keys(imp, hand, "VK_2")
    settled()
    shot(folder / "annotate-correct.png")


def checking(folder: Path, hand: d.Hand, imp: Any) -> None:
    """The findings, and one of them from near."""
    a.keys(imp, hand, "VK_C")
    table = d.wait_until(
        lambda: next((w for w in d.windows() if str(w.getTitle()).startswith("Findings")), None), "found"
    )
    a.double_click(hand, d.parts(table, "javax.swing.JTable")[0])
    settled()
    shot(folder / "annotate-check.png")
    a.close(table)
    imp.getCanvas().unzoom()


def settled() -> None:
    """Wait until everything is drawn."""
    for window in d.windows():
        window.repaint()
    d.java("java.awt.Robot")().waitForIdle()
    d.java("java.lang.Thread").sleep(1500)


def shot(path: Path) -> None:
    """Save a picture of the part of the screen that is used."""
    area = d.java("java.awt.Rectangle")(0, 0, *SCREEN)
    taken = d.java("java.awt.Robot")().createScreenCapture(area)
    d.java("javax.imageio.ImageIO").write(taken, "png", d.java("java.io.File")(str(path)))


if __name__ == "__main__":
    session(take, *sys.argv[1:])
