"""Every preset that the dialog offers exists for every method that it offers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from helpers.synthetic import write_pairs, write_stacks
from talanoa.core import resources
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.labelling.data.field import LabelField
from talanoa.labelling.train import presets
from talanoa.segmentation.train import star_recipe, volumes
from talanoa.tasks.recipes import recipe_for
from talanoa.training import settings
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings


def offered(name: str) -> list[str]:
    """Return the choices of an input of the dialog."""
    script = (resources.fiji_scripts() / "Plugins" / "Talanoa" / "Train_Model.py").read_text(encoding="ascii")
    line = next(line for line in script.splitlines() if line.startswith("#@") and line.endswith(f" {name}"))
    return re.findall(r'"([^"]*)"', re.search(r"choices=\{([^}]*)\}", line)[1])  # type: ignore[index]


@cache
def data(ndim: int) -> dict[str, str]:
    """Write two fields of nuclei, or two stacks, with their label images."""
    folder = Path(mkdtemp(prefix="talanoa-presets-"))
    images, targets = (write_pairs if ndim == 2 else write_stacks)(folder, 2)
    return {"images": str(images), "targets": str(targets)}


def chosen(method: str, ndim: int, **keys: Any) -> Settings:
    """Return the settings of a training as they are checked before its first step."""
    given = dict(data(ndim)) if method != "n2v" else {"images": data(ndim)["images"]}
    if method == "labelling":
        given.pop("targets")
    request = parse(TrainRequest, {"method": method, "name": "a", "depth": 2, **given, **keys}).request
    recipe = recipe_for(method)
    if method == "labelling":
        field = LabelField("a", np.zeros((1, 512, 512), np.float32), np.zeros((1, 512, 512), np.float32))
        items, config = [field], presets.config_of(request, 1, 1)
    else:
        loaded = recipe.load(request, QuietHost(), None)
        items, config = loaded.items, recipe.configure(request, loaded, None)[1]
    return recipe.settings(request, items, config)


CASES = [(method, ndim) for method in offered("method") for ndim in (2, 3)]
PLANES_ONLY = {"segmentation", "labelling"}


@pytest.mark.parametrize("preset", offered("preset"))
@pytest.mark.parametrize(("method", "ndim"), [case for case in CASES if case[1] == 2 or case[0] not in PLANES_ONLY])
def test_every_method_has_every_preset_of_the_dialog(method: str, ndim: int, preset: str) -> None:
    found = chosen(method, ndim, preset=preset)
    assert found.epochs > 1 and found.steps > 1 and (found.patch_z is None) == (ndim == 2)


@pytest.mark.parametrize("ndim", [2, 3])
def test_stardist_published_is_50_steps_by_200_epochs_on_patches_of_256(ndim: int) -> None:
    found = chosen("stardist", ndim, preset="published")
    assert (found.steps, found.epochs, found.lr) == (50, 200, 3e-4)
    assert (star_recipe if ndim == 2 else volumes).PRESETS["published"]["patch"] == 256
    assert TrainRequest.model_fields["validation"].default == 0.1


def test_a_preset_that_a_method_lacks_is_refused_with_those_it_has() -> None:
    request = parse(TrainRequest, {"method": "care", "images": "i", "targets": "t", "name": "a", "preset": "long"})
    with pytest.raises(BadInput, match="preset=long: method=care has no preset of this name; expected one of quick, b"):
        settings.preset_of(request.request, {"quick": {}, "b": {}})
