"""How images with objects come to a star-convex network: batches, previews, pictures of a dry run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from talanoa.image.overlay import ring_of
from talanoa.models import methods
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference
from talanoa.segmentation.train import dataset, thresholds
from talanoa.segmentation.train.annotated import Annotated
from talanoa.segmentation.train.dataset import drawn_item, patch_of
from talanoa.training import distributed
from talanoa.training.augment import NONE, Augmentation
from talanoa.training.contact_sheets import SIDE, as_text, fitted, sheet
from talanoa.training.recipe import Arrays, Feed
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from talanoa.training.recipe import Ready

SIDES = {2: (384, 384), 3: (32, 128, 128)}  # pixels; three PNGs of 384 x 384 stay below 300 KB as text
MOST = 4000  # candidates; an untrained network takes half of the image for objects
OUTLINE = (255, 221, 0)
PAIRS, PATCHES = 4, 8  # on the sheets of a dry run


def augmentation_of(settings: Settings) -> Augmentation:
    """Return how patches vary."""
    return Augmentation(scale=settings.augment_scale)


def batch(
    items: Sequence[Annotated], config: Any, settings: Settings, augmented: bool, rng: np.random.Generator
) -> Arrays:
    """Draw patches and what the network shall answer for them; see `Feed.batch`."""
    targets = methods.get(methods.variant("stardist", items[0].ndim)).targets
    augmentation = augmentation_of(settings) if augmented else NONE
    drawn = []
    for _ in range(settings.batch):
        item = drawn_item(items, rng)
        pair = patch_of(item, settings.patch_shape, config.train_foreground_only, augmentation, rng)
        drawn.append((*pair, item.classes))
    drawn = list(distributed.share(drawn))
    answers = zip(*(targets(labels, config, classes) for _, labels, classes in drawn), strict=True)
    return np.stack([image for image, _, _ in drawn]), tuple(np.stack(each) for each in answers)


def size(item: Annotated) -> int:
    """Return the pixels of an image."""
    return item.labels.size


def shown(items: Sequence[Annotated]) -> Annotated:
    """Return the part that previews show: of the image with most objects."""
    return busiest_part(max(items, key=lambda item: len(item.foreground)))


def busiest_part(item: Annotated) -> Annotated:
    """Return the part of an image around its objects that is shown, at most as large as `SIDES`."""
    where = np.unravel_index(item.foreground, item.labels.shape)
    middle = [int(axis.mean()) if len(axis) else size // 2 for axis, size in zip(where, item.labels.shape, strict=True)]
    sides = SIDES[item.labels.ndim]
    part = tuple(_around(*axis) for axis in zip(middle, item.labels.shape, sides, strict=True))
    return Annotated(item.name, item.image[:, *part], item.labels[part])


def _around(middle: int, size: int, side: int) -> slice:
    """Return `side` places around the middle, inside an axis of `size` places."""
    first = min(max(0, middle - side // 2), max(0, size - side))
    return slice(first, min(first + side, size))


def predict(net: torch.nn.Module, item: Annotated, config: Any) -> tuple[NDArray[np.integer], float]:
    """Return the label image that a network gives with the thresholds of an untuned model, and the seconds after it.

    The seconds are those of the suppression of overlaps and of the drawing, without the network.
    """
    chosen = star_convex.default_thresholds()
    parts = inference.planned_parts(item.labels.shape, config)
    runner = inference.prepared(net, next(net.parameters()).device)
    found = inference.find_candidates(runner, item.image, config, chosen["prob"], parts)
    found = found.take(np.argsort(-found.probabilities, kind="stable")[:MOST])
    started = time.monotonic()
    labels = thresholds.labels_at(found, item.labels.shape, chosen["prob"], chosen["nms"])
    return labels, time.monotonic() - started


def preview(item: Annotated, seen: NDArray[np.integer]) -> dict[str, Any]:
    """Return what a window needs to show a prediction, as plain JSON values.

    Parameters
    ----------
    item : Annotated
        Image (channels, y, x) or (channels, z, y, x) and the objects that a person outlined.
    seen : ndarray of int, (y, x) or (z, y, x)
        The objects that the network finds.

    Returns
    -------
    dict
        ``name``; ``image`` (the first channel, of a stack the middle slice), ``truth`` and ``found`` (outlines, the
        rest transparent), each a PNG as base64 text; ``truth_objects`` and ``objects``, how many.
    """
    middle = (item.labels.shape[0] // 2,) * (item.labels.ndim - 2)
    grey = np.clip(item.image[(0, *middle)] * 255, 0, 255).astype(np.uint8)
    return {
        "name": item.name,
        "image": as_text(Image.fromarray(grey)),
        "truth": _outlines(item.labels[middle]),
        "found": _outlines(seen[middle]),
        "truth_objects": int(np.count_nonzero(np.unique(item.labels[middle]))),
        "objects": int(np.count_nonzero(np.unique(seen[middle]))),
    }


def _outlines(labels: NDArray[np.integer]) -> str:
    """Return the outlines of a label image on a transparent ground."""
    picture = Image.fromarray(ring_of(labels).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, *OUTLINE])
    return as_text(picture, transparency=0, bits=1)


def seen_by(net: torch.nn.Module, part: Annotated, config: Any) -> tuple[dict[str, Any], float]:
    """Return the preview of a part, and the seconds of the decoding; see `Feed.preview`."""
    found, once = predict(net, part, config)
    return preview(part, found), once


def sheets(ready: Ready) -> dict[str, Image.Image]:
    """Return the pictures of a dry run."""
    return {"pairs": pairs_sheet(ready.items, ready.request.seed), "patches": patches_sheet(ready)}


def pairs_sheet(items: Sequence[Annotated], seed: int) -> Image.Image:
    """Return images beside themselves with their outlines: some of the training set, drawn by its seed."""
    chosen = np.random.default_rng(seed).permutation(len(items))[:PAIRS]
    shown = [items[k] for k in sorted(chosen.tolist())]
    plain = [picture_of(*middle(item.image, item.labels), outlines=False) for item in shown]
    outlined = [picture_of(*middle(item.image, item.labels)) for item in shown]
    return sheet([plain, outlined])


def patches_sheet(ready: Ready) -> Image.Image:
    """Return patches as the network will see them, with the outlines of the objects to learn."""
    settings, config = ready.settings, ready.config
    augmentation = augmentation_of(settings)
    rng = np.random.default_rng((settings.seed, 0))
    share = getattr(config, "train_foreground_only", 0.0)
    drawn = [dataset.draw_patch(ready.parts[0], settings.patch_shape, share, augmentation, rng) for _ in range(PATCHES)]
    pictures = [picture_of(*middle(*pair)) for pair in drawn]
    return sheet([pictures[: PATCHES // 2], pictures[PATCHES // 2 :]])


def middle(image: NDArray, labels: NDArray) -> tuple[NDArray, NDArray]:
    """Return the first channel (y, x) and the labels (y, x); of a volume those of its fullest slice."""
    if labels.ndim == 2:
        return image[0], labels
    z = int(np.argmax((labels > 0).sum(axis=(1, 2))))
    return image[0, z], labels[z]


def picture_of(image: NDArray, labels: NDArray, outlines: bool = True) -> Image.Image:
    """Return a picture of `SIDE` pixels at most: the middle part of a large image, a small one enlarged.

    Parameters
    ----------
    image : ndarray of float, (y, x)
        0 is shown black, 1 white.
    labels : ndarray of int, (y, x)
        Objects whose outlines are drawn.
    outlines : bool
        False leaves them out.
    """
    first = [max(0, (size - 2 * SIDE) // 2) for size in labels.shape]
    part = tuple(slice(start, start + 2 * SIDE) for start in first)
    grey = np.clip(image[part] * 255, 0, 255).astype(np.uint8)
    picture = fitted(Image.fromarray(grey).convert("RGB"))
    if outlines:
        ring = ring_of(
            np.asarray(Image.fromarray(labels[part].astype(np.int32)).resize(picture.size, Image.Resampling.NEAREST))
        )
        pixels = np.array(picture)
        pixels[ring > 0] = OUTLINE
        picture = Image.fromarray(pixels)
    return picture


FEED = Feed(batch, size, shown, seen_by, sheets)
