"""The recipe of each method that can be trained: one line each."""

from __future__ import annotations

from typing import Any

from talanoa.core.host import Host
from talanoa.labelling.train import recipe
from talanoa.restoration.train import recipe as restore_recipe
from talanoa.rois.given import Given
from talanoa.training import prepare as preparing
from talanoa.training import preview
from talanoa.training import run as running
from talanoa.training.recipe import Ready, Recipe
from talanoa.training.request import TrainRequest


def recipe_for(method: str) -> Recipe:
    """Return the recipe of a method as `TrainRequest.method` names it."""
    from talanoa.segmentation.train import mask_recipe, star_recipe

    objects = {"stardist": star_recipe.RECIPE, "segmentation": mask_recipe.RECIPE}
    return {**objects, "labelling": recipe.RECIPE, **restore_recipe.RECIPES}[method]


def prepare(request: TrainRequest, host: Host, given: Given | None = None) -> Ready:
    """Read and check everything for a training, see `talanoa.training.prepare.prepare`."""
    return preparing.prepare(request, recipe_for(request.method), host, given)


def look(request: TrainRequest, host: Host, given: Given | None = None) -> dict[str, Any]:
    """Do everything that comes before the first step, see `talanoa.training.preview.look`."""
    return preview.look(request, recipe_for(request.method), host, given)


def train(request: TrainRequest, host: Host, given: Given | None = None) -> running.TrainReply:
    """Train a model by the recipe of its method, see `talanoa.training.run.train`."""
    return running.train(request, recipe_for(request.method), host, given)
