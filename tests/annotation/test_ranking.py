"""Active learning: what a model is unsure of comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from helpers import tiny
from talanoa.annotation.ranking import VIEWS, _answer, rank, uncertainty
from talanoa.core.errors import BadInput, Cancelled
from talanoa.image.ops.normalize import normalize
from talanoa.models import folder, methods
from talanoa.models.runtime import backends
from talanoa.segmentation.dataset import folder as datasets

MODEL = folder.load(tiny.MODEL)
CONFIG = methods.get(MODEL.method).config(**MODEL.config)


def hard(seed: int) -> np.ndarray:
    """Return discs that are blurred and hardly brighter than the noise."""
    image, _ = tiny.discs(seed)
    noise = np.random.default_rng(seed).normal(0, 250, image.shape)
    return np.clip(gaussian_filter(image.astype(float), 3) * 0.3 + noise + 500, 0, None).astype(np.uint16)


def of(image: np.ndarray) -> float:
    seen = normalize(image, 1, 99.8)[None].astype(np.float32)
    return uncertainty(backends.for_model(MODEL, "cpu").runner, seen, CONFIG, MODEL.thresholds)


def test_faint_noisy_images_come_before_clear_ones(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        tifffile.imwrite(tmp_path / "images" / f"clear{seed}.tif", tiny.discs(seed)[0])
        tifffile.imwrite(tmp_path / "images" / f"faint{seed}.tif", hard(seed))
    dataset = datasets.create(tmp_path)
    found = rank(dataset, dataset.entries, tiny.MODEL, "cpu")
    assert set(found) == {entry.name for entry in dataset.entries}
    assert all(0 <= value <= 1 for value in found.values())
    assert sorted(found, key=lambda name: -found[name])[:3] == sorted(
        (name for name in found if name.startswith("faint")), key=lambda name: -found[name]
    )
    assert rank(dataset, dataset.entries, tiny.MODEL, "cpu") == found


@pytest.mark.parametrize("size", [96, 95, 81])
def test_mirrored_answers_come_back_to_the_same_places(size: int) -> None:
    image = normalize(tiny.discs(1)[0], 1, 99.8)[None, :size, :size].astype(np.float32)
    runner = backends.for_model(MODEL, "cpu").runner
    plain, *others = (_answer(runner, image, axes, CONFIG).prob for axes in VIEWS)
    for other in others:
        assert other.shape == plain.shape == (-(-size // 2),) * 2
        assert np.corrcoef(plain.ravel(), other.ravel())[0, 1] > 0.97
        rolled = np.roll(other, 1, axis=1)
        assert np.abs(plain - other).mean() < 0.7 * np.abs(plain - rolled).mean()


def test_a_mirrored_image_is_as_uncertain() -> None:
    image = hard(4)[:95, :95]  # odd sides: the places of the grid are the same from both sides
    assert of(image) == pytest.approx(of(image[::-1]), abs=0.08)


def test_an_empty_image_is_not_uncertain() -> None:
    assert of(np.random.default_rng(0).normal(200, 1, (96, 96)).astype(np.uint16) * 0 + 200) <= 0.25


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    tifffile.imwrite(
        tmp_path / "images" / "stack.tif", np.zeros((3, 64, 64), np.uint8), imagej=True, metadata={"axes": "ZYX"}
    )
    dataset = datasets.create(tmp_path)
    with pytest.raises(BadInput, match=r"stack.tif has 1 frame.*3 slice"):
        rank(dataset, dataset.entries, tiny.MODEL, "cpu")
    with pytest.raises(BadInput, match="Unknown model"):
        rank(dataset, dataset.entries, "nobody", "cpu")
    with pytest.raises(Cancelled):
        rank(dataset, dataset.entries, tiny.MODEL, "cpu", tiny.RecordingHost(stop=True))
