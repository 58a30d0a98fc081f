"""What a person does with Evaluate Model; see `helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tifffile

from helpers import tiny
from helpers.gui import driver as d
from helpers.gui.scenarios import dismiss

EVALUATE = "Evaluate Model"


def evaluate_from_the_menu(work: Path) -> dict[str, Any]:
    """Judge a model by the dialog: the table is shown, and the report given to the browser."""
    hand, seen = d.Hand(), {}
    (work / "truth").mkdir()
    for number in range(6):
        tifffile.imwrite(work / "truth" / f"discs{number}.tif", tiny.discs(number)[1])
    hand.choose(EVALUATE)
    form = d.dialog(EVALUATE)
    choice = d.field(form, "Model")
    seen["offered"] = [str(choice.getItem(k)) for k in range(choice.getItemCount())]
    choice.select("tiny")
    fields = {
        "Ground truth (dataset, label images, ROI zips, clean images, stains)": "truth",
        "Folder of the images, or plate (none for a dataset)": "set/images",
        "Folder for the report (new; empty: table only)": "report",
    }
    for label, place in fields.items():
        d.field(form, label).setText((work / place).as_posix())
    d.field(form, "Device").select("cpu")
    hand.click_on(d.button(form, "OK"))
    seen["said"] = dismiss(hand)
    table = d.table("Talanoa scores")
    seen["rows_of_results"] = d.results().size()
    seen["images"] = [str(table.getStringValue("Image", row)) for row in range(table.size())]
    seen["f1"] = [float(value) for value in table.getColumn("F1")]
    seen["written"] = (work / "report" / "report.html").is_file()
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {"evaluate_from_the_menu": evaluate_from_the_menu}
