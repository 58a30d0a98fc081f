"""Shifts between transmitted light and stains: what many fields agree on is believed, chance is not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from helpers import drawn_plates
from talanoa.labelling.data.align import moved, offset, shared_part

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def pairs(dy: int, dx: int) -> list[Pair]:
    """Return drawn fields of which the stain lies dy, dx away."""
    folder = drawn_plates.drawn()
    found = []
    for path in sorted((folder / "phase").iterdir()):
        light, stain = (tifffile.imread(folder / kind / path.name).astype(np.float32) for kind in ("phase", "er"))
        found.append((light, np.roll(stain, (dy, dx), (0, 1))))
    return found


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (6, -4)])
def test_a_shift_of_a_whole_plate_is_found_although_phase_contrast_looks_different(dy: int, dx: int) -> None:
    found = offset(pairs(dy, dx))
    assert found is not None and found.agree >= found.measured / 2
    assert (found.dy, found.dx) == pytest.approx((-dy, -dx), abs=0.6)


def test_fields_that_do_not_belong_together_have_no_shift() -> None:
    given = pairs(0, 0)
    assert offset([(light, given[k - 5][1]) for k, (light, _) in enumerate(given)]) is None
    assert offset(given[:1]) is None  # one field alone, and not sure


def test_stains_are_moved_onto_the_light_by_whole_pixels_without_edges() -> None:
    light = np.arange(30).reshape(5, 6)
    one, other = np.roll(light, (-1, 2), (0, 1)), np.roll(light, (0, -1), (0, 1))
    steps = [(1, -2), (0, 1)]  # back to where they were
    where = shared_part((5, 6), steps)
    assert where == (slice(1, 5), slice(1, 4))
    for stain, step in zip((one, other), steps, strict=True):
        assert np.array_equal(moved(stain, where, step), light[where])
