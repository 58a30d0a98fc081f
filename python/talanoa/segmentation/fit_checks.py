"""Does a model fit an image? Told by the objects it found: nuclei in pieces, objects that are not what is bright."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from talanoa.image import label_pieces

# Measured with the model `nuclei`: on 190 fluorescence images no warning; of 5 images (enlarged 4 to 5 times) with most
# nuclei in pieces 4 are reported, of 17 transmitted-light images of four microscopes 15.
_ROUND = 0.93  # area / convex hull of touching objects: from here on they look like one round object in pieces
_MOST_PARTS = 12  # of one object; more touching objects are a tissue
_MOST_SIDES = 2  # of the image that it touches
_IN_PIECES = 0.24  # of all objects, in two groups or more
_ONE_IN_PIECES = 0.6  # of all objects, in one group of three or more
_COMFORTABLE = 0.5  # of the largest size that a model draws: where it draws well
_MOST_GROUPS = 500
DARK = 0.2  # where the median lies between the darkest and the brightest pixels, at most, in fluorescence
_AGREE = 0.65  # Dice coefficient of the objects and what is bright; 0.7 and more in fluorescence, below it at most 0.61
_FEW = 5  # objects that tell nothing
_SPECK, _MANY_SPECKS = 4, 100  # pixels of an object at most, and objects, of which more than half are so small
_SIDE = 1024  # pixels; larger images are looked at in steps


class InPieces(NamedTuple):
    """Groups of touching objects that look like one round object each."""

    part: float  # of all objects that are such pieces
    groups: int
    most: int  # pieces in a group
    factor: float  # by which the image should be made smaller


def pieces_warning(plane: NDArray[np.int32], scale: float = 1.0) -> str:
    """Return a warning where most objects of a plane look like pieces of larger ones, else an empty text.

    Parameters
    ----------
    plane : ndarray of int32, (y, x)
        Labels.
    scale : float
        The scale of the request.
    """
    found = in_pieces(plane)
    several = found.part >= _IN_PIECES and found.groups > 1
    if not several and not (found.part >= _ONE_IN_PIECES and found.most > 2):
        return ""
    return (
        f"{100 * found.part:.0f} % of the objects look like pieces of larger, round ones ({found.groups} of them): the "
        "objects seem to be larger than those of the model's training images. Try "
        f"scale={scale * found.factor:.2g} (an estimate)."
    )


def in_pieces(plane: NDArray[np.int32]) -> InPieces:
    """Look for groups of touching objects that are round together; what spans the image is a tissue."""
    from skimage.measure import regionprops

    inside = plane > 0
    group, count = ndimage.label(inside)
    if not count:
        return InPieces(0.0, 0, 0, 1.0)
    pairs = np.unique(np.stack([group[inside], plane[inside]]), axis=1)
    parts = np.bincount(pairs[0], minlength=count + 1)
    sides = sum(np.isin(np.arange(count + 1), side) for side in (group[0], group[-1], group[:, 0], group[:, -1]))
    chosen = np.flatnonzero((parts > 1) & (parts <= _MOST_PARTS) & (sides <= _MOST_SIDES))[:_MOST_GROUPS]
    kept = np.zeros(count + 1, np.int32)
    kept[chosen] = chosen
    round_ones = [each for each in regionprops(kept[group]) if each.solidity > _ROUND]
    pieces = sum(int(parts[each.label]) for each in round_ones)
    if not pieces:
        return InPieces(0.0, 0, 0, 1.0)
    part_of = np.mean([np.sqrt(parts[each.label]) for each in round_ones])  # widths of a whole object and of a piece
    return InPieces(
        pieces / len(np.unique(pairs[1])),
        len(round_ones),
        max(int(parts[each.label]) for each in round_ones),
        float(_COMFORTABLE / part_of),
    )


def specks_warning(plane: NDArray[np.int32], model: str) -> str:
    """Return a warning where most of many objects have a few pixels only, as noise has; else an empty text.

    Parameters
    ----------
    plane : ndarray of int32, (y, x)
        Labels.
    model : str
        Its name.
    """
    sizes = np.bincount(plane.ravel())[1:]
    sizes = sizes[sizes > 0]
    small = int((sizes <= _SPECK).sum())
    if len(sizes) < _MANY_SPECKS or 2 * small <= len(sizes):
        return ""
    return (
        f"{small} of {len(sizes)} objects have {_SPECK} pixels or fewer: most likely they are noise. Model {model} "
        "does not fit this image, or was trained too little; a higher prob_thresh or min_size leaves small objects out."
    )


def label_image_warning(pixels: NDArray) -> str:
    """Return a warning where the image to segment looks like a label image, else an empty text.

    Parameters
    ----------
    pixels : ndarray (y, x)
        What the model got.
    """
    if pixels.dtype.kind not in "ui" or not 0 <= int(pixels.min()) <= int(pixels.max()) <= np.iinfo(np.int32).max:
        return ""
    if not label_pieces.is_labels(pixels.astype(np.int32)):
        return ""
    return (
        "The image looks like a label image (each value is one connected object on a background of 0), not like a "
        "microscope image. Choose the image itself; to get ROIs from labels, use Labels to ROIs (task rois)."
    )


def brightness_warning(pixels: NDArray, plane: NDArray[np.int32], model: str) -> str:
    """Return a warning where a model of bright objects on dark ground found others than the bright ones.

    Parameters
    ----------
    pixels : ndarray (y, x)
        What the model got.
    plane : ndarray of int32, (y, x)
        Labels.
    model : str
        Its name.
    """
    agree = agreement(pixels, plane)
    if agree is None or agree >= _AGREE:
        return ""
    return (
        f"The objects are not what is bright in the image (they agree by {100 * agree:.0f} %), and its background is "
        f"not dark; model {model} was trained on bright objects on dark ground (fluorescence). If this is phase "
        "contrast or another transmitted-light image, use a model trained on such images."
    )


def agreement(pixels: NDArray, plane: NDArray[np.int32]) -> float | None:
    """Return how well objects and bright pixels agree, 0 to 1 (Dice coefficient); None where the ground is dark."""
    from skimage.filters import threshold_otsu

    step = max(1, max(pixels.shape) // _SIDE)
    values, labels = pixels[::step, ::step].astype(np.float32), plane[::step, ::step]
    low, middle, high = np.percentile(values, [1, 50, 99.8])
    if not high > low or (middle - low) / (high - low) <= DARK or len(np.unique(labels)) - 1 < _FEW:
        return None
    smooth = ndimage.gaussian_filter(values, 1)
    bright, inside = smooth > threshold_otsu(smooth), labels > 0
    return float(2 * (bright & inside).sum() / (bright.sum() + inside.sum()))
