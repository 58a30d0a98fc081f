"""The recipes of restoration: CARE (pairs), Noise2Void (noisy images alone), Noise2Noise (repeated exposures)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from talanoa.core import devices
from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host
from talanoa.core.request import key_value
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.runtime.whole import seconds
from talanoa.restoration.train import data, feed, finish, pairs, presets, read
from talanoa.restoration.train.pairs import Pair
from talanoa.training import settings
from talanoa.training.recipe import Loaded, Parts, Recipe
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings
from talanoa.training.transfer import check_same


def config_from(request: TrainRequest, loaded: Loaded, init: Model | None) -> tuple[str, Any]:
    """Return the method's name and its complete configuration; a model to fine-tune brings its own.

    Raises
    ------
    BadInput
        A model to start from of another kind or for other channels; a key that cannot differ from it.
    """
    item: Pair = loaded.items[0]
    name = methods.variant(presets.network_of(request), item.ndim)
    channels = item.channels, item.channels if item.target is None else len(item.target)
    given = presets.config_keys(request) | data.axial_keys(request, item)
    if init is None:
        return name, methods.get(name).config(**given, n_channel_in=channels[0], n_channel_out=channels[1])
    if init.method != name:
        raise BadInput(
            f"{init.name} is a model of {init.method}, these images need one of {name}. Start from another model, or "
            "from scratch."
        )
    config = methods.get(name).config(**init.config)
    training_only = {"loss", "masked_percent", "radius", "manipulator", "struct_axis", "struct_radius"}
    check_same(init, config, given, training_only)
    if (config.n_channel_in, config.n_channel_out) != channels:
        raise BadInput(
            f"{init.name} makes {counted(config.n_channel_out, 'channel')} of {config.n_channel_in}, the images have "
            f"{channels[0]}, their targets {channels[1]}. Set channel."
        )
    changes = {key: value for key, value in given.items() if key in training_only}
    return name, methods.get(name).config(**{**init.config, **changes})


def checked_settings(request: TrainRequest, items: Sequence[Pair], config: Any) -> Settings:
    """Return the settings of a training on these images; a patch that does not fit is a `BadInput`."""
    chosen = settings.settings_from(request, presets.preset_of(request, items, config))
    settings.check_patch(chosen, config)
    return chosen.model_copy(update={"augment_scale": 1.0})


def warnings_of(items: Sequence[Pair], parts: Parts, chosen: Settings) -> list[str]:
    """Return warnings about the data."""
    warnings = []
    if items[0].role:
        warnings.append(
            f"Only one image: it is trained on a part of it, and the validation loss is that of the rest "
            f"({'at the bottom' if parts[1][0].shape[-1] == parts[0][0].shape[-1] else 'on the right'}). It says "
            "nothing about other images."
        )
    elif len({item.file for item in items}) == 1 or not {item.file for item in parts[0]}.isdisjoint(
        item.file for item in parts[1]
    ):
        warnings.append(
            f"Only one file: {len(parts[1])} of its {len(items)} planes or frames are validated on. They show much the "
            "same as the others."
        )
    elif items[0].target is not None and len(items) < 5:
        warnings.append(f"Only {len(items)} images, {len(parts[1])} for validation: scores rest on little.")
    return warnings + [note for item in items for note in item.notes]


def facts_of(items: Sequence[Pair], chosen: Settings) -> dict[str, Any]:
    """Return numbers of the data: images, pixels, the share of places with signal, how often an epoch sees a pixel."""
    pixels = sum(int(np.prod(item.shape)) for item in items)
    cells = [item.cells(chosen.patch_shape) for item in items]
    seen = chosen.steps * chosen.batch * float(np.prod(chosen.patch_shape))
    return {
        "images": len(items),
        "pixels": pixels,
        "signal": round(sum(len(each[1]) for each in cells) / max(1, sum(len(each[0]) for each in cells)), 3),
        "passes_by_epoch": round(seen / pixels, 2),
    }


def end_seconds(net: torch.nn.Module, parts: Parts, config: Any, device: torch.device) -> float:
    """Return the seconds that the network's pass over the validation images will take, measured on a part of them."""
    part = feed.brightest_part(parts[1][0], feed.WIDE[parts[1][0].ndim])
    whole = sum(feed.size(each) for each in parts[1])
    return seconds(net, part.image, config) * whole / feed.size(part)


def score(model: Model, request: TrainRequest, device: str, host: Host) -> dict[str, float]:
    """Return the scores of a model on other pairs, which the request names: PSNR and SSIM beside those of the input."""
    found = read.read(request, host, None)
    items = [item for each in found for item in data.items_of(request, each, model.normalization)]
    config = methods.get(model.method).config(**model.config)
    scores = finish.scores_of(model.network().to(devices.choose(device)), items, config, host)
    return {"PSNR": scores["psnr"], "SSIM": scores["ssim"], "PSNR after a linear fit": scores["psnr_fit"]}


def summary(model: Model, best_epoch: int) -> str:
    """Return what came out, and how it is used."""
    scores = model.training["validation_scores"]
    gain = ""
    if "psnr_fit_input" in scores:
        gain = f" PSNR after a linear fit {scores['psnr_fit']:.1f} dB, of the input {scores['psnr_fit_input']:.1f} dB;"
        gain += f" SSIM {scores['ssim']:.3f}, of the input {scores['ssim_input']:.3f} (validation images)."
    use = f"Restore with {key_value('model', model.name)}."
    return f"Model {model.name} is trained; its best epoch is {best_epoch}.{gain} {use}"


_CARE = Recipe(
    data.load,
    pairs.split,
    config_from,
    checked_settings,
    warnings_of,
    facts_of,
    end_seconds,
    score,
    finish.make_model,
    finish.report,
    summary,
    feed.FEED,
    "one pass over a part of the validation images",
    "target",
)
RECIPES = {"care": _CARE, "n2n": replace(_CARE, judged_by="noise"), "n2v": replace(_CARE, judged_by="noise")}
