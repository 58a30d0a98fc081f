"""Everything that a training needs before its first step: data, configuration, settings, warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talanoa.core import devices, lock
from talanoa.core.errors import BadInput
from talanoa.core.host import Host
from talanoa.models import folder as model_folder
from talanoa.training import distributed, estimate, loop
from talanoa.training.checkpoint_folder import is_begun, read_plan, working_folder
from talanoa.training.recipe import Parts, Ready, Recipe
from talanoa.training.request import TrainRequest
from talanoa.training.start import with_request

if TYPE_CHECKING:
    from talanoa.rois.given import Given


def prepare(request: TrainRequest, recipe: Recipe, host: Host, given: Given | None = None) -> Ready:
    """Read and check everything; `quick` is fitted to this device.

    Parameters
    ----------
    request : TrainRequest
        What is to be trained.
    recipe : Recipe
        Of its method.
    host : Host
        Progress and cancelling.
    given : Given, optional
        The open image with its selection, for a method that trains on one.

    Raises
    ------
    BadInput
        Name taken, data that cannot be used, settings that do not fit, device that is not there.
    """
    folder = model_folder.check_name(request.name)
    if not lock.is_held(working_folder(folder)):  # by another process, which is told when it is our turn
        is_begun(working_folder(folder), request.resume)
    device = devices.choose(request.device)
    loaded = recipe.load(request, host, given)
    parts = _limited(recipe.split(loaded.items, request.validation, request.seed), request)
    init = model_folder.load(request.init) if request.init else None
    method, config = recipe.configure(request, loaded, init)
    request = _resumed(request, folder)
    settings = recipe.settings(request, loaded.items, config)
    ready = Ready(
        request,
        recipe,
        method,
        config,
        settings,
        loaded.items,
        parts,
        init,
        folder,
        device,
        loaded.classes,
        [],
        loaded.normalization,
        loaded.extra,
    )
    if _is_fitted(request, folder):
        ready = with_request(ready, estimate.fitted(ready, host))
    return replace(ready, warnings=recipe.warnings(loaded.items, parts, ready.settings))


def _limited(parts: Parts, request: TrainRequest) -> Parts:
    """Return the first `n_images` of the training images in an order drawn by the seed: more images contain fewer."""
    if request.n_images is None:
        return parts
    if request.n_images > len(parts[0]):
        raise BadInput(
            f"n_images={request.n_images}, but {len(parts[0])} images are there to train on ({len(parts[1])} more to "
            f"validate on); expected {len(parts[0])} or fewer. Annotate more, or lower it."
        )
    order = np.random.default_rng((request.seed, 1)).permutation(len(parts[0]))[: request.n_images]
    return [parts[0][k] for k in sorted(order.tolist())], parts[1]


def _resumed(request: TrainRequest, folder: Path) -> TrainRequest:
    """Return a request to go on with `quick` with the length that was chosen when it began."""
    plan = read_plan(working_folder(folder)) if request.resume else None
    if plan is None or not _is_open(request):
        return request
    return request.model_copy(update={key: plan["settings"][key] for key in ("epochs", "steps", "batch")})


def _is_open(request: TrainRequest) -> bool:
    """Tell whether a request leaves its length to `quick`."""
    return request.preset == "quick" and request.epochs is None and request.steps is None


def _is_fitted(request: TrainRequest, folder: Path) -> bool:
    """Tell whether the length is chosen by measuring: not for a training that is refused or in several processes."""
    begun = (working_folder(folder) / loop.CHECKPOINT).is_file()
    return _is_open(request) and not begun and not distributed.launched()
