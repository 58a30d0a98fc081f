"""The methods that can be trained and applied: one file each, one line each in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from talanoa.core.errors import BadInput
from talanoa.models.methods import (
    care,
    care_isotropic,
    care_projection,
    image_to_image,
    labelling,
    n2v,
    segmentation,
    star_convex,
    stardist,
    stardist3d,
)


@dataclass(frozen=True)
class Method:
    """What the training loop and the model folder need to know of a method.

    Parameters
    ----------
    config : function (**keys) -> config
        Validates a configuration.
    build : function (config) -> torch.nn.Module
        The network with fresh weights; it answers with a tuple of tensors in single precision.
    targets : function (labels, config, classes) -> tuple of arrays, or None
        What the network shall answer for a label patch; `classes` are those of the labels, or None. Methods whose
        answers are images need no such function.
    loss : function (output, target, config) -> dict of tensors
        Losses by name; ``loss`` is the one to minimise.
    maps : function (tuple of tensors) -> tuple of tensors
        What is stored and used of the network's output: probabilities instead of logits, images as they are.
    thresholds : function () -> dict
        Decision thresholds of a model whose own were not optimised; none for images.
    ndim : int
        2 for methods that take planes, 3 for those that take volumes.
    kind : "objects", "image" or "stains"
        What comes out: labelled objects, the image itself as it should be, or stains that it does not show.
    decode : "stars" or "mask"
        How objects come out of the network's answer: star-convex ones, or the connected parts of a mask.
    begin : function (net, config, settings) -> None, or None
        Gives a fresh network the weights from which a training starts; None: those it has.
    opponent : function (config) -> torch.nn.Module or None, or None
        The discriminator of a generative adversarial network, see `talanoa.training.adversarial`.
    backbone : function (config, settings) -> torch.nn.Module or None, or None
        What a loss looks through; `loss` gets it as a fourth argument, and the training keeps it.
    acquaint : function (backbone, draw, settings, host) -> None, or None
        Lets a backbone learn from the training's own batches, ``draw(number)``, before the first step.
    """

    config: Callable[..., Any]
    build: Callable[[Any], Any]
    targets: Any
    loss: Callable[..., dict[str, Any]]
    maps: Callable[[Any], tuple[Any, ...]]
    thresholds: Callable[[], dict[str, float]]
    ndim: int = 2
    kind: Literal["objects", "image", "stains"] = "objects"
    decode: Literal["stars", "mask"] = "stars"
    begin: Callable[[Any, Any, Any], None] | None = None
    opponent: Callable[[Any], Any] | None = None
    backbone: Callable[[Any, Any], Any] | None = None
    acquaint: Callable[[Any, Any, Any, Any], None] | None = None


def _star_convex(kind: Any, ndim: int) -> Method:
    """Return a method whose network answers with probabilities and distances."""
    rest = (star_convex.loss, star_convex.maps, star_convex.default_thresholds)
    return Method(kind.config_from, kind.build, kind.targets, *rest, ndim)


def _image(kind: Any, ndim: int, config: Callable[..., Any] | None = None) -> Method:
    """Return a method whose network answers with an image."""
    config = config or (kind.config_from if ndim == 2 else kind.config_from_3d)
    return Method(config, kind.build, None, kind.loss, image_to_image.maps, image_to_image.no_thresholds, ndim, "image")


def _stains(kind: Any) -> Method:
    """Return a method whose network answers with stains."""
    rest = (image_to_image.maps, image_to_image.no_thresholds)
    hooks = (kind.begin, kind.opponent, kind.backbone, kind.acquaint)
    return Method(kind.config_from, kind.build, None, kind.loss, *rest, 2, "stains", "stars", *hooks)


def _mask(kind: Any) -> Method:
    """Return a method whose network answers with the probability of objects."""
    rest = (kind.loss, image_to_image.maps, kind.default_thresholds)
    return Method(kind.config_from, kind.build, kind.targets, *rest, 2, "objects", "mask")


METHODS = {
    "stardist": _star_convex(stardist, 2),
    "stardist3d": _star_convex(stardist3d, 3),
    "care": _image(care, 2),
    "care3d": _image(care, 3),
    # of volumes, though their networks, or the last part of them, are for planes
    "care_projection": _image(care_projection, 3, care_projection.config_from),
    "care_isotropic": _image(care_isotropic, 3, care_isotropic.config_from),
    "n2v": _image(n2v, 2),
    "n2v3d": _image(n2v, 3),
    "labelling": _stains(labelling),
    "segmentation": _mask(segmentation),
}
# which method does in volumes what another does in planes
VOLUMES = {"stardist": "stardist3d", "care": "care3d", "n2v": "n2v3d"}


def get(name: str) -> Method:
    """Return a method by name; an unknown one is a `BadInput` that lists the known ones."""
    if name not in METHODS:
        raise BadInput(f"Unknown method {name!r}; known methods: {', '.join(METHODS)}.")
    return METHODS[name]


def variant(name: str, ndim: int) -> str:
    """Return the name of a method's variant for planes (2) or volumes (3)."""
    return VOLUMES[name] if ndim == 3 else name
