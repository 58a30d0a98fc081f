"""Thresholds and filters changed on the kept answers of the network: the same as a whole new segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers import tiny
from talanoa import tasks
from talanoa.core.cache import HANDLES
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array

KEYS = {"task": "segment", "model": tiny.MODEL}
MOVIE = from_array(np.stack([tiny.discs(seed)[0] for seed in (100, 101)]), "tyx", name="movie")


def run(handle: str | None = None, preview: bool = False, **keys: Any) -> dict[str, Any]:
    image = None if handle else MOVIE
    reply = tasks.run({**KEYS, **keys}, QuietHost(), image, handle=handle, preview=preview)
    assert reply["status"] == "ok", reply["message"]
    return reply


@pytest.fixture(scope="module")
def handle() -> str:
    return run(handle="")["handle"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prob_thresh": 0.3},
        {"prob_thresh": 0.8, "nms_thresh": 0.1},
        {"prob_thresh": 0.01},  # below what was kept: the network is asked again
        {"min_size": 150, "exclude_border": True},
    ],
    ids=str,
)
def test_the_same_objects_as_without_a_handle(handle: str, changes: dict[str, Any]) -> None:
    kept, whole = run(handle, **changes), run(**changes)
    np.testing.assert_array_equal(kept["labels"], whole["labels"])
    assert kept["table"].equals(whole["table"])
    measured = {"times": 0, "cost": 0}
    assert {**kept["record"], **measured} == {**whole["record"], **measured}
    assert kept["handle"] == handle


def test_a_preview_is_outlines_alone(handle: str) -> None:
    seen = run(handle, preview=True, prob_thresh=0.6)
    assert seen["labels"] is None and seen["table"] is None
    assert seen["rois"].names == run(prob_thresh=0.6)["rois"].names


def test_the_network_is_not_asked_again(handle: str) -> None:
    memory = HANDLES.get(handle)
    before = dict(memory.answers)
    run(handle, prob_thresh=0.7)
    assert all(memory.answers[frame] is before[frame] for frame in before)


def test_a_handle_does_not_follow_a_changed_image(handle: str) -> None:
    image = from_array(tiny.discs(7)[0].copy())
    reply = tasks.run(KEYS, QuietHost(), image, handle="")
    image.values[:] = 0
    again = tasks.run(KEYS, QuietHost(), handle=reply["handle"])
    np.testing.assert_array_equal(again["labels"], reply["labels"])


def test_other_settings_of_the_network_are_refused(handle: str) -> None:
    reply = tasks.run({**KEYS, "norm_high": 99.0}, QuietHost(), handle=handle)
    assert reply["status"] == "error" and "other settings" in reply["message"]


def test_a_handle_that_is_gone_is_told() -> None:
    reply = tasks.run(KEYS, QuietHost(), handle="gone")
    assert reply["status"] == "error" and "Run Segment Objects again" in reply["message"]


def test_the_reply_tells_where_the_sliders_begin(handle: str) -> None:
    thresholds = run(handle, prob_thresh=0.6, nms_thresh=0.2)["thresholds"]
    assert thresholds == {"lowest": 0.05, "prob_thresh": 0.6, "nms_thresh": 0.2}
