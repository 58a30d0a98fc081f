"""What StarDist and scikit-learn say of the label images in cases.npz; needs both packages (not this project).

python make_oracles.py writes oracles.json beside itself. The cases: drawn nuclei (plane, small, and volume in 3D) and
the same with objects moved, grown, split, merged, missing and invented; stripes with many partners at a low IoU.
"""

import json
from pathlib import Path

import numpy as np
from sklearn import __version__, metrics
from stardist.matching import matching, matching_dataset

HERE = Path(__file__).parent
NAMES = ("plane", "small", "volume", "stripes")
THRESHOLDS = (0.1, 0.3, 0.5, 0.6, 0.75, 0.9)
PIXEL = {
    "iou": metrics.jaccard_score,
    "dice": metrics.f1_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "accuracy": metrics.accuracy_score,
}


def numbers(found):
    return {key: value.item() if hasattr(value, "item") else value for key, value in found._asdict().items()}


def main():
    cases = np.load(HERE / "cases.npz")
    true, predicted = ({name: cases[f"{name}_{kind}"] for name in NAMES} for kind in ("true", "predicted"))
    planes = [[side[name] for name in ("plane", "small")] for side in (true, predicted)]
    objects = {
        name: {str(iou): numbers(matching(true[name], predicted[name], thresh=iou)) for iou in THRESHOLDS}
        for name in NAMES
    }
    for title, by_image in (("pooled plane and small", False), ("mean of plane and small", True)):
        objects[title] = {
            str(iou): numbers(matching_dataset(*planes, thresh=iou, by_image=by_image, show_progress=False))
            for iou in THRESHOLDS
        }
    pixels = {
        name: {key: float(score(true[name].ravel() > 0, predicted[name].ravel() > 0)) for key, score in PIXEL.items()}
        for name in NAMES
    }
    found = {"objects": objects, "pixels": pixels, "scikit-learn": __version__}
    (HERE / "oracles.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
