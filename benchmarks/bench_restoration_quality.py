"""How well noise is taken away from dsb2018_fluo: CARE and Noise2Void after equal steps, beside peers and filters.

Usage: python benchmarks/bench_restoration_quality.py [STEPS [SEEDS [LEVEL ...]]]
(TALANOA_DATA=<folder that holds dsb2018_fluo>; TALANOA_PEERS=<folder with stardist/ for CSBDeep, careamics/, bm3d/>;
TALANOA_ONLY=<some of the names in `IMPLEMENTATIONS`, separated by ";">)

Each image of `train` and `test` gets photon and read noise from a seed. All networks have the same size (32 channels,
2 poolings, 3 x 3; those of Noise2Void with batch normalisation), see the same patches in the same order, with Adam at
the same rate, without augmentation, and restore the same crops of the test images. Filters have their strength chosen
on the clean test images, which flatters them; BM3D is told the noise. Scores are means over the crops: PSNR after the
best gain and offset, with the data range of the clean image, and SSIM after the same. Prints one JSON line per figure:
mean and standard deviation over the seeds; `gain` is PSNR over that of the noisy image.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("TALANOA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
LEVELS = {"weak": (60.0, 2.0), "middle": (20.0, 2.0), "strong": (5.0, 1.0)}  # photons at white, read noise in photons
PATCH, BATCH, RATE, CROP, TESTS = 64, 8, 4e-4, 192, 16
Arrays = dict[str, np.ndarray]
Network = Callable[[np.ndarray], np.ndarray]
IMPLEMENTATIONS = {
    "talanoa CARE": "",
    "talanoa CARE, bfloat16": "",
    "csbdeep CARE": "stardist",
    "talanoa N2V": "",
    "talanoa N2V, bfloat16": "",
    "careamics N2V": "careamics",
    "BM3D": "bm3d",
}


def noisy(clean: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Return an image 0..1 as a camera with few photons sees it, in photons."""
    photons, read = LEVELS[level]
    return (rng.poisson(clean * photons) + rng.normal(0, read, clean.shape)).astype(np.float32)


def images(part: str) -> list[np.ndarray]:
    """Return the clean images of a part that are large enough, 0..1."""
    import tifffile

    found = [tifffile.imread(path) for path in sorted((DATA / "dsb2018_fluo" / part / "images").glob("*.tif"))]
    fit = [each for each in found if min(each.shape) >= CROP]
    return [np.clip(each / np.percentile(each, 99.9), 0, 1).astype(np.float32) for each in fit]


def limits(image: np.ndarray) -> np.ndarray:
    """Return an image with its percentiles 3 and 99.8 at 0 and 1."""
    low, high = np.percentile(image, (3, 99.8))
    return ((image - low) / (high - low)).astype(np.float32)


def material(level: str, seed: int, steps: int) -> Arrays:
    """Draw the batches of a training and the crops of the test."""
    rng = np.random.default_rng((seed, list(LEVELS).index(level)))
    pairs = [(noisy(each, level, rng), each) for each in images("train")]
    mean = float(np.mean([np.mean(low) for low, _ in pairs]))
    std = float(np.sqrt(np.mean([np.var(low) for low, _ in pairs])))
    batches = np.empty((3, steps, BATCH, PATCH, PATCH), np.float32)  # for CARE: low and high; for Noise2Void
    for place in np.ndindex(steps, BATCH):
        low, high = pairs[rng.integers(len(pairs))]
        y, x = (rng.integers(0, side - PATCH + 1) for side in low.shape)
        cut = np.s_[y : y + PATCH, x : x + PATCH]
        batches[(0, *place)], batches[(1, *place)] = limits(low)[cut], limits(high)[cut]
        batches[(2, *place)] = (low[cut] - mean) / std
    clean = np.stack([each[:CROP, :CROP] for each in images("test")[:TESTS]])
    test = np.stack([noisy(each, level, rng) for each in clean])
    scaled = np.stack([limits(each) for each in test])
    return {
        "batches": batches,
        "clean": clean,
        "test": test,
        "test_care": scaled,
        "test_n2v": (test - mean) / std,
        "noise": np.array([np.sqrt(LEVELS[level][1] ** 2 + float(test.mean()))]),
    }


def ours(method: str, half: bool, data: Arrays, seed: int) -> Network:
    """Train our network and return it."""
    import torch

    from talanoa.models import methods
    from talanoa.models.methods.n2v_masking import mask_batch
    from talanoa.training import loop
    from talanoa.training.settings import Settings

    chosen = methods.get(method)
    config = chosen.config(unet_kernel_size=3)
    settings = Settings(lr=RATE, mixed_precision=half, patch=PATCH, batch=BATCH, seed=seed)
    device = torch.device("cpu")
    trainer = loop.start(chosen, config, settings, device)
    rng = np.random.default_rng(seed)
    low, high, standard = data["batches"]
    for step in range(len(low)):
        if method == "care":
            images, answers = low[step][:, None], (high[step][:, None],)
        else:
            original = standard[step][:, None]
            images, mask = mask_batch(original, config, rng)
            answers = (original, mask)
        batch = (torch.from_numpy(images), tuple(torch.from_numpy(each) for each in answers))
        loop.train_step(trainer, batch, chosen, config, settings, step, device)
    net = trainer.net.eval()

    def restored(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(image)[None, None])[0][0, 0].numpy()

    return restored


def csbdeep(data: Arrays, seed: int) -> Network:
    """Train the network of CSBDeep and return it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow
    from csbdeep.models import CARE, Config

    tensorflow.keras.utils.set_random_seed(seed)
    config = Config("YX", unet_kern_size=3, train_learning_rate=RATE, train_tensorboard=False)
    model = CARE(config, "same", basedir=None)
    model.prepare_for_training()
    low, high, _ = data["batches"]
    for step in range(len(low)):
        model.keras_model.train_on_batch(low[step][..., None], high[step][..., None])
    return lambda image: model.keras_model.predict(image[None, ..., None], verbose=0)[0, ..., 0]


def careamics(data: Arrays, seed: int) -> Network:
    """Train the network of CAREamics and return it."""
    import torch
    from careamics.config.factories import create_advanced_n2v_config
    from careamics.lightning.modules.n2v_module import N2VModule

    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"patch_size": (PATCH, PATCH), "batch_size": BATCH, "num_epochs": 1, "num_steps": 1}
    sizes["model_params"] = {"depth": 2, "num_channels_init": 32}
    config = create_advanced_n2v_config(experiment_name="same", data_type="array", axes="YX", **sizes)
    config.algorithm_config.n2v_config.masked_pixel_percentage = 1.5
    module = N2VModule(config.algorithm_config)
    module.n2v_manipulate.rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.model.parameters(), lr=RATE)
    for patches in data["batches"][2]:
        masked, original, mask = module.n2v_manipulate(torch.from_numpy(patches)[:, None])
        loss = module.loss_func(module.model(masked), original, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net = module.model.eval()

    def restored(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(image)[None, None])[0, 0].numpy()

    return restored


def trained(impl: str, data: Arrays, seed: int) -> np.ndarray:
    """Return the test crops as one implementation restores them."""
    if impl == "BM3D":
        from bm3d import bm3d

        return np.stack([bm3d(each, float(data["noise"][0])) for each in data["test"]])
    half = impl.endswith("bfloat16")
    if impl == "csbdeep CARE":
        network = csbdeep(data, seed)
    elif impl == "careamics N2V":
        network = careamics(data, seed)
    else:
        network = ours("care" if "CARE" in impl else "n2v", half, data, seed)
    return np.stack([network(each) for each in data["test_care" if "CARE" in impl else "test_n2v"]])


def filters(data: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """Yield Gaussian and median filters at their best strength, and the noisy crops."""
    from scipy import ndimage

    test, clean = data["test"], data["clean"]
    yield "noisy", test
    blurred = [np.stack([ndimage.gaussian_filter(each, sigma) for each in test]) for sigma in (0.7, 1, 1.5, 2, 3)]
    medians = [np.stack([ndimage.median_filter(each, side) for each in test]) for side in (3, 5, 7)]
    for name, tried in (("Gaussian", blurred), ("median", medians)):
        yield name, max(tried, key=lambda found: score(clean, found)[0])


def score(clean: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Return mean PSNR and SSIM after the best gain and offset for each crop."""
    from talanoa.measure.metrics.fit import fitted
    from talanoa.measure.metrics.psnr import psnr
    from talanoa.measure.metrics.ssim import ssim

    moved = [(truth, fitted(truth, each)) for truth, each in zip(clean, found, strict=True)]
    return float(np.mean([psnr(*pair) for pair in moved])), float(np.mean([ssim(*pair) for pair in moved]))


def restored_by(impl: str, python: str, folder: Path, seed: int) -> np.ndarray | None:
    """Return the test crops as one implementation restores them in a process of its own."""
    out = folder / "restored.npy"
    out.unlink(missing_ok=True)
    command = [python, __file__, "--one", impl, str(folder), str(seed)]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return np.load(out) if done.returncode == 0 and out.exists() else None


def main(*arguments: str) -> int:
    """Measure all; with --one: train one implementation on stored material, here."""
    if arguments[:1] == ("--one",):
        impl, folder, number = arguments[1:]
        with np.load(Path(folder) / "material.npz") as stored:
            np.save(Path(folder) / "restored.npy", trained(impl, dict(stored), int(number)))
        return 0
    import peers

    steps, seeds = (int(each) for each in (*arguments[:2], *("150", "3")[len(arguments) :]))
    chosen = os.environ.get("TALANOA_ONLY", ";".join(IMPLEMENTATIONS)).split(";")
    wanted = {name: IMPLEMENTATIONS[name] for name in chosen}
    pythons = {name: sys.executable if not peer else peers.python_of(peer) for name, peer in wanted.items()}
    status = 0
    for level in arguments[2:] or LEVELS:
        scores: dict[str, list[tuple[float, float]]] = {}
        for seed in range(seeds):
            data = material(level, seed, steps)
            for name, found in filters(data):
                scores.setdefault(name, []).append(score(data["clean"], found))
            with tempfile.TemporaryDirectory() as name:
                np.savez(Path(name) / "material.npz", **data)
                for impl, python in pythons.items():
                    if python is None:
                        continue
                    if (found := restored_by(impl, str(python), Path(name), seed)) is None:
                        status = 1
                        continue
                    scores.setdefault(impl, []).append(score(data["clean"], found))
                    sys.stderr.write(f"{level}, seed {seed}, {impl}: PSNR, SSIM {scores[impl][-1]}\n")
        report(level, steps, scores)
    return status


def report(level: str, steps: int, scores: dict[str, list[tuple[float, float]]]) -> None:
    """Print a line for each way to restore."""
    before = np.mean([psnr for psnr, _ in scores["noisy"]])
    for name, each in scores.items():
        psnr, ssim = np.array(each).T
        line: dict[str, Any] = {"bench": "restored dsb2018_fluo", "impl": name, "n": len(each)}
        line["params"] = {"noise": level, "steps": steps, "batch": BATCH, "patch": PATCH}
        line |= {"psnr": round(float(psnr.mean()), 2), "psnr_sd": round(float(psnr.std()), 2)}
        line |= {"gain": round(float(psnr.mean() - before), 2)}
        line |= {"ssim": round(float(ssim.mean()), 4), "ssim_sd": round(float(ssim.std()), 4)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
