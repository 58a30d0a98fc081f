"""The window for thresholds, in a real ImageJ window."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.gui


def test_thresholds_are_adjusted_before_the_results_are_shown(play: Any) -> None:
    seen = play("adjust")
    assert seen["first"] == seen["outlines"] > 0 and seen["rois_before"] == 0
    assert seen["none"] == 0
    assert 0 < seen["some"] < seen["first"]
    assert seen["some"] == seen["labels"] == seen["rois"] == seen["replayed"]
    (line,) = seen["lines"]
    assert "min_size=170" in line and "adjust" not in line


def test_editing_the_image_ends_it(play: Any) -> None:
    seen = play("edit_meanwhile")
    assert "was closed or edited" in seen["said"] and "Run Segment Objects again" in seen["said"]
    assert not seen["open"] and seen["outlines"] == 0
