import numpy as np
import pytest
from skimage.measure import regionprops

from talanoa.image.form import from_array
from talanoa.measure.shapes3d import DIRECTIONS, direction_weights, surfaces
from talanoa.measure.tables import measure


def ball(radius: float, size: tuple[float, float, float]) -> np.ndarray:
    half = [int(radius / side) + 2 for side in size]
    grid = np.mgrid[tuple(slice(-each, each + 1) for each in half)]
    return (sum((axis * side) ** 2 for axis, side in zip(grid, size, strict=True)) <= radius**2).astype(np.int32)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.75, 0.8, 0.8)])
@pytest.mark.parametrize("radius", [8.0, 15.0])
def test_the_surface_of_a_ball(size: tuple[float, float, float], radius: float) -> None:
    labels = ball(radius, size) * 7
    (surface,) = surfaces(labels, np.array([7], np.int32), size)
    assert surface == pytest.approx(4 * np.pi * radius**2, rel=0.05)


def test_surfaces_of_touching_objects_and_of_the_border_count() -> None:
    labels = np.zeros((6, 8, 8), np.int32)
    labels[:, :, :4], labels[:, :, 4:] = 1, 2
    alone = np.where(labels == 1, 1, 0).astype(np.int32)
    both = surfaces(labels, np.array([1, 2], np.int32), (1.0, 1.0, 1.0))
    assert both[0] == pytest.approx(both[1])
    assert both[0] == pytest.approx(surfaces(alone, np.array([1], np.int32), (1.0, 1.0, 1.0))[0])


def test_a_single_voxel_by_hand() -> None:
    labels = np.ones((1, 1, 1), np.int32)
    weights = direction_weights((1.0, 1.0, 1.0))
    expected = sum(4 * weight / np.linalg.norm(step) for step, weight in zip(DIRECTIONS, weights, strict=True))
    assert surfaces(labels, np.array([1], np.int32), (1.0, 1.0, 1.0))[0] == pytest.approx(expected)


def test_directions_have_no_opposites_and_share_the_sphere() -> None:
    assert len(DIRECTIONS) == 13 and not any(tuple(-k for k in step) in DIRECTIONS for step in DIRECTIONS)
    assert sum(direction_weights((3.0, 1.0, 1.0))) == pytest.approx(1.0)


def test_volumes_boxes_and_places_of_boxes_by_hand() -> None:
    labels = np.zeros((6, 10, 12), np.int32)
    labels[1:4, 2:7, 3:11] = 5
    image = np.where(labels == 5, 40, 0).astype(np.uint16)
    image[1, 2, 3] = 40 + 120
    calibration = {"pixel_size": (2.0, 0.5, 0.25), "unit": "µm"}
    table = measure(from_array(labels, "zyx", **calibration), from_array(image, "zyx", **calibration))
    (row,) = table.to_dict("records")
    expected = {
        "Volume": 3 * 5 * 8 * 0.25, "X": 7 * 0.25, "Y": 4.5 * 0.5, "Z": 2.5 * 2, "BX": 0.75, "BY": 1.0, "BZ": 2.0,
        "Width": 2.0, "Height": 2.5, "Depth": 6.0, "Mean": 41.0, "Min": 40.0, "Max": 160.0, "IntDen": 41.0 * 30,
    }  # fmt: skip
    assert {key: row[key] for key in expected} == pytest.approx(expected)


def test_the_table_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 6, (4, 5, 6)), np.ones((3, 4, 5), int)).astype(np.int32)
    image = rng.integers(0, 1000, labels.shape).astype(np.uint16)
    table = measure(from_array(labels, "zyx"), from_array(image, "zyx"))
    for row, region in zip(table.to_dict("records"), regionprops(labels, image), strict=True):
        assert row["Label"] == region.label and row["Volume"] == region.area
        assert (row["Z"], row["Y"], row["X"]) == pytest.approx(tuple(np.add(region.centroid, 0.5)))
        assert (row["BZ"], row["BY"], row["BX"]) == region.bbox[:3]
        assert row["Mean"] == pytest.approx(region.intensity_mean)
