"""Predicting stains in a real ImageJ window."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.gui


def test_predict_fluorescence_from_the_menu(play: Any) -> None:
    seen = play("predict_from_the_menu")
    assert {"nuclei of cells", "er"} <= set(seen["offered"]) and not {"nuclei", "tiny"} & set(seen["offered"])
    assert seen["channels"] == 2 and seen["composite"] and seen["names"] == ["phase", "nucleus"]
    assert seen["calibration"] and seen["replayed"]
    assert len(seen["recorded"]) == 1
    assert seen["recorded"][0].startswith('run("Predict Fluorescence", "model=[nuclei of cells] keep_input')
    assert seen["of_both"] == ["phase", "nucleus", "ER"] and seen["same_nuclei"]
    assert len(seen["joined"]) == 1 and "model=[nuclei of cells; er]" in seen["joined"][0]
    assert "further" not in seen["joined"][0]
