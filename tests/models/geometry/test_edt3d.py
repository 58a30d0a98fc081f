import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from helpers.solids3d import scene
from talanoa.core.errors import BadInput
from talanoa.models.geometry.edt3d import edge_probability3d


@pytest.mark.parametrize("sizes", [None, (2.5, 1, 0.7)])
def test_each_object_has_its_own_distances(sizes: tuple[float, float, float] | None) -> None:
    labels = np.pad(scene(), 1)  # scipy takes no border beyond the image either; with background there both agree
    expected = np.zeros(labels.shape)
    for value in np.unique(labels[labels > 0]):
        distance = distance_transform_edt(labels == value, sampling=sizes)
        expected += distance / distance.max()
    assert np.allclose(edge_probability3d(labels, sizes), expected, atol=1e-6)


def test_only_proportions_of_the_voxel_matter() -> None:
    assert np.allclose(edge_probability3d(scene(), (4, 2, 1)), edge_probability3d(scene(), (2, 1, 0.5)))


def test_the_edge_of_the_image_is_no_border_of_an_object() -> None:
    labels = np.zeros((5, 5, 9), int)
    labels[:, :, :4] = 1
    assert np.allclose(edge_probability3d(labels)[2, 2, :5], (1, 0.75, 0.5, 0.25, 0))


def test_an_object_that_fills_the_image_has_background_around_it() -> None:
    assert np.array_equal(
        edge_probability3d(np.ones((3, 4, 5), int)),
        edge_probability3d(np.pad(np.ones((3, 4, 5), int), 1))[1:-1, 1:-1, 1:-1],
    )


def test_one_voxel_is_its_own_middle() -> None:
    labels = np.zeros((3, 3, 3), int)
    labels[1, 1, 1], labels[0, 0, 0] = 9, 70_000
    probability = edge_probability3d(labels)
    assert probability[1, 1, 1] == probability[0, 0, 0] == 1 and probability.sum() == 2


def test_probability_turns_and_moves_with_the_image_whatever_the_threads() -> None:
    labels = scene(3)
    turned = edge_probability3d(np.rot90(labels, axes=(0, 2)).copy(), (1, 1, 2), threads=3)
    assert np.allclose(turned, np.rot90(edge_probability3d(labels, (2, 1, 1), threads=1), axes=(0, 2)))


def test_nothing_gives_nothing() -> None:
    assert not edge_probability3d(np.zeros((2, 3, 4), int)).any()
    assert edge_probability3d(np.zeros((0, 3, 4), int)).shape == (0, 3, 4)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="three positive"):
        edge_probability3d(np.ones((2, 2, 2), int), (1, 0, 1))
