"""Make the small models of this folder with the original CARE (CSBDeep) and n2v, and store what they predict.

Run it in an environment with that package and TensorFlow; nothing of the package or its tests imports it:

    python make_oracles.py care     CSBDeep 0.8.2, Keras 3
    python make_oracles.py n2v      n2v 0.3.3, Keras 2

Each folder holds a model as the original writes it and ``oracle.npz``: the image, and what `predict` (or
`predict_probabilistic`) makes of it, in the image's units. The weights are random (seeded). The sides are multiples of
what the network needs, so that nothing is padded: the original pads on both sides, ours on the far ones.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

HERE = Path(__file__).resolve().parent

# name: (axes, configuration, image shape with channels last where there are several)
CARE: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "care": ("YX", {"unet_n_first": 4}, (24, 40)),
    "care_channels": ("YXC", {"unet_n_first": 4, "n_channel_in": 2, "unet_kern_size": 3}, (24, 32, 2)),
    "care_probabilistic": ("YX", {"unet_n_first": 4, "unet_n_depth": 1, "probabilistic": True}, (22, 30)),
    "care3d": ("ZYX", {"unet_n_first": 4, "unet_n_depth": 1}, (6, 16, 20)),
    "care3d_probabilistic": ("ZYX", {"unet_n_first": 4, "unet_n_depth": 1, "probabilistic": True}, (6, 16, 20)),
}
N2V: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "n2v": ("YX", {"unet_n_first": 4, "unet_kern_size": 3}, (24, 40)),
    "n2v_residual": (
        "YX",
        {"unet_n_first": 4, "unet_n_depth": 1, "unet_residual": True, "batch_norm": False},
        (22, 30),
    ),
    "n2v_separate": ("YXC", {"unet_n_first": 4, "unet_kern_size": 3, "unet_n_depth": 1}, (24, 32, 2)),
    "n2v_joint": (
        "YXC",
        {"unet_n_first": 4, "unet_kern_size": 3, "unet_n_depth": 1, "single_net_per_channel": False},
        (24, 32, 2),
    ),
    "n2v2": (
        "YX",
        {"unet_n_first": 4, "unet_kern_size": 3, "blurpool": True, "skip_skipone": True, "n2v_manipulator": "median"},
        (24, 40),
    ),
    "n2v3d": ("ZYX", {"unet_n_first": 4, "unet_kern_size": 3, "unet_n_depth": 1}, (6, 16, 20)),
    "n2v_struct": (
        "YX",
        {"unet_n_first": 4, "unet_kern_size": 3, "unet_n_depth": 1, "structN2Vmask": [[0, 1, 1, 1, 1, 1, 0]]},
        (24, 40),
    ),
}


def main() -> None:
    """Make the models of the package asked for."""
    package = sys.argv[1]
    for number, (name, (axes, keys, shape)) in enumerate((CARE if package == "care" else N2V).items()):
        rng = np.random.default_rng(number)
        x = image(rng, shape)
        model = (care if package == "care" else n2v)(name, axes, keys, x)
        randomise(model.keras_model, rng)
        model.keras_model.save_weights(str(HERE / name / "weights_best.h5"))
        if keys.get("probabilistic"):
            found = model.predict_probabilistic(x, axes)
            out = {"mean": found.mean(), "scale": found.scale()}
        else:
            out = {"mean": model.predict(x, axes)}
        np.savez_compressed(HERE / name / "oracle.npz", image=x, **out)


def care(name: str, axes: str, keys: dict[str, Any], x: np.ndarray) -> Any:
    """Return a model of CSBDeep."""
    from csbdeep.models import CARE as Model
    from csbdeep.models import Config

    return Model(Config(axes, **keys), name, basedir=str(HERE))


def n2v(name: str, axes: str, keys: dict[str, Any], x: np.ndarray) -> Any:
    """Return a model of n2v."""
    from n2v.models import N2V as Model
    from n2v.models import N2VConfig

    batch = x[None] if axes.endswith("C") else x[None, ..., None]
    model = Model(N2VConfig(batch, **keys), name, basedir=str(HERE))
    config = HERE / name / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()), indent=1))
    return model


def image(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a smooth random image about 500..2500, with another gain in a second channel."""
    from scipy import ndimage

    channels = shape[-1] == 2
    noise = ndimage.gaussian_filter(rng.normal(0, 1, shape), [2] * (len(shape) - channels) + [0] * channels)
    found = 500 + 2000 * (noise - noise.min()) / np.ptp(noise)
    if channels:
        found[..., 1] = found[..., 1] * 0.1 + 30
    return found.astype(np.float32)


def randomise(net: Any, rng: np.random.Generator) -> None:
    """Give each layer weights that make the output lively, biases and batch statistics that are not the defaults."""
    for layer in net.layers:
        values = layer.get_weights()
        if not values or "blur" in layer.name or (values[0].shape[:2] == (3, 3) and len(values) == 1):
            continue  # blurs stay what they are
        if len(values) == 4:  # batch normalisation: gamma, beta, mean, variance
            size = values[0].shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), rng.normal(0, 0.2, size), rng.normal(0, 0.2, size),
                               rng.uniform(0.3, 2, size)])  # fmt: skip
            continue
        fan_in = np.prod(values[0].shape[:-1])
        layer.set_weights([rng.normal(0, np.sqrt(2 / fan_in), values[0].shape), rng.normal(0, 0.1, values[1].shape)])


if __name__ == "__main__":
    main()
