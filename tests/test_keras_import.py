"""Models of the original StarDist predict here as they do there; `data/keras/make_oracles.py` made what is expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talanoa import inference, keras_import, methods, tiles
from talanoa.torch_run import TorchRunner

ORACLES = Path(__file__).resolve().parent / "data" / "keras"
MODELS = sorted(path.parent.name for path in ORACLES.glob("*/config.json"))


@pytest.mark.parametrize("name", MODELS)
def test_imported_models_predict_what_the_original_does(name: str) -> None:
    imported = keras_import.read(ORACLES / name, name)
    method = methods.get(imported.model.method)
    config = method.config(**imported.model.config)
    net = method.build(config)
    net.load_state_dict(imported.weights)
    expected = np.load(ORACLES / name / "oracle.npz")
    image = expected["image"]
    image = np.moveaxis(image, -1, 0) if image.ndim > len(config.grid) else image[None]
    plan = tiles.plan(image.shape[1:], (1,) * len(config.grid), config.halo, config.multiple)
    ((_, maps),) = inference.outputs(TorchRunner(net), image, plan, config)
    assert np.abs(maps.prob - expected["prob"]).max() < 1e-4
    dist = np.maximum(np.moveaxis(maps.dist, 0, -1), 1e-3)
    assert np.abs(dist - expected["dist"]).max() < 1e-4
    if "prob_class" in expected:
        assert maps.classes is not None
        assert np.abs(np.moveaxis(maps.classes, 0, -1) - expected["prob_class"]).max() < 1e-4
