"""Tracing: corners along pixel edges, checked against drawings by hand and against areas of random labels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from talanoa.rois.trace import Outlines, trace


def paths(found: Outlines) -> list[NDArray]:
    return np.split(found.xy, found.path_start[1:-1])


def plane_of(drawing: str) -> NDArray[np.int32]:
    """Turn a drawing of digits and dots into a label plane."""
    return np.array([[0 if c == "." else int(c) for c in line] for line in drawing.split()], np.int32)


def area(path: NDArray) -> float:
    """Return the signed area: positive for clockwise on the screen (y down)."""
    x, y = path.astype(float).T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def test_one_pixel_is_a_square() -> None:
    found = trace(plane_of("... .3. ..."))
    assert found.xy.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2]]
    assert found.path_label.tolist() == [3]


def test_a_letter_by_hand() -> None:
    found = trace(plane_of("11.. .1.. .111"))
    assert found.xy.tolist() == [[0, 0], [2, 0], [2, 2], [4, 2], [4, 3], [1, 3], [1, 1], [0, 1]]


def test_a_hole_is_a_path_of_its_own_the_other_way_round() -> None:
    outer, hole = paths(trace(plane_of("111 1.1 111")))
    assert outer.tolist() == [[0, 0], [3, 0], [3, 3], [0, 3]]
    assert area(outer) == 9 and area(hole) == -1


@pytest.mark.parametrize("drawing", ["1. .1", ".1 1."])
def test_pixels_that_touch_at_a_corner_are_one_path(drawing: str) -> None:
    found = trace(plane_of(drawing))
    assert len(found.path_label) == 1 and len(found.xy) == 8


def test_a_hole_that_touches_the_outside_at_a_corner_stays_a_hole() -> None:
    assert len(paths(trace(plane_of(".11 1.1 111")))) == 2


def test_touching_labels_share_corners_but_not_paths() -> None:
    found = trace(plane_of("12 21"))
    assert found.path_label.tolist() == [1, 2]


def test_nothing_is_traced_in_an_empty_plane() -> None:
    found = trace(np.zeros((4, 5), np.int32))
    assert len(found.xy) == 0 and found.path_start.tolist() == [0] and len(found.path_label) == 0


@pytest.mark.parametrize("seed", range(30))
def test_areas_corners_and_turns_of_random_labels(seed: int) -> None:
    """Signed areas sum up to the pixel count, edges are alternately horizontal and vertical, labels ascend."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 5, rng.integers(1, 14, 2)).astype(np.int32)
    found = trace(plane)
    total = np.zeros(5)
    for label, path in zip(found.path_label, paths(found), strict=True):
        total[label] += area(path)
        step = np.roll(path, -1, axis=0) - path
        assert (step[0::2, 1] == 0).all() and (step[1::2, 0] == 0).all() and (step != 0).sum() == len(step)
    assert total[1:].tolist() == np.bincount(plane.ravel(), minlength=5)[1:].tolist()
    assert (np.diff(found.path_label) >= 0).all()


def test_one_very_long_outline() -> None:
    """A spiral of half a million corners, which jumps of doubling length still put into order."""
    plane = np.zeros((1001, 1001), np.int32)
    plane[::2] = 1
    plane[1::4, -1] = plane[3::4, 0] = 1
    (path,) = paths(trace(plane))
    assert area(path) == plane.sum() and np.abs(np.roll(path, -1, axis=0) - path).sum() == 2 * plane.sum() + 2
