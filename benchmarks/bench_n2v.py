"""Noise2Void beside n2v and CAREamics: masks, a training step, the restoration of an image.

Usage: python benchmarks/bench_n2v.py [PART OF A CASE ...]     (TALANOA_PEERS=<folder with n2v/ and careamics/>)
Prints one JSON line per figure, each from a process of its own: the best seconds of `n` runs, their processor
time (`cpu`, all threads) and the largest memory of the process (`peak_mb`). Networks that restore were made by
processes that are gone, those of CAREamics by one step of training. A training step is forward, loss, backward, update
on 128 patches of 64² with batch normalisation; "talanoa bfloat16" is mixed_precision=true. CAREamics has our default
network (333,729 weights), its step includes masking as its training does; n2v 0.3 has a narrower decoder (287,489), for
which "talanoa, narrow" is the same. OMP_NUM_THREADS limits the threads of all packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CASES: dict[str, dict[str, Any]] = {
    "masks 128 x 64², 0.198 %": {"percent": 0.198},
    "masks 128 x 64², 1.5 %": {"percent": 1.5},
    "step 128 x 64²": {},
    "restore 1024²": {"side": 1024},
    "restore 4096²": {"side": 4096},
}
IMPLEMENTATIONS = {
    "talanoa": "",
    "talanoa bfloat16": "",
    "careamics": "careamics",
    "talanoa, narrow": "",
    "talanoa bfloat16, narrow": "",
    "n2v": "n2v",
}


def patches() -> np.ndarray:
    """Return 128 patches of noise, channels first."""
    return np.random.default_rng(0).normal(0, 1, (128, 1, 64, 64)).astype(np.float32)


def noise(side: int) -> np.ndarray:
    """Return an image of noise."""
    return np.random.default_rng(0).normal(0, 1, (side, side)).astype(np.float32)


def talanoa(impl: str, case: dict[str, Any]) -> Any:
    """Return our work on a case; None where it would say nothing new."""
    import ours

    from talanoa.models import methods
    from talanoa.models.methods.n2v_masking import mask_batch

    narrow, half = impl.endswith("narrow"), "bfloat16" in impl
    keys = {"narrow_decoder": True} if narrow else {}
    if "percent" in case:
        config, numbers = methods.get("n2v").config(masked_percent=case["percent"]), iter(range(10**6))
        x = patches()
        return None if narrow or half else lambda: mask_batch(x, config, np.random.default_rng(next(numbers)))
    if "side" in case:
        return None if half else ours.restore("n2v", keys, noise(case["side"]))
    config = methods.get("n2v").config(**keys)
    masked, mask = mask_batch(patches(), config, np.random.default_rng(1))
    return ours.train_step("n2v", keys, masked, (patches(), mask), half)[0]


def n2v(case: dict[str, Any]) -> Any:
    """Return the work of n2v on a case."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from n2v.internals.N2V_DataWrapper import N2V_DataWrapper
    from n2v.models import N2V, N2VConfig
    from n2v.utils.n2v_utils import pm_uniform_withCP

    data = np.random.default_rng(0).normal(0, 1, (128, 64, 64, 1)).astype(np.float32)
    both = np.concatenate([data, np.zeros_like(data)], -1)
    keys = {"perc_pix": case.get("percent", 1.5), "shape": (64, 64), "value_manipulation": pm_uniform_withCP(5)}
    if "percent" in case:
        batches, numbers = N2V_DataWrapper(data, both, 128, 64, **keys), iter(range(10**6))
        return lambda: batches[next(numbers) % 64]
    config = N2VConfig(data, unet_kern_size=3, train_loss="mse", train_batch_size=128, train_tensorboard=False)
    model = N2V(config, "same", basedir=tempfile.mkdtemp())
    if "side" in case:
        image, tiles = noise(case["side"]), (4, 4) if case["side"] > 2048 else None
        return lambda: model.predict(image, "YX", n_tiles=tiles)
    model.prepare_for_training()
    x, y = N2V_DataWrapper(data, both, 128, 64, **keys)[0]
    return lambda: model.keras_model.train_on_batch(x, y)


def careamics_config() -> Any:
    """Return the configuration of CAREamics for our default network."""
    from careamics.config.factories import create_advanced_n2v_config

    sizes: dict[str, Any] = {"patch_size": (64, 64), "batch_size": 128, "num_epochs": 1, "num_steps": 1}
    sizes["model_params"] = {"depth": 2, "num_channels_init": 32}
    return create_advanced_n2v_config(experiment_name="same", data_type="array", axes="YX", **sizes)


def careamics(case: dict[str, Any]) -> Any:
    """Return the work of CAREamics on a case."""
    import torch
    from careamics.lightning.modules.n2v_module import N2VModule

    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    config = careamics_config()
    config.algorithm_config.n2v_config.masked_pixel_percentage = case.get("percent", 1.5)
    if "side" in case:
        from careamics import CAREamist

        folder = Path(tempfile.mkdtemp())
        subprocess.run([sys.executable, __file__, "--train", str(folder)], check=True, stdout=subprocess.DEVNULL)
        whole = CAREamist(checkpoint_path=next(folder.rglob("*.ckpt")), work_dir=folder)
        tiling = {"tile_size": (512, 512), "tile_overlap": (48, 48)} if case["side"] > 2048 else {"tile_overlap": None}
        image = noise(case["side"])
        return lambda: whole.predict(image, batch_size=1, **tiling)
    module = N2VModule(config.algorithm_config)
    x = torch.from_numpy(patches())
    module.n2v_manipulate.rng = torch.Generator().manual_seed(0)
    if "percent" in case:
        return lambda: module.n2v_manipulate(x)
    optimizer = torch.optim.Adam(module.model.parameters())

    def step() -> None:
        masked, original, mask = module.n2v_manipulate(x)
        loss = module.loss_func(module.model(masked), original, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main(*arguments: str) -> int:
    """Measure all cases, or those asked for; with --one: an implementation and a case, here."""
    import alone

    if arguments[:1] == ("--train",):
        from careamics import CAREamist

        CAREamist(careamics_config(), work_dir=arguments[1]).train(train_data=noise(1024))
        return 0
    if arguments[:1] != ("--one",):
        return alone.run_all(__file__, CASES, IMPLEMENTATIONS, arguments)
    impl, name = arguments[1:]
    case = CASES[name]
    work = {"n2v": n2v, "careamics": careamics}[impl](case) if impl in ("n2v", "careamics") else talanoa(impl, case)
    if work is not None:
        alone.report("Noise2Void, " + name.split(" ")[0], impl, name, work, 2 if "4096" in name else 5)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
