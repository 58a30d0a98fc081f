"""The figures of a report: train on eight fields of cells in phase contrast, judge on three others.

python benchmarks/example_phase_contrast.py FOLDER [--preset quick] [--name NAME] [--model MODEL]

FOLDER holds train/ and test/, each with images/ and rois/ (ROI zips drawn in Fiji). Writes the figures
(phase-contrast.md) and charts, no picture of the images, into docs/explanation/examples. With --model an existing
model is judged instead.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import pandas as pd

import talanoa
from talanoa.evaluation.report import page as report
from talanoa.evaluation.segmentation.charts import over_iou
from talanoa.evaluation.segmentation.summary import Score
from talanoa.models import folder as model_folder

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "docs" / "explanation" / "examples"
MEANING = "[What the numbers mean](../../how-to/evaluate.md)."
NAME = "phase-contrast"
SHOWN = ["Image", "True", "Predicted", "TP", "FP", "FN", "F1", "AP", "PQ", "Pixel IoU", "Dice", "Split", "Merged"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--name", default=f"{NAME} example")
    parser.add_argument("--model")
    given = parser.parse_args()
    name = given.model or train(given.folder / "train", given.name, given.preset)
    with tempfile.TemporaryDirectory() as work:
        found = talanoa.evaluate(
            model=name,
            images=given.folder / "test" / "images",
            truth=given.folder / "test" / "rois",
            train=given.folder / "train" / "images",
            out=Path(work) / "report",
        )
    EXAMPLES.mkdir(exist_ok=True)
    (EXAMPLES / f"{NAME}.md").write_text(page(name, found), encoding="utf-8")
    scores = [Score(*row[1:]) for row in found.overall.itertuples(index=False, name=None)]
    (EXAMPLES / f"{NAME}-iou.svg").write_bytes(over_iou(scores))
    curve = model_folder.find(name) / "loss.png"
    if curve.is_file():
        shutil.copyfile(curve, EXAMPLES / f"{NAME}-loss.png")


def train(folder: Path, name: str, preset: str) -> str:
    """Train on the ROI zips as they were drawn."""
    made = talanoa.train(images=folder / "images", rois=folder / "rois", name=name, preset=preset, device="cpu")
    return made.name


def page(name: str, found: talanoa.api.Evaluated) -> str:
    """Return the figures as Markdown."""
    model = model_folder.load(name)
    record, settings = model.training, model.training["settings"]
    pooled = found.overall.query("Level == 'object' and How == 'pooled' and IoU != '0.5-0.95'")
    by_iou = pooled.pivot(index="IoU", columns="Metric", values="Value").reset_index()
    columns = ["IoU", "f1", "precision", "recall", "accuracy", "panoptic_quality", "segmentation_quality"]
    trained = (
        f"Trained on {len(record['training_images'])} fields ({len(record['validation_images'])} more for validation): "
        f"{record['epochs_run']} epochs of {settings['steps']} steps, {record['seconds'] / 60:.0f} minutes on "
        f"{record['device']}."
    )
    leaks = f"{len(found.leaks)} test images were" if found.leaks else "none of the test images was"
    lines = [
        "# Cells in phase contrast: the figures of a report",
        "",
        trained,
        f"Judged on 3 others, at object IoU 0.5 where nothing else is said. {MEANING}",
        "",
        found.message.split(" Report:")[0].split(": ", 1)[1],
        "",
        *[f"- {text}" for text in found.warnings],
        f"- Leak check: {leaks} found among the training images.",
        "",
        "## Image by image, the worst first",
        "",
        *table(found.images[SHOWN]),
        "",
        "## Scores over the object IoU, pooled",
        "",
        f"![scores over the object IoU]({NAME}-iou.svg)",
        "",
        *table(by_iou[columns]),
        "",
        "## Every other number",
        "",
        *table(found.overall.query("Level != 'object'")[["Level", "Metric", "How", "Value", "Low", "High", "N"]]),
        "",
        "## How the model learned",
        "",
        f"![loss over the epochs]({NAME}-loss.png)",
        "",
        *[f"- {text}" for text in (report.learning_curve(model) or {"advice": []})["advice"]],
        "",
    ]
    return "\n".join(lines)


def table(rows: pd.DataFrame) -> list[str]:
    """Return a table as Markdown."""
    shown = [[report.number(cell) for cell in row] for row in rows.itertuples(index=False, name=None)]
    heading = ["| " + " | ".join(rows) + " |", "|" + "---|" * len(rows.columns)]
    return heading + ["| " + " | ".join(row) + " |" for row in shown]


if __name__ == "__main__":
    main()
