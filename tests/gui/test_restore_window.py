"""Training models that restore, and using them, in a real ImageJ window."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.gui


def test_train_and_denoise_the_open_image(play: Any) -> None:
    seen = play("train_and_denoise")
    assert "would take about" in seen["before"]
    assert any(text.endswith(": as it is") for text in seen["texts"])
    assert not any(text.startswith("Wanted") for text in seen["texts"])
    assert "is trained" in seen["said"]
    assert "mine" in seen["offered"] and "nuclei" not in seen["offered"] and "tiny" not in seen["offered"]
    assert seen["same"] and seen["unchanged"]
    assert len(seen["recorded"]) == 1 and seen["recorded"][0].startswith('run("Restore Image", "model=mine ')


def test_train_on_pairs_and_restore_with_uncertainty(play: Any) -> None:
    seen = play("train_on_pairs")
    assert any(text.startswith("Wanted: the clean image") for text in seen["texts"])
    assert "is trained" in seen["said"]
    assert seen["uncertainty"] and seen["calibration"]
