"""Classical segmentations: planted objects, steps by name, published parameters, equivariance."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from helpers import tiny
from helpers.synthetic import nuclei
from talanoa import image as images
from talanoa.annotation.propose import propose
from talanoa.annotation.propose_classical import step_image, steps
from talanoa.annotation.request_propose import ProposeRequest
from talanoa.core.errors import BadInput
from talanoa.core.request import parse
from talanoa.measure.metrics.matching import match_images
from talanoa.segmentation.classical import primary, recipes
from talanoa.segmentation.classical.config import CONFIGS, Config, config_from

STEPS = {
    "nuclei": ["normalised", "threshold", "thresholded", "filled", "filtered"],
    "er": ["normalised", "above_mean", "threshold", "thresholded", "filled", "opened", "smoothed", "filtered"],
    "golgi": ["clipped", "rescaled", "filtered"],
    "gfp": ["normalised", "threshold", "thresholded", "opened", "filtered"],
    "primary": ["normalised", "enhanced", "threshold", "thresholded", "filled", "declumped", "filtered"],
}
PUBLISHED = {
    "nuclei": {"block": 111},
    "er": {"block": 181, "gaussian": 3},
    "golgi": {"clip": 90},
    "gfp": {"cut": 0.8},
    "primary": {
        "clahe_block": 127, "clahe_bins": 256, "clahe_slope": 3, "window": 20, "threshold_low": 0.05,
        "threshold_high": 1, "min_diameter": 5, "max_diameter": 30, "declump": True, "discard_border": True,
    },
}  # fmt: skip


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Return F1 at IoU 0.5."""
    return match_images([(truth, found)])[0.5].f1


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_defaults_are_the_published_parameters(name: str) -> None:
    config = config_from(name)
    assert PUBLISHED[name].items() <= config.model_dump().items()
    assert config.normalise == "minmax" and config.scale == 1


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_step_is_an_image_of_the_same_size(name: str) -> None:
    image, _ = tiny.discs(1)
    found = recipes.segment(image, name)
    assert list(found.steps) == STEPS[name]
    assert all(step.shape == image.shape for step in found.steps.values())
    assert found.labels.dtype == np.int32
    assert ((found.labels > 0) == found.steps["filtered"]).all()


@pytest.mark.parametrize("name", ["nuclei", "gfp", "primary"])
def test_planted_discs_are_found(name: str) -> None:
    image, truth = tiny.discs(2, size=160, count=12)
    keys = {"min_area": 50} if name != "primary" else {"clahe": False, "window": 60, "discard_border": False}
    found = recipes.segment(ndimage.gaussian_filter(image, 1), name, {**keys})
    assert f1(truth, found.labels) > 0.9


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_flip_with_the_image(name: str) -> None:
    image = ndimage.gaussian_filter(tiny.discs(3)[0].astype(np.float32), 1)
    straight = recipes.segment(image, name).labels > 0
    flipped = (recipes.segment(image[:, ::-1].copy(), name).labels > 0)[:, ::-1]
    assert (straight != flipped).mean() < (0.02 if name == "primary" else 1e-3)  # CLAHE's tiles begin at a corner


@pytest.mark.parametrize("name", ["nuclei", "er", "gfp", "primary"])
def test_brighter_images_have_the_same_objects(name: str) -> None:
    image = tiny.discs(4)[0].astype(np.float32)
    first = recipes.segment(image, name).labels
    assert (first == recipes.segment(image * 8 + 256, name).labels).mean() > 0.999


def test_nuclei_by_the_global_minimum() -> None:
    image, truth = tiny.discs(5)
    found = recipes.segment(ndimage.gaussian_filter(image, 1), "nuclei", "threshold=minimum min_area=30")
    assert "threshold" not in found.steps
    assert f1(truth, found.labels) > 0.9


def test_regions_are_filtered_by_area_and_solidity() -> None:
    image = np.zeros((120, 120), np.float32)
    image[10:30, 10:30] = 1
    image[60:90, 60:66] = image[84:90, 60:90] = 1  # an L: solidity 0.63
    image[100:104, 10:14] = 1
    everything = {"min_area": 0, "solidity": 0, "block": 41}
    assert recipes.segment(image, "nuclei", everything).labels.max() == 3
    filtered = recipes.segment(image, "nuclei", {**everything, "min_area": 50, "solidity": 0.8})
    assert filtered.labels.max() == 1
    assert filtered.removed == {"smaller than 50 pixels": 1, "of a solidity below 0.8": 1}


def test_er_is_zero_below_its_mean_and_smooth() -> None:
    image = nuclei(seed=6)[0]
    found = recipes.segment(image, "er", "block=61 min_area=20")
    normal, above = found.steps["normalised"], found.steps["above_mean"]
    assert (above[normal <= normal.mean()] == 0).all()
    assert not (found.steps["thresholded"] & (above == 0)).any()
    opened = found.steps["opened"]
    assert (opened <= found.steps["filled"]).all()
    assert (recipes._opened(opened, 3) == opened).all()  # opening twice is opening once


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_opening_takes_what_is_narrower_than_the_square(side: int) -> None:
    mask = np.zeros((20, 20), bool)
    mask[2 : 2 + side, 2 : 2 + side] = True
    assert (recipes._opened(mask, side) == mask).all()
    assert not recipes._opened(mask, side + 1).any()


def test_smoothing_by_hand() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True  # weight 4 / 16
    assert not recipes._smoothed(mask).any()
    mask[1:4, 1:4] = True
    smooth = recipes._smoothed(mask)
    assert (smooth == mask).all()  # 12 / 16 on a side, 9 / 16 in a corner, 4 / 16 beside it
    mask[2, 2] = False
    assert recipes._smoothed(mask)[2, 2]  # 12 / 16


def test_golgi_keeps_the_brightest_tenth() -> None:
    rng = np.random.default_rng(0)
    image = rng.permutation(10_000).reshape(100, 100)
    found = recipes.segment(image, "golgi", "min_area=0")
    assert found.steps["filtered"].mean() == pytest.approx(0.1, abs=0.001)
    assert found.steps["rescaled"].min() == 0 and found.steps["rescaled"].max() == pytest.approx(1)
    ball = recipes.segment(image, "golgi", "radius=5 clip=0")
    assert list(ball.steps) == ["ball", "rescaled", "filtered"]


def test_a_predicted_mask_is_cut() -> None:
    image = np.array([[0.79, 0.8], [0.1, 1.0]], np.float32)
    assert recipes.segment(image, "gfp", "predicted=true").labels.tolist() == [[0, 1], [0, 1]]


def test_adaptive_otsu_follows_the_background() -> None:
    ramp = np.linspace(0, 0.4, 200)[None, :].repeat(100, 0).astype(np.float32)
    ramp[::10, ::10] += 0.3
    surface = primary.adaptive_otsu(ramp, 20)
    assert surface.shape == ramp.shape
    assert surface[:, -1].mean() > surface[:, 0].mean()
    assert surface.max() / surface.min() <= 1.5 / 0.7 + 1e-9  # held around the global threshold
    flat = primary.adaptive_otsu(np.full((30, 30), 0.25, np.float32), 20)
    assert np.allclose(flat, 0.25)


def test_two_peaks_in_a_clump_are_two_objects() -> None:
    rows, columns = np.mgrid[:40, :60]
    image = sum(np.exp(-((rows - 20) ** 2 + (columns - x) ** 2) / 60) for x in (22, 38)).astype(np.float32)
    mask = image > 0.25
    assert ndimage.label(mask)[1] == 1
    labels = primary.declump(image, mask, 10)
    assert labels.max() == 2 and ((labels > 0) == mask).all()
    assert labels[20, 22] != labels[20, 38]
    assert abs((labels == 1).sum() - (labels == 2).sum()) <= 40


def test_diameters_bound_the_objects() -> None:
    image = np.zeros((100, 100), np.float32)
    rows, columns = np.mgrid[:100, :100]
    for y, x, radius in ((20, 20, 2), (50, 50, 8), (75, 25, 19), (50, 97, 8)):
        image[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = 1
    keys = {"clahe": False, "window": 50, "declump": False, "min_diameter": 8}
    found = recipes.segment(image, "primary", keys)
    assert found.labels.max() == 1 and found.labels[50, 50] == 1
    assert found.removed["touching the border"] == 1
    assert sum(found.removed.values()) == 3


def test_scale_converts_lengths_and_areas() -> None:
    config = config_from("nuclei", {"scale": 0.5})
    assert config.odd(111, (512, 512)) == 55 and config.factor((512, 512)) == 0.5
    auto = config_from("nuclei", "scale=auto")
    assert auto.factor((1068, 800)) == 0.5
    image = np.zeros((80, 80), np.float32)
    image[10:20, 10:20] = 1  # 100 pixels
    assert recipes.segment(image, "nuclei", "min_area=300 scale=0.5 solidity=0").labels.max() == 1
    assert recipes.segment(image, "nuclei", "min_area=300 solidity=0").labels.max() == 0


@pytest.mark.parametrize("name", CONFIGS)
def test_an_even_plane_is_empty(name: str) -> None:
    assert recipes.segment(np.full((64, 64), 9, np.uint16), name).labels.max() == 0


def test_wrong_parameters_are_explained() -> None:
    with pytest.raises(BadInput, match='Unknown key "blok".*Did you mean "block"'):
        config_from("nuclei", "blok=3")
    with pytest.raises(BadInput, match="expected key=value"):
        config_from("nuclei", "block")
    with pytest.raises(BadInput, match="expected one of nuclei, er"):
        config_from("mitochondria")
    with pytest.raises(BadInput, match="smaller one first"):
        config_from("primary", {"min_diameter": 40})
    with pytest.raises(BadInput, match="finite"):
        recipes.segment(np.full((4, 4), np.nan), "er")


def test_classical_proposals_have_steps_and_limits() -> None:
    image, truth = tiny.discs(6)
    given = images.from_array(ndimage.gaussian_filter(image, 1))
    keys = {"by": "classical", "classical": "nuclei", "parameters": "block=61 min_area=30"}
    request = parse(ProposeRequest, keys).request
    labels, notes = propose(given, request)
    assert f1(truth, labels.values[0, 0, 0]) > 0.9
    assert list(steps(given, request)) == STEPS["nuclei"]
    assert propose(given, parse(ProposeRequest, {**keys, "max_size": 40}).request).labels.values.max() == 0
    with pytest.raises(BadInput, match="work in planes"):
        propose(given, parse(ProposeRequest, {**keys, "ndim": 3}).request)
    assert notes[0].startswith(f"{labels.values.max()} objects")


def test_steps_can_be_shown_as_an_image() -> None:
    stack = np.stack([tiny.discs(seed)[0] for seed in (1, 2)])
    given = images.from_array(stack, "zyx", pixel_size=(2, 1, 1), unit="um", name="cells")
    everything = step_image(given, parse(ProposeRequest, {"by": "classical", "classical": "er", "step": "all"}).request)
    assert everything.attrs["channel_names"] == tuple(STEPS["er"])
    assert everything.attrs["pixel_size"] == (2, 1, 1) and images.check(everything).sizes["z"] == 2
    one = step_image(given, parse(ProposeRequest, {"by": "classical", "classical": "er", "step": "filled"}).request)
    assert (one.values[:, 0] == everything.values[:, STEPS["er"].index("filled")]).all()
    assert set(np.unique(one.values)) == {0, 1} and one.attrs["name"] == "cells er filled"
    with pytest.raises(BadInput, match="er has the steps normalised, above_mean"):
        step_image(given, parse(ProposeRequest, {"by": "classical", "classical": "er", "step": "eroded"}).request)


def test_the_guide_names_every_parameter_and_key(root: Path) -> None:
    text = (root / "docs" / "how-to" / "classical.md").read_text(encoding="utf-8")
    for name, kind in CONFIGS.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(step in row for step in STEPS[name])
        own = set(kind.model_fields) - set(Config.model_fields)
        assert own <= set(re.findall(r"`(\w+)`", row))
        for key in own:
            if re.search(rf"`{key}` \*?[\d.]+", row):
                written = re.search(rf"`{key}` \*?([\d.]+)\*?", row)
                assert written and float(written[1]) == kind.model_fields[key].default, key
    named = set(re.findall(r"`(\w+)[`=]", text))
    network = {"prob_thresh", "nms_thresh", "norm_low", "norm_high", "device", "channel", "file", "model"}
    assert set(ProposeRequest.model_fields) - network <= named
