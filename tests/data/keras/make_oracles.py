"""Make the small models of this folder with the original StarDist, and store what they predict.

Run it in an environment with `stardist` and `tensorflow` (and `tf-keras` for the variant of Keras 2); nothing of the
package or its tests imports it:

    python make_oracles.py             the variants of Keras 3
    TF_USE_LEGACY_KERAS=1 python make_oracles.py keras2

Each folder holds a model as the original writes it and ``oracle.npz``: the normalised image, the arrays of `predict`
and the labels and points of `predict_instances`. The weights are random (seeded), the biases of the distances
positive, so that polygons come out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from stardist import Rays_GoldenSpiral
from stardist.models import Config2D, Config3D, StarDist2D, StarDist3D

HERE = Path(__file__).resolve().parent
UNET = {"unet_n_filter_base": 4, "net_conv_after_unet": 8, "unet_n_depth": 2}
RESNET = {"backbone": "resnet", "resnet_n_filter_base": 4, "net_conv_after_resnet": 8}

# name: (configuration, image shape with channels last where there are several)
VARIANTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "grid1": (lambda: Config2D(n_rays=8, **UNET), (61, 75)),
    "grid2": (lambda: Config2D(n_rays=16, grid=(2, 2), **UNET), (90, 101)),
    "grid24_rgb": (
        lambda: Config2D(n_rays=8, grid=(2, 4), n_channel_in=3, **{**UNET, "unet_n_depth": 1}),
        (77, 101, 3),
    ),
    "batch_norm": (
        lambda: Config2D(n_rays=8, grid=(2, 2), unet_batch_norm=True, **{**UNET, "net_conv_after_unet": 0}),
        (70, 83),
    ),
    "classes": (lambda: Config2D(n_rays=8, grid=(2, 2), n_classes=2, **UNET), (64, 79)),
    "unet3d": (
        lambda: Config3D(rays=Rays_GoldenSpiral(12, anisotropy=(2, 1, 1)), grid=(1, 2, 2), anisotropy=(2, 1, 1),
                         **{**UNET, "unet_n_depth": 1, "unet_pool": (1, 2, 2)}),
        (9, 34, 41),
    ),
    "unet3d_norm": (
        lambda: Config3D(rays=12, grid=(2, 2, 2), unet_batch_norm=True, **{**UNET, "unet_n_depth": 1}),
        (14, 30, 37),
    ),
    "resnet3d": (
        lambda: Config3D(rays=12, grid=(1, 2, 2), anisotropy=(2, 1, 1), resnet_n_blocks=2, **RESNET),
        (9, 33, 38),
    ),
    "resnet3d_norm": (
        lambda: Config3D(rays=12, grid=(2, 4, 4), resnet_n_blocks=3, resnet_n_conv_per_block=2, resnet_batch_norm=True,
                         n_classes=2, **{**RESNET, "resnet_n_filter_base": 2}),
        (11, 38, 45),
    ),
}  # fmt: skip
KERAS2 = {"keras2": VARIANTS["batch_norm"], "keras2_resnet3d": VARIANTS["resnet3d"]}


def main() -> None:
    """Make the variants asked for."""
    legacy = sys.argv[1:] == ["keras2"]
    for number, (name, (config, shape)) in enumerate((KERAS2 if legacy else VARIANTS).items()):
        made = config()
        model = (StarDist2D if made.n_dim == 2 else StarDist3D)(made, name=name, basedir=str(HERE))
        rng = np.random.default_rng(number)
        randomise(model.keras_model, rng)
        # "grid1" is stored in Keras 3's own layout, the others as the original's check points are
        file = "weights_best.weights.h5" if name == "grid1" else "weights_best.h5"
        model.keras_model.save_weights(str(HERE / name / file))
        model.thresholds = {"prob": 0.55, "nms": 0.3}
        (HERE / name / "thresholds.json").write_text('{"prob": 0.55, "nms": 0.3}')
        np.savez_compressed(HERE / name / "oracle.npz", **predictions(model, image(rng, shape)))


def image(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a smooth random image about 0..1."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(rng.normal(0, 1, shape), [2] * len(shape) if shape[-1] != 3 else [2, 2, 0])
    low, high = np.percentile(noise, (1, 99.8))
    return ((noise - low) / (high - low)).astype(np.float32)


def randomise(net: Any, rng: np.random.Generator) -> None:
    """Give each layer weights that make the output lively, biases and batch statistics that are not the defaults."""
    for layer in net.layers:
        values = layer.get_weights()
        if not values:
            continue
        if len(values) == 4:  # batch normalisation: gamma, beta, mean, variance
            size = values[0].shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), rng.normal(0, 0.2, size), rng.normal(0, 0.2, size),
                               rng.uniform(0.3, 2, size)])  # fmt: skip
            continue
        fan_in = np.prod(values[0].shape[:-1])
        new = [rng.normal(0, np.sqrt(2 / fan_in), values[0].shape)]
        if layer.name == "dist":
            low = 9 if values[0].ndim == 4 else 3  # pixels
            new = [0.3 * new[0], rng.uniform(low, 2 * low, values[1].shape)]
        elif layer.name == "prob":
            new = [6 * new[0], np.full(values[1].shape, -1.0)]
        elif len(values) == 2:
            new.append(rng.normal(0, 0.1, values[1].shape))
        layer.set_weights(new)


def predictions(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return image, maps and instances."""
    maps = model.predict(x)
    threshold = float(np.percentile(maps[0], 75))  # lets candidates through whatever the weights are
    labels, found = model.predict_instances(x, prob_thresh=threshold)
    out = {"image": x, "prob": maps[0], "dist": maps[1], "labels": labels.astype(np.uint16)}
    out |= {"points": found["points"].astype(np.float32), "object_prob": found["prob"].astype(np.float32)}
    out |= {"prob_thresh": np.float64(threshold), "nms_thresh": np.float64(model.thresholds.nms)}
    if len(maps) > 2:
        out |= {"prob_class": maps[2], "class_id": np.asarray(found["class_id"], np.int32)}
    return out


if __name__ == "__main__":
    main()
