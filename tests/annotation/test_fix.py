"""Repairs: pixels are neither lost nor invented, names keep their style, what is not meant stays the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from helpers import annotating
from helpers.annotating import done, refused
from talanoa import image as images
from talanoa import rois
from talanoa.annotation import fix
from talanoa.annotation.fix import Settings
from talanoa.core.errors import BadInput

SIZE = 64


def disc(radius: float, y: float, x: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def outlined(*masks: np.ndarray, names: list[str] | None = None) -> rois.RoiSet:
    """Return one outline per mask."""
    each = [rois.from_labels(images.from_array(mask.astype(np.int32), "yx")) for mask in masks]
    names = names or [f"T0001_L{k:05d}" for k in range(1, len(masks) + 1)]
    found = rois.concatenate(each)
    named = rois.rename(found, names, found.position)
    return dataclasses.replace(named, label=np.arange(1, len(masks) + 1, dtype=np.int32))


def mask(some: rois.RoiSet, index: int) -> np.ndarray:
    return rois.to_labels(some[index], (SIZE, SIZE)).labels.values[0, 0, 0] > 0


def union(some: rois.RoiSet) -> np.ndarray:
    return np.any([mask(some, k) for k in range(len(some))], axis=0)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_split_cuts_two_discs_at_their_neck(turn: int) -> None:
    one, two = disc(10, 22, 20), disc(9, 34, 33)
    both = np.rot90(one | two, turn)
    found = fix.apply(outlined(both, disc(4, 58, 58)), "split", [0])
    assert found.changed == [0, 1] and found.rois.names == ("T0001_L00001", "T0001_L00003", "T0001_L00002")
    pieces = [mask(found.rois, k) for k in (0, 1)]
    assert np.array_equal(pieces[0] | pieces[1], both) and not (pieces[0] & pieces[1]).any()
    for truth in (np.rot90(one & ~two, turn), np.rot90(two & ~one, turn)):
        assert max((piece & truth).sum() for piece in pieces) > 0.97 * truth.sum()


@pytest.mark.parametrize("pieces", [2, 3, 4])
def test_any_shape_can_be_split_into_as_many_pieces_as_asked(pieces: int) -> None:
    for shape in (disc(10, 30, 30), np.pad(np.ones((6, 40), bool), ((20, 38), (12, 12)))):
        found = fix.apply(outlined(shape), "split", [0], Settings(pieces=pieces))
        assert len(found.rois) == pieces
        masks = [mask(found.rois, k) for k in range(pieces)]
        assert np.array_equal(np.sum(masks, axis=0), shape)
        assert all(ndimage.label(piece, np.ones((3, 3)))[1] == 1 for piece in masks)


def test_a_split_along_a_line() -> None:
    shape = np.pad(np.ones((20, 30), bool), ((20, 24), (16, 18)))
    found = fix.apply(outlined(shape), "split", [0], Settings(line=(26, 10, 26, 60)))
    left, right = mask(found.rois, 0), mask(found.rois, 1)
    assert (np.array_equal(left | right, shape)) and left[:, 26:].sum() == 0 and right[:, :26].sum() == 0
    short = fix.apply(outlined(shape), "split", [0], Settings(line=(26, 28, 26, 32)))
    assert [mask(short.rois, k).sum() for k in (0, 1)] == [200, 400]
    slanted = fix.apply(outlined(shape), "split", [0], Settings(line=(10, 10, 60, 52)))
    assert np.array_equal(mask(slanted.rois, 0) | mask(slanted.rois, 1), shape) and len(slanted.rois) == 2
    with pytest.raises(BadInput, match="the line does not cut it in two"):
        fix.apply(outlined(shape), "split", [0], Settings(line=(1, 1, 5, 1)))


def test_a_line_through_one_neck_leaves_the_other() -> None:
    chain = disc(6, 30, 12) | disc(6, 30, 23) | disc(6, 30, 34)
    found = fix.apply(outlined(chain), "split", [0], Settings(line=(18, 24, 18, 36)))
    assert len(found.rois) == 2
    assert sorted(int(mask(found.rois, k).sum()) for k in (0, 1))[1] > 1.6 * disc(6, 30, 12).sum()


def test_a_merge_joins_what_touches_and_what_lies_close() -> None:
    one, two = disc(8, 20, 20), disc(8, 20, 38)  # one pixel apart
    found = fix.apply(outlined(one, disc(5, 50, 50), two), "merge", [2, 0])
    assert found.rois.names == ("T0001_L00001", "T0001_L00002") and found.changed == [0]
    joined = mask(found.rois, 0)
    assert (joined & one).sum() == one.sum() and (joined & two).sum() == two.sum()
    assert ndimage.label(joined, np.ones((3, 3)))[1] == 1 and joined.sum() < 1.1 * (one | two).sum()
    far = fix.apply(outlined(disc(4, 10, 10), disc(4, 50, 50)), "merge", [0, 1])
    assert np.array_equal(mask(far.rois, 0), disc(4, 10, 10) | disc(4, 50, 50))
    with pytest.raises(BadInput, match="two or more"):
        fix.apply(outlined(one), "merge", [0])


def test_pieces_of_several_rois_have_different_names_and_do_not_grow_into_each_other() -> None:
    pairs = [disc(7, 14, x) | disc(7, 25, x) for x in (12, 30, 48)]
    for names in (["T0001_L00001", "T0001_L00002", "T0001_L00003"], ["a", "ab", "c"], ["0019-0012"] * 3):
        found = fix.apply(outlined(*pairs, names=names), "split", [0, 1, 2])
        assert found.changed == list(range(6)) and len(set(found.rois.names)) == 6 - (len(names) - len(set(names)))
    smooth = fix.apply(found.rois, "smooth", list(range(6)), Settings(smoothing=3))
    assert sum(mask(smooth.rois, k).sum() for k in range(6)) == union(smooth.rois).sum()


def test_split_and_merge_undo_each_other() -> None:
    shape = disc(9, 20, 20) | disc(9, 31, 31)
    start = outlined(shape, disc(5, 55, 10))
    split = fix.apply(start, "split", [0])
    merged = fix.apply(split.rois, "merge", split.changed)
    assert merged.rois.names == start.names and np.array_equal(mask(merged.rois, 0), shape)


def test_outlines_of_several_slices_become_one_object() -> None:
    labels = np.zeros((2, 30, 30), np.int32)
    labels[0, 5:10, 5:10], labels[1, 5:10, 5:10] = 1, 2
    drawn = rois.from_labels(images.from_array(labels, "zyx"))
    found = fix.apply(drawn, "merge", [0, 1])
    assert found.rois.names == ("T0001_Z001_L00001", "T0001_Z002_L00001")
    assert np.array_equal(found.rois.xy, drawn.xy) and np.array_equal(found.rois.position, drawn.position)


def test_outlines_of_one_slice_are_merged_also_where_one_has_no_frame() -> None:
    pair = outlined(disc(6, 20, 20), disc(6, 20, 30), names=["0002-0020-0020", "T0001_Z002_L00003"])
    drawn = rois.rename(pair, pair.names, np.array([[0, 2, 0], [0, 2, 1]]))
    found = fix.apply(drawn, "merge", [0, 1])
    assert len(found.rois) == 1 and np.array_equal(mask(found.rois, 0), union(drawn))


def test_holes_are_filled_but_not_over_another_object() -> None:
    ring = disc(12, 30, 30) & ~disc(6, 30, 30)
    found = fix.apply(outlined(ring), "fill", [0])
    assert np.array_equal(mask(found.rois, 0), disc(12, 30, 30)) and len(found.rois.paths(0)) == 1
    inner = disc(3, 30, 30)
    beside = fix.apply(outlined(ring, inner), "fill", [0])
    assert not (mask(beside.rois, 0) & inner).any() and np.array_equal(mask(beside.rois, 1), inner)


def test_smoothing_removes_spikes_and_keeps_the_area_and_the_neighbours() -> None:
    rough = disc(12, 30, 30)
    rough[18:30, 30] = True
    rough[8:19, 30] = True  # a spike
    neighbour = np.zeros_like(rough)
    neighbour[20:40, 43:50] = True
    found = fix.apply(outlined(rough, neighbour), "smooth", [0], Settings(smoothing=2))
    smooth = mask(found.rois, 0)
    assert not smooth[8:14, 30].any() and abs(smooth.sum() / disc(12, 30, 30).sum() - 1) < 0.06
    assert not (smooth & neighbour).any() and np.array_equal(found.rois[1].xy, outlined(neighbour).xy)


def test_simplify_keeps_the_largest_part_without_holes() -> None:
    shape = (disc(10, 20, 20) & ~disc(3, 20, 20)) | disc(2, 50, 50)
    found = fix.apply(outlined(shape), "simplify", [0])
    assert np.array_equal(mask(found.rois, 0), disc(10, 20, 20)) and len(found.rois.paths(0)) == 1


def test_clip_cuts_at_the_image_and_drops_what_is_outside() -> None:
    square = rois.pack(
        np.array(
            [[-5, -5], [5, -5], [5, 5], [-5, 5], [70, 70], [80, 70], [80, 80], [70, 80], [10, 10], [20, 10], [20, 20]]
        ),
        np.array([0, 4, 8, 11]),
        np.arange(4),
        ("a", "b", "c"),
    )
    found = fix.apply(square, "clip", [0, 1, 2], Settings(size=(SIZE, SIZE)))
    assert found.rois.names == ("a", "c") and mask(found.rois, 0).sum() == 25
    assert np.array_equal(found.rois.paths(1)[0], square.paths(2)[0])
    with pytest.raises(BadInput, match="size of the image"):
        fix.apply(square, "clip", [0])


@pytest.mark.parametrize("name", [*fix.SINGLE, "merge"])
def test_what_is_not_meant_stays_the_same(name: str) -> None:
    coords = np.random.default_rng(0).uniform(3, 60, (6, 12, 2))
    drawn = dataclasses.replace(rois.from_polygons(coords), group=np.arange(6, dtype=np.uint8))
    chosen = [1, 4] if name == "merge" else [2]
    found = fix.apply(drawn, name, chosen, Settings(size=(SIZE, SIZE)))
    kept = [k for k in range(6) if k not in chosen]
    place = [k for k in range(len(found.rois)) if k not in found.changed]
    assert len(place) == len(kept)
    for k, new in zip(kept, place, strict=True):
        assert np.array_equal(found.rois[new].xy, drawn[k].xy) and found.rois.names[new] == drawn.names[k]
        assert found.rois.group[new] == k and np.array_equal(found.rois.kind[new], drawn.kind[k])


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("T0002_Z003_L00007", "T0001_Z001_L00012", "T0002_Z003_L00013"),
        ("0003-0022-0020", "0003-0030-0030", r"0003-\d{4}-\d{4}"),
        ("0022-0020", "x", r"\d{4}-\d{4}"),
        ("mother", "motherb", "motherc"),
        ("cell-1", "cell", "cell-1b"),
    ],
)
def test_pieces_are_named_in_the_style_of_the_roi(name: str, others: str, expected: str) -> None:
    drawn = outlined(disc(9, 20, 20) | disc(9, 32, 32), disc(4, 55, 55), names=[name, others])
    found = fix.apply(drawn, "split", [0]).rois.names
    assert found[0] == name and found[2] == others and len(set(found)) == 3
    import re

    assert re.fullmatch(expected, found[1])


def test_the_action(tmp_path: object) -> None:
    drawn = annotating.square(64, (5, 5, 10, 10), (30, 30, 10, 20))
    reply = done("fix", rois=drawn, fix="split", index="1.0")
    assert len(reply["rois"]) == 3 and reply["changed"] == [1, 2] and reply["message"] == "1 ROI split into 2."
    assert len(done("fix", rois=drawn, fix="delete", index=[0, 1])["rois"]) == 0
    assert len(done("fix", rois=drawn, fix="split", index=1, line="40,20,40,60")["rois"]) == 3
    assert len(done("fix", rois=drawn, fix="clip", index=0, imp=annotating.plane())["rois"]) == 2
    assert "index is missing" in refused("fix", rois=drawn, fix="fill")
    assert "Found index 2 and 2 ROIs" in refused("fix", rois=drawn, fix="fill", index=2)
    assert "fix is missing" in refused("fix", rois=drawn, index=0)
    assert "fix: found" in refused("fix", rois=drawn, fix="explode", index=0)
