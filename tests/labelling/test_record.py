"""What a labelling model knows of its stains: units there and back, planes that exist."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.core.errors import BadInput
from talanoa.labelling.record import LabellingRecord, Stain, record_of


def test_intensities_come_back_from_the_network_s_units() -> None:
    stain = Stain(name="DAPI", low=100, high=300)
    assert stain.to_units(np.array([50, 100, 200, 400])).tolist() == [0, 0, 0.5, 1]
    inside = np.linspace(100, 300, 7)
    assert stain.to_intensities(stain.to_units(inside)) == pytest.approx(inside)


def test_the_calibration_is_a_line_in_units_of_the_network() -> None:
    stain = Stain(name="DAPI", low=100, high=300, gain=2, offset=-0.25)
    assert stain.to_intensities(np.array([0.5], np.float32)) == pytest.approx([100 + 200 * 0.75])
    assert stain.spread_to_intensities(np.array([0.1], np.float32)) == pytest.approx([40])


def test_masks_have_no_intensities() -> None:
    mask = Stain(name="GFP", mask=True, low=5, high=9, gain=3)
    values = np.array([0.2, 1], np.float32)
    assert mask.to_intensities(values).tolist() == values.tolist()
    assert mask.to_units(values).tolist() == values.tolist()


def test_a_record_survives_its_json_and_refuses_planes_that_there_are_not() -> None:
    text = {"lights": [{"name": "phase", "planes": [2, 3], "stack": 3}], "stains": [{"name": "DAPI", "high": 9}]}
    record = record_of(text)
    assert record.channels == 2
    assert LabellingRecord.model_validate_json(record.model_dump_json()) == record
    text["lights"][0]["planes"] = [4]
    with pytest.raises(BadInput, match="from 1 to 3"):
        record_of(text)
