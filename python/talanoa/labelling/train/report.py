"""What a labelling model carries to be read: scores of each stain, pictures, learning curve, what it was trained on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from talanoa.labelling.record import LabellingRecord, Stain, record_of
from talanoa.models.folder import Model
from talanoa.training.advice import advise
from talanoa.training.report import CURVE, REPORT, command, curve_lines, draw_curve, heading

EXAMPLES = "examples.png"
_KINDS = {
    "minmax": "the darkest value becomes 0, the brightest 1",
    "zscore_image": "the mean becomes 0, the standard deviation 1",
}


def report(folder: Path, model: Model, losses: Sequence[dict[str, float]], work: Path) -> None:
    """Write ``report.md``, the learning curve and the pictures into a model's folder."""
    draw_curve(folder / CURVE, losses)
    shutil.copyfile(work / EXAMPLES, folder / EXAMPLES)
    (folder / REPORT).write_text(report_text(model, losses), encoding="utf-8")


def report_text(model: Model, losses: Sequence[dict[str, float]]) -> str:
    """Return the report as Markdown."""
    record, known = model.training, record_of(model.labelling or {})
    lines = [
        *heading(model),
        "",
        "Command:",
        "",
        f"    {command(record['request'])}",
        "",
        "## What goes in and what comes out",
        "",
        *_inputs(known, model.normalization),
        *(f"- {_of_stain(stain)}" for stain in known.stains),
        *(f"- {key}: a file with the SHA-256 {digest}." for key, digest in record.get("weights", {}).items()),
        "",
        "## Validation",
        "",
        *_scores(record),
        "",
        f"![transmitted light, predicted, true]({EXAMPLES})",
        "",
        "Each row is a stain of a validation image: transmitted light, predicted, true; 0 is black and 1 white.",
        "",
        *_split(record),
        "",
        *curve_lines(losses),
        *(f"- {text}" for text in advise(losses, "stains")),
        "",
    ]
    return "\n".join(lines)


def _inputs(known: LabellingRecord, normalization: Mapping[str, Any]) -> list[str]:
    """Return lines on the transmitted light."""
    lines = []
    for light in known.lights:
        planes = "1 plane" if light.stack == 1 else f"planes {', '.join(map(str, light.planes))} of {light.stack}"
        lines.append(f"- Transmitted light: {light.name}, {planes}.")
    kind = normalization["kind"]
    how = (
        _KINDS.get(kind) or f"percentiles {normalization.get('low'):g} and {normalization.get('high'):g} become 0 and 1"
    )
    by = "all images of a plate together" if normalization.get("by") == "plate" else "each image by itself"
    lines.append(f"- Normalisation: {how}, {by}.")
    if "illumination" in normalization:
        lines.append(
            "- Transmitted light was divided by the illumination that the training images share (in model.json)."
        )
    return lines


def _of_stain(stain: Stain) -> str:
    """Return a line on a stain."""
    steps = [f"projected by {stain.prepare.project}"]
    if stain.prepare.rolling_ball is not None:
        steps.append(f"rolling ball of {stain.prepare.rolling_ball:g} pixels")
    if stain.prepare.clip is not None:
        steps.append(f"clipped below percentile {stain.prepare.clip:g}")
    if stain.prepare.denoise is not None:
        steps.append(f"denoised by {stain.prepare.denoise}")
    if stain.mask:
        return f"{stain.name}: {', '.join(steps)}, made a mask; what is predicted is its probability."
    return (
        f"{stain.name}: {', '.join(steps)}; intensities {stain.low:.6g} to {stain.high:.6g} became 0 to 1. Calibrated "
        f"on the validation images: gain {stain.gain:.4g}, offset {stain.offset:.4g}."
    )


def _scores(record: Mapping[str, Any]) -> list[str]:
    """Return the table of scores."""
    lines = [
        "Means over the validation images in which the stain is, after the calibration; the range is 0 to 1. Jaccard:",
        "of the pixels above a threshold by Otsu of the truth. Images without the stain are counted apart: PCC means",
        "nothing there.",
        "",
        "| stain | images | PCC | SSIM | MSE | Jaccard | empty images | MSE there | stained there |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for stain, row in record["validation_scores"].items():
        values = [_number(row[key]) for key in ("pcc", "ssim", "mse", "jaccard")]
        apart = [str(row["empty"]), _number(row["empty_mse"]), _number(row["empty_stained"])]
        lines.append(f"| {stain} | {row['images']} | {' | '.join((*values, *apart))} |")
    crops = dict(record["crops"])
    count = crops.pop("crops")
    told = ", ".join(f"{number} {reason}" for reason, number in crops.items()) or "none"
    return [*lines, "", f"Of {count} crops of the validation images these would be left out of a training: {told}."]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _split(record: Mapping[str, Any]) -> list[str]:
    """Return what is said of the split."""
    if record["split"] == "by region":
        return [
            "There was one image: a part of it was not trained on, and is validated on, with a gap that the network",
            "looks across between both. That is a sanity check: it says nothing about other images.",
        ]
    names = record["test_images"]
    lines = [f"Split {record['split']}, never by crop."]
    if names:
        lines.append(f"{len(names)} images were put aside for a test and not looked at (`test_images` in model.json).")
    return lines
