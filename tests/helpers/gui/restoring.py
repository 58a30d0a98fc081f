"""What a person does to restore images: Train and denoise, pairs, Restore Image; see `helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers.gui import driver as d
from helpers.gui.scenarios import dismiss, more_settings, open_image, start_training, values
from helpers.gui.training import STOP, TRAIN, colours, opened, texts
from talanoa.fiji.bridge import convert
from talanoa.tasks.sample import noisy

RESTORE = "Restore Image"
TINY = {
    "Epochs (empty: as the length says)": "20000",  # more than anybody waits for: the scenario ends it
    "Steps of an epoch": "2",
    "Patch side (pixels)": "32",
    "Patches in a step": "2",
}
NETWORK = {"Levels of the U-Net": "1", "Filters of its first level": "4"}
APPLY = "Train and denoise the open image (n2v: without folders)"


def begin(hand: d.Hand, method: str, fields: dict[str, str], name: str) -> str:
    """Fill both dialogs of Train Model and start; return what the window before the training says."""
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    d.field(form, "Method").select(method)
    d.field(form, "Device").select("cpu")
    d.field(form, APPLY).setState(method == "n2v")
    for label, text in {**TINY, **fields}.items():
        d.field(form, label).setText(text)
    hand.type_into(d.field(form, "Name of the new model"), name)
    more_settings(hand, form, NETWORK, method)
    return start_training(hand)


def train_and_denoise(work: Path) -> dict[str, Any]:
    """Noise2Void on the open image: preview, stop, the restored image opens; then the same model by the menu."""
    hand = d.Hand()
    tifffile.imwrite(work / "cells.tif", noisy.draw((96, 96), 1).low)
    imp = open_image(work / "cells.tif")
    seen: dict[str, Any] = {"before": begin(hand, "n2v", {}, "mine")}
    window = opened()
    d.wait_until(lambda: any(text.startswith("Restored after epoch") for text in texts(window)), "a preview is shown")
    d.wait_until(lambda: min(colours(window)[line] for line in ("training", "validation")) > 20, "curves are drawn")
    seen["texts"] = texts(window)
    hand.click_on(d.button(window, STOP))
    seen["said"] = dismiss(hand)
    made = d.wait_until(lambda: d.image("cells-restored"), "the restored image is open")
    hand.click_on(d.button(window, "Close"))
    d.java("ij.IJ").selectWindow(imp.getID())
    recorder = d.java("ij.plugin.frame.Recorder")()
    seen["offered"] = restore(hand, "mine")
    again = d.wait_until(lambda: d.image("cells-restored-1"), "the image is restored again")
    seen["same"] = bool(np.array_equal(values(made), values(again)))
    seen["recorded"] = [line for line in str(recorder.getText()).splitlines() if RESTORE in line]
    seen["unchanged"] = bool(np.array_equal(values(imp)[0, 0, 0], tifffile.imread(work / "cells.tif")))
    return seen


def restore(hand: d.Hand, model: str, **boxes: bool) -> list[str]:
    """Restore the active image by the dialog; return the models that it offers."""
    hand.choose(RESTORE)
    form = d.dialog(RESTORE)
    choice = d.field(form, "Model")
    offered = [str(choice.getItem(k)) for k in range(choice.getItemCount())]
    choice.select(model)
    d.field(form, "Device").select("cpu")
    for label, state in boxes.items():
        d.field(form, label).setState(state)
    hand.click_on(d.button(form, "OK"))
    return offered


def active() -> str:
    """Return the title of the active image."""
    return str(d.java("ij.WindowManager").getCurrentImage().getTitle())


def train_on_pairs(work: Path) -> dict[str, Any]:
    """CARE on the sample pairs: three pictures are shown; the model restores, with its uncertainty."""
    hand = d.Hand()
    data = noisy.write_noisy(work / "pairs", 3, 96)
    low, high = (data / name for name in ("low", "high"))
    folders = {
        "Dataset, or folder of images": low.as_posix(),
        "Folder of label images, or of clean images": high.as_posix(),
    }
    seen: dict[str, Any] = {"before": begin(hand, "care", folders, "pairs")}
    window = d.wait_until(lambda: d.titled("Training of pairs"), "the training's window is open")
    d.wait_until(lambda: any(text.startswith("Wanted") for text in texts(window)), "the clean image is shown, too")
    seen["texts"] = texts(window)
    hand.click_on(d.button(window, STOP))
    seen["said"] = dismiss(hand)
    hand.click_on(d.button(window, "Close"))
    imp = open_image(low / "cells_001.tif")
    restore(hand, "pairs", **{"Show the uncertainty of each pixel": True})
    made = d.wait_until(lambda: d.image("cells_001-restored"), "the restored image is open")
    seen["uncertainty"] = bool(d.image("cells_001-uncertainty"))
    d.wait_until(lambda: active() == "cells_001-restored", "the restored image is the active one")
    seen["calibration"] = (
        convert.to_dataarray(made).attrs["pixel_size"] == convert.to_dataarray(imp).attrs["pixel_size"]
    )
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    one.__name__: one for one in (train_and_denoise, train_on_pairs)
}
