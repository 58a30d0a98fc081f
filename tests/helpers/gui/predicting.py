"""What a person does to predict stains: an image in transmitted light, Predict Fluorescence; see
`helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers import labellers
from helpers.gui import driver as d
from helpers.gui.scenarios import open_image, values
from helpers.labellers import ER, NUCLEUS
from talanoa import image as images
from talanoa.fiji.bridge import convert
from talanoa.tasks.sample import plate

PREDICT = "Predict Fluorescence"
LIGHT = "Transmitted light as first channel"
FURTHER = "Further models (names, separated by ;)"


def field(path: Path) -> Path:
    """Write a field of the sample plate in phase contrast and return its path."""
    made = plate.draw(plate.wells(1)[0], (128, 160), 1, (3, 0))
    images.write(path, images.from_array(made.phase[0], pixel_size=(1, 0.65, 0.65), unit="µm"))
    return path


def fill(hand: d.Hand, model: str, texts: dict[str, str], **boxes: bool) -> list[str]:
    """Fill the dialog and press OK; return the models that it offers."""
    hand.choose(PREDICT)
    form = d.dialog(PREDICT)
    choice = d.field(form, "Model")
    offered = [str(choice.getItem(k)) for k in range(choice.getItemCount())]
    choice.select(model)
    d.field(form, "Device").select("cpu")
    for label, text in texts.items():
        d.field(form, label).setText(text)
    for label, state in boxes.items():
        d.field(form, label).setState(state)
    hand.click_on(d.button(form, "OK"))
    return offered


def predict_from_the_menu(work: Path) -> dict[str, Any]:
    """One model by the dialog, its recorded line, then two models as one composite with the transmitted light."""
    hand = d.Hand()
    labellers.save(work / "home" / "models" / "nuclei of cells", (NUCLEUS,))
    labellers.save(work / "home" / "models" / "er", (ER,), seed=4)
    imp = open_image(field(work / "B02_f01.tif"))
    recorder = d.java("ij.plugin.frame.Recorder")()
    seen: dict[str, Any] = {"offered": fill(hand, "nuclei of cells", {}, **{LIGHT: True})}
    made = d.wait_until(lambda: d.image("B02_f01-predicted"), "the composite is open")
    seen["channels"], seen["composite"] = int(made.getNChannels()), bool(made.isComposite())
    seen["names"] = [str(made.getStack().getSliceLabel(k + 1)) for k in range(made.getStackSize())]
    seen["calibration"] = (
        convert.to_dataarray(made).attrs["pixel_size"] == convert.to_dataarray(imp).attrs["pixel_size"]
    )
    seen["recorded"] = [line for line in str(recorder.getText()).splitlines() if PREDICT in line]
    d.java("ij.IJ").selectWindow(imp.getID())
    d.java("ij.IJ").runMacro(seen["recorded"][0])
    again = d.wait_until(lambda: d.image("B02_f01-predicted-1"), "the recorded line has run")
    seen["replayed"] = bool(np.array_equal(values(made), values(again)))
    d.java("ij.IJ").selectWindow(imp.getID())
    fill(hand, "nuclei of cells", {FURTHER: "er"}, **{LIGHT: True})
    both = d.wait_until(lambda: d.image("B02_f01-predicted-2"), "the composite of both models is open")
    seen["of_both"] = [str(both.getStack().getSliceLabel(k + 1)) for k in range(both.getStackSize())]
    seen["same_nuclei"] = bool(np.array_equal(values(both)[0, 1], values(made)[0, 1]))
    seen["joined"] = [line for line in str(recorder.getText()).splitlines() if "; er" in line]
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {one.__name__: one for one in (predict_from_the_menu,)}
