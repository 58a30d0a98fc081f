"""How transmitted light and stains come to a network: crops, previews, pictures of a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from talanoa.labelling.data.exposure import CropLimits, fault_of
from talanoa.labelling.data.field import LabelField, middle_planes
from talanoa.labelling.train.crops import PLAIN, CropAugmentation, cut, disturbed, drawn_place
from talanoa.models.runtime.whole import predict
from talanoa.training import distributed
from talanoa.training.contact_sheets import as_text, fitted, sheet
from talanoa.training.pictures import grey
from talanoa.training.recipe import Arrays, Feed
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from talanoa.training.recipe import Ready

TRIES = 20  # crops that are drawn for one that tells something
CORRUPTED = 0.2  # share of the crops with a wrong exposure, and of those with light from elsewhere
SIDE = 256  # pixels of a preview
PAIRS, PATCHES = 4, 4  # on the sheets of a dry run
COLOURS = ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))  # of stains that are shown together


def augmentation_of(settings: Settings) -> CropAugmentation:
    """Return what happens to the crops of a training."""
    if not settings.augment:
        return PLAIN
    if not settings.corruptions:
        return CropAugmentation()
    return CropAugmentation(gain=CORRUPTED, bias=CORRUPTED)


def batch(
    items: Sequence[LabelField], config: Any, settings: Settings, augmented: bool, rng: np.random.Generator
) -> Arrays:
    """Draw crops of transmitted light and the same ones of the stains; see `Feed.batch`."""
    augmentation = augmentation_of(settings) if augmented else PLAIN
    kinds = kinds_of(items, settings.balance)
    keys = rng.integers(2**63, size=settings.batch)  # each crop has its own, so that processes can share the work
    drawn = []
    for key in distributed.share(keys.tolist()):
        own = np.random.default_rng(key)
        drawn.append(crop_of(chosen_field(kinds, own), settings, augmentation, own))
    return np.stack([image for image, _ in drawn]), (np.stack([target for _, target in drawn]),)


def kinds_of(items: Sequence[LabelField], balance: str) -> list[list[LabelField]]:
    """Return the fields put together by what is shown equally often."""
    if balance == "none":
        return [list(items)]
    kinds: dict[str, list[LabelField]] = {}
    for item in items:
        kinds.setdefault(item.plate if balance == "plate" else item.phenotype, []).append(item)
    return list(kinds.values())


def chosen_field(kinds: Sequence[Sequence[LabelField]], rng: np.random.Generator) -> LabelField:
    """Return a random field of a random kind; within a kind large images are drawn more often."""
    kind = kinds[int(rng.integers(len(kinds)))]
    sizes = np.array([size(item) for item in kind], float)
    return kind[int(rng.choice(len(kind), p=sizes / sizes.sum()))]


def crop_of(
    item: LabelField, settings: Settings, augmentation: CropAugmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a crop of a field, in the network's units: transmitted light (channels, y, x) and stains (stains, y, x).

    Crops that tell little are drawn again; of a field without any others the last one is taken.
    """
    limits = limits_of(settings)
    for _ in range(TRIES if settings.filter_crops else 1):
        place = drawn_place(item.shape, settings.patch, augmentation, rng)
        image, target = cut(item.image, place, settings.patch), cut(item.target, place, settings.patch)
        if not settings.filter_crops or not fault_of(*_shown(item, image, target), limits, item.noise):
            break
    return _disturbed(item, image, augmentation, rng), target


def limits_of(settings: Settings) -> CropLimits:
    """Return when a crop tells little."""
    return CropLimits(background=settings.most_background)


def _shown(
    item: LabelField, image: NDArray[np.float32], target: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a crop with black 0 and white 1, whatever the network's units are."""
    black, white = item.ends
    return (image if (black, white) == (0.0, 1.0) else (image - black) / (white - black)), target


def _disturbed(
    item: LabelField, image: NDArray[np.float32], augmentation: CropAugmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a crop of transmitted light as a worse microscope would have shown it."""
    black, white = item.ends
    if (black, white) == (0.0, 1.0):
        return disturbed(image, augmentation, rng)
    span = np.float32(white - black)
    return disturbed((image - np.float32(black)) / span, augmentation, rng) * span + np.float32(black)


def faults_of(items: Sequence[LabelField], settings: Settings) -> dict[str, int]:
    """Return how many of the places of a regular grid of crops tell little, by the reason; "crops" is all of them."""
    found: dict[str, int] = {"crops": 0}
    side = settings.patch
    for item in items:
        for y in range(0, item.shape[0] - side + 1, side):
            for x in range(0, item.shape[1] - side + 1, side):
                where = (slice(None), slice(y, y + side), slice(x, x + side))
                fault = fault_of(*_shown(item, item.image[where], item.target[where]), limits_of(settings), item.noise)
                found["crops"] += 1
                if fault:
                    found[fault] = found.get(fault, 0) + 1
    return found


def size(item: LabelField) -> int:
    """Return the pixels of a field."""
    return prod(item.shape)


def shown(items: Sequence[LabelField]) -> LabelField:
    """Return the part that previews show: the brightest part of the field with most contrast in its stains."""
    return brightest_part(max(items, key=lambda item: float(item.target.std())))


def brightest_part(item: LabelField, side: int = SIDE) -> LabelField:
    """Return the part of a field in which most of its stains is, at most `side` pixels wide."""
    from dataclasses import replace

    from scipy.ndimage import uniform_filter

    sides = [min(side, length) for length in item.shape]
    means = uniform_filter(item.target.mean(axis=0), sides, mode="constant")
    middle = np.unravel_index(int(means.argmax()), means.shape)
    where: list[slice] = [slice(None)]
    for at, wide, length in zip(middle, sides, item.shape, strict=True):
        first = min(max(int(at) - wide // 2, 0), length - wide)
        where.append(slice(first, first + wide))
    return replace(item, image=item.image[tuple(where)], target=item.target[tuple(where)], steps={})


def preview(net: torch.nn.Module, part: LabelField, config: Any) -> tuple[dict[str, Any], float]:
    """Return what a window shows: transmitted light ``before``, stains as predicted ``after``, true ones ``target``.

    ``kind`` says that these are stains; several are shown in colours.
    """
    after = predict(net, part.image, config)[0]
    pictures = (light_pictures(part.image, part.lights)[0], composite(after), composite(part.target))
    keys = ("before", "after", "target")
    shown = {key: as_text(each) for key, each in zip(keys, pictures, strict=True)}
    return {"name": part.name, "kind": "stains", **shown}, 0.0


def light_pictures(image: NDArray[np.float32], lights: Sequence[int]) -> list[Image.Image]:
    """Return the middle plane of each kind of light (channels, y, x) in grey."""
    pictures = []
    for plane in middle_planes(image, lights):
        low, high = np.percentile(plane, (0.2, 99.8))
        pictures.append(grey(plane, (float(low), float(max(high, low + 1e-6)))))
    return pictures


def stain_picture(stain: NDArray[np.float32]) -> Image.Image:
    """Return a stain (y, x) in grey, 0 black and 1 white, so that predicted and true ones can be compared."""
    return grey(stain, (0.0, 1.0))


def composite(stains: NDArray[np.float32]) -> Image.Image:
    """Return stains (stains, y, x) in one picture: one in grey, several in the colours of `COLOURS`."""
    if len(stains) == 1:
        return stain_picture(stains[0])
    made = np.zeros((*stains.shape[1:], 3), np.float32)
    for number, stain in enumerate(stains):
        made += np.clip(stain, 0, 1)[..., None] * np.array(COLOURS[number % len(COLOURS)], np.float32)
    return Image.fromarray((np.clip(made, 0, 1) * 255).astype(np.uint8))


def sheets(ready: Ready) -> dict[str, Image.Image]:
    """Return the pictures of a dry run: fields above their stains, crops as they are drawn, targets step by step."""
    order = np.random.default_rng(ready.request.seed).permutation(len(ready.items))[:PAIRS]
    parts = [brightest_part(ready.items[k]) for k in sorted(order.tolist())]
    rng = np.random.default_rng((ready.settings.seed, 0))
    settings = ready.settings.model_copy(update={"batch": PATCHES})
    images, answers = batch(ready.parts[0], ready.config, settings, True, rng)
    return {
        "pairs": columns_sheet([(part.image, part.target) for part in parts], parts[0].lights),
        "patches": columns_sheet(list(zip(images, answers[0], strict=True)), parts[0].lights),
        "targets": steps_sheet(ready.items),
    }


def columns_sheet(
    fields: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], lights: Sequence[int]
) -> Image.Image:
    """Return transmitted light above each of its stains, a column for each field."""
    columns = [[*light_pictures(image, lights), *map(stain_picture, target)] for image, target in fields]
    rows = zip(*columns, strict=True)
    return sheet([[fitted(picture.convert("RGB")) for picture in row] for row in rows])


def steps_sheet(items: Sequence[LabelField]) -> Image.Image:
    """Return what was made of each stain of the first fields, a row for each, a column for each step."""
    rows = []
    for item in items:
        for steps in item.steps.values():
            pictures = []
            for values in steps.values():
                low, high = np.percentile(values, (1, 99.8))
                pictures.append(fitted(grey(values, (float(low), float(max(high, low + 1e-6)))).convert("RGB")))
            rows.append(pictures)
    return sheet(rows)


def hashes_of(items: Sequence[LabelField]) -> dict[str, list[str]]:
    """Return the hashes of the files by their names: frames and parts of one file count once."""
    return {item.file: list(item.hashes) for item in items}


FEED = Feed(batch, size, shown, preview, sheets, hashes_of)
