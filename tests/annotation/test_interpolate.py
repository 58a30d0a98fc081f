"""Shapes between shapes, by hand: discs that grow, squares that move, objects that are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.annotating import done, refused
from talanoa import image as images
from talanoa import rois
from talanoa.annotation.interpolate import between, interpolate

SIZE = 48


def disc(radius: float, center: tuple[float, float] = (24.0, 24.0)) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def keys(*slices: tuple[int, np.ndarray], names: list[str] | None = None, depth: int = 12) -> rois.RoiSet:
    """Return the outlines of labels drawn in some slices (from 1)."""
    labels = np.zeros((depth, SIZE, SIZE), np.int32)
    for z, plane in slices:
        labels[z - 1] = plane
    drawn = rois.from_labels(images.from_array(labels, "zyx"))
    return drawn if names is None else rois.rename(drawn, names, drawn.position)


def painted(found: rois.RoiSet, depth: int = 12) -> np.ndarray:
    return rois.to_labels(found, (1, depth, SIZE, SIZE)).labels.values[0, 0]


def test_a_disc_that_grows_from_4_to_8_is_6_in_the_middle() -> None:
    found = interpolate(keys((1, disc(4)), (5, disc(8))))
    planes = painted(found.rois)
    assert found.new == [2, 3, 4] and found.objects == 1
    for z, radius in ((0, 4), (1, 5), (2, 6), (3, 7), (4, 8)):
        differ = (planes[z] > 0) ^ disc(radius)
        y, x = np.nonzero(differ)
        assert (np.abs(np.hypot(y - 24, x - 24) - radius) < 0.75).all(), z
        assert differ.sum() <= 0.1 * disc(radius).sum(), z
    assert not planes[5:].any()


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 1.0])
def test_the_ends_are_the_shapes_and_equal_shapes_stay(part: float) -> None:
    assert np.array_equal(between(disc(5), disc(5), part), disc(5))
    assert np.array_equal(between(disc(5), disc(9), 0), disc(5)) and np.array_equal(
        between(disc(5), disc(9), 1), disc(9)
    )


def test_an_object_that_moves_keeps_its_shape_and_goes_straight() -> None:
    found = interpolate(keys((2, disc(5, (14, 12))), (6, disc(5, (22, 36))), names=["cell", "cell-1"]))
    planes = painted(found.rois)
    for z in range(1, 6):
        part = (z - 1) / 4
        assert np.array_equal(planes[z] > 0, disc(5, (14 + 8 * part, 12 + 24 * part))), z
    assert set(found.rois.names) == {"cell", "cell-1"}


def test_what_is_turned_or_mirrored_is_interpolated_alike() -> None:
    low, high = disc(6, (20, 22)) & ~disc(4, (16, 22)), disc(9, (24, 26))
    found = between(low, high, 0.3)
    assert found.any()
    for turn in (np.fliplr, np.flipud, np.rot90, np.transpose):
        assert np.array_equal(between(turn(low), turn(high), 0.3), turn(found))


def test_the_area_lies_between_and_grows_steadily() -> None:
    areas = [between(disc(4), disc(11), part).sum() for part in np.linspace(0, 1, 8)]
    assert (np.diff(areas) > 0).all()


def test_several_key_slices_and_objects_are_told_apart_by_name() -> None:
    one, two = disc(4, (12, 12)), disc(5, (34, 34)) * 2
    drawn = keys((1, one + two), (3, one), (5, two), (7, one))
    found = interpolate(drawn)
    planes = painted(found.rois)
    assert [np.unique(plane)[1:].tolist() for plane in planes[:8]] == [
        [1, 2], [1, 2], [1, 2], [1, 2], [1, 2], [1], [1], []
    ]  # fmt: skip
    assert all(np.array_equal(planes[z] == 1, one) for z in range(7))
    assert found.rois.names[:5] == drawn.names
    assert np.array_equal(found.rois[np.arange(5)].xy, drawn.xy)
    assert len(interpolate(found.rois).new) == 0


def test_only_the_objects_that_are_meant() -> None:
    one, two = disc(4, (12, 12)), disc(5, (34, 34)) * 2
    drawn = keys((1, one + two), (4, one + two))
    found = interpolate(drawn, only=[1])
    assert len(found.new) == 2 and {found.rois.names[k][-6:] for k in found.new} == {"L00002"}


def test_outlines_that_imagej_named_are_joined_by_overlap_and_then_named_by_object() -> None:
    one, two = disc(6, (14, 14)), disc(6, (32, 34)) * 2
    names = ["0001-0014-0014", "0001-0032-0034", "0005-0014-0014", "0005-0032-0034"]
    found = interpolate(keys((1, one + two), (5, one + two), names=names))
    assert len(found.new) == 6
    assert sorted({name[-6:] for name in found.rois.names}) == ["L00001", "L00002"]
    planes = painted(found.rois)
    assert all(np.array_equal(plane, one + two) for plane in planes[:5])


def test_pixels_of_other_objects_are_left_to_them() -> None:
    growing = keys((1, disc(3)), (3, disc(12)), names=["a", "a-1"])
    other = keys((2, disc(4, (24, 30))), names=["b"])
    both = rois.concatenate([growing, other])
    found = interpolate(both)
    alone = rois.to_labels(found.rois[2], (1, 12, SIZE, SIZE)).labels.values[0, 0, 1] > 0
    added = rois.to_labels(found.rois[np.array(found.new)], (1, 12, SIZE, SIZE)).labels.values[0, 0, 1] > 0
    assert added.any() and not (alone & added).any() and np.array_equal(alone, disc(4, (24, 30)))


def test_classes_go_along() -> None:
    import dataclasses

    drawn = keys((1, disc(5)), (3, disc(5)))
    found = interpolate(dataclasses.replace(drawn, group=np.array([2, 2], np.uint8)))
    assert found.rois.group.tolist() == [2, 2, 2]


def test_the_action(tmp_path: object) -> None:
    reply = done("interpolate", rois=keys((1, disc(4)), (5, disc(8))))
    assert reply["changed"] == [2, 3, 4] and reply["message"] == "3 outlines added to 1 object."
    loose = rois.rename(keys((1, disc(4))), ["a"], np.zeros((1, 3)))
    assert "belong to no slice" in refused("interpolate", rois=loose)
    assert "There are no ROIs" in refused("interpolate")
    assert "Found index 7 and 1 ROIs" in refused("interpolate", rois=keys((1, disc(4))), index=7)
