"""The picture of objects that were found, missed and invented."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation.report.pictures import BLUE, GAP, GREEN, RED, WHITE, resized
from talanoa.evaluation.segmentation.scores import Compared
from talanoa.image.overlay import ring_of, stretch


def draw(image: NDArray | None, true: NDArray, predicted: NDArray, compared: Compared) -> tuple[NDArray[np.uint8], int]:
    """Draw the objects of an image beside the image.

    Matched objects (true positives) have a green outline, and the true one in white under it; predicted objects without
    a partner (false positives) a red one and stripes; true objects without a partner (false negatives) a blue one and
    dots. S marks split, M merged objects. Patterns and letters do without colour.

    Parameters
    ----------
    image : ndarray (y, x) or (z, y, x), or None
        Intensities; None: not known.
    true, predicted : ndarray of int, like `image`
        Label images.
    compared : Compared
        Their matching.

    Returns
    -------
    picture : ndarray of uint8, (height, width, 3)
    slice : int
        Which slice is shown, from 1; 0 for planes.
    """
    z = 0
    if true.ndim == 3:
        z = int(((true > 0) | (predicted > 0)).sum((1, 2)).argmax())
        true, predicted = true[z], predicted[z]
        image = None if image is None else image[z]
        z += 1
    base = np.zeros(true.shape, np.uint8) if image is None else stretch(image)
    base, true, predicted = (resized(each) for each in (base, true, predicted))
    grey = np.repeat(base[..., None], 3, axis=2)
    shown = (grey * 0.8).astype(np.uint8)
    _mark(shown, true, predicted, compared)
    shown = _lettered(shown, true, predicted, compared)
    if image is None:
        return shown, z
    gap = np.full((len(grey), GAP, 3), 255, np.uint8)
    return np.concatenate([grey, gap, shown], axis=1), z


def _mark(picture: NDArray[np.uint8], true: NDArray, predicted: NDArray, compared: Compared) -> None:
    """Draw outlines and patterns into a picture."""
    graph, matching = compared.graph, compared.matching
    right = np.isin(predicted, graph.predicted_ids[matching.predicted])
    found = np.isin(true, graph.true_ids[matching.true])
    y, x = np.indices(true.shape)
    stripes = (y + x) % 8 < 2
    dots = (y % 7 < 2) & (x % 7 < 2)
    missed, invented = np.where(found, 0, true), np.where(right, 0, predicted)
    picture[ring_of(np.where(found, true, 0))] = WHITE
    picture[_thick(np.where(right, predicted, 0))] = GREEN
    picture[(missed > 0) & dots] = BLUE
    picture[(invented > 0) & stripes] = RED
    picture[_thick(missed)] = BLUE
    picture[_thick(invented)] = RED


def _thick(labels: NDArray) -> NDArray[np.bool_]:
    """Return outlines two pixels wide, inside the objects."""
    ring = ring_of(labels)
    return ring | ring_of(np.where(ring, 0, labels))


def _lettered(picture: NDArray[np.uint8], true: NDArray, predicted: NDArray, compared: Compared) -> NDArray[np.uint8]:
    """Write S on split true objects and M on predicted objects that merge several."""
    from PIL import Image, ImageDraw, ImageFont

    splits, graph = compared.splits, compared.graph
    marks = [("S", true, graph.true_ids[splits.split]), ("M", predicted, graph.predicted_ids[splits.merging])]
    canvas = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(18)
    for letter, labels, numbers in marks:
        for y, x in _centres(labels, numbers):
            pen.text((x, y), letter, WHITE, font, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(canvas)


def _centres(labels: NDArray, numbers: Sequence[int] | NDArray) -> list[tuple[float, float]]:
    from scipy import ndimage

    there = [int(number) for number in numbers if (labels == number).any()]
    return [(float(y), float(x)) for y, x in ndimage.center_of_mass(labels > 0, labels, there)] if there else []
