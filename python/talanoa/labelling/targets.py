"""What is made of a stain before a network learns it: projection, background, noise, masks; every step can be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from talanoa.core.errors import BadInput, counted
from talanoa.core.request import from_one_to
from talanoa.image.ops import background
from talanoa.segmentation.classical import recipes

Steps = dict[str, NDArray[np.float32]]
Denoiser = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class TargetConfig(BaseModel):
    """How a stain is prepared, in this order; complete, so that a model folder can keep it.

    Parameters
    ----------
    project : "max", "mean" or a number
        Of the planes of a stack: the brightest value of each pixel, the mean, or one plane, counted from 1.
    rolling_ball : float or None
        Radius in pixels of the ball whose background is subtracted.
    clip : float or None
        Percentile to which everything darker is raised; 90 in the source, for stains in small structures.
    denoise : str or None
        Model of Noise2Void by which noise is taken out.
    binarise : bool
        A mask instead of intensities: local threshold and opening, as `talanoa.segmentation.classical.recipes.gfp`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Literal["max", "mean"] | Annotated[int, Field(ge=1)] = "max"
    rolling_ball: Annotated[float, Field(gt=0)] | None = None
    clip: Annotated[float, Field(gt=0, lt=100)] | None = None
    denoise: Annotated[str, Field(min_length=1)] | None = None
    binarise: bool = False


def config_from(text: str = "") -> TargetConfig:
    """Read a preparation as it stands in a request.

    >>> config_from("rolling_ball=50 clip=90").clip
    90.0
    >>> config_from("denoise=my n2v model clip=90").denoise
    'my n2v model'

    Raises
    ------
    BadInput
        An unknown step or a value out of its range.
    """
    keys: dict[str, str | int] = {}
    last = ""
    for word in text.replace(",", " ").split():
        key, equals, value = word.partition("=")
        if last == "denoise" and not equals and key not in TargetConfig.model_fields:  # a name with a blank
            keys[last] = f"{keys[last]} {word}"
            continue
        keys[key], last = value or True, key
    if str(keys.get("project", "")).isdigit():
        keys["project"] = int(str(keys["project"]))
    try:
        return TargetConfig.model_validate(keys)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        steps = ", ".join(TargetConfig.model_fields)
        wrong = f"{key}={keys.get(key)}: {first['msg']}" if key in TargetConfig.model_fields else f"{key} is no step"
        raise BadInput(
            f'Preparation of a stain: {wrong}. Steps are {steps}, such as "rolling_ball=50 clip=90".'
        ) from error


def prepare(stack: NDArray, config: TargetConfig, denoiser: Denoiser | None = None) -> Steps:
    """Return a stain after each step, in order; the last one is what a network learns.

    Parameters
    ----------
    stack : ndarray, (z, y, x)
        Finite intensities; one plane has z = 1.
    config : TargetConfig
    denoiser : function (plane) -> plane, optional
        What ``denoise`` does.

    Returns
    -------
    dict of str to ndarray of float32, (y, x)

    Raises
    ------
    BadInput
        A plane that the stack does not have.
    """
    steps: Steps = {"projected": project(stack, config.project)}

    def last() -> NDArray[np.float32]:
        return next(reversed(steps.values()))

    if config.rolling_ball is not None:
        steps["rolling ball"] = background.rolling_ball(last(), config.rolling_ball)
    if config.clip is not None:
        steps["clipped"] = background.clip_low(last(), config.clip)
    if config.denoise is not None and denoiser is not None:
        steps["denoised"] = denoiser(last())
    if config.binarise:
        steps["binary"] = (recipes.gfp(last()).labels > 0).astype(np.float32)
    return steps


def project(stack: NDArray, how: str | int) -> NDArray[np.float32]:
    """Return one plane (y, x) of a stack (z, y, x): "max", "mean", or the plane of a number, counted from 1."""
    if isinstance(how, int):
        if how > len(stack):
            raise BadInput(
                f"project={how}: the stack has {counted(len(stack), 'plane')}; expected {from_one_to(len(stack))}."
            )
        return stack[how - 1].astype(np.float32)
    return np.asarray(stack.max(axis=0) if how == "max" else stack.mean(axis=0), np.float32)
