"""The overlay picture shows the rings of the objects, in the picture's own size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talanoa import image
from talanoa.core.errors import BadInput
from talanoa.image.lut import glasbey
from talanoa.image.overlay import outlines, write_png


def test_rings_have_the_label_colours_and_the_rest_is_grey() -> None:
    labels = np.zeros((12, 16), np.int32)
    labels[2:7, 2:7] = 1
    labels[2:7, 7:12] = 300  # touches the first; colour 300 is colour 45 again
    grey = np.random.default_rng(0).integers(100, 900, labels.shape).astype(np.uint16)
    picture = outlines(image.from_array(grey), image.from_array(labels))
    assert picture.shape == (12, 16, 3)
    assert picture.dtype == np.uint8
    inside = np.zeros(labels.shape, bool)
    inside[3:6, 3:6] = inside[3:6, 8:11] = True
    ring = (labels > 0) & ~inside
    np.testing.assert_array_equal(picture[ring & (labels == 1)], np.tile(glasbey()[1], (16, 1)))
    np.testing.assert_array_equal(picture[ring & (labels == 300)], np.tile(glasbey()[45], (16, 1)))
    plain = picture[~ring]
    assert (plain == plain[:, :1]).all()
    assert (plain.min(), plain.max()) == (0, 255)


def test_frame_plane_and_channel_are_chosen() -> None:
    values = np.zeros((2, 2, 3, 4, 5), np.uint8)
    values[1, 1, 2, 0, 0] = 200
    labels = np.zeros((2, 1, 3, 4, 5), np.int32)
    form, empty = image.from_array(values, "tczyx"), image.from_array(labels, "tczyx")
    assert outlines(form, empty, frame=2, plane=3, channel=2).max() == 255
    assert outlines(form, empty, frame=1, plane=3, channel=2).max() == 0


@pytest.mark.parametrize("values", [np.full((4, 5), 7.0), np.full((4, 5), np.nan), np.zeros((4, 5), np.uint8)])
def test_constant_and_nan_images_give_a_picture(values: np.ndarray) -> None:
    picture = outlines(image.from_array(values), image.from_array(np.zeros((4, 5), np.int32)))
    assert picture.shape == (4, 5, 3)


def test_colour_pictures_keep_their_colours() -> None:
    colours = np.zeros((10, 10, 3), np.uint8)
    colours[..., 0] = np.arange(100).reshape(10, 10)
    picture = outlines(image.from_array(colours, "yxs"), image.from_array(np.zeros((10, 10), np.int32)))
    assert picture[..., 0].max() > 200
    assert picture[..., 1:].max() == 0


def test_other_sizes_are_refused() -> None:
    with pytest.raises(BadInput, match="same y and x"):
        outlines(image.from_array(np.zeros((4, 5))), image.from_array(np.zeros((5, 4), np.int32)))


def test_png_holds_the_picture(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    with Image.open(write_png(tmp_path / "o.png", picture)) as found:
        np.testing.assert_array_equal(np.asarray(found), picture)
