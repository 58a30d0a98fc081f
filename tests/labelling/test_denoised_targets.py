"""A stain whose noise is taken out by a Noise2Void model before it is learned: noise falls, structure stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers import drawn_plates
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.labelling.record import record_of
from talanoa.labelling.train import data
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest

SIDE, NOISE = 96, 120.0
NAMES = [f"A0{number}_f1" for number in range(1, 6)]
N2V: dict[str, Any] = {
    "method": "n2v", "device": "cpu", "filters": 16, "depth": 1, "kernel": 3, "patch": 32, "batch": 8, "lr": 2e-3,
    "schedule": "cosine", "masked_percent": 3, "validation": 0.25, "epochs": 10, "steps": 40,
}  # fmt: skip


def plate(folder: Path) -> dict[str, np.ndarray]:
    """Write a plate with a noisy stain, and return the stain as it would be without noise."""
    clean = {}
    rng = np.random.default_rng(3)
    for number, name in enumerate(NAMES):
        light, _ = drawn_plates.field(number, (SIDE, SIDE))
        clean[name] = 200 + 800 * gaussian_filter((light < 700).astype(float), 1)
        drawn_plates.write(folder, "phase", name, light)
        stain = clean[name] + rng.normal(0, NOISE, (SIDE, SIDE))
        drawn_plates.write(folder, "golgi", name, stain.clip(0).astype(np.uint16))
    return clean


def test_noise_of_a_target_falls_and_its_structure_stays(tmp_path: Path) -> None:
    clean = plate(tmp_path / "plate")
    source = parse(TrainRequest, {**N2V, "name": "n2v_of_golgi", "images": tmp_path / "plate" / "golgi"}).request
    train(source, QuietHost())
    keys = {"method": "labelling", "name": "denoised", "images": str(tmp_path / "plate"), "test_share": 0}
    found = {}
    for prepare in ("", "golgi: denoise=n2v_of_golgi"):
        loaded = data.load(parse(TrainRequest, {**keys, "prepare": prepare}).request, QuietHost())
        (stain,) = record_of(loaded.extra["labelling"]).stains
        found[prepare] = {item.name: stain.to_intensities(item.target[0]) for item in loaded.items}
        steps = next(item.steps["golgi"] for item in loaded.items if item.steps)
        assert list(steps) == (["projected", "denoised"] if prepare else ["projected"])
        assert stain.prepare.denoise == ("n2v_of_golgi" if prepare else None)
    for name, true in clean.items():
        noisy, denoised = (each[name] for each in found.values())
        background, discs = true < 201, true > 999
        assert denoised[background].std() < 0.5 * noisy[background].std()
        error = {"noisy": np.std(noisy - true), "denoised": np.std(denoised - true)}
        assert error["denoised"] < 0.6 * error["noisy"]
        assert denoised[discs].mean() - denoised[background].mean() == pytest.approx(800, rel=0.1)
        assert np.corrcoef(denoised.ravel(), true.ravel())[0, 1] > 0.97


def test_a_model_that_takes_out_no_noise_is_refused(tmp_path: Path) -> None:
    plate(tmp_path / "plate")
    keys = {"method": "labelling", "name": "denoised", "images": str(tmp_path / "plate")}
    for prepare, message in (("denoise=absent_n2v", "absent_n2v"), ("denoise=nuclei", "nuclei")):
        with pytest.raises(BadInput, match=message):
            data.load(parse(TrainRequest, {**keys, "prepare": prepare}).request, QuietHost())
