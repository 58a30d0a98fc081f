"""What a person does for stains from transmitted light: train, predict, judge; see `helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jpype
import torch

from helpers.gui import driver as d
from helpers.gui.predicting import LIGHT, fill
from helpers.gui.restoring import NETWORK, TINY
from helpers.gui.scenarios import MORE, dismiss, open_image
from helpers.gui.training import STOP, TRAIN, texts
from talanoa.tasks.sample import plate
from talanoa.tasks.sample.request import SampleRequest

EVALUATE = "Evaluate Model"
PLATE = "Folder of the images, or plate (none for a dataset)"
REPORT = "Folder for the report (new; empty: table only)"
LOSS = "Loss (mae, mse; segmentation: jaccard, focal; labelling: mse=1 sobel=0.1)"
THROUGH = "squeezenet1_1"
OF_LABELLING = {
    **NETWORK,
    LOSS: "mse=1 perceptual=0.1",
    "The loss perceptual looks through (vgg16; empty: a network of its own)": THROUGH,
    "Weights of that network": "{work}/weights.pth",
    "Stains (folders, or names of channels; empty: all)": "nucleus,er",
    "Prepare (er: clip=90; nucleus: binarise)": "er: rolling_ball=20 clip=50; nucleus: rolling_ball=50 clip=10",
    "Dropout (0 to 1)": "0,1",
    "Weight decay": "0.001",
}


def train_predict_and_judge(work: Path) -> dict[str, Any]:
    """Train on a drawn plate, predict a field of another one with the new model, and judge the model on that plate."""
    hand = d.Hand()
    weights(work / "weights.pth")
    for name, seed in (("plate", 0), ("other", 1)):
        plate.write(SampleRequest(kind="plate", out=str(work / name), wells=4, images=1, size=96, seed=seed))
    recorder = d.java("ij.plugin.frame.Recorder")()
    seen = train(hand, work)
    seen["recorded"] = [line for line in str(recorder.getText()).splitlines() if TRAIN in line]
    return {**seen, **predict(hand, work), **judge(hand, work)}


def weights(file: Path) -> None:
    """Write weights for the network that the loss looks through, drawn at random."""
    from torchvision import models

    torch.manual_seed(0)
    torch.save(models.get_model(THROUGH, weights=None).state_dict(), file)


def shows_all(field: Any) -> bool:
    """Tell whether a text field is as wide as its text."""
    wide = field.getFontMetrics(field.getFont()).stringWidth(field.getText())
    return bool(wide < field.getWidth())


def train(hand: d.Hand, work: Path) -> dict[str, Any]:
    """Fill both dialogs; the targets are shown step by step before, light and stains in the window."""
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
        d.field(second, label).setText(text.format(work=work.as_posix()))
    d.shot(work / "second.png", second)
    seen: dict[str, Any] = {"wide": [int(each.getWidth()) for each in (form, second)]}
    seen["high"] = int(second.getHeight())
    seen["shown"] = {
        label: shows_all(d.field(second, label)) for label in OF_LABELLING if "{" not in OF_LABELLING[label]
    }
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
    return seen


def predict(hand: d.Hand, work: Path) -> dict[str, Any]:
    """Predict the stains of a field; tell what the composite looks like."""
    field = next((work / "other" / "phase").glob("A01_*.tif"))
    open_image(field)
    offered = fill(hand, "stains", {}, **{LIGHT: True})
    made = d.wait_until(lambda: d.image(f"{field.stem}-predicted"), "the composite is open")
    brightest = [lut.getRGB(jpype.JInt(255)) & 0xFFFFFF for lut in made.getLuts()]
    d.shot(work / "composite.png", made.getWindow())
    return {
        "offered": offered,
        "composite": bool(made.isComposite()),
        "names": [str(made.getStack().getSliceLabel(k + 1)) for k in range(made.getStackSize())],
        "colours": [f"{colour:06x}" for colour in brightest],
    }


def judge(hand: d.Hand, work: Path) -> dict[str, Any]:
    """Judge the model on the other plate; tell what the table and the message say."""
    hand.choose(EVALUATE)
    form = d.dialog(EVALUATE)
    d.field(form, "Model").select("stains")
    d.field(form, "Device").select("cpu")
    for label, place in ((PLATE, work / "other"), (REPORT, work / "report")):
        d.field(form, label).setText(place.as_posix())
    d.shot(work / "evaluate.png", form)
    hand.click_on(d.button(form, "OK"))
    judged = dismiss(hand)
    table = d.table("Talanoa scores")
    stains = [str(table.getStringValue("Stain", row)) for row in range(table.size())]
    return {"judged": judged, "rows": stains, "headings": str(table.getColumnHeadings()).split("\t")}


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {"train_predict_and_judge": train_predict_and_judge}
