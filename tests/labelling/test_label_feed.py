"""Crops that a labelling network sees: the same place in light and stain, none blank, drawn by their key alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers import drawn_plates
from talanoa.labelling.data import exposure
from talanoa.labelling.data.field import LabelField
from talanoa.labelling.train import feed
from talanoa.labelling.train.crops import CropAugmentation, cut, drawn_place
from talanoa.training.loop import make_batch
from talanoa.training.settings import Settings

ALL = CropAugmentation(gain=0.5, bias=0.5)


def item(number: int, **keys: Any) -> LabelField:
    light, stain = (values.astype(np.float32) for values in drawn_plates.field(number, (120, 140)))
    image = (light - light.min()) / np.ptp(light)
    return LabelField(f"f{number}", image[None], ((stain[None] - 100) / 800).clip(0, 1), **keys)


def settings(**keys: Any) -> Settings:
    return Settings(**{"patch": 64, "batch": 6, "epochs": 1, "steps": 1, "augment_scale": 1, **keys})


def test_points_of_light_and_stain_stay_together_however_a_crop_is_turned() -> None:
    rows, columns = np.mgrid[:160, :160]
    rng = np.random.default_rng(0)
    spots = np.zeros((160, 160), np.float32)
    for y, x in rng.uniform(10, 150, (40, 2)):
        spots += np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8).astype(np.float32)
    spots /= spots.max()
    field = LabelField("spots", spots[None], np.stack([spots, 1 - spots]))
    plain = CropAugmentation(contrast=0, defocus=0)
    for _ in range(20):
        image, target = feed.crop_of(field, settings(), plain, rng)
        np.testing.assert_allclose(image[0], target[0], atol=1e-6)
        np.testing.assert_allclose(target[1], 1 - target[0], atol=1e-5)


def test_no_crop_has_a_blank_corner() -> None:
    field = LabelField("even", np.full((1, 90, 90), 0.5, np.float32), np.ones((1, 90, 90), np.float32))
    rng = np.random.default_rng(1)
    plain = CropAugmentation(contrast=0, defocus=0)
    for _ in range(50):
        image, target = feed.crop_of(field, settings(filter_crops=False), plain, rng)
        np.testing.assert_allclose(image, 0.5, atol=1e-6)
        np.testing.assert_allclose(target, 1, atol=1e-6)


def test_a_batch_follows_from_its_key_and_validation_is_as_it_is() -> None:
    items = [item(k) for k in range(2)]
    drawn = [make_batch(items, feed.FEED, None, settings(), True, key) for key in (5, 5, 6)]
    assert np.array_equal(drawn[0][0], drawn[1][0]) and not np.array_equal(drawn[0][0], drawn[2][0])
    images, (targets,) = make_batch(items, feed.FEED, None, settings(batch=3), False, 5)
    assert images.shape == (3, 1, 64, 64) and targets.shape == (3, 1, 64, 64)
    windows = [np.lib.stride_tricks.sliding_window_view(each.image[0], (64, 64)) for each in items]
    for crop in images.numpy()[:, 0]:
        assert any((np.abs(each - crop).max(axis=(2, 3)) < 1e-5).any() for each in windows)


@pytest.mark.parametrize("balance", ["plate", "phenotype"])
def test_rare_kinds_are_shown_as_often_as_frequent_ones(balance: str) -> None:
    items = [item(k, **{balance: "rare" if k == 0 else "frequent"}) for k in range(8)]
    rng = np.random.default_rng(2)
    for asked, share in ((balance, 1 / 2), ("none", 1 / 8)):
        kinds = feed.kinds_of(items, asked)
        drawn = [feed.chosen_field(kinds, rng).name == "f0" for _ in range(600)]
        assert np.mean(drawn) == pytest.approx(share, abs=0.07)


def test_crops_that_tell_nothing_are_drawn_again() -> None:
    field = item(1)
    light, stain = field.image.copy(), np.zeros_like(field.target)
    stain[:, 60:120, 70:140] = 1
    sparse = LabelField("sparse", light, stain)
    covered = {}
    for wanted in (False, True):
        rng = np.random.default_rng(3)
        chosen = settings(filter_crops=wanted, most_background=0.8)
        crops = [feed.crop_of(sparse, chosen, CropAugmentation(), rng)[1] for _ in range(40)]
        covered[wanted] = min(float((crop > 0.1).mean()) for crop in crops)
    assert covered[True] >= 0.2 - 0.05 > covered[False]
    faults = feed.faults_of([sparse], settings(most_background=0.8, patch=32))
    assert faults["crops"] == 12 and faults["empty"] >= 4


def test_the_input_is_disturbed_in_its_own_units_and_the_stain_is_not() -> None:
    field = item(4)
    zscored = LabelField("z", (field.image - field.image.mean()) / field.image.std(), field.target)
    low, high = zscored.ends
    worst = CropAugmentation(
        flip=0, rotate=False, zooms=(1.0,), zoom_shares=(1.0,), contrast=1, defocus=1, gain=1, bias=1
    )
    rng = np.random.default_rng(5)
    windows = np.lib.stride_tricks.sliding_window_view(field.target[0], (64, 64))
    for _ in range(3):
        image, target = feed.crop_of(zscored, settings(filter_crops=False), worst, rng)
        assert image.min() >= low - 1e-5 and image.max() <= high + 1e-5
        assert (np.abs(windows - target[0]).max(axis=(2, 3)) < 1e-6).any()


def test_the_sheet_of_a_dry_run_has_a_column_for_each_step() -> None:
    one = np.random.default_rng(0).random((30, 40), np.float32)
    steps = {"er": {"projected": one, "rolling ball": one, "clipped": one}, "dapi": {"projected": one}}
    sheet = feed.steps_sheet([LabelField("a", one[None], one[None], steps=steps), item(0)])
    assert sheet.size[0] > 3 * 192 and 2 * 192 < sheet.size[1] < 3 * 192


def test_camera_noise_alone_is_empty_however_a_crop_is_turned_and_enlarged() -> None:
    rng = np.random.default_rng(6)
    light, _ = drawn_plates.field(1, (160, 160))
    noise = np.clip(rng.normal(0.14, 0.06, (1, 160, 160)), 0, 1).astype(np.float32)  # percentile 1 became 0
    field = LabelField("noise", (light / light.max())[None].astype(np.float32), noise)
    assert feed.faults_of([field], settings(patch=32)) == {"crops": 25, "empty": 25}
    for _ in range(20):
        place = drawn_place(field.shape, 64, CropAugmentation(), rng)
        crops = (cut(values, place, 64) for values in (field.image, field.target))
        assert exposure.fault_of(*crops, None, field.noise) == "empty"
