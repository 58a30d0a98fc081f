"""The end of a restoration's training: scores on the validation images, pictures, record, report."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.measure.metrics.fit import fitted
from talanoa.measure.metrics.psnr import psnr
from talanoa.measure.metrics.ssim import ssim
from talanoa.models.folder import Model
from talanoa.models.runtime.whole import predict
from talanoa.restoration import calibration
from talanoa.restoration.train import feed
from talanoa.restoration.train.pairs import Pair
from talanoa.training import pictures
from talanoa.training.advice import advise
from talanoa.training.contact_sheets import sheet
from talanoa.training.finish import best_network, common_record, model_of
from talanoa.training.recipe import Ended, Parts
from talanoa.training.report import CURVE, REPORT, command, curve_lines, draw_curve, heading

EXAMPLES = "examples.png"
SHOWN = 4  # validation images in the picture
CALIBRATED = 6  # images of each part by which restored images are brought to the input's intensities


def make_model(ended: Ended, host: Host) -> tuple[Model, torch.nn.Module]:
    """Return the model of the best weights, scored on the validation images."""
    net, config = best_network(ended)
    net = net.to(ended.device)
    record = common_record(ended)
    record["validation_scores"] = scores_of(net, ended.parts[1], config, host)
    record["validation"] = _how_split(ended.parts)
    write_examples(ended.work / EXAMPLES, net, ended.parts[1], config)
    model = model_of(ended, {}, record)
    return replace(model, normalization={**model.normalization, **calibrated(net, ended.parts, config)}), net.cpu()


def calibrated(net: torch.nn.Module, parts: Parts, config: Any) -> dict[str, list[float]]:
    """Return the line that brings predictions to the input's intensities; see `talanoa.restoration.calibration`.

    Parameters
    ----------
    net : Module
        On its device.
    parts : (sequence of Pair, sequence of Pair)
        Training and validation images; parts of the first ones of both are looked at.
    config : config of the method
        Of the network.

    Returns
    -------
    dict
        Empty for methods without a target, whose network answers in the input's units, and where there are not as
        many channels out as in.
    """
    items = [item for each in parts for item in each[:CALIBRATED]]
    if items[0].target is None or items[0].channels != len(items[0].target):
        return {}
    shown = [feed.brightest_part(item, feed.WIDE[item.ndim]) for item in items]
    return calibration.fit((_given(net, item, config), predict(net, item.image, config)[0]) for item in shown)


def _given(net: torch.nn.Module, item: Pair, config: Any) -> NDArray[np.float32]:
    """Return the image in the size of the prediction: of a stack the plane that the network makes before restoring."""
    if not config.projects:
        return item.image
    surface = net.get_submodule("surface")
    return predict(surface, item.image, config)[0]


def _how_split(parts: Parts) -> str:
    """Return by what the validation images differ from those trained on."""
    if parts[0][0].role:
        return "by region"
    return "by image" if {item.file for item in parts[0]}.isdisjoint(item.file for item in parts[1]) else "by frame"


def scores_of(net: torch.nn.Module, items: Sequence[Pair], config: Any, host: Host) -> dict[str, float]:
    """Return the mean scores of images that have a target without noise; empty where there is none.

    Parameters
    ----------
    net : Module
        On its device.
    items : sequence of Pair
        Normalised images and targets.
    config : config of the method
        Of the network.
    host : Host
        Progress and cancelling.

    Returns
    -------
    dict
        ``psnr`` and ``ssim`` of the prediction against the target in normalised units (data range of the target), and
        ``psnr_fit`` after the best gain and offset; the same of the input (``psnr_input``, …) where it has the target's
        channels.
    """
    found: dict[str, list[float]] = {}
    judged = [item for item in items if item.target is not None and not item.alike]
    for number, item in enumerate(judged):
        stop_if_cancelled(host)
        assert item.target is not None
        images = {"": predict(net, item.image, config, host)[0]}
        if item.channels == len(item.target):
            images["_input"] = item.seen
        for name, image in images.items():
            for channel, truth in zip(image, item.target, strict=True):
                found.setdefault(f"psnr{name}", []).append(psnr(truth, channel))
                found.setdefault(f"psnr_fit{name}", []).append(psnr(truth, fitted(truth, channel)))
                found.setdefault(f"ssim{name}", []).append(ssim(truth, channel))
        host.progress(number + 1, len(judged), "Scoring the validation images")
    return {key: round(float(np.mean(values)), 4) for key, values in found.items()}


def write_examples(path: Path, net: torch.nn.Module, items: Sequence[Pair], config: Any) -> None:
    """Draw validation images before, after and, where there is one, their target, side by side."""
    rows = []
    for item in items[:SHOWN]:
        part = feed.brightest_part(item, feed.SIDES[item.ndim])
        fields = [part.seen, predict(net, part.image, config)[0]]
        if part.target is not None and not part.alike:
            fields.append(part.target)
        rows.append(pictures.row_of(fields))
    sheet(rows).save(path, "PNG")


def report(folder: Path, model: Model, losses: Sequence[dict[str, float]], work: Path) -> None:
    """Write ``report.md``, the learning curve and the pictures into a model's folder."""
    draw_curve(folder / CURVE, losses)
    shutil.copyfile(work / EXAMPLES, folder / EXAMPLES)
    (folder / REPORT).write_text(report_text(model, losses), encoding="utf-8")


def report_text(model: Model, losses: Sequence[dict[str, float]]) -> str:
    """Return the report as Markdown."""
    record = model.training
    judged_by = "noise" if record["request"]["method"] in ("n2v", "n2n") else "target"
    third = ", target" if record["validation_scores"] else ""
    lines = [
        *heading(model),
        "",
        "Command:",
        "",
        f"    {command(record['request'])}",
        "",
        f"Normalisation: {_normalization(model.normalization)}",
        "",
        "## Validation",
        "",
        *_scores(record),
        "",
        f"![before, after{third}]({EXAMPLES})",
        "",
        f"Each row is a validation image: before, after{third}, in one grey scale.",
        "",
        *curve_lines(losses),
        *(f"- {text}" for text in advise(losses, judged_by)),
        "",
    ]
    return "\n".join(lines)


def _normalization(found: dict[str, Any]) -> str:
    """Say how intensities are normalised."""
    if found["kind"] == "zscore":
        pairs = zip(found["mean"], found["std"], strict=True)
        levels = "; ".join(f"mean {mean:.6g}, standard deviation {std:.6g}" for mean, std in pairs)
        return f"of the training images, for each channel ({levels})."
    told = f"percentiles {found['low']:g} and {found['high']:g} of each image become 0 and 1"
    if "gain" in found:
        lines = zip(found["gain"], found["offset"], strict=True)
        line = "; ".join(f"gain {gain:.3g}, offset {offset:.3g}" for gain, offset in lines)
        told += f"; what the network makes of them is brought to the input's local means ({line})"
    return f"{told}."


def _scores(record: dict[str, Any]) -> list[str]:
    """Return the table of scores, or why there is none."""
    how = {"by image": "other images", "by frame": "other frames of the same file", "by region": "another part of it"}
    lines = [
        f"Validated on {how[record['validation']]} than trained on."
        if record["validation"] != "by region"
        else "There was one image: a part of it was not trained on, and is validated on."
    ]
    scores = record["validation_scores"]
    if not scores:
        return [
            *lines,
            "There is no target without noise: nothing says how good the images are but your eyes, and",
            "Evaluate Model without ground truth. The loss measures noise, too, and cannot fall below it.",
        ]
    lines += ["Means over the validation images, in normalised units; data range: that of the target.", ""]
    lines += ["| | PSNR (dB) | PSNR after a linear fit (dB) | SSIM |", "|---|---|---|---|"]
    before = "input, maximum projection" if record["request"].get("projection") else "input"
    for name, text in (("_input", before), ("", "prediction")):
        if f"psnr{name}" in scores:
            row = (scores[f"psnr{name}"], scores[f"psnr_fit{name}"], scores[f"ssim{name}"])
            lines.append(f"| {text} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.4f} |")
    return lines
