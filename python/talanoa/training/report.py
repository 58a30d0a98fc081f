"""The report that a trained model carries: scores, learning curve, what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from talanoa.core.cost import lines_of
from talanoa.models.folder import Model
from talanoa.training.advice import advise
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Early

NAMES = {"prob": "probability", "nms": "overlap"}
REPORT = "report.md"
CURVE = "loss.png"
ON_VALIDATION = "Thresholds were chosen on these same images: expect a bit less on new ones."
ON_TRAINING = (
    "This is the volume that the model was trained on, there was no other: the scores say that it learned it,\n"
    "not how good it is on new ones."
)


def write_report(folder: Path, model: Model, losses: Sequence[dict[str, float]]) -> None:
    """Write ``report.md`` and ``loss.png`` into a model folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    model : Model
        With its training record.
    losses : sequence of dict
        Rows of ``loss.csv``.
    """
    draw_curve(folder / CURVE, losses)
    (folder / REPORT).write_text(report_text(model, losses), encoding="utf-8")


def draw_curve(path: Path, losses: Sequence[dict[str, float]]) -> None:
    """Draw training and validation loss over the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row["epoch"] for row in losses]
    axes.plot(epochs, [row["loss"] for row in losses], label="training", color="#0072b2")
    axes.plot(epochs, [row["val_loss"] for row in losses], label="validation", color="#d55e00", linestyle="--")
    lowest = min(min(row["loss"], row["val_loss"]) for row in losses)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log" if lowest > 0 else "linear")  # a likelihood may be negative
    axes.legend()
    figure.savefig(path, dpi=110)


def command(request: Mapping[str, Any]) -> str:
    """Return the command line of a training, without the keys that have their default value."""
    words = ["talanoa train"]
    for key, field in TrainRequest.model_fields.items():
        value = request.get(key)
        if value is None or value == field.default:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(f"--{key.replace('_', '-')} " + (f'"{text}"' if " " in text else text))
    return " ".join(words)


def _early(stopped: Mapping[str, Any] | None) -> list[str]:
    """Return a line on a training that the user ended."""
    return [f"On request it was {Early(**stopped)} ({stopped['when']})."] if stopped else []


def _classes(found: Mapping[str, Any] | None) -> list[str]:
    """Return the table of classes, true against predicted, of the objects that were found."""
    if not found:
        return []
    right = "unknown" if found["accuracy"] is None else f"{found['accuracy']:.1%}"
    lines = ["", f"The class of {right} of the objects found (object IoU from 0.5) is right.", ""]
    lines += [f"| true class | none | {' | '.join(found['names'])} |", "|---" * (len(found["names"]) + 2) + "|"]
    rows = zip(found["names"], found["confusion"], strict=True)
    return lines + [f"| {name} | {' | '.join(str(count) for count in counts)} |" for name, counts in rows]


def _pixels(found: Mapping[str, float] | None) -> list[str]:
    """Return the lines on pixel scores, of a model that answers with a mask."""
    if not found:
        return []
    return [
        f"Pixels: Jaccard index {found['jaccard']:.3f}, Dice {found['dice']:.3f} (means of the images; of two empty",
        "masks 1).",
        "",
    ]


def _transfer(taken: Mapping[str, Any] | None) -> list[str]:
    """Return the lines on what was taken from another model."""
    from talanoa.training.transfer import told

    return ["", told(taken)] if taken else []


def heading(model: Model) -> list[str]:
    """Return the lines that say what was trained, on what, and how long."""
    record = model.training
    trained, seen = record["training_images"], record["training_images"] == record["validation_images"]
    return [
        f"# Model {model.name}",
        "",
        f"Method {model.method}, trained on {len(trained)} {_kind(model, seen)},",
        _validated(record, seen),
        f"({record['finished']}, {record['device']}, {record['epochs_run']} epochs,",
        f"{record['seconds'] / 60:.0f} minutes).",
        *_early(record.get("stopped_early")),
        *(lines_of(record["cost"]) if "cost" in record else []),
        f"Licence of the training data: {model.licence or 'not stated'}.",
    ]


def _validated(record: Mapping[str, Any], seen: bool) -> str:
    """Return what was validated on."""
    if record.get("validation") == "by region":
        return "validated on another part of it"
    if record.get("validation") == "by frame":
        return "validated on other frames of it"
    return "validated on the same" if seen else f"validated on {len(record['validation_images'])} others"


def _kind(model: Model, seen: bool) -> str:
    """Return what was trained on: files, or the one volume."""
    if seen and model.thresholds:
        return "volume"
    return "image" if len(model.training["training_images"]) == 1 else "images"


def curve_lines(losses: Sequence[dict[str, float]]) -> list[str]:
    """Return the section on the learning curve, without the advice."""
    best = min(losses, key=lambda row: row["val_loss"])
    return [
        "## Learning curve",
        "",
        f"![loss over epochs]({CURVE})",
        "",
        f"Lowest validation loss {best['val_loss']:.4f} in epoch {best['epoch']:.0f} of {len(losses)};",
        "the weights of that epoch were kept.",
        "",
    ]


def report_text(model: Model, losses: Sequence[dict[str, float]]) -> str:
    """Return the report as Markdown."""
    record = model.training
    seen = record["training_images"] == record["validation_images"]
    lines = [
        *heading(model),
        "",
        "Command:",
        "",
        f"    {command(record['request'])}",
        "",
        "## Scores on the training volume" if seen else "## Scores on the validation images",
        "",
        "Objects are matched one to one. " + (ON_TRAINING if seen else ON_VALIDATION),
        "",
        "| object IoU from | F1 | AP = TP/(TP+FP+FN) | precision | recall | panoptic quality | TP | FP | FN |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for iou, s in record["validation_scores"].items():
        lines.append(
            f"| {iou} | {s['f1']:.3f} | {s['accuracy']:.3f} | {s['precision']:.3f} | {s['recall']:.3f} | "
            f"{s['panoptic_quality']:.3f} | {s['true_positives']} | {s['false_positives']} | {s['false_negatives']} |"
        )
    lines += [
        *_classes(record.get("validation_classes")),
        "",
        *_pixels(record.get("validation_pixels")),
        f"Thresholds: {', '.join(f'{NAMES[key]} {value:.3f}' for key, value in model.thresholds.items())}.",
        *_transfer(record.get("transfer")),
        "",
        *curve_lines(losses),
        *(f"- {text}" for text in advise(losses)),
        "",
    ]
    return "\n".join(lines)
