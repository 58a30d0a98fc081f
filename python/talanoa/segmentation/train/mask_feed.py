"""How images with objects come to a segmenting network: batches and previews; the rest is as for star-convex ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from talanoa.models.methods import segmentation
from talanoa.models.runtime import whole
from talanoa.segmentation.train import mask_finish, star_feed
from talanoa.segmentation.train.annotated import Annotated
from talanoa.segmentation.train.dataset import drawn_item, patch_of
from talanoa.training import distributed
from talanoa.training.augment import NONE
from talanoa.training.recipe import Arrays
from talanoa.training.settings import Settings


def batch(
    items: Sequence[Annotated], config: Any, settings: Settings, augmented: bool, rng: np.random.Generator
) -> Arrays:
    """Draw patches and their masks; see `Feed.batch`."""
    augmentation = star_feed.augmentation_of(settings) if augmented else NONE
    share = config.train_foreground_only
    drawn = [
        patch_of(drawn_item(items, rng), settings.patch_shape, share, augmentation, rng) for _ in range(settings.batch)
    ]
    drawn = list(distributed.share(drawn))
    masks = [segmentation.targets(labels, config)[0] for _, labels in drawn]
    return np.stack([image for image, _ in drawn]), (np.stack(masks),)


def seen_by(net: torch.nn.Module, part: Annotated, config: Any) -> tuple[dict[str, Any], float]:
    """Return the preview of a part, and the seconds of the decoding; see `Feed.preview`."""
    probability = whole.predict(net, part.image, config)[0][0]
    started = time.monotonic()
    found = mask_finish.objects_at(probability, segmentation.default_thresholds()["prob"], config)
    return star_feed.preview(part, found), time.monotonic() - started


FEED = replace(star_feed.FEED, batch=batch, preview=seen_by)
