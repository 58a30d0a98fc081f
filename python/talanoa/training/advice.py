"""Plain advice on a learning curve: does the model overfit, underfit, or was it ended too early?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 6  # epochs below which a curve says nothing
HARDLY = 0.1  # a loss that fell by a smaller part has hardly been learned
FALLING = 0.02  # a fall from the last fifth but one to the last fifth that is worth going on for
RISING = 0.1  # a rise of the validation loss above its lowest that is no chance
GAP = 0.5  # the validation loss exceeds the training loss by this part of it
IDLE = 0.2  # part of the epochs, at the beginning: a lowest loss there was never improved
SPENT = 0.05  # part of the highest learning rate below which nothing more is learned
NOISY = 0.15  # jumps from epoch to epoch beside the smoothed curve


@dataclass(frozen=True)
class Words:
    """What the data are called in an advice: what to check, what would help, and how to come by it."""

    check: str
    more: str
    get: str


WORDS = {
    "objects": Words("the annotations lie on the objects", "annotated images", "Annotate more images"),
    "stains": Words("stains and transmitted light show the same place", "images", "Add images"),
    "target": Words("both images of a pair show the same place", "pairs of images", "Add pairs of images"),
    "noise": Words("the noise of neighbouring pixels is independent", "images", "Add images"),
}


def advise(losses: Sequence[Mapping[str, float]], judged_by: str = "objects") -> list[str]:
    """Say in plain words what a learning curve shows, and what to do about it.

    Parameters
    ----------
    losses : sequence of mapping
        Rows of ``loss.csv`` in order, of which ``epoch``, ``loss`` (training images, augmented) and ``val_loss``
        (validation images, not augmented) are read.
    judged_by : "objects", "target", "stains" or "noise"
        What the loss is measured by: annotated objects, target images, stains, or other noisy values: their noise
        remains in the loss, however well the image is predicted, so that a small fall says nothing.

    Returns
    -------
    list of str
        At least one sentence, the most important first.

    Notes
    -----
    Both curves are smoothed by a running median over a tenth of the epochs (at least three). In this order: losses
    that are no numbers; a loss that hardly fell (underfitting); a validation loss that rises again from its lowest
    (overfitting); a gap between both curves; a curve that still falls, or has levelled off; jumps.
    """
    rows = [row for row in losses if math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])]
    if len(rows) < len(losses):
        return ["Some losses are no finite numbers: the training diverged. Lower lr, and check the images."]
    if len(rows) < FEWEST:
        return [f"Only {len(rows)} epoch{'s' * (len(rows) != 1)}: too few to judge the curve. Train longer."]
    words = WORDS[judged_by]
    train, raw = _positive(*(np.array([row[key] for row in rows]) for key in ("loss", "val_loss")))
    smooth_train, smooth = smoothed(train), smoothed(raw)
    over = _overfitting(rows, smooth_train, smooth, words)
    idle = "" if over else _idle(raw, words)
    level = "" if idle or judged_by == "noise" else _level(smooth_train, smooth, words)
    end = idle or ("" if over else _end(smooth, [row.get("lr", 1.0) for row in rows], learned=not level))
    likelihood = any(row["loss"] <= 0 or row["val_loss"] <= 0 for row in rows)  # its zero means nothing: no parts of it
    found = [level, over or ("" if likelihood else _gap(smooth_train, smooth, words)), end]
    return [text for text in (*found, _noise(raw, smooth)) if text]


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running median of a curve over a tenth of it, at least three places, also at its ends."""
    width = 2 * max(1, len(values) // 20) + 1
    firsts = np.clip(np.arange(len(values)) - width // 2, 0, max(0, len(values) - width))
    return np.array([np.median(values[first : first + width]) for first in firsts])


def _positive(train: NDArray, validation: NDArray) -> tuple[NDArray, NDArray]:
    """Return both curves, raised together where a loss may be negative (a likelihood): parts of it are taken."""
    low, high = min(train.min(), validation.min()), max(train.max(), validation.max())
    shift = 0.0 if low > 0 else 0.1 * (high - low) + 1e-9 - low
    return train + shift, validation + shift


def _level(train: NDArray, validation: NDArray, words: Words) -> str:
    """Underfitting: the losses have hardly fallen since the first epochs."""
    fell = 1 - train[-1] / train[0]
    if fell >= HARDLY or validation.min() < (1 - HARDLY) * validation[0]:
        return ""
    return (
        f"Underfitting: the training loss fell by {max(fell, 0):.0%} only. Train longer, raise lr, take a larger "
        f"network or a larger patch; check that {words.check}."
    )


def _overfitting(rows: Sequence[Mapping[str, float]], train: NDArray, validation: NDArray, words: Words) -> str:
    """Overfitting: the validation loss rises from its lowest while the training loss does not."""
    lowest = int(validation.argmin())
    rise = validation[-1] / validation[lowest] - 1
    if rise < RISING or lowest >= len(rows) - FEWEST // 2 or train[-1] > train[lowest] * (1 + RISING / 2):
        return ""
    return (
        f"Overfitting: the validation loss is lowest near epoch {rows[lowest]['epoch']:.0f} and has risen by "
        f"{rise:.0%} since. The weights of the best epoch were kept; more {words.more} would help, or more "
        "augmentation; longer training will not."
    )


def _gap(train: NDArray, validation: NDArray, words: Words) -> str:
    """A gap: the validation images are harder than the training images although these are augmented."""
    excess = validation[-1] / max(train[-1], 1e-12) - 1
    if excess < GAP:
        return ""
    return (
        f"The validation loss lies {excess:.0%} above the training loss: the validation images differ from the "
        f"training images, or there are too few of these. {words.get}, of every kind that the model will see."
    )


def _idle(validation: NDArray, words: Words) -> str:
    """Whether the epochs after the first ones have improved nothing: such a curve has not levelled off."""
    best = int(validation.argmin()) + 1
    if best > len(validation) * IDLE or validation[-1] < validation[0] * (1 - FALLING):
        return ""
    return (
        f"The validation loss was lowest in epoch {best}: the {len(validation) - best} epochs since have not improved "
        f"the model. More epochs will not; change lr or the network, and check that {words.check}."
    )


def _end(validation: NDArray, rates: Sequence[float], learned: bool) -> str:
    """Whether the curve still falls at its end; a learning rate that fell to zero ends it whatever could be learned."""
    part = max(2, len(validation) // 5)
    last, before = float(np.mean(validation[-part:])), float(np.mean(validation[-2 * part : -part]))
    if last < (1 - FALLING) * before:
        return (
            f"The validation loss still falls ({1 - last / before:.0%} over the last {part} epochs): more epochs would "
            "make the model better. Train longer, or go on from this model with init."
        )
    if not learned:
        return ""  # what to do was said
    if rates[-1] < SPENT * max(rates):
        return (
            "The curve ends level because the learning rate was lowered to nearly zero, as planned: a longer training "
            "may still be better."
        )
    return "The validation loss has levelled off: more epochs would gain little; more images may."


def _noise(raw: NDArray, smooth: NDArray) -> str:
    """Jumps from epoch to epoch."""
    late = slice(len(raw) // 3, None)  # the first fall is no noise
    spread = 1.48 * float(np.median(np.abs(raw[late] / smooth[late] - 1)))  # a single spike does not count
    if spread < NOISY:
        return ""
    return (
        f"The validation loss jumps by {spread:.0%} from epoch to epoch: few validation images, or a high "
        "lr. Put more images aside (validation), lower lr, or take a larger batch."
    )
