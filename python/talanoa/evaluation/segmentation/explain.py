"""Each number of a report in one sentence, and what is desirable."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """A metric for people.

    Attributes
    ----------
    name : str
        As the report shows it.
    sentence : str
        What it is.
    wish : str
        What is desirable.
    """

    name: str
    sentence: str
    wish: str


NEAR_ONE = "Near 1."
OBJECT = {
    "f1": Meaning(
        "F1",
        "Balance of precision and recall of objects: 2 TP / (2 TP + FP + FN).",
        "Near 1; above 0.9 at object IoU 0.5 few objects need correction.",
    ),
    "precision": Meaning(
        "Precision",
        "Share of the predicted objects that are real: TP / (TP + FP).",
        "Near 1; low: objects are invented.",
    ),
    "recall": Meaning(
        "Recall", "Share of the true objects that were found: TP / (TP + FN).", "Near 1; low: objects are missed."
    ),
    "accuracy": Meaning(
        "Accuracy (AP)",
        "TP / (TP + FP + FN), the average precision of the Data Science Bowl and StarDist.",
        "Near 1; always below F1, so compare it with AP only.",
    ),
    "panoptic_quality": Meaning(
        "Panoptic quality (PQ)",
        "Detection and outlines in one number: SQ x RQ.",
        "Near 1; see its two parts for the cause.",
    ),
    "segmentation_quality": Meaning(
        "Segmentation quality (SQ)",
        "Mean object IoU of the matched objects: how well the outlines fit.",
        "Near 1; at least the object IoU asked for, but 0 where nothing was found.",
    ),
    "recognition_quality": Meaning(
        "Recognition quality (RQ)", "The part of PQ that detection has; equal to F1.", NEAR_ONE
    ),
    "mean_true_score": Meaning(
        "Mean IoU of true objects", "Mean object IoU over all true objects; a missed one counts 0.", NEAR_ONE
    ),
}
PIXEL = {
    "iou": Meaning(
        "Pixel IoU", "Shared object pixels / object pixels of both (Jaccard); two empty masks give 1.", NEAR_ONE
    ),
    "dice": Meaning(
        "Dice",
        "2 x shared object pixels / (true + predicted object pixels); two empty masks give 1.",
        "Near 1; large objects count more than small ones.",
    ),
    "precision": Meaning(
        "Pixel precision", "Share of the predicted object pixels that are right.", "Near 1; low: outlines too large."
    ),
    "recall": Meaning(
        "Pixel recall", "Share of the true object pixels that were found.", "Near 1; low: outlines too small."
    ),
    "accuracy": Meaning(
        "Pixel accuracy",
        "Share of all pixels that are right, background included.",
        "Near 1, but an empty prediction of a nearly empty image also reaches it: look at IoU or Dice.",
    ),
}
ERRORS = {
    "split": Meaning(
        "Split objects",
        "Over-segmentation: share of the true objects in which two or more predicted objects lie, each by more than "
        "half of its own area.",
        "Near 0; high: raise the overlap or probability threshold, or scale the image down.",
    ),
    "merged": Meaning(
        "Merged objects",
        "Under-segmentation: share of the true objects that lie in one predicted object together with another one.",
        "Near 0; high: annotate more touching objects, or train longer.",
    ),
}
AGREEMENT = {
    "true": Meaning("Truth, sum", "Sum over the ground truth.", "-"),
    "predicted": Meaning("Prediction, sum", "Sum over the prediction.", "As the truth."),
    "pearson": Meaning("Pearson r", "Do truth and prediction rise together along a line (-1 to 1)?", NEAR_ONE),
    "spearman": Meaning("Spearman rho", "The same for the order only, so that single extremes weigh little.", NEAR_ONE),
    "bland_altman": Meaning(
        "Bias (limits of agreement)",
        "Bland-Altman: mean of prediction - truth, and the range of 95 % of the differences (bias ± 1.96 SD).",
        "Bias near 0, and limits narrow enough for your question; a high correlation alone does not say so.",
    ),
}
LEVELS = {
    "object": "Objects",
    "pixel": "Pixels",
    "errors": "Over- and under-segmentation",
    "count": "Objects per image",
    "area": "Total object area per image",
    "matched area": "Area of each matched object",
}
EMPTY = (
    "An image without any true or predicted object has no object score: it is left out of means over images and adds "
    "nothing to pooled counts. Its pixel IoU, Dice, precision and recall are 1."
)


def meaning(level: str, metric: str) -> Meaning:
    """Return what a metric means."""
    if level in ("count", "area", "matched area"):
        return AGREEMENT[metric]
    return {"pixel": PIXEL, "errors": ERRORS}.get(level, OBJECT)[metric]


def level_name(level: str) -> str:
    """Return the heading of a level; classes have their own name."""
    return LEVELS.get(level) or f"Class {level.removeprefix('class ')}"
