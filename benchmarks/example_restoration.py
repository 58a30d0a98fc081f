"""The pictures of docs/explanation/restoration-guide.md: what each method does, and how each fails, on drawn images.

Usage: python benchmarks/example_restoration.py [--work FOLDER] [--only methods,structured,spots,curves,invented]
Trains for some minutes each (two processors) and writes docs/images/restoration-*.png. Models and images stay in the
work folder; a model that is there is not trained again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "images"
LENGTH: dict[str, Any] = {"preset": "quick", "epochs": 30, "steps": 50, "patch": 64, "batch": 4, "filters": 16}
SHORT = {"epochs": 15}
Image = NDArray[Any]


def train(name: str, **keys: Any) -> None:
    """Train a model unless it is there."""
    import talanoa
    from talanoa.models import folder as model_folder

    if name not in [one.name for one in model_folder.available()]:
        print(talanoa.train(name=name, device="cpu", **{**LENGTH, **keys}).message, flush=True)


def restored(image: Image, model: str, **keys: Any) -> Any:
    """Return an image (y, x) restored, and its uncertainty where that was asked for."""
    import talanoa

    done = talanoa.restore(image, model=model, device="cpu", **keys)
    found = done.image.values[0, 0, 0]
    return (found, done.uncertainty.values[0, 0, 0]) if keys.get("uncertainty") else found


def write(folder: Path, images: Sequence[Image]) -> Path:
    """Write planes as TIFF, unless they are there."""
    from talanoa import image as form

    folder.mkdir(parents=True, exist_ok=True)
    for number, values in enumerate(images, start=1):
        if not (path := folder / f"field_{number:03d}.tif").exists():
            form.write(path, form.from_array(values))
    return folder


def panels(name: str, rows: Sequence[Sequence[tuple[str, Image, tuple[float, float]]]]) -> None:
    """Draw images side by side under their titles, each with its display range, and save them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    wide = len(rows[0])
    figure, axes = plt.subplots(len(rows), wide, figsize=(2.6 * wide, 2.85 * len(rows)), squeeze=False)
    for place, (title, image, (low, high)) in zip(axes.flat, (each for row in rows for each in row), strict=True):
        place.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        place.set_title(title, fontsize=9)
        place.axis("off")
    figure.tight_layout(pad=0.4)
    save(figure, name)


def save(figure: Any, name: str) -> None:
    """Save a figure with few colours: the files of a repository stay small."""
    import io

    from PIL import Image as Pictures

    memory = io.BytesIO()
    figure.savefig(memory, dpi=100, bbox_inches="tight", pad_inches=0.05)
    Pictures.open(memory).convert("RGB").quantize(96).save(PICTURES / f"restoration-{name}.png", optimize=True)


def shown(clean: Image) -> tuple[float, float]:
    """Return the display range of a clean image."""
    low, high = np.percentile(clean, [0.5, 99.7])
    return float(low), float(high)


def beside(clean: Image, found: Sequence[tuple[str, Image]], box: tuple[slice, slice]) -> list[Any]:
    """Return panels of a part of the images beside the clean one, each after a linear fit to it, with its PSNR.

    CARE brings percentiles of the clean images to those of the noisy one, which noise has moved: only the fit shows
    them on one scale.
    """
    from talanoa.measure.metrics.fit import fitted
    from talanoa.measure.metrics.psnr import scale_invariant_psnr

    limits = shown(clean)
    told = [f"{label}, {scale_invariant_psnr(clean, image):.1f} dB" for label, image in found]
    panels = [(title, fitted(clean, image)[box], limits) for title, (_, image) in zip(told, found, strict=True)]
    return [*panels, ("clean", clean[box], limits)]


def pairs(work: Path) -> Path:
    """Return the folder of the sample pairs."""
    from talanoa.tasks.sample import noisy

    return work / "pairs" if (work / "pairs").exists() else noisy.write_noisy(work / "pairs", 12, 192, seed=1)


def methods(work: Path) -> None:
    """One noisy image, restored by the three methods."""
    from talanoa.tasks.sample import noisy

    data = pairs(work)
    train("n2v", method="n2v", images=data / "low")
    train("n2n", method="n2n", images=data / "repeats")
    train("care", method="care", images=data / "low", targets=data / "high")
    field = noisy.draw((256, 256), 7)
    box = np.s_[40:200, 60:220]
    found = [("noisy", field.low)]
    found += [(label, restored(field.low, model)) for label, model in NAMES]
    panels("methods", [beside(field.high, found, box)])


NAMES = (("Noise2Void", "n2v"), ("Noise2Noise", "n2n"), ("CARE", "care"))


def structured(work: Path) -> None:
    """Noise that is alike along the rows: Noise2Void keeps it, masks of structN2V take it away."""
    from talanoa.tasks.sample import noisy

    camera = noisy.Camera(stripes=30)
    fields = [noisy.draw((192, 192), 3, number, camera) for number in range(8)]
    data = write(work / "stripes", [field.low for field in fields])
    train("n2v on stripes", method="n2v", images=data, **SHORT)
    train("structn2v", method="n2v", images=data, **SHORT, struct_axis="horizontal", struct_radius=5)
    field = noisy.draw((192, 192), 4, 0, camera)
    found = [("noise along the rows", field.low), ("Noise2Void", restored(field.low, "n2v on stripes"))]
    found.append(("structN2V, horizontal", restored(field.low, "structn2v")))
    box = np.s_[20:148, 20:148]
    panels("structured", [beside(field.high, found, box)])


def spots(work: Path) -> None:
    """Signal in single pixels looks like noise to a network that may not look at the pixel itself."""
    from talanoa.tasks.sample import noisy

    scenes = [dotted(number) for number in range(8)]
    data = write(work / "dots", [low for low, _ in scenes])
    train("n2v on dots", method="n2v", images=data, **SHORT)
    low, high = dotted(20)
    box = np.s_[30:94, 30:94]
    limits = (noisy.OFFSET, noisy.OFFSET + 2.5 * noisy.GAIN * noisy.PHOTONS)
    found = (("noisy", low), ("Noise2Void", restored(low, "n2v on dots")), ("clean", high))
    panels("spots", [[(label, image[box], limits) for label, image in found]])


def dotted(number: int) -> tuple[Image, Image]:
    """Return a noisy and a clean image with bright points of one pixel each."""
    from talanoa.tasks.sample import noisy

    rng = np.random.default_rng([5, number])
    light = noisy.draw((160, 160), 5, number).light * 0.6
    light[tuple(rng.integers(0, 160, (2, 160)))] += 3.0
    camera = noisy.Camera()
    many = noisy.exposures(light, rng, camera)
    low = next(many)
    return low, np.mean([next(many) for _ in range(64)], axis=0)


def curves(work: Path) -> None:
    """The learning curves of CARE on one pair, and on many."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    from talanoa.models import folder as model_folder
    from talanoa.tasks.sample import noisy

    fields = [noisy.draw((96, 96), 9, number) for number in range(2)]
    low, high = (
        write(work / "one low", [one.low for one in fields]),
        write(work / "one high", [one.high for one in fields]),
    )
    train("care on one pair", method="care", images=low, targets=high, epochs=60, patience=0)
    train("care", method="care", images=pairs(work) / "low", targets=pairs(work) / "high")
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
    for place, name, title in zip(
        axes, ("care on one pair", "care"), ("one pair of 96 pixels", "eleven pairs"), strict=True
    ):
        losses = pd.read_csv(model_folder.find(name) / "loss.csv")
        place.plot(losses["epoch"], losses["loss"], color="#0072B2", label="training")
        place.plot(losses["epoch"], losses["val_loss"], color="#D55E00", linestyle="--", label="validation")
        place.set(title=f"CARE on {title}", xlabel="epoch")
    axes[0].set_ylabel("loss")
    axes[0].legend()
    figure.tight_layout()
    save(figure, "curves")


def invented(work: Path) -> None:
    """A model that has seen filaments only makes something of nuclei, too."""
    scenes = [threads(number) for number in range(12)]
    low = write(work / "threads low", [one for one, _ in scenes])
    high = write(work / "threads high", [other for _, other in scenes])
    train("care on filaments", method="care", images=low, targets=high, **SHORT, probabilistic=True)
    rows, everything = [], np.s_[0:128, 0:128]
    for label, (noisy_image, clean) in (("filaments", threads(30)), ("nuclei", nuclei())):
        found, spread = restored(noisy_image, "care on filaments", uncertainty=True)
        images = [(f"{label}: noisy", noisy_image), ("CARE, trained on filaments", found)]
        rows.append([*beside(clean, images, everything), ("uncertainty", spread, (0.0, 25.0))])
    panels("invented", rows)


def threads(number: int) -> tuple[Image, Image]:
    """Return filaments and vesicles on a background, with little light and with much."""
    from talanoa.tasks.sample import noisy

    rng = np.random.default_rng([6, number])
    return exposed(0.25 + noisy.fine_light((128, 128), rng), rng)


def nuclei() -> tuple[Image, Image]:
    """Return nuclei alone, with little light and with much."""
    from talanoa.tasks.sample import scenes

    rng = np.random.default_rng([6, 40])
    return exposed(scenes.light((128, 128), rng), rng)


def exposed(light: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Return one exposure at half of the usual light, and the mean of 64."""
    from talanoa.tasks.sample import noisy

    taken = noisy.exposures(light, rng, noisy.Camera(photons=noisy.PHOTONS / 2))
    low = next(taken)
    return low, np.mean([next(taken) for _ in range(64)], axis=0)


FIGURES: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (methods, structured, spots, curves, invented)
}


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=None, help="keep models and images here")
    parser.add_argument("--only", default=",".join(FIGURES), help="some of them, separated by commas")
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    os.environ["TALANOA_HOME"] = str(work / "home")
    for name in given.only.split(","):
        FIGURES[name](work)


if __name__ == "__main__":
    main()
