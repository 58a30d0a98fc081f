import numpy as np
import pytest

from talanoa.models import geometry
from talanoa.rois.trace import trace


def lengths_of_paths(plane: np.ndarray, ids: np.ndarray, size_y: float, size_x: float) -> np.ndarray:
    """Return the same from the traced corners: every corner counts that ends a longer side, or every second one."""
    found = trace(plane)
    lengths = np.zeros(len(ids))
    cut = size_x + size_y - np.hypot(size_x, size_y)
    for label, begin, end in zip(found.path_label, found.path_start[:-1], found.path_start[1:], strict=True):
        path = found.xy[begin:end].astype(float)
        since = 0
        for place in range(len(path)):
            step = np.abs(path[place] - path[place - 1])
            since = 0 if place == 0 or step.sum() > 1 else since + 1
            lengths[np.searchsorted(ids, label)] += step @ [size_x, size_y] - cut * (since % 2 == 0)
    return lengths


@pytest.mark.parametrize("seed", range(40))
def test_lengths_are_those_of_the_traced_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 2 + seed % 4, rng.integers(1, 14, 2)).repeat(1 + seed % 2, 1).astype(np.int32)
    ids = np.setdiff1d(plane, 0).astype(np.int32)
    for size in ((1.0, 1.0), (0.5, 0.7)):
        assert geometry.outline_lengths(plane, ids, *size) == pytest.approx(lengths_of_paths(plane, ids, *size))


def test_lengths_by_hand() -> None:
    plane = np.zeros((12, 14), np.int32)
    plane[1:5, 1:6] = 3
    plane[6:11, 6:11] = 2**31 - 1
    plane[8, 8] = 0  # a hole: an outline of its own
    corner = 2 - 2**0.5
    expected = [2 * (4 + 5) - 4 * corner, 4 * 5 - 4 * corner + 4 - 2 * corner]
    assert geometry.outline_lengths(plane, np.array([3, 2**31 - 1], np.int32), 1.0, 1.0) == pytest.approx(expected)


def test_no_objects_have_no_outline() -> None:
    assert geometry.outline_lengths(np.zeros((3, 4), np.int32), np.zeros(0, np.int32), 1.0, 1.0).shape == (0,)
