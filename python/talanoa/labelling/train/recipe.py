"""The recipe of in silico labelling: from transmitted light to stains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from talanoa.core import devices
from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host
from talanoa.core.request import key_value
from talanoa.labelling.data.field import TRAINING, VALIDATION, LabelField, empty_stains
from talanoa.labelling.record import record_of
from talanoa.labelling.train import data, feed, finish, presets, report, scores
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.methods import labelling
from talanoa.models.runtime.whole import seconds
from talanoa.training import settings
from talanoa.training.recipe import Loaded, Parts, Recipe
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings
from talanoa.training.transfer import check_same

METHOD = "labelling"
TIMED = 512  # pixels of the part by which the end of a training is timed


def split(items: Sequence[LabelField], share: float, seed: int) -> tuple[list[LabelField], list[LabelField]]:
    """Return fields by what they were read for: the split is done before anything is read."""
    return [each for each in items if each.role == TRAINING], [each for each in items if each.role == VALIDATION]


def config_from(request: TrainRequest, loaded: Loaded, init: Model | None) -> tuple[str, Any]:
    """Return the method's name and its complete configuration; a model to fine-tune brings its own.

    Raises
    ------
    BadInput
        A model to start from of another kind, for other planes or other stains; a key that cannot differ from it.
    """
    item: LabelField = loaded.items[0]
    channels = len(item.image), len(item.target)
    lights = record_of(loaded.extra["labelling"]).lights
    config = _of_init(request, loaded, init, channels) if init else presets.config_of(request, *channels, lights)
    presets.check_perceptual(request, config)
    return METHOD, config


def _of_init(
    request: TrainRequest, loaded: Loaded, init: Model, channels: tuple[int, int]
) -> labelling.LabellingConfig:
    """Return the configuration of a model to fine-tune, with what the request changes of the training."""
    if init.method != METHOD:
        raise BadInput(
            f"{init.name} is a model of {init.method}, these images need one of {METHOD}. Start from another model, or "
            "from scratch."
        )
    config = labelling.LabellingConfig(**init.config)
    given = presets.config_keys(request)
    check_same(init, config, given, {"loss", "backbone", "dropout"})
    if (config.n_channel_in, config.n_channel_out) != channels:
        raise BadInput(
            f"{init.name} makes {counted(config.n_channel_out, 'stain')} of "
            f"{counted(config.n_channel_in, 'plane')}; here are "
            f"{counted(channels[1], 'stain')} and {counted(channels[0], 'plane')}. Set planes and stains."
        )
    _check_order(init, loaded)
    return labelling.LabellingConfig(**{**init.config, **given})


def _check_order(init: Model, loaded: Loaded) -> None:
    """Raise `BadInput` for stains, or kinds of light, in another order than those of the model to start from."""
    records = [record_of(init.labelling or {}), record_of(loaded.extra["labelling"])]
    for key, does, named in (
        ("stains", "predicts", [[stain.name for stain in record.stains] for record in records]),
        ("transmitted", "looks at", [[light.name for light in record.lights] for record in records]),
    ):
        known, own = named
        if len(known) > 1 and set(known) == set(own) and known != own:
            raise BadInput(
                f"{init.name} {does} {', '.join(known)}, in this order; found {', '.join(own)}. Set "
                f"{key}={','.join(known)}."
            )


def checked_settings(request: TrainRequest, items: Sequence[LabelField], config: Any) -> Settings:
    """Return the settings of a training on these fields; a crop that does not fit is a `BadInput`."""
    chosen = settings.settings_from(request, presets.preset_of(request, items, config))
    settings.check_patch(chosen, config)
    return chosen.model_copy(update={"augment_scale": 1.0})


def warnings_of(items: Sequence[LabelField], parts: Parts, chosen: Settings) -> list[str]:
    """Return warnings about the data."""
    notes = [note for item in items for note in item.notes]
    if len({item.file for item in items}) == 1:
        notes.insert(
            0,
            "Only one image: it is trained on a part of it, and the validation loss is that of another part. It says "
            "nothing about other images.",
        )
    elif len(items) < 5:
        notes.insert(0, f"Only {len(items)} images, {len(parts[1])} for validation: scores rest on little.")
    kinds = {getattr(item, chosen.balance) for item in items} if chosen.balance != "none" else set()
    if chosen.balance != "none" and len(kinds) < 2:
        where = " (wells.csv names them)" if chosen.balance == "phenotype" else ""
        notes.append(f"balance={chosen.balance}: found one {chosen.balance} only{where}; it changes nothing.")
    found = feed.faults_of(parts[0], chosen)
    count = found.pop("crops")
    if chosen.filter_crops and count and sum(found.values()) > 0.9 * count:
        told = ", ".join(f"{number} {reason}" for reason, number in found.items())
        notes.append(
            f"Of {count} crops of the training images hardly any tells something ({told}). Check transmitted and "
            "stains, or train with filter_crops=false."
        )
    return notes


def facts_of(items: Sequence[LabelField], chosen: Settings) -> dict[str, Any]:
    """Return numbers of the data: images, planes, stains, plates, phenotypes, how often an epoch sees a pixel."""
    pixels = sum(feed.size(item) for item in items)
    return {
        "images": len(items),
        "pixels": pixels,
        "planes": len(items[0].image),
        "stains": len(items[0].target),
        "plates": len({item.plate for item in items}),
        "phenotypes": dict(Counter(item.phenotype for item in items if item.phenotype)),
        "crops": feed.faults_of(items, chosen),
        "empty_images": int(np.sum(empty_stains(items).all(axis=1))),
        "passes_by_epoch": round(chosen.steps * chosen.batch * chosen.patch**2 / pixels, 2),
    }


def end_seconds(net: torch.nn.Module, parts: Parts, config: Any, device: torch.device) -> float:
    """Return the seconds that the network's pass over the validation images will take, measured on a part of them."""
    part = feed.brightest_part(parts[1][0], TIMED)
    whole = sum(feed.size(each) for each in parts[1])
    return seconds(net, part.image, config) * whole / feed.size(part)


def score(model: Model, request: TrainRequest, device: str, host: Host) -> dict[str, float]:
    """Return the scores of a model on other images, which the request names: the means over its stains."""
    found = data.to_judge(model, request, host)
    config = methods.get(METHOD).config(**model.config)
    net = model.network().to(devices.choose(device))
    stains = record_of(model.labelling or {}).stains
    made, usual = scores.predictions(net, found, config, host), scores.usual_contrasts(found)
    rows = scores.scores_of(made, stains, usual).values()
    means = {}
    for name, key in {"PCC": "pcc", "SSIM": "ssim", "MSE": "mse", "Jaccard": "jaccard"}.items():
        values = [row[key] for row in rows if row[key] is not None]
        means[name] = float(np.mean(values)) if values else float("nan")
    return means


def summary(model: Model, best_epoch: int) -> str:
    """Return what came out, and how it is used."""
    told = []
    for stain, row in model.training["validation_scores"].items():
        pcc = "no image with it" if row["pcc"] is None else f"PCC {row['pcc']:.3f}, SSIM {row['ssim']:.3f}"
        told.append(f"{stain}: {pcc}")
    return (
        f"Model {model.name} is trained; its best epoch is {best_epoch}. Validation images: {'; '.join(told)}. Predict "
        f"with {key_value('model', model.name)}."
    )


RECIPE = Recipe(
    data.load,
    split,
    config_from,
    checked_settings,
    warnings_of,
    facts_of,
    end_seconds,
    score,
    finish.make_model,
    report.report,
    summary,
    feed.FEED,
    "one pass over a part of the validation images",
    "stains",
)
