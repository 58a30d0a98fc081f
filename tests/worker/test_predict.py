"""Predicted stains in an ImageJ whose Python is beside it: the composite of Python alone, through shared memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers import labellers
from helpers.labellers import ER, NUCLEUS
from helpers.worker.looks import labels_of

pytestmark = pytest.mark.gui


def test_a_composite_arrives_with_its_names_colours_and_uncertainty(fiji: Any, tmp_path: Path) -> None:
    model = labellers.save(fiji.home / "models" / "stains", (NUCLEUS, ER))
    field = labellers.write_phase(tmp_path / "field.tif", 64, 80)
    fiji.call("show", field.as_posix())
    fiji.run("IJ.run('Predict Fluorescence', 'model=stains device=cpu keep_input uncertainty')")
    expected = talanoa.predict_fluorescence(field, model, device="cpu", keep_input=True, uncertainty=True)
    assert fiji.value("WindowManager.getCurrentImage().getTitle()") == "field-predicted"
    assert np.array_equal(labels_of(fiji, "field-predicted"), expected.image.values.squeeze())
    assert np.array_equal(labels_of(fiji, "field-uncertainty"), expected.uncertainty.values.squeeze())
    made = "WindowManager.getImage('field-predicted')"
    assert fiji.value(f"{made}.isComposite()") is True
    assert fiji.value(f"[{made}.getStack().getSliceLabel(k) for k in (1, 2, 3)]") == ["phase", "nucleus", "ER"]
    assert fiji.value(f"[lut.getRGB(255) & 0xffffff for lut in {made}.getLuts()]") == [0xFFFFFF, 0x0000FF, 0xFF0000]
