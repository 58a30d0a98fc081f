"""What is learned of stains: prepared as asked for, brought to 0..1 by levels that all images of a training share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.core.request import parse
from talanoa.labelling import targets
from talanoa.labelling.data import levels
from talanoa.labelling.data.field import TRAINING, LabelField, empty_stains
from talanoa.labelling.record import Stain
from talanoa.labelling.targets import Denoiser, Steps, TargetConfig
from talanoa.labelling.train.read import Seen
from talanoa.models import folder
from talanoa.restoration.request import RestoreRequest

if TYPE_CHECKING:
    from talanoa.training.request import TrainRequest

SHOWN = 3  # fields whose targets are kept step by step, for a dry run


def configs_of(request: TrainRequest, stains: Sequence[str]) -> dict[str, TargetConfig]:
    """Return how each stain is prepared.

    >>> from talanoa.training.request import TrainRequest; from talanoa.core.request import parse
    >>> keys = {"method": "labelling", "name": "m", "prepare": "clip=80; er: clip=90 project=mean"}
    >>> found = configs_of(parse(TrainRequest, keys).request, ["nucleus", "er"])
    >>> found["nucleus"].clip, found["er"].clip, found["er"].project
    (80.0, 90.0, 'mean')

    Raises
    ------
    BadInput
        A stain that there is not, a step that there is not.
    """
    texts: dict[str, list[str]] = {stain: [f"project={request.project}"] for stain in stains}
    for part in (request.prepare or "").split(";"):
        name, colon, steps = part.rpartition(":")
        if colon and name.strip() not in texts:
            raise BadInput(
                f"prepare: found the stain {name.strip()!r}; expected one of {', '.join(stains)}, such as "
                f'"{stains[0]}: rolling_ball=50 clip=90".'
            )
        for stain in [name.strip()] if colon else list(texts):
            texts[stain].append(steps)
    return {stain: targets.config_from(" ".join(each)) for stain, each in texts.items()}


def prepare_for(text: str | None, stain: str) -> str | None:
    """Return the parts of a preparation that concern one stain, None where there are none.

    >>> prepare_for("clip=80; er: clip=90; nucleus: binarise", "er")
    'clip=80; er: clip=90'
    """
    parts = [part.strip() for part in (text or "").split(";")]
    own = [part for part in parts if part and (":" not in part or part.rpartition(":")[0].strip() == stain)]
    return "; ".join(own) or None


def targets_of(
    request: TrainRequest, seen: Sequence[tuple[Seen, str]], host: Host
) -> tuple[list[Stain], list[NDArray[np.float32]], list[dict[str, Steps]]]:
    """Return the stains, for each field its target (stains, y, x), and of a few what was made step by step.

    Raises
    ------
    BadInput
        A step that cannot be done, a stain that shows nothing in any training image.
    """
    configs = configs_of(request, list(seen[0][0].stains))
    denoisers = {stain: denoiser_of(config) for stain, config in configs.items()}
    prepared: list[dict[str, NDArray[np.float32]]] = []
    kept: list[dict[str, Steps]] = []
    for number, (each, _) in enumerate(seen, start=1):
        stop_if_cancelled(host)
        steps = {stain: _prepared(each, stain, configs[stain], denoisers[stain]) for stain in configs}
        prepared.append({stain: next(reversed(made.values())) for stain, made in steps.items()})
        kept.append(steps if len(kept) < SHOWN else {})
        host.progress(number, len(seen), "Preparing the stains")
    roles = [role for _, role in seen]
    stains = [_stain(request, stain, config, prepared, roles) for stain, config in configs.items()]
    made = [np.stack([_units(request, stain, each[stain.name]) for stain in stains]) for each in prepared]
    return stains, made, kept


def _prepared(each: Seen, stain: str, config: TargetConfig, denoiser: Denoiser | None) -> Steps:
    """Return what is made of a stain, step by step; the message of an error names image and stain."""
    try:
        return targets.prepare(each.stains[stain], config, denoiser)
    except BadInput as problem:
        raise BadInput(f"{each.name}, {stain}: {problem}") from problem


def denoiser_of(config: TargetConfig) -> Denoiser | None:
    """Return what takes the noise out of a stain: a model of Noise2Void."""
    if config.denoise is None:
        return None
    from talanoa.restoration.predict import restore

    model = folder.load(config.denoise)
    folder.check_kind(model, "image")
    asked = parse(RestoreRequest, {"model": config.denoise, "device": "cpu"}).request

    def denoise(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        made = restore(images.from_array(plane, "yx"), model, asked, QuietHost()).image
        return np.asarray(made.values[0, 0, 0], np.float32)

    return denoise


def _stain(
    request: TrainRequest,
    name: str,
    config: TargetConfig,
    prepared: Sequence[dict[str, NDArray[np.float32]]],
    roles: Sequence[str],
) -> Stain:
    """Return what the model's record says of a stain: what became 0 and 1."""
    if config.binarise:
        return Stain(name=name, prepare=config, mask=True)
    own = [each[name] for each, role in zip(prepared, roles, strict=True) if role == TRAINING]
    if request.stain_levels == "image":  # the middle of what the images had, so that intensities mean something
        low, high = (float(np.median([edge(each) for each in own])) for edge in (np.min, np.max))
    else:
        low, high = levels.of_stain(own, request.stain_low, request.stain_high)
    if not high > low:
        raise BadInput(
            f"{name}: {request.stain_low:g} to {request.stain_high:g} % of the values of all training images are "
            f"{low:g}; expected a stain that shows something. Check the images, or raise stain_high."
        )
    return Stain(name=name, prepare=config, low=low, high=high)


def _units(request: TrainRequest, stain: Stain, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a prepared stain (y, x) in the network's units."""
    if request.stain_levels == "image" and not stain.mask:
        stain = stain.model_copy(update={"low": float(values.min()), "high": float(values.max())})
    return stain.to_units(values)


def empty_notes(items: Sequence[LabelField], stains: Sequence[Stain]) -> list[str]:
    """Return a warning for each stain that no image shows anything of."""
    count = len({item.file for item in items})
    where = "the image" if count == 1 else f"any of the {count} images"
    return [
        f"{stain.name}: found nothing but noise in {where}; there is nothing to learn. Check that stains or "
        "target_channels name its images, that they are exposed long enough, and that prepare does not take "
        "everything away."
        for stain, empty in zip(stains, empty_stains(items).T, strict=True)
        if empty.all()
    ]


def as_trained(each: Seen, stains: Sequence[Stain]) -> NDArray[np.float32]:
    """Return the stains (stains, y, x) of a field as a trained model knows them: its preparation, its levels."""
    made = []
    for stain in stains:
        steps = _prepared(each, stain.name, stain.prepare, denoiser_of(stain.prepare))
        made.append(stain.to_units(next(reversed(steps.values()))))
    return np.stack(made)
