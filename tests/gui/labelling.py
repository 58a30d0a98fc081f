"""What a person does to train labelling: both dialogs, the targets, the window; see `gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gui import driver as d
from gui.restoring import NETWORK, TINY
from gui.scenarios import MORE, dismiss
from gui.training import STOP, TRAIN, texts
from talanoa.requests_sample import SampleRequest
from talanoa.samples import plate

OF_LABELLING = {
    **NETWORK,
    "Stains (folders, or names of channels; empty: all)": "nucleus,er",
    "Prepare (er: clip=90; nucleus: binarise)": "er: rolling_ball=20 clip=50",
}


def train_on_a_plate(work: Path) -> dict[str, Any]:
    """Train on a drawn plate: the targets are shown step by step before, light and stains in the window."""
    hand = d.Hand()
    plate.write(SampleRequest(kind="plate", out=str(work / "plate"), wells=4, images=1, size=96))
    recorder = d.java("ij.plugin.frame.Recorder")()
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    d.field(form, "Method").select("labelling")
    d.field(form, "Device").select("cpu")
    for label, text in {**TINY, "Dataset, or folder of images": (work / "plate").as_posix()}.items():
        d.field(form, label).setText(text)
    hand.type_into(d.field(form, "Name of the new model"), "stains")
    d.field(form, MORE).setState(True)
    hand.click_on(d.button(form, "OK"))
    second = d.dialog("Train Model: labelling")
    for label, text in OF_LABELLING.items():
        d.field(second, label).setText(text)
    d.shot(work / "second.png", second)
    seen: dict[str, Any] = {"wide": [int(each.getWidth()) for each in (form, second)]}
    hand.click_on(d.button(second, "OK"))
    before = d.dialog("Before the training")
    seen["before"] = texts(before)
    d.shot(work / "before.png", before)
    hand.click_on(d.button(before, "Start the training"))
    window = d.wait_until(lambda: d.titled("Training of stains"), "the training's window is open")
    d.wait_until(lambda: any(text.startswith("Predicted after") for text in texts(window)), "stains are shown")
    seen["texts"] = texts(window)
    hand.click_on(d.button(window, STOP))
    seen["said"] = dismiss(hand)
    hand.click_on(d.button(window, "Close"))
    seen["recorded"] = [line for line in str(recorder.getText()).splitlines() if TRAIN in line]
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {"train_on_a_plate": train_on_a_plate}
