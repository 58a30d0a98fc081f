"""Stains before they are learned: by hand, and step by step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from talanoa.core.errors import BadInput
from talanoa.labelling import targets
from talanoa.labelling.data import exposure
from talanoa.labelling.targets import TargetConfig, config_from, prepare
from talanoa.tasks.sample import plate


def test_projections_by_hand() -> None:
    stack = np.array([[[1, 5]], [[3, 1]], [[2, 0]]], np.uint16)
    assert targets.project(stack, "max").tolist() == [[3, 5]]
    assert targets.project(stack, "mean").tolist() == [[2, 2]]
    assert targets.project(stack, 3).tolist() == [[2, 0]]
    with pytest.raises(BadInput, match="has 3 plane"):
        targets.project(stack, 4)


def test_steps_come_in_their_order_and_the_last_is_learned() -> None:
    field = plate.draw(plate.wells(3)[2], (128, 128), 1, (0, 5))
    asked = config_from("binarise, clip=60 rolling_ball=12 denoise=mine")
    steps = prepare(field.stains["golgi"][None], asked, lambda image: ndimage.gaussian_filter(image, 1))
    assert list(steps) == ["projected", "rolling ball", "clipped", "denoised", "binary"]
    assert set(np.unique(steps["binary"])) == {0, 1}
    assert steps["rolling ball"].min() >= 0 and np.median(steps["rolling ball"]) < np.median(steps["projected"])
    assert steps["clipped"].min() == pytest.approx(np.percentile(steps["rolling ball"], 60))
    assert list(prepare(field.stains["golgi"][None], TargetConfig())) == ["projected"]


@pytest.mark.parametrize("text", ["clip=100", "ball=3", "rolling_ball=-1", "project=0", "project=sum"])
def test_steps_that_there_are_not(text: str) -> None:
    with pytest.raises(BadInput, match="Steps are project, rolling_ball, clip, denoise, binarise"):
        config_from(text)


def test_a_configuration_survives_a_model_folder() -> None:
    asked = config_from("project=mean clip=90")
    assert TargetConfig.model_validate(asked.model_dump(mode="json")) == asked
    assert config_from("project=2").project == 2


def test_the_name_of_a_denoiser_may_have_blanks() -> None:
    asked = config_from("clip=90 denoise=my n2v model binarise")
    assert (asked.clip, asked.denoise, asked.binarise) == (90, "my n2v model", True)
    with pytest.raises(BadInput, match="model is no step"):
        config_from("clip=90 model")


def crop(value: float, spread: float = 0.05) -> np.ndarray:
    return np.clip(value + np.random.default_rng(0).normal(0, spread, (1, 32, 32)), 0, 1)


def stained(share: float, noise: float = 0.0, background: float = 0.0) -> np.ndarray:
    """Return a stain (1, 64, 64), a square of 0.8, with the noise of a camera on its background."""
    target = np.full((1, 64, 64), background)
    side = round(64 * share**0.5)
    target[:, 20 : 20 + side, 20 : 20 + side] = 0.8
    return np.clip(target + np.random.default_rng(1).normal(0, noise, target.shape), 0, 1)


def specks() -> np.ndarray:
    target = stained(0, 0.02)
    target[0, 10, 10] = target[0, 40, 50] = 1
    return target


@pytest.mark.parametrize(
    ("image", "target", "fault"),
    [
        (crop(0.5), stained(0.2), ""),
        (crop(0.5), stained(0), exposure.EMPTY),
        (crop(0.5), stained(0.01), exposure.BACKGROUND),
        (crop(0.01, 0.02), stained(0.2), exposure.DARK),
        (crop(0.99, 0.02), stained(0.2), exposure.BRIGHT),
        (crop(0.5, 0.001), stained(0.2), exposure.FLAT),
        (crop(0.5), stained(0, 0.05), exposure.EMPTY),  # noise reaches 0.2, far above the level of 0.1
        (crop(0.5), stained(0, 0.05, 0.12), exposure.EMPTY),  # percentile 1 of such noise became 0
        (crop(0.5), specks(), exposure.EMPTY),
        (crop(0.5), stained(0.005, 0.05, 0.12), exposure.BACKGROUND),
        (crop(0.5), stained(0.1, 0.05, 0.12), ""),
        (crop(0.5), np.concatenate([stained(0, 0.05), stained(0.1, 0.05)]), ""),
        (crop(0.5), (stained(0.1) > 0).astype(float), ""),  # a mask
        (crop(0.5), np.repeat(np.arange(64) % 16 < 3, 64).reshape(1, 64, 64), ""),  # one of thin lines
    ],
)
def test_crops_that_tell_little(image: np.ndarray, target: np.ndarray, fault: str) -> None:
    assert exposure.fault_of(image, target) == fault


def test_an_uneven_lamp_is_found_and_taken_out() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:96j, -1:1:120j]
    lamp = 1 - 0.3 * ((y - 0.2) ** 2 + x**2)
    cells = [1 - 0.5 * (ndimage.gaussian_filter(rng.normal(size=y.shape), 4) > 0.08) for _ in range(15)]
    images = [rng.poisson(500 * lamp * each) for each in cells]
    found = exposure.flat_field(images, smooth=0.05)
    np.testing.assert_allclose(found, lamp / lamp.mean(), atol=0.06)
    even = exposure.flattened(images[0], found)
    background = cells[0] == 1
    assert even[background].std() < 0.6 * images[0][background].std()
