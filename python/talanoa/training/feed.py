"""How the data of a method come to its network and to the eye; the training loop knows nothing else of them.

An item is one image of the training data, of whatever type the method's own functions work on: an image with objects
(`talanoa.segmentation.train.dataset.Annotated`), a pair of images (`talanoa.restoration.train.pairs.Pair`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.training.settings import Settings

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from talanoa.training.prepare import Ready

Arrays = tuple[NDArray[np.float32], tuple[NDArray, ...]]


def hashes_of(items: Sequence[Any]) -> dict[str, list[str]]:
    """Return the hashes of each item's files by its name."""
    return {item.name: list(item.hashes) for item in items}


@dataclass(frozen=True)
class Feed:
    """What the training loop, the previews and the dry run ask of a method's data.

    Parameters
    ----------
    batch : function (items, config, settings, augmented, rng) -> (images, answers)
        Draws one batch: float32 (n, channels, space…), and a tuple of arrays, which the method's loss takes as they
        are. Everything random comes from `rng`, and of several processes each returns its share of the joint batch
        (`talanoa.training.distributed.share`). Not `augmented`: the fixed patches of the validation.
    size : function (item) -> int
        Pixels or voxels of an item.
    shown : function (items) -> part
        What previews show of the validation images: a small part of one of them.
    preview : function (net, part, config) -> (payload, seconds)
        The ``preview`` event, plain JSON values; and the seconds of what the end of the training will do many times
        for each image (0 where there is nothing).
    sheets : function (ready) -> dict of str to PIL image
        Pictures of a dry run: ``pairs`` (images and what is to be learned) and ``patches`` (as the network sees them).
    hashes : function (items) -> dict of str to list of str
        What the record keeps to tell the files again.
    """

    batch: Callable[[Sequence[Any], Any, Settings, bool, np.random.Generator], Arrays]
    size: Callable[[Any], int]
    shown: Callable[[Sequence[Any]], Any]
    preview: Callable[[torch.nn.Module, Any, Any], tuple[Mapping[str, Any], float]]
    sheets: Callable[[Ready], Mapping[str, Image.Image]]
    hashes: Callable[[Sequence[Any]], dict[str, list[str]]] = hashes_of
