"""Labels to ROIs and back: identities, the fill rule, overlaps, positions and what is said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from talanoa import image
from talanoa.core.errors import BadInput
from talanoa.rois import convert, files, roi_set


def labels_of(values: NDArray | list, dims: str = "yx") -> xr.DataArray:
    return image.from_array(np.asarray(values, np.int32), dims)


def square(x: float, y: float, width: float, height: float) -> NDArray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


def set_of(*polygons: NDArray, names: list[str] | None = None, position: NDArray | None = None) -> roi_set.RoiSet:
    """Return one polygon per ROI, x, y in ImageJ's coordinates."""
    n = len(polygons)
    start = np.cumsum([0, *(len(polygon) for polygon in polygons)])
    names = names or [f"roi {k}" for k in range(n)]
    return roi_set.pack(np.concatenate(polygons), start, np.arange(n + 1), names, position)


def nasty(seed: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Random labels: 1-pixel objects, holes, parts, nested and touching objects, diagonals, all up to the border."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, rng.integers(2, 7), shape).astype(np.int32)


@pytest.mark.parametrize(
    ("dims", "shape"), [("yx", (17, 23)), ("zyx", (4, 9, 8)), ("tyx", (5, 9, 8)), ("tzyx", (3, 4, 9, 8))]
)
@pytest.mark.parametrize("seed", range(5))
def test_labels_to_rois_to_zip_to_labels_is_the_identity(tmp_path: Path, dims: str, shape: tuple, seed: int) -> None:
    labels = labels_of(nasty(seed, shape), dims)
    traced = convert.from_labels(labels)
    filled = convert.to_labels(traced, like=labels)
    assert np.array_equal(filled.labels.values, labels.values) and filled.warnings == []
    files.write_zip(tmp_path / "rois.zip", traced)
    read = files.read_zip(tmp_path / "rois.zip")
    assert read.warnings == [] and read.rois.names == traced.names
    for part in ("xy", "path_start", "roi_start", "label", "position", "kind"):
        assert np.array_equal(getattr(read.rois, part), getattr(traced, part)), part
    assert np.array_equal(convert.to_labels(read.rois, like=labels).labels.values, labels.values)


def test_more_than_65535_objects(tmp_path: Path) -> None:
    labels = labels_of(np.arange(1, 70001).reshape(250, 280))
    files.write_zip(tmp_path / "many.zip", convert.from_labels(labels))
    read = files.read_zip(tmp_path / "many.zip").rois
    assert np.array_equal(convert.to_labels(read, like=labels).labels.values, labels.values)


def test_labels_with_gaps_keep_their_numbers() -> None:
    labels = labels_of([[0, 900000, 0], [7, 7, 0]])
    traced = convert.from_labels(labels)
    assert traced.names == ("T0001_L00007", "T0001_L900000")
    assert np.array_equal(convert.to_labels(traced, like=labels).labels.values, labels.values)


def test_holes_and_parts_are_one_composite() -> None:
    traced = convert.from_labels(labels_of([[1, 1, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 0]]))
    assert len(traced) == 1 and len(traced.paths(0)) == 3 and traced.traced


def test_positions_and_names_follow_the_axes() -> None:
    one = convert.from_labels(labels_of(np.ones((2, 2))))
    assert one.names == ("T0001_L00001",) and one.position.tolist() == [[0, 0, 0]]
    movie = convert.from_labels(labels_of(np.ones((2, 2, 2)), "tyx"))
    assert movie.names[1] == "T0002_L00001" and movie.position[1].tolist() == [0, 1, 2]
    stack = convert.from_labels(labels_of(np.ones((2, 2, 2)), "zyx"))
    assert stack.names[1] == "T0001_Z002_L00001" and stack.position[1].tolist() == [0, 2, 1]


def test_sub_pixel_polygons_cover_the_pixels_whose_centre_is_inside() -> None:
    """An independent rule: even-odd crossing test for every pixel centre, on polygons without centres on edges."""
    rng = np.random.default_rng(0)
    coords = rng.uniform(-3, 25, (40, 9, 2)).astype(np.float32)
    drawn = roi_set.from_polygons(coords)
    yy, xx = np.mgrid[:20, :22]
    for k, polygon in enumerate(coords.astype(float)):
        ours = convert.to_labels(drawn[k], (1, 1, 20, 22)).labels.values[0, 0, 0] > 0
        (y1, x1), (y2, x2) = polygon.T, np.roll(polygon, -1, axis=0).T
        rows = np.floor(np.stack([y1, y2]) + 1).astype(int)  # ImageJ rounds corners to whole rows, not edges
        crosses = (rows.min(0)[:, None, None] <= yy) & (yy < rows.max(0)[:, None, None])
        where = x1[:, None, None] + (yy - y1[:, None, None]) * ((x2 - x1) / (y2 - y1))[:, None, None]
        inside = (crosses & (where < xx)).sum(0) % 2 == 1
        assert (ours != inside).sum() == 0


def test_a_square_between_pixel_centres() -> None:
    filled = convert.to_labels(set_of(square(1.4, 1.4, 2, 2)), (1, 1, 5, 5)).labels.values[0, 0, 0]
    assert np.argwhere(filled).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_the_later_roi_wins_and_the_overlap_is_told() -> None:
    filled = convert.to_labels(set_of(square(0, 0, 4, 4), square(2, 2, 4, 4), square(3, 3, 2, 2)), (1, 1, 8, 8))
    plane = filled.labels.values[0, 0, 0]
    assert plane[2, 2] == 2 and plane[3, 3] == 3 and plane[0, 0] == 1
    rows = filled.overlaps[["Earlier", "Later", "Pixels"]].values.tolist()
    assert rows == [["roi 0", "roi 1", 4], ["roi 1", "roi 2", 4]]
    assert "2 pairs of ROIs overlap in 8 pixels" in filled.warnings[0]


def test_overlaps_do_not_depend_on_how_many_are_painted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    drawn = set_of(*(square(*rng.integers(0, 20, 2), *rng.integers(1, 12, 2)) for _ in range(60)))
    whole = convert.to_labels(drawn, (1, 1, 24, 24))
    monkeypatch.setattr(convert, "_CHUNK", 50)
    parts = convert.to_labels(drawn, (1, 1, 24, 24))
    assert np.array_equal(whole.labels.values, parts.labels.values)
    keys = ["Earlier", "Later"]
    assert whole.overlaps.sort_values(keys).values.tolist() == parts.overlaps.sort_values(keys).values.tolist()


def test_overlap_counts_agree_with_painting_one_after_the_other() -> None:
    rng = np.random.default_rng(4)
    drawn = set_of(*(square(*rng.integers(-3, 20, 2), *rng.integers(1, 12, 2)) for _ in range(40)))
    plane, taken = np.zeros((22, 22), int), {}
    for k in range(len(drawn)):
        inside = convert.to_labels(drawn[k], (1, 1, 22, 22)).labels.values[0, 0, 0] > 0
        for before in np.unique(plane[inside & (plane > 0)]):
            taken[(f"roi {before - 1}", f"roi {k}")] = int((inside & (plane == before)).sum())
        plane[inside] = k + 1
    filled = convert.to_labels(drawn, (1, 1, 22, 22))
    assert np.array_equal(filled.labels.values[0, 0, 0], plane)
    assert {
        (before, after): n for before, after, n in filled.overlaps[["Earlier", "Later", "Pixels"]].values.tolist()
    } == taken


def test_covered_outside_clipped_and_empty_rois_are_named() -> None:
    drawn = set_of(
        square(1, 1, 2, 2), square(0, 0, 5, 5), square(-5, 2, 8, 2), square(30, 30, 4, 4), square(6.6, 6.6, 0.3, 0.3)
    )
    filled = convert.to_labels(drawn, (1, 1, 10, 10))
    assert filled.covered == ("roi 0",) and filled.clipped == ("roi 2",)
    assert filled.outside == ("roi 3",) and filled.empty == ("roi 4",)
    text = " ".join(filled.warnings)
    assert all(
        word in text for word in ("outside the image", "cut at its border", "no pixel centre", "completely covered")
    )


def test_unbound_rois_are_painted_in_every_plane() -> None:
    filled = convert.to_labels(set_of(square(0, 0, 2, 2)), (2, 3, 4, 4))
    assert (filled.labels.values.sum(axis=(3, 4)) == 4).all()


def test_a_stack_index_is_the_slice_or_the_frame() -> None:
    drawn = set_of(square(0, 0, 2, 2), square(0, 0, 3, 3), position=np.array([[0, 2, 0], [0, 3, 0]]))
    in_stack = convert.to_labels(drawn, (1, 3, 4, 4)).labels.values
    in_movie = convert.to_labels(drawn, (3, 1, 4, 4)).labels.values
    assert in_stack.sum(axis=(3, 4)).ravel().tolist() == [0, 4, 18]
    assert in_movie.sum(axis=(3, 4)).ravel().tolist() == [0, 4, 18]


def test_rois_of_one_slice_belong_to_an_image_of_one_plane_but_rois_of_two_slices_do_not() -> None:
    same = set_of(square(0, 0, 2, 2), square(2, 2, 2, 2), position=np.array([[1, 7, 1], [1, 7, 1]]))
    assert convert.to_labels(same, (1, 1, 5, 5)).labels.values.max() == 2
    differing = set_of(square(0, 0, 2, 2), square(2, 2, 2, 2), position=np.array([[1, 1, 1], [1, 2, 1]]))
    assert convert.to_labels(differing, (1, 1, 5, 5)).outside == ("roi 1",)


def test_a_stack_index_may_be_a_channel() -> None:
    drawn = set_of(square(0, 0, 2, 2), square(2, 2, 2, 2), position=np.array([[0, 1, 0], [0, 3, 0]]))
    picture = image.from_array(np.zeros((3, 5, 5), np.uint8), "cyx")
    filled = convert.to_labels(drawn, like=picture)
    assert filled.labels.values.max() == 2 and filled.labels.shape == (1, 1, 1, 5, 5)


def test_names_of_ours_give_the_numbers_and_others_get_free_ones() -> None:
    boxes = (square(0, 0, 2, 2), square(3, 3, 2, 2))
    assert set_of(*boxes, names=["T0001_L00009", "T0001_L00004"]).label.tolist() == [9, 4]
    assert set_of(*boxes, names=["T0001_L00009", "mine"]).label.tolist() == [9, 10]
    assert set_of(*boxes, names=["T0001_L00009", "T0001_L00009"]).label.tolist() == [9, 10]
    assert set_of(*boxes, names=["T0001_L00009", "T0002_L00009"]).label.tolist() == [9, 9]


def test_equal_labels_in_one_plane_are_numbered_anew() -> None:
    doubled = roi_set.concatenate([set_of(square(0, 0, 2, 2)), set_of(square(3, 3, 2, 2))])
    assert np.unique(convert.to_labels(doubled, (1, 1, 6, 6)).labels.values).tolist() == [0, 1, 2]


def test_pixel_size_comes_from_the_image() -> None:
    picture = image.from_array(np.zeros((6, 6), np.uint8), "yx", pixel_size=(0.5, 0.25), unit="um")
    made = convert.to_labels(set_of(square(0, 0, 2, 2)), like=picture).labels
    assert made.attrs["pixel_size"] == picture.attrs["pixel_size"] and made.attrs["unit"] == "µm"
    assert made.dtype == np.int32 and made.dims == image.DIMS


def test_parts_of_a_set() -> None:
    labels = labels_of(nasty(2, (12, 12)))
    traced = convert.from_labels(labels)
    mask = traced.label > 2
    some = traced[mask]
    expected = np.where(labels.values > 2, labels.values, 0)
    assert np.array_equal(convert.to_labels(some, like=labels).labels.values, expected)
    again = roi_set.concatenate([traced[~mask], some])
    assert np.array_equal(convert.to_labels(again, like=labels).labels.values, labels.values)
    assert len(roi_set.empty()) == 0 and len(roi_set.concatenate([])) == 0 and len(traced[0]) == 1
    assert convert.to_labels(roi_set.empty(), (1, 1, 3, 3)).labels.values.sum() == 0


def test_what_is_no_label_image_is_refused() -> None:
    with pytest.raises(BadInput, match="one channel"):
        convert.from_labels(labels_of(np.ones((2, 3, 3)), "cyx"))
    with pytest.raises(BadInput, match="whole numbers"):
        convert.from_labels(image.from_array(np.full((3, 3), 0.5, np.float32), "yx"))
    with pytest.raises(BadInput, match="whole numbers"):
        convert.from_labels(labels_of(-np.ones((3, 3))))
    with pytest.raises(BadInput, match="expected the same"):
        convert.to_labels(roi_set.empty(), (1, 1, 2, 2), like=labels_of(np.ones((3, 3))))
    with pytest.raises(BadInput, match="finite"):
        roi_set.from_polygons(np.full((1, 3, 2), np.nan))


def test_whole_numbers_as_float_are_labels() -> None:
    """Label images above 65,535 objects come as 32-bit float."""
    floats = image.from_array(np.array([[0, 70000], [3, 3]], np.float32), "yx")
    assert convert.from_labels(floats).label.tolist() == [3, 70000]
