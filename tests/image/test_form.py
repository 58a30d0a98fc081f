"""The image form: named axes, dtypes without loss, complete attributes, clear refusals."""

import numpy as np
import pytest
import xarray as xr

from talanoa import image
from talanoa.core.errors import BadInput


def coordinates(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array whose values tell their own index, so that a swapped axis shows."""
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("dims", ["yx", "zyx", "tyx", "YXC", "cyx", "xy", "tzcyx", "xyczt", "zcyx"])
def test_axes_go_where_their_names_say(dims: str) -> None:
    sizes = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6}
    array = coordinates(tuple(sizes[dim] for dim in dims.lower()))
    form = image.from_array(array, dims)
    assert form.dims == image.DIMS
    assert form.shape == tuple(sizes[dim] if dim in dims.lower() else 1 for dim in "tczyx")
    back = form.transpose(*dims.lower(), *[dim for dim in "tczyx" if dim not in dims.lower()])
    np.testing.assert_array_equal(np.asarray(back).reshape(array.shape), array)


def test_names_of_other_programs_are_understood() -> None:
    array = xr.DataArray(coordinates((2, 3, 4, 5, 6)), dims=("t", "pln", "row", "col", "ch"))
    form = image.from_array(array)
    assert dict(form.sizes) == {"t": 2, "z": 3, "y": 4, "x": 5, "c": 6}


def test_three_axes_without_names_are_refused() -> None:
    with pytest.raises(BadInput, match=r"\(3, 5, 6\) without names.*dims="):
        image.from_array(coordinates((3, 5, 6)))


@pytest.mark.parametrize("dims", ["yxx", "zy", "qyx", "zzyx", "tyx"])
def test_wrong_axes_are_refused_with_the_shape(dims: str) -> None:
    with pytest.raises(BadInput, match=r"\(5, 6\)"):
        image.from_array(coordinates((5, 6)), dims)


def test_values_are_shared_not_copied() -> None:
    array = coordinates((3, 5, 6))
    form = image.check(image.from_array(array, "zyx"))
    assert np.shares_memory(np.asarray(form), array)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([[True, False]]), np.array([[255, 0]], np.uint8)),
        (np.array([[0.1, 65504.0]], np.float16), np.array([[0.1, 65504.0]], np.float16).astype(np.float32)),
        (np.array([[1, 60000]], ">u2"), np.array([[1, 60000]], np.uint16)),
        (np.array([[-1.5, np.nan]], ">f4"), np.array([[-1.5, np.nan]], np.float32)),
        (np.array([[1, 2**40]], np.int64), np.array([[1, 2**40]], np.int64)),
    ],
)
def test_dtypes_become_native_without_loss(given: np.ndarray, expected: np.ndarray) -> None:
    form = image.from_array(given)
    assert form.dtype == expected.dtype
    assert form.dtype.isnative
    np.testing.assert_array_equal(np.asarray(form)[0, 0, 0], expected)


@pytest.mark.parametrize("given", [np.ones((2, 2), complex), np.array([["a"]]), np.array([[None]])])
def test_what_is_no_number_is_refused(given: np.ndarray) -> None:
    with pytest.raises(BadInput, match="pixels of type"):
        image.from_array(given)


def test_empty_images_are_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        image.from_array(np.zeros((0, 5)))


@pytest.mark.parametrize("unit", ["um", "µm", "μm", "micron", "microns", "micrometer", "\\u00B5m"])
def test_every_micrometre_is_one_unit(unit: str) -> None:
    form = image.from_array(coordinates((2, 2)), unit=unit, pixel_size=(0.5, 0.5))
    assert form.attrs["unit"] == "µm"
    assert image.microns(form) == (1.0, 0.5, 0.5)


def test_attributes_are_completed() -> None:
    form = image.from_array(coordinates((3, 2, 2)), "cyx")
    assert form.attrs["pixel_size"] == (1.0, 1.0, 1.0)
    assert form.attrs["unit"] == "pixel"
    assert form.attrs["frame_interval"] == 0.0
    assert form.attrs["channel_names"] == ("", "", "")
    assert form.attrs["rgb"] is False
    assert image.microns(form) is None


def test_other_units_convert_to_micrometres() -> None:
    form = image.from_array(coordinates((2, 2)), unit="nm", pixel_size=(200.0, 100.0, 50.0))
    assert image.microns(form) == pytest.approx((0.2, 0.1, 0.05))


@pytest.mark.parametrize("size", [(0, 1, 1), (1, -1, 1), (1, np.nan, 1), (1,), (1, 2, 3, 4)])
def test_impossible_pixel_sizes_are_refused(size: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="pixel size"):
        image.from_array(coordinates((2, 2)), pixel_size=size)


def test_bytes_with_three_samples_are_rgb_and_words_are_channels() -> None:
    colours = np.zeros((4, 5, 3), np.uint8)
    assert image.from_array(colours, "yxs").attrs["rgb"] is True
    assert image.from_array(colours.astype(np.uint16), "yxs").attrs["rgb"] is False
    assert image.from_array(colours, "yxs").shape == (1, 3, 1, 4, 5)


def test_rgb_of_another_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="RGB"):
        image.from_array(coordinates((3, 4, 5)), "cyx", rgb=True)


def test_channel_names_must_match_the_channels() -> None:
    with pytest.raises(BadInput, match="2 channel names"):
        image.from_array(coordinates((3, 4, 5)), "cyx", channel_names=("a", "b"))


def test_check_is_idempotent_and_leaves_the_original_alone() -> None:
    bare = xr.DataArray(np.zeros((1, 1, 1, 2, 2)), dims=image.DIMS)
    once = image.check(bare)
    assert bare.attrs == {}
    xr.testing.assert_identical(image.check(once), once)
