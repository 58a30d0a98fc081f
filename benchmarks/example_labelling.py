"""In silico labelling measured on drawn plates and on one real field: the figures of examples/labelling.md.

Usage: python benchmarks/example_labelling.py --work FOLDER [--only plate,losses,transfer,field] [--data FOLDER]
The plates are drawn by `talanoa sample plate`. Those of 24 wells with seed 7, to train on, and 11, to judge on, and
their difficulty (`bench_plate_baseline.py`) were fixed before anything was trained; the one with seed 13, to judge on,
and the one of 96 wells, to train on, came after the first figures. `field` needs the folder
`isl_phase_to_fluo/dev` of Christiansen et al. 2018 below --data. Models stay in the work folder; one that is there is
not trained again. Prints one JSON line for each model that is judged.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

SEGMENT = {"nucleus": "nuclei min_area=40", "er": "er offset=0.05"}
COMMON: dict[str, Any] = {"patch": 128, "batch": 8, "lr": 2e-3, "mixed_precision": True, "device": "cpu", "seed": 1}
LOSSES = {
    "MSE": {"loss": "mse=1"},
    "L1": {"loss": "mae=1"},
    "PCC": {"loss": "pcc=1"},
    "BCE": {"loss": "bce=1"},
    "MSE + 0.1 Sobel": {"loss": "mse=1 sobel=0.1"},
    "asymmetric 1": {"loss": "asymmetric1=1"},
    "asymmetric 2": {"loss": "asymmetric2=1"},
    "asymmetric 3": {"loss": "asymmetric3=1"},
    "MSE + sum(p)/sum(t)": {"loss": "mse_less_light=1"},
    "perceptual": {"loss": "perceptual=1"},
    "pix2pix": {"network": "pix2pix", "filters": 16, "depth": 5},
}
MEASURES = (  # of the table of scores: measure, metric, and what it is called here
    ("pixel", "pcc", "PCC"),
    ("pixel", "ssim_calibrated", "SSIM"),
    ("pixel", "jaccard", "Jaccard"),
    ("count", "pearson", "count r"),
    ("area", "pearson", "area r"),
    ("total_calibrated", "pearson", "total r"),
    ("mean_calibrated", "pearson", "mean r"),
)
GAP = 96  # pixels of the real field between what is trained on and what is tested: more than the network sees


def say(what: str, **figures: Any) -> None:
    """Print a line of figures."""
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"bench": what, **rounded}), flush=True)


def plate(work: Path, seed: int, wells: int = 24) -> Path:
    """Return a drawn plate, two fields a well."""
    from talanoa import tasks
    from talanoa.core.host import QuietHost

    target = work / (f"plate-{seed}" if wells == 24 else f"plate-{seed}-{wells}")
    if not target.exists():
        tasks.perform(
            {"task": "sample", "kind": "plate", "out": str(target), "wells": wells, "seed": seed}, QuietHost()
        )
    return target


def train(name: str, **keys: Any) -> float:
    """Train a model unless it is there; return the seconds of its epochs."""
    import talanoa
    from talanoa.models import folder as model_folder
    from talanoa.training.table import read_losses

    if name not in [one.name for one in model_folder.available()]:
        talanoa.train(name=name, **{**COMMON, **keys})
    rows = read_losses(model_folder.find(name) / "loss.csv")
    return sum(row["seconds"] for row in rows)


def judge(what: str, model: str, images: Path, stains: tuple[str, ...] = ("nucleus", "er"), **more: Any) -> None:
    """Print the scores of a model on a plate, a line for each stain."""
    import talanoa

    segment = "; ".join(f"{stain}: {SEGMENT[stain]}" for stain in stains)
    found = talanoa.evaluate(model=model, images=str(images), segment=segment, pictures=0, leaks=False, device="cpu")
    rows = found.overall
    for stain in dict.fromkeys(rows["Stain"]):
        own = rows[(rows["Stain"] == stain) & (rows["Group"] == "all") & (rows["Per"] == "image")]
        scores = {
            words: float(own[(own["Measure"] == measure) & (own["Metric"] == metric)]["Value"].iloc[0])
            for measure, metric, words in MEASURES
            if len(own[(own["Measure"] == measure) & (own["Metric"] == metric)])
        }
        say(what, model=model, stain=stain, **scores, **more)


def on_plates(work: Path) -> None:
    """Both stains of the drawn plate by one model: 1500 steps, and 3000 of a plate with four times the wells.

    The loss is the best of `losses`, which plate 11 judged: only plate 13 is new to it.
    """
    keys = {"method": "labelling", "stains": "nucleus,er", "test_share": 0, "split_by": "well", "loss": "pcc=1"}
    for name, wells, steps in (("plate-model", 24, 50), ("plate 96", 96, 100)):
        seconds = train(name, **keys, images=str(plate(work, 7, wells)), epochs=30, steps=steps)
        for seed in (11, 13):
            judge("drawn plate", name, plate(work, seed), seed=seed, seconds=seconds, steps=30 * steps)


def losses(work: Path) -> None:
    """The same network with each loss, nuclei only: 400 steps each."""
    keys = {"method": "labelling", "images": str(plate(work, 7)), "stains": "nucleus", "test_share": 0}
    for words, own in LOSSES.items():
        name = "loss " + "".join(letter if letter.isalnum() else " " for letter in words).strip()
        seconds = train(name, **keys, split_by="well", epochs=8, steps=50, **own)
        judge("losses", name, plate(work, 11), ("nucleus",), loss=words, seconds=seconds)


def transfer(work: Path) -> None:
    """Masks of nuclei in phase contrast from 1, 2, 5 and all images, from scratch and from the model of the plate."""
    from talanoa import tasks
    from talanoa.core.host import QuietHost

    for seed in (7, 11):
        for kind, source in (("images", "phase"), ("masks", "truth/nuclei")):
            target = work / f"nuclei-{seed}" / kind
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted((plate(work, seed) / source).glob("*.tif")):
                if not (target / file.name).exists():
                    (target / file.name).write_bytes(file.read_bytes())
    keys = {"method": "segmentation", "images": str(work / "nuclei-7"), "test": str(work / "nuclei-11"), "repeats": 3}
    keys |= {"vary": "n_images=1,2,5,all; init=none,plate-model", "epochs": 8, "steps": 50, "patch": 128, "batch": 8}
    keys |= {"filters": 16, "depth": 4, "lr": 1e-3, "mixed_precision": True, "device": "cpu"}
    reply = tasks.perform({"task": "study", "out": str(work / "transfer"), **keys}, QuietHost())
    say("transfer", message=reply["message"])


def field(work: Path, data: Path) -> None:
    """DAPI of one real field: trained on its left, tested on its right; one plane against thirteen, three seeds."""
    import tifffile

    import talanoa
    from talanoa.measure.metrics.correlation import pearson

    source = data / "isl_phase_to_fluo" / "dev"
    phase, dapi = (tifffile.imread(source / name) for name in ("phase_z13.tif", "DAPI_CONFOCAL.tif"))
    middle = int(0.66 * dapi.shape[1])
    for planes in ("6", "all"):
        found = []
        for seed in (1, 2, 3):
            folder = work / "field"
            for name, values in (("phase", phase), ("DAPI", dapi)):
                (folder / name).mkdir(parents=True, exist_ok=True)
                axes = {"axes": "ZYX" if values.ndim == 3 else "YX"}
                left = np.ascontiguousarray(values[..., :middle])
                tifffile.imwrite(folder / name / "left.tif", left, imagej=True, metadata=axes)
            name = f"field {planes} {seed}"
            keys = {"method": "labelling", "images": str(folder), "planes": planes, "name": name}
            train(**{**keys, "epochs": 10, "steps": 40, "seed": seed, "validation": 0.2})
            right = np.ascontiguousarray(phase[..., middle + GAP :])
            made = talanoa.predict_fluorescence(_stack(right), model=name, device="cpu").image.values[0, 0, 0]
            truth = dapi[:, middle + GAP :]
            found.append(pearson(truth.astype(float).ravel(), made.astype(float).ravel()))
        say("real field", planes=planes, PCC=float(np.mean(found)), each=[round(float(one), 4) for one in found])


def _stack(values: np.ndarray) -> Any:
    from talanoa import image

    return image.from_array(values, "zyx")


def main() -> None:
    """Do the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for plates and models")
    parser.add_argument("--only", default="plate,losses,transfer,field", help="parts, separated by commas")
    parser.add_argument("--data", type=Path, help="folder that holds isl_phase_to_fluo/dev")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    os.environ["TALANOA_HOME"] = str(given.work / "home")
    parts = {"plate": on_plates, "losses": losses, "transfer": transfer}
    for name in given.only.split(","):
        if name == "field":
            if given.data is None:
                raise SystemExit("field needs --data")
            field(given.work, given.data)
        else:
            parts[name](given.work)


if __name__ == "__main__":
    main()
