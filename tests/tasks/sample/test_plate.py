"""Drawn plates: seeded, optics with the right sign and limits, truth that is what the images show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from helpers.tiny import RecordingHost
from talanoa import image as images
from talanoa import tasks
from talanoa.cli import main
from talanoa.core.files import file_sha256
from talanoa.core.host import QuietHost
from talanoa.tasks.sample import cells, optics, plate

SPREAD, COMPACT, SCATTERED = cells.PHENOTYPES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a plate of six wells."""
    made = tmp_path_factory.mktemp("plate") / "plate"
    keys = ["--wells", "6", "--images", "1", "--size", "128", "--planes", "3"]
    assert main(["sample", "plate", "--out", str(made), *keys]) == 0
    return made


def test_every_field_has_its_images_under_one_name(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "phase").iterdir())
    assert names == sorted(pd.read_csv(folder / "truth" / "fields.csv")["image"]) and len(names) == 6
    for stain in plate.STAINS:
        assert sorted(path.name for path in (folder / stain).iterdir()) == names
    phase, nucleus = images.read(folder / "phase" / names[0]), images.read(folder / "nucleus" / names[0])
    assert phase.sizes["z"] == 3 and nucleus.sizes["z"] == 1 and phase.dtype == np.uint16
    assert phase.attrs["pixel_size"] == (3.0, 0.65, 0.65) and phase.attrs["unit"] == "µm"


def test_the_truth_is_what_the_label_images_show(folder: Path) -> None:
    fields = pd.read_csv(folder / "truth" / "fields.csv").set_index("image")
    empty = pd.read_csv(folder / "wells.csv").set_index("well")["empty"]
    assert empty.sum() == 1
    for name, row in fields.iterrows():
        labels = images.read_labels(folder / "truth" / "nuclei" / str(name)).values
        assert len(np.unique(labels)) - 1 == row["cells"] and (row["cells"] == 0) == empty[row["well"]]
        area = np.count_nonzero(labels) * 0.65**2
        assert row["nucleus_area"] * row["cells"] == pytest.approx(area, abs=0.01 * row["cells"] + 1e-6)
        stained = images.read(folder / "nucleus" / str(name)).values[0, 0, 0].astype(float)
        if row["cells"]:
            inside = ndimage.binary_erosion(labels[0, 0, 0] > 0, iterations=2)
            far = ~ndimage.binary_dilation(labels[0, 0, 0] > 0, iterations=6)
            assert stained[inside].mean() > stained[far].mean() + 50


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    keys = {"task": "sample", "kind": "plate", "wells": 2, "images": 1, "size": 64}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tasks.perform({**keys, "out": str(tmp_path / name), "seed": seed}, QuietHost())
    hashes = [
        {path.relative_to(tmp_path / name).as_posix(): file_sha256(path) for path in (tmp_path / name).rglob("*.tif")}
        for name in "abc"
    ]
    assert hashes[0] == hashes[1] and not hashes[0].items() & hashes[2].items()


def flat(shape: tuple[int, int], height: np.ndarray) -> cells.Culture:
    """Return a culture of nothing but thickness."""
    nothing = np.zeros(shape)
    return cells.Culture(height, np.zeros(shape, np.int32), nothing, nothing, nothing, np.zeros(0), nothing)


def test_thickness_is_dark_with_a_bright_halo() -> None:
    rows, columns = np.mgrid[-64:64, -64:64]
    dome = 2.0 * np.exp(-(rows**2 + columns**2) / (2 * 6.0**2))
    shown = optics.phase_contrast(flat((128, 128), dome), optics.Microscope(), [0.0], np.random.default_rng(0))[0]
    ground = np.median(shown[:20])
    away = np.hypot(rows, columns)
    assert shown[away < 4].mean() < 0.75 * ground
    assert shown[(away > 14) & (away < 20)].mean() > 1.03 * ground


def test_an_empty_field_shows_the_lamp_alone() -> None:
    microscope = optics.Microscope()
    none = flat((96, 96), np.zeros((96, 96)))
    shown = optics.phase_contrast(none, microscope, [-3.0, 0.0, 3.0], np.random.default_rng(1)).astype(float)
    assert shown.mean() == pytest.approx(optics.OFFSET + optics.GAIN * microscope.photons, rel=0.01)
    noise = (shown - ndimage.gaussian_filter(shown, (0, 8, 8)))[:, 10:-10, 10:-10]
    expected = np.hypot(optics.GAIN * np.sqrt(microscope.photons), microscope.read_noise)
    assert noise.std() == pytest.approx(expected, rel=0.1)  # shot noise and the camera's


def test_no_detail_finer_than_the_aperture_lets_through() -> None:
    microscope = optics.Microscope(photons=1e4, read_noise=0.0, pixel=0.2)

    def contrast(period: float) -> float:
        """Return how strong a grating (µm) shows, against the mean."""
        places = np.arange(250) * microscope.pixel
        grating = flat((64, 250), np.tile(0.2 * np.sin(2 * np.pi * places / period), (64, 1)))
        shown = optics.phase_contrast(grating, microscope, [0.0], np.random.default_rng(2))[0].mean(axis=0)
        return float(abs((shown * np.exp(-2j * np.pi * places / period)).mean()) / shown.mean())

    limit = microscope.wavelength / microscope.aperture
    assert contrast(2.5 * limit) > 20 * contrast(0.5 * limit)


def test_phenotypes_differ_as_they_are_described() -> None:
    def mean(kind: cells.Phenotype, of: str) -> float:
        drawn = [cells.culture((256, 256), 0.65, kind, 12, np.random.default_rng(k)) for k in range(3)]
        if of == "spread":  # how far the parts of the Golgi apparatus lie from each other
            far = [np.count_nonzero(each.golgi > 0.2) / max(1, ndimage.label(each.golgi > 0.2)[1]) for each in drawn]
            return float(np.mean(far))
        return float(np.mean([each.height.max() for each in drawn]))

    assert mean(COMPACT, "height") > 1.2 * mean(SPREAD, "height")
    assert mean(SCATTERED, "spread") < 0.8 * mean(SPREAD, "spread")


def test_bad_keys_and_cancelling(tmp_path: Path) -> None:
    made = {"task": "sample", "kind": "plate", "out": str(tmp_path / "p"), "size": 64, "wells": 2}
    refused = tasks.run({**made, "photons": 3}, QuietHost())
    assert refused["status"] == "error" and "photons" in refused["message"]
    assert tasks.run({**made, "kind": "nuclei"}, QuietHost())["status"] == "error"
    assert tasks.run(made, RecordingHost(stop=True))["status"] == "cancelled" and not (tmp_path / "p").exists()
