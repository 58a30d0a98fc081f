"""What a person does with the window for thresholds; see `helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.gui import driver as d
from helpers.gui.scenarios import SEGMENT, labels_of, message, open_image, values

WINDOW = "Adjust Thresholds"


def begin(hand: d.Hand) -> Any:
    """Segment the open image with thresholds to be adjusted; return the window once outlines are shown."""
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select("tiny")
    d.field(form, "Device").select("cpu")
    d.field(form, "Adjust thresholds before the results are shown").setState(True)
    hand.click_on(d.button(form, "OK"))
    window = d.wait_until(lambda: d.titled(WINDOW), "the window is open")
    d.wait_until(lambda: found(window) is not None, "outlines are shown")
    return window


def found(window: Any) -> int | None:
    """Return the number of objects that the window tells."""
    texts = [str(label.getText()) for label in d.parts(window, "javax.swing.JLabel")]
    counts = [int(text.split()[0]) for text in texts if text.endswith(" objects")]
    return counts[0] if counts else None


def sliders(window: Any) -> list[Any]:
    """Return the sliders: probability, overlap, size from, size to."""
    return d.parts(window, "javax.swing.JSlider")


def outlines(imp: Any) -> int:
    """Return how many outlines lie on an image."""
    overlay = imp.getOverlay()
    return 0 if overlay is None else int(overlay.size())


def adjust(work: Path) -> dict[str, Any]:
    """Raise the smallest size until few objects are left, lower it again, and take a higher probability."""
    hand = d.Hand()
    d.java("ij.plugin.frame.Recorder")()
    imp = open_image(work / "discs.tif")
    window = begin(hand)
    seen: dict[str, Any] = {"first": found(window), "outlines": outlines(imp), "rois_before": d.manager().getCount()}
    smallest = sliders(window)[2]
    smallest.setValue(smallest.getMaximum())
    d.wait_until(lambda: found(window) == 0, "no object is large enough")
    seen["none"] = outlines(imp)
    smallest.setValue(170)
    d.wait_until(lambda: found(window), "some objects are large enough")
    seen["some"] = found(window)
    hand.click_on(d.button(window, "OK"))
    seen["labels"] = int(values(labels_of("discs.tif labels")).max())
    seen["rois"] = d.manager().getCount()
    recorder = d.java("ij.plugin.frame.Recorder").getInstance()
    seen["lines"] = [line for line in str(recorder.getText()).splitlines() if SEGMENT in line]
    d.java("ij.IJ").selectWindow(imp.getID())
    d.java("ij.IJ").runMacro(seen["lines"][-1])
    seen["replayed"] = int(values(labels_of("discs.tif labels-1")).max())
    return seen


def edit_meanwhile(work: Path) -> dict[str, Any]:
    """Edit the image while its thresholds are adjusted."""
    imp = open_image(work / "discs.tif")
    window = begin(d.Hand())
    imp.getProcessor().set(3, 3, 7)
    imp.updateAndDraw()
    box = d.wait_until(message, "a message is shown")
    return {"said": d.text_of(box), "open": bool(window.isShowing()), "outlines": outlines(imp)}


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {one.__name__: one for one in (adjust, edit_meanwhile)}
