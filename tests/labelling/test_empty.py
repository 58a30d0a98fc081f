"""Fields without a stain are told from faint ones by what is left after a blur, not by their noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from helpers import drawn_plates
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.labelling.data import empty as emptiness
from talanoa.labelling.data.field import LabelField, empty_stains
from talanoa.labelling.record import Stain
from talanoa.labelling.train import data
from talanoa.labelling.train import scores as label_scores
from talanoa.tasks.sample import plate
from talanoa.training.request import TrainRequest


def camera(number: int, side: int = 1024, hot: int = 0) -> np.ndarray:
    """Return an image of nothing: offset 100, noise 2, and some hot pixels, two of them side by side."""
    rng = np.random.default_rng(number)
    plane = rng.normal(100, 2, (side, side))
    for y, x in rng.integers(2, side - 2, (hot, 2)):
        plane[y, x] = 20_000
    if hot:
        plane[side // 3, side // 3 : side // 3 + 2] = 20_000
    return plane.astype(np.float32)


def nucleus(side: int, diameter: int, brightness: float, middle: tuple[int, int] = (400, 700)) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    inside = np.hypot(rows - middle[0], columns - middle[1]) <= diameter / 2
    return (brightness * inside).astype(np.float32)


def test_noise_alone_is_empty_and_a_few_faint_cells_are_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (128, 128)).astype(np.float32)
    bright, faint = noise.copy(), noise.copy()
    bright[30:50, 30:50] += 1
    faint[60:80, 60:80] += 0.4
    found = [emptiness.contrast(plane) for plane in (bright, faint, noise)]
    assert emptiness.is_empty(found, emptiness.usual(found)).tolist() == [False, False, True]


def test_all_of_nothing_is_empty() -> None:
    blank = [emptiness.contrast(np.zeros((32, 32))) for _ in range(3)]
    assert emptiness.is_empty(blank, emptiness.usual(blank)).all()


def test_an_empty_well_of_the_drawn_plate_counts_apart_in_every_stain() -> None:
    drawn = [plate.draw(well, (192, 192), 1, (3, number)) for number, well in enumerate(plate.wells(6))]
    levels = {stain: np.percentile([each.stains[stain] for each in drawn], (1, 99.9)) for stain in plate.STAINS}
    fields = []
    for number, each in enumerate(drawn):
        units = [(each.stains[name] - low) / (high - low) for name, (low, high) in levels.items()]
        target = np.clip(np.stack(units), 0, 1).astype(np.float32)
        fields.append(LabelField(str(number), each.phase[:1].astype(np.float32), target))
    made = [label_scores.Predicted(each.name, each.target, each.target) for each in fields]
    stains = [Stain(name=name) for name in plate.STAINS]
    scores = label_scores.scores_of(made, stains, label_scores.usual_contrasts(fields))
    assert [row["empty"] for row in scores.values()] == [1, 1, 1]  # the sixth well
    assert all(row["images"] == 5 and row["pcc"] == 1 for row in scores.values())


def test_one_nucleus_in_a_large_field_is_something_and_hot_pixels_are_not() -> None:
    full = [camera(number) + nucleus(1024, 300, 60) for number in (1, 2)]
    one, hot = camera(3) + nucleus(1024, 12, 20), camera(4, hot=6)
    corner = camera(5) + nucleus(1024, 12, 40, (6, 6))
    for others in (full, []):  # beside full fields, and alone
        found = [emptiness.contrast(plane) for plane in (*others, one, corner, hot)]
        empty = emptiness.is_empty(found, emptiness.usual(found))
        assert empty.tolist() == [False] * (len(others) + 2) + [True]


@pytest.mark.parametrize("kind", ["camera", "hot", "grey values", "photons", "clipped"])
def test_of_a_set_of_noise_all_images_are_empty_and_with_a_nucleus_each_none(kind: str) -> None:
    def seen(number: int, signal: np.ndarray | float) -> np.ndarray:
        plane = camera(number, 256, 3 if kind == "hot" else 0) + signal
        if kind == "grey values":  # an 8-bit camera whose noise is below a grey value
            return ((plane - 99) / 8).round().clip(0, 255).astype(np.uint8)
        if kind == "photons":
            return np.random.default_rng(number).poisson((0.05 + np.asarray(signal) / 10) * np.ones((256, 256)))
        return np.maximum(plane, np.percentile(plane, 90)) if kind == "clipped" else plane

    for signal, expected in ((0.0, True), (nucleus(256, 12, 40, (70, 150)), False)):
        found = [emptiness.contrast(seen(number, signal)) for number in range(5)]
        assert emptiness.is_empty(found, emptiness.usual(found)).tolist() == [expected] * 5


def test_confluent_cells_are_no_noise() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4):
        texture = ndimage.gaussian_filter(rng.normal(size=(256, 256)), 3)
        found.append(emptiness.contrast(rng.poisson(500 + 100 * texture / texture.std())))
    assert not emptiness.is_empty(found, emptiness.usual(found)).any()


def test_noise_is_measured_whatever_is_in_the_image() -> None:
    rows, columns = np.mgrid[:200, :200]
    cells = 50 * (np.sin(rows / 9) * np.sin(columns / 9) > 0.3)
    plane = 10 + cells + np.random.default_rng(0).normal(0, 1.5, (200, 200))
    assert emptiness.noise(plane) == pytest.approx(1.5, rel=0.05)
    assert emptiness.noise(cells) == 0


def test_a_training_says_that_a_stain_shows_nothing(tmp_path: Path) -> None:
    names = [f"A0{number}_f1" for number in range(1, 6)]
    folder = drawn_plates.discs(tmp_path / "plate", names, (128, 128))
    for number, name in enumerate(names):
        drawn_plates.write(folder, "er", name, camera(number, 128).round().astype(np.uint16))
    keys = {"method": "labelling", "images": str(folder), "name": "of noise", "test_share": 0}
    loaded = data.load(parse(TrainRequest, keys).request, QuietHost())
    (told,) = [note for note in loaded.items[0].notes if "nothing but noise" in note]
    assert told.startswith("er: found nothing but noise in any of the 5 images") and "prepare" in told
    assert empty_stains(loaded.items).tolist() == [[False, True]] * 5
