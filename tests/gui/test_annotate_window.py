"""The annotation of a dataset, in a real ImageJ window."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers.gui.annotate import DISCS, truth
from talanoa.measure.metrics.matching import match_images
from talanoa.segmentation.dataset.folder import open_dataset

pytestmark = pytest.mark.gui


def test_three_images_are_annotated_one_after_the_other(play: Any) -> None:
    seen = play("annotate")
    dataset = open_dataset(seen["work"] / "set")
    assert {entry.name for entry in dataset.annotated()} == set(seen["order"])
    assert {entry.who for entry in dataset.entries} == {"Anna"}
    for name in seen["order"]:
        mask = tifffile.imread(dataset.mask_path(name))
        assert len(np.unique(mask)) - 1 == DISCS  # the one drawn anew has a free number, not that of the deleted one
        assert match_images([(truth(name), mask)], (0.7,))[0.7].f1 == 1
        original = tifffile.imread(seen["work"] / "raw" / f"{name}.tif")
        assert np.array_equal(tifffile.imread(dataset.image_path(name)), original)
    assert seen["classes"] == [0] * (DISCS - 1) + [2]
    assert any("action=save" in line for line in seen["recorded"])


def test_what_the_check_finds_is_shown_split_and_taken_back(play: Any) -> None:
    seen = play("correct")
    assert seen["finding"][1] == "merged"
    assert seen["close"] < 96
    assert len(seen["areas"]) == 7 and max(seen["areas"]) < 400
    mask = tifffile.imread(seen["work"] / "set" / "masks" / "discs0.tif")
    assert mask.max() == 7
    assert mask[48, 37] != mask[48, 59]


def test_the_window_for_adding_images_closes_with_the_panel(play: Any) -> None:
    assert play("close_while_adding")["open"] is False


def test_nothing_is_lost_when_windows_and_folders_go_away(play: Any) -> None:
    seen = play("mishaps")
    assert "ROIs of your own (1)" in seen["asked"]
    assert seen["own"] == [1, None]
    assert seen["manager"] == seen["image"] == DISCS
    assert "set" in seen["gone"]
    assert seen["kept"] == DISCS + 1
    assert seen["back"] == [1, 2, 3, 4]
    saved = list((seen["work"] / "set" / ".talanoa").rglob("discs0*"))
    assert saved, "the work that was not saved is kept aside"


def test_what_was_annotated_is_trained_on_and_judged(play: Any) -> None:
    seen = play("train_and_judge")
    dataset = (seen["work"] / "set").as_posix()
    assert seen["trained_on"].rstrip("/") == seen["judged_on"].rstrip("/") == dataset
    assert "Model mine is trained" in seen["trained"]
    report = seen["work"] / "report"
    assert (report / "report.html").stat().st_size > 10_000
    overall = json.loads((report / "evaluation.json").read_text(encoding="utf-8"))
    assert overall
    assert seen["rows"] == 3
    assert "F1" in seen["judged"]
