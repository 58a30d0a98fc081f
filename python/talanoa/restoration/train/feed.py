"""How pairs of images, or noisy images alone, come to a network whose answer is an image; previews and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from talanoa.image.ops import orientations
from talanoa.models.runtime.whole import predict
from talanoa.restoration.train.pairs import Pair, cell_means, cell_steps, projected
from talanoa.training import distributed, pictures
from talanoa.training.recipe import Arrays, Feed
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from talanoa.training.recipe import Ready

WIDE = {2: (512, 512), 3: (16, 256, 256)}  # pixels of a part that stands for the image: timed, calibrated by
SIDES = {2: (256, 256), 3: (16, 128, 128)}  # pixels; three PNGs of noise of 256 x 256 stay below 300 KB as text
PAIRS, PATCHES = 4, 4  # on the sheets of a dry run


def batch(items: Sequence[Pair], config: Any, settings: Settings, augmented: bool, rng: np.random.Generator) -> Arrays:
    """Draw patches and their targets; of images without a target masked patches, what was there, and where.

    See `Feed.batch`. The answers are what the method's loss takes: (target,), or (original values, mask).
    """
    drawn = []
    for _ in range(settings.batch):
        item = items[int(rng.integers(len(items)))]
        drawn.append(patches_of(item, config, settings, augmented, rng))
    images = np.stack([each[0] for each in drawn])
    if len(drawn[0]) > 1:
        answers: tuple[NDArray, ...] = (np.stack([each[1] for each in drawn]),)
    else:
        from talanoa.models.methods.n2v_masking import mask_batch

        original = images
        images, mask = mask_batch(original, config, rng)
        answers = (original, mask)
    own = distributed.share(range(len(images)))
    part = slice(own[0], own[-1] + 1)
    return images[part], tuple(each[part] for each in answers)


def patches_of(
    item: Pair, config: Any, settings: Settings, augmented: bool, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Draw a patch of an image and the same one of its target, augmented alike.

    Of images that are alike but for their noise two are drawn, so that either may be the input. Turns are by right
    angles and in the plane; where masks follow the direction of the noise, or images the direction of a blur, those
    that keep it.
    """
    where = (slice(None), *place_of(item, settings.patch_shape, settings.background, rng))
    fields = item.fields
    if item.alike and augmented:
        fields = tuple(fields[k] for k in rng.permutation(len(fields))[:2].tolist())
    way, upside_down = 0, False
    if augmented and settings.augment:
        along_one_axis = config.directed or getattr(config, "struct_axis", "none") != "none"
        ways = orientations.SAME_SIZE if along_one_axis else orientations.WAYS
        way = ways[int(rng.integers(len(ways)))]
        upside_down = item.ndim == 3 and rng.random() < 0.5
    drawn = []
    for each in fields[:2]:
        patch = orientations.turned(each[where], way)
        drawn.append(np.ascontiguousarray(patch[:, ::-1] if upside_down else patch))
    return drawn


def place_of(item: Pair, patch: tuple[int, ...], background: float, rng: np.random.Generator) -> tuple[slice, ...]:
    """Draw where a patch lies: anywhere with the probability `background`, else with its middle near signal."""
    everywhere, signal = item.cells(patch)
    anywhere = rng.random() < background or not len(signal)
    steps = cell_steps(patch)
    cells = everywhere if anywhere else signal
    shape = tuple(-(-size // step) for size, step in zip(item.shape, steps, strict=True))
    chosen = np.unravel_index(int(cells[int(rng.integers(len(cells)))]), shape)
    where = []
    for cell, step, side, size in zip(chosen, steps, patch, item.shape, strict=True):
        middle = int(cell) * step + int(rng.integers(step))
        first = min(max(middle - side // 2, 0), size - side)
        where.append(slice(first, first + side))
    return tuple(where)


def size(item: Pair) -> int:
    """Return the pixels of an image."""
    return prod(item.shape)


def shown(items: Sequence[Pair]) -> Pair:
    """Return the part that previews show: where the image with most contrast is brightest."""
    item = max(items, key=lambda each: float(np.std(each.fields[-1] if each.target is not None else each.image)))
    return brightest_part(item, SIDES[item.ndim])


def brightest_part(item: Pair, sides: Sequence[int]) -> Pair:
    """Return the part of an image around its brightest place, at most as large as `sides`."""
    steps = cell_steps(sides)
    values = item.image if item.target is None else item.target
    means = cell_means(np.asarray(values[0], np.float32), steps)
    middle = np.unravel_index(int(means.argmax()), means.shape)
    where = []
    for cell, step, side, whole in zip(middle, steps, sides, item.shape, strict=True):
        first = min(max(int(cell) * step - side // 2, 0), max(0, whole - side))
        where.append(slice(first, first + side))
    return item.part(tuple(where), item.name)


def preview(net: torch.nn.Module, part: Pair, config: Any) -> tuple[dict[str, Any], float]:
    """Return what a window shows of a training: the image ``before``, ``after`` and, where there is one, ``target``.

    Each is a PNG as base64 text, of the first channel (of a stack the middle slice), all in the same grey scale.
    """
    after = predict(net, part.image, config)[0]
    fields = {"before": part.seen, "after": after}
    if part.target is not None and not part.alike:
        fields["target"] = part.target
    return {"name": part.name, **pictures.texts(fields)}, 0.0


def sheets(ready: Ready) -> dict[str, Image.Image]:
    """Return the pictures of a dry run: images above their targets, patches as they are drawn, masked pixels marked."""
    order = np.random.default_rng(ready.request.seed).permutation(len(ready.items))[:PAIRS]
    pairs = [brightest_part(ready.items[k], SIDES[ready.items[k].ndim]) for k in sorted(order.tolist())]
    rng = np.random.default_rng((ready.settings.seed, 0))
    settings = ready.settings.model_copy(update={"batch": PATCHES})
    images, answers = batch(ready.parts[0], ready.config, settings, True, rng)
    seen = np.stack([projected(each, pairs[0].slices) for each in images])
    return {
        "pairs": pictures.pairs_sheet([(each.seen, *each.fields[1:2]) for each in pairs]),
        "patches": pictures.patches_sheet(seen, answers),
    }


def hashes_of(items: Sequence[Pair]) -> dict[str, list[str]]:
    """Return the hashes of the files by their names: frames and parts of one file count once."""
    return {item.file: list(item.hashes) for item in items}


FEED = Feed(batch, size, shown, preview, sheets, hashes_of)
