"""Attributes of arrays from elsewhere: read where they can be understood, reported where not, never a crash."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import xarray as xr

import talanoa
from talanoa import image as images
from talanoa.core.errors import BadInput

KEYS = (
    "pixel_size", "unit", "frame_interval", "channel_names", "display", "luts", "rgb", "depth_unknown", "name",
    "grey_values", "notes",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", "abc", "2 s", b"um", 0, -1, 1.5, np.nan, np.inf, True, (), [], {}, ("um", "um"), ["a"], [None, 3],
    {"y": 0.5, "x": 0.5}, {"unit": "um"}, np.zeros((2, 2)), np.array("um"), object(), 10**400, [[1, 2]], "DAPI",
)  # fmt: skip
REFUSED = {"pixel_size": "pixel size", "rgb": "marked as RGB", "channel_names": "channel names"}


def array(dims: str = "yx", **attrs: Any) -> xr.DataArray:
    """Return a small image with attributes as another program may have set them."""
    return xr.DataArray(np.arange(24 * 20, dtype=np.uint16).reshape((1,) * (len(dims) - 2) + (24, 20)), dims=list(dims),
                        attrs=attrs)  # fmt: skip


@pytest.mark.parametrize("dims", ["yx", "tczyx"])
def test_no_value_of_an_attribute_ends_in_anything_but_an_image_or_a_clear_refusal(dims: str) -> None:
    for key, value in product(KEYS, ODD):
        try:
            found = images.check(array(dims, **{key: value}))
        except BadInput as error:
            assert REFUSED[key] in str(error)
            continue
        assert images.check(found).attrs.keys() >= {"pixel_size", "unit", "frame_interval", "channel_names", "rgb"}
        assert all(isinstance(note, str) for note in found.attrs.get("notes", ()))


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"frame_interval": "2 s"}, {"frame_interval": 2.0}),
        ({"frame_interval": "1.5 min"}, {"frame_interval": 90.0}),
        ({"frame_interval": np.timedelta64(250, "ms")}, {"frame_interval": 0.25}),
        ({"channel_names": "DAPI"}, {"channel_names": ("DAPI",)}),
        ({"channel_names": None}, {"channel_names": ("",)}),
        ({"channel_names": [488]}, {"channel_names": ("488",)}),
        ({"unit": ("um", "um"), "pixel_size": (0.5, 0.5)}, {"unit": "µm", "pixel_size": (1.0, 0.5, 0.5)}),
        ({"unit": {"y": "um", "x": "um"}}, {"unit": "µm"}),
        ({"pixel_size": {"z": 2, "y": 0.5, "x": 0.25}, "unit": "um"}, {"pixel_size": (2.0, 0.5, 0.25)}),
        ({"pixel_size": None}, {"pixel_size": (1.0, 1.0, 1.0), "unit": "pixel"}),
        ({"notes": "hello"}, {"notes": ("hello",)}),
        ({"rgb": np.bool_(False)}, {"rgb": False}),
    ],
)
def test_what_can_be_understood_is_used(attrs: dict[str, Any], expected: dict[str, Any]) -> None:
    found = images.check(array(**attrs)).attrs
    assert {key: found[key] for key in expected} == expected
    assert len(found.get("notes", ())) == len(expected.get("notes", ()))


@pytest.mark.parametrize(
    ("attrs", "left"),
    [
        ({"pixel_size": "abc"}, {"pixel_size": (1.0, 1.0, 1.0), "unit": "pixel"}),
        ({"pixel_size": (0.5, 0.5), "unit": ("um", "mm")}, {"pixel_size": (1.0, 0.5, 0.5), "unit": "unknown"}),
        ({"unit": 3}, {"unit": "pixel"}),
        ({"frame_interval": "soon"}, {"frame_interval": 0.0}),
        ({"frame_interval": -2}, {"frame_interval": 0.0}),
        ({"rgb": "yes"}, {"rgb": False}),
    ],
)
def test_what_cannot_be_used_is_reported_with_its_value(attrs: dict[str, Any], left: dict[str, Any]) -> None:
    found = images.check(array(**attrs)).attrs
    assert {key: found[key] for key in left} == left
    (note,) = found["notes"]
    wrong = next(key for key in reversed(attrs))
    assert f"attribute {wrong} " in note and repr(attrs[wrong]) in note


def test_the_python_door_reports_it(caplog: pytest.LogCaptureFixture) -> None:
    talanoa.segment(array("tczyx", frame_interval="soon"), "nuclei-fast", device="cpu")
    assert "attribute frame_interval of the array is not used: found 'soon'" in caplog.text
